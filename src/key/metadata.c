#include "metadata.h"

#include "endpoint.h"
#include "base/scrub.h"

#include <stdio.h>
#include <string.h>

#define SERVICE "http://169.254.169.254"
#define VISIT_SECONDS 3.0
#define REST_SECONDS                                                                               \
    10.0 /* not every call should ask where there is no service, or only old keys */
#define TOKEN_MAX 4096

bool evs_metadata_init(struct evs_metadata *metadata, struct evs_str endpoint,
                       struct evs_error *error)
{
    struct evs_endpoint parsed;

    strcpy(metadata->url, SERVICE);
    if (endpoint.len == 0)
        return true;
    if (!evs_endpoint_parse(&parsed, endpoint, false, error))
        return false;
    if (parsed.tls || !parsed.loopback) {
        evs_error_set(error, EVS_INVALID_ARGUMENT, "must be http:// and a loopback host");
        return false;
    }
    strcpy(metadata->url, parsed.url);
    return true;
}

bool evs_metadata_visit(struct evs_metadata *metadata, const void *visitor, double now, bool renew)
{
    if (metadata->resting && now < metadata->rests_until && (!renew || metadata->why[0]))
        return false;
    metadata->rests_until = now + REST_SECONDS;
    metadata->resting = false;
    metadata->stage = metadata->token.len > 0 ? EVS_VISIT_KEYS : EVS_VISIT_TOKEN;
    metadata->visitor = visitor;
    metadata->token_renewed = false;
    metadata->ends = now + VISIT_SECONDS;
    return true;
}

const struct evs_request *evs_metadata_request(struct evs_metadata *metadata)
{
    struct evs_request *request = &metadata->request;
    bool keys = metadata->stage == EVS_VISIT_KEYS;

    request->method = keys ? "GET" : "PUT";
    evs_buf_reset(&request->url);
    evs_buf_add(&request->url, evs_str(metadata->url));
    evs_buf_add(&request->url, keys ? EVS_STR("/openstack/latest/securitykey")
                                    : EVS_STR("/meta-data/latest/api/token"));
    evs_buf_reset(&request->headers);
    evs_buf_add(&request->headers, EVS_STR("Accept: */*"));
    if (!keys)
        evs_buf_add(&request->headers, EVS_STR("\r\nX-Metadata-Token-Ttl-Seconds: 21600"
                                               "\r\nContent-Length: 0"));
    if (keys && metadata->token.len > 0) {
        evs_buf_add(&request->headers, EVS_STR("\r\nX-Metadata-Token: "));
        evs_buf_add(&request->headers, evs_buf_str(&metadata->token));
    }
    return request->url.failed || request->headers.failed ? NULL : request;
}

static void forget_token(struct evs_metadata *metadata)
{
    evs_buf_free(&metadata->token);
}

static void end_visit(struct evs_metadata *metadata)
{
    metadata->stage = EVS_VISIT_NONE;
    metadata->visitor = NULL;
    metadata->resting = true;
}

void evs_metadata_fail(struct evs_metadata *metadata, struct evs_str why)
{
    evs_clean(metadata->why, sizeof metadata->why, why);
    end_visit(metadata);
    forget_token(metadata);
}

static bool fail_status(struct evs_metadata *metadata, const char *what, int status)
{
    char why[128];

    snprintf(why, sizeof why, "%s was answered with %d %s", what, status,
             evs_status_reason(status));
    evs_metadata_fail(metadata, evs_str(why));
    return false;
}

/* Old services have no session tokens and say so in one of three ways. */
static bool reply_token(struct evs_metadata *metadata, const struct evs_metadata_answer *answer)
{
    struct evs_str token = evs_str_trim(answer->body);

    while (token.len > 0 &&
           (token.data[token.len - 1] == '\n' || token.data[token.len - 1] == '\r'))
        token.len--;
    if (answer->status == 200 && token.len > 0 && token.len <= TOKEN_MAX && evs_str_visible(token))
        evs_buf_add(&metadata->token, token);
    else if (answer->status != 404 && answer->status != 405 && answer->status != 503)
        return fail_status(metadata, "the request for a token", answer->status);
    metadata->stage = EVS_VISIT_KEYS;
    return false;
}

static bool reply_keys(struct evs_metadata *metadata, const struct evs_metadata_answer *answer)
{
    if (answer->status == 401 && metadata->token.len > 0 && !metadata->token_renewed) {
        forget_token(metadata);
        metadata->token_renewed = true;
        metadata->stage = EVS_VISIT_TOKEN;
        return false;
    }
    if (answer->status != 200)
        return fail_status(metadata, "the request for keys", answer->status);
    if (!evs_key_set_usable(&answer->keys)) {
        evs_metadata_fail(metadata, EVS_STR("its answer holds no usable access and secret"));
        return false;
    }
    end_visit(metadata);
    metadata->why[0] = '\0';
    return true;
}

bool evs_metadata_reply(struct evs_metadata *metadata, const struct evs_metadata_answer *answer)
{
    return metadata->stage == EVS_VISIT_TOKEN ? reply_token(metadata, answer)
                                              : reply_keys(metadata, answer);
}

void evs_metadata_leave(struct evs_metadata *metadata, const void *visitor)
{
    if (metadata->visitor != visitor)
        return;
    metadata->stage = EVS_VISIT_NONE;
    metadata->visitor = NULL;
}

void evs_metadata_wipe(struct evs_metadata *metadata)
{
    evs_request_free(&metadata->request);
    evs_buf_free(&metadata->token);
}
