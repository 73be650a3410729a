#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nanosleep under -std=c11 */
#endif
#include "call.h"

#include "../core/clock.h"
#include "error.h"
#include "json.h"
#include "machine.h"
#include "options.h"

#include <time.h>

/* How long the network may keep us from noticing Ctrl-C. */
#define SLICE 0.1

/* A call on its way: where its parts stand on the stack. */
struct call {
    lua_State *L;
    struct evs_lua_client *client;
    struct evs_lua_machine *machine;
    int machine_index;
    int on_attempt_index; /* the function, or nil */
    lua_Hook hook;        /* as it was when the call began */
};

/* --- interrupts: lua.c's handler of SIGINT does no more than set a hook --------------------------- */

static lua_Hook current_hook(lua_State *L)
{
    return lua_gethook(evs_compat_mainthread(L));
}

/* Somebody set a hook while we waited: give it the chance to raise, as lua.c's does. In a coroutine
 * it cannot, since it is the main thread's. */
static void obey_interrupt(struct call *call)
{
    lua_State *L = call->L;
    lua_State *main = evs_compat_mainthread(L);

    if (current_hook(L) == call->hook)
        return;
    evs_transfer_abandon(call->machine->transfer);
    evs_flow_cancel(&call->machine->as.flow);
    if (main != L) {
        lua_sethook(main, NULL, 0, 0);
        luaL_error(L, "interrupted!");
    }
    luaL_checkstack(L, 1, "interrupted!");
    if (luaL_loadstring(L, "") == LUA_OK)
        lua_call(L, 0, 0);
    luaL_error(L, "interrupted!");
}

static void sleep_for(struct call *call, double seconds)
{
    while (seconds > 0) {
        double slice = seconds < SLICE ? seconds : SLICE;
        struct timespec span = {0, (long)(slice * 1e9)};

        nanosleep(&span, NULL);
        obey_interrupt(call);
        seconds -= slice;
    }
}

/* --- one request ---------------------------------------------------------------------------------- */

/* The connections, made at the first need and made anew after a fork. */
static struct evs_http *home(struct evs_lua_client *client)
{
    if (client->http && evs_http_inherited(client->http)) {
        client->last.transfer = NULL;
        evs_http_free(client->http);
        client->http = NULL;
    }
    if (!client->http)
        client->http = evs_http_new(&client->core);
    return client->http;
}

static struct evs_transfer *prepare_transfer(struct call *call)
{
    struct evs_lua_machine *machine = call->machine;
    struct evs_http *http = home(call->client);

    if (machine->transfer && !evs_transfer_belongs(machine->transfer, http)) {
        evs_transfer_free(machine->transfer);
        machine->transfer = NULL;
    }
    if (http && !machine->transfer)
        machine->transfer = evs_transfer_new(http);
    if (!machine->transfer)
        luaL_error(call->L, "not enough memory");
    return machine->transfer;
}

static struct evs_str header_of_transfer(void *carrier, const char *name)
{
    return evs_transfer_header(carrier, name);
}

/* Give the machine what came of its request. */
static void take_answer(struct call *call)
{
    struct evs_transfer *transfer = call->machine->transfer;
    const struct evs_answer *got = evs_transfer_answer(transfer);
    struct evs_lua_answer answer = {.status = got->status,
                                    .body = got->body,
                                    .body_cut = got->body_cut,
                                    .header = header_of_transfer,
                                    .carrier = transfer};
    struct evs_facts facts;

    if (got->status == 0) {
        evs_flow_fail(&call->machine->as.flow, &got->failure);
        return;
    }
    evs_lua_json_facts(call->L, &answer, &facts);
    facts.replays = got->replays;
    evs_lua_machine_reply(call->L, call->machine_index, &facts);
    lua_pop(call->L, 1);
}

