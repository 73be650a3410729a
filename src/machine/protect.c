#include "protect.h"

#include "machine.h"
#include "lua/options.h"

void evs_lua_protect_keep(lua_State *L, int index, int options)
{
    evs_lua_options_push_function(L, options, "protect");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        evs_lua_machine_push_kept(L, index, EVS_MACHINE_CLIENT);
        evs_compat_getuservalue(L, lua_gettop(L));
        lua_rawgeti(L, -1, EVS_CLIENT_PROTECT);
        lua_replace(L, -3);
        lua_pop(L, 1);
    }
    evs_lua_machine_keep(L, index, EVS_MACHINE_PROTECT);
}

/* Push a table with the values of the one at the top, which the script may change. */
static void push_values(lua_State *L)
{
    int table = lua_gettop(L), count = 0;

    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, table))
        lua_rawseti(L, table + 1, ++count);
}

/* ask(function, snapshot): the reason, or nil. Anything else that the function returns is a
 * slip, and no permission. */
static int ask(lua_State *L)
{
    lua_call(L, 1, 1);
    if (!lua_toboolean(L, -1))
        lua_pushnil(L);
    else if (lua_isboolean(L, -1))
        lua_pushliteral(L, "it returned true");
    else if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "option 'protect' must return a string, true, false or nil, not a %s",
                   luaL_typename(L, -1));
    else if (evs_compat_rawlen(L, -1) == 0)
        lua_pushliteral(L, "it returned an empty string");
    return 1;
}

bool evs_lua_protect_ask(lua_State *L, int index, struct evs_snapshot *snapshot)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    int table = lua_gettop(L);
    bool answered;

    luaL_checkstack(L, 8, NULL);
    push_values(L);
    lua_pushcfunction(L, ask);
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_PROTECT);
    lua_pushvalue(L, table);
    machine->asking = true;
    answered = lua_pcall(L, 2, 1, 0) == LUA_OK;
    machine->asking = false;
    if (!answered)
        snapshot->kept_because = EVS_STR("it raised an error");
    else if (!lua_isnil(L, -1))
        snapshot->kept_because.data = lua_tolstring(L, -1, &snapshot->kept_because.len);
    return answered;
}
