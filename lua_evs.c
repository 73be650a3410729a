/*
 * lua-evs: deletes snapshots of Huawei Cloud's Elastic Volume Service from Lua.
 *
 * The two entry points of evs.so, and nothing else. `require "evs.safe"` finds the second one in
 * the same file by Lua's all-in-one loader.
 */
#include "src/module/module.h"

#define EVS_EXPORT __attribute__((visibility("default")))

EVS_EXPORT int luaopen_evs(lua_State *L);
EVS_EXPORT int luaopen_evs_safe(lua_State *L);

int luaopen_evs(lua_State *L)
{
    return evs_lua_module_open(L, false);
}

int luaopen_evs_safe(lua_State *L)
{
    return evs_lua_module_open(L, true);
}
