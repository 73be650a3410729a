/**
 * Entries that a batch has read before their turn, so that lists can look at them: a window of
 * bounded size over what a function, or a script, gives.
 */
#ifndef EVS_LUA_AHEAD_H
#define EVS_LUA_AHEAD_H

#include "machine.h"

#pragma GCC visibility push(hidden)

/** Whether another entry is to be read before the next one is begun. */
bool evs_lua_ahead_wants(const struct evs_lua_machine *batch);

/** Keep the entry at `entry` behind those that were read; there is room for it. */
void evs_lua_ahead_keep(lua_State *L, int index, int entry);

/** Push the entry number `i`, counted from 0, of the batch at `index`: of its array, or of its
 * window. */
void evs_lua_ahead_push(lua_State *L, int index, size_t i);

#pragma GCC visibility pop
#endif
