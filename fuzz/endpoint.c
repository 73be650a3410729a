/* An endpoint of any bytes: what is taken for one can be read again, and is then the same. */
#include "key/endpoint.h"
#include "fuzz.h"

static void read_again(const struct evs_endpoint *first)
{
    struct evs_endpoint second;
    struct evs_error error;

    assert(evs_str_visible(evs_str(first->url)));
    assert(evs_endpoint_parse(&second, evs_str(first->url), true, &error));
    assert(strcmp(first->url, second.url) == 0 && strcmp(first->host, second.host) == 0);
    assert(first->tls == second.tls && first->loopback == second.loopback);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evs_str text = {(const char *)data, size};
    struct evs_endpoint endpoint;
    struct evs_error error;

    if (evs_endpoint_parse(&endpoint, text, false, &error)) {
        assert(endpoint.tls || endpoint.loopback);
        read_again(&endpoint);
    }
    if (evs_endpoint_parse(&endpoint, text, true, &error))
        read_again(&endpoint);
    if (evs_endpoint_of_region(&endpoint, "evs", text, &error))
        read_again(&endpoint);
    return 0;
}
