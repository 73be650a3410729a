#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nanosleep under -std=c11 */
#endif
#include "driver.h"

#include "attempt.h"
#include "base/time.h"
#include "batch.h"
#include "lua/json.h"
#include "lua/options.h"

#include <time.h>

/* How long the network may keep a driver from noticing Ctrl-C, seconds. */
#define SLICE 0.1

/* The driver's stack: nothing stands above between two steps. */
enum { MACHINE = 1, ON_ATTEMPT, ON_RESULT, TOP = ON_RESULT };

/* --- Ctrl-C ----------------------------------------------------------------------------------- */

/* lua.c's handler of SIGINT sets a hook and nothing else, which waits for Lua code to run. A
 * driver that is busy in C lets the hook act. */
struct watch {
    lua_Hook hook; /* as it was before */
};

/* In a coroutine a signal may have come before the call: its hook waits in the main thread. */
static struct watch begin_watch(lua_State *L)
{
    return (struct watch){evs_compat_mainthread(L) == L ? lua_gethook(L) : NULL};
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

static void obey_interrupt(lua_State *L, struct watch *watch)
{
    lua_State *main = evs_compat_mainthread(L);

    if (lua_gethook(main) == watch->hook)
        return;
    watch->hook = lua_gethook(main);
    luaL_checkstack(L, 2, "interrupted!");
    /* A hook that does not raise is a debugger's, perhaps. */
    if (main == L ? hook_raises(L) : borrowed_hook_raises(L, main))
        lua_error(L);
}

/* --- the driver ------------------------------------------------------------------------------- */

struct driver {
    lua_State *L;
    struct evs_lua_machine *machine;
    struct evs_lua_client *client;
    unsigned long homes; /* the client's, when its calls were last looked after */
    struct watch watch;
};

/* --- connections ------------------------------------------------------------------------------ */

static bool is_inherited(const struct evs_lua_client *client)
{
    return client->http && evs_http_inherited(client->http);
}

static struct evs_http *new_home(const struct evs_client *core)
{
    const struct evs_http_settings settings = {.url = core->endpoint.url,
                                               .ca_file = core->ca_file.data,
                                               .proxy = core->proxy.data,
                                               .no_proxy = core->no_proxy.data,
                                               .tls_verify = core->tls_verify};

    return evs_http_new(&settings);
}

/* The client's connections, made at the first need, and anew after a fork. */
static struct evs_http *home(struct driver *d)
{
    struct evs_lua_client *client = d->client;

    if (is_inherited(client)) {
        client->last.transfer = NULL;
        evs_http_free(client->http);
        client->http = NULL;
    }
    if (!client->http) {
        client->homes++;
        client->http = new_home(&client->core);
    }
    if (!client->http)
        luaL_error(d->L, "not enough memory");
    return client->http;
}

/* See that the call has a transfer of the client's connections. */
static struct evs_transfer *ready_transfer(struct driver *d, struct evs_call *call)
{
    struct evs_http *http = home(d);

