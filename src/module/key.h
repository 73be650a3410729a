/**
 * The key for drivers: processes that sign with the same key can tell each other what they know of it.
 */
#ifndef EVS_LUA_KEY_H
#define EVS_LUA_KEY_H

#include "lua/compat.h"

#pragma GCC visibility push(hidden)

/**
 * `client:key(mono, wall [, news])`. Without `news` returns a table: `state` ("unproven", "proven",
 * "doubted" or "refused"), `seconds` (for how long a proof or a refusal still holds), `clock_offset`
 * (seconds), `healed`, `notes` (how many requests that may have met a 401 count), where the key is known
 * `name` (made of endpoint and key, neither of which can be found from it), and of a doubted or refused
 * key `error`. With `news`, such a table of another process, the key becomes like it; with the state
 * "held" a request of another process tries the key for `news.seconds`.
 */
int evs_lua_client_key(lua_State *L);

#pragma GCC visibility pop
#endif
