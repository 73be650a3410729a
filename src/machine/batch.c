#include "batch.h"

#include "ahead.h"
#include "lua/error.h"
#include "lua/ids.h"
#include "lua/json.h"
#include "look.h"
#include "lua/options.h"
#include "protect.h"

#include <limits.h>

enum { ITERATOR_ERRORS = 1000 };

/* --- making one ------------------------------------------------------------------------------- */

static bool check_client(const struct evs_lua_client *client, struct evs_error *error)
{
    if (client->unmade)
        *error = client->error;
    else if (client->core.closed)
        evs_error_set(error, EVS_CLOSED, "the client is closed");
    return !client->unmade && !client->core.closed;
}

static bool check_arguments(lua_State *L, struct evs_lua_client *client, int arg,
                            struct evs_settings *settings, struct evs_error *error)
{
    struct evs_str project = evs_lua_check_string(L, arg, "project_id");

    settings->call = client->core.call;
    settings->batch = client->core.batch;
    return evs_lua_options_read(L, arg + 2, EVS_AT_BATCH, settings, error) &&
           check_client(client, error) && evs_id_check(&client->core, project, "project_id", error);
}

/* Push what the ids come from: an array of our own, a function, or nil. */
static bool push_source(lua_State *L, const struct evs_lua_client *client, int arg,
                        bool from_script, size_t max, enum evs_lua_source *source,
                        struct evs_error *error)
{
    *source = EVS_FROM_SCRIPT;
    if (lua_istable(L, arg)) {
        *source = EVS_FROM_ARRAY;
        return evs_lua_ids_push(L, arg, max, &client->core, error);
    }
    if (!from_script && lua_isfunction(L, arg)) {
        *source = EVS_FROM_FUNCTION;
    } else if (!from_script || !lua_isnil(L, arg)) {
        lua_pushfstring(L, "ids: array or %s expected, got %s", from_script ? "nil" : "function",
                        luaL_typename(L, arg));
        luaL_argerror(L, arg, lua_tostring(L, -1));
    }
    lua_pushvalue(L, arg);
    return true;
}

static void keep_table(lua_State *L, int index, int what)
{
    lua_newtable(L);
    evs_lua_machine_keep(L, index, what);
}

struct evs_lua_machine *evs_lua_batch_push(lua_State *L, int client, int arg, bool from_script,
                                           struct evs_error *error)
{
    struct evs_lua_client *owner = lua_touserdata(L, client);
    struct evs_settings settings;
    struct evs_lua_machine *machine;
    enum evs_lua_source source;
    struct evs_error ids_error;
    bool usable = check_arguments(L, owner, arg, &settings, error);
    size_t max = usable ? settings.batch.max : UINT_MAX;
    int top = lua_gettop(L);

    if (!push_source(L, owner, arg + 1, from_script, max, &source, usable ? error : &ids_error) ||
        !usable) {
        lua_settop(L, top);
        return NULL;
    }
    machine = evs_lua_machine_push(L, client, EVS_BATCH_METATABLE);
    lua_insert(L, -2);
    machine->source = source;
    machine->read_all = source == EVS_FROM_ARRAY;
    machine->count = machine->read_all ? evs_compat_rawlen(L, -1) : 0;
    machine->ahead = machine->read_all ? 0 : settings.batch.read_ahead;
    machine->errors_room = source == EVS_FROM_ARRAY ? ULONG_MAX : ITERATOR_ERRORS;
    strcpy(machine->project, lua_tostring(L, arg));
    evs_lua_machine_keep(L, top + 1, EVS_MACHINE_SOURCE);
    keep_table(L, top + 1, EVS_MACHINE_SEEN);
    keep_table(L, top + 1, EVS_MACHINE_NAMES);
    keep_table(L, top + 1, EVS_MACHINE_ERRORS);
    keep_table(L, top + 1, EVS_MACHINE_ROWS);
    keep_table(L, top + 1, EVS_MACHINE_AHEAD);
    if (settings.call.protect)
        evs_lua_protect_keep(L, top + 1, arg + 2);
    evs_lua_machine_add_headers(L, top + 1, arg + 2, &settings.call);
    if (!evs_engine_many(&machine->engine, &owner->core, &settings.call, &settings.batch))
        luaL_error(L, "not enough memory");
    return machine;
}

/* --- ids -------------------------------------------------------------------------------------- */

/* Note the id at the top as under way; false when it is already. */
static bool note(lua_State *L, int index)
{
    int id = lua_gettop(L);
    bool new;

    evs_lua_machine_push_kept(L, index, EVS_MACHINE_SEEN);
    lua_pushvalue(L, id);
    lua_rawget(L, -2);
    new = lua_isnil(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, id);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_settop(L, id);
    return new;
}

