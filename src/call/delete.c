#include "delete.h"

#include "api/protect.h"

#include <math.h>
#include <string.h>

enum { STATUS_SHOWN = sizeof((struct evs_deletion *)NULL)->last_status };

#define POLL_FIRST 0.5 /* seconds from the 202 to the first look */
#define POLL_GROWTH 1.5
#define POLL_MOST 10.0
#define POLL_EARLY 0.25 /* of its pause: so much sooner a look may be made, together with others' */
#define POLL_SETTLED 10.0 /* a status this long after the 202 is no left-over of before */

static struct evs_deletion *deletion(struct evs_flow *flow)
{
    return (struct evs_deletion *)flow;
}

bool evs_deletion_has_left(const struct evs_deletion *d)
{
    return d->flow.budget.outcome > EVS_NOT_SENT ||
           (d->stage == EVS_DELETE && d->flow.exchange.state == EVS_X_IN_FLIGHT);
}

/* From here on the outcome is at least this. */
static void raise_outcome(struct evs_deletion *d, enum evs_outcome outcome)
{
    if (outcome > d->flow.budget.outcome)
        d->flow.budget.outcome = outcome;
}

static bool is_deletable(struct evs_str status)
{
    return evs_str_equal(status, EVS_STR("available")) || evs_str_equal(status, EVS_STR("error"));
}

/* States that pass by themselves. */
static bool is_transient(struct evs_str status)
{
    static const char *const states[] = {"creating", "deleting", "backing-up", "rollbacking"};

    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (evs_str_equal(status, evs_str(states[i])))
            return true;
    return false;
}

static bool is_deleting(struct evs_str status)
{
    return evs_str_equal(status, EVS_STR("deleting"));
}

static bool is_stuck(struct evs_str status)
{
    return evs_str_equal(status, EVS_STR("error_deleting"));
}

/* --- requests --------------------------------------------------------------------------------- */

static void begin_guard(struct evs_deletion *d)
{
    d->stage = EVS_GUARD;
    evs_flow_exchange(&d->flow, EVS_SHOW_SNAPSHOT, d->flow.options.retries, 0, false);
}

static void begin_delete(struct evs_deletion *d)
{
    d->stage = EVS_DELETE;
    evs_flow_exchange(&d->flow, EVS_DELETE_SNAPSHOT, d->flow.options.retries, 0, false);
}

/* Whatever becomes of this look, the answer to the DELETE stays the call's error. */
static void begin_settle(struct evs_deletion *d)
{
    d->stage = EVS_SETTLE;
    evs_flow_exchange(&d->flow, EVS_SHOW_SNAPSHOT, d->flow.options.retries, 0, true);
}

/* Look again after a while, or when the server says so (`retry_after`, negative: it does not). */
static void begin_poll(struct evs_deletion *d, double retry_after)
{
    double pause = POLL_FIRST;

    for (unsigned i = 0; i < d->polls && pause < POLL_MOST; i++)
        pause *= POLL_GROWTH;
    d->polls++;
    if (pause > POLL_MOST)
        pause = POLL_MOST;
    pause *= 0.9 + 0.2 * evs_client_random(d->flow.client);
    evs_flow_exchange(&d->flow, EVS_SHOW_SNAPSHOT, 0, pause > retry_after ? pause : retry_after,
                      false);
    d->flow.exchange.pause_least = retry_after;
}

/* --- ends ------------------------------------------------------------------------------------- */

/* A status as it may stand in a message, and as two of them are compared. */
static void show_status(const struct evs_deletion *d, struct evs_str status, char out[STATUS_SHOWN])
{
    struct evs_secrets secrets = evs_client_secrets(d->flow.client);

    evs_text_show(out, STATUS_SHOWN, status, &secrets);
}

static void fail_state(struct evs_deletion *d, enum evs_code code, const char *before,
                       struct evs_str status, const char *after, bool retryable)
{
    char shown[STATUS_SHOWN];

