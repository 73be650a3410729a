#include "scrub.h"

#include <stdio.h>
#include <string.h>

/* Ways to write a byte by its number: what stands before the digits, how many of them in which
 * base, and what ends them. */
static const struct escape {
    const char *before;
    size_t digits;
    int base;
    char end;
} escapes[] = {{"%", 2, 16, 0}, {"\\u", 4, 16, 0}, {"&#x", 5, 16, ';'}, {"&#", 5, 10, ';'}};

static bool begins_with(struct evs_str text, const char *words)
{
    size_t len = strlen(words);

    return text.len >= len &&
           evs_str_equal_nocase((struct evs_str){text.data, len}, (struct evs_str){words, len});
}

static size_t read_number(const struct escape *escape, struct evs_str text, int *byte)
{
    size_t at = strlen(escape->before), digits = 0;

    *byte = 0;
    for (; at < text.len && digits < escape->digits; at++, digits++) {
        int digit = evs_hex_digit(text.data[at]);

        if (digit < 0 || digit >= escape->base)
            break;
        *byte = *byte * escape->base + digit;
    }
    if (!escape->end)
        return digits == escape->digits ? at : 0;
    return digits > 0 && at < text.len && text.data[at] == escape->end ? at + 1 : 0;
}

/* One escaped byte at the start of `text`: its length, and the byte. */
static size_t read_escape(struct evs_str text, int *byte)
{
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        size_t len =
            begins_with(text, escapes[i].before) ? read_number(&escapes[i], text, byte) : 0;

        if (len > 0)
            return len;
    }
    if (text.len < 2 || text.data[0] != '\\')
        return 0;
    *byte = (unsigned char)text.data[1];
    return 2;
}

/* How many bytes of `text` show `secret`, or a long enough beginning of it; 0 = none. */
static size_t match(struct evs_str text, struct evs_str secret)
{
    size_t at = 0;
    size_t matched = 0;

    while (matched < secret.len && at < text.len) {
        int wanted = (unsigned char)secret.data[matched];
        int byte = (unsigned char)text.data[at];
        size_t step = 1;

        if (byte != wanted)
            step = read_escape((struct evs_str){text.data + at, text.len - at}, &byte);
        if (step == 0 || byte != wanted)
            break;
        at += step;
        matched++;
    }
    return matched > 0 && (matched == secret.len || matched >= EVS_SCRUB_PART) ? at : 0;
}

static size_t longest_match(struct evs_str text, const struct evs_str *secrets, size_t count)
{
    size_t longest = 0;

    for (size_t i = 0; i < count; i++) {
        size_t len = match(text, secrets[i]);
        if (len > longest)
            longest = len;
    }
    return longest;
}

/* `text` from `at` on, without those of its first bytes that are in `bytes`. */
static struct evs_str skip(struct evs_str text, size_t at, const char *bytes)
{
    while (at < text.len && text.data[at] && strchr(bytes, text.data[at]))
        at++;
    return (struct evs_str){text.data + at, text.len - at};
}

/* `text` up to the first of `bytes`. */
static struct evs_str until(struct evs_str text, const char *bytes)
{
    size_t len = 0;

    while (len < text.len && text.data[len] && !strchr(bytes, text.data[len]))
        len++;
    return (struct evs_str){text.data, len};
}

/* The value of an Authorization header, or of the Signature in one, whose name begins `text`. */
static struct evs_str credential(struct evs_str text)
{
    struct evs_str rest;

    if (begins_with(text, "Signature="))
        return until(skip(text, 10, ""), " \t\r\n\"'\\,;|<&");
    if (!begins_with(text, "Authorization"))
        return (struct evs_str){0};
    rest = skip(text, 13, " \"'\\");
    if (rest.len == 0 || (rest.data[0] != ':' && rest.data[0] != '='))
        return (struct evs_str){0};
    return until(skip(rest, 1, " \"'\\"), "\r\n\"'\\|<");
}

/* The first part of `text` that must not be shown; empty: there is none. */
static struct evs_str find(struct evs_str text, const struct evs_str *secrets, size_t count)
{
    struct evs_str found = {0};

    for (size_t i = 0; i < text.len && found.len == 0; i++) {
        struct evs_str rest = {text.data + i, text.len - i};

        found = (struct evs_str){rest.data, longest_match(rest, secrets, count)};
        if (found.len == 0)
            found = credential(rest);
    }
    return found;
}

