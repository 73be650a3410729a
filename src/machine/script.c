#include "script.h"

#include "attempt.h"
#include "batch.h"
#include "lua/error.h"
#include "lua/json.h"
#include "lua/options.h"
#include "script_io.h"

/* --- starting --------------------------------------------------------------------------------- */

static int start_batch(lua_State *L)
{
    struct evs_error error;

    if (!evs_lua_batch_push(L, 1, 3, true, &error))
        return evs_lua_error_return(L, &error);
    return 1;
}

int evs_lua_script_start(lua_State *L)
{
    static const struct {
        const char *name;
        const struct evs_flow_type *type;
        bool paged;
    } operations[] = {{"delete_snapshot", &evs_delete_snapshot, false},
                      {"show_snapshot", &evs_show_snapshot, false},
                      {"list_snapshots", &evs_list_snapshots, false},
                      {"each_snapshot", &evs_list_snapshots, true},
                      {"list_volumes", &evs_list_volumes, false},
                      {"project_id", &evs_find_project, false}};
    struct evs_str name;

    evs_lua_client_check(L, 1);
    lua_settop(L, 5);
    name = evs_lua_check_string(L, 2, "operation");
    if (evs_str_equal(name, EVS_STR("delete_snapshots")))
        return start_batch(L);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (!evs_str_equal(name, evs_str(operations[i].name)))
            continue;
        evs_lua_machine_push(L, 1, EVS_MACHINE_METATABLE);
        evs_lua_machine_begin(L, operations[i].type, 3, operations[i].paged);
        return 1;
    }
    return luaL_error(L, "unknown operation '%s'", name.data);
}

/* --- turns, as words -------------------------------------------------------------------------- */

static int push_send(lua_State *L, const struct evs_act *act)
{
    lua_pushliteral(L, "send");
    evs_lua_push_request(L, act);
    if (act->call->ticket == 0)
        return 2;
    lua_pushinteger(L, (lua_Integer)act->call->ticket);
    return 3;
}

static int push_sleep(lua_State *L, double seconds)
{
    lua_pushliteral(L, "sleep");
    lua_pushnumber(L, seconds);
    return 2;
}

/* Give the call the answer that the script brought. Pushes what on_attempt would be told, or nil
 * for one of the metadata service. */
static int take_answer(lua_State *L, struct evs_call *call, const struct evs_lua_told *told)
{
    struct evs_lua_attempt attempt = evs_lua_attempt(call);
    struct evs_lua_answer answer = told->answer;
    bool own = !call->metadata;
    struct evs_facts facts;

    answer.names_job = own && call->engine->client->api->names_job;
    evs_client_name_show(call->engine->client, call->request_id, sizeof call->request_id,
                         evs_lua_request_id(&answer));
    if (!evs_lua_json_facts(L, &answer, &facts))
        lua_error(L);
    evs_lua_attempt_answered(&attempt, &facts);
    evs_lua_machine_reply(L, 1, call, &facts);
    if (own)
        evs_lua_attempt_push(L, &attempt, call->sent_at);
    return own;
}

/* The same for a failure. */
static int take_failure(lua_State *L, struct evs_call *call, const struct evs_failure *failure)
{
    struct evs_lua_attempt attempt = evs_lua_attempt(call);
    bool own = !call->metadata;

    evs_lua_attempt_failed(&attempt, failure);
    evs_engine_fail(call, failure);
    if (own)
        evs_lua_attempt_push(L, &attempt, call->sent_at);
    return own;
}

/* --- a machine of one call -------------------------------------------------------------------- */

/* A `protect` that runs within a method may not call another one. */
static void check_free(lua_State *L, const struct evs_lua_machine *machine)
{
    if (machine->asking)
        luaL_error(L, "its option 'protect' is being asked: no method may be called meanwhile");
}

static struct evs_lua_machine *check_machine(lua_State *L)
{
    struct evs_lua_machine *machine = luaL_checkudata(L, 1, EVS_MACHINE_METATABLE);

    if (!machine->engine.client)
        luaL_error(L, "the machine was collected");
    check_free(L, machine);
    return machine;
}

static int push_page(lua_State *L, struct evs_lua_machine *machine)
{
    evs_lua_machine_tell(machine);
    lua_pushliteral(L, "page");
    evs_lua_machine_take_rows(L, 1);
    return 2;
}

