#include "flow.h"

#include "api/answer.h"

#include <math.h>
#include <string.h>

static void reset(struct evs_flow *flow, const struct evs_flow_type *type,
                  struct evs_client *client)
{
    flow->type = type;
    flow->client = client;
    flow->page = false;
    flow->status = 0;
    flow->job_id[0] = '\0';
    flow->budget = (struct evs_budget){0};
    flow->exchange.client = client;
    flow->exchange.state = EVS_X_ENDED;
}

void evs_flow_refuse(struct evs_flow *flow, const struct evs_flow_type *type,
                     struct evs_client *client, const struct evs_error *error)
{
    reset(flow, type, client);
    flow->error = *error;
    flow->state = EVS_FLOW_FAILED;
}

static void copy(char *out, struct evs_str text)
{
    if (text.len > 0)
        memcpy(out, text.data, text.len);
    out[text.len] = '\0';
}

void evs_flow_begin(struct evs_flow *flow, const struct evs_flow_type *type,
                    struct evs_client *client, const struct evs_call_options *options,
                    struct evs_str project, struct evs_str id, const struct evs_snapshot *seen)
{
    reset(flow, type, client);
    flow->options = *options;
    if ((type->subject != EVS_ABOUT_ACCOUNT &&
         !evs_id_check(client, project, "project_id", &flow->error)) ||
        (type->subject == EVS_ABOUT_SNAPSHOT &&
         !evs_id_check(client, id, "snapshot_id", &flow->error))) {
        flow->state = EVS_FLOW_FAILED;
        return;
    }
    flow->state = EVS_FLOW_RUNNING;
    flow->budget.seconds = options->timeout;
    flow->budget.attempt_timeout = options->attempt_timeout;
    copy(flow->project, project);
    copy(flow->id, id);
    type->begin(flow, seen);
}

enum evs_step evs_flow_next(struct evs_flow *flow, double now, double wall, struct evs_want *want)
{
    evs_key_date(&flow->client->key, now);
    if (flow->page) {
        flow->page = false;
        return EVS_PAGE;
    }
    while (flow->state == EVS_FLOW_RUNNING) {
        enum evs_step step = evs_exchange_next(&flow->exchange, now, wall, want);

        if (step != EVS_DONE)
            return step;
        flow->type->concluded(flow, flow->exchange.meaning, NULL);
    }
    return EVS_DONE;
}

double evs_flow_ends(const struct evs_flow *flow)
{
    return flow->budget.running ? flow->budget.ends : HUGE_VAL;
}

bool evs_flow_resends(const struct evs_flow *flow, double now, double *pause)
{
    const struct evs_exchange *x = &flow->exchange;

    *pause = 0;
    if (flow->state != EVS_FLOW_RUNNING)
        return false;
    if (x->state == EVS_X_READY)
        return x->resent;
    return x->state == EVS_X_PAUSING && x->tries > 0 && evs_exchange_pause(x, now, pause);
}

static bool shows_subject(const struct evs_flow *flow, const struct evs_facts *facts)
{
    switch (flow->type->subject) {
    case EVS_ABOUT_SNAPSHOT:
        return facts->has_snapshot && facts->snapshot.status.len > 0 &&
               evs_str_equal(facts->snapshot.id, evs_str(flow->id));
    case EVS_ABOUT_PROJECT: return facts->has_page;
    default: return facts->has_projects;
    }
}

/* A success means what the request asked for only to that request. */
static enum evs_meaning meaning_of(const struct evs_flow *flow, const struct evs_facts *facts)
{
    enum evs_meaning meaning = flow->exchange.meaning;
    bool shown = shows_subject(flow, facts);

    if (evs_request_deletes(&flow->exchange.request))
        return meaning;
    if (meaning == EVS_ACCEPTED_IT)
        return EVS_STRANGE;
    return meaning == EVS_STRANGE && facts->status == 200 && shown ? EVS_SHOWN : meaning;
}

void evs_flow_reply(struct evs_flow *flow, const struct evs_facts *facts)
{
    bool own = flow->exchange.state == EVS_X_IN_FLIGHT; /* and not the metadata service's */

    if (own)
        flow->status = facts->status;
    if (facts->job_id.len > 0)
        evs_client_name_show(flow->client, flow->job_id, sizeof flow->job_id, facts->job_id);
    if (evs_exchange_reply(&flow->exchange, facts))
        flow->type->concluded(flow, meaning_of(flow, facts), facts);
}

void evs_flow_fail(struct evs_flow *flow, const struct evs_failure *failure)
{
    if (evs_exchange_fail(&flow->exchange, failure))
        flow->type->concluded(flow, flow->exchange.meaning, NULL);
}

void evs_flow_lose(struct evs_flow *flow)
{
    const struct evs_failure failure = {.code = EVS_NETWORK,
                                        .message = EVS_STR("the connection was given up"),
                                        .sent = true,
                                        .passing = true};

    evs_flow_fail(flow, &failure);
}

void evs_flow_cancel(struct evs_flow *flow)
{
    if (flow->state != EVS_FLOW_RUNNING)
        return;
    evs_exchange_cancel(&flow->exchange);
    flow->page = false;
    evs_error_set(&flow->error, EVS_STOPPED, "the call was cancelled");
    evs_flow_end(flow);
}

void evs_flow_free(struct evs_flow *flow)
{
    evs_exchange_cancel(&flow->exchange);
    evs_request_free(&flow->exchange.request);
}

void evs_flow_exchange(struct evs_flow *flow, enum evs_operation operation, unsigned retries,
                       double pause, bool keep_error)
{
    struct evs_exchange *x = &flow->exchange;

    x->request.added = flow->options.headers;
    evs_request_aim(&x->request, flow->client, operation, evs_str(flow->project),
                    evs_str(flow->id));
    evs_exchange_start(x, flow->client, &flow->budget, keep_error ? NULL : &flow->error, retries,
                       pause);
}

void evs_flow_succeed(struct evs_flow *flow)
{
    flow->state = EVS_FLOW_SUCCEEDED;
}

void evs_flow_end(struct evs_flow *flow)
{
    flow->error.attempts = flow->budget.attempts;
    flow->error.outcome = flow->budget.outcome;
    flow->state = EVS_FLOW_FAILED;
}

void evs_flow_bad_response(struct evs_flow *flow, const struct evs_facts *facts,
                           const char *expected)
{
    struct evs_secrets secrets = evs_client_secrets(flow->client);
    struct evs_error answer;

    evs_error_answer(&answer, facts, &secrets);
    evs_error_set(&flow->error, EVS_BAD_RESPONSE, "%s; the answer was %s", expected,
                  answer.message);
    flow->error.status = facts->status;
    memcpy(flow->error.request_id, answer.request_id, sizeof answer.request_id);
}
