/**
 * Machines as scripts run them, over an event loop of their own.
 */
#ifndef EVS_LUA_SCRIPT_H
#define EVS_LUA_SCRIPT_H

#include "lua/compat.h"

#pragma GCC visibility push(hidden)

#define EVS_MACHINE_METATABLE "evs.machine"

/** Make the metatables of machines and batches; once in a Lua state. */
void evs_lua_script_setup(lua_State *L);

/** `client:start(operation, project, id [, opts])`. */
int evs_lua_script_start(lua_State *L);

#pragma GCC visibility pop
#endif
