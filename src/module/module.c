#include "module.h"

#include "api/protect.h"
#include "lua/error.h"
#include "lua/json.h"
#include "machine/script.h"

#define DEFAULT_CLIENT "evs.default_client"

/* Every function has one upvalue: whether it is evs.safe's. */
static bool is_safe(lua_State *L)
{
    return lua_toboolean(L, lua_upvalueindex(1));
}

/* Push the client of the plain functions at index 4, above their three arguments. It is made
 * from the environment, and kept once that has worked. */
static void push_default_client(lua_State *L)
{
    lua_settop(L, 3);
    lua_getfield(L, LUA_REGISTRYINDEX, DEFAULT_CLIENT);
    if (!lua_isnil(L, -1))
        return;
    if (evs_lua_client_push(L, 4, false)->unmade) { /* its options are the nil there */
        lua_replace(L, 4);
        return;
    }
    lua_replace(L, 4);
    lua_pushvalue(L, 4);
    lua_setfield(L, LUA_REGISTRYINDEX, DEFAULT_CLIENT);
}

static int delete_snapshot(lua_State *L)
{
    push_default_client(L);
    return evs_lua_call_delete(L, 4, 1, is_safe(L));
}

static int show_snapshot(lua_State *L)
{
    push_default_client(L);
    return evs_lua_call_show(L, 4, 1);
}

static int list_snapshots(lua_State *L)
{
    push_default_client(L);
    return evs_lua_call_list(L, 4, 1);
}

/* evs.list_volumes(project_id [, opts]) */
static int list_volumes(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushnil(L);
    lua_insert(L, 2);
    push_default_client(L);
    return evs_lua_call_list_volumes(L, 4, 1);
}

static int each_snapshot(lua_State *L)
{
    push_default_client(L);
    return evs_lua_call_each(L, 4, 1);
}

static int delete_snapshots(lua_State *L)
{
    push_default_client(L);
    return evs_lua_call_batch(L, 4, 1);
}

/* evs.project_id([opts]): with options of evs.new, a client made of them asks. */
static int project_id(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        push_default_client(L);
    } else {
        lua_settop(L, 3);
        evs_lua_client_push(L, 1, is_safe(L));
    }
    return evs_lua_call_project(L, 4, 1);
}

/* evs.new(opts) */
static int new (lua_State *L)
{
    const struct evs_lua_client *client;

    lua_settop(L, 1);
    client = evs_lua_client_push(L, 1, is_safe(L));
    return client->unmade ? evs_lua_error_return(L, &client->error) : 1;
}

/* evs.protected(snapshot) */
static int protected(lua_State *L)
{
    struct evs_snapshot snapshot;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    evs_lua_json_snapshot(L, 1, &snapshot, true);
    lua_pushstring(L, evs_protected(&snapshot)); /* nil for NULL */
    return 1;
}

static void push_algorithms(lua_State *L)
{
    int count = 0;

    lua_newtable(L);
    for (int i = 0; i < EVS_ALGORITHM_COUNT; i++) {
        if (!evs_algorithm_available((enum evs_algorithm)i))
            continue;
        lua_pushstring(L, evs_algorithm_name((enum evs_algorithm)i));
        lua_rawseti(L, -2, ++count);
    }
}

/* Where the plain functions' client has its keys from; nil while that is not known. */
static void push_key_source(lua_State *L)
{
    const struct evs_lua_client *client;

    lua_getfield(L, LUA_REGISTRYINDEX, DEFAULT_CLIENT);
    client = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (client && client->core.key.source.keys.source)
        lua_pushstring(L, client->core.key.source.keys.source);
    else
        lua_pushnil(L);
}

/* evs.info() */
static int info(lua_State *L)
{
    struct evs_http_versions versions = {{0}, {0}};

    evs_http_versions(&versions);
    lua_createtable(L, 0, 7);
    lua_pushliteral(L, EVS_VERSION);
    lua_setfield(L, -2, "version");
    lua_pushstring(L, versions.libcurl);
    lua_setfield(L, -2, "libcurl");
    lua_pushstring(L, versions.tls);
    lua_setfield(L, -2, "tls");
    lua_pushfstring(L, "%d.%d", nettle_version_major(), nettle_version_minor());
    lua_setfield(L, -2, "nettle");
    lua_getglobal(L, "_VERSION");
    lua_setfield(L, -2, "lua");
    push_algorithms(L);
    lua_setfield(L, -2, "algorithms");
    push_key_source(L);
    lua_setfield(L, -2, "keys_from");
    return 1;
}

int evs_lua_module_open(lua_State *L, bool safe)
{
    static const luaL_Reg functions[] = {{"delete_snapshot", delete_snapshot},
                                         {"show_snapshot", show_snapshot},
                                         {"list_snapshots", list_snapshots},
                                         {"each_snapshot", each_snapshot},
                                         {"delete_snapshots", delete_snapshots},
                                         {"list_volumes", list_volumes},
                                         {"new", new},
                                         {"sign", evs_lua_sign},
                                         {"project_id", project_id},
                                         {"protected", protected},
                                         {"is_error", evs_lua_is_error},
                                         {"info", info},
                                         {NULL, NULL}};

    evs_compat_newmodule(L);
    evs_lua_json_setup(L);
    evs_lua_error_setup(L);
    evs_lua_client_setup(L);
    evs_lua_script_setup(L);
    lua_pushboolean(L, safe);
    evs_compat_setfuncs(L, functions, 1);
    lua_pushliteral(L, EVS_VERSION);
    lua_setfield(L, -2, "_VERSION");
    return 1;
}
