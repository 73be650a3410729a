/**
 * Ctrl-C: lua.c's handler of SIGINT sets a hook and nothing else, which waits for Lua code to run. A driver
 * that is busy in C lets the hook act.
 */
#ifndef EVS_LUA_INTERRUPT_H
#define EVS_LUA_INTERRUPT_H

#include "compat.h"

#include <stdbool.h>

#pragma GCC visibility push(hidden)

/** The hook as it was before. */
struct evs_lua_watch {
    lua_Hook hook;
};

/** Begin to watch. */
struct evs_lua_watch evs_lua_watch(lua_State *L);

/** Raise the error of a hook that was set since, if it has one. */
void evs_lua_obey_interrupt(lua_State *L, struct evs_lua_watch *watch);

#pragma GCC visibility pop
#endif
