#include "head.h"

#include <string.h>

enum { LINE_OVERHEAD = 32 }; /* bytes; libcurl keeps every line in memory of its own */

static bool fail(struct evs_head *head, const char *fault)
{
    head->fault = fault;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* --- status lines ----------------------------------------------------------------------------- */

/* The status of the three digits at `at`, or 0. */
static int parse_status(const char *at)
{
    if (at[0] < '1' || at[0] > '9' || !is_digit(at[1]) || !is_digit(at[2]))
        return 0;
    return (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
}

/* The status of `HTTP/1.1 202 Accepted`, or 0. The reason may be missing. */
static int parse_http1(struct evs_str line)
{
    enum { STATUS_AT = sizeof "HTTP/1.1 " - 1, AFTER = STATUS_AT + 3 };

    if (line.len <= AFTER || !evs_str_starts(line, EVS_STR("HTTP/1.")) ||
        (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ' ||
        (line.data[AFTER] != ' ' && !is_line_end(line.data[AFTER])))
        return 0;
    return parse_status(line.data + STATUS_AT);
}

/* The status of libcurl's own line, exactly `HTTP/2 202 ` with CRLF, or 0. */
static int parse_http2(struct evs_str line)
{
    enum { STATUS_AT = sizeof "HTTP/2 " - 1, AFTER = STATUS_AT + 3 };

    if (line.len != AFTER + 3 || !evs_str_starts(line, EVS_STR("HTTP/2 ")) ||
        memcmp(line.data + AFTER, " \r\n", 3) != 0)
        return 0;
    return parse_status(line.data + STATUS_AT);
}

static bool add_status(struct evs_head *head, struct evs_str line, bool http2)
{
    head->status = parse_http1(line);
    head->http1 = head->status != 0;
    if (!head->http1 && http2)
        head->status = parse_http2(line);
    if (head->status == 0)
        return fail(head, "the answer's status line is not one of HTTP");
    if (head->status < 200 && ++head->informational > EVS_HEAD_INFORMATIONAL_MOST)
        return fail(head, "the answer has more than 100 informational ones before it");
    head->ended = head->has_length = head->chunked = false;
    return true;
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Read a length of digits alone that fits in 63 bits. */
static bool parse_length(struct evs_str text, uint64_t *length)
{
    *length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]) || *length > (INT64_MAX - 9) / 10)
            return false;
        *length = *length * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.len > 0;
}

static bool add_length(struct evs_head *head, struct evs_str value)
{
    uint64_t length;

    while (value.len > 0 && is_line_end(value.data[value.len - 1]))
        value.len--;
    if (!parse_length(evs_str_trim(value), &length))
        return fail(head, "the answer's Content-Length is no number of bytes");
    if (head->chunked || (head->has_length && head->length != length))
        return fail(head, "the answer has two lengths");
    head->has_length = true;
    head->length = length;
    return true;
}

static bool add_coding(struct evs_head *head)
{
    head->chunked = true;
    return !head->has_length || fail(head, "the answer has two lengths");
}

/* Whether `line` is a field of that name, the colon included. */
static bool is_field(struct evs_str line, struct evs_str name)
{
    return line.len > name.len && line.data[name.len - 1] == ':' &&
           evs_str_equal_nocase((struct evs_str){line.data, name.len}, name);
}

static bool add_field(struct evs_head *head, struct evs_str line)
{
    const struct evs_str length = EVS_STR("content-length:");

    if (line.len == 0 || is_line_end(line.data[0])) {
        head->ended = true;
        return true;
    }
    if (is_field(line, length))
        return add_length(head, (struct evs_str){line.data + length.len, line.len - length.len});
    if (is_field(line, EVS_STR("transfer-encoding:")))
        return add_coding(head);
    return true;
}

/* --- both ------------------------------------------------------------------------------------- */

bool evs_head_add_proxy(struct evs_head *head, struct evs_str line)
{
    head->bytes += line.len + LINE_OVERHEAD;
    return head->bytes <= EVS_HEAD_BYTES_MOST || fail(head, "the answer's header is too large");
}

bool evs_head_add(struct evs_head *head, struct evs_str line, bool http2)
{
    if (!evs_head_add_proxy(head, line))
        return false;
    if (head->status == 0 || (head->ended && head->status < 200))
        return add_status(head, line, http2);
    return head->ended || add_field(head, line); /* trailers mean nothing here */
}
