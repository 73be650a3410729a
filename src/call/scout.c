#include "scout.h"

#include <math.h>

#define AT_ONCE (-HUGE_VAL)
#define NEVER HUGE_VAL

enum {
    POLL_LEAST = 2, /* one look alone is a GET */
    POLLS_FAILED_MOST =
        2 /* so many lists in a row without an answer, and there are no more of them */
};

bool evs_scout_is_list(const struct evs_call *call)
{
    return call->as.flow.type == &evs_list_snapshots;
}

static bool begin(struct evs_call *list, const struct evs_call_options *options,
                  struct evs_str project, struct evs_str *ids, size_t count)
{
    struct evs_engine *engine = list->engine;

    if (!evs_listing_ask_for(&list->as.listing, ids, count))
        return false;
    evs_engine_reset(list);
    list->as.flow.exchange.pacer = &engine->pacer;
    evs_flow_begin(&list->as.flow, &evs_list_snapshots, engine->client, options, project,
                   (struct evs_str){0}, NULL);
    engine->due[list->slot] = AT_ONCE;
    engine->used++;
    return true;
}

static void end(struct evs_call *list)
{
    list->used = false;
    list->engine->due[list->slot] = NEVER;
    list->engine->used--;
}

/* --- looks ------------------------------------------------------------------------------------ */

bool evs_engine_look(struct evs_engine *engine, struct evs_str project, struct evs_str *ids,
                     size_t count)
{
    struct evs_call *scout = engine->scout ? engine->scout : evs_engine_new_call(engine);

    if (!scout || !begin(scout, &engine->options, project, ids, count))
        return false;
    engine->scout = scout;
    if (engine->used == 1)
        engine->starting = scout;
    engine->looking = true;
    return true;
}

/* A list that is refused, and a first one that shows nothing, are of no use here. */
static void conclude_look(struct evs_call *scout, double now)
{
    struct evs_engine *engine = scout->engine;
    bool failed = scout->as.flow.state != EVS_FLOW_SUCCEEDED;
    double answered_by = scout->as.flow.exchange.ticket.deadline;

    evs_engine_set_started(scout);
    end(scout);
    engine->looking = engine->held = false;
    engine->looks++;
    /* A driver that was held up asks late: the answer came before the request's deadline. */
    engine->looked_at[engine->looks % 2] = now < answered_by ? now : answered_by;
    engine->looks_off = engine->looks_off || failed || engine->found == 0;
    evs_engine_stop_if_hopeless(engine, &scout->as.flow);
}

/* --- polls: who shares one -------------------------------------------------------------------- */

static bool may_share(const struct evs_call *call, double now)
{
    return call->used && call->waiting && !call->alone && !call->list &&
           evs_deletion_may_look(&call->as.deletion, now);
}

/* Add to `calls` those that may share a poll and are due, or those that are not. `first` and
 * those behind it come first: all have their turn. */
static size_t gather(const struct evs_call *first, double now, bool due, struct evs_call **calls,
                     size_t count)
{
    struct evs_engine *engine = first->engine;
    size_t at = first->slot;

    for (size_t i = 0; i < engine->call_count && count < EVS_IDS_MOST; i++, at++) {
        at = at < engine->call_count ? at : 0;
        if ((engine->due[at] <= now) == due && may_share(evs_engine_call(engine, at), now))
            calls[count++] = evs_engine_call(engine, at);
    }
    return count;
}

/* Only a request that leaves at once is worth one for many: meanwhile others would be due as
 * well. */
static bool may_poll(const struct evs_call *call, double now)
{
    struct evs_engine *engine = call->engine;

    return !engine->polls_off && engine->client->api->id_list != EVS_IDS_NEVER &&
           may_share(call, now) && evs_engine_is_proven(engine) &&
           evs_pacer_wait(&engine->pacer, now) == 0;
}

static struct evs_call *take_list(struct evs_engine *engine)
{
    struct evs_call *list = engine->unused_lists;

    if (list)
        engine->unused_lists = list->next_unused;
    return list ? list : evs_engine_new_call(engine);
}

