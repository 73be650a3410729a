#include "ahead.h"

#include "look.h"

#include <string.h>

/* One entry at least, and as many as the next list can ask for when it is due. An entry beyond
 * `max` is read when those before it have begun: it stops the batch. */
bool evs_lua_ahead_wants(const struct evs_lua_machine *batch)
{
    size_t held = batch->count - batch->position;

    if (batch->read_all || held == batch->ahead)
        return false;
    return held == 0 || (batch->count < batch->engine.limits.max && evs_lua_look_is_due(batch) &&
                         evs_lua_look_left(batch) < EVS_IDS_MOST);
}

/* How deep what is read of a snapshot lies, in tables: the chains that it is on, and other
 * fields. */
enum { CHAINS_DEPTH = 3, FIELD_DEPTH = 2 };

static bool is_chains(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TSTRING &&
           strcmp(lua_tostring(L, index), "snapshot_chains") == 0;
}

/* Push a copy of the table at the top, `depth` tables deep. Of a metatable it has an empty one:
 * all that is read of it is that there is one. */
static void push_copy(lua_State *L, int depth)
{
    int table = lua_gettop(L), copy = table + 1;

    luaL_checkstack(L, 6, NULL);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        bool field = depth == CHAINS_DEPTH && !is_chains(L, -2);
        int below = field ? FIELD_DEPTH - 1 : depth - 1;

        lua_pushvalue(L, -2);
        lua_insert(L, -2); /* key, key, value */
        if (below > 0 && lua_istable(L, -1)) {
            push_copy(L, below);
            lua_remove(L, -2);
        }
        lua_rawset(L, copy);
    }
    if (lua_getmetatable(L, table)) {
        lua_newtable(L);
        lua_setmetatable(L, copy);
        lua_pop(L, 1);
    }
}

/* A script may give the same table again with other values in it: a snapshot is kept as it was
 * given. */
void evs_lua_ahead_keep(lua_State *L, int index, int entry)
{
    struct evs_lua_machine *batch = lua_touserdata(L, index);

    evs_lua_machine_push_kept(L, index, EVS_MACHINE_AHEAD);
    lua_pushvalue(L, entry);
    if (lua_istable(L, -1)) {
        push_copy(L, CHAINS_DEPTH);
        lua_remove(L, -2);
    }
    lua_rawseti(L, -2, (int)(batch->count % batch->ahead) + 1);
    lua_pop(L, 1);
    batch->count++;
}

void evs_lua_ahead_push(lua_State *L, int index, size_t i)
{
    const struct evs_lua_machine *batch = lua_touserdata(L, index);
    bool array = batch->source == EVS_FROM_ARRAY;

    evs_lua_machine_push_kept(L, index, array ? EVS_MACHINE_SOURCE : EVS_MACHINE_AHEAD);
    lua_rawgeti(L, -1, (int)(array ? i : i % batch->ahead) + 1);
    lua_remove(L, -2);
}
