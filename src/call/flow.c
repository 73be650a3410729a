#include "flow.h"

#include "answer.h"

#include <string.h>

static void reset(struct evs_flow *flow, const struct evs_flow_type *type, struct evs_client *client)
{
    flow->type = type;
    flow->client = client;
    flow->status = 0;
    flow->budget = (struct evs_budget){0};
    flow->exchange.client = client;
    flow->exchange.state = EVS_X_ENDED;
    flow->exchange.reached = flow->exchange.lost = false;
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
    if (!evs_id_check(project, "project_id", &flow->error) ||
        (type->one_snapshot && !evs_id_check(id, "snapshot_id", &flow->error)) ||
        !evs_call_options_check(options, &flow->error)) {
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
    evs_gate_look(&flow->client->gate, now);
    while (flow->state == EVS_FLOW_RUNNING) {
        enum evs_step step = evs_exchange_next(&flow->exchange, now, wall, want);

        if (step != EVS_DONE)
            return step;
        flow->type->concluded(flow, NULL);
    }
    return EVS_DONE;
}

bool evs_flow_in_flight(const struct evs_flow *flow)
{
    return flow->state == EVS_FLOW_RUNNING && (flow->exchange.state == EVS_X_IN_FLIGHT ||
                                               flow->exchange.state == EVS_X_FETCHING);
}

void evs_flow_reply(struct evs_flow *flow, const struct evs_facts *facts)
{
    bool own = flow->exchange.state == EVS_X_IN_FLIGHT; /* and not the metadata service's */

    if (own)
        flow->status = facts->status;
    if (evs_exchange_reply(&flow->exchange, facts))
        flow->type->concluded(flow, own && flow->exchange.ending == EVS_ANSWERED ? facts : NULL);
}

void evs_flow_fail(struct evs_flow *flow, const struct evs_failure *failure)
{
    if (evs_exchange_fail(&flow->exchange, failure))
        flow->type->concluded(flow, NULL);
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
    struct evs_exchange *x = &flow->exchange;

    if (flow->state != EVS_FLOW_RUNNING)
        return;
    if (x->state == EVS_X_IN_FLIGHT) {
        x->reached = x->lost = true;
        flow->budget.attempts++;
    }
    evs_exchange_cancel(x);
    x->state = EVS_X_ENDED;
    evs_error_set(&flow->error, EVS_STOPPED, "the call was cancelled");
    evs_flow_fail_with_error(flow);
}

void evs_flow_free(struct evs_flow *flow)
{
    evs_exchange_cancel(&flow->exchange);
    evs_request_free(&flow->exchange.request);
}

void evs_flow_exchange(struct evs_flow *flow, enum evs_operation operation, unsigned retries,
                       double pause)
{
    struct evs_str project = evs_str(flow->project);

    evs_request_aim(&flow->exchange.request, flow->client, operation, project, evs_str(flow->id));
    evs_exchange_start(&flow->exchange, flow->client, &flow->budget, retries, pause);
}

void evs_flow_succeed(struct evs_flow *flow)
{
    flow->state = EVS_FLOW_SUCCEEDED;
}

void evs_flow_fail_with_error(struct evs_flow *flow)
{
    flow->error.attempts = flow->budget.attempts;
    flow->error.outcome = flow->type->outcome(flow);
    flow->state = EVS_FLOW_FAILED;
}

void evs_flow_fail_with_exchange(struct evs_flow *flow)
{
    flow->error = flow->exchange.error;
    evs_flow_fail_with_error(flow);
}

bool evs_facts_missing(const struct evs_facts *facts)
{
    return facts->status == 404 && (evs_str_equal(facts->kind, EVS_STR("itemNotFound")) ||
                                    evs_str_equal(facts->code, EVS_STR("EVS.5404")));
}

bool evs_flow_shown(const struct evs_flow *flow, const struct evs_facts *facts)
{
    return facts->status == 200 && facts->has_snapshot && facts->snapshot.status.len > 0 &&
           evs_str_equal(facts->snapshot.id, evs_str(flow->id));
}

void evs_flow_bad_response(struct evs_flow *flow, const struct evs_facts *facts,
                           const char *expected)
{
    struct evs_secrets secrets = evs_client_secrets(flow->client);
    struct evs_error answer;
    char message[sizeof answer.message];

    evs_error_answer(&answer, facts, &secrets);
    memcpy(message, answer.message, sizeof message);
    evs_error_set(&flow->error, EVS_BAD_RESPONSE, "%s; the answer was %s", expected, message);
    flow->error.status = facts->status;
    memcpy(flow->error.request_id, answer.request_id, sizeof answer.request_id);
}
