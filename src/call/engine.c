#include "scout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE (-HUGE_VAL)
#define NEVER HUGE_VAL
#define SLEEP_MOST 1.0
#define SLEEP_LEAST                                                                                \
    1e-6 /* a sum with less may be rounded to now, and who is due is not slept for */

/* --- what the key says ------------------------------------------------------------------------ */

bool evs_engine_is_proven(const struct evs_engine *engine)
{
    return engine->client->key.state == EVS_KEY_PROVEN;
}

/* A key that is refused would refuse all the others too. */
static void stop_if_refused(struct evs_engine *engine, double now, double wall)
{
    struct evs_key *key = &engine->client->key;

    if (evs_key_look(key, now, wall) == EVS_KEY_REFUSED)
        evs_engine_stop(engine, &key->error);
}

/* --- beginning and end ------------------------------------------------------------------------ */

struct evs_call *evs_engine_call(struct evs_engine *engine, size_t slot)
{
    return slot == 0 ? &engine->first : engine->others[slot - 1];
}

void evs_engine_reset(struct evs_call *call)
{
    call->used = true;
    call->told = call->in_flight = call->metadata = call->waiting = call->alone = false;
    call->list = call->next_listed = NULL;
    call->ticket = 0;
    call->began_at = -1;
    call->request_id[0] = '\0';
}

struct evs_call *evs_engine_one(struct evs_engine *engine, struct evs_client *client)
{
    engine->client = client;
    engine->single = true;
    engine->call_count = 1;
    engine->in_flight = 0;
    engine->first.engine = engine;
    evs_engine_reset(&engine->first);
    return &engine->first;
}

bool evs_engine_many(struct evs_engine *engine, struct evs_client *client,
                     const struct evs_call_options *options, const struct evs_batch_options *limits)
{
    engine->client = client;
    engine->options = *options;
    engine->limits = *limits;
    return evs_pacer_init(&engine->pacer, limits->rate);
}

static void free_call(struct evs_call *call)
{
    if (evs_flow_lists(&call->as.flow))
        evs_listing_free(&call->as.listing);
    evs_flow_free(&call->as.flow);
}

void evs_engine_free(struct evs_engine *engine)
{
    for (size_t i = 0; i < engine->call_count; i++) {
        free_call(evs_engine_call(engine, i));
        if (i > 0)
            free(engine->others[i - 1]);
    }
    free(engine->others);
    free(engine->due);
    evs_pacer_free(&engine->pacer);
    memset(engine, 0, sizeof *engine);
}

void evs_engine_cancel(struct evs_engine *engine)
{
    for (size_t i = 0; i < engine->call_count; i++) {
        struct evs_call *call = evs_engine_call(engine, i);

        if (!call->used || call->told)
            continue;
        evs_flow_cancel(&call->as.flow);
        evs_engine_wake(call);
    }
}

/* --- room for calls --------------------------------------------------------------------------- */

static bool grow(struct evs_engine *engine)
{
    size_t count = engine->call_count;
    double *due = realloc(engine->due, (count + 1) * sizeof *due);
    struct evs_call **others;

    if (!due)
        return false;
    engine->due = due;
    if (count == 0)
        return true;
    others = realloc(engine->others, count * sizeof(struct evs_call *));
    if (!others)
        return false;
    engine->others = others;
    others[count - 1] = calloc(1, sizeof **others);
    return others[count - 1] != NULL;
}

struct evs_call *evs_engine_new_call(struct evs_engine *engine)
{
    struct evs_call *call;

    if (!grow(engine))
        return NULL;
    call = evs_engine_call(engine, engine->call_count);
    call->engine = engine;
    call->slot = engine->call_count++;
    return call;
}

static struct evs_call *take_unused(struct evs_engine *engine)
{
    struct evs_call *call = engine->unused;

    if (!call)
        return evs_engine_new_call(engine);
    engine->unused = call->next_unused;
    return call;
}

