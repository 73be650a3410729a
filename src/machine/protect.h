/**
 * The option `protect`: the script's own say in what the guard lets pass.
 */
#ifndef EVS_LUA_PROTECT_H
#define EVS_LUA_PROTECT_H

#include "api/facts.h"
#include "lua/compat.h"

#pragma GCC visibility push(hidden)

/** Keep the function of the option table at `options`, else the client's own, in the machine at
 * `index`. */
void evs_lua_protect_keep(lua_State *L, int index, int options);

/**
 * Ask the function that the machine at `index` keeps about the snapshot table at the top, which
 * `snapshot` was read from, and set `snapshot->kept_because`. Pushes values that keep the slices of
 * `snapshot` alive, whatever the function does to the table. False when the function raised, or
 * yielded: the snapshot is kept, and the error is at the top, for the caller to raise once the call
 * knows of the answer.
 */
bool evs_lua_protect_ask(lua_State *L, int index, struct evs_snapshot *snapshot);

#pragma GCC visibility pop
#endif
