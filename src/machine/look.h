/**
 * Looks of a batch: what a list shows of the ids that are next, kept until each has its turn; and
 * what one shows of those that wait to be gone.
 */
#ifndef EVS_LUA_LOOK_H
#define EVS_LUA_LOOK_H

#include "machine.h"

#pragma GCC visibility push(hidden)

/** Whether it is time to look at the ids behind those that were looked at. */
bool evs_lua_look_is_due(const struct evs_lua_machine *machine);

/** How many entries there are behind those that were looked at, or begun. */
size_t evs_lua_look_left(const struct evs_lua_machine *machine);

/**
 * Whether the id at the top, the next of the batch at `index`, can be begun: its row is there
 * and young enough, or it looks by itself. Else NEED is answered: the id waits for a look.
 */
bool evs_lua_look_is_ready(lua_State *L, int index);

/** Look at the ids behind the next one, when the rows that are there will soon be used up. */
void evs_lua_look_ahead(lua_State *L, int index);

/** Take the row of the id at the top, if there is one, into `snapshot`; pushes one value, which
 * is then the row as scripts see it, and keeps `snapshot`. */
bool evs_lua_look_take(lua_State *L, int index, struct evs_snapshot *snapshot);

/** Give a list of the batch, for the guard or for those that wait, the facts of its answer; the
 * decoded body is at the top. */
void evs_lua_look_reply(lua_State *L, int index, struct evs_call *call, struct evs_facts *facts);

#pragma GCC visibility pop
#endif
