#include "canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How much of a header's name a message shows. */
#define SHOWN_NAME 64

static const char out_of_memory[] = "out of memory";

static bool refuse(char message[EVS_CANONICAL_MESSAGE], const char *why)
{
    snprintf(message, EVS_CANONICAL_MESSAGE, "%s", why);
    return false;
}

/* Percent escapes. */

static bool refuse_escape(struct evs_str rest, const char *where,
                          char message[EVS_CANONICAL_MESSAGE])
{
    char shown[4];
    size_t len = rest.len < 3 ? rest.len : 3;

    for (size_t i = 0; i < len; i++)
        shown[i] = rest.data[i] > ' ' && rest.data[i] < 0x7f ? rest.data[i] : '?';
    shown[len] = '\0';
    snprintf(message, EVS_CANONICAL_MESSAGE, "'url' has a malformed percent escape '%s' in its %s",
             shown, where);
    return false;
}

/*
 * Append `text`, its percent escapes undone once, escaped in the canonical way; a `keep` that is
 * not itself escaped stays as it is. Undone first, so that an escape that was not needed (`%41`),
 * one in lower case and a raw byte all end the same; once, so that `%2F` stays an escaped slash and
 * `%252F` an escaped percent sign.
 */
static bool add_normal(struct evs_buf *out, struct evs_str text, char keep, const char *where,
                       char message[EVS_CANONICAL_MESSAGE])
{
    for (size_t i = 0; i < text.len; i++) {
        struct evs_str rest = {text.data + i, text.len - i};
        char byte = text.data[i];

        if (byte == '%') {
            int high = rest.len > 2 ? evs_hex_digit(rest.data[1]) : -1;
            int low = rest.len > 2 ? evs_hex_digit(rest.data[2]) : -1;

            if (high < 0 || low < 0)
                return refuse_escape(rest, where, message);
            byte = (char)(high * 16 + low);
            i += 2;
        } else if (keep && byte == keep) {
            evs_buf_add_byte(out, byte);
            continue;
        }
        evs_buf_add_escaped(out, (struct evs_str){&byte, 1});
    }
    return !out->failed || refuse(message, out_of_memory);
}

/* URLs. */

/* Take from `text` what stands before the first `stop`, and the stop itself. */
static struct evs_str cut(struct evs_str *text, char stop)
{
    const char *found = text->len > 0 ? memchr(text->data, stop, text->len) : NULL;
    struct evs_str head = *text;

    if (found)
        head.len = (size_t)(found - text->data);
    text->data += found ? head.len + 1 : head.len;
    text->len -= found ? head.len + 1 : head.len;
    return head;
}

static bool is_port(struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len >= 1 && text.len <= 5;
}

static bool is_host_byte(char c, bool literal)
{
    return evs_str_unreserved((struct evs_str){&c, 1}) || (literal && c == ':');
}

/* A name, an IPv4 address, or an IPv6 one in brackets; then, maybe, a port. */
static bool is_authority(struct evs_str text)
{
    bool literal = text.len > 0 && text.data[0] == '[';
    size_t end = literal;

    while (end < text.len && is_host_byte(text.data[end], literal))
        end++;
    if (end == (size_t)literal)
        return false;
    if (literal) {
        if (end == text.len || text.data[end] != ']')
            return false;
        end++;
    }
    if (end == text.len)
        return true;
    return text.data[end] == ':' &&
           is_port((struct evs_str){text.data + end + 1, text.len - end - 1});
}

static bool starts_nocase(struct evs_str text, struct evs_str prefix)
{
    return text.len >= prefix.len &&
           evs_str_equal_nocase((struct evs_str){text.data, prefix.len}, prefix);
}

/* Take scheme and authority from the URL. */
static bool split_authority(struct evs_str *url, struct evs_str *authority,
                            char message[EVS_CANONICAL_MESSAGE])
{
    size_t start = starts_nocase(*url, EVS_STR("https://"))  ? strlen("https://")
                   : starts_nocase(*url, EVS_STR("http://")) ? strlen("http://")
                                                             : 0;
    size_t end = start;

    if (start == 0)
        return refuse(message, "'url' must begin with https:// or http://");
    while (end < url->len && url->data[end] != '/' && url->data[end] != '?')
        end++;
    *authority = (struct evs_str){url->data + start, end - start};
    *url = (struct evs_str){url->data + end, url->len - end};
    if (authority->len > 0 && memchr(authority->data, '@', authority->len))
        return refuse(message, "'url' must not have user information");
    return is_authority(*authority) || refuse(message, "'url' has no valid host and port");
}

