#include "batch.h"

#include "error.h"
#include "json.h"
#include "machine.h"
#include "options.h"

#define METATABLE "evs.batch"

enum { ITERATOR_ERRORS = 1000 };

static bool read_options(lua_State *L, struct evs_client *client, int index,
                         struct evs_settings *settings, struct evs_error *error)
{
    settings->call = client->call;
    settings->batch = client->batch;
    return evs_lua_options_read(L, index, EVS_AT_BATCH, settings, error) &&
           evs_call_options_check(&settings->call, error) &&
           evs_batch_options_check(&settings->batch, error);
}

static bool check_open(const struct evs_client *client, struct evs_error *error)
{
    if (client->closed)
        evs_error_set(error, EVS_CLOSED, "the client is closed");
    return !client->closed;
}

static void set_table(lua_State *L, int slot)
{
    lua_newtable(L);
    lua_rawseti(L, -2, slot);
}

/* Tie what it keeps in Lua to the batch at the top. */
static void set_kept(lua_State *L, int client)
{
    lua_createtable(L, 5, 0);
    lua_pushvalue(L, client);
    lua_rawseti(L, -2, EVS_BATCH_CLIENT);
    set_table(L, EVS_BATCH_ERRORS);
    set_table(L, EVS_BATCH_SEEN);
    set_table(L, EVS_BATCH_IDS);
    evs_compat_setuservalue(L, -2);
}

struct evs_lua_batch *evs_lua_batch_push(lua_State *L, int client, int arg, bool iterator,
                                         struct evs_error *error)
{
    struct evs_lua_client *owner = lua_touserdata(L, client);
    struct evs_str project = evs_lua_check_string(L, arg, "project_id");
    struct evs_settings settings;
    struct evs_lua_batch *batch;

    if (!read_options(L, &owner->core, arg + 2, &settings, error) ||
        !evs_id_check(&owner->core, project, "project_id", error) || !check_open(&owner->core, error))
        return NULL;
    batch = lua_newuserdata(L, sizeof *batch);
    memset(batch, 0, sizeof *batch);
    batch->client = owner;
    batch->iterator = iterator;
    batch->errors_room = iterator ? ITERATOR_ERRORS : (unsigned long)-1;
    memcpy(batch->project, project.data, project.len);
    evs_compat_setmetatable(L, METATABLE);
    set_kept(L, client);
    if (!evs_batch_init(&batch->core, &owner->core, &settings.call, &settings.batch))
        luaL_error(L, "not enough memory");
    return batch;
}

/* --- ids ---------------------------------------------------------------------------------------------- */

/* Push what the batch at `index` keeps in `slot`. */
static void push_kept(lua_State *L, int index, int slot)
{
    evs_compat_getuservalue(L, index);
    lua_rawgeti(L, -1, slot);
    lua_remove(L, -2);
}

/* Push the id of the entry at the top. One of a server's without an id has "": its call says so. */
static void push_id(lua_State *L)
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

/* Note the id at the top; false when it came before. */
static bool note(lua_State *L, int index)
{
    int id = lua_gettop(L);
    bool new;

    push_kept(L, index, EVS_BATCH_SEEN);
    lua_pushvalue(L, id);
    lua_rawget(L, -2);
    new = lua_isnil(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, id);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return new;
}

void evs_lua_batch_add(lua_State *L, int index)
{
    struct evs_lua_batch *batch = lua_touserdata(L, index);
    struct evs_batch_call *call;
    struct evs_snapshot snapshot;
    struct evs_str id;
    int entry = lua_gettop(L);

    bool given = lua_istable(L, entry);

    push_id(L);
    if (!note(L, index)) {
        evs_batch_skip(&batch->core);
    } else {
        id.data = lua_tolstring(L, -1, &id.len);
        if (given)
            evs_lua_json_snapshot(L, entry, &snapshot, true);
        call = evs_batch_add(&batch->core, evs_str(batch->project), id, given ? &snapshot : NULL);
        if (!call)
            luaL_error(L, "not enough memory");
        push_kept(L, index, EVS_BATCH_IDS);
        lua_pushvalue(L, entry + 1);
        lua_rawseti(L, -2, (int)call->slot + 1);
    }
    lua_settop(L, entry);
}

void evs_lua_batch_leave(lua_State *L, int index)
{
    struct evs_lua_batch *batch = lua_touserdata(L, index);

    push_id(L);
    if (note(L, index))
        batch->core.unsent++;
    lua_pop(L, 1);
}

