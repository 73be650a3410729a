/**
 * What the blocking drivers share: connections, answers made facts, Ctrl-C, on_attempt.
 */
#ifndef EVS_LUA_CARRY_H
#define EVS_LUA_CARRY_H

#include "call/flow.h"
#include "client.h"

#pragma GCC visibility push(hidden)

/** How long the network may keep a driver from noticing Ctrl-C, seconds. */
#define EVS_SLICE 0.1

/** lua.c's handler of SIGINT does no more than set a hook; this is the hook as it was before. */
struct evs_lua_watch {
    lua_Hook hook;
};

/** Begin to watch. */
struct evs_lua_watch evs_lua_watch(lua_State *L);

/**
 * Whether somebody set a hook since, and wants to interrupt: then the error to raise is pushed. The
 * caller cleans up and calls lua_error.
 */
bool evs_lua_interrupted(lua_State *L, struct evs_lua_watch *watch);

/** Sleep for at most EVS_SLICE of `seconds`; what is left of them. */
double evs_lua_sleep(double seconds);

/** The client's connections, made at the first need, and anew after a fork. Raises without memory. */
struct evs_http *evs_lua_home(lua_State *L, struct evs_lua_client *client);

/** See that `*transfer` is one of the client's connections'; made if need be. Raises without memory. */
void evs_lua_ready_transfer(lua_State *L, struct evs_lua_client *client,
                            struct evs_transfer **transfer);

/**
 * The facts of a transfer that has finished with an answer. Pushes the decoded body (or nil), which
 * keeps their slices alive; or, and returns false, an error to raise.
 */
bool evs_lua_transfer_facts(lua_State *L, struct evs_transfer *transfer, struct evs_facts *facts);

/** What on_attempt is told. */
struct evs_lua_attempt {
    const char *method;
    struct evs_str path; /**< canonical, with the slash at its end */
    int status;          /**< 0: no answer */
    double seconds;
    unsigned number;
};

/** Push the table that on_attempt gets. */
void evs_lua_push_attempt(lua_State *L, const struct evs_lua_attempt *attempt);

/** Push the function under `name` of the option table at `options`, else the client's at `slot`; or nil. */
void evs_lua_push_callback(lua_State *L, int client, int options, const char *name, int slot);

#pragma GCC visibility pop
#endif
