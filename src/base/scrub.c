#include "scrub.h"

#include <string.h>

/* The value of `count` hexadecimal digits, or -1. */
static int hex_value(const char *digits, size_t count)
{
    int value = 0;

    for (size_t i = 0; i < count; i++) {
        int digit = evs_hex_digit(digits[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* `&#61;` or `&#x3d;` at the start of `text`: its length, and the byte it stands for. */
static size_t read_entity(struct evs_str text, int *byte)
{
    size_t i = 2;
    int base = 10;

    *byte = 0;
    if (text.len < 4 || text.data[1] != '#')
        return 0;
    if (text.data[2] == 'x' || text.data[2] == 'X') {
        base = 16;
        i = 3;
    }
    for (; i < text.len && i < 8; i++) {
        int digit = evs_hex_digit(text.data[i]);
        if (text.data[i] == ';')
            return i + 1;
        if (digit < 0 || digit >= base)
            return 0;
        *byte = *byte * base + digit;
    }
    return 0;
}

/* One escaped character at the start of `text`: its length, and the byte it stands for. */
static size_t read_escape(struct evs_str text, int *byte)
{
    if (text.data[0] == '%' && text.len >= 3) {
        *byte = hex_value(text.data + 1, 2);
        return 3;
    }
    if (text.data[0] == '\\' && text.len >= 6 && text.data[1] == 'u') {
        *byte = hex_value(text.data + 2, 4);
        return 6;
    }
    if (text.data[0] == '\\' && text.len >= 2) {
        *byte = (unsigned char)text.data[1];
        return 2;
    }
    if (text.data[0] == '&')
        return read_entity(text, byte);
    return 0;
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

        if (byte != wanted) {
            step = read_escape((struct evs_str){text.data + at, text.len - at}, &byte);
            if (step == 0 || byte != wanted)
                break;
        }
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

bool evs_scrub_finds(struct evs_str text, const struct evs_str *secrets, size_t count)
{
    for (size_t i = 0; i < text.len; i++)
        if (longest_match((struct evs_str){text.data + i, text.len - i}, secrets, count) > 0)
            return true;
    return false;
}

void evs_scrub(struct evs_buf *out, struct evs_str text, const struct evs_str *secrets,
               size_t count)
{
    size_t kept = 0; /* start of what is still to be copied */
    size_t i = 0;

    while (i < text.len) {
        size_t len = longest_match((struct evs_str){text.data + i, text.len - i}, secrets, count);

        if (len == 0) {
            i++;
            continue;
        }
        evs_buf_add(out, (struct evs_str){text.data + kept, i - kept});
        evs_buf_add(out, EVS_STR("***"));
        i += len;
        kept = i;
    }
    evs_buf_add(out, (struct evs_str){text.data + kept, text.len - kept});
}

/* The bytes of the UTF-8 character that starts `text`, 0 if it is none (overlong, surrogate, cut). */
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
