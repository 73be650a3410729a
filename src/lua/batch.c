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

static bool check_project(struct evs_str project, struct evs_error *error)
{
    if (evs_id_valid(project))
        return true;
    evs_error_set(error, EVS_INVALID_ARGUMENT,
                  "project_id must be 1 to 255 characters of [A-Za-z0-9_.~-], and not '.' or '..'");
    return false;
}

struct evs_lua_batch *evs_lua_batch_push(lua_State *L, int client, int arg, bool iterator,
                                         struct evs_error *error)
{
    struct evs_lua_client *owner = lua_touserdata(L, client);
    struct evs_str project = evs_lua_check_string(L, arg, "project_id");
    struct evs_settings settings;
    struct evs_lua_batch *batch;

    if (!read_options(L, &owner->core, arg + 2, &settings, error) || !check_project(project, error))
        return NULL;
    batch = lua_newuserdata(L, sizeof *batch);
    memset(batch, 0, sizeof *batch);
    batch->client = owner;
    batch->errors_room = iterator ? ITERATOR_ERRORS : (unsigned long)-1;
    memcpy(batch->project, project.data, project.len);
    evs_compat_setmetatable(L, METATABLE);
    lua_createtable(L, 3, 0);
    lua_pushvalue(L, client);
    lua_rawseti(L, -2, EVS_BATCH_CLIENT);
    lua_newtable(L);
    lua_rawseti(L, -2, EVS_BATCH_ERRORS);
    evs_compat_setuservalue(L, -2);
    if (!evs_batch_init(&batch->core, &owner->core, &settings.call, &settings.batch))
        luaL_error(L, "not enough memory");
    return batch;
}

void evs_lua_batch_add(lua_State *L, int index)
{
    struct evs_lua_batch *batch = lua_touserdata(L, index);
    struct evs_str id = {0};
    struct evs_snapshot snapshot;
    bool given = lua_istable(L, -1);

    if (given)
        evs_lua_json_snapshot(L, lua_gettop(L), &snapshot, true);
    else if (lua_type(L, -1) == LUA_TSTRING)
        id.data = lua_tolstring(L, -1, &id.len);
    else
        luaL_error(L, "an id is a string or a snapshot, not a %s", luaL_typename(L, -1));
    if (given)
        id = snapshot.id;
    if (evs_batch_holds(&batch->core, id))
        evs_batch_skip(&batch->core);
    else if (!evs_batch_add(&batch->core, evs_str(batch->project), id, given ? &snapshot : NULL))
        luaL_error(L, "not enough memory");
}

bool evs_lua_batch_is_told(const struct evs_lua_batch *batch, const struct evs_batch_call *call)
{
    const struct evs_flow *flow = &call->deletion.flow;

    return flow->state == EVS_FLOW_SUCCEEDED || !batch->core.stopped ||
           flow->error.outcome != EVS_NOT_SENT ||
           strcmp(flow->error.code, evs_code_text(EVS_STOPPED)) != 0;
}

static void keep_error(lua_State *L, int index, struct evs_lua_batch *batch)
{
    if (batch->errors_room == 0)
        return;
    batch->errors_room--;
    evs_compat_getuservalue(L, index);
    lua_rawgeti(L, -1, EVS_BATCH_ERRORS);
    lua_pushvalue(L, -4); /* id */
    lua_pushvalue(L, -4); /* error */
    lua_rawset(L, -3);
    lua_pop(L, 2);
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

    lua_pushstring(L, flow->id);
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
    evs_compat_getuservalue(L, index);
    lua_rawgeti(L, -1, EVS_BATCH_ERRORS);
    lua_setfield(L, -3, "errors");
    lua_rawgeti(L, -1, EVS_BATCH_STOPPED);
    if (lua_isnil(L, -1) && batch->core.stopped) {
        lua_pop(L, 1);
        evs_lua_error_push(L, &batch->core.stop);
    }
    lua_setfield(L, -3, "stopped");
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