/* Push the id of a call as it was given, which may be no good and longer than the core keeps. */
static void push_id_of(lua_State *L, int index, const struct evs_batch_call *call)
{
    push_kept(L, index, EVS_BATCH_IDS);
    lua_rawgeti(L, -1, (int)call->slot + 1);
    lua_remove(L, -2);
}

void evs_lua_batch_release(lua_State *L, int index, struct evs_batch_call *call)
{
    const struct evs_lua_batch *batch = lua_touserdata(L, index);

    if (batch->iterator) {
        push_kept(L, index, EVS_BATCH_SEEN);
        push_id_of(L, index, call);
        lua_pushnil(L);
        lua_rawset(L, -3);
        lua_pop(L, 1);
    }
    evs_batch_release(call);
}

/* --- results ------------------------------------------------------------------------------------------ */

static void keep_error(lua_State *L, int index, struct evs_lua_batch *batch)
{
    if (batch->errors_room == 0)
        return;
    batch->errors_room--;
    push_kept(L, index, EVS_BATCH_ERRORS);
    lua_pushvalue(L, -3); /* id */
    lua_pushvalue(L, -3); /* error */
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void push_info(lua_State *L, const struct evs_batch_call *call)
{
    const struct evs_flow *flow = &call->deletion.flow;
    const char *request_id =
        flow->state == EVS_FLOW_FAILED ? flow->error.request_id : call->request_id;

    lua_createtable(L, 0, 4);
    lua_pushinteger(L, (lua_Integer)flow->budget.attempts);
    lua_setfield(L, -2, "attempts");
    lua_pushnumber(L, call->seconds);
    lua_setfield(L, -2, "seconds");
    if (flow->status != 0) {
        lua_pushinteger(L, flow->status);
        lua_setfield(L, -2, "status");
    }
    if (request_id[0]) {
        lua_pushstring(L, request_id);
        lua_setfield(L, -2, "request_id");
    }
}

void evs_lua_batch_push_result(lua_State *L, int index, struct evs_batch_call *call)
{
    struct evs_lua_batch *batch = lua_touserdata(L, index);
    const struct evs_flow *flow = &call->deletion.flow;

    push_id_of(L, index, call);
    if (flow->state == EVS_FLOW_SUCCEEDED) {
        lua_pushboolean(L, 1);
    } else {
        evs_lua_error_push(L, &flow->error);
        keep_error(L, index, batch);
    }
    push_info(L, call);
}

static void set_sum(lua_State *L, const char *name, unsigned long value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void evs_lua_batch_push_summary(lua_State *L, int index)
{
    const struct evs_lua_batch *batch = lua_touserdata(L, index);

    lua_createtable(L, 0, 6);
    set_sum(L, "succeeded", batch->core.succeeded);
    set_sum(L, "failed", batch->core.failed);
    set_sum(L, "unknown", batch->core.unknown);
    set_sum(L, "unsent", batch->core.unsent);
    push_kept(L, index, EVS_BATCH_ERRORS);
    lua_setfield(L, -2, "errors");
    push_kept(L, index, EVS_BATCH_STOPPED);
    if (lua_isnil(L, -1) && batch->core.stopped) {
        lua_pop(L, 1);
        evs_lua_error_push(L, &batch->core.stop);
    }
    lua_setfield(L, -2, "stopped");
}

void evs_lua_batch_stop_with(lua_State *L, int index)
{
    struct evs_lua_batch *batch = lua_touserdata(L, index);
    struct evs_error error;

    evs_error_set(&error, EVS_STOPPED, "the iterator of ids failed");
    evs_batch_stop(&batch->core, &error);
    evs_compat_getuservalue(L, index);
    lua_insert(L, -2);
    lua_rawseti(L, -2, EVS_BATCH_STOPPED);
    lua_pop(L, 1);
}

void evs_lua_batch_abandon(struct evs_lua_batch *batch)
{
    for (size_t i = 0; i < batch->core.call_count; i++) {
        evs_transfer_free(batch->core.calls[i]->carrier);
        batch->core.calls[i]->carrier = NULL;
    }
    evs_batch_free(&batch->core);
}

static int collect(lua_State *L)
{
    evs_lua_batch_abandon(luaL_checkudata(L, 1, METATABLE));
    return 0;
}

void evs_lua_batch_setup(lua_State *L)
{
    if (luaL_newmetatable(L, METATABLE)) {
        lua_pushcfunction(L, collect);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, METATABLE);
        lua_setfield(L, -2, "__name");
    }
    lua_pop(L, 1);
}