    show_status(d, status, shown);
    evs_error_set(&d->flow.error, code, "%s'%s'%s", before, shown, after);
    d->flow.error.retryable = retryable;
    if (!retryable)
        d->flow.error.hint = EVS_HINT_NONE;
    evs_flow_end(&d->flow);
}

static void fail_not_deleted(struct evs_deletion *d, struct evs_str status)
{
    bool accepted = d->flow.budget.outcome == EVS_ACCEPTED;

    fail_state(d, EVS_NOT_DELETED,
               accepted ? "the deletion was accepted, but the snapshot's status is "
                        : "the answer to the deletion was lost, and the snapshot's status is ",
               status,
               is_stuck(status) ? ": EVS could not delete it"
                                : " again: something still needs the snapshot",
               is_deletable(status));
}

/* --- judging a snapshot ----------------------------------------------------------------------- */

static void fail_protected(struct evs_deletion *d, const char *reason)
{
    evs_error_set(&d->flow.error, EVS_PROTECTED, "the snapshot belongs to a backup (%s)", reason);
    evs_flow_end(&d->flow);
}

/* The script's own word for it. */
static void fail_kept(struct evs_deletion *d, struct evs_str reason)
{
    struct evs_secrets secrets = evs_client_secrets(d->flow.client);
    char shown[256];

    evs_text_show(shown, sizeof shown, reason, &secrets);
    evs_error_set(&d->flow.error, EVS_PROTECTED, "the option 'protect' keeps the snapshot: %s",
                  shown);
    d->flow.error.hint = EVS_HINT_NONE;
    evs_flow_end(&d->flow);
}

/* A row of a list grows old. */
static void begin_delete_by(struct evs_deletion *d, const struct evs_snapshot *snapshot)
{
    begin_delete(d);
    if (snapshot->use_by > 0)
        d->flow.exchange.use_by = snapshot->use_by;
}

/* Delete what may be deleted, and fail for everything else. */
static void judge_guarded(struct evs_deletion *d, const struct evs_snapshot *snapshot)
{
    const char *reason = evs_protected(snapshot);

    d->seen = true;
    if (d->flow.options.guard && reason)
        fail_protected(d, reason);
    else if (d->asking && snapshot->kept_because.len > 0)
        fail_kept(d, snapshot->kept_because);
    else if (d->flow.options.guard && !is_deletable(snapshot->status))
        fail_state(d, EVS_WRONG_STATE, "the snapshot's status is ", snapshot->status,
                   ": only 'available' or 'error' can be deleted", is_transient(snapshot->status));
    else
        begin_delete_by(d, snapshot);
}

/* Judge the snapshot now, or when the script has been asked about it. */
static void judge_seen(struct evs_deletion *d, const struct evs_snapshot *snapshot)
{
    d->asking = d->flow.options.protect && !evs_protected(snapshot);
    if (!d->asking)
        judge_guarded(d, snapshot);
}

void evs_deletion_judge(struct evs_deletion *d, const struct evs_snapshot *snapshot)
{
    judge_guarded(d, snapshot);
    d->asking = false;
}

static bool is_of_project(const struct evs_flow *flow, const struct evs_snapshot *snapshot)
{
    struct evs_str project = evs_str(flow->project);

    return (!snapshot->has_project || evs_str_equal(snapshot->project, project)) &&
           (!snapshot->has_owner || evs_str_equal(snapshot->owner, project));
}

static bool counts_as_seen(const struct evs_deletion *d, const struct evs_snapshot *snapshot)
{
    return evs_api_is_complete(d->flow.client->api, snapshot) && is_of_project(&d->flow, snapshot);
}