/* Begin the deletion of the id at the top, of the entry below it. */
static void begin(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    int id = lua_gettop(L);
    int table = lua_istable(L, id - 1) ? id - 1 : id + 1; /* passed, or what a list has shown */
    bool given = table < id;
    struct evs_snapshot snapshot;
    struct evs_str text = {0};
    struct evs_call *call;

    text.data = lua_tolstring(L, id, &text.len);
    if (given)
        evs_lua_json_snapshot(L, table, &snapshot, true);
    else
        given = evs_lua_look_take(L, index, &snapshot);
    call =
        evs_engine_add(&machine->engine, evs_str(machine->project), text, given ? &snapshot : NULL);
    if (!call)
        luaL_error(L, "not enough memory");
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_NAMES);
    lua_pushvalue(L, id);
    lua_rawseti(L, -2, (int)call->slot + 1);
    if (given) {
        lua_pushvalue(L, table);
        evs_lua_machine_ask(L, index, call, &snapshot);
    }
    lua_settop(L, id);
}

bool evs_lua_batch_wants(const struct evs_lua_machine *batch)
{
    if (batch->ahead > 0)
        return evs_lua_ahead_wants(batch);
    return batch->source != EVS_FROM_ARRAY;
}

void evs_lua_batch_feed(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    int top = lua_gettop(L);

    if (machine->position == machine->count) {
        evs_engine_end(&machine->engine);
        return;
    }
    evs_lua_ahead_push(L, index, machine->position);
    if (evs_lua_look_is_ready(L, index)) {
        machine->position++;
        evs_lua_ids_push_id(L);
        begin(L, index);
        evs_lua_look_ahead(L, index);
    }
    lua_settop(L, top);
}

/* An id beyond `max` stops the batch; the id is not sent. */
static void refuse_more(struct evs_engine *engine)
{
    struct evs_error error;

    evs_error_set(&error, EVS_TOO_MANY, "there are more ids than max=%u allows",
                  engine->limits.max);
    evs_engine_stop(engine, &error);
}

void evs_lua_batch_add(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    struct evs_engine *engine = &machine->engine;
    int entry = lua_gettop(L);

    evs_lua_ids_push_id(L);
    if (!note(L, index)) {
        evs_engine_skip(engine);
    } else if (engine->stopped || evs_engine_is_full(engine)) {
        refuse_more(engine);
        engine->unsent++;
        evs_engine_skip(engine);
    } else if (machine->ahead > 0) {
        evs_lua_ahead_keep(L, index, entry);
        evs_engine_skip(engine);
    } else {
        begin(L, index);
    }
    lua_settop(L, entry);
}

void evs_lua_batch_finish(struct evs_lua_machine *batch)
{
    batch->read_all = true;
    if (batch->position == batch->count)
        evs_engine_end(&batch->engine);
    else
        evs_engine_skip(&batch->engine);
}

void evs_lua_batch_stop_with(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    struct evs_error error;

    evs_error_set(&error, EVS_STOPPED, "the source of ids failed");
    evs_engine_stop(&machine->engine, &error);
    evs_lua_machine_keep(L, index, EVS_MACHINE_STOPPED);
}

/* --- results ---------------------------------------------------------------------------------- */

/* Push the id of a call as it was given, which may be malformed and longer than the core keeps. */
static void push_name(lua_State *L, int index, const struct evs_call *call)
{
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_NAMES);
    lua_rawgeti(L, -1, (int)call->slot + 1);
    lua_remove(L, -2);
}

static void forget(lua_State *L, int index, const struct evs_call *call)
{
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_SEEN);
    push_name(L, index, call);
    lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void evs_lua_batch_release(lua_State *L, int index, struct evs_call *call)
{
    const struct evs_lua_machine *machine = lua_touserdata(L, index);

    if (machine->source != EVS_FROM_ARRAY)
        forget(L, index, call);
    evs_engine_release(call);
}

static void keep_error(lua_State *L, int index, struct evs_lua_machine *machine)
{
    if (machine->errors_room == 0)
        return;
    machine->errors_room--;
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_ERRORS);
    lua_pushvalue(L, -3); /* id */
    lua_pushvalue(L, -3); /* error */
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void push_info(lua_State *L, const struct evs_call *call)
{
    const struct evs_flow *flow = &call->as.flow;
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
    if (flow->job_id[0]) {
        lua_pushstring(L, flow->job_id);
        lua_setfield(L, -2, "job_id");
    }
}

void evs_lua_batch_push_result(lua_State *L, int index, struct evs_call *call)
{
    const struct evs_flow *flow = &call->as.flow;

    push_name(L, index, call);
    if (flow->state == EVS_FLOW_SUCCEEDED) {
        lua_pushboolean(L, 1);
    } else {
        evs_lua_error_push(L, &flow->error);
        keep_error(L, index, lua_touserdata(L, index));
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
    const struct evs_lua_machine *machine = lua_touserdata(L, index);
    const struct evs_engine *engine = &machine->engine;
    size_t left = machine->count - machine->position; /* after a stop */

    lua_createtable(L, 0, 6);
    set_sum(L, "succeeded", engine->succeeded);
    set_sum(L, "failed", engine->failed);
    set_sum(L, "unknown", engine->unknown);
    set_sum(L, "unsent", engine->unsent + left);
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_ERRORS);
    lua_setfield(L, -2, "errors");
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_STOPPED);
    if (lua_isnil(L, -1) && engine->stopped) {
        lua_pop(L, 1);
        evs_lua_error_push(L, &engine->stop);
    }
    lua_setfield(L, -2, "stopped");
}
