#include "module.h"

#include "base/time.h"
#include "client/environment.h"
#include "machine/driver.h"
#include "lua/error.h"
#include "lua/headers.h"
#include "lua/options.h"
#include "machine/script.h"

/* Any number that two clients, and two processes, do not share: it spreads their back-off. */
static uint64_t seed(const void *address)
{
    return (uint64_t)(evs_clock_wall() * 1e9) ^ (uint64_t)(uintptr_t)address;
}

/* Whether this Lua is nginx's: what ngx_lua gives is loaded. */
static bool is_in_nginx(lua_State *L)
{
    bool found;

    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    evs_compat_rawgetfield(L, lua_gettop(L), "ngx");
    found = lua_istable(L, -1);
    lua_pop(L, 2);
    return found;
}

/* Tie what the client at the top keeps in Lua to it. `headers`: NULL, or set to those of the
 * options. */
static void set_kept(lua_State *L, int options, struct evs_str *headers)
{
    lua_createtable(L, EVS_CLIENT_DRIVE, 0);
    evs_lua_options_push_function(L, options, "on_attempt");
    lua_rawseti(L, -2, EVS_CLIENT_ON_ATTEMPT);
    evs_lua_options_push_function(L, options, "on_result");
    lua_rawseti(L, -2, EVS_CLIENT_ON_RESULT);
    evs_lua_options_push_function(L, options, "protect");
    lua_rawseti(L, -2, EVS_CLIENT_PROTECT);
    if (headers) {
        evs_lua_headers_push(L, options, headers);
        lua_rawseti(L, -2, EVS_CLIENT_HEADERS);
    }
    evs_lua_driver_setup(L);
    evs_compat_setuservalue(L, -2);
}

struct evs_lua_client *evs_lua_client_push(lua_State *L, int index, bool safe)
{
    struct evs_settings settings;
    struct evs_error error;
    struct evs_lua_client *client;
    bool usable;

    evs_lua_options_default(&settings);
    usable = evs_lua_options_read(L, index, EVS_AT_NEW, &settings, &error);
    settings.key_source = "options";
    settings.in_nginx = is_in_nginx(L);
    client = lua_newuserdata(L, sizeof *client);
    memset(client, 0, sizeof *client);
    client->safe = safe;
    evs_compat_setmetatable(L, EVS_CLIENT_METATABLE);
    set_kept(L, index, usable ? &settings.call.headers : NULL);
    client->unmade = !usable || !evs_environment_fill(&settings, &client->core.scratch, &error) ||
                     !evs_client_init(&client->core, &settings, seed(client), &error);
    if (client->unmade) {
        client->error = error;
        evs_client_close(&client->core);
    }
    return client;
}

/* The methods' arguments: the client, then three that may be nil. */
static struct evs_lua_client *check_call(lua_State *L)
{
    lua_settop(L, 4);
    return evs_lua_client_check(L, 1);
}

static int delete_snapshot(lua_State *L)
{
    return evs_lua_call_delete(L, 1, 2, check_call(L)->safe);
}

static int show_snapshot(lua_State *L)
{
    check_call(L);
    return evs_lua_call_show(L, 1, 2);
}

static int list_snapshots(lua_State *L)
{
    check_call(L);
    return evs_lua_call_list(L, 1, 2);
}

/* client:list_volumes(project_id [, opts]) */
static int list_volumes(lua_State *L)
{
    evs_lua_client_check(L, 1);
    lua_settop(L, 3);
    lua_pushnil(L); /* the options are the third argument, as of every call */
    lua_insert(L, 3);
    return evs_lua_call_list_volumes(L, 1, 2);
}

static int each_snapshot(lua_State *L)
{
    check_call(L);
    return evs_lua_call_each(L, 1, 2);
}

/* client:project_id([opts]) */
static int project_id(lua_State *L)
{
    evs_lua_client_check(L, 1);
    lua_settop(L, 2);
    for (int i = 0; i < 2; i++) { /* the options are the third argument, as of every call */
        lua_pushnil(L);
        lua_insert(L, 2);
    }
    return evs_lua_call_project(L, 1, 2);
}

static int delete_snapshots(lua_State *L)
{
    check_call(L);
    return evs_lua_call_batch(L, 1, 2);
}

/* client:last() */
static int last(lua_State *L)
{
    const struct evs_lua_client *client = evs_lua_client_check(L, 1);
    const struct evs_lua_last *call = &client->last;
    char request_id[sizeof call->request_id];

    if (!call->known)
        return 0;
    strcpy(request_id, call->request_id);
    if (call->transfer)
        evs_lua_client_request_id(client, call->transfer, request_id);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, (lua_Integer)call->attempts);
    lua_setfield(L, -2, "attempts");
    if (call->status != 0) {
        lua_pushinteger(L, call->status);
        lua_setfield(L, -2, "status");
    }
    if (request_id[0]) {
        lua_pushstring(L, request_id);
        lua_setfield(L, -2, "request_id");
    }
    if (call->job_id[0]) {
        lua_pushstring(L, call->job_id);
        lua_setfield(L, -2, "job_id");
    }
    return 1;
}

/* client:close(), __gc and __close. Idempotent. */
static int close_client(lua_State *L)
{
    struct evs_lua_client *client = evs_lua_client_check(L, 1);

    client->last.transfer = NULL;
    evs_http_free(client->http);
    client->http = NULL;
    client->homes++;
    evs_client_close(&client->core);
    return 0;
}

/* `evs.client (https://evs.cn-north-4.myhuaweicloud.com, AK ...ABCD)` */
static int to_string(lua_State *L)
{
    const struct evs_client *client = &evs_lua_client_check(L, 1)->core;
    struct evs_str ak = evs_buf_str(&client->key.source.keys.ak);
    const char *key = client->key.source.keys.token.len > 0 ? "token" : "no keys yet";

    if (client->closed)
        lua_pushliteral(L, "evs.client (closed)");
    else if (ak.len > 0)
        /* Of an AK of four characters this would be all: then none is shown. */
        lua_pushfstring(L, "evs.client (%s, AK ...%s)", client->endpoint.url,
                        ak.len > 4 ? ak.data + ak.len - 4 : "");
    else
        lua_pushfstring(L, "evs.client (%s, %s)", client->endpoint.url, key);
    return 1;
}

void evs_lua_client_setup(lua_State *L)
{
    static const luaL_Reg methods[] = {{"delete_snapshot", delete_snapshot},
                                       {"show_snapshot", show_snapshot},
                                       {"list_snapshots", list_snapshots},
                                       {"each_snapshot", each_snapshot},
                                       {"delete_snapshots", delete_snapshots},
                                       {"list_volumes", list_volumes},
                                       {"project_id", project_id},
                                       {"start", evs_lua_script_start},
                                       {"key", evs_lua_client_key},
                                       {"last", last},
                                       {"close", close_client},
                                       {NULL, NULL}};
    static const luaL_Reg metamethods[] = {
        {"__gc", close_client}, {"__close", close_client}, {"__tostring", to_string}, {NULL, NULL}};

    if (luaL_newmetatable(L, EVS_CLIENT_METATABLE)) {
        evs_compat_setfuncs(L, metamethods, 0);
        lua_newtable(L);
        evs_compat_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
        lua_pushliteral(L, EVS_CLIENT_METATABLE);
        lua_setfield(L, -2, "__name");
    }
    lua_pop(L, 1);
}
