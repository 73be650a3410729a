/**
 * The client as scripts see it: a userdata with methods.
 */
#ifndef EVS_MODULE_CLIENT_H
#define EVS_MODULE_CLIENT_H

#include "lua/client.h"

#pragma GCC visibility push(hidden)

/** Make the clients' metatable; once in a Lua state. */
void evs_lua_client_setup(lua_State *L);

/**
 * Push a client made from the option table at `index` (or none) and the environment. When a value cannot be
 * used, or something is missing, it is `unmade`.
 */
struct evs_lua_client *evs_lua_client_push(lua_State *L, int index, bool safe);

#pragma GCC visibility pop
#endif
