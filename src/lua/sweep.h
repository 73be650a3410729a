/**
 * The blocking driver of batches: runs one over libcurl until it is done.
 */
#ifndef EVS_LUA_SWEEP_H
#define EVS_LUA_SWEEP_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/**
 * `delete_snapshots(project, ids [, opts])` with the client at `client` and the arguments at `arg`,
 * `arg + 1` and `arg + 2`: the summary, or nil and the error when it could not start.
 */
int evs_lua_sweep(lua_State *L, int client, int arg);

/** Raise for what the program got wrong in such arguments, and do nothing else. */
void evs_lua_sweep_check(lua_State *L, int arg);

#pragma GCC visibility pop
#endif
