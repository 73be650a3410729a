/**
 * delete_snapshots for scripts: ids in, results out, and the sums.
 */
#ifndef EVS_LUA_BATCH_H
#define EVS_LUA_BATCH_H

#include "call/batch.h"
#include "client.h"

#pragma GCC visibility push(hidden)

/** Make the batches' metatable; once in a Lua state. */
void evs_lua_batch_setup(lua_State *L);

/** A batch as scripts hold it; what it keeps in Lua is in its uservalue table. */
struct evs_lua_batch {
    struct evs_batch core;
    struct evs_lua_client *client;
    char project[256];
    bool iterator;             /**< ids come from a function: memory is to stay constant */
    unsigned long errors_room; /**< how many errors may still be kept; those of an array all are */
};

/** In the uservalue table. */
enum {
    EVS_BATCH_CLIENT = 1,
    EVS_BATCH_ERRORS,  /**< id = error */
    EVS_BATCH_STOPPED, /**< why, where it is the iterator's own value */
    EVS_BATCH_SEEN,    /**< id = true: of an array all, of an iterator those under way */
    EVS_BATCH_IDS      /**< call = id, as it was given */
};

/**
 * Push a batch of the client at `client` with the project at `arg` and the options at `arg + 2`. Returns
 * NULL, with nothing pushed and `error` set, when a value cannot be used. Raises for what the program
 * got wrong.
 */
struct evs_lua_batch *evs_lua_batch_push(lua_State *L, int client, int arg, bool iterator,
                                         struct evs_error *error);

/**
 * Give the batch at `index` the id, or the snapshot, at the top of the stack, unless it came before.
 * Raises for all else.
 */
void evs_lua_batch_add(lua_State *L, int index);

/** The batch was stopped: count the id, or the snapshot, at the top as unsent, unless it came before. */
void evs_lua_batch_leave(lua_State *L, int index);

/** Push the id, the result (true, or the error) and the info table of a call that has ended. */
void evs_lua_batch_push_result(lua_State *L, int index, struct evs_batch_call *call);

/** The result of `call` was told: make room. */
void evs_lua_batch_release(lua_State *L, int index, struct evs_batch_call *call);

/** Stop the batch with the value at the top, which the summary then shows as `stopped`; pops it. */
void evs_lua_batch_stop_with(lua_State *L, int index);

/** Push the summary of the batch at `index`. */
void evs_lua_batch_push_summary(lua_State *L, int index);

/** Abandon what is under way; its transfers are freed. */
void evs_lua_batch_abandon(struct evs_lua_batch *batch);

#pragma GCC visibility pop
#endif
