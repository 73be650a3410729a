/**
 * The modules `evs` and `evs.safe`: their tables of functions.
 */
#ifndef EVS_LUA_MODULE_H
#define EVS_LUA_MODULE_H

#include "lua/compat.h"

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/** Push the table of `evs`, or with `safe` of `evs.safe`. Returns 1. No I/O. */
int evs_lua_module_open(lua_State *L, bool safe);

#pragma GCC visibility pop
#endif
