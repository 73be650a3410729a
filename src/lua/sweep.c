#include "sweep.h"

#include "base/clock.h"
#include "batch.h"
#include "carry.h"
#include "error.h"
#include "json.h"
#include "options.h"

/* A batch on its way: where its parts stand on the stack. */
struct sweep {
    lua_State *L;
    struct evs_lua_client *client;
    struct evs_lua_batch *batch;
    int ids;        /* an array or a function */
    int on_result;  /* the function, or nil */
    int on_attempt; /* the same */
    int index;      /* of the batch */
    bool called;    /* one of the script's functions ran since catch_up looked what it left */
    size_t position, count; /* of an array */
    struct evs_lua_watch watch;
};

/* --- the arguments ------------------------------------------------------------------------------------ */

static void check_entry(lua_State *L, int arg, size_t i)
{
    int type = lua_type(L, -1);

    if (type == LUA_TTABLE) {
        evs_compat_rawgetfield(L, lua_gettop(L), "id");
        type = lua_type(L, -1);
        lua_pop(L, 1);
        if (type == LUA_TNIL) /* from a server, perhaps: that call fails */
            type = LUA_TSTRING;
    }
    if (type != LUA_TSTRING) {
        lua_pushfstring(L, "ids[%d]: string or snapshot expected, got %s", (int)i,
                        lua_typename(L, type));
        luaL_argerror(L, arg, lua_tostring(L, -1));
    }
}

/* All of an array is looked at before anything is deleted. A table that has only other keys is a
 * snapshot, perhaps, and no empty array. */
static void check_array(lua_State *L, int arg)
{
    size_t count = evs_compat_rawlen(L, arg);

    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, arg, (int)i);
        check_entry(L, arg, i);
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    if (count > 0)
        lua_pop(L, 1);
    else if (lua_next(L, arg))
        luaL_argerror(L, arg, "ids: array or function expected, got a table without [1]");
}

static void check_ids(lua_State *L, int arg)
{
    if (lua_istable(L, arg)) {
        check_array(L, arg);
    } else if (!lua_isfunction(L, arg)) {
        lua_pushfstring(L, "ids: array or function expected, got %s", luaL_typename(L, arg));
        luaL_argerror(L, arg, lua_tostring(L, -1));
    }
}

void evs_lua_sweep_check(lua_State *L, int arg)
{
    struct evs_settings settings;
    struct evs_error error;

    evs_lua_check_string(L, arg, "project_id");
    check_ids(L, arg + 1);
    evs_lua_options_read(L, arg + 2, EVS_AT_BATCH, &settings, &error);
}

/* --- ending early --------------------------------------------------------------------------------------- */

/* Raise the error at the top, with nothing left under way. */
static void raise_error(struct sweep *sweep)
{
    evs_lua_batch_abandon(sweep->batch);
    lua_error(sweep->L);
}

static void call_or_raise(struct sweep *sweep, int arguments, int results)
{
    sweep->called = true;
    if (lua_pcall(sweep->L, arguments, results, 0) != LUA_OK)
        raise_error(sweep);
}

static void obey_interrupt(struct sweep *sweep)
{
    if (evs_lua_interrupted(sweep->L, &sweep->watch))
        raise_error(sweep);
    if (sweep->client->core.closed) /* by a hook */
        sweep->called = true;
}

/* --- ids ------------------------------------------------------------------------------------------------ */

/* Push the next entry of the array; nil at its end. */
static void push_entry(struct sweep *sweep)
{
    if (sweep->position < sweep->count)
        lua_rawgeti(sweep->L, sweep->ids, (int)++sweep->position);
    else
        lua_pushnil(sweep->L);
}

/* An iterator gives an entry, or nil at its end, or nil and an error (as each_snapshot does). */
static void push_iterated(struct sweep *sweep)
{
    lua_State *L = sweep->L;

    lua_pushvalue(L, sweep->ids);
    call_or_raise(sweep, 0, 2);
    if (lua_isnil(L, -2) && !lua_isnil(L, -1))
        evs_lua_batch_stop_with(L, sweep->index);
    else
        lua_pop(L, 1);
}

