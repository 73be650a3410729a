#include "hint.h"

#include <string.h>

/* A row fits answers of status `from` to `to` that have one of `names` (words divided by blanks)
 * as code or kind, and whose message, or body where there is none, holds `words`, in any case;
 * NULL: whatever it is. The first row that fits tells. Codes: EVS's and the gateway's error
 * tables; words: what the gateway was seen to write. */
struct row {
    short from, to;
    const char *names, *words;
    enum evs_hint hint;
};

/* clang-format off */
static const struct row rows[] = {
    {300, 399, NULL, NULL, EVS_HINT_ENDPOINT},
    {400, 400, NULL, "plain HTTP request was sent to HTTPS", EVS_HINT_TLS_PORT},
    {400, 400, "EVS.0001 Common.0018", NULL, EVS_HINT_PROJECT},
    {400, 400, NULL, "malformed request url", EVS_HINT_PROJECT},
    {400, 400, "EVS.2045", NULL, EVS_HINT_SNAPSHOT},
    {400, 400, "EVS.1047 EVS.2043 EVS.2130", NULL, EVS_HINT_STATE},
    {400, 400, "EVS.0002 Common.0013", NULL, EVS_HINT_TOKEN},
    {401, 401, NULL, "reach the limit", EVS_HINT_LOCKED},
    {401, 401, NULL, "signature expired", EVS_HINT_CLOCK},
    {401, 401, NULL, "verify aksk signature", EVS_HINT_SECRET_KEY},
    {401, 401, NULL, "AK not exist", EVS_HINT_ACCESS_KEY},
    {401, 401, "APIGW.0307", NULL, EVS_HINT_TOKEN},
    {401, 401, NULL, "token", EVS_HINT_TOKEN},
    {401, 401, NULL, NULL, EVS_HINT_KEYS},
    {403, 403, "EVS.2144 EVS.2145 APIGW.0401 APIGW.0402 APIGW.0404", NULL, EVS_HINT_NONE},
    {403, 403, NULL, NULL, EVS_HINT_RIGHTS},
    {404, 404, "itemNotFound EVS.5404", NULL, EVS_HINT_SNAPSHOT},
    {404, 404, NULL, NULL, EVS_HINT_ENDPOINT},
    {407, 407, NULL, NULL, EVS_HINT_PROXY_LOGIN},
    {429, 429, NULL, NULL, EVS_HINT_RATE},
};
/* clang-format on */

static bool is_among(struct evs_str name, const char *names)
{
    while (name.len > 0 && *names) {
        size_t len = strcspn(names, " ");

        if (evs_str_equal(name, (struct evs_str){names, len}))
            return true;
        names += len + (names[len] == ' ');
    }
    return false;
}

static bool contains(struct evs_str text, const char *words)
{
    struct evs_str wanted = evs_str(words);

    for (size_t i = 0; i + wanted.len <= text.len; i++)
        if (evs_str_equal_nocase((struct evs_str){text.data + i, wanted.len}, wanted))
            return true;
    return false;
}

static bool fits(const struct row *row, const struct evs_facts *facts)
{
    if (facts->status < row->from || facts->status > row->to)
        return false;
    if (row->names && !is_among(facts->code, row->names) && !is_among(facts->kind, row->names))
        return false;
    return !row->words ||
           contains(facts->message.len > 0 ? facts->message : facts->body, row->words);
}

enum evs_hint evs_hint_of_answer(const struct evs_facts *facts)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (fits(&rows[i], facts))
            return rows[i].hint;
    return EVS_HINT_NONE;
}