static int push_done(lua_State *L, struct evs_lua_machine *machine)
{
    evs_lua_machine_tell(machine);
    lua_pushliteral(L, "done");
    return 1 + evs_lua_machine_push_result(L, 1);
}

/* machine:next(mono, wall) */
static int machine_next(lua_State *L)
{
    struct evs_lua_machine *machine = check_machine(L);
    double mono = evs_lua_check_time(L, 2), wall = evs_lua_check_time(L, 3);
    struct evs_act act;

    if (machine->engine.in_flight > 0)
        return luaL_error(L, "a request is out: call reply or fail before next");
    switch (evs_engine_next(&machine->engine, mono, wall, &act)) {
    case EVS_TURN_SEND: return push_send(L, &act);
    case EVS_TURN_PAGE: return push_page(L, machine);
    case EVS_TURN_SLEEP: return push_sleep(L, act.want.seconds);
    default: return push_done(L, machine);
    }
}

static struct evs_call *check_in_flight(lua_State *L, const char *method)
{
    struct evs_call *call = &check_machine(L)->engine.first;

    if (!call->in_flight)
        luaL_error(L, "no request is out: %s follows a next that said \"send\"", method);
    return call;
}

/* machine:reply(status, headers, body) */
static int machine_reply(lua_State *L)
{
    struct evs_call *call = check_in_flight(L, "reply");
    struct evs_lua_told told;

    lua_settop(L, 4);
    evs_lua_check_answer(L, 2, evs_lua_body_limit(call), &told);
    return take_answer(L, call, &told);
}

/* machine:fail(code, message, sent) */
static int machine_fail(lua_State *L)
{
    struct evs_call *call = check_in_flight(L, "fail");
    struct evs_failure failure = evs_lua_check_failure(L, 2);

    return take_failure(L, call, &failure);
}

/* machine:cancel() */
static int machine_cancel(lua_State *L)
{
    evs_engine_cancel(&check_machine(L)->engine);
    return 0;
}

static int machine_collect(lua_State *L)
{
    evs_lua_machine_free(luaL_checkudata(L, 1, EVS_MACHINE_METATABLE));
    return 0;
}

/* --- a batch ---------------------------------------------------------------------------------- */

static struct evs_lua_machine *check_batch(lua_State *L)
{
    struct evs_lua_machine *batch = luaL_checkudata(L, 1, EVS_BATCH_METATABLE);

    if (!batch->engine.client)
        luaL_error(L, "the batch was abandoned");
    check_free(L, batch);
    return batch;
}

/* "result", id, result, info: true, or the error in its place. 0 for a call that a stop kept
 * from being sent: that is not told. */
static int push_result(lua_State *L, struct evs_call *call)
{
    int top = lua_gettop(L);

    if (!evs_engine_is_unsent(call)) {
        lua_pushliteral(L, "result");
        evs_lua_batch_push_result(L, 1, call);
    }
    evs_lua_batch_release(L, 1, call);
    return lua_gettop(L) - top;
}

/* "need"; 0 when the batch has the next id. */
static int push_need(lua_State *L, const struct evs_lua_machine *batch)
{
    if (!evs_lua_batch_wants(batch)) {
        evs_lua_batch_feed(L, 1);
        return 0;
    }
    lua_pushliteral(L, "need");
    return 1;
}

static int push_summary(lua_State *L)
{
    lua_pushliteral(L, "done");
    evs_lua_batch_push_summary(L, 1);
    return 2;
}

/* Push what the batch wants; 0 when that needed nobody. */
static int push_turn(lua_State *L, struct evs_lua_machine *batch, double mono, double wall)
{
    struct evs_act act;

    switch (evs_engine_next(&batch->engine, mono, wall, &act)) {
    case EVS_TURN_NEED: return push_need(L, batch);
    case EVS_TURN_SEND: return push_send(L, &act);
    case EVS_TURN_RESULT: return push_result(L, act.call);
    case EVS_TURN_SLEEP: return push_sleep(L, act.want.seconds);
    default: return push_summary(L);
    }
}

/* batch:next(mono, wall) */
static int batch_next(lua_State *L)
{
    struct evs_lua_machine *batch = check_batch(L);
    double mono = evs_lua_check_time(L, 2), wall = evs_lua_check_time(L, 3);
    int pushed;

    if (batch->engine.asking)
        return luaL_error(L, "an id is awaited: call add or finish before next");
    do {
        pushed = push_turn(L, batch, mono, wall);
    } while (pushed == 0);
    return pushed;
}