/* on_attempt{method=, path=, status=, seconds=, attempt=} */
static void tell_attempt(struct call *call, const char *method, double seconds)
{
    lua_State *L = call->L;
    const struct evs_flow *flow = &call->machine->as.flow;
    const struct evs_answer *answer = evs_transfer_answer(call->machine->transfer);
    struct evs_str path = evs_buf_str(&flow->exchange.request.path);

    luaL_checkstack(L, 4, "on_attempt");
    lua_pushvalue(L, call->on_attempt_index);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, method);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, path.data, path.len - 1);
    lua_setfield(L, -2, "path");
    if (answer->status != 0) {
        lua_pushinteger(L, answer->status);
        lua_setfield(L, -2, "status");
    }
    lua_pushnumber(L, seconds);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, (lua_Integer)flow->budget.attempts);
    lua_setfield(L, -2, "attempt");
    lua_call(L, 1, 0);
}

static void carry(struct call *call, const struct evs_want *want, double now)
{
    struct evs_transfer *transfer = prepare_transfer(call);
    const char *method = want->request->method;

    evs_transfer_start(transfer, want, evs_lua_machine_limit(call->machine));
    while (!evs_transfer_finished(transfer)) {
        evs_http_poll(call->client->http, SLICE);
        obey_interrupt(call);
    }
    take_answer(call);
    if (!want->metadata && !lua_isnil(call->L, call->on_attempt_index))
        tell_attempt(call, method, evs_clock_monotonic() - now);
}

/* --- the call ------------------------------------------------------------------------------------- */

/* Run the machine to its end. */
static const struct evs_flow *run(struct call *call)
{
    struct evs_flow *flow = &call->machine->as.flow;
    struct evs_want want;
    double now;

    for (;;) {
        now = evs_clock_monotonic();
        switch (evs_flow_next(flow, now, evs_clock_wall(), &want)) {
        case EVS_SEND:
            carry(call, &want, now);
            break;
        case EVS_SLEEP:
            sleep_for(call, want.seconds);
            break;
        default:
            evs_lua_machine_tell(call->machine);
            return flow;
        }
    }
}

/* Push the client's spare machine, which is then nobody else's, or a new one. */
static struct evs_lua_machine *borrow_machine(lua_State *L, int client)
{
    struct evs_lua_machine *machine;

    evs_compat_getuservalue(L, client);
    lua_rawgeti(L, -1, EVS_CLIENT_MACHINE);
    machine = lua_touserdata(L, -1);
    if (!machine) {
        lua_pop(L, 2);
        return evs_lua_machine_push(L, client);
    }
    lua_pushnil(L);
    lua_rawseti(L, -3, EVS_CLIENT_MACHINE);
    lua_remove(L, -2);
    return machine;
}

static void return_machine(lua_State *L, int client, int machine)
{
    evs_compat_getuservalue(L, client);
    lua_pushvalue(L, machine);
    lua_rawseti(L, -2, EVS_CLIENT_MACHINE);
    lua_pop(L, 1);
}