/* A poll showed the snapshot: still on its way, or back? */
static void judge_poll(struct evs_deletion *d, struct evs_str status, double departed)
{
    char shown[STATUS_SHOWN];
    double since = departed - (d->flow.budget.ends - d->flow.budget.seconds);
    bool late = since >= POLL_SETTLED;
    bool back;

    show_status(d, status, shown);
    back = !is_deleting(status) &&
           (d->seen_deleting || (late && d->status_late && strcmp(shown, d->last_status) == 0));
    if (is_stuck(status) || back) {
        fail_not_deleted(d, status);
        return;
    }
    d->seen_deleting = d->seen_deleting || is_deleting(status);
    d->status_late = late;
    strcpy(d->last_status, shown);
    begin_poll(d, -1);
}

/* --- actions ---------------------------------------------------------------------------------- */

/* The call ends with the error of what was answered last. */
static void fail(struct evs_deletion *d, const struct evs_facts *facts)
{
    (void)facts;
    evs_flow_end(&d->flow);
}

static void fail_guard(struct evs_deletion *d, const struct evs_facts *facts)
{
    if (facts && facts->status == 403)
        evs_error_append(&d->flow.error,
                         " (this was the guard's look; guard=false deletes without one)");
    evs_flow_end(&d->flow);
}

static void fail_guard_strange(struct evs_deletion *d, const struct evs_facts *facts)
{
    evs_flow_bad_response(
        &d->flow, facts,
        "the guard expected a 200 with this snapshot's id, status, name and metadata");
    evs_flow_end(&d->flow);
}

static void fail_delete_strange(struct evs_deletion *d, const struct evs_facts *facts)
{
    evs_flow_bad_response(&d->flow, facts, "EVS accepts a deletion with 202 and nothing else");
    evs_flow_end(&d->flow);
}

static void succeed(struct evs_deletion *d, const struct evs_facts *facts)
{
    (void)facts;
    evs_flow_succeed(&d->flow);
}

/* The snapshot is not there. After a lost DELETE that is our work if this call has seen it
 * before. */
static void miss(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_secrets secrets = evs_client_secrets(d->flow.client);
    bool ours = d->flow.budget.outcome == EVS_UNKNOWN && d->seen;

    if (d->flow.options.ignore_missing || ours) {
        evs_flow_succeed(&d->flow);
        return;
    }
    evs_error_answer(&d->flow.error, facts, &secrets);
    evs_flow_end(&d->flow);
}

static void look_at(struct evs_deletion *d, const struct evs_facts *facts)
{
    if (counts_as_seen(d, &facts->snapshot))
        judge_seen(d, &facts->snapshot);
    else
        fail_guard_strange(d, facts);
}

/* What was seen is too old to delete by. */
static void look_again(struct evs_deletion *d, const struct evs_facts *facts)
{
    (void)facts;
    begin_guard(d);
}

/* EVS has taken the deletion on. */
static void accept(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_flow *flow = &d->flow;

    (void)facts;
    raise_outcome(d, EVS_ACCEPTED);
    if (flow->options.wait == 0) {
        evs_flow_succeed(flow);
        return;
    }
    d->stage = EVS_WAIT;
    flow->budget.seconds = flow->options.wait;
    flow->budget.running = false; /* a clock of its own */
    begin_poll(d, -1);
}

/* Only after a lost DELETE can this no come from our own deletion having worked. */
static void settle(struct evs_deletion *d, const struct evs_facts *facts)
{
    if (d->flow.budget.outcome == EVS_UNKNOWN)
        begin_settle(d);
    else
        fail(d, facts);
}

/* Any other status than these two says nothing: the lost DELETE may still be on its way. */
static void settle_by(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_str status = facts->snapshot.status;

    d->seen_deleting = is_deleting(status);
    if (is_deleting(status))
        accept(d, facts);
    else if (is_stuck(status))
        fail_not_deleted(d, status);
    else
        fail(d, facts);
}

static void poll(struct evs_deletion *d, const struct evs_facts *facts)
{
    begin_poll(d, facts ? facts->retry_after : -1);
}

static void poll_by(struct evs_deletion *d, const struct evs_facts *facts)
{
    judge_poll(d, facts->snapshot.status, d->flow.exchange.ticket.departed);
}

