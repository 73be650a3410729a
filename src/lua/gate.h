/**
 * The key gate for drivers: processes that sign with the same key can tell each other what they know
 * of it.
 */
#ifndef EVS_LUA_GATE_H
#define EVS_LUA_GATE_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/**
 * `client:gate(mono [, change])`. Without `change` returns a table: `state` ("unproven", "proven" or
 * "refused"), `clock_offset` (seconds), `healed`, where the key is known `key` (a name for endpoint and
 * key, from which neither can be found), and of a refused key `error` and `seconds`, how much longer. With
 * `change`, such a table, the gate becomes like it; with the state "held" nobody new sends for
 * `change.seconds`, while the key is unproven.
 */
int evs_lua_client_gate(lua_State *L);

#pragma GCC visibility pop
#endif
