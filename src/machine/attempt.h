/**
 * What on_attempt is told of one attempt, and what follows it.
 */
#ifndef EVS_LUA_ATTEMPT_H
#define EVS_LUA_ATTEMPT_H

#include "call/engine.h"
#include "lua/compat.h"

#pragma GCC visibility push(hidden)

struct evs_lua_attempt {
    const struct evs_call *call;
    const char *method;
    int status;    /**< 0: no answer */
    double date;   /**< the server's clock, seconds since 1970; negative: not given */
    char code[65]; /**< of what went wrong; "": nothing did */
};

/** An attempt of `call`, whose request is out. */
struct evs_lua_attempt evs_lua_attempt(const struct evs_call *call);

/** It has an answer, which the call is not given yet. */
void evs_lua_attempt_answered(struct evs_lua_attempt *attempt, const struct evs_facts *facts);

/** It has none. */
void evs_lua_attempt_failed(struct evs_lua_attempt *attempt, const struct evs_failure *failure);

/** Push the table that on_attempt gets, but for `seconds`, once the call was given what came; at
 * `now`, or where nobody knows that, at any time since it was sent. */
void evs_lua_attempt_push(lua_State *L, const struct evs_lua_attempt *attempt, double now);

#pragma GCC visibility pop
#endif
