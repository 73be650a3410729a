#include "call.h"

#include "base/clock.h"
#include "carry.h"
#include "error.h"
#include "machine.h"

/* A call on its way: where its parts stand on the stack. */
struct call {
    lua_State *L;
    struct evs_lua_client *client;
    struct evs_lua_machine *machine;
    int machine_index;
    int on_attempt_index; /* the function, or nil */
    struct evs_lua_watch watch;
};

/* Raise the error at the top of the stack. What is under way is given up, so that no other call waits
 * for what it held. */
static void raise_error(struct call *call)
{
    if (call->machine->transfer)
        evs_transfer_abandon(call->machine->transfer);
    evs_flow_cancel(&call->machine->as.flow);
    lua_error(call->L);
}

static void obey_interrupt(struct call *call)
{
    if (evs_lua_interrupted(call->L, &call->watch))
        raise_error(call);
}

static void sleep_for(struct call *call, double seconds)
{
    while (seconds > 0) {
        seconds = evs_lua_sleep(seconds);
        obey_interrupt(call);
    }
}

/* --- one request ---------------------------------------------------------------------------------- */

/* Give the machine what came of its request. */
static void take_answer(struct call *call)
{
    const struct evs_answer *answer = evs_transfer_answer(call->machine->transfer);
    struct evs_facts facts;

    if (answer->status == 0) {
        evs_flow_fail(&call->machine->as.flow, &answer->failure);
        return;
    }
    if (!evs_lua_transfer_facts(call->L, call->machine->transfer, &facts))
        raise_error(call);
    evs_lua_machine_reply(call->L, call->machine_index, &facts);
    lua_pop(call->L, 1);
}

static void tell_attempt(struct call *call, const char *method, double seconds)
{
    const struct evs_flow *flow = &call->machine->as.flow;
    struct evs_lua_attempt attempt = {
        .method = method,
        .path = evs_buf_str(&flow->exchange.request.path),
        .status = evs_transfer_answer(call->machine->transfer)->status,
        .seconds = seconds,
        .number = flow->budget.attempts,
    };

    lua_pushvalue(call->L, call->on_attempt_index);
    evs_lua_push_attempt(call->L, &attempt);
    if (lua_pcall(call->L, 1, 0, 0) != LUA_OK)
        raise_error(call);
}

static void carry(struct call *call, const struct evs_want *want, double now)
{
    struct evs_transfer **transfer = &call->machine->transfer;
    const char *method = want->request->method;

    evs_lua_ready_transfer(call->L, call->client, transfer);
    evs_transfer_set_owner(*transfer, call->machine, call->machine);
    evs_transfer_start(*transfer, want, evs_lua_machine_limit(call->machine));
    while (!evs_transfer_finished(*transfer)) {
        evs_http_poll(call->client->http, call->machine, EVS_SLICE);
        obey_interrupt(call);
        if (!evs_transfer_belongs(*transfer, call->client->http)) {
            evs_flow_lose(&call->machine->as.flow); /* a hook closed the client */
            return;
        }
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

/* Make the call: returns its flow, with the machine at the top of the stack. A machine has one type for
 * life if it is a list, so lists do not use the spare one. */
static const struct evs_flow *make_call(lua_State *L, int client, const struct evs_flow_type *type,
                                        int arg)
{
    struct call call = {.L = L, .client = lua_touserdata(L, client)};
    const struct evs_flow *flow;

    evs_lua_push_callback(L, client, arg + 2, "on_attempt", EVS_CLIENT_ON_ATTEMPT);
    call.on_attempt_index = lua_gettop(L);
    call.machine = type->one_snapshot ? borrow_machine(L, client) : evs_lua_machine_push(L, client);
    call.machine_index = lua_gettop(L);
    call.watch = evs_lua_watch(L);
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

/* A call that reads: its result, or nil and the error. */
static int make_reading_call(lua_State *L, int client, const struct evs_flow_type *type, int arg)
{
    const struct evs_flow *flow = make_call(L, client, type, arg);

    if (flow->state != EVS_FLOW_SUCCEEDED)
        return evs_lua_error_return(L, &flow->error);
    evs_lua_machine_push_result(L, lua_gettop(L));
    return 1;
}

int evs_lua_call_show(lua_State *L, int client, int arg)
{
    return make_reading_call(L, client, &evs_show_snapshot, arg);
}

int evs_lua_call_list(lua_State *L, int client, int arg)
{
    return make_reading_call(L, client, &evs_list_snapshots, arg);
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
    call.watch = evs_lua_watch(L);
    run(&call);
}

/* Take over what the machine has read; false when it has nothing. */
static bool take_page(lua_State *L)
{
    bool some;

    lua_pushvalue(L, lua_upvalueindex(EACH_MACHINE));
    evs_lua_machine_take_rows(L, lua_gettop(L));
    some = evs_compat_rawlen(L, -1) > 0;
    lua_replace(L, lua_upvalueindex(EACH_ROWS));
    lua_pushinteger(L, 0);
    lua_replace(L, lua_upvalueindex(EACH_GIVEN));
    return some;
}

static int each_next(lua_State *L)
{
    struct evs_lua_machine *machine = lua_touserdata(L, lua_upvalueindex(EACH_MACHINE));
    struct evs_flow *flow = &machine->as.flow;

    if (evs_flow_in_flight(flow))
        return luaL_error(L, "this iterator's request is out: it cannot be called from within itself");
    for (;;) {
        lua_settop(L, 0);
        if (push_next_row(L) || (take_page(L) && push_next_row(L)))
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

    evs_lua_push_callback(L, client, arg + 2, "on_attempt", EVS_CLIENT_ON_ATTEMPT);
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
