#include "show.h"

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    (void)seen;
    evs_flow_exchange(flow, EVS_SHOW_SNAPSHOT, flow->options.retries, 0);
}

static void concluded(struct evs_flow *flow, const struct evs_facts *facts)
{
    if (!facts || facts->status < 200 || facts->status > 299) {
        evs_flow_fail_with_exchange(flow);
    } else if (evs_flow_shown(flow, facts)) {
        evs_flow_succeed(flow);
    } else {
        evs_flow_bad_response(flow, facts, "expected a 200 that shows this snapshot");
        evs_flow_fail_with_error(flow);
    }
}

/* Nothing was to be deleted, and no DELETE left. */
static enum evs_outcome outcome(const struct evs_flow *flow)
{
    (void)flow;
    return EVS_NOT_SENT;
}

const struct evs_flow_type evs_show_snapshot = {"show_snapshot", true, begin, concluded, outcome};
