#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nanosleep under -std=c11 */
#endif
#include "carry.h"

#include "json.h"
#include "options.h"

#include <time.h>

/* --- Ctrl-C ----------------------------------------------------------------------------------------- */

/* In a coroutine a signal may have come before the call: its hook waits in the main thread. */
struct evs_lua_watch evs_lua_watch(lua_State *L)
{
    return (struct evs_lua_watch){evs_compat_mainthread(L) == L ? lua_gethook(L) : NULL};
}

/* Let the hook of `L` act. Whether it raised: the error is at the top then. */
static bool hook_raises(lua_State *L)
{
    return luaL_loadstring(L, "") != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK;
}

/* The main thread's hook cannot raise in a coroutine: the coroutine borrows it. */
static bool borrowed_hook_raises(lua_State *L, lua_State *main)
{
    lua_Hook own = lua_gethook(L);
    int mask = lua_gethookmask(L), count = lua_gethookcount(L);
    bool raised;

    lua_sethook(L, lua_gethook(main), lua_gethookmask(main), lua_gethookcount(main));
    raised = hook_raises(L);
    lua_sethook(L, own, mask, count);
    if (raised)
        lua_sethook(main, NULL, 0, 0); /* as lua.c's does where it raises */
    return raised;
}

bool evs_lua_interrupted(lua_State *L, struct evs_lua_watch *watch)
{
    lua_State *main = evs_compat_mainthread(L);

    if (lua_gethook(main) == watch->hook)
        return false;
    watch->hook = lua_gethook(main);
    luaL_checkstack(L, 2, "interrupted!");
    /* A hook that does not raise is a debugger's, perhaps. */
    return main == L ? hook_raises(L) : borrowed_hook_raises(L, main);
}

double evs_lua_sleep(double seconds)
{
    double slice = seconds < EVS_SLICE ? seconds : EVS_SLICE;
    struct timespec span = {0, (long)(slice * 1e9)};

    nanosleep(&span, NULL);
    return seconds - slice;
}

/* --- connections -------------------------------------------------------------------------------------- */

struct evs_http *evs_lua_home(lua_State *L, struct evs_lua_client *client)
{
    if (client->http && evs_http_inherited(client->http)) {
        client->last.transfer = NULL;
        evs_http_free(client->http);
        client->http = NULL;
    }
    if (!client->http)
        client->http = evs_http_new(&client->core);
    if (!client->http)
        luaL_error(L, "not enough memory");
    return client->http;
}

void evs_lua_ready_transfer(lua_State *L, struct evs_lua_client *client,
                            struct evs_transfer **transfer)
{
    struct evs_http *http = evs_lua_home(L, client);

    if (*transfer && !evs_transfer_belongs(*transfer, http)) {
        if (client->last.transfer == *transfer)
            client->last.transfer = NULL;
        evs_transfer_free(*transfer);
        *transfer = NULL;
    }
    if (!*transfer)
        *transfer = evs_transfer_new(http);
    if (!*transfer)
        luaL_error(L, "not enough memory");
}

/* --- answers ------------------------------------------------------------------------------------------ */

static struct evs_str header_of_transfer(void *carrier, const char *name)
{
    return evs_transfer_header(carrier, name);
}

bool evs_lua_transfer_facts(lua_State *L, struct evs_transfer *transfer, struct evs_facts *facts)
{
    const struct evs_answer *got = evs_transfer_answer(transfer);
    struct evs_lua_answer answer = {.status = got->status,
                                    .body = got->body,
                                    .body_cut = got->body_cut,
                                    .header = header_of_transfer,
                                    .carrier = transfer};

    if (!evs_lua_json_facts(L, &answer, facts))
        return false;
    facts->replays = got->replays;
    return true;
}

/* --- callbacks ---------------------------------------------------------------------------------------- */

void evs_lua_push_attempt(lua_State *L, const struct evs_lua_attempt *attempt)
{
    luaL_checkstack(L, 3, "on_attempt");
    lua_createtable(L, 0, 5);
    lua_pushstring(L, attempt->method);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, attempt->path.data, attempt->path.len - 1);
    lua_setfield(L, -2, "path");
    if (attempt->status != 0) {
        lua_pushinteger(L, attempt->status);
        lua_setfield(L, -2, "status");
    }
    lua_pushnumber(L, attempt->seconds);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, (lua_Integer)attempt->number);
    lua_setfield(L, -2, "attempt");
}

void evs_lua_push_callback(lua_State *L, int client, int options, const char *name, int slot)
{
    evs_lua_options_push_function(L, options, name);
    if (!lua_isnil(L, -1))
        return;
    evs_compat_getuservalue(L, client);
    lua_rawgeti(L, -1, slot);
    lua_replace(L, -3);
    lua_pop(L, 1);
}
