/**
 * What the calls of a client share: where they go, and the key that they sign with.
 *
 * A client does no I/O. One thread at a time may use it and everything that was started on it.
 */
#ifndef EVS_CLIENT_H
#define EVS_CLIENT_H

#include "api/api.h"
#include "key/endpoint.h"
#include "base/error.h"
#include "key/key.h"
#include "settings.h"

#include <stdint.h>

#pragma GCC visibility push(hidden)

#define EVS_VERSION "0.1.0"

struct evs_client {
    const struct evs_api *api;
    struct evs_endpoint endpoint, iam; /**< `iam.url` empty: not known */
    char project_id[256];              /**< that IAM has told; empty: not asked yet */
    struct evs_key key;
    struct evs_call_options call;
    struct evs_batch_options batch;
    struct evs_buf region; /**< empty: not known */
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

/** evs_name_show with these secrets; of a closed client, which has forgotten them, nothing is
 * shown. */
void evs_client_name_show(const struct evs_client *client, char *out, size_t size,
                          struct evs_str text);

/** A number in [0, 1) for jitter. */
double evs_client_random(struct evs_client *client);

/**
 * Whether `id` can be a project's or a snapshot's: `[A-Za-z0-9_.~-]{1,255}`, not `.` or `..`; if
 * not, `error` says so of `name` and shows the id, without the secrets of `client`.
 */
bool evs_id_check(const struct evs_client *client, struct evs_str id, const char *name,
                  struct evs_error *error);

#pragma GCC visibility pop
#endif
