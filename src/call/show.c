#include "show.h"

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    (void)seen;
    evs_flow_exchange(flow, EVS_SHOW_SNAPSHOT, flow->options.retries, 0, false);
}

static void concluded(struct evs_flow *flow, enum evs_meaning meaning,
                      const struct evs_facts *facts)
{
    if (meaning == EVS_SHOWN) {
        evs_flow_succeed(flow);
        return;
    }
    if (meaning == EVS_STRANGE)
        evs_flow_bad_response(flow, facts, "expected a 200 that shows this snapshot");
    evs_flow_end(flow);
}

const struct evs_flow_type evs_show_snapshot = {"show_snapshot", EVS_ABOUT_SNAPSHOT, begin,
                                                concluded};
