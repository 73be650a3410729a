/**
 * The ECS metadata service: temporary keys of the agency that a cloud server runs under.
 *
 * A visit is one or two requests: a session token where the service wants one (PUT), then the
 * keys (GET). Only one call of a client visits at a time. Sans I/O, like everything around it. The
 * service is plain http at a link-local address and is never asked through a proxy.
 */
#ifndef EVS_METADATA_H
#define EVS_METADATA_H

#include "base/message.h"
#include "profile.h"

#pragma GCC visibility push(hidden)

#define EVS_METADATA_CONNECT_TIMEOUT 1.0 /* seconds */

struct evs_metadata {
    char url[288];
    enum { EVS_VISIT_NONE, EVS_VISIT_TOKEN, EVS_VISIT_KEYS } stage;
    const void *visitor;        /**< the call whose requests these are */
    double ends;                /**< monotonic; the visit is over by then, or given up */
    bool token_renewed;         /**< a token was refused once already in this visit */
    bool resting;               /**< there was a visit: no other one before `rests_until` */
    double wall;                /**< our wall clock at the last visit, since 1970 */
    double rests_until;         /**< monotonic */
    struct evs_request request; /**< of the stage */
    struct evs_buf token;       /**< the session token; empty: the service wants none */
    char why[256];              /**< why the last visit failed; empty: none did */
};

/**
 * Set the service's address: `endpoint` (`http://` and a loopback host, for tests) or, when that is
 * empty, 169.254.169.254. Returns false and sets `error` for any other endpoint.
 */
bool evs_metadata_init(struct evs_metadata *metadata, struct evs_str endpoint,
                       struct evs_error *error);

/**
 * Begin a visit by `visitor` at `now`; false when the last one was only just begun. `renew`, after
 * a 401: only a visit that failed counts then.
 */
bool evs_metadata_visit(struct evs_metadata *metadata, const void *visitor, double now, bool renew);

/** The request of the visit's stage; NULL when memory ends. */
const struct evs_request *evs_metadata_request(struct evs_metadata *metadata);

/** An answer of the service. */
struct evs_metadata_answer {
    int status;                /**< HTTP status */
    struct evs_str body;       /**< of the request for a token: the token */
    struct evs_key_set keys;   /**< its `credential` object */
    struct evs_str expires_at; /**< the same object's `expires_at` */
};

/** Take the answer to it. True when the visit has ended with keys: `answer->keys`. */
bool evs_metadata_reply(struct evs_metadata *metadata, const struct evs_metadata_answer *answer);

/** The visit has failed; `why` is for people. */
void evs_metadata_fail(struct evs_metadata *metadata, struct evs_str why);

/** `visitor` gives up. */
void evs_metadata_leave(struct evs_metadata *metadata, const void *visitor);

/** Wipe and free. */
void evs_metadata_wipe(struct evs_metadata *metadata);

#pragma GCC visibility pop
#endif
