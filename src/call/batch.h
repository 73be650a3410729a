/**
 * Many deletions at once, as a scheduler without I/O: which call goes on when, and which request starts.
 *
 * Every call is a flow with all of its rules. The batch adds what they share: how many at a time, the
 * pace, the first call alone until the key is proven, and the stop. It needs constant memory: calls are
 * asked for one at a time, when there is room.
 */
#ifndef EVS_BATCH_H
#define EVS_BATCH_H

#include "delete.h"
#include "pacer.h"

#pragma GCC visibility push(hidden)

enum { EVS_BATCH_WAITING_MOST = 1000 };

struct evs_batch;

/** One call of a batch. */
struct evs_batch_call {
    struct evs_deletion deletion;
    struct evs_batch *batch;
    size_t slot;          /**< its place in the batch */
    bool used;
    bool reported;        /**< its end was told, evs_batch_release is due */
    bool in_flight;       /**< a request is out: evs_batch_touch is due */
    bool waiting;         /**< until its snapshot is gone, between two looks: it holds no slot */
    unsigned long request; /**< the number of its request that is out, in the batch; no other has it */
    double began_at;      /**< monotonic; negative: no request of it has started yet */
    double seconds;       /**< how long it took; set at its end */
    void *carrier;        /**< the driver's */
    char request_id[129]; /**< of its last answer, where the driver wrote it */
    struct evs_batch_call *next_unused;
};

/** Zeroed memory may be given to evs_batch_init and evs_batch_free. */
struct evs_batch {
    struct evs_client *client;
    struct evs_call_options options;
    struct evs_pacer pacer;
    unsigned concurrency;
    struct evs_batch_call **calls;
    double *due; /**< of each: when there is something to do for it, monotonic; never is HUGE_VAL */
    size_t call_count;               /**< in `calls` and `due`, used or not */
    struct evs_batch_call *unused;   /**< a list of them */
    struct evs_batch_call *fresh;    /**< the one that has no request on its way yet; NULL: none */
    size_t next_call;                /**< where the next look begins, so that all have their turn */
    unsigned used;                   /**< calls under way */
    unsigned in_flight;              /**< of these, have a request out */
    unsigned long requests;          /**< that were sent so far */
    unsigned waiting;                /**< of these, hold no slot */
    bool asking;                     /**< an id is awaited: evs_batch_add, _skip or _end is due */
    bool ended;                      /**< there are no more ids */
    bool stopped;                    /**< no new calls; `stop` says why */
    struct evs_error stop;
    unsigned long succeeded, failed, unknown, unsent;
};

/** What a batch wants done. */
enum evs_batch_step {
    EVS_BATCH_NEED,   /**< give it an id: evs_batch_add, evs_batch_skip or evs_batch_end */
    EVS_BATCH_SEND,   /**< carry `call`'s request, then evs_flow_reply or evs_flow_fail, and _touch */
    EVS_BATCH_RESULT, /**< `call` has ended: tell, then evs_batch_release */
    EVS_BATCH_SLEEP,  /**< ask again in `want.seconds`, or when an answer has come */
    EVS_BATCH_DONE    /**< every call has ended, and the sums are final */
};

struct evs_batch_act {
    struct evs_batch_call *call;
    struct evs_want want;
};

/** Make a batch on `client`. False when memory ends. */
bool evs_batch_init(struct evs_batch *batch, struct evs_client *client,
                    const struct evs_call_options *options, const struct evs_batch_options *more);

/** What to do at `now` (monotonic) and `wall` (since 1970). */
enum evs_batch_step evs_batch_next(struct evs_batch *batch, double now, double wall,
                                   struct evs_batch_act *act);

/** An answer to NEED: another snapshot, as for evs_flow_begin. Its call, or NULL when memory ends. */
struct evs_batch_call *evs_batch_add(struct evs_batch *batch, struct evs_str project,
                                     struct evs_str id, const struct evs_snapshot *seen);

/** Answers to NEED: an id that is not to be deleted; no more ids. */
void evs_batch_skip(struct evs_batch *batch);
void evs_batch_end(struct evs_batch *batch);

/** The call whose request that is out has this number; NULL: none. */
struct evs_batch_call *evs_batch_request(const struct evs_batch *batch, unsigned long request);

/** `call` was given an answer or a failure: it is looked at next. */
void evs_batch_touch(struct evs_batch_call *call);

/** The result of `call` was told. */
void evs_batch_release(struct evs_batch_call *call);

/**
 * Start no more calls, because of `error`. Calls whose DELETE has not left end as unsent; those whose
 * has are carried to their end, so that the sums tell what happened.
 */
void evs_batch_stop(struct evs_batch *batch, const struct evs_error *error);

/** Whether a stop kept the DELETE of `call`, which has ended, from being sent. */
bool evs_batch_is_unsent(const struct evs_batch_call *call);

/** Abandon everything, wipe and free. */
void evs_batch_free(struct evs_batch *batch);

#pragma GCC visibility pop
#endif