    if (call->transfer && !evs_transfer_belongs(call->transfer, http)) {
        if (d->client->last.transfer == call->transfer)
            d->client->last.transfer = NULL;
        evs_transfer_free(call->transfer);
        call->transfer = NULL;
    }
    if (!call->transfer)
        call->transfer = evs_transfer_new(http);
    if (!call->transfer)
        luaL_error(d->L, "not enough memory");
    return call->transfer;
}

/* `last` is about the call before, whose answer the transfer may still hold. Only a function of the
 * script's could ask for its request id from now on. */
static void leave_last(struct driver *d, const struct evs_transfer *transfer)
{
    if (!lua_isnil(d->L, ON_ATTEMPT))
        evs_lua_machine_forget(d->client, transfer);
    else if (d->client->last.transfer == transfer)
        d->client->last.transfer = NULL;
}

static void send_request(struct driver *d, const struct evs_act *act)
{
    struct evs_transfer *transfer = ready_transfer(d, act->call);

    leave_last(d, transfer);
    evs_transfer_set_owner(transfer, d->machine, act->call);
    evs_transfer_start(transfer, &act->want, evs_lua_body_limit(act->call));
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct evs_str header_of_transfer(void *source, const char *name)
{
    return evs_transfer_header(source, name);
}

/* Give the call the answer that its transfer has. */
static void reply(struct driver *d, struct evs_call *call, const struct evs_answer *got,
                  struct evs_lua_attempt *attempt)
{
    struct evs_lua_answer answer = {.status = got->status,
                                    .body = got->body,
                                    .body_cut = got->body_cut,
                                    .names_job = d->client->core.api->names_job,
                                    .header = header_of_transfer,
                                    .source = call->transfer};
    struct evs_facts facts;

    if (!lua_isnil(d->L, ON_RESULT) || attempt)
        evs_lua_client_request_id(d->client, call->transfer, call->request_id);
    if (!evs_lua_json_facts(d->L, &answer, &facts))
        lua_error(d->L);
    facts.replays = got->replays;
    if (attempt)
        evs_lua_attempt_answered(attempt, &facts);
    evs_lua_machine_reply(d->L, MACHINE, call, &facts);
}

/* Give the call what came of its request; `attempt` is NULL when nobody is told of it. */
static void give(struct driver *d, struct evs_call *call, struct evs_lua_attempt *attempt)
{
    const struct evs_answer *got = evs_transfer_answer(call->transfer);

    if (got->status != 0) {
        reply(d, call, got, attempt);
        return;
    }
    if (attempt)
        evs_lua_attempt_failed(attempt, &got->failure);
    evs_engine_fail(call, &got->failure);
}

static void take_answer(struct driver *d, struct evs_call *call)
{
    lua_State *L = d->L;
    struct evs_lua_attempt attempt;
    double now = evs_clock_monotonic();

    if (call->metadata || lua_isnil(L, ON_ATTEMPT)) {
        give(d, call, NULL);
    } else {
        attempt = evs_lua_attempt(call);
        give(d, call, &attempt);
        lua_pushvalue(L, ON_ATTEMPT);
        evs_lua_attempt_push(L, &attempt, now);
        lua_pushnumber(L, now - call->sent_at);
        lua_setfield(L, -2, "seconds");
        lua_call(L, 1, 0);
    }
    lua_settop(L, TOP);
}

/* Run transfers for at most `seconds`, or until one of this machine's has an answer; whether one
 * had. */
static bool poll_answer(struct driver *d, double seconds)
{
    struct evs_transfer *transfer = evs_http_poll(home(d), d->machine, seconds);

    if (transfer)
        take_answer(d, evs_transfer_owner(transfer));
    return transfer != NULL;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Whether the connections are others than they were: Lua ran, and closed the client, or forked. */
static bool has_moved(const struct driver *d)
{
    return d->homes != d->client->homes || is_inherited(d->client);
}

static void sleep_exactly(double seconds)
{
    struct timespec span = {0, (long)(seconds * 1e9)};

    nanosleep(&span, NULL);
}

/* Wait for `seconds`, or until there is something to do. */
static void wait_for(struct driver *d, double seconds)
{
    while (seconds > 0 && !has_moved(d)) {
        double slice = seconds < SLICE ? seconds : SLICE;
        bool answered = false;

        if (d->machine->engine.in_flight > 0)
            answered = poll_answer(d, slice);
        else
            sleep_exactly(slice);
        obey_interrupt(d->L, &d->watch);
        seconds = answered ? 0 : seconds - slice;
    }
}

/* --- what Lua has left ------------------------------------------------------------------------ */

static void catch_up_call(struct driver *d, struct evs_call *call)
{
    if (!call->in_flight) {
        evs_engine_wake(call); /* to see that the client is closed */
        return;
    }
    if (evs_transfer_finished(call->transfer))
        take_answer(d, call);
    else if (!d->client->http || !evs_transfer_belongs(call->transfer, d->client->http))
        evs_engine_lose(call);
}

/* The client was closed, or has a new home after a fork. */
static void catch_up(struct driver *d)
{
    struct evs_engine *engine = &d->machine->engine;
    struct evs_error error;

    if (d->client->core.closed && !engine->single) {
        evs_error_set(&error, EVS_CLOSED, "the client was closed while delete_snapshots ran");
        evs_engine_stop(engine, &error);
    }
    if (!d->client->core.closed)
        home(d);
    d->homes = d->client->homes;
    for (size_t i = 0; i < engine->call_count; i++) {
        struct evs_call *call = evs_engine_call(engine, i);

        if (call->used && !call->told)
            catch_up_call(d, call);
    }
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Ask the script's function for an id. It gives one, or nil at the end, or nil and an error (as
 * each_snapshot does). It may take its time: what was started leaves before it is called, and
 * what was answered is dealt with. */
static void ask_for_id(struct driver *d)
{
    lua_State *L = d->L;

    if (d->machine->engine.in_flight > 0 && poll_answer(d, 0))
        return;
    evs_lua_machine_push_kept(L, MACHINE, EVS_MACHINE_SOURCE);
    lua_call(L, 0, 2);
    if (!lua_isnil(L, -2)) {
        lua_pop(L, 1);
        evs_lua_batch_add(L, MACHINE);
    } else {
        evs_lua_batch_finish(d->machine);
        if (!lua_isnil(L, -1))
            evs_lua_batch_stop_with(L, MACHINE);
    }
    lua_settop(L, TOP);
}

/* on_result(id, result, info); a false from it stops the batch. */
static void tell_result(struct driver *d, struct evs_call *call)
{
    lua_State *L = d->L;
    bool told = !evs_engine_is_unsent(call);
    bool silent = lua_isnil(L, ON_RESULT);
    struct evs_error error;

    if (call->transfer) /* a stop may have cut its request short */
        evs_transfer_abandon(call->transfer);
    lua_pushvalue(L, ON_RESULT);
    if (told && (!silent || call->as.flow.state == EVS_FLOW_FAILED))
        evs_lua_batch_push_result(L, MACHINE, call);
    evs_lua_batch_release(L, MACHINE, call);
    if (told && !silent) {
        lua_call(L, 3, 1);
        if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
            evs_error_set(&error, EVS_STOPPED, "on_result returned false");
            evs_engine_stop(&d->machine->engine, &error);
        }
    }
    lua_settop(L, TOP);
}

/* --- running ---------------------------------------------------------------------------------- */

static void run(struct driver *d)
{
    struct evs_act act;

    for (;;) {
        while (has_moved(d))
            catch_up(d);
        switch (
            evs_engine_next(&d->machine->engine, evs_clock_monotonic(), evs_clock_wall(), &act)) {
        case EVS_TURN_SEND: send_request(d, &act); break;
        case EVS_TURN_RESULT: tell_result(d, act.call); break;
        case EVS_TURN_NEED:
            if (evs_lua_batch_wants(d->machine))
                ask_for_id(d);
            else
                evs_lua_batch_feed(d->L, MACHINE);
            break;
        case EVS_TURN_SLEEP: wait_for(d, act.want.seconds); break;
        default: return;
        }
    }
}

/* drive(machine, on_attempt, on_result) */
static int drive(lua_State *L)
{
    struct driver d = {.L = L, .machine = lua_touserdata(L, MACHINE)};

    d.client = d.machine->client;
    d.homes = d.client->homes;
    d.watch = begin_watch(L);
    run(&d);
    return 0;
}

/* Pushing a C function allocates on Lua 5.1 and LuaJIT, so each client keeps this one. */
void evs_lua_driver_setup(lua_State *L)
{
    lua_pushcfunction(L, drive);
    lua_rawseti(L, -2, EVS_CLIENT_DRIVE);
}

static void push_callback(lua_State *L, int client, int options, const char *name, int slot)
{
    evs_lua_options_push_function(L, options, name);
    if (!lua_isnil(L, -1))
        return;
    evs_compat_getuservalue(L, client);
    lua_rawgeti(L, -1, slot);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

struct evs_lua_callbacks evs_lua_callbacks_push(lua_State *L, int client, int options)
{
    int top = lua_gettop(L);

    push_callback(L, client, options, "on_attempt", EVS_CLIENT_ON_ATTEMPT);
    push_callback(L, client, options, "on_result", EVS_CLIENT_ON_RESULT);
    return (struct evs_lua_callbacks){top + 1, top + 2};
}

void evs_lua_drive(lua_State *L, int client, int index, struct evs_lua_callbacks callbacks)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    int status;

    evs_compat_getuservalue(L, client);
    lua_rawgeti(L, -1, EVS_CLIENT_DRIVE);
    lua_replace(L, -2);
    lua_pushvalue(L, index);
    lua_pushvalue(L, callbacks.on_attempt);
    lua_pushvalue(L, callbacks.on_result);
    machine->driven = true;
    status = lua_pcall(L, 3, 0, 0);
    machine->driven = false;
    if (status == LUA_OK)
        return;
    evs_lua_machine_abandon_transfers(machine);
    evs_engine_cancel(&machine->engine);
    if (!machine->engine.single)
        evs_lua_machine_free(machine); /* a batch cannot go on, as an iterator can */
    lua_error(L);
}
