#include "profile.h"

#include <string.h>

/* The line at `*at`, without its end; moves `*at` behind it. */
static struct evs_str next_line(struct evs_str text, size_t *at)
{
    struct evs_str line = {text.data + *at, 0};

    while (*at + line.len < text.len && line.data[line.len] != '\n')
        line.len++;
    *at += line.len + 1;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return evs_str_trim(line);
}

static void take(struct evs_key_set *keys, struct evs_str name, struct evs_str value)
{
    if (evs_str_equal(name, EVS_STR("ak")))
        keys->ak = value;
    else if (evs_str_equal(name, EVS_STR("sk")))
        keys->sk = value;
    else if (evs_str_equal(name, EVS_STR("security_token")))
        keys->security_token = value;
}

unsigned evs_profile_parse(struct evs_str text, struct evs_key_set *keys)
{
    bool basic = false;
    unsigned number = 0;

    *keys = (struct evs_key_set){{0}, {0}, {0}};
    for (size_t at = 0; at < text.len;) {
        struct evs_str line = next_line(text, &at);
        const char *equals;

        number++;
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
            continue;
        if (line.data[0] == '[') {
            if (line.data[line.len - 1] != ']')
                return number;
            basic = evs_str_equal(line, EVS_STR("[basic]"));
            continue;
        }
        equals = memchr(line.data, '=', line.len);
        if (!equals || equals == line.data)
            return number;
        if (basic) {
            size_t len = (size_t)(equals - line.data);

            take(keys, evs_str_trim((struct evs_str){line.data, len}),
                 evs_str_trim((struct evs_str){equals + 1, line.len - len - 1}));
        }
    }
    return 0;
}

bool evs_key_set_usable(const struct evs_key_set *keys)
{
    return keys->ak.len > 0 && keys->sk.len > 0 && evs_str_visible(keys->ak) &&
           !evs_str_has_blank_end(keys->sk) && !memchr(keys->ak.data, ',', keys->ak.len) &&
           evs_str_visible(keys->security_token);
}
