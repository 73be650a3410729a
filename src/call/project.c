#include "project.h"

#include <string.h>

static void fail(struct evs_flow *flow, enum evs_code code, const char *why)
{
    evs_error_set(&flow->error, code, "%s", why);
    evs_flow_end(flow);
}

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    struct evs_client *client = flow->client;
    struct evs_buf *query = &flow->exchange.request.query;

    (void)seen;
    if (client->project_id[0]) {
        evs_flow_succeed(flow);
    } else if (client->region.len == 0 || !client->iam.url[0]) {
        fail(flow, EVS_INVALID_ARGUMENT,
             "project_id needs a region: the option region, or "
             "HUAWEICLOUD_SDK_REGION");
    } else if (client->key.source.keys.algorithm == EVS_V11_HMAC_SHA256) {
        fail(flow, EVS_INVALID_ARGUMENT,
             "IAM takes no V11-HMAC-SHA256: project_id needs another "
             "algorithm");
    } else {
        evs_buf_reset(query);
        evs_buf_add(query, EVS_STR("name="));
        evs_buf_add_escaped(query, evs_buf_str(&client->region));
        evs_flow_exchange(flow, EVS_FIND_PROJECT, flow->options.retries, 0, false);
    }
}

static void take(struct evs_flow *flow, const struct evs_facts *facts)
{
    struct evs_str id = facts->projects.id;
    struct evs_secrets secrets = evs_client_secrets(flow->client);
    char shown[1024];

    if (facts->projects.count == 1) {
        if (!evs_id_check(flow->client, id, "IAM's project id", &flow->error)) {
            evs_flow_bad_response(flow, facts, "expected a project with an id");
            evs_flow_end(flow);
            return;
        }
        memcpy(flow->client->project_id, id.data, id.len);
        evs_flow_succeed(flow);
        return;
    }
    evs_text_show(shown, sizeof shown, facts->projects.list, &secrets);
    evs_error_set(&flow->error, EVS_NO_PROJECT,
                  "IAM knows %u projects of the name %s%s%s: give the "
                  "project_id of the one you mean",
                  facts->projects.count, flow->client->region.data, shown[0] ? ": " : "", shown);
    flow->error.status = facts->status;
    evs_flow_end(flow);
}

static void concluded(struct evs_flow *flow, enum evs_meaning meaning,
                      const struct evs_facts *facts)
{
    if (meaning == EVS_SHOWN) {
        take(flow, facts);
        return;
    }
    if (meaning == EVS_STRANGE)
        evs_flow_bad_response(flow, facts, "expected a 200 with an array of projects");
    else if (facts && facts->status == 403)
        flow->error.hint = EVS_HINT_PROJECT_RIGHTS;
    evs_flow_end(flow);
}

const struct evs_flow_type evs_find_project = {"project_id", EVS_ABOUT_ACCOUNT, begin, concluded};
