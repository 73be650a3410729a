/**
 * Filters of a list, as scripts give them.
 */
#ifndef EVS_LUA_FILTER_H
#define EVS_LUA_FILTER_H

#include "call/list.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/**
 * Read the table at `index`, if there is one, into `listing` of `client`. Raises for a wrong type
 * and an unknown name; returns false and sets `error` when a value cannot be used, or when the
 * client's generation has no such filter.
 */
bool evs_lua_filter_read(lua_State *L, int index, const struct evs_client *client,
                         struct evs_listing *listing, struct evs_error *error);

#pragma GCC visibility pop
#endif
