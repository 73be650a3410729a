#include "hint.h"

#define HINT_TEXT(name, text) text,
static const char *const texts[] = {EVS_HINTS(HINT_TEXT)};
#undef HINT_TEXT

const char *evs_hint_text(enum evs_hint hint)
{
    return texts[hint];
}

enum evs_hint evs_hint_parse(struct evs_str text)
{
    int hint = EVS_HINT_COUNT;

    while (--hint > EVS_HINT_NONE && !evs_str_equal(text, evs_str(texts[hint])))
        ;
    return (enum evs_hint)hint;
}
