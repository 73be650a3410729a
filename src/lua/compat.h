/**
 * One source for Lua 5.1 to 5.5 and LuaJIT: what the older ones lack, under names of our own.
 *
 * LuaJIT has some of the later luaL_* functions under 5.1's version number, so nothing here takes
 * one of their names. Lower bounds only: the next Lua is like the last.
 */
#ifndef EVS_COMPAT_H
#define EVS_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#include <string.h>

#ifndef LUA_OK
#define LUA_OK 0
#endif

#pragma GCC visibility push(hidden)

/** Put `functions` into the table at the top, each with `upvalues` values above it as upvalues. */
static inline void evs_compat_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues)
{
#if LUA_VERSION_NUM >= 502
    luaL_setfuncs(L, functions, upvalues);
#else
    luaL_checkstack(L, upvalues + 1, "too many upvalues");
    for (; functions->name; functions++) {
        for (int i = 0; i < upvalues; i++)
            lua_pushvalue(L, -upvalues);
        lua_pushcclosure(L, functions->func, upvalues);
        lua_setfield(L, -(upvalues + 2), functions->name);
    }
    lua_pop(L, upvalues);
#endif
}

/** Push a table for a module; where Lua can tell, a build for another Lua is refused. */
static inline void evs_compat_newmodule(lua_State *L)
{
#if LUA_VERSION_NUM >= 502
    luaL_checkversion(L);
#endif
    lua_newtable(L);
}

/** Give the value at the top the metatable called `name`. */
static inline void evs_compat_setmetatable(lua_State *L, const char *name)
{
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
}

/** Push what the table at `index` itself holds under `name`: no metamethod has a say. */
static inline void evs_compat_rawgetfield(lua_State *L, int index, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, index);
}

/** Tie the table at the top to the userdata at `index`, and pop it. */
static inline void evs_compat_setuservalue(lua_State *L, int index)
{
#if LUA_VERSION_NUM >= 502
    lua_setuservalue(L, index);
#else
    lua_setfenv(L, index);
#endif
}

/** Push the table that was tied to the userdata at `index`. */
static inline void evs_compat_getuservalue(lua_State *L, int index)
{
#if LUA_VERSION_NUM >= 502
    lua_getuservalue(L, index);
#else
    lua_getfenv(L, index);
#endif
}

/** The length of the table at `index`, without metamethods. */
static inline size_t evs_compat_rawlen(lua_State *L, int index)
{
#if LUA_VERSION_NUM >= 502
    return (size_t)lua_rawlen(L, index); /* 5.4 counts in 64 bits everywhere */
#else
    return lua_objlen(L, index);
#endif
}

/** The state whose hook a signal handler sets: lua.c knows only the main thread. */
static inline lua_State *evs_compat_mainthread(lua_State *L)
{
#if LUA_VERSION_NUM >= 502
    lua_State *main;

    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main ? main : L;
#else
    return L;
#endif
}

#pragma GCC visibility pop
#endif
