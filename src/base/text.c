#include "text.h"

#include <stdlib.h>
#include <string.h>

struct evs_str evs_str(const char *text)
{
    return (struct evs_str){text, text ? strlen(text) : 0};
}

bool evs_str_equal(struct evs_str a, struct evs_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Not tolower(): the locale must not change what a header's name is. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool evs_str_equal_nocase(struct evs_str a, struct evs_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.data[i] != b.data[i] && lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool evs_str_starts(struct evs_str text, struct evs_str prefix)
{
    return text.len >= prefix.len && evs_str_equal((struct evs_str){text.data, prefix.len}, prefix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool evs_str_is_among(struct evs_str text, const char *words)
{
    while (text.len > 0 && *words) {
        size_t len = strcspn(words, " ");

        if (evs_str_equal(text, (struct evs_str){words, len}))
            return true;
        words += len + (words[len] == ' ');
    }
    return false;
}

struct evs_str evs_str_trim(struct evs_str text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

static bool is_invisible(char c)
{
    return (unsigned char)c <= 0x20 || c == 0x7f;
}

bool evs_str_has_blank_end(struct evs_str text)
{
    return text.len > 0 && (is_invisible(text.data[0]) || is_invisible(text.data[text.len - 1]));
}

bool evs_str_visible(struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return false;
    return true;
}

/* One bit for every byte of RFC 3986's unreserved set: `-.` and digits, `A-Z_`, `a-z~`. */
static bool is_unreserved(char c)
{
    static const unsigned bits[8] = {0, 0x03ff6000, 0x87fffffe, 0x47fffffe, 0, 0, 0, 0};
    unsigned char byte = (unsigned char)c;

    return bits[byte >> 5] >> (byte & 31) & 1;
}

bool evs_str_unreserved(struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_unreserved(text.data[i]))
            return false;
    return true;
}

/* Make room for `more` bytes and the closing NUL. Old contents are wiped before they are given
 * back, as realloc would leave a copy of a key behind. */
static bool reserve(struct evs_buf *buf, size_t more)
{
    size_t cap = buf->cap ? buf->cap : 64;
    char *grown;

    if (more < buf->cap - buf->len) /* a buffer with memory has always room for its NUL */
        return true;
    if (more >= (size_t)-1 / 4 - buf->len) /* no text is that long; its sum must not overflow */
        return false;
    while (cap < buf->len + more + 1)
        cap *= 2;
    grown = malloc(cap);
    if (!grown)
        return false;
    if (buf->data) {
        memcpy(grown, buf->data, buf->len + 1);
        evs_wipe(buf->data, buf->cap);
        free(buf->data);
    }
    buf->data = grown;
    buf->cap = cap;
    return true;
}

bool evs_buf_reserve(struct evs_buf *buf, size_t more)
{
    bool fits = !buf->max || more <= buf->max - buf->len;

    if (!buf->failed && (!fits || !reserve(buf, more)))
        buf->failed = true;
    return !buf->failed;
}

void evs_buf_add(struct evs_buf *buf, struct evs_str text)
{
    size_t room = buf->max ? buf->max - buf->len : text.len;
    size_t take = text.len < room ? text.len : room;

    if (buf->failed)
        return;
    if (!reserve(buf, take)) {
        buf->failed = true;
        return;
    }
    if (take > 0)
        memcpy(buf->data + buf->len, text.data, take);
    buf->len += take;
    buf->data[buf->len] = '\0';
    buf->failed = take < text.len;
}

void evs_buf_add_all(struct evs_buf *buf, const struct evs_str *texts, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += texts[i].len;
    if (!evs_buf_reserve(buf, len))
        return;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len > 0)
            memcpy(buf->data + buf->len, texts[i].data, texts[i].len);
        buf->len += texts[i].len;
    }
    buf->data[buf->len] = '\0';
}

void evs_buf_add_byte(struct evs_buf *buf, char byte)
{
    evs_buf_add(buf, (struct evs_str){&byte, 1});
}

struct evs_str evs_buf_str(const struct evs_buf *buf)
{
    return (struct evs_str){buf->data, buf->len};
}

void evs_buf_reset(struct evs_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

void evs_buf_free(struct evs_buf *buf)
{
    if (buf->data) {
        evs_wipe(buf->data, buf->cap);
        free(buf->data);
    }
    *buf = (struct evs_buf){.max = buf->max};
}

void evs_wipe(void *data, size_t len)
{
    memset(data, 0, len);
    /* The compiler must believe that somebody reads the zeros. */
    __asm__ __volatile__("" : : "r"(data) : "memory");
}

void evs_buf_add_escaped(struct evs_buf *buf, struct evs_str text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (is_unreserved(text.data[i])) {
            evs_buf_add_byte(buf, text.data[i]);
        } else {
            char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
            evs_buf_add(buf, (struct evs_str){escape, 3});
        }
    }
}

int evs_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void evs_buf_add_unescaped(struct evs_buf *buf, struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = i + 2 < text.len && text.data[i] == '%' ? evs_hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? evs_hex_digit(text.data[i + 2]) : -1;

        if (low >= 0) {
            evs_buf_add_byte(buf, (char)(high * 16 + low));
            i += 2;
        } else {
            evs_buf_add_byte(buf, text.data[i]);
        }
    }
}
