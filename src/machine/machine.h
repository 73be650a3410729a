/**
 * Machines: an engine, and what its calls keep in Lua. The blocking driver and scripts run the same
 * ones.
 */
#ifndef EVS_LUA_MACHINE_H
#define EVS_LUA_MACHINE_H

#include "call/engine.h"
#include "call/project.h"
#include "call/show.h"
#include "lua/client.h"

#pragma GCC visibility push(hidden)

/** Where the ids of a batch come from. */
enum evs_lua_source {
    EVS_FROM_ARRAY,    /**< at EVS_MACHINE_SOURCE, each id once */
    EVS_FROM_FUNCTION, /**< at EVS_MACHINE_SOURCE; memory is to stay constant */
    EVS_FROM_SCRIPT    /**< from the batch's method `add`; the same */
};

/** A machine; what it keeps in Lua is in its uservalue table. */
struct evs_lua_machine {
    struct evs_engine engine;
    struct evs_lua_client *client;
    bool asking; /**< the script's `protect` runs: it must leave the machine alone */
    bool driven; /**< the blocking driver runs it */
    /* of a batch: */
    enum evs_lua_source source;
    size_t position, count; /**< entries that were begun; that there are, or that were read ahead */
    size_t ahead;           /**< so many entries are read ahead at most; 0: none, or an array */
    bool read_all;          /**< there are no more than `count` */
    size_t looked;          /**< so many of its entries were looked at by lists */
    size_t looking_from;    /**< the first entry of the last list */
    unsigned long errors_room; /**< how many errors may still be kept; those of an array all are */
    char project[256];
};

/** In the uservalue table. */
enum {
    EVS_MACHINE_CLIENT = 1,
    EVS_MACHINE_PROTECT, /**< the option's function, where the call's options say so */
    EVS_MACHINE_HEADERS, /**< lines that the call's options add to each request */
    EVS_MACHINE_RESULT,  /**< a snapshot, or an array of them */
    EVS_MACHINE_SEEN,   /**< id = true: of a list all rows, of a batch the ids that are under way */
    EVS_MACHINE_SOURCE, /**< of a batch: its ids, or the function that gives them */
    EVS_MACHINE_AHEAD,  /**< of a batch: what was read ahead, a ring of `ahead` entries */
    EVS_MACHINE_NAMES,  /**< of a batch: slot + 1 = id, as it was given */
    EVS_MACHINE_ERRORS, /**< of a batch: id = error */
    EVS_MACHINE_ROWS,   /**< of a batch: id = what a list showed of it */
    EVS_MACHINE_STOPPED /**< of a batch: why, where that is the script's own value */
};

/** Push a new machine of the client at `client`, of the kind that `metatable` names. */
struct evs_lua_machine *evs_lua_machine_push(lua_State *L, int client, const char *metatable);

/** Put the value at the top into the machine's table, and pop it. */
void evs_lua_machine_keep(lua_State *L, int machine, int what);

/** Push what the machine's table holds. */
void evs_lua_machine_push_kept(lua_State *L, int machine, int what);

/** Set `call->headers` to those of the option table at `options`, if it has some; the machine
 * keeps them. */
void evs_lua_machine_add_headers(lua_State *L, int machine, int options,
                                 struct evs_call_options *call);

/**
 * Begin the call that `type` names with the arguments at `arg`, `arg + 1` and `arg + 2`: project,
 * id (of a list: its filter) and options. Raises for what the program got wrong. The machine is at
 * the top. With `paged`, a list says PAGE.
 */
void evs_lua_machine_begin(lua_State *L, const struct evs_flow_type *type, int arg, bool paged);

/**
 * Ask the script's `protect`, if the call waits for that, about the snapshot table at the top,
 * which `snapshot` was read from. What the function raises goes on, and the snapshot is kept.
 */
void evs_lua_machine_ask(lua_State *L, int index, struct evs_call *call,
                         struct evs_snapshot *snapshot);

/** How much of an answer's body `call` wants. */
size_t evs_lua_body_limit(const struct evs_call *call);

/**
 * Give the call the facts of an answer, of the machine at `index`; the decoded body is at the top,
 * and what it shows is kept as the result.
 */
void evs_lua_machine_reply(lua_State *L, int index, struct evs_call *call, struct evs_facts *facts);

/** Push the rows of a list that the machine at `index` has found, and forget them. */
void evs_lua_machine_take_rows(lua_State *L, int index);

/** Push what the single call of the machine at `index` has come to: its result, or nil and the
 * error. Returns how many values. */
int evs_lua_machine_push_result(lua_State *L, int index);

/** Let `client:last()` tell of this machine's call. */
void evs_lua_machine_tell(struct evs_lua_machine *machine);

/** Read what `last` has still to read from this transfer: it is used anew, or freed. */
void evs_lua_machine_forget(struct evs_lua_client *client, const struct evs_transfer *transfer);

/** Stop what the machine's calls send. */
void evs_lua_machine_abandon_transfers(struct evs_lua_machine *machine);

/** Give up all that is under way, and free it. Idempotent. */
void evs_lua_machine_free(struct evs_lua_machine *machine);

#pragma GCC visibility pop
#endif