static int compare(struct evs_str a, struct evs_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_fields(const void *a, const void *b)
{
    const struct evs_field *left = a;
    const struct evs_field *right = b;
    int order = compare(left->name, right->name);

    return order != 0 ? order : compare(left->value, right->value);
}

static size_t count_byte(struct evs_str text, char byte)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == byte;
    return count;
}

/* Escape the keys and values of a query into `text`, whose room was made before: slices of it are
 * kept. */
static bool split_query(struct evs_str query, struct evs_buf *text, struct evs_field *pairs,
                        size_t *count, char message[EVS_CANONICAL_MESSAGE])
{
    *count = 0;
    while (query.len > 0) {
        struct evs_str value = cut(&query, '&');
        bool empty = value.len == 0;
        struct evs_str key = cut(&value, '=');
        size_t start = text->len;
        size_t middle;

        if (empty)
            continue;
        if (!add_normal(text, key, 0, "query", message))
            return false;
        middle = text->len;
        if (!add_normal(text, value, 0, "query", message))
            return false;
        pairs[(*count)++] = (struct evs_field){{text->data + start, middle - start},
                                               {text->data + middle, text->len - middle}};
    }
    return true;
}

static bool join_query(struct evs_buf *out, const struct evs_field *pairs, size_t count,
                       char message[EVS_CANONICAL_MESSAGE])
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            evs_buf_add_byte(out, '&');
        evs_buf_add(out, pairs[i].name);
        evs_buf_add_byte(out, '=');
        evs_buf_add(out, pairs[i].value);
    }
    return !out->failed || refuse(message, out_of_memory);
}

static bool add_query(struct evs_buf *out, struct evs_str query,
                      char message[EVS_CANONICAL_MESSAGE])
{
    struct evs_buf text = {0};
    struct evs_field *pairs = calloc(count_byte(query, '&') + 1, sizeof *pairs);
    size_t count;
    bool done = false;

    /* Escaping makes a text three times as long at most. */
    if (!pairs || !evs_buf_reserve(&text, 3 * query.len)) {
        refuse(message, out_of_memory);
    } else if (split_query(query, &text, pairs, &count, message)) {
        qsort(pairs, count, sizeof *pairs, compare_fields);
        done = join_query(out, pairs, count, message);
    }
    free(pairs);
    evs_buf_free(&text);
    return done;
}

bool evs_canonical_url(struct evs_canonical_form *form, struct evs_str url,
                       char message[EVS_CANONICAL_MESSAGE])
{
    struct evs_str path;

    evs_buf_reset(&form->uri);
    evs_buf_reset(&form->query);
    if (url.len > 0 && memchr(url.data, '#', url.len))
        return refuse(message, "'url' must not have a fragment");
    if (!split_authority(&url, &form->authority, message))
        return false;
    path = cut(&url, '?');
    if (!add_normal(&form->uri, path, '/', "path", message) ||
        !add_query(&form->query, url, message))
        return false;
    if (path.len == 0 || path.data[path.len - 1] != '/')
        evs_buf_add_byte(&form->uri, '/');
    form->request.uri = evs_buf_str(&form->uri);
    form->request.query = evs_buf_str(&form->query);
    return !form->uri.failed || refuse(message, out_of_memory);
}

/* Headers. */

static bool is_token_byte(char c)
{
    return evs_str_unreserved((struct evs_str){&c, 1}) || (c && strchr("!#$%&'*+^`|", c));
}

static bool refuse_header(struct evs_str name, const char *why, char message[EVS_CANONICAL_MESSAGE])
{
    int shown = 0;

    /* Up to the first odd byte: `Name: value` is a likely slip, and the value may be a secret. */
    while ((size_t)shown < name.len && shown < SHOWN_NAME && is_token_byte(name.data[shown]))
        shown++;
    snprintf(message, EVS_CANONICAL_MESSAGE, "header '%.*s'%s %s", shown, name.data,
             (size_t)shown < name.len ? "..." : "", why);
    return false;
}

