/**
 * Errors as scripts see them: a table with a __tostring.
 */
#ifndef EVS_LUA_ERROR_H
#define EVS_LUA_ERROR_H

#include "base/error.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/** Make the errors' metatable; once in a Lua state. */
void evs_lua_error_setup(lua_State *L);

/** Push `error` as a table: code, message, attempts, outcome, retryable, and what else is known. */
void evs_lua_error_push(lua_State *L, const struct evs_error *error);

/** Push nil and `error`, for `return nil, err`. Returns 2. */
int evs_lua_error_return(lua_State *L, const struct evs_error *error);

/** `evs.is_error(v)`: whether v has an error's fields, whatever its metatable. */
int evs_lua_is_error(lua_State *L);

#pragma GCC visibility pop
#endif
