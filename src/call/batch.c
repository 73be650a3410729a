#include "batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOW (-HUGE_VAL)
#define NEVER HUGE_VAL
#define SLEEP_MOST 1.0
#define SLEEP_LEAST 1e-6 /* a sum with less may be rounded to now, and who is due is not slept for */

bool evs_batch_init(struct evs_batch *batch, struct evs_client *client,
                    const struct evs_call_options *options, const struct evs_batch_options *more)
{
    batch->client = client;
    batch->options = *options;
    batch->concurrency = more->concurrency;
    return evs_pacer_init(&batch->pacer, more->rate);
}

void evs_batch_free(struct evs_batch *batch)
{
    for (size_t i = 0; i < batch->call_count; i++) {
        evs_flow_free(&batch->calls[i]->deletion.flow);
        free(batch->calls[i]);
    }
    free(batch->calls);
    free(batch->due);
    evs_pacer_free(&batch->pacer);
    memset(batch, 0, sizeof *batch);
}

/* --- room for calls ------------------------------------------------------------------------------- */

static bool grow(struct evs_batch *batch)
{
    size_t room = batch->call_count + 1;
    struct evs_batch_call **calls = realloc(batch->calls, room * sizeof(struct evs_batch_call *));
    double *due;

    if (!calls)
        return false;
    batch->calls = calls;
    due = realloc(batch->due, room * sizeof *due);
    if (!due)
        return false;
    batch->due = due;
    return true;
}

static struct evs_batch_call *take_unused(struct evs_batch *batch)
{
    struct evs_batch_call *call = batch->unused;

    if (call) {
        batch->unused = call->next_unused;
        return call;
    }
    if (!grow(batch))
        return NULL;
    call = calloc(1, sizeof *call);
    if (!call)
        return NULL;
    call->batch = batch;
    call->slot = batch->call_count++;
    batch->calls[call->slot] = call;
    return call;
}

static bool is_proven(const struct evs_batch *batch)
{
    return batch->client->key.state == EVS_KEY_PROVEN;
}

static bool has_slot(const struct evs_batch *batch)
{
    return batch->used - batch->waiting < batch->concurrency;
}

static bool has_room(const struct evs_batch *batch)
{
    if (batch->ended || batch->stopped || batch->fresh)
        return false;
    if (!is_proven(batch))
        return batch->used == 0;
    return has_slot(batch) && batch->used < EVS_BATCH_WAITING_MOST;
}

struct evs_batch_call *evs_batch_add(struct evs_batch *batch, struct evs_str project,
                                     struct evs_str id, const struct evs_snapshot *seen)
{
    struct evs_batch_call *call = take_unused(batch);

    batch->asking = false;
    if (!call)
        return NULL;
    call->used = true;
    call->reported = call->in_flight = call->waiting = false;
    call->began_at = -1;
    call->request_id[0] = '\0';
    call->deletion.flow.exchange.pacer = &batch->pacer;
    evs_flow_begin(&call->deletion.flow, &evs_delete_snapshot, batch->client, &batch->options, project,
                   id, seen);
    batch->due[call->slot] = NOW;
    batch->fresh = call;
    batch->used++;
    return call;
}

void evs_batch_skip(struct evs_batch *batch)
{
    batch->asking = false;
}

void evs_batch_end(struct evs_batch *batch)
{
    batch->asking = false;
    batch->ended = true;
}

/* `call` has begun, or has ended without. */
static void set_begun(struct evs_batch_call *call)
{
    if (call->batch->fresh == call)
        call->batch->fresh = NULL;
}

static void set_in_flight(struct evs_batch_call *call, bool in_flight)
{
    call->batch->in_flight += (unsigned)in_flight - (unsigned)call->in_flight;
    call->in_flight = in_flight;
}

static void set_waiting(struct evs_batch_call *call, bool waiting)
{
    call->batch->waiting += (unsigned)waiting - (unsigned)call->waiting;
    call->waiting = waiting;
}

struct evs_batch_call *evs_batch_request(const struct evs_batch *batch,
                                         unsigned long request)
{
    for (size_t i = 0; i < batch->call_count; i++)
        if (batch->calls[i]->in_flight && batch->calls[i]->request == request)
            return batch->calls[i];
    return NULL;
}

void evs_batch_touch(struct evs_batch_call *call)
{
    set_in_flight(call, false);
    call->batch->due[call->slot] = NOW;
}

void evs_batch_release(struct evs_batch_call *call)
{
    struct evs_batch *batch = call->batch;

    call->used = false;
    batch->due[call->slot] = NEVER;
    batch->used--;
    call->next_unused = batch->unused;
    batch->unused = call;
}

/* --- stopping --------------------------------------------------------------------------------------- */

void evs_batch_stop(struct evs_batch *batch, const struct evs_error *error)
{
    if (batch->stopped)
        return;
    batch->stopped = true;
    batch->stop = *error;
    for (size_t i = 0; i < batch->call_count; i++) {
        struct evs_batch_call *call = batch->calls[i];
        struct evs_flow *flow = &call->deletion.flow;

        if (!call->used || call->reported || flow->state != EVS_FLOW_RUNNING ||
            evs_deletion_has_left(&call->deletion))
            continue;
        evs_flow_cancel(flow);
        evs_batch_touch(call);
    }
}

