/**
 * What the fuzzers of calls share: a client, and what every request of it must be.
 */
#ifndef EVS_FUZZ_CLIENT_H
#define EVS_FUZZ_CLIENT_H

#include "call/flow.h"
#include "fuzz.h"

#define PROJECT "0123456789abcdef0123456789abcdef"
#define ENDPOINT "https://evs.example.com"
#define WALL 1787274123.0 /* seconds since 1970 at the monotonic second 0 */

/** Make a client of the generation `api`, with keys or without, which the metadata service has
 * then. */
static inline void make_client(struct evs_client *client, const char *api, bool has_keys)
{
    const struct evs_settings settings = {
        .endpoint = EVS_STR(ENDPOINT),
        .api = evs_str(api),
        .ak = evs_str(has_keys ? "AK" : NULL),
        .sk = evs_str(has_keys ? "SK" : NULL),
        .key_source = "options",
        .metadata_endpoint = EVS_STR("http://127.0.0.1:1"),
        .tls_verify = true,
        .connect_timeout = 5,
        .call = {.timeout = 30, .attempt_timeout = 10, .retries = 2, .guard = true},
        .batch = {.concurrency = 4, .max = 100},
    };
    struct evs_error error;

    assert(evs_client_init(client, &settings, 1, &error));
}

/** A request goes where it must, in one line, and has time left. */
static inline void check_request(const struct evs_want *want, double now)
{
    struct evs_str url = evs_buf_str(&want->request->url);

    assert(evs_str_visible(url) && lacks(evs_buf_str(&want->request->headers), '\0'));
    assert(want->peer == EVS_PEER_METADATA || evs_str_starts(url, EVS_STR(ENDPOINT "/v")));
    assert(want->deadline > now);
}

#endif
