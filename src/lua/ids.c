#include "ids.h"

#include <stdio.h>

void evs_lua_ids_push_id(lua_State *L)
{
    if (lua_istable(L, -1)) {
        evs_compat_rawgetfield(L, lua_gettop(L), "id");
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushliteral(L, "");
        }
    } else {
        lua_pushvalue(L, -1);
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "an id is a string or a snapshot, not a %s", luaL_typename(L, -1));
}

static void refuse(lua_State *L, int arg, const char *what)
{
    lua_pushfstring(L, "ids: array or function expected, got %s", what);
    luaL_argerror(L, arg, lua_tostring(L, -1));
}

/* --- what an array must be -------------------------------------------------------------------- */

/* Every number among the keys is a place from 1 on, without a hole: what stands behind one would be
 * passed over. Of a table without [1] no key is allowed at all: it is a snapshot, perhaps. */
static void check_keys(lua_State *L, int arg, size_t count)
{
    lua_pushnil(L);
    while (lua_next(L, arg)) {
        double place = lua_type(L, -2) == LUA_TNUMBER ? (double)lua_tonumber(L, -2) : 1;

        if (count == 0)
            refuse(L, arg, "a table without [1]");
        if (!(place >= 1 && place <= (double)count) || place != (double)(size_t)place)
            luaL_error(L,
                       "ids: an array without holes expected, but [%f] is not among its %d entries",
                       place, (int)count);
        lua_pop(L, 1);
    }
}

/* What only metamethods would give is not read, and must not be passed over either. */
static void check_metamethods(lua_State *L, int arg, size_t count)
{
    bool more;

    if (!lua_getmetatable(L, arg))
        return;
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)count + 1);
    lua_gettable(L, arg);
    more = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (!more && luaL_getmetafield(L, arg, "__len")) {
        lua_pushvalue(L, arg);
        lua_call(L, 1, 1);
        more = lua_type(L, -1) != LUA_TNUMBER || (double)lua_tonumber(L, -1) != (double)count;
        lua_pop(L, 1);
    }
    if (more)
        refuse(L, arg, "a table whose entries are behind metamethods");
}

/* --- entries ---------------------------------------------------------------------------------- */

/* Push the id of the entry at the top, number `i`. */
static void push_checked_id(lua_State *L, int arg, size_t i)
{
    int type = lua_type(L, -1);

    if (type == LUA_TTABLE) {
        evs_compat_rawgetfield(L, lua_gettop(L), "id");
        type = lua_type(L, -1);
        lua_pop(L, 1);
        if (type == LUA_TNIL)
            type = LUA_TSTRING;
    }
    if (type != LUA_TSTRING) {
        lua_pushfstring(L, "ids[%d]: string or snapshot expected, got %s", (int)i,
                        lua_typename(L, type));
        luaL_argerror(L, arg, lua_tostring(L, -1));
    }
    evs_lua_ids_push_id(L);
}

/* Whether the id at the top, number `i`, is well-formed. */
static bool is_usable(lua_State *L, size_t i, const struct evs_client *client,
                      struct evs_error *error)
{
    struct evs_str id = {0};
    char name[32];

    id.data = lua_tolstring(L, -1, &id.len);
    snprintf(name, sizeof name, "ids[%lu]", (unsigned long)i);
    return evs_id_check(client, id, name, error);
}

/* Whether the id at the top came before in the table at `seen`; notes it. */
static bool is_repeated(lua_State *L, int seen)
{
    bool repeated;

    lua_pushvalue(L, -1);
    lua_rawget(L, seen);
    repeated = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (repeated)
        return true;
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, seen);
    return false;
}

bool evs_lua_ids_push(lua_State *L, int arg, size_t max, const struct evs_client *client,
                      struct evs_error *error)
{
    size_t count = evs_compat_rawlen(L, arg), taken = 0;
    int copy = lua_gettop(L) + 1, seen = copy + 1;
    bool usable = count <= max;

    if (!usable)
        evs_error_set(error, EVS_TOO_MANY, "%lu ids are more than max=%lu allows",
                      (unsigned long)count, (unsigned long)max);
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, arg, (int)i);
        push_checked_id(L, arg, i);
        usable = usable && is_usable(L, i, client, error);
        if (usable && !is_repeated(L, seen)) {
            lua_pop(L, 1);
            lua_rawseti(L, copy, (int)++taken);
        }
        lua_settop(L, seen);
    }
    check_keys(L, arg, count);
    check_metamethods(L, arg, count);
    lua_settop(L, usable ? copy : copy - 1);
    return usable;
}
