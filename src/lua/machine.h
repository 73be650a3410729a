/**
 * Machines: calls under way, run by the blocking driver or by a script's own event loop.
 */
#ifndef EVS_LUA_MACHINE_H
#define EVS_LUA_MACHINE_H

#include "call/delete.h"
#include "call/list.h"
#include "call/show.h"
#include "client.h"

#pragma GCC visibility push(hidden)

/**
 * A machine. Its uservalue table holds its client at EVS_MACHINE_CLIENT, what it found (a snapshot, or an
 * array of them) at EVS_MACHINE_RESULT, and of a list the ids that were seen at EVS_MACHINE_SEEN.
 */
struct evs_lua_machine {
    union {
        struct evs_flow flow;
        struct evs_deletion deletion;
        struct evs_listing listing;
    } as;
    struct evs_lua_client *client;
    struct evs_transfer *transfer; /**< the blocking driver's */
    char request_id[129];          /**< of the last answer that a script brought */
};

enum { EVS_MACHINE_CLIENT = 1, EVS_MACHINE_RESULT = 2, EVS_MACHINE_SEEN = 3 };

/** Make the machines' metatable; once in a Lua state. */
void evs_lua_machine_setup(lua_State *L);

/** Push a new machine of the client at `client`; it does nothing yet. */
struct evs_lua_machine *evs_lua_machine_push(lua_State *L, int client);

/**
 * Begin the call that `type` names with the arguments at `arg`, `arg + 1` and `arg + 2`: project, id (of
 * a list: its filter) and options. Raises for what the program got wrong. The machine is at the top.
 */
void evs_lua_machine_begin(lua_State *L, struct evs_lua_machine *machine,
                           const struct evs_flow_type *type, int arg);

/** Raise for what the program got wrong in such arguments, and do nothing else. */
void evs_lua_machine_check(lua_State *L, const struct evs_flow_type *type, int arg);

/** How much of an answer's body the machine wants. */
size_t evs_lua_machine_limit(const struct evs_lua_machine *machine);

/**
 * Give the machine at `index` the facts of an answer; the decoded body is at the top, and what it shows
 * is kept as the result.
 */
void evs_lua_machine_reply(lua_State *L, int index, struct evs_facts *facts);

/** Push the array of rows of a list that the machine at `index` has found; it starts a new one. */
void evs_lua_machine_take_rows(lua_State *L, int index);

/** Push the result of the machine at `index`, which succeeded. */
void evs_lua_machine_push_result(lua_State *L, int index);

/** Let `client:last()` tell of this machine's call, which has ended. */
void evs_lua_machine_tell(struct evs_lua_machine *machine);

/** `client:start(operation, project, id [, opts])`. */
int evs_lua_machine_start(lua_State *L);

#pragma GCC visibility pop
#endif
