/**
 * What the calls of a client share: where they go, and the key that they sign with.
 *
 * A client does no I/O. One thread at a time may use it and everything that was started on it.
 */
#ifndef EVS_CLIENT_H
#define EVS_CLIENT_H

#include "key/endpoint.h"
#include "base/error.h"
#include "key/key.h"
#include "base/text.h"

#include <stdint.h>

#pragma GCC visibility push(hidden)

#define EVS_VERSION "0.1.0"

/** Options of a call; times in seconds. */
struct evs_call_options {
    double timeout;         /**< from the call's first step to the DELETE's final answer */
    double attempt_timeout; /**< for one request and its answer */
    unsigned retries;       /**< how often a request may be sent again */
    bool guard;             /**< look at the snapshot before deleting it */
    bool ignore_missing;    /**< a missing snapshot is success */
    double wait;            /**< how long to wait until it is gone; 0 = do not wait */
};

/** Options of a batch, beside those of its calls. */
struct evs_batch_options {
    unsigned concurrency; /**< calls at a time */
    double rate;          /**< most requests that start in any second; 0: no limit */
};

/** What a client is made from; slices are borrowed, empty = not given. */
struct evs_settings {
    struct evs_str region, endpoint;
    struct evs_str ak, sk, security_token, token;
    const char *key_source;           /**< where these keys were found, for messages */
    struct evs_str profile;           /**< path of the profile file; empty: there is none to ask */
    struct evs_str metadata_endpoint; /**< in place of the ECS metadata service; loopback only */
    struct evs_str ca_file, user_agent;
    struct evs_str proxy; /**< has_proxy and empty: none */
    struct evs_str no_proxy;
    bool has_proxy;
    bool tls_verify, allow_http;
    double connect_timeout;
    enum evs_algorithm algorithm;
    struct evs_call_options call;
    struct evs_batch_options batch;
};

/** The defaults: verified TLS, 30 s in all, 10 s an attempt, 5 s to connect, 3 retries, guard on, 16 calls
 * at a time in a batch. */
void evs_settings_default(struct evs_settings *settings);

struct evs_client {
    struct evs_endpoint endpoint;
    struct evs_key key;
    struct evs_call_options call;
    struct evs_batch_options batch;
    struct evs_buf user_agent, ca_file, proxy, no_proxy;
    struct evs_sign_date date; /**< of the last signature */
    struct evs_buf scratch;    /**< canonical requests are put together here */
    double connect_timeout;
    uint64_t random; /**< state of the back-off's jitter */
    bool tls_verify;
    bool closed;
};

/**
 * Make `client` (zeroed) from `settings`. `seed` is any number that differs between clients.
 * Returns false and sets `error` when a value cannot be used (Client.InvalidArgument), or when
 * neither an endpoint nor a region is known (Client.NoEndpoint). Free it in both cases.
 */
bool evs_client_init(struct evs_client *client, const struct evs_settings *settings, uint64_t seed,
                     struct evs_error *error);

/** Wipe keys, give memory back; machines still running on it end with Client.Closed. */
void evs_client_close(struct evs_client *client);

/** What must not be shown in any text of this client. */
struct evs_secrets evs_client_secrets(const struct evs_client *client);

/** evs_name_show with these secrets; of a closed client, which has forgotten them, nothing is shown. */
void evs_client_name_show(const struct evs_client *client, char *out, size_t size, struct evs_str text);

/** A number in [0, 1) for jitter. */
double evs_client_random(struct evs_client *client);

/** Whether the call options make sense; if not, `error` names the first that does not. */
bool evs_call_options_check(const struct evs_call_options *options, struct evs_error *error);

/** The same for those of a batch. */
bool evs_batch_options_check(const struct evs_batch_options *options, struct evs_error *error);

/**
 * Whether `id` can be a project's or a snapshot's: `[A-Za-z0-9_.~-]{1,255}`, not `.` or `..`; if not,
 * `error` says so of `name`.
 */
bool evs_id_check(struct evs_str id, const char *name, struct evs_error *error);

#pragma GCC visibility pop
#endif
