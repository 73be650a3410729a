/**
 * delete_snapshot: look (guard), delete, settle what a lost answer left open, wait until it is
 * gone.
 *
 * What each answer leads to is one table in delete.c: stage by meaning.
 */
#ifndef EVS_DELETE_H
#define EVS_DELETE_H

#include "flow.h"

#pragma GCC visibility push(hidden)

/** What a deletion is about to learn. */
enum evs_stage {
    EVS_GUARD,  /**< may the snapshot be deleted? */
    EVS_DELETE, /**< does EVS accept the deletion? */
    EVS_SETTLE, /**< did a DELETE whose answer was lost work? */
    EVS_WAIT,   /**< is the snapshot gone? */
    EVS_STAGE_COUNT
};

/** A deletion under way; its flow's type is evs_delete_snapshot. */
struct evs_deletion {
    struct evs_flow flow; /* first: a flow is cast to its deletion */
    enum evs_stage stage;
    bool seen;            /**< this call knows that the snapshot existed */
    bool asking;          /**< nothing forbids it: the script's own `protect` has the last word */
    bool seen_deleting;   /**< while waiting */
    unsigned polls;       /**< while waiting */
    char last_status[64]; /**< while waiting: what the last poll showed; empty: none yet */
    bool status_late;     /**< that poll was long enough after the 202 to count */
};

/**
 * After evs_flow_begin with a snapshot, and after each answer, of a call whose options have
 * `protect`: while `asking`, ask the script, set `kept_because` of the snapshot that was begun with
 * or answered, and give it here before anything else is done with the call.
 */
void evs_deletion_judge(struct evs_deletion *deletion, const struct evs_snapshot *snapshot);

/** Whether a DELETE of this call has left this machine, or is leaving it. */
bool evs_deletion_has_left(const struct evs_deletion *deletion);

/**
 * Succeeds when EVS answered 202 (with `wait`: when the snapshot is gone), when the snapshot is
 * missing and `ignore_missing` is set, or when a lost answer turns out to have been a deletion.
 */
extern const struct evs_flow_type evs_delete_snapshot;

/* A deletion that waits may have its next look made for it, by a list: */

/** Whether that look is due at `now`, or so nearly that it may be made with others'. */
bool evs_deletion_may_look(const struct evs_deletion *deletion, double now);

/** A list that departed at `departed` (monotonic) has shown `status`: that was the look. */
void evs_deletion_shown(struct evs_deletion *deletion, struct evs_str status, double departed);

/** The list has not shown the snapshot, which proves nothing: its own look is due at once. */
void evs_deletion_not_shown(struct evs_deletion *deletion);

/** The list has no answer, for a cause that may pass: look again after a while, or when the
 * server says so (`retry_after`, seconds; negative: it does not). */
void evs_deletion_look_later(struct evs_deletion *deletion, double retry_after);

#pragma GCC visibility pop
#endif
