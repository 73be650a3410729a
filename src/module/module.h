/**
 * What scripts see: the modules `evs` and `evs.safe`, the client with its methods, `evs.sign`.
 */
#ifndef EVS_LUA_MODULE_H
#define EVS_LUA_MODULE_H

#include "lua/client.h"

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/* --- modules ---------------------------------------------------------------------------------- */

/** Push the table of `evs`, or with `safe` of `evs.safe`. Returns 1. No I/O. */
int evs_lua_module_open(lua_State *L, bool safe);

/* --- the client: a userdata with methods ------------------------------------------------------ */

/** Make the clients' metatable; once in a Lua state. */
void evs_lua_client_setup(lua_State *L);

/**
 * Push a client made from the option table at `index` (or none) and the environment. When a value
 * cannot be used, or something is missing, it is `unmade`.
 */
struct evs_lua_client *evs_lua_client_push(lua_State *L, int index, bool safe);

/* --- the blocking calls ----------------------------------------------------------------------- */

/**
 * `delete_snapshot(project, id [, opts])` with the client at `client` and the arguments at `arg`,
 * `arg + 1` and `arg + 2`; both are indices from the bottom. Returns true, or the error alone, or
 * with `safe` nil and the error.
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

/** `delete_snapshots(project, ids [, opts])`: the summary, or nil and the error when it could not
 * start. */
int evs_lua_call_batch(lua_State *L, int client, int arg);

/* --- the key, for drivers --------------------------------------------------------------------- */

/* Processes that sign with the same key can tell each other what they know of it. */

/**
 * `client:key(mono, wall [, news])`. Without `news` returns a table: `state` ("unproven", "proven",
 * "doubted" or "refused"), `seconds` (for how long a proof or a refusal still holds),
 * `clock_offset` (seconds), `healed`, `notes` (how many requests that may have met a 401 count),
 * where the key is known `name` (made of endpoint and key, neither of which can be found from it),
 * and of a doubted or refused key `error`. With `news`, such a table of another process, the key
 * becomes like it; with the state "held" a request of another process tries the key for
 * `news.seconds`.
 */
int evs_lua_client_key(lua_State *L);

/* --- signatures for any Huawei Cloud API ------------------------------------------------------ */

/**
 * `evs.sign{method=, url=, headers=, body=, ak=, sk=, security_token=, algorithm=, region=,
 * service=, time=}` returns a new table of the headers to send beside the given ones: `Host`,
 * `X-Sdk-Date`, `Authorization` and, when it was given, `X-Security-Token`.
 *
 * Raises, naming the field, for whatever is missing, of a wrong type, unknown or not to be signed.
 * No message holds a value of a field.
 */
int evs_lua_sign(lua_State *L);

#pragma GCC visibility pop
#endif