static bool check_name(struct evs_str name, char message[EVS_CANONICAL_MESSAGE])
{
    if (name.len == 0)
        return refuse(message, "a header has an empty name");
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_byte(name.data[i]))
            return refuse_header(name, "has a byte that no header name may have", message);
    if (memchr(name.data, '_', name.len))
        return refuse_header(name, "has a '_' in its name, which gateways drop", message);
    return true;
}

static bool check_header(const struct evs_unsigned *request, const struct evs_field *header,
                         char message[EVS_CANONICAL_MESSAGE])
{
    static const char *const ours[] = {"authorization", "host", "x-sdk-date"};

    if (!check_name(header->name, message))
        return false;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (evs_str_equal_nocase(header->name, evs_str(ours[i])))
            return refuse_header(header->name, "is made by the signer and must not be given",
                                 message);
    if (request->security_token.len > 0 &&
        evs_str_equal_nocase(header->name, EVS_STR("x-security-token")))
        return refuse_header(header->name, "is given, and 'security_token' too", message);
    for (size_t i = 0; i < header->value.len; i++)
        if (strchr("\r\n", header->value.data[i])) /* which finds a NUL too */
            return refuse_header(header->name, "has a line break or NUL in its value", message);
    return true;
}

/* Lower-case `name` into the form's names, whose room was made before. */
static struct evs_str keep_name(struct evs_buf *names, struct evs_str name)
{
    size_t start = names->len;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        evs_buf_add_byte(names, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    return (struct evs_str){names->data + start, name.len};
}

static bool make_room(struct evs_canonical_form *form, const struct evs_unsigned *request)
{
    size_t names = 0;

    for (size_t i = 0; i < request->header_count; i++)
        names += request->headers[i].name.len;
    evs_buf_reset(&form->names);
    free(form->headers);
    form->headers = calloc(request->header_count + 3, sizeof *form->headers);
    return form->headers && evs_buf_reserve(&form->names, names);
}

/* The list of signed headers: host, date and security token, and all that were given. */
static bool list_headers(struct evs_canonical_form *form, const struct evs_unsigned *request,
                         char message[EVS_CANONICAL_MESSAGE])
{
    size_t count = 0;

    if (!make_room(form, request))
        return refuse(message, out_of_memory);
    form->headers[count++] = (struct evs_field){EVS_STR("host"), form->authority};
    form->headers[count++] = (struct evs_field){EVS_STR("x-sdk-date"), evs_str(request->date.text)};
    if (request->security_token.len > 0)
        form->headers[count++] =
            (struct evs_field){EVS_STR("x-security-token"), request->security_token};
    for (size_t i = 0; i < request->header_count; i++) {
        const struct evs_field *given = &request->headers[i];

        if (!check_header(request, given, message))
            return false;
        form->headers[count++] =
            (struct evs_field){keep_name(&form->names, given->name), evs_str_trim(given->value)};
    }
    qsort(form->headers, count, sizeof *form->headers, compare_fields);
    form->request.headers = form->headers;
    form->request.header_count = count;
    for (size_t i = 1; i < count; i++)
        if (evs_str_equal(form->headers[i - 1].name, form->headers[i].name))
            return refuse_header(form->headers[i].name, "is given twice, in two spellings",
                                 message);
    return true;
}

/* The hash of the body, or what a header gives in its place. */
static void set_payload_hash(struct evs_canonical_form *form, const struct evs_unsigned *request)
{
    struct evs_str name = request->algorithm == EVS_SDK_HMAC_SM3 ? EVS_STR("x-sdk-content-sm3")
                                                                 : EVS_STR("x-sdk-content-sha256");

    for (size_t i = 0; i < form->request.header_count; i++)
        if (evs_str_equal(form->headers[i].name, name)) {
            form->request.payload_hash = form->headers[i].value;
            return;
        }
    form->request.payload_hash =
        evs_payload_hash(request->algorithm, request->body, form->payload_hash);
}

bool evs_canonical_make(struct evs_canonical_form *form, const struct evs_unsigned *request,
                        char message[EVS_CANONICAL_MESSAGE])
{
    form->request.method = request->method;
    if (!evs_canonical_url(form, request->url, message) || !list_headers(form, request, message))
        return false;
    set_payload_hash(form, request);
    return true;
}

void evs_canonical_free(struct evs_canonical_form *form)
{
    evs_buf_free(&form->uri);
    evs_buf_free(&form->query);
    evs_buf_free(&form->names);
    free(form->headers);
    *form = (struct evs_canonical_form){0};
}
