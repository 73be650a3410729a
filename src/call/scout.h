/**
 * The lists of a batch: calls that read, by one request, what many deletions must see. A part of
 * the engine.
 *
 * A look is at ids that have not begun: the driver asks for it and keeps its rows. A poll is for
 * deletions that wait for their snapshots to be gone: those whose looks are due at about the same
 * time share one. A row stands for the look of its deletion. That a list has no row proves nothing:
 * that deletion looks by itself.
 */
#ifndef EVS_SCOUT_H
#define EVS_SCOUT_H

#include "engine.h"

#pragma GCC visibility push(hidden)

/** Whether `call`, of a batch, reads a list. */
bool evs_scout_is_list(const struct evs_call *call);

/** Whom to ask in place of `call`, which is due: a poll for it and others, or itself. */
struct evs_call *evs_scout_for(struct evs_call *call, double now);

/** A list has ended: what its answer has not told, its deletions find out. */
void evs_scout_conclude(struct evs_call *list, double now);

/** `call` does not need what a list would tell it. */
void evs_scout_leave(struct evs_call *call);

/** Hold the answer to a look of `call`, which is `alone`, against what lists have told. */
void evs_scout_compare(struct evs_call *call, const struct evs_facts *facts);

/* What the engine has for its lists: */

/** A call with a slot of its own; NULL when memory ends. */
struct evs_call *evs_engine_new_call(struct evs_engine *engine);

/** Make `call` one that begins. */
void evs_engine_reset(struct evs_call *call);

/** Note that `call` has sent something, or has ended without. */
void evs_engine_set_started(struct evs_call *call);

/** Whether the key is proven. */
bool evs_engine_is_proven(const struct evs_engine *engine);

/** Stop the batch where the end of `flow` means that the others would fail as well. */
void evs_engine_stop_if_hopeless(struct evs_engine *engine, const struct evs_flow *flow);

#pragma GCC visibility pop
#endif
