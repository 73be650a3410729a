/**
 * One request, to its final answer: attempts, back-off, Retry-After, the turn at the key, the
 * deadline.
 *
 * Sans I/O: the exchange says what to do (SEND, SLEEP, DONE) and is told what came of it. An answer
 * is judged by the table of answers when it comes; whatever needs a clock happens at the next step.
 */
#ifndef EVS_EXCHANGE_H
#define EVS_EXCHANGE_H

#include "api/answer.h"
#include "client/client.h"
#include "pacer.h"
#include "request.h"

#pragma GCC visibility push(hidden)

/** What a machine wants done. */
enum evs_step {
    EVS_SEND,  /**< send the request, then reply or fail */
    EVS_SLEEP, /**< ask again in so many seconds */
    EVS_PAGE,  /**< take the page that a list has read, and ask again */
    EVS_DONE   /**< nothing: it has ended */
};

/** What a chain of exchanges may use up, and what it has done so far. */
struct evs_budget {
    double seconds;           /**< how long it may take */
    double attempt_timeout;   /**< seconds for one attempt */
    bool running;             /**< `ends` is set: by the first step */
    double ends;              /**< monotonic */
    unsigned attempts;        /**< requests that were put on the wire so far */
    enum evs_outcome outcome; /**< what is known of the deletion; it only rises */
};

struct evs_exchange {
    struct evs_client *client;
    struct evs_budget *budget;
    struct evs_pacer *pacer; /**< of a batch; NULL: none */
    struct evs_error *error; /**< where a failure is told; NULL: nowhere */
    struct evs_request request;
    enum {
        EVS_X_PAUSING,   /**< the next step begins its pause */
        EVS_X_READY,     /**< to send, at `wake` */
        EVS_X_IN_FLIGHT, /**< its request is out */
        EVS_X_FETCHING,  /**< a request for keys is out */
        EVS_X_ENDED
    } state;
    enum evs_meaning meaning; /**< of its end */
    unsigned retries;         /**< left */
    unsigned tries;           /**< failed attempts so far, for the back-off */
    bool resent;              /**< after a 401 */
    bool slow_down;           /**< the pause is a 429's: the batch's pace is cut down */
    bool fetch_cut;     /**< the request for keys ends with this call's time, not with its own */
    double pause;       /**< seconds; may be shortened to leave time for the attempt behind it */
    double pause_least; /**< but not below this, the server's wish; negative: it has none */
    double use_by;      /**< monotonic; the first attempt leaves by then or ends as EVS_STALE */
    double wake;        /**< monotonic; nothing is sent before it */
    struct evs_ticket ticket; /**< of the last attempt */
};

/**
 * Start over with the request that `x->request` is aimed at: at most `retries` re-sends, the first
 * attempt after about `pause` seconds. Failures are told in `error` (NULL: nowhere). Zeroed memory
 * is an exchange that may be started.
 */
void evs_exchange_start(struct evs_exchange *x, struct evs_client *client,
                        struct evs_budget *budget, struct evs_error *error, unsigned retries,
                        double pause);

/** What to do at `now` (monotonic seconds) and `wall` (seconds since 1970). Not while in flight. */
enum evs_step evs_exchange_next(struct evs_exchange *x, double now, double wall,
                                struct evs_want *want);

/** Take an answer; true when the exchange has ended, false when there is more to do. */
bool evs_exchange_reply(struct evs_exchange *x, const struct evs_facts *facts);

/** Take a failure; true when the exchange has ended, false when there is more to do. */
bool evs_exchange_fail(struct evs_exchange *x, const struct evs_failure *failure);

/** How many seconds the pause before the next attempt takes that begins at `now`; false when that
 * leaves no time for an attempt. */
bool evs_exchange_pause(const struct evs_exchange *x, double now, double *seconds);

/** Give up: a request that is out counts as lost, and the key is left to others. Idempotent. */
void evs_exchange_cancel(struct evs_exchange *x);

#pragma GCC visibility pop
#endif