bool evs_scrub_finds(struct evs_str text, const struct evs_str *secrets, size_t count)
{
    return find(text, secrets, count).len > 0;
}

void evs_scrub(struct evs_buf *out, struct evs_str text, const struct evs_str *secrets,
               size_t count)
{
    struct evs_str found;

    while ((found = find(text, secrets, count)).len > 0) {
        size_t before = (size_t)(found.data - text.data);

        evs_buf_add(out, (struct evs_str){text.data, before});
        evs_buf_add(out, EVS_STR("***"));
        text.data += before + found.len;
        text.len -= before + found.len;
    }
    evs_buf_add(out, text);
}

/* The bytes of the UTF-8 character that starts `text`, 0 if it is none (overlong, surrogate,
 * cut). */
static size_t utf8_length(struct evs_str text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (len == 0 || s[0] > 0xf4 || len > text.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

/* C0, DEL and C1: what could move a terminal's cursor, and every kind of line end. */
static bool is_control(const unsigned char *s, size_t len)
{
    if (len == 1)
        return s[0] <= 0x20 || s[0] == 0x7f;
    if (len == 2)
        return s[0] == 0xc2 && s[1] < 0xa1;
    return len == 3 && s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9);
}

void evs_clean(char *out, size_t size, struct evs_str text)
{
    size_t written = 0;
    bool gap = false; /* a blank is due before the next character */

    for (size_t i = 0; i < text.len;) {
        struct evs_str rest = {text.data + i, text.len - i};
        size_t len = utf8_length(rest);

        i += len ? len : 1;
        if (len == 0 || is_control((const unsigned char *)rest.data, len)) {
            gap = written > 0; /* dropped without one, a bad byte would leave a secret whole */
            continue;
        }
        if (written + gap + len + 1 > size)
            break;
        if (gap)
            out[written++] = ' ';
        gap = false;
        memcpy(out + written, rest.data, len);
        written += len;
    }
    out[written] = '\0';
}

/* Write one byte so that it can be seen; returns how long that is. */
static size_t show_byte(char out[5], char byte)
{
    static const char names[] = "n\nr\rt\t\\\\\"\"";

    for (const char *name = names; *name; name += 2)
        if (byte == name[1])
            return (size_t)snprintf(out, 5, "\\%c", name[0]);
    if (byte >= 0x20 && byte <= 0x7e)
        return (size_t)snprintf(out, 5, "%c", byte);
    return (size_t)snprintf(out, 5, "\\x%02X", (unsigned char)byte);
}

void evs_show_bytes(char *out, size_t size, struct evs_str text)
{
    size_t len = 0, room = size - sizeof "...";

    for (size_t i = 0; i < text.len; i++) {
        char shown[5];
        size_t more = show_byte(shown, text.data[i]);

        if (len + more > room) {
            strcpy(out + len, "...");
            return;
        }
        memcpy(out + len, shown, more);
        len += more;
    }
    out[len] = '\0';
}

/* Where the element that opens at `text` ends: after its closing tag for a script or a style, whose
 * contents nobody reads, and after its own tag for every other. */
static size_t skip_element(struct evs_str text)
{
    static const char *const hidden[] = {"script", "style"};
    size_t end = 1;

    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(hidden[i]);
        struct evs_str name = {hidden[i], len};

        if (text.len <= len || !evs_str_equal_nocase((struct evs_str){text.data + 1, len}, name))
            continue;
        for (end = 1; end + len + 2 <= text.len; end++)
            if (text.data[end] == '<' && text.data[end + 1] == '/' &&
                evs_str_equal_nocase((struct evs_str){text.data + end + 2, len}, name))
                break;
    }
    while (end < text.len && text.data[end] != '>')
        end++;
    return end < text.len ? end + 1 : text.len;
}

void evs_readable(struct evs_buf *out, struct evs_str text)
{
    for (size_t i = 0; i < text.len;) {
        if (text.data[i] == '<') {
            evs_buf_add_byte(out, ' ');
            i += skip_element((struct evs_str){text.data + i, text.len - i});
        } else {
            evs_buf_add_byte(out, text.data[i++]);
        }
    }
}