static int add_protected(lua_State *L)
{
    evs_lua_batch_add(L, 1);
    return 0;
}

static void feed(struct sweep *sweep)
{
    lua_State *L = sweep->L;

    if (sweep->batch->iterator)
        push_iterated(sweep);
    else
        push_entry(sweep);
    if (lua_isnil(L, -1)) {
        evs_batch_end(&sweep->batch->core);
        lua_pop(L, 1);
        return;
    }
    lua_pushcfunction(L, add_protected);
    lua_insert(L, -2);
    lua_pushvalue(L, sweep->index);
    lua_insert(L, -2);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        raise_error(sweep);
}

/* After a stop: the rest of an array was not sent. An iterator is not called again. */
static void leave_rest(struct sweep *sweep)
{
    for (push_entry(sweep); !lua_isnil(sweep->L, -1); push_entry(sweep)) {
        evs_lua_batch_leave(sweep->L, sweep->index);
        lua_pop(sweep->L, 1);
    }
    lua_pop(sweep->L, 1);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static void start_request(struct sweep *sweep, struct evs_batch_call *call, const struct evs_want *want)
{
    struct evs_transfer *transfer = call->carrier;

    evs_lua_ready_transfer(sweep->L, sweep->client, &transfer);
    call->carrier = transfer;
    evs_transfer_set_owner(transfer, sweep->batch, call);
    evs_transfer_start(transfer, want, EVS_BODY_LIMIT);
}

static void tell_attempt(struct sweep *sweep, const struct evs_batch_call *call, const char *method)
{
    const struct evs_flow *flow = &call->deletion.flow;
    struct evs_lua_attempt attempt = {
        .method = method,
        .path = evs_buf_str(&flow->exchange.request.path),
        .status = evs_transfer_answer(call->carrier)->status,
        .seconds = evs_clock_monotonic() - flow->exchange.ticket.departed,
        .number = flow->budget.attempts,
    };

    lua_pushvalue(sweep->L, sweep->on_attempt);
    evs_lua_push_attempt(sweep->L, &attempt);
    call_or_raise(sweep, 1, 0);
}

static void take_answer(struct sweep *sweep, struct evs_transfer *transfer)
{
    struct evs_batch_call *call = evs_transfer_owner(transfer);
    struct evs_flow *flow = &call->deletion.flow;
    const struct evs_answer *answer = evs_transfer_answer(transfer);
    const char *method = flow->exchange.request.method;
    bool own = flow->exchange.state == EVS_X_IN_FLIGHT; /* not the metadata service's */
    struct evs_facts facts;

    if (answer->status == 0) {
        evs_flow_fail(flow, &answer->failure);
    } else {
        if (!lua_isnil(sweep->L, sweep->on_result))
            evs_transfer_request_id(transfer, call->request_id, sizeof call->request_id);
        if (!evs_lua_transfer_facts(sweep->L, transfer, &facts))
            raise_error(sweep);
        evs_flow_reply(flow, &facts);
        lua_pop(sweep->L, 1);
    }
    evs_batch_touch(call);
    if (own && !lua_isnil(sweep->L, sweep->on_attempt))
        tell_attempt(sweep, call, method);
}

/* Carry requests for at most `seconds`, or until one of them is answered; whether one was. */
static bool carry(struct sweep *sweep, double seconds)
{
    struct evs_transfer *transfer;

    if (seconds > EVS_SLICE)
        seconds = EVS_SLICE;
    transfer = evs_http_poll(evs_lua_home(sweep->L, sweep->client), sweep->batch, seconds);
    if (transfer)
        take_answer(sweep, transfer);
    obey_interrupt(sweep);
    return transfer != NULL;
}

/* An iterator may take its time: what was started leaves before it is called, and what was answered is
 * dealt with. */
static bool carry_first(struct sweep *sweep)
{
    return sweep->batch->iterator && sweep->batch->core.in_flight > 0 && carry(sweep, 0);
}

/* --- what the script's functions did -------------------------------------------------------------------- */

static void catch_up_call(struct sweep *sweep, struct evs_batch_call *call,
                          const struct evs_http *http)
{
    bool gone = call->in_flight && !evs_transfer_belongs(call->carrier, http);

    if (call->in_flight && evs_transfer_finished(call->carrier)) {
        take_answer(sweep, call->carrier);
    } else if (gone || (!call->in_flight && !http)) {
        if (gone)
            evs_flow_lose(&call->deletion.flow);
        evs_batch_touch(call);
    }
}

/* They may have closed the client, or forked. */
static void catch_up(struct sweep *sweep)
{
    struct evs_batch *batch = &sweep->batch->core;
    const struct evs_http *http = NULL;
    struct evs_error error;

    sweep->called = false;
    if (sweep->client->core.closed) {
        evs_error_set(&error, EVS_CLOSED, "the client was closed while delete_snapshots ran");
        evs_batch_stop(batch, &error);
    } else {
        http = evs_lua_home(sweep->L, sweep->client);
    }
    for (size_t i = 0; i < batch->call_count; i++)
        if (batch->calls[i]->used && !batch->calls[i]->reported)
            catch_up_call(sweep, batch->calls[i], http);
}

/* --- results -------------------------------------------------------------------------------------------- */

/* on_result(id, result, info); a false from it stops the batch. */
static void tell_result(struct sweep *sweep, struct evs_batch_call *call)
{
    lua_State *L = sweep->L;
    struct evs_error error;

    if (evs_batch_is_unsent(call))
        return;
    if (lua_isnil(L, sweep->on_result) && call->deletion.flow.state == EVS_FLOW_SUCCEEDED)
        return;
    lua_pushvalue(L, sweep->on_result);
    evs_lua_batch_push_result(L, sweep->index, call);
    if (lua_isnil(L, sweep->on_result)) {
        lua_pop(L, 4);
        return;
    }
    call_or_raise(sweep, 3, 1);
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
        evs_error_set(&error, EVS_STOPPED, "on_result returned false");
        evs_batch_stop(&sweep->batch->core, &error);
    }
    lua_pop(L, 1);
}