static bool has_slot(const struct evs_engine *engine)
{
    return engine->used - engine->waiting - engine->looking < engine->limits.concurrency;
}

static bool has_room(const struct evs_engine *engine)
{
    if (engine->ended || engine->stopped || engine->starting || engine->held)
        return false;
    if (!evs_engine_is_proven(engine))
        return engine->used == 0;
    return has_slot(engine) && engine->used < EVS_CALLS_MOST;
}

struct evs_call *evs_engine_add(struct evs_engine *engine, struct evs_str project,
                                struct evs_str id, const struct evs_snapshot *seen)
{
    struct evs_call *call = take_unused(engine);

    engine->asking = false;
    if (!call)
        return NULL;
    evs_engine_reset(call);
    call->as.flow.exchange.pacer = &engine->pacer;
    evs_flow_begin(&call->as.flow, &evs_delete_snapshot, engine->client, &engine->options, project,
                   id, seen);
    engine->due[call->slot] = AT_ONCE;
    engine->starting = call;
    engine->used++;
    engine->added++;
    return call;
}

void evs_engine_skip(struct evs_engine *engine)
{
    engine->asking = false;
}

void evs_engine_hold(struct evs_engine *engine)
{
    engine->asking = false;
    engine->held = true;
}

void evs_engine_end(struct evs_engine *engine)
{
    engine->asking = false;
    engine->ended = true;
}

bool evs_engine_is_full(const struct evs_engine *engine)
{
    return engine->added >= engine->limits.max;
}

struct evs_call *evs_engine_find(struct evs_engine *engine, unsigned long ticket)
{
    for (size_t i = 0; i < engine->call_count; i++) {
        struct evs_call *call = evs_engine_call(engine, i);

        if (call->in_flight && call->ticket == ticket)
            return call;
    }
    return NULL;
}

void evs_engine_release(struct evs_call *call)
{
    struct evs_engine *engine = call->engine;

    call->used = false;
    engine->due[call->slot] = NEVER;
    engine->used--;
    call->next_unused = engine->unused;
    engine->unused = call;
}

/* --- what came of a request ------------------------------------------------------------------- */

static void set_in_flight(struct evs_call *call, bool in_flight)
{
    call->engine->in_flight += (unsigned)in_flight - (unsigned)call->in_flight;
    call->in_flight = in_flight;
}

static void set_waiting(struct evs_call *call, bool waiting)
{
    call->engine->waiting += (unsigned)waiting - (unsigned)call->waiting;
    call->engine->slot_left = call->engine->slot_left || (waiting && !call->waiting);
    call->waiting = waiting;
}

void evs_engine_wake(struct evs_call *call)
{
    set_in_flight(call, false);
    if (!call->engine->single)
        call->engine->due[call->slot] = AT_ONCE;
}

void evs_engine_reply(struct evs_call *call, const struct evs_facts *facts)
{
    call->retry_after = facts->retry_after;
    if (call->alone)
        evs_scout_compare(call, facts);
    evs_flow_reply(&call->as.flow, facts);
    evs_engine_wake(call);
}

void evs_engine_fail(struct evs_call *call, const struct evs_failure *failure)
{
    call->retry_after = -1;
    evs_flow_fail(&call->as.flow, failure);
    evs_engine_wake(call);
}

void evs_engine_lose(struct evs_call *call)
{
    evs_flow_lose(&call->as.flow);
    evs_engine_wake(call);
}

/* --- stopping --------------------------------------------------------------------------------- */

/* Whether `call` has no need to go on after a stop. A list that is out is left to its answer. */
static bool may_end(const struct evs_call *call)
{
    if (evs_scout_is_list(call))
        return call == call->engine->scout && !call->in_flight;
    return !evs_deletion_has_left(&call->as.deletion);
}

