/* A text and two secrets of any bytes, split at NULs: no secret is left in it, nor anything
 * unreadable. */
#define _GNU_SOURCE
#include "base/scrub.h"
#include "fuzz.h"

static bool has(struct evs_str text, struct evs_str part)
{
    return part.len > 0 && text.len > 0 && memmem(text.data, text.len, part.data, part.len);
}

static bool has_any(struct evs_str text, const char *bytes)
{
    for (; *bytes; bytes++)
        if (has(text, (struct evs_str){bytes, 1}))
            return true;
    return false;
}

/* Without a digit it may be a part of the header's name, whose value alone is taken out; with a
 * `*` it may stand in what replaces one. */
static void hides(struct evs_str text, struct evs_str secret)
{
    struct evs_str part = {secret.data, EVS_SCRUB_PART};

    if (has_any(secret, "*") || !has_any(secret, "0123456789"))
        return;
    assert(!has(text, secret));
    assert(secret.len < EVS_SCRUB_PART || !has_any(part, "0123456789") || !has(text, part));
}

static void is_readable(const char *line)
{
    for (const char *c = line; *c; c++)
        assert((unsigned char)*c >= ' ' && *c != '\x7f');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evs_str rest = {(const char *)data, size};
    struct evs_str secrets[2];
    struct evs_buf out = {0}, readable = {0};
    char line[64];

    for (int i = 0; i < 2; i++)
        secrets[i] = take_text(&rest);
    evs_scrub(&out, rest, secrets, 2);
    for (int i = 0; i < 2; i++)
        hides(evs_buf_str(&out), secrets[i]);
    evs_clean(line, sizeof line, rest);
    is_readable(line);
    evs_show_bytes(line, sizeof line, rest);
    is_readable(line);
    evs_readable(&readable, rest);
    assert(readable.len <= rest.len);
    evs_buf_free(&out);
    evs_buf_free(&readable);
    return 0;
}