static void time_out(struct evs_deletion *d, const struct evs_facts *facts)
{
    bool shown = d->last_status[0] != '\0';

    (void)facts;
    evs_error_set(&d->flow.error, EVS_WAIT_TIMEOUT,
                  "the deletion was accepted, but %s%s%s, and wait=%g is over",
                  shown ? "the snapshot was last seen '" : "no look showed the snapshot",
                  d->last_status, shown ? "'" : "", d->flow.options.wait);
    evs_flow_end(&d->flow);
}

/* --- looks by list ---------------------------------------------------------------------------- */

/* What the server wished for, and a back-off, are kept to the full. */
bool evs_deletion_may_look(const struct evs_deletion *d, double now)
{
    const struct evs_exchange *x = &d->flow.exchange;
    bool own_pause = x->pause_least < 0 && x->tries == 0;

    return d->stage == EVS_WAIT && d->flow.state == EVS_FLOW_RUNNING && x->state == EVS_X_READY &&
           x->wake - now <= (own_pause ? POLL_EARLY * x->pause : 0);
}

void evs_deletion_shown(struct evs_deletion *d, struct evs_str status, double departed)
{
    judge_poll(d, status, departed);
}

void evs_deletion_not_shown(struct evs_deletion *d)
{
    d->flow.exchange.wake = -HUGE_VAL;
}

void evs_deletion_look_later(struct evs_deletion *d, double retry_after)
{
    begin_poll(d, retry_after);
}

/* --- the table -------------------------------------------------------------------------------- */

typedef void action(struct evs_deletion *d, const struct evs_facts *facts);

/* A GET is never EVS_ACCEPTED_IT nor EVS_STALE, and a DELETE is never EVS_SHOWN. */
/* clang-format off */
static action *const actions[EVS_MEANING_COUNT][EVS_STAGE_COUNT] = {
    /*                    guard               delete               settle     wait */
    [EVS_ACCEPTED_IT] = {NULL,               accept,              NULL,      NULL},
    [EVS_SHOWN] =       {look_at,            NULL,                settle_by, poll_by},
    [EVS_STRANGE] =     {fail_guard_strange, fail_delete_strange, fail,      poll},
    [EVS_GONE] =        {miss,               miss,                miss,      succeed},
    [EVS_CONTESTED] =   {fail_guard,         settle,              fail,      fail},
    [EVS_STUCK] =       {fail_guard,         settle,              fail,      poll},
    [EVS_NO] =          {fail_guard,         fail,                fail,      fail},
    [EVS_OPEN] =        {fail_guard,         fail,                fail,      poll},
    [EVS_FAILED] =      {fail_guard,         fail,                fail,      poll},
    [EVS_TIME_UP] =     {fail_guard,         fail,                fail,      time_out},
    [EVS_STALE] =       {NULL,               look_again,          NULL,      NULL},
    [EVS_FORBIDDEN] =   {fail_guard,         fail,                fail,      fail},
};
/* clang-format on */

static void concluded(struct evs_flow *flow, enum evs_meaning meaning,
                      const struct evs_facts *facts)
{
    struct evs_deletion *d = deletion(flow);

    if (d->asking) /* whoever should have asked did not */
        fail_kept(d, EVS_STR("it was not asked"));
    else
        actions[meaning][d->stage](d, facts);
}

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    struct evs_deletion *d = deletion(flow);

    d->asking = d->seen = d->seen_deleting = d->status_late = false;
    d->polls = 0;
    d->last_status[0] = '\0';
    if (seen && counts_as_seen(d, seen))
        judge_seen(d, seen);
    else if (flow->options.guard)
        begin_guard(d);
    else
        begin_delete(d);
}

const struct evs_flow_type evs_delete_snapshot = {"delete_snapshot", EVS_ABOUT_SNAPSHOT, begin,
                                                  concluded};
