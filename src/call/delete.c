#include "delete.h"

#include "protect.h"

#include <string.h>

enum { STATUS_SHOWN = sizeof ((struct evs_deletion *)NULL)->last_status };

#define POLL_FIRST 0.5   /* seconds from the 202 to the first look */
#define POLL_GROWTH 1.5
#define POLL_MOST 10.0
#define POLL_SETTLED 10.0 /* a status this long after the 202 is no left-over of before */

static struct evs_deletion *deletion(struct evs_flow *flow)
{
    return (struct evs_deletion *)flow;
}

static enum evs_outcome outcome(const struct evs_flow *flow)
{
    const struct evs_deletion *d = (const struct evs_deletion *)flow;
    const struct evs_exchange *x = &flow->exchange;
    bool deleting = d->stage == EVS_DELETE; /* so what became of the exchange is about a DELETE */

    if (d->accepted)
        return EVS_ACCEPTED;
    if (d->lost || (deleting && x->lost))
        return EVS_UNKNOWN;
    return d->sent || (deleting && x->reached) ? EVS_REFUSED : EVS_NOT_SENT;
}

bool evs_deletion_has_left(const struct evs_deletion *d)
{
    const struct evs_exchange *x = &d->flow.exchange;

    return d->sent || (d->stage == EVS_DELETE && (x->reached || x->state == EVS_X_IN_FLIGHT));
}

static void begin_delete(struct evs_deletion *d)
{
    d->stage = EVS_DELETE;
    evs_flow_exchange(&d->flow, EVS_DELETE_SNAPSHOT, d->flow.options.retries, 0);
}

/* --- guard ------------------------------------------------------------------------------------ */

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

/* A status as it may stand in a message, and as two of them are compared. */
static void show_status(const struct evs_deletion *d, struct evs_str status, char out[STATUS_SHOWN])
{
    struct evs_secrets secrets = evs_client_secrets(d->flow.client);

    evs_text_show(out, STATUS_SHOWN, status, &secrets);
}

static void fail_state(struct evs_deletion *d, enum evs_code code, const char *before,
                       struct evs_str status, const char *after)
{
    char shown[STATUS_SHOWN];

    show_status(d, status, shown);
    evs_error_set(&d->flow.error, code, "%s'%s'%s", before, shown, after);
}

/* Delete what may be deleted, and fail for everything else. */
static void judge(struct evs_deletion *d, const struct evs_snapshot *snapshot)
{
    const char *reason = evs_protected(snapshot);
    struct evs_error *error = &d->flow.error;

    d->seen = true;
    if (d->flow.options.guard && reason) {
        evs_error_set(error, EVS_PROTECTED,
                      "the snapshot belongs to a backup (%s): delete the backup, not its snapshot",
                      reason);
        evs_flow_fail_with_error(&d->flow);
    } else if (d->flow.options.guard && !is_deletable(snapshot->status)) {
        fail_state(d, EVS_WRONG_STATE, "the snapshot's status is ", snapshot->status,
                   ": only 'available' or 'error' can be deleted");
        error->retryable = is_transient(snapshot->status);
        evs_flow_fail_with_error(&d->flow);
    } else {
        begin_delete(d);
    }
}

static bool is_complete(const struct evs_snapshot *snapshot)
{
    return snapshot->id.len > 0 && snapshot->status.len > 0 && snapshot->has_name &&
           snapshot->has_metadata;
}

static bool is_of_project(const struct evs_flow *flow, const struct evs_snapshot *snapshot)
{
    return !snapshot->has_project || evs_str_equal(snapshot->project, evs_str(flow->project));
}

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    struct evs_deletion *d = deletion(flow);

    d->seen = d->sent = d->lost = d->accepted = d->seen_deleting = d->status_late = false;
    d->polls = 0;
    d->last_status[0] = '\0';
    if (seen && is_complete(seen) && is_of_project(flow, seen)) {
        judge(d, seen);
    } else if (flow->options.guard) {
        d->stage = EVS_GUARD;
        evs_flow_exchange(flow, EVS_SHOW_SNAPSHOT, flow->options.retries, 0);
    } else {
        begin_delete(d);
    }
}

