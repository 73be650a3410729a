#include "batch_machine.h"

#include "batch.h"
#include "carried.h"
#include "error.h"

#define METATABLE "evs.batch"

static struct evs_lua_batch *check(lua_State *L)
{
    struct evs_lua_batch *batch = luaL_checkudata(L, 1, METATABLE);

    if (!batch->core.client)
        luaL_error(L, "the batch was abandoned");
    return batch;
}

int evs_lua_batch_machine_start(lua_State *L, int client, int arg)
{
    struct evs_error error;

    if (!lua_isnoneornil(L, arg + 1))
        return luaL_argerror(L, arg + 1, "ids are given to the batch by its add");
    if (!evs_lua_batch_push(L, client, arg, true, &error))
        return evs_lua_error_return(L, &error);
    return 1;
}

/* The call that a ticket stands for; its request must be out. NULL after a stop, which gave some up: their
 * carriers need not know. */
static struct evs_batch_call *check_ticket(lua_State *L, const struct evs_lua_batch *batch)
{
    double ticket;
    bool given;
    struct evs_batch_call *call;

    luaL_checktype(L, 2, LUA_TNUMBER);
    ticket = (double)lua_tonumber(L, 2);
    given = ticket >= 1 && ticket <= (double)batch->core.requests;
    call = given ? evs_batch_request(&batch->core, (unsigned long)ticket) : NULL;
    if (!call && !(given && batch->core.stopped))
        luaL_error(L, "no request is out under this ticket");
    return call;
}

static int push_ticket(lua_State *L, const struct evs_batch_act *act)
{
    lua_pushliteral(L, "send");
    evs_lua_push_request(L, &act->want);
    lua_pushinteger(L, (lua_Integer)act->call->request);
    return 3;
}

/* "result", id, result, info: true, or the error in its place. */
static int push_result(lua_State *L, struct evs_batch_call *call)
{
    lua_pushliteral(L, "result");
    evs_lua_batch_push_result(L, 1, call);
    evs_lua_batch_release(L, 1, call);
    return 4;
}

static int push_simple(lua_State *L, const char *word)
{
    lua_pushstring(L, word);
    return 1;
}

/* batch:next(mono, wall) */
static int next(lua_State *L)
{
    struct evs_lua_batch *batch = check(L);
    double mono = evs_lua_check_time(L, 2), wall = evs_lua_check_time(L, 3);
    struct evs_batch_act act;

    if (batch->core.asking)
        return luaL_error(L, "an id is awaited: call add or finish before next");
    for (;;) {
        switch (evs_batch_next(&batch->core, mono, wall, &act)) {
        case EVS_BATCH_NEED:
            return push_simple(L, "need");
        case EVS_BATCH_SEND:
            return push_ticket(L, &act);
        case EVS_BATCH_RESULT:
            if (!evs_batch_is_unsent(act.call))
                return push_result(L, act.call);
            evs_lua_batch_release(L, 1, act.call);
            break;
        case EVS_BATCH_SLEEP:
            lua_pushliteral(L, "sleep");
            lua_pushnumber(L, act.want.seconds);
            return 2;
        default:
            lua_pushliteral(L, "done");
            evs_lua_batch_push_summary(L, 1);
            return 2;
        }
    }
}

static void check_asking(lua_State *L, const struct evs_lua_batch *batch, const char *method)
{
    if (!batch->core.asking)
        luaL_error(L, "no id is awaited: %s follows a next that said \"need\"", method);
}

/* batch:add(id or snapshot) */
static int add(lua_State *L)
{
    struct evs_lua_batch *batch = check(L);

    check_asking(L, batch, "add");
    lua_settop(L, 2);
    if (batch->core.stopped) { /* since it was asked for */
        evs_lua_batch_leave(L, 1);
        evs_batch_skip(&batch->core);
    } else {
        evs_lua_batch_add(L, 1);
    }
    return 0;
}

/* batch:finish([err]): there are no more ids; with an error, because the source of them failed. */
static int finish(lua_State *L)
{
    struct evs_lua_batch *batch = check(L);
    struct evs_error error;

    check_asking(L, batch, "finish");
    evs_batch_end(&batch->core);
    if (lua_isnoneornil(L, 2))
        return 0;
    evs_error_set(&error, EVS_STOPPED, "the source of ids failed");
    evs_batch_stop(&batch->core, &error);
    evs_compat_getuservalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, EVS_BATCH_STOPPED);
    return 0;
}

/* batch:stop([message]): no new calls. */
static int stop(lua_State *L)
{
    struct evs_error error;

    evs_error_set(&error, EVS_STOPPED, "%s", luaL_optstring(L, 2, "the batch was stopped"));
    evs_batch_stop(&check(L)->core, &error);
    return 0;
}

/* batch:abandon(): gives up what is under way. */
static int abandon(lua_State *L)
{
    evs_lua_batch_abandon(luaL_checkudata(L, 1, METATABLE));
    return 0;
}

/* batch:reply(ticket, status, headers, body) */
static int reply(lua_State *L)
{
    struct evs_lua_batch *batch = check(L);
    struct evs_batch_call *call = check_ticket(L, batch);
    struct evs_lua_carried carried;
    struct evs_facts facts;

    lua_settop(L, 5);
    evs_lua_check_answer(L, 3, EVS_BODY_LIMIT, &carried);
    if (!call)
        return 0;
    evs_client_name_show(&batch->client->core, call->request_id, sizeof call->request_id,
                         evs_lua_request_id(&carried.answer));
    if (!evs_lua_json_facts(L, &carried.answer, &facts))
        return lua_error(L);
    evs_flow_reply(&call->deletion.flow, &facts);
    evs_batch_touch(call);
    return 0;
}

/* batch:fail(ticket, code, message, sent) */
static int fail(lua_State *L)
{
    struct evs_batch_call *call = check_ticket(L, check(L));
    struct evs_failure failure = evs_lua_check_failure(L, 3);

    if (!call)
        return 0;
    evs_flow_fail(&call->deletion.flow, &failure);
    evs_batch_touch(call);
    return 0;
}

void evs_lua_batch_machine_setup(lua_State *L)
{
    static const luaL_Reg methods[] = {{"next", next},   {"add", add},   {"finish", finish},
                                       {"stop", stop},   {"reply", reply}, {"fail", fail},
                                       {"abandon", abandon}, {NULL, NULL}};

    luaL_getmetatable(L, METATABLE);
    lua_newtable(L);
    evs_compat_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
