#include "ahead.h"

#include "look.h"

/* One entry at least, and as many as the next list can ask for when it is due. An entry beyond `max` is
 * read when those before it have begun: it stops the batch. */
bool evs_lua_ahead_wants(const struct evs_lua_machine *batch)
{
    size_t held = batch->count - batch->position;

    if (batch->read_all || held == batch->ahead)
        return false;
    return held == 0 || (batch->count < batch->engine.limits.max && evs_lua_look_is_due(batch) &&
                         evs_lua_look_left(batch) < EVS_IDS_MOST);
}

void evs_lua_ahead_keep(lua_State *L, int index, int entry)
{
    struct evs_lua_machine *batch = lua_touserdata(L, index);

    evs_lua_machine_push_kept(L, index, EVS_MACHINE_AHEAD);
    lua_pushvalue(L, entry);
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
