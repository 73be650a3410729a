/**
 * delete_snapshots for scripts: ids in, results out, and the sums.
 */
#ifndef EVS_LUA_BATCH_H
#define EVS_LUA_BATCH_H

#include "../core/batch.h"
#include "client.h"

#pragma GCC visibility push(hidden)

/** Make the batches' metatable; once in a Lua state. */
void evs_lua_batch_setup(lua_State *L);

/** A batch as scripts hold it. Its uservalue table holds its client, its errors and a stop's reason. */
struct evs_lua_batch {
    struct evs_batch core;
    struct evs_lua_client *client;
    char project[256];
    unsigned long errors_room;   /**< how many errors may still be kept; those of an array all are */
};

enum { EVS_BATCH_CLIENT = 1, EVS_BATCH_ERRORS = 2, EVS_BATCH_STOPPED = 3 };

/**
 * Push a batch of the client at `client` with the project at `arg` and the options at `arg + 2`. Returns
 * NULL, with nothing pushed and `error` set, when a value cannot be used. Raises for what the program
 * got wrong.
 */
struct evs_lua_batch *evs_lua_batch_push(lua_State *L, int client, int arg, bool iterator,
                                         struct evs_error *error);

/** Give the batch at `index` the id, or the snapshot, at the top of the stack. Raises for all else. */
void evs_lua_batch_add(lua_State *L, int index);

/** Push the id, the result (true, or the error) and the info table of a call that has ended. */
void evs_lua_batch_push_result(lua_State *L, int index, struct evs_batch_call *call);

/** Whether there is something to tell of a call: of one that a stop kept from sending, there is not. */
bool evs_lua_batch_is_told(const struct evs_lua_batch *batch, const struct evs_batch_call *call);

/** Push the summary of the batch at `index`. */
void evs_lua_batch_push_summary(lua_State *L, int index);

/** Abandon what is under way; its transfers are freed. */
void evs_lua_batch_abandon(struct evs_lua_batch *batch);

#pragma GCC visibility pop
#endif
