/**
 * The engine: calls under way, one or many, as a scheduler without I/O.
 *
 * A single call is a batch of one. `evs_engine_next` says whose turn it is and what to do: SEND a
 * request (then evs_engine_reply or evs_engine_fail), take a PAGE or a RESULT, give an id (NEED),
 * SLEEP, or DONE. Every call is a flow with all of its rules. A batch adds what its calls share:
 *
 * - Slots. A call holds one from its first step to its end, but not while it waits for its snapshot
 *   to be gone, between two looks. Calls that wait and are due come before new ids.
 * - The key. While it is unproven, only one call is begun.
 * - The pace, and the stop. After a stop, calls whose DELETE has not left end as unsent; the others
 *   run to their end, so that the sums tell what happened.
 *
 * - Looks. A list of up to sixty ids shows the guard what it must see of them, by one request
 *   (evs_engine_look). Calls that wait are looked for by lists as well (evs_engine_shown). The
 *   calls that read lists are told to nobody.
 *
 * What is not a batch's: a single call has no slots, no pace, no ticket, and sleeps exactly; a
 * refused key, missing keys and a closed client are its own error; and its end can be asked for
 * again.
 *
 * Memory is constant: ids are asked for one at a time, when there is room.
 */
#ifndef EVS_ENGINE_H
#define EVS_ENGINE_H

#include "delete.h"
#include "list.h"
#include "pacer.h"

#pragma GCC visibility push(hidden)

/** Calls under way in a batch at most, those that wait included. */
enum { EVS_CALLS_MOST = 1000 };

struct evs_engine;

/** A call under way. */
struct evs_call {
    union {
        struct evs_flow flow;
        struct evs_deletion deletion;
        struct evs_listing listing;
    } as;
    struct evs_engine *engine;
    size_t slot; /**< its place in the engine */
    bool used;
    bool told;            /**< its RESULT was said; evs_engine_release is due */
    bool in_flight;       /**< a request is out */
    bool metadata;        /**< and it is for the metadata service */
    bool waiting;         /**< for its snapshot to be gone, between two looks: it holds no slot */
    unsigned long ticket; /**< of the request that is out: no other request of the batch has it */
    double sent_at;       /**< when the last request left, monotonic */
    double began_at;      /**< when the first one did; negative: none has */
    double seconds; /**< from the first request to the end; set at the end, of a batch's call */
    void *transfer; /**< the driver's */
    char request_id[129];  /**< of the last answer, where the driver wrote it */
    double retry_after;    /**< of the last answer, seconds; negative: none */
    bool alone;            /**< a list has not shown its snapshot: it looks for that by itself */
    struct evs_call *list; /**< that looks for its snapshot now; NULL: none */
    struct evs_call *next_listed; /**< of the same list; of a list, the first one */
    struct evs_call *next_unused;
};

/** Zeroed memory may be given to evs_engine_one, _many and _free. It must not move once it was
 * begun. */
struct evs_engine {
    struct evs_client *client; /**< NULL: nothing is under way */
    bool single;               /**< one call, `first`; what follows `call_count` is a batch's */
    struct evs_call first;
    struct evs_call **others; /**< all calls but the first */
    size_t call_count;        /**< used or not */
    unsigned in_flight;       /**< calls that have a request out */
    struct evs_call_options options;
    struct evs_batch_options limits;
    struct evs_pacer pacer;
    double *due; /**< of each call: when to ask it again, monotonic; never is HUGE_VAL */
    double wake; /**< when the first of those that were asked in vain is to be asked again */
    struct evs_call *unused;   /**< a list of them */
    struct evs_call *starting; /**< the call that has sent nothing yet; NULL: none */
    size_t turn;               /**< where the next round begins, so that all have their turn */
    unsigned used;             /**< calls under way */
    unsigned waiting;          /**< of these, hold no slot */
    bool slot_left; /**< a call has begun to wait in this round: its slot may be another's */
    unsigned long requests;        /**< sent so far */
    unsigned long added;           /**< ids so far */
    bool asking;                   /**< NEED was said: evs_engine_add, _skip or _end is due */
    bool ended;                    /**< there are no more ids */
    double now;                    /**< when the engine was asked last, monotonic */
    struct evs_call *scout;        /**< the call that reads lists; NULL: none was read yet */
    bool looking;                  /**< it is under way */
    bool held;                     /**< no id is asked for before it has ended */
    bool looks_off;                /**< lists are of no use here: each call looks by itself */
    unsigned looks;                /**< that have ended */
    unsigned found;                /**< rows that they brought; the driver counts */
    double looked_at[2];           /**< when the last two of them ended: look n at n % 2 */
    struct evs_call *unused_lists; /**< that have looked for calls that wait */
    unsigned polling;              /**< such lists under way */
    unsigned polls_failed;         /**< of them, the last ones in a row that have failed */
    bool polls_shown;              /**< one of them has shown something */
    bool polls_off;                /**< they are of no use here */
    bool stopped;                  /**< no new calls; `stop` says why */
    struct evs_error stop;
    unsigned long succeeded, failed, unknown, unsent;
};