static struct evs_lua_machine *check_asking(lua_State *L, const char *method)
{
    struct evs_lua_machine *batch = check_batch(L);

    if (!batch->engine.asking)
        luaL_error(L, "no id is awaited: %s follows a next that said \"need\"", method);
    return batch;
}

/* batch:add(id or snapshot) */
static int batch_add(lua_State *L)
{
    check_asking(L, "add");
    lua_settop(L, 2);
    evs_lua_batch_add(L, 1);
    return 0;
}

/* batch:finish([err]): there are no more ids; with an error, because the source of them failed. */
static int batch_finish(lua_State *L)
{
    evs_lua_batch_finish(check_asking(L, "finish"));
    lua_settop(L, 2);
    if (!lua_isnil(L, 2))
        evs_lua_batch_stop_with(L, 1);
    return 0;
}

/* batch:stop([message]): no new calls. */
static int batch_stop(lua_State *L)
{
    struct evs_lua_machine *batch = check_batch(L);
    struct evs_error error;

    evs_error_set(&error, EVS_STOPPED, "%s", luaL_optstring(L, 2, "the batch was stopped"));
    evs_engine_stop(&batch->engine, &error);
    return 0;
}

/* The call that a ticket stands for; its request must be out. NULL after a stop, which gave some
 * up: the script need not know. */
static struct evs_call *check_ticket(lua_State *L, struct evs_engine *engine)
{
    double ticket;
    bool given;
    struct evs_call *call;

    luaL_checktype(L, 2, LUA_TNUMBER);
    ticket = (double)lua_tonumber(L, 2);
    given = ticket >= 1 && ticket <= (double)engine->requests;
    call = given ? evs_engine_find(engine, (unsigned long)ticket) : NULL;
    if (call && (double)call->ticket != ticket)
        call = NULL;
    if (!call && !(given && engine->stopped))
        luaL_error(L, "no request is out under this ticket");
    return call;
}

/* batch:reply(ticket, status, headers, body) */
static int batch_reply(lua_State *L)
{
    struct evs_call *call = check_ticket(L, &check_batch(L)->engine);
    struct evs_lua_told told;

    lua_settop(L, 5);
    evs_lua_check_answer(L, 3, call ? evs_lua_body_limit(call) : EVS_BODY_LIMIT, &told);
    return call ? take_answer(L, call, &told) : 0;
}

/* batch:fail(ticket, code, message, sent) */
static int batch_fail(lua_State *L)
{
    struct evs_call *call = check_ticket(L, &check_batch(L)->engine);
    struct evs_failure failure = evs_lua_check_failure(L, 3);

    return call ? take_failure(L, call, &failure) : 0;
}

/* batch:abandon(): gives up what is under way. Also __gc. */
static int batch_abandon(lua_State *L)
{
    struct evs_lua_machine *batch = luaL_checkudata(L, 1, EVS_BATCH_METATABLE);

    check_free(L, batch);
    evs_lua_machine_free(batch);
    return 0;
}

/* --- setting up ------------------------------------------------------------------------------- */

static void make_metatable(lua_State *L, const char *name, const luaL_Reg *methods,
                           lua_CFunction collect)
{
    if (luaL_newmetatable(L, name)) {
        lua_newtable(L);
        evs_compat_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, collect);
        lua_setfield(L, -2, "__gc");
        lua_pushstring(L, name);
        lua_setfield(L, -2, "__name");
    }
    lua_pop(L, 1);
}

void evs_lua_script_setup(lua_State *L)
{
    static const luaL_Reg machine[] = {{"next", machine_next},
                                       {"reply", machine_reply},
                                       {"fail", machine_fail},
                                       {"cancel", machine_cancel},
                                       {NULL, NULL}};
    static const luaL_Reg batch[] = {{"next", batch_next},       {"add", batch_add},
                                     {"finish", batch_finish},   {"stop", batch_stop},
                                     {"reply", batch_reply},     {"fail", batch_fail},
                                     {"abandon", batch_abandon}, {NULL, NULL}};

    make_metatable(L, EVS_MACHINE_METATABLE, machine, machine_collect);
    make_metatable(L, EVS_BATCH_METATABLE, batch, batch_abandon);
}
