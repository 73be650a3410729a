/* The lines of an answer's head, of any bytes, as libcurl hands them over: a status of three
 * digits or a fault, and never more than is allowed. */
#include "http/head.h"
#include "fuzz.h"

static struct evs_str take_line(struct evs_str *rest)
{
    const char *end = memchr(rest->data, '\n', rest->len);

    return take_bytes(rest, end ? (size_t)(end - rest->data) + 1 : rest->len);
}

static void read_head(struct evs_str rest, bool http2)
{
    struct evs_head head = {0};
    bool good = true;

    while (good && rest.len > 0) {
        good = evs_head_add(&head, take_line(&rest), http2);
        assert(good == !head.fault);
        assert(!good || (head.status >= 100 && head.status <= 999));
        assert(!good || !head.http1 || !head.has_length || !head.chunked);
        assert(!good || head.informational <= EVS_HEAD_INFORMATIONAL_MOST);
        assert(!head.has_length || head.length <= INT64_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evs_str text = {(const char *)data, size};
    struct evs_head proxy = {0};

    read_head(text, false);
    read_head(text, true);
    assert(evs_head_add_proxy(&proxy, text) == (size + 32 <= EVS_HEAD_BYTES_MOST));
    return 0;
}