static void give_back(struct evs_call *list)
{
    list->next_unused = list->engine->unused_lists;
    list->engine->unused_lists = list;
}

/* A poll is sent again no more than a look of one's own; each deletion has its own time. */
static bool begin_poll(struct evs_call *list, struct evs_call *const *calls, size_t count)
{
    struct evs_engine *engine = list->engine;
    struct evs_call_options options = engine->options;
    struct evs_str ids[EVS_IDS_MOST];

    options.retries = 0;
    options.timeout = options.wait;
    for (size_t i = 0; i < count; i++)
        ids[i] = evs_str(calls[i]->as.flow.id);
    if (!begin(list, &options, evs_str(calls[0]->as.flow.project), ids, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        calls[i]->list = list;
        calls[i]->next_listed = list->next_listed;
        list->next_listed = calls[i];
        engine->due[calls[i]->slot] = evs_flow_ends(&calls[i]->as.flow);
    }
    engine->polling++;
    return true;
}

struct evs_call *evs_scout_for(struct evs_call *call, double now)
{
    struct evs_call *calls[EVS_IDS_MOST], *list;
    size_t count;

    if (evs_scout_is_list(call) || !may_poll(call, now))
        return call;
    count = gather(call, now, true, calls, 0);
    count = gather(call, now, false, calls, count);
    list = count < POLL_LEAST ? NULL : take_list(call->engine);
    if (!list)
        return call;
    if (begin_poll(list, calls, count))
        return list;
    give_back(list);
    return call;
}

/* --- polls: what came of one ------------------------------------------------------------------ */

void evs_scout_leave(struct evs_call *call)
{
    struct evs_call *before = call->list;

    if (!before)
        return;
    while (before->next_listed != call)
        before = before->next_listed;
    before->next_listed = call->next_listed;
    call->list = call->next_listed = NULL;
}

void evs_engine_shown(struct evs_call *list, const struct evs_snapshot *row)
{
    struct evs_call *call = list->next_listed;

    while (call && !evs_str_equal(row->id, evs_str(call->as.flow.id)))
        call = call->next_listed;
    if (!call || row->status.len == 0)
        return;
    list->engine->polls_shown = true;
    evs_scout_leave(call);
    evs_deletion_shown(&call->as.deletion, row->status, list->as.flow.exchange.ticket.departed);
    evs_engine_wake(call);
}

/* What a look of one's own would be followed by another after. */
static bool has_passing_cause(const struct evs_flow *flow)
{
    enum evs_meaning meaning = flow->exchange.meaning;

    return meaning == EVS_OPEN || meaning == EVS_FAILED || meaning == EVS_TIME_UP;
}

static void conclude_poll(struct evs_call *list)
{
    struct evs_engine *engine = list->engine;
    bool failed = list->as.flow.state != EVS_FLOW_SUCCEEDED;
    bool passing = failed && has_passing_cause(&list->as.flow);
    struct evs_call *call;

    engine->polls_failed = failed ? engine->polls_failed + 1 : 0;
    engine->polls_off =
        engine->polls_off || (failed && !passing) || engine->polls_failed == POLLS_FAILED_MOST;
    while ((call = list->next_listed)) {
        evs_scout_leave(call);
        call->alone = !failed;
        if (!failed)
            evs_deletion_not_shown(&call->as.deletion);
        else if (passing && call->as.flow.state == EVS_FLOW_RUNNING)
            evs_deletion_look_later(&call->as.deletion, list->retry_after);
        evs_engine_wake(call);
    }
    end(list);
    engine->slot_left = true; /* they are asked in this very turn */
    engine->polling--;
    give_back(list);
}

void evs_scout_compare(struct evs_call *call, const struct evs_facts *facts)
{
    struct evs_engine *engine = call->engine;

    if (facts->status == 200 && !engine->polls_shown)
        engine->polls_off = true; /* the snapshot is there, and no list has shown anything yet */
}

void evs_scout_conclude(struct evs_call *list, double now)
{
    if (list == list->engine->scout)
        conclude_look(list, now);
    else
        conclude_poll(list);
}