/* The option of the call, else the client's. */
static void push_on_attempt(lua_State *L, int client, int options)
{
    evs_lua_options_push_on_attempt(L, options);
    if (!lua_isnil(L, -1))
        return;
    evs_compat_getuservalue(L, client);
    lua_rawgeti(L, -1, EVS_CLIENT_ON_ATTEMPT);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* Make the call: returns its flow, with the machine at the top of the stack. A machine has one type for
 * life if it is a list, so lists do not use the spare one. */
static const struct evs_flow *make_call(lua_State *L, int client, const struct evs_flow_type *type,
                                        int arg)
{
    struct call call = {.L = L, .client = lua_touserdata(L, client)};
    const struct evs_flow *flow;

    push_on_attempt(L, client, arg + 2);
    call.on_attempt_index = lua_gettop(L);
    call.machine = type->one_snapshot ? borrow_machine(L, client) : evs_lua_machine_push(L, client);
    call.machine_index = lua_gettop(L);
    call.hook = current_hook(L);
    evs_lua_machine_begin(L, call.machine, type, arg);
    flow = run(&call);
    if (type->one_snapshot)
        return_machine(L, client, call.machine_index);
    return flow;
}

int evs_lua_call_delete(lua_State *L, int client, int arg, bool safe)
{
    const struct evs_flow *flow = make_call(L, client, &evs_delete_snapshot, arg);

    if (flow->state == EVS_FLOW_SUCCEEDED) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (safe)
        return evs_lua_error_return(L, &flow->error);
    evs_lua_error_push(L, &flow->error);
    return 1;
}

int evs_lua_call_show(lua_State *L, int client, int arg)
{
    const struct evs_flow *flow = make_call(L, client, &evs_show_snapshot, arg);

    if (flow->state != EVS_FLOW_SUCCEEDED)
        return evs_lua_error_return(L, &flow->error);
    evs_lua_machine_push_result(L, lua_gettop(L));
    return 1;
}

int evs_lua_call_list(lua_State *L, int client, int arg)
{
    const struct evs_flow *flow = make_call(L, client, &evs_list_snapshots, arg);

    if (flow->state != EVS_FLOW_SUCCEEDED)
        return evs_lua_error_return(L, &flow->error);
    evs_lua_machine_push_result(L, lua_gettop(L));
    return 1;
}

/* --- each: upvalues are the machine, on_attempt, the page's rows, and how many of them were given --- */

enum { EACH_MACHINE = 1, EACH_ON_ATTEMPT, EACH_ROWS, EACH_GIVEN };

/* Push the next row of the page; false (and nothing pushed) when there is none. */
static bool push_next_row(lua_State *L)
{
    int given = (int)lua_tointeger(L, lua_upvalueindex(EACH_GIVEN));

    lua_rawgeti(L, lua_upvalueindex(EACH_ROWS), given + 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushinteger(L, given + 1);
    lua_replace(L, lua_upvalueindex(EACH_GIVEN));
    return true;
}

static void read_page(lua_State *L, struct evs_lua_machine *machine)
{
    struct call call = {.L = L, .client = machine->client, .machine = machine};

    if (machine->as.flow.state == EVS_FLOW_SUCCEEDED)
        evs_listing_resume(&machine->as.listing);
    lua_pushvalue(L, lua_upvalueindex(EACH_ON_ATTEMPT));
    call.on_attempt_index = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(EACH_MACHINE));
    call.machine_index = lua_gettop(L);
    call.hook = current_hook(L);
    run(&call);
    evs_lua_machine_take_rows(L, call.machine_index);
    lua_replace(L, lua_upvalueindex(EACH_ROWS));
    lua_pushinteger(L, 0);
    lua_replace(L, lua_upvalueindex(EACH_GIVEN));
}

static int each_next(lua_State *L)
{
    struct evs_lua_machine *machine = lua_touserdata(L, lua_upvalueindex(EACH_MACHINE));
    struct evs_flow *flow = &machine->as.flow;

    lua_settop(L, 0);
    for (;;) {
        if (push_next_row(L))
            return 1;
        if (flow->state == EVS_FLOW_FAILED)
            return evs_lua_error_return(L, &flow->error);
        if (flow->state == EVS_FLOW_SUCCEEDED && machine->as.listing.finished)
            return 0;
        read_page(L, machine);
    }
}

int evs_lua_call_each(lua_State *L, int client, int arg)
{
    struct evs_lua_machine *machine;
    int index;

    push_on_attempt(L, client, arg + 2);
    machine = evs_lua_machine_push(L, client);
    index = lua_gettop(L);
    evs_lua_machine_begin(L, machine, &evs_list_snapshots, arg);
    machine->as.listing.paged = true;
    lua_pushvalue(L, index);
    lua_pushvalue(L, index - 1);
    lua_newtable(L);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, each_next, 4);
    return 1;
}
