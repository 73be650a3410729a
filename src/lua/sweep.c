#include "sweep.h"

#include "../core/clock.h"
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
    int seen;       /* of an array: the ids that were given; of an iterator: nil */
    int on_result;  /* the function, or nil */
    int on_attempt; /* the same */
    int index;      /* of the batch */
    bool iterator;
    size_t position, count; /* of an array */
    struct evs_lua_watch watch;
};

/* --- the arguments ------------------------------------------------------------------------------------ */

static void check_entry(lua_State *L, int arg, size_t i)
{
    int type = lua_type(L, -1);

    if (type == LUA_TTABLE) {
        lua_getfield(L, -1, "id");
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

/* All of an array is looked at before anything is deleted. */
static bool check_ids(lua_State *L, int arg)
{
    if (lua_isfunction(L, arg))
        return true;
    if (!lua_istable(L, arg)) {
        lua_pushfstring(L, "ids: array or function expected, got %s", luaL_typename(L, arg));
        luaL_argerror(L, arg, lua_tostring(L, -1));
    }
    for (size_t i = 1; i <= evs_compat_rawlen(L, arg); i++) {
        lua_rawgeti(L, arg, (int)i);
        check_entry(L, arg, i);
        lua_pop(L, 1);
    }
    return false;
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
static void raise(struct sweep *sweep)
{
    evs_lua_batch_abandon(sweep->batch);
    lua_error(sweep->L);
}

static void call_or_raise(struct sweep *sweep, int arguments, int results)
{
    if (lua_pcall(sweep->L, arguments, results, 0) != LUA_OK)
        raise(sweep);
}

static void obey_interrupt(struct sweep *sweep)
{
    if (evs_lua_interrupted(sweep->L, &sweep->watch))
        raise(sweep);
}

/* --- ids ------------------------------------------------------------------------------------------------ */

/* Push the id of the entry at the top; its own, or a snapshot's. */
static void push_id(lua_State *L)
{
    if (lua_istable(L, -1))
        lua_getfield(L, -1, "id");
    else
        lua_pushvalue(L, -1);
}

/* Note the id of the entry at the top; whether it came before. */
static bool is_repeated(struct sweep *sweep)
{
    lua_State *L = sweep->L;
    bool repeated;

    push_id(L);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushvalue(L, -1);
    lua_rawget(L, sweep->seen);
    repeated = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
    lua_rawset(L, sweep->seen);
    return repeated;
}

/* Push the next entry of the array that is not a repetition; nil at its end. */
static void push_entry(struct sweep *sweep)
{
    while (sweep->position < sweep->count) {
        lua_rawgeti(sweep->L, sweep->ids, (int)++sweep->position);
        if (!is_repeated(sweep))
            return;
        lua_pop(sweep->L, 1);
    }
    lua_pushnil(sweep->L);
}

/* An iterator gives an entry, or nil at its end, or nil and an error (as each_snapshot does). */
static void push_iterated(struct sweep *sweep)
{
    lua_State *L = sweep->L;
    struct evs_error error;

    lua_pushvalue(L, sweep->ids);
    call_or_raise(sweep, 0, 2);
    if (lua_isnil(L, -2) && !lua_isnil(L, -1)) {
        evs_error_set(&error, EVS_STOPPED, "the iterator of ids failed");
        evs_batch_stop(&sweep->batch->core, &error);
        evs_compat_getuservalue(L, sweep->index);
        lua_insert(L, -2);
        lua_rawseti(L, -2, EVS_BATCH_STOPPED);
    }
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

    if (sweep->iterator)
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
    call_or_raise(sweep, 2, 0);
}

/* After a stop: the rest of an array was not sent. An iterator is not called again. */
static void count_rest(struct sweep *sweep)
{
    for (; !sweep->iterator;) {
        push_entry(sweep);
        if (lua_isnil(sweep->L, -1))
            break;
        lua_pop(sweep->L, 1);
        sweep->batch->core.unsent++;
    }
}

/* --- requests ------------------------------------------------------------------------------------------- */

static void send(struct sweep *sweep, struct evs_batch_call *call, const struct evs_want *want)
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
        .seconds = evs_clock_monotonic() - flow->exchange.sent_at,
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
    struct evs_secrets secrets = evs_client_secrets(&sweep->client->core);
    const char *method = flow->exchange.request.method;
    bool own = flow->exchange.state == EVS_X_IN_FLIGHT; /* not the metadata service's */
    struct evs_facts facts;

    if (answer->status == 0) {
        evs_flow_fail(flow, &answer->failure);
    } else {
        if (!lua_isnil(sweep->L, sweep->on_result))
            evs_transfer_request_id(transfer, call->request_id, sizeof call->request_id, &secrets);
        evs_lua_transfer_facts(sweep->L, transfer, &facts);
        evs_flow_reply(flow, &facts);
        lua_pop(sweep->L, 1);
    }
    evs_batch_touch(call);
    if (own && !lua_isnil(sweep->L, sweep->on_attempt))
        tell_attempt(sweep, call, method);
}

static void poll(struct sweep *sweep, double seconds)
{
    struct evs_transfer *transfer;

    if (seconds > EVS_SLICE)
        seconds = EVS_SLICE;
    transfer = evs_http_poll(evs_lua_home(sweep->L, sweep->client), sweep->batch, seconds);
    if (transfer)
        take_answer(sweep, transfer);
    obey_interrupt(sweep);
}

/* --- results -------------------------------------------------------------------------------------------- */

/* on_result(id, result, info); a false from it stops the batch. */
static void tell_result(struct sweep *sweep, struct evs_batch_call *call)
{
    lua_State *L = sweep->L;
    struct evs_error error;

    if (!evs_lua_batch_is_told(sweep->batch, call))
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
    tell_result(sweep, call);
    evs_batch_release(&sweep->batch->core, call);
}

/* A batch whose client was closed, in a callback, ends; its transfers were abandoned with the client. */
static bool is_closed(const struct sweep *sweep)
{
    return sweep->client->core.closed;
}

static void run(struct sweep *sweep)
{
    struct evs_batch_act act;

    for (;;) {
        if (is_closed(sweep)) {
            lua_pushliteral(sweep->L, "the client was closed while delete_snapshots ran");
            raise(sweep);
        }
        switch (evs_batch_next(&sweep->batch->core, evs_clock_monotonic(), evs_clock_wall(), &act)) {
        case EVS_BATCH_NEED:
            feed(sweep);
            break;
        case EVS_BATCH_SEND:
            send(sweep, act.call, &act.want);
            break;
        case EVS_BATCH_RESULT:
            conclude(sweep, act.call);
            break;
        case EVS_BATCH_SLEEP:
            poll(sweep, act.want.seconds);
            break;
        default:
            return;
        }
    }
}

int evs_lua_sweep(lua_State *L, int client, int arg)
{
    struct sweep sweep = {.L = L, .client = lua_touserdata(L, client), .ids = arg + 1};
    struct evs_error error;

    evs_lua_sweep_check(L, arg);
    if (sweep.client->core.closed) {
        evs_error_set(&error, EVS_CLOSED, "the client is closed");
        return evs_lua_error_return(L, &error);
    }
    sweep.iterator = lua_isfunction(L, sweep.ids);
    sweep.count = sweep.iterator ? 0 : evs_compat_rawlen(L, sweep.ids);
    lua_newtable(L);
    sweep.seen = lua_gettop(L);
    evs_lua_push_callback(L, client, arg + 2, "on_result", EVS_CLIENT_ON_RESULT);
    sweep.on_result = lua_gettop(L);
    evs_lua_push_callback(L, client, arg + 2, "on_attempt", EVS_CLIENT_ON_ATTEMPT);
    sweep.on_attempt = lua_gettop(L);
    sweep.batch = evs_lua_batch_push(L, client, arg, sweep.iterator, &error);
    if (!sweep.batch)
        return evs_lua_error_return(L, &error);
    sweep.index = lua_gettop(L);
    sweep.watch = evs_lua_watch(L);
    run(&sweep);
    if (sweep.batch->core.stopped)
        count_rest(&sweep);
    evs_lua_batch_push_summary(L, sweep.index);
    evs_lua_batch_abandon(sweep.batch);
    return 1;
}