bool evs_batch_is_unsent(const struct evs_batch_call *call)
{
    const struct evs_flow *flow = &call->deletion.flow;

    return call->batch->stopped && flow->state == EVS_FLOW_FAILED &&
           flow->error.outcome == EVS_NOT_SENT &&
           strcmp(flow->error.code, evs_code_text(EVS_STOPPED)) == 0;
}

/* A key that is refused would refuse all the others too. */
static void stop_if_refused(struct evs_batch *batch, double now, double wall)
{
    struct evs_key *key = &batch->client->key;

    if (evs_key_look(key, now, wall) == EVS_KEY_REFUSED)
        evs_batch_stop(batch, &key->error);
}

/* So would a closed client, or one without keys. */
static void stop_if_hopeless(struct evs_batch *batch, const struct evs_flow *flow)
{
    if (flow->state == EVS_FLOW_FAILED &&
        (strcmp(flow->error.code, evs_code_text(EVS_NO_CREDENTIALS)) == 0 ||
         strcmp(flow->error.code, evs_code_text(EVS_CLOSED)) == 0))
        evs_batch_stop(batch, &flow->error);
}

/* --- running ---------------------------------------------------------------------------------------- */

static void count(struct evs_batch *batch, const struct evs_batch_call *call)
{
    const struct evs_flow *flow = &call->deletion.flow;

    if (flow->state == EVS_FLOW_SUCCEEDED)
        batch->succeeded++;
    else if (flow->error.outcome == EVS_UNKNOWN)
        batch->unknown++;
    else if (evs_batch_is_unsent(call))
        batch->unsent++;
    else
        batch->failed++;
}

static enum evs_batch_step conclude(struct evs_batch *batch, struct evs_batch_call *call, double now)
{
    call->reported = true;
    call->seconds = call->began_at < 0 ? 0 : now - call->began_at;
    batch->due[call->slot] = NEVER;
    set_begun(call);
    set_waiting(call, false);
    count(batch, call);
    stop_if_hopeless(batch, &call->deletion.flow);
    return EVS_BATCH_RESULT;
}

/* Whether `call`, which is due, may go on: while the key is unproven only one request is out, and who
 * waits for the end of a deletion needs a slot for its look. A call that has ended may always. */
static bool may_go_on(const struct evs_batch *batch, const struct evs_batch_call *call)
{
    if (call->deletion.flow.state != EVS_FLOW_RUNNING)
        return true;
    if (!is_proven(batch) && batch->in_flight > 0)
        return false;
    return !call->waiting || has_slot(batch);
}

/* Let `call` go on. True when that is a step for the driver. */
static bool go_on(struct evs_batch *batch, struct evs_batch_call *call, double now, double wall,
                  struct evs_batch_act *act, enum evs_batch_step *step)
{
    act->call = call;
    switch (evs_flow_next(&call->deletion.flow, now, wall, &act->want)) {
    case EVS_SEND:
        if (call->began_at < 0)
            call->began_at = now;
        batch->due[call->slot] = NEVER;
        set_begun(call);
        set_in_flight(call, true);
        set_waiting(call, false);
        call->request = ++batch->requests;
        *step = EVS_BATCH_SEND;
        return true;
    case EVS_SLEEP:
        batch->due[call->slot] = now + (act->want.seconds > SLEEP_LEAST ? act->want.seconds : SLEEP_LEAST);
        set_waiting(call, call->deletion.stage == EVS_WAIT);
        return false;
    default:
        *step = conclude(batch, call, now);
        return true;
    }
}

/* Let the calls that are due go on, each in its turn, until one of them wants something. Where requests
 * have to queue, those of calls under way go first. */
static bool run_calls(struct evs_batch *batch, double now, double wall, struct evs_batch_act *act,
                      enum evs_batch_step *step)
{
    struct evs_batch_call *fresh = batch->fresh;
    size_t at = batch->next_call;

    for (size_t i = 0; i < batch->call_count; i++, at++) {
        at = at < batch->call_count ? at : 0;
        if (batch->due[at] <= now && batch->calls[at] != fresh &&
            may_go_on(batch, batch->calls[at]) &&
            go_on(batch, batch->calls[at], now, wall, act, step)) {
            batch->next_call = at + 1;
            return true;
        }
    }
    return fresh && batch->due[fresh->slot] <= now && may_go_on(batch, fresh) &&
           go_on(batch, fresh, now, wall, act, step);
}

/* Until the next call is due; a while when all wait for answers. */
static double time_to_next(const struct evs_batch *batch, double now)
{
    double seconds = SLEEP_MOST;

    for (size_t i = 0; i < batch->call_count; i++)
        if (batch->due[i] > now && batch->due[i] - now < seconds)
            seconds = batch->due[i] - now;
    return seconds;
}

enum evs_batch_step evs_batch_next(struct evs_batch *batch, double now, double wall,
                                   struct evs_batch_act *act)
{
    enum evs_batch_step step;

    stop_if_refused(batch, now, wall);
    if (run_calls(batch, now, wall, act, &step))
        return step;
    if (batch->used == 0 && (batch->ended || batch->stopped))
        return EVS_BATCH_DONE;
    if (has_room(batch)) {
        batch->asking = true;
        return EVS_BATCH_NEED;
    }
    act->want.seconds = time_to_next(batch, now);
    return EVS_BATCH_SLEEP;
}