static void fail_guard(struct evs_deletion *d)
{
    struct evs_error *error = &d->flow.error;

    *error = d->flow.exchange.error;
    if (error->status == 403)
        evs_error_append(error, " (this was the guard's look; guard=false deletes without one)");
    evs_flow_fail_with_error(&d->flow);
}

static void guard_concluded(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_flow *flow = &d->flow;

    if (facts && facts->status >= 200 && facts->status <= 299) {
        if (evs_flow_shown(flow, facts) && is_complete(&facts->snapshot) &&
            is_of_project(flow, &facts->snapshot)) {
            judge(d, &facts->snapshot);
            return;
        }
        evs_flow_bad_response(flow, facts,
                              "the guard expected a 200 with this snapshot's id, status, name and "
                              "metadata");
        evs_flow_fail_with_error(flow);
    } else if (facts && evs_facts_missing(facts) && flow->options.ignore_missing) {
        evs_flow_succeed(flow);
    } else {
        fail_guard(d);
    }
}

/* --- wait ------------------------------------------------------------------------------------- */

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
    evs_flow_exchange(&d->flow, EVS_SHOW_SNAPSHOT, 0, pause > retry_after ? pause : retry_after);
    d->flow.exchange.pause_least = retry_after;
}

/* EVS has taken the deletion on. */
static void accept(struct evs_deletion *d)
{
    struct evs_flow *flow = &d->flow;

    d->accepted = true;
    if (flow->options.wait == 0) {
        evs_flow_succeed(flow);
        return;
    }
    d->stage = EVS_WAIT;
    flow->budget.seconds = flow->options.wait;
    flow->budget.running = false;
    flow->budget.at_once = true;
    begin_poll(d, -1);
}

static bool is_stuck(struct evs_str status)
{
    return evs_str_equal(status, EVS_STR("error_deleting"));
}

static void fail_not_deleted(struct evs_deletion *d, struct evs_str status)
{
    fail_state(d, EVS_NOT_DELETED,
               d->accepted ? "the deletion was accepted, but the snapshot's status is "
                           : "the answer to the deletion was lost, and the snapshot's status is ",
               status,
               is_stuck(status) ? ": EVS could not delete it"
                                : " again: something still needs the snapshot");
    d->flow.error.retryable = is_deletable(status);
    evs_flow_fail_with_error(&d->flow);
}

/* A look showed the snapshot: still on its way, or back? */
static void judge_poll(struct evs_deletion *d, struct evs_str status)
{
    char shown[STATUS_SHOWN];
    double since = d->flow.exchange.sent_at - (d->flow.budget.ends - d->flow.budget.seconds);
    bool late = since >= POLL_SETTLED;
    bool deleting = evs_str_equal(status, EVS_STR("deleting"));
    bool back;

    show_status(d, status, shown);
    back = !deleting &&
           (d->seen_deleting || (late && d->status_late && strcmp(shown, d->last_status) == 0));
    if (is_stuck(status) || back) {
        fail_not_deleted(d, status);
        return;
    }
    d->seen_deleting = d->seen_deleting || deleting;
    d->status_late = late;
    strcpy(d->last_status, shown);
    begin_poll(d, -1);
}

static void fail_wait_timeout(struct evs_deletion *d)
{
    if (d->last_status[0])
        evs_error_set(&d->flow.error, EVS_WAIT_TIMEOUT,
                      "the deletion was accepted, but the snapshot was last seen '%s', and wait=%g is over",
                      d->last_status, d->flow.options.wait);
    else
        evs_error_set(&d->flow.error, EVS_WAIT_TIMEOUT,
                      "the deletion was accepted, but no look showed the snapshot, and wait=%g is over",
                      d->flow.options.wait);
    evs_flow_fail_with_error(&d->flow);
}

