/**
 * The blocking driver: runs a machine over libcurl.
 */
#ifndef EVS_LUA_DRIVER_H
#define EVS_LUA_DRIVER_H

#include "machine.h"

#pragma GCC visibility push(hidden)

/** Put the driver into the table at the top, for evs_lua_drive: once for each client. */
void evs_lua_driver_setup(lua_State *L);

/** The functions that a call tells; each may be nil. */
struct evs_lua_callbacks {
    int on_attempt, on_result; /**< indices on the stack */
};

/** Push on_attempt and on_result: those of the option table at `options`, else those of the
 * client. */
struct evs_lua_callbacks evs_lua_callbacks_push(lua_State *L, int client, int options);

/**
 * Run the machine at `index`, of the client at `client`, to its end, or to the next page of a list.
 * When anything raises (a function of the script's, Ctrl-C, the end of memory), all that the
 * machine has under way is given up, and the error goes on.
 */
void evs_lua_drive(lua_State *L, int client, int index, struct evs_lua_callbacks callbacks);

#pragma GCC visibility pop
#endif
