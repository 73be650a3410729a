/**
 * The blocking driver: runs a machine over libcurl until it is done.
 */
#ifndef EVS_LUA_CALL_H
#define EVS_LUA_CALL_H

#include "client.h"

#pragma GCC visibility push(hidden)

/**
 * `delete_snapshot(project, id [, opts])` with the client at `client` and the arguments from `arg` on.
 * Returns true, or the error alone, or with `safe` nil and the error.
 */
int evs_lua_call_delete(lua_State *L, int client, int arg, bool safe);

/** `show_snapshot(project, id [, opts])`: the snapshot, or nil and the error. */
int evs_lua_call_show(lua_State *L, int client, int arg);

#pragma GCC visibility pop
#endif
