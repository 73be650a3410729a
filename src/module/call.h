/**
 * The blocking calls.
 */
#ifndef EVS_LUA_CALL_H
#define EVS_LUA_CALL_H

#include "lua/client.h"

#pragma GCC visibility push(hidden)

/**
 * `delete_snapshot(project, id [, opts])` with the client at `client` and the arguments at `arg`, `arg + 1`
 * and `arg + 2`; both are indices from the bottom.
 * Returns true, or the error alone, or with `safe` nil and the error.
 */
int evs_lua_call_delete(lua_State *L, int client, int arg, bool safe);

/** `list_snapshots(project [, filter [, opts]])`: an array, or nil and the error. */
int evs_lua_call_list(lua_State *L, int client, int arg);

/** `list_volumes(project, nil [, opts])`: likewise of disks. */
int evs_lua_call_list_volumes(lua_State *L, int client, int arg);

/** `each_snapshot(project [, filter [, opts]])`: an iterator. */
int evs_lua_call_each(lua_State *L, int client, int arg);

/** `show_snapshot(project, id [, opts])`: the snapshot, or nil and the error. */
int evs_lua_call_show(lua_State *L, int client, int arg);

/** `project_id(_, _ [, opts])`: the id, or nil and the error. */
int evs_lua_call_project(lua_State *L, int client, int arg);

/** `delete_snapshots(project, ids [, opts])`: the summary, or nil and the error when it could not start. */
int evs_lua_call_batch(lua_State *L, int client, int arg);

#pragma GCC visibility pop
#endif
