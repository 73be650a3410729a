/**
 * The option `headers`: names and values that a script adds to the requests of a call, for those
 * who follow one request through many services. They are sent as they are, unsigned.
 */
#ifndef EVS_LUA_HEADERS_H
#define EVS_LUA_HEADERS_H

#include "base/error.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/**
 * Check the value at the top. Raises for what is no table, for a name that is not in the list or is
 * there twice, and for a value that is no string. Returns false and sets `error` when a value
 * cannot be sent.
 */
bool evs_lua_headers_check(lua_State *L, struct evs_error *error);

/**
 * Push the headers of the option table at `options` as lines joined by CRLF, and set `lines` to
 * that text; where there is no such option, push nil and leave `lines` as it is. They were checked.
 */
void evs_lua_headers_push(lua_State *L, int options, struct evs_str *lines);

#pragma GCC visibility pop
#endif
