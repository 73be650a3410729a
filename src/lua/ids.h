/**
 * The ids of a batch, as scripts give them.
 */
#ifndef EVS_LUA_IDS_H
#define EVS_LUA_IDS_H

#include "client/client.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/**
 * Push the array of ids and snapshots at `arg` with each id once, so that nothing the script does
 * to its own array later matters; all of it is checked. Raises for an entry of another type, a
 * hole, and entries behind metamethods. When an id is malformed, or there are more than `max`
 * entries, returns false with nothing pushed and `error` set, free of the client's secrets.
 */
bool evs_lua_ids_push(lua_State *L, int arg, size_t max, const struct evs_client *client,
                      struct evs_error *error);

/** Push the id of the entry at the top, which is an id or a snapshot; "" where the snapshot has
 * none. Raises for all else. */
void evs_lua_ids_push_id(lua_State *L);

#pragma GCC visibility pop
#endif