void evs_engine_stop(struct evs_engine *engine, const struct evs_error *error)
{
    if (engine->stopped)
        return;
    engine->stopped = true;
    engine->stop = *error;
    for (size_t i = 0; i < engine->call_count; i++) {
        struct evs_call *call = evs_engine_call(engine, i);
        struct evs_flow *flow = &call->as.flow;

        if (!call->used || call->told || flow->state != EVS_FLOW_RUNNING || !may_end(call))
            continue;
        evs_flow_cancel(flow);
        evs_engine_wake(call);
    }
}

static bool code_is(const struct evs_flow *flow, enum evs_code code)
{
    return flow->state == EVS_FLOW_FAILED && strcmp(flow->error.code, evs_code_text(code)) == 0;
}

bool evs_engine_is_unsent(const struct evs_call *call)
{
    const struct evs_flow *flow = &call->as.flow;

    return call->engine->stopped && code_is(flow, EVS_STOPPED) &&
           flow->error.outcome == EVS_NOT_SENT;
}

/* Without keys, or with a closed client, the others would fail as well. */
void evs_engine_stop_if_hopeless(struct evs_engine *engine, const struct evs_flow *flow)
{
    if (code_is(flow, EVS_NO_CREDENTIALS) || code_is(flow, EVS_CLOSED))
        evs_engine_stop(engine, &flow->error);
}

static void stop_if_too_many_failed(struct evs_engine *engine)
{
    unsigned long errors = engine->failed + engine->unknown;
    struct evs_error error;

    if (engine->stopped || engine->limits.max_errors == 0 || errors < engine->limits.max_errors)
        return;
    evs_error_set(&error, EVS_STOPPED,
                  "as many deletions as max_errors=%u allows have failed or are unknown",
                  engine->limits.max_errors);
    evs_engine_stop(engine, &error);
}

/* --- turns ------------------------------------------------------------------------------------ */

static void count(struct evs_engine *engine, const struct evs_call *call)
{
    const struct evs_flow *flow = &call->as.flow;

    if (flow->state == EVS_FLOW_SUCCEEDED)
        engine->succeeded++;
    else if (flow->error.outcome == EVS_UNKNOWN)
        engine->unknown++;
    else if (evs_engine_is_unsent(call))
        engine->unsent++;
    else
        engine->failed++;
}

/* `call` has sent something, or has ended without. */
void evs_engine_set_started(struct evs_call *call)
{
    if (call->engine->starting == call)
        call->engine->starting = NULL;
}

static enum evs_turn conclude(struct evs_engine *engine, struct evs_call *call, double now)
{
    call->told = true;
    call->seconds = call->began_at < 0 ? 0 : now - call->began_at;
    engine->due[call->slot] = NEVER;
    evs_engine_set_started(call);
    set_waiting(call, false);
    evs_scout_leave(call);
    count(engine, call);
    evs_engine_stop_if_hopeless(engine, &call->as.flow);
    stop_if_too_many_failed(engine);
    return EVS_TURN_RESULT;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void note_sent(struct evs_call *call, const struct evs_want *want, double now)
{
    call->sent_at = now;
    if (call->began_at < 0)
        call->began_at = now;
    call->metadata = want->peer == EVS_PEER_METADATA;
    set_in_flight(call, true);
}

/* Ask `call`. True when that is a turn of the driver's. */
static bool ask(struct evs_call *call, double now, double wall, struct evs_act *act,
                enum evs_turn *turn)
{
    struct evs_engine *engine = call->engine;

