/**
 * `evs.sign`: signatures for any Huawei Cloud API.
 */
#ifndef EVS_LUA_SIGN_H
#define EVS_LUA_SIGN_H

#include <lua.h>

#pragma GCC visibility push(hidden)

/**
 * `evs.sign{method=, url=, headers=, body=, ak=, sk=, security_token=, algorithm=, region=,
 * service=, time=}` returns a new table of the headers to send beside the given ones: `Host`,
 * `X-Sdk-Date`, `Authorization` and, when it was given, `X-Security-Token`.
 *
 * Raises, naming the field, for whatever is missing, of a wrong type, unknown or not to be signed.
 * No message holds a value of a field.
 */
int evs_lua_sign(lua_State *L);

#pragma GCC visibility pop
#endif
