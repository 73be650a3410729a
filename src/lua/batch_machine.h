/**
 * Batches for scripts' own event loops: the scheduler of delete_snapshots, run by hand.
 */
#ifndef EVS_LUA_BATCH_MACHINE_H
#define EVS_LUA_BATCH_MACHINE_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/** Give batches their methods; after evs_lua_batch_setup. */
void evs_lua_batch_machine_setup(lua_State *L);

/** `client:start("delete_snapshots", project, nil [, opts])`, with project, nil, opts at `arg` and on. */
int evs_lua_batch_machine_start(lua_State *L, int client, int arg);

#pragma GCC visibility pop
#endif