    act->call = call;
    switch (evs_flow_next(&call->as.flow, now, wall, &act->want)) {
    case EVS_SEND:
        engine->due[call->slot] = NEVER;
        evs_engine_set_started(call);
        set_waiting(call, false);
        evs_scout_leave(call);
        note_sent(call, &act->want, now);
        call->ticket = ++engine->requests;
        *turn = EVS_TURN_SEND;
        return true;
    case EVS_SLEEP:
        engine->due[call->slot] =
            now + (act->want.seconds > SLEEP_LEAST ? act->want.seconds : SLEEP_LEAST);
        set_waiting(call, !evs_scout_is_list(call) && call->as.deletion.stage == EVS_WAIT);
        return false;
    default:
        if (evs_scout_is_list(call)) {
            evs_scout_conclude(call, now);
            return false;
        }
        *turn = conclude(engine, call, now);
        return true;
    }
}

static void wake_at(struct evs_engine *engine, double time)
{
    if (time < engine->wake)
        engine->wake = time;
}

/* Whether `call`, which is due, may go on: who waits for the end of a deletion needs a slot for
 * its look, and none to be told that its time is up. */
static bool may_go_on(struct evs_call *call, double now)
{
    if (!call->waiting || call->as.flow.state != EVS_FLOW_RUNNING || has_slot(call->engine))
        return true;
    wake_at(call->engine, evs_flow_ends(&call->as.flow));
    return evs_flow_ends(&call->as.flow) <= now;
}

/* Ask the calls that are due but the starting one, each in its turn, until one of them wants
 * something. */
static bool ask_round(struct evs_engine *engine, double now, double wall, struct evs_act *act,
                      enum evs_turn *turn)
{
    size_t at = engine->turn;

    engine->slot_left = false;
    engine->wake = now + SLEEP_MOST;
    for (size_t i = 0; i < engine->call_count; i++, at++) {
        struct evs_call *call;

        at = at < engine->call_count ? at : 0;
        call = evs_engine_call(engine, at);
        if (call != engine->starting && engine->due[at] <= now && may_go_on(call, now) &&
            ask(evs_scout_for(call, now), now, wall, act, turn)) {
            engine->turn = at + 1;
            return true;
        }
        if (engine->due[at] > now)
            wake_at(engine, engine->due[at]);
    }
    return false;
}

/* Ask the starting call, when no other has something to send. */
static bool ask_starting(struct evs_engine *engine, double now, double wall, struct evs_act *act,
                         enum evs_turn *turn)
{
    struct evs_call *call = engine->starting;

    if (!call)
        return false;
    if (engine->due[call->slot] <= now && ask(call, now, wall, act, turn))
        return true;
    wake_at(engine, engine->due[call->slot]);
    return false;
}

/* A call that begins to wait leaves its slot: those that waited for one are asked again, before
 * there is room for a new id. */
static bool ask_calls(struct evs_engine *engine, double now, double wall, struct evs_act *act,
                      enum evs_turn *turn)
{
    do {
        if (ask_round(engine, now, wall, act, turn))
            return true;
    } while (engine->slot_left);
    return ask_starting(engine, now, wall, act, turn);
}

/* The turn of a single call; it need not be asked while its request is out. */
static enum evs_turn next_of_one(struct evs_call *call, double now, double wall,
                                 struct evs_act *act)
{
    act->call = call;
    if (call->in_flight) {
        act->want.seconds = NEVER;
        return EVS_TURN_SLEEP;
    }
    switch (evs_flow_next(&call->as.flow, now, wall, &act->want)) {
    case EVS_SEND: note_sent(call, &act->want, now); return EVS_TURN_SEND;
    case EVS_PAGE: return EVS_TURN_PAGE;
    case EVS_SLEEP: return EVS_TURN_SLEEP;
    default: return EVS_TURN_DONE;
    }
}

enum evs_turn evs_engine_next(struct evs_engine *engine, double now, double wall,
                              struct evs_act *act)
{
    enum evs_turn turn;

    if (engine->single)
        return next_of_one(&engine->first, now, wall, act);
    engine->now = now;
    stop_if_refused(engine, now, wall);
    if (ask_calls(engine, now, wall, act, &turn))
        return turn;
    if (engine->used == engine->looking + engine->polling && (engine->ended || engine->stopped))
        return EVS_TURN_DONE; /* what a list still has to show is of no use */
    if (has_room(engine)) {
        engine->asking = true;
        return EVS_TURN_NEED;
    }
    act->want.seconds = engine->wake - now;
    return EVS_TURN_SLEEP;
}