/* A plain no to a poll: another try would get it again. */
static bool ends_wait(const struct evs_facts *facts)
{
    return facts->status >= 400 && facts->status < 500 && facts->status != 408 &&
           facts->status != 429;
}

static void wait_concluded(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_flow *flow = &d->flow;

    if (!facts && flow->exchange.ending == EVS_TIME_UP)
        fail_wait_timeout(d);
    else if (!facts && flow->exchange.ending == EVS_NOT_ALLOWED)
        evs_flow_fail_with_exchange(flow);
    else if (!facts)
        begin_poll(d, -1);
    else if (evs_facts_missing(facts))
        evs_flow_succeed(flow);
    else if (evs_flow_shown(flow, facts))
        judge_poll(d, facts->snapshot.status);
    else if (ends_wait(facts))
        evs_flow_fail_with_exchange(flow);
    else
        begin_poll(d, facts->retry_after);
}

/* --- delete and settle ------------------------------------------------------------------------ */

/* The snapshot is not there. After a lost DELETE that is our work if we have seen it before. */
static void conclude_missing(struct evs_deletion *d)
{
    if (d->flow.options.ignore_missing || (d->lost && d->seen))
        evs_flow_succeed(&d->flow);
    else
        evs_flow_fail_with_exchange(&d->flow);
}

/* Answers that may come from our own, lost DELETE having worked. */
static bool needs_settling(const struct evs_facts *facts)
{
    return facts->status == 400 || facts->status == 409 ||
           evs_str_equal(facts->code, EVS_STR("EVS.2019"));
}

static void delete_concluded(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_flow *flow = &d->flow;

    d->sent = d->sent || flow->exchange.reached;
    d->lost = d->lost || flow->exchange.lost;
    if (!facts) {
        evs_flow_fail_with_exchange(flow);
    } else if (facts->status == 202) {
        accept(d);
    } else if (facts->status >= 200 && facts->status <= 299) {
        d->lost = true;
        evs_flow_bad_response(flow, facts, "EVS accepts a deletion with 202 and nothing else");
        evs_flow_fail_with_error(flow);
    } else if (evs_facts_missing(facts)) {
        conclude_missing(d);
    } else if (d->lost && needs_settling(facts)) {
        d->refusal = flow->exchange.error;
        d->stage = EVS_SETTLE;
        evs_flow_exchange(flow, EVS_SHOW_SNAPSHOT, flow->options.retries, 0);
    } else {
        evs_flow_fail_with_exchange(flow);
    }
}

static void fail_refused(struct evs_deletion *d)
{
    d->flow.error = d->refusal;
    evs_flow_fail_with_error(&d->flow);
}

static void settle_concluded(struct evs_deletion *d, const struct evs_facts *facts)
{
    struct evs_flow *flow = &d->flow;

    if (facts && evs_facts_missing(facts)) {
        conclude_missing(d);
    } else if (!facts || !evs_flow_shown(flow, facts)) {
        fail_refused(d);
    } else if (evs_str_equal(facts->snapshot.status, EVS_STR("deleting"))) {
        d->seen_deleting = true;
        accept(d);
    } else if (is_stuck(facts->snapshot.status)) {
        fail_not_deleted(d, facts->snapshot.status);
    } else {
        d->lost = false; /* it stands there as before: no DELETE had any effect */
        fail_refused(d);
    }
}

static void concluded(struct evs_flow *flow, const struct evs_facts *facts)
{
    struct evs_deletion *d = deletion(flow);

    switch (d->stage) {
    case EVS_GUARD:
        guard_concluded(d, facts);
        break;
    case EVS_DELETE:
        delete_concluded(d, facts);
        break;
    case EVS_SETTLE:
        settle_concluded(d, facts);
        break;
    case EVS_WAIT:
        wait_concluded(d, facts);
        break;
    }
}

const struct evs_flow_type evs_delete_snapshot = {"delete_snapshot", true, begin, concluded, outcome};
