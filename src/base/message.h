/**
 * What a machine and its driver say to each other, but for the answer itself: the request to send,
 * and why there is no answer.
 */
#ifndef EVS_MESSAGE_H
#define EVS_MESSAGE_H

#include "error.h"

#pragma GCC visibility push(hidden)

/** Whom a request is for. */
enum evs_peer {
    EVS_PEER_EVS,
    EVS_PEER_METADATA, /**< the ECS metadata service: plain http, and not through a proxy */
    EVS_PEER_IAM
};

/** A request, ready to be sent. Zeroed memory is an empty one. */
struct evs_request {
    const char *method;
    struct evs_buf url; /**< whole, escaped */
    size_t target;      /**< where in `url` the path begins */
    /** `Name: value` lines joined by CRLF, none after the last; Accept first */
    struct evs_buf headers;
    struct evs_buf path;    /**< canonical, with the slash at its end that is only signed */
    struct evs_buf query;   /**< canonical; empty: none */
    struct evs_str added;   /**< more of `headers`; borrowed from the call's options; empty: none */
    struct evs_str project; /**< borrowed from the call; empty: none */
    struct evs_str host;    /**< the Host header; borrowed from the client */
    enum evs_peer peer;
    struct evs_buf authorization;
};

/** Wipe a request and give its memory back. */
void evs_request_free(struct evs_request *request);

/** What goes with a machine's step. */
struct evs_want {
    double seconds;                    /**< SLEEP: how long */
    const struct evs_request *request; /**< SEND: what; valid until reply or fail */
    double deadline;                   /**< SEND: when to give the attempt up, monotonic */
    double connect_timeout;            /**< SEND: seconds for the connection, within the deadline */
    enum evs_peer peer;                /**< SEND: for whom */
};

/** Why a driver has no answer to show. */
struct evs_failure {
    enum evs_code code;     /**< RESOLVE, CONNECT, TLS, PROXY, TIMEOUT, NETWORK or BAD_RESPONSE */
    struct evs_str message; /**< what happened, for people */
    enum evs_hint hint;     /**< what to do about it; EVS_HINT_NONE: what the code suggests */
    bool sent;              /**< some of the request may have left this machine */
    bool passing;           /**< not sent, and likely to work on another try */
};

/** The headers that may hold an answer's request id, in their order; NULL ends the list. */
extern const char *const evs_request_id_headers[];

#pragma GCC visibility pop
#endif
