#include "batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    evs_pacer_free(&batch->pacer);
    memset(batch, 0, sizeof *batch);
}

/* --- room for calls ------------------------------------------------------------------------------- */

static struct evs_batch_call *add_room(struct evs_batch *batch)
{
    struct evs_batch_call **grown =
        realloc(batch->calls, (batch->call_count + 1) * sizeof(struct evs_batch_call *));
    struct evs_batch_call *call;

    if (!grown)
        return NULL;
    batch->calls = grown;
    call = calloc(1, sizeof *call);
    if (call)
        batch->calls[batch->call_count++] = call;
    return call;
}

static struct evs_batch_call *unused_call(struct evs_batch *batch)
{
    for (size_t i = 0; i < batch->call_count; i++)
        if (!batch->calls[i]->used)
            return batch->calls[i];
    return add_room(batch);
}

/* Calls that wait until their snapshot is gone hold no slot, except while they look. */
static bool is_waiting(const struct evs_batch_call *call)
{
    const struct evs_flow *flow = &call->deletion.flow;

    return flow->state == EVS_FLOW_RUNNING && call->deletion.stage == EVS_WAIT &&
           !evs_flow_in_flight(flow);
}

static unsigned count_waiting(const struct evs_batch *batch)
{
    unsigned waiting = 0;

    for (size_t i = 0; i < batch->call_count; i++)
        waiting += batch->calls[i]->used && is_waiting(batch->calls[i]);
    return waiting;
}

static bool is_proven(const struct evs_batch *batch)
{
    return batch->client->gate.state == EVS_GATE_PROVEN;
}

static bool has_room(const struct evs_batch *batch)
{
    unsigned waiting;

    if (batch->ended || batch->stopped)
        return false;
    if (!is_proven(batch))
        return batch->used == 0;
    if (batch->options.wait == 0)
        return batch->used < batch->concurrency;
    waiting = count_waiting(batch);
    return waiting < EVS_BATCH_WAITING_MOST && batch->used - waiting < batch->concurrency;
}

bool evs_batch_add(struct evs_batch *batch, struct evs_str project, struct evs_str id,
                   const struct evs_snapshot *seen)
{
    struct evs_batch_call *call = unused_call(batch);

    batch->asking = false;
    if (!call)
        return false;
    call->used = true;
    call->reported = false;
    call->due = -HUGE_VAL;
    call->began_at = -1;
    call->request_id[0] = '\0';
    call->deletion.flow.exchange.pacer = &batch->pacer;
    evs_flow_begin(&call->deletion.flow, &evs_delete_snapshot, batch->client, &batch->options, project,
                   id, seen);
    batch->used++;
    return true;
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

bool evs_batch_holds(const struct evs_batch *batch, struct evs_str id)
{
    for (size_t i = 0; i < batch->call_count; i++)
        if (batch->calls[i]->used && evs_str_equal(evs_str(batch->calls[i]->deletion.flow.id), id))
            return true;
    return false;
}

void evs_batch_touch(struct evs_batch_call *call)
{
    call->due = -HUGE_VAL;
}

void evs_batch_release(struct evs_batch *batch, struct evs_batch_call *call)
{
    call->used = false;
    batch->used--;
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

/* A key that is refused would refuse all the others too. */
static void stop_if_refused(struct evs_batch *batch)
{
    if (batch->client->gate.state == EVS_GATE_REFUSED && !batch->stopped)
        evs_batch_stop(batch, &batch->client->gate.error);
}

/* --- running ---------------------------------------------------------------------------------------- */

static void count(struct evs_batch *batch, const struct evs_flow *flow)
{
    if (flow->state == EVS_FLOW_SUCCEEDED)
        batch->succeeded++;
    else if (flow->error.outcome == EVS_UNKNOWN)
        batch->unknown++;
    else if (batch->stopped && strcmp(flow->error.code, evs_code_text(EVS_STOPPED)) == 0)
        batch->unsent++;
    else
        batch->failed++;
}

static enum evs_batch_step conclude(struct evs_batch *batch, struct evs_batch_call *call, double now)
{
    call->reported = true;
    call->seconds = call->began_at < 0 ? 0 : now - call->began_at;
    count(batch, &call->deletion.flow);
    stop_if_refused(batch);
    return EVS_BATCH_RESULT;
}

/* Whether `call` may go on now: while the key is unproven only one request is out. */
static bool may_run(const struct evs_batch *batch, const struct evs_batch_call *call, double now,
                    bool in_flight)
{
    return call->used && !call->reported && call->due <= now &&
           !evs_flow_in_flight(&call->deletion.flow) && (is_proven(batch) || !in_flight);
}

static bool any_in_flight(const struct evs_batch *batch)
{
    for (size_t i = 0; i < batch->call_count; i++)
        if (batch->calls[i]->used && evs_flow_in_flight(&batch->calls[i]->deletion.flow))
            return true;
    return false;
}

/* Let the calls that are due go on, until one of them wants something. */
static bool run_calls(struct evs_batch *batch, double now, double wall, struct evs_batch_act *act,
                      enum evs_batch_step *step)
{
    bool in_flight = any_in_flight(batch);

    for (size_t i = 0; i < batch->call_count; i++) {
        size_t at = (batch->next_call + i) % batch->call_count;
        struct evs_batch_call *call = batch->calls[at];

        if (!may_run(batch, call, now, in_flight))
            continue;
        act->call = call;
        switch (evs_flow_next(&call->deletion.flow, now, wall, &act->want)) {
        case EVS_SEND:
            if (call->began_at < 0)
                call->began_at = now;
            batch->next_call = at + 1;
            *step = EVS_BATCH_SEND;
            return true;
        case EVS_SLEEP:
            call->due = now + act->want.seconds;
            break;
        default:
            *step = conclude(batch, call, now);
            return true;
        }
    }
    return false;
}

/* Until the next call is due; a long time when all wait for answers. */
static double time_to_next(const struct evs_batch *batch, double now)
{
    double seconds = 1;

    for (size_t i = 0; i < batch->call_count; i++) {
        const struct evs_batch_call *call = batch->calls[i];

        if (call->used && !evs_flow_in_flight(&call->deletion.flow) && call->due > now &&
            call->due - now < seconds)
            seconds = call->due - now;
    }
    return seconds;
}

enum evs_batch_step evs_batch_next(struct evs_batch *batch, double now, double wall,
                                   struct evs_batch_act *act)
{
    enum evs_batch_step step;

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
