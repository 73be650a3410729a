/**
 * What a script's own event loop is given, and gives: requests, and what came of them.
 */
#ifndef EVS_LUA_SCRIPT_IO_H
#define EVS_LUA_SCRIPT_IO_H

#include "call/engine.h"
#include "lua/compat.h"
#include "lua/json.h"

#pragma GCC visibility push(hidden)

/** The time, seconds, at `arg`; raises for anything else. */
double evs_lua_check_time(lua_State *L, int arg);

/** Push the request of a SEND: method, url, headers, deadline, connect_timeout, limit (bytes of a
 * body); metadata where it is for that service. */
void evs_lua_push_request(lua_State *L, const struct evs_act *act);

/** An answer that a script brought. */
struct evs_lua_told {
    lua_State *L;
    int headers;          /**< index of their table */
    char retry_after[32]; /**< text of this header where it is a number */
    struct evs_lua_answer answer;
};

/**
 * Read the status, the headers and the body at `arg`, `arg + 1` and `arg + 2`; a body longer than
 * `limit` is cut. Raises for what cannot be an answer.
 */
void evs_lua_check_answer(lua_State *L, int arg, size_t limit, struct evs_lua_told *told);

/** Read the code, the message and `sent` at `arg`, `arg + 1` and `arg + 2`; raises for anything
 * else. */
struct evs_failure evs_lua_check_failure(lua_State *L, int arg);

#pragma GCC visibility pop
#endif
