#include "request.h"

#include "client.h"

void evs_request_aim(struct evs_request *request, const struct evs_client *client,
                     enum evs_operation operation, struct evs_str project, struct evs_str id)
{
    struct evs_buf *path = &request->path, *url = &request->url;
    bool list = operation == EVS_LIST_SNAPSHOTS;
    const struct evs_str parts[] = {client->api->version, project, client->api->snapshots,
                                    list ? EVS_STR("detail") : id, EVS_STR("/")};

    request->method = operation == EVS_DELETE_SNAPSHOT ? "DELETE" : "GET";
    request->project = project;
    if (!list)
        evs_buf_reset(&request->query);
    evs_buf_reset(path);
    evs_buf_add_all(path, parts, 5);

    evs_buf_reset(url);
    evs_buf_add(url, evs_str(client->endpoint.url));
    request->target = url->len;
    if (path->len > 0)
        evs_buf_add(url, (struct evs_str){path->data, path->len - 1});
    if (request->query.len > 0) {
        evs_buf_add_byte(url, '?');
        evs_buf_add(url, evs_buf_str(&request->query));
    }
}

static void add_header(struct evs_buf *headers, struct evs_str name, struct evs_str value)
{
    const struct evs_str line[] = {EVS_STR("\r\n"), name, EVS_STR(": "), value};

    evs_buf_add_all(headers, line, 4);
}

static bool sign(struct evs_request *request, struct evs_client *client, double wall)
{
    struct evs_keys *keys = &client->key.source.keys;
    struct evs_str security_token = evs_buf_str(&keys->security_token);
    struct evs_str date = {evs_sign_date(&client->date, wall), EVS_DATE_SIZE - 1};
    const struct evs_field fields[] = {
        {EVS_STR("host"), evs_str(client->endpoint.host)},
        {EVS_STR("x-project-id"), request->project},
        {EVS_STR("x-sdk-date"), date},
        {EVS_STR("x-security-token"), security_token},
    };
    char room[EVS_HASH_SIZE];
    struct evs_canonical canonical = {
        .method = evs_str(request->method),
        .uri = evs_buf_str(&request->path),
        .query = evs_buf_str(&request->query),
        .headers = fields,
        .header_count = security_token.len > 0 ? 4 : 3,
    };

    canonical.payload_hash = evs_payload_hash(keys->signer.algorithm, (struct evs_str){0}, room);
    evs_buf_reset(&request->authorization);
    if (!evs_sign(&keys->signer, &canonical, date.data, &client->scratch, &request->authorization))
        return false;
    add_header(&request->headers, EVS_STR("X-Project-Id"), request->project);
    add_header(&request->headers, EVS_STR("X-Sdk-Date"), date);
    if (security_token.len > 0)
        add_header(&request->headers, EVS_STR("X-Security-Token"), security_token);
    add_header(&request->headers, EVS_STR("Authorization"), evs_buf_str(&request->authorization));
    return true;
}

bool evs_request_sign(struct evs_request *request, struct evs_client *client, double wall)
{
    struct evs_buf *headers = &request->headers;

    evs_buf_reset(headers);
    evs_buf_add(headers, EVS_STR("Accept: application/json\r\nContent-Type: application/json"));
    add_header(headers, EVS_STR("Host"), evs_str(client->endpoint.host));
    add_header(headers, EVS_STR("User-Agent"), evs_buf_str(&client->user_agent));
    if (client->key.source.keys.token.len > 0)
        add_header(headers, EVS_STR("X-Auth-Token"), evs_buf_str(&client->key.source.keys.token));
    else if (!sign(request, client, wall))
        return false;
    return !headers->failed && !request->url.failed && !request->path.failed &&
           !request->query.failed;
}

bool evs_request_deletes(const struct evs_request *request)
{
    return request->method[0] == 'D';
}