static void conclude(struct sweep *sweep, struct evs_batch_call *call)
{
    if (call->carrier) /* a stop may have cut its request short */
        evs_transfer_abandon(call->carrier);
    tell_result(sweep, call);
    evs_lua_batch_release(sweep->L, sweep->index, call);
}

static void run(struct sweep *sweep)
{
    struct evs_batch *batch = &sweep->batch->core;
    struct evs_batch_act act;

    for (;;) {
        while (sweep->called)
            catch_up(sweep);
        switch (evs_batch_next(batch, evs_clock_monotonic(), evs_clock_wall(), &act)) {
        case EVS_BATCH_NEED:
            if (!carry_first(sweep))
                feed(sweep);
            break;
        case EVS_BATCH_SEND:
            start_request(sweep, act.call, &act.want);
            break;
        case EVS_BATCH_RESULT:
            conclude(sweep, act.call);
            break;
        case EVS_BATCH_SLEEP:
            carry(sweep, act.want.seconds);
            break;
        default:
            return;
        }
    }
}

int evs_lua_sweep(lua_State *L, int client, int arg)
{
    struct sweep sweep = {.L = L, .client = lua_touserdata(L, client), .ids = arg + 1};
    bool iterator = lua_isfunction(L, sweep.ids);
    struct evs_error error;

    evs_lua_sweep_check(L, arg);
    sweep.count = iterator ? 0 : evs_compat_rawlen(L, sweep.ids);
    evs_lua_push_callback(L, client, arg + 2, "on_result", EVS_CLIENT_ON_RESULT);
    sweep.on_result = lua_gettop(L);
    evs_lua_push_callback(L, client, arg + 2, "on_attempt", EVS_CLIENT_ON_ATTEMPT);
    sweep.on_attempt = lua_gettop(L);
    sweep.batch = evs_lua_batch_push(L, client, arg, iterator, &error);
    if (!sweep.batch)
        return evs_lua_error_return(L, &error);
    sweep.index = lua_gettop(L);
    sweep.watch = evs_lua_watch(L);
    run(&sweep);
    if (sweep.batch->core.stopped)
        leave_rest(&sweep);
    evs_lua_batch_push_summary(L, sweep.index);
    evs_lua_batch_abandon(sweep.batch);
    return 1;
}
