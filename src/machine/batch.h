/**
 * delete_snapshots: ids in, results out, and the sums. The blocking driver and scripts run it.
 */
#ifndef EVS_LUA_BATCH_H
#define EVS_LUA_BATCH_H

#include "machine.h"

#pragma GCC visibility push(hidden)

#define EVS_BATCH_METATABLE "evs.batch"

/**
 * Push a batch of the client at `client` with project, ids and options at `arg`, `arg + 1` and `arg
 * + 2`. Returns NULL, with nothing pushed and `error` set, when a value cannot be used. Raises for
 * what the program got wrong. Ids are an array or a function, or `from_script` an array or nil.
 */
struct evs_lua_machine *evs_lua_batch_push(lua_State *L, int client, int arg, bool from_script,
                                           struct evs_error *error);

/** Whether NEED wants an id from outside: evs_lua_batch_add, or _finish. Else evs_lua_batch_feed
 * answers it. */
bool evs_lua_batch_wants(const struct evs_lua_machine *batch);

/** Answer NEED with the next id that the batch at `index` holds, of its array or read ahead. */
void evs_lua_batch_feed(lua_State *L, int index);

/**
 * Answer NEED with the id, or the snapshot, at the top of the stack, unless it is under way; or
 * keep it, where ids are read ahead. One that comes after a stop, or is more than `max` allows, is
 * unsent. Raises for all else.
 */
void evs_lua_batch_add(lua_State *L, int index);

/** Answer NEED: there are no more ids. */
void evs_lua_batch_finish(struct evs_lua_machine *batch);

/** Stop the batch with the value at the top, which the summary then shows as `stopped`; pops it. */
void evs_lua_batch_stop_with(lua_State *L, int index);

/** Push the id, the result (true, or the error) and the info table of a call that has ended. */
void evs_lua_batch_push_result(lua_State *L, int index, struct evs_call *call);

/** The result of `call` was pushed: make room. */
void evs_lua_batch_release(lua_State *L, int index, struct evs_call *call);

/** Push the summary of the batch at `index`, which is done. */
void evs_lua_batch_push_summary(lua_State *L, int index);

#pragma GCC visibility pop
#endif
