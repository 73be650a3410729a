/**
 * One request, to its final answer: attempts, back-off, Retry-After, the key gate, the deadline.
 *
 * Sans I/O: the exchange says what to do (SEND, SLEEP, DONE) and is told what came of it. It
 * knows nothing of what an answer means for a deletion; that is the flows' part.
 */
#ifndef EVS_EXCHANGE_H
#define EVS_EXCHANGE_H

#include "base/message.h"
#include "client.h"
#include "facts.h"
#include "pacer.h"
#include "request.h"

#pragma GCC visibility push(hidden)

/** What a machine wants done. */
enum evs_step {
    EVS_SEND,  /**< carry the request, then reply or fail */
    EVS_SLEEP, /**< ask again in so many seconds */
    EVS_DONE   /**< nothing: it has ended */
};

/** What a chain of exchanges may use up. */
struct evs_budget {
    double seconds;         /**< how long it may take */
    double attempt_timeout; /**< seconds for one attempt */
    bool running;           /**< `ends` is set */
    bool at_once;           /**< runs from the next look at the clock, not from the next request */
    double ends;            /**< monotonic */
    unsigned attempts;      /**< requests that were put on the wire so far */
};

/** How an exchange ended. */
enum evs_ending {
    EVS_ANSWERED,   /**< with a final answer */
    EVS_FAILED,     /**< the last attempt had none */
    EVS_TIME_UP,    /**< its time ended while it waited */
    EVS_NOT_ALLOWED /**< the gate, a closed client or missing keys forbid to send */
};

struct evs_exchange {
    struct evs_client *client;
    struct evs_budget *budget;
    struct evs_pacer *pacer; /**< of a batch; NULL: none */
    struct evs_request request;
    enum {
        EVS_X_READY,
        EVS_X_IN_FLIGHT, /**< its request is out */
        EVS_X_FETCHING,  /**< a request for keys is out */
        EVS_X_ENDED
    } state;
    enum evs_ending ending;
    bool reached;           /**< some attempt left this machine */
    bool lost;              /**< some attempt did, and has no answer that settles what it did */
    unsigned retries;       /**< left */
    unsigned tries;         /**< failed attempts so far, for the back-off */
    unsigned resends;       /**< after a 401 */
    bool fetch_cut;         /**< the request for keys ends with this call's time, not with its own */
    bool reviving;          /**< after a 401: looking whether the metadata service has other keys */
    bool clock_heals;       /**< after a 401: the server's clock would explain it, and can be trusted */
    double clock_offset;    /**< then: the server's clock minus ours */
    bool pausing;           /**< `pause` counts from the next look at the clock */
    double pause;           /**< seconds; may be shortened to leave time for the attempt behind it */
    double pause_least;     /**< but not below this, the server's wish; negative: it has none */
    double wake;            /**< monotonic; nothing is sent before it */
    double sent_at;         /**< monotonic, of the last attempt */
    double signed_at;       /**< our wall clock, of the last attempt */
    unsigned generation;    /**< the gate's, of the last attempt */
    bool tries_key;         /**< the last attempt is the one that tries an unproven key */
    unsigned keys;          /**< the serial of the keys that signed it */
    struct evs_error error; /**< why it failed; not set for an answer of 2xx */
};

/**
 * Start over with the request that `x->request` is aimed at: at most `retries` re-sends, the first
 * attempt after about `pause` seconds. Zeroed memory is an exchange that may be started.
 */
void evs_exchange_start(struct evs_exchange *x, struct evs_client *client,
                        struct evs_budget *budget, unsigned retries, double pause);

/** What to do at `now` (monotonic seconds) and `wall` (seconds since 1970). Not while in flight. */
enum evs_step evs_exchange_next(struct evs_exchange *x, double now, double wall,
                                struct evs_want *want);

/** Take an answer; true when the exchange has ended, false when there is more to do. */
bool evs_exchange_reply(struct evs_exchange *x, const struct evs_facts *facts);

/** Take a failure; true when the exchange has ended, false when there is more to do. */
bool evs_exchange_fail(struct evs_exchange *x, const struct evs_failure *failure);

/** Give up: the key gate is left to others. Idempotent. */
void evs_exchange_cancel(struct evs_exchange *x);

#pragma GCC visibility pop
#endif