/** What an engine wants done. */
enum evs_turn {
    EVS_TURN_SEND,   /**< send `call`'s request, then evs_engine_reply or evs_engine_fail */
    EVS_TURN_PAGE,   /**< take the page that a list has read */
    EVS_TURN_RESULT, /**< `call` has ended: take its result, evs_engine_release it, and tell */
    EVS_TURN_NEED,   /**< give an id: evs_engine_add, _skip or _end */
    EVS_TURN_SLEEP,  /**< ask again in `want.seconds` (HUGE_VAL: never), or after an answer */
    EVS_TURN_DONE    /**< all has ended: a batch's sums are final, `call` has a call's result */
};

/** What goes with a turn. */
struct evs_act {
    struct evs_call *call;
    struct evs_want want;
};

/** Make an engine of one call, which the caller begins: evs_flow_begin or evs_flow_refuse. Its
 * buffers survive from the call before. */
struct evs_call *evs_engine_one(struct evs_engine *engine, struct evs_client *client);

/** Make an engine of many deletions. False when memory ends. */
bool evs_engine_many(struct evs_engine *engine, struct evs_client *client,
                     const struct evs_call_options *options,
                     const struct evs_batch_options *limits);

/** What to do at `now` (monotonic seconds) and `wall` (seconds since 1970). Not while `asking`. */
enum evs_turn evs_engine_next(struct evs_engine *engine, double now, double wall,
                              struct evs_act *act);

/** The answer to the request of `call` that is out. */
void evs_engine_reply(struct evs_call *call, const struct evs_facts *facts);

/** There will be no answer to the request of `call` that is out. */
void evs_engine_fail(struct evs_call *call, const struct evs_failure *failure);

/** The connection of the request of `call` that is out is gone. */
void evs_engine_lose(struct evs_call *call);

/** Ask `call` at the next turn, whatever it sleeps for. */
void evs_engine_wake(struct evs_call *call);

/** An answer to NEED: another snapshot, as for evs_flow_begin. Its call, or NULL when memory
 * ends. */
struct evs_call *evs_engine_add(struct evs_engine *engine, struct evs_str project,
                                struct evs_str id, const struct evs_snapshot *seen);

/** Answers to NEED: an id that is not to be deleted; no more ids. */
void evs_engine_skip(struct evs_engine *engine);
void evs_engine_end(struct evs_engine *engine);

/**
 * Read a list of `count` of the ids that are next, EVS_IDS_MOST at most, which are sorted in place.
 * Not while `looking`. False when memory ends.
 */
bool evs_engine_look(struct evs_engine *engine, struct evs_str project, struct evs_str *ids,
                     size_t count);

/** An answer to NEED: the next id waits for the look that is under way. */
void evs_engine_hold(struct evs_engine *engine);

/** Take a row that `list`, which looks for calls that wait, has shown; before its
 * evs_engine_reply. */
void evs_engine_shown(struct evs_call *list, const struct evs_snapshot *row);

/** Whether `max` ids were added: another one is too many. */
bool evs_engine_is_full(const struct evs_engine *engine);

/** The call at `slot`, below call_count. */
struct evs_call *evs_engine_call(struct evs_engine *engine, size_t slot);

/** The call whose request that is out has this ticket; NULL: none. */
struct evs_call *evs_engine_find(struct evs_engine *engine, unsigned long ticket);

/** The result of `call` was taken. */
void evs_engine_release(struct evs_call *call);

/** Begin no more calls, because of `error`. */
void evs_engine_stop(struct evs_engine *engine, const struct evs_error *error);

/** Whether a stop kept the DELETE of `call`, which has ended, from being sent. */
bool evs_engine_is_unsent(const struct evs_call *call);

/** End every call that has not ended: Client.Stopped. Requests that are out count as lost. */
void evs_engine_cancel(struct evs_engine *engine);

/** Abandon everything, wipe and free. Idempotent. */
void evs_engine_free(struct evs_engine *engine);

#pragma GCC visibility pop
#endif
