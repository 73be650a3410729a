#include "request.h"

#include "client/client.h"

static void write_url(struct evs_request *request, const struct evs_endpoint *endpoint)
{
    struct evs_buf *path = &request->path, *url = &request->url;

    request->host = evs_str(endpoint->host);
    evs_buf_reset(url);
    evs_buf_add(url, evs_str(endpoint->url));
    request->target = url->len;
    if (path->len > 0)
        evs_buf_add(url, (struct evs_str){path->data, path->len - 1});
    if (request->query.len > 0) {
        evs_buf_add_byte(url, '?');
        evs_buf_add(url, evs_buf_str(&request->query));
    }
}

void evs_request_aim(struct evs_request *request, const struct evs_client *client,
                     enum evs_operation operation, struct evs_str project, struct evs_str id)
{
    bool iam = operation == EVS_FIND_PROJECT;
    bool volumes = operation == EVS_LIST_VOLUMES;
    bool list = volumes || operation == EVS_LIST_SNAPSHOTS;
    const struct evs_collection *what = volumes ? &client->api->volumes : &client->api->snapshots;
    const struct evs_str parts[] = {what->version, project, what->path,
                                    list ? EVS_STR("detail") : id, EVS_STR("/")};

    request->method = operation == EVS_DELETE_SNAPSHOT ? "DELETE" : "GET";
    request->project = project;
    request->peer = iam ? EVS_PEER_IAM : EVS_PEER_EVS;
    if (!list && !iam)
        evs_buf_reset(&request->query);
    evs_buf_reset(&request->path);
    if (iam)
        evs_buf_add(&request->path, EVS_STR("/v3/projects/"));
    else
        evs_buf_add_all(&request->path, parts, 5);
    write_url(request, iam ? &client->iam : &client->endpoint);
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
    struct evs_field fields[4] = {{EVS_STR("host"), request->host}};
    size_t count = 1;
    char room[EVS_HASH_SIZE];
    struct evs_canonical canonical = {
        .method = evs_str(request->method),
        .uri = evs_buf_str(&request->path),
        .query = evs_buf_str(&request->query),
        .headers = fields,
    };

    if (request->project.len > 0)
        fields[count++] = (struct evs_field){EVS_STR("x-project-id"), request->project};
    fields[count++] = (struct evs_field){EVS_STR("x-sdk-date"), date};
    if (security_token.len > 0)
        fields[count++] = (struct evs_field){EVS_STR("x-security-token"), security_token};
    canonical.header_count = count;
    canonical.payload_hash = evs_payload_hash(keys->signer.algorithm, (struct evs_str){0}, room);
    evs_buf_reset(&request->authorization);
    if (!evs_sign(&keys->signer, &canonical, date.data, &client->scratch, &request->authorization))
        return false;
    if (request->project.len > 0)
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
    add_header(headers, EVS_STR("Host"), request->host);
    add_header(headers, EVS_STR("User-Agent"), evs_buf_str(&client->user_agent));
    if (request->added.len > 0) {
        evs_buf_add(headers, EVS_STR("\r\n"));
        evs_buf_add(headers, request->added);
    }
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
