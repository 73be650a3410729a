/**
 * What a machine and whoever carries its requests say to each other, but for the answer itself (facts.h).
 */
#ifndef EVS_CARRIER_H
#define EVS_CARRIER_H

#include "base/error.h"
#include "request.h"

/** What goes with a machine's step. */
struct evs_want {
    double seconds;                    /**< SLEEP: how long */
    const struct evs_request *request; /**< SEND: what; valid until reply or fail */
    double deadline;                   /**< SEND: when to give the attempt up, monotonic */
    double connect_timeout;            /**< SEND: seconds for the connection, within the deadline */
    bool metadata;                     /**< SEND: for the metadata service: not through a proxy */
};

/** Why a carrier has no answer to show. */
struct evs_failure {
    enum evs_code code;     /**< RESOLVE, CONNECT, TLS, PROXY, TIMEOUT, NETWORK or BAD_RESPONSE */
    struct evs_str message; /**< what happened, for people */
    bool sent;              /**< some of the request may have left this machine */
    bool passing;           /**< not sent, and likely to work on another try */
};

#endif
