/**
 * What a client is made from, and which values it cannot be made from.
 */
#ifndef EVS_SETTINGS_H
#define EVS_SETTINGS_H

#include "base/error.h"
#include "key/endpoint.h"
#include "sign/sign.h"

#pragma GCC visibility push(hidden)

/** Options of a call; times in seconds. */
struct evs_call_options {
    double timeout;         /**< from the call's first step to the DELETE's final answer */
    double attempt_timeout; /**< for one request and its answer */
    unsigned retries;       /**< how often a request may be sent again */
    bool guard;             /**< look at the snapshot before deleting it */
    bool protect;           /**< the script has a say in it, see evs_deletion_judge */
    /** added to each request: lines joined by CRLF; borrowed; empty: none */
    struct evs_str headers;
    bool ignore_missing; /**< a missing snapshot is success */
    double wait;         /**< how long to wait until it is gone; 0 = do not wait */
};

/** Options of a batch, beside those of its calls. */
struct evs_batch_options {
    unsigned concurrency; /**< calls at a time */
    double rate;          /**< most requests that start in any second; 0: no limit */
    unsigned max;         /**< most ids; UINT_MAX: no limit */
    unsigned max_errors;  /**< so many that failed or are unknown stop the batch; 0: no limit */
    unsigned read_ahead;  /**< ids that are read before their turn, most; 0: none */
};

/** The environment's variables that values were taken from; NULL: an option's. */
struct evs_variables {
    const char *region, *endpoint, *iam_endpoint, *ak, *sk, *security_token, *token, *proxy, *api;
};

/** What a client is made from; slices are borrowed, empty = not given. */
struct evs_settings {
    struct evs_str region, endpoint;
    struct evs_str api; /**< name of the generation; empty: v2 */
    struct evs_str iam_endpoint;
    /** the environment's region, where an endpoint is given without one */
    struct evs_str home_region;
    struct evs_str ak, sk, security_token, token;
    const char *key_source;           /**< where these keys were found, for messages */
    struct evs_str profile;           /**< path of the profile file; empty: there is none to ask */
    struct evs_str metadata_endpoint; /**< in place of the ECS metadata service; loopback only */
    struct evs_str ca_file, user_agent;
    struct evs_str proxy; /**< has_proxy and empty: none */
    struct evs_str no_proxy;
    struct evs_variables from;
    bool has_proxy;
    bool tls_verify, allow_http;
    bool in_nginx; /**< which hides the environment */
    double connect_timeout;
    enum evs_algorithm algorithm;
    struct evs_call_options call;
    struct evs_batch_options batch;
};

/**
 * Put in front of the message of `error`, "must be ...", what must: the option, or where it is not
 * NULL the environment's variable. Returns false.
 */
bool evs_settings_blame(const char *option, const char *variable, struct evs_error *error);

/**
 * Check everything that does not depend on the endpoint. Returns false and sets `error`
 * (Client.InvalidArgument), which names the option or the variable and what is wrong with its
 * value.
 */
bool evs_settings_check(const struct evs_settings *settings, struct evs_error *error);

/**
 * Set `endpoint` from what was given, and check the proxy against it. Returns false and sets
 * `error`: Client.InvalidArgument, or Client.NoEndpoint when neither an endpoint nor a region is
 * known.
 */
bool evs_settings_endpoint(const struct evs_settings *settings, struct evs_endpoint *endpoint,
                           struct evs_error *error);

/** The region: that of the endpoint, else the environment's; empty where there is none. */
struct evs_str evs_settings_region(const struct evs_settings *settings);

/**
 * Set `iam` to IAM's endpoint: the one that is given, else the region's; its URL is empty where
 * neither is known. Returns false and sets `error` (Client.InvalidArgument) when a value cannot be
 * used.
 */
bool evs_settings_iam(const struct evs_settings *settings, struct evs_endpoint *iam,
                      struct evs_error *error);

#pragma GCC visibility pop
#endif
