#include "answer.h"

#include "base/scrub.h"

#include <stdio.h>
#include <string.h>

/* How much of a body is looked at, and shown, when it is not JSON. */
enum { BODY_READ = 64 * 1024, BODY_SHOWN = 300 };

static bool is_code(struct evs_str text)
{
    return text.len >= 1 && text.len <= 64 && evs_str_unreserved(text) &&
           !memchr(text.data, '~', text.len) && !evs_str_starts(text, EVS_STR("Client."));
}

/* "502 Bad Gateway: what the body says" */
static void describe_body(struct evs_error *error, const struct evs_facts *facts,
                          const struct evs_secrets *secrets)
{
    struct evs_str body = facts->body;
    struct evs_buf words = {0};
    struct evs_buf safe = {0};
    char shown[BODY_SHOWN];
    const char *reason = evs_status_reason(facts->status);

    if (body.len > BODY_READ)
        body.len = BODY_READ;
    evs_scrub(&safe, body, secrets->text, EVS_SECRET_COUNT);
    evs_readable(&words, evs_buf_str(&safe));
    evs_clean(shown, sizeof shown, evs_buf_str(&words));
    snprintf(error->message, sizeof error->message, "%d%s%s%s%s", facts->status,
             *reason ? " " : "", reason, *shown ? ": " : "", shown);
    evs_buf_free(&words);
    evs_buf_free(&safe);
}

void evs_error_answer(struct evs_error *error, const struct evs_facts *facts,
                      const struct evs_secrets *secrets)
{
    memset(error, 0, offsetof(struct evs_error, message));
    error->status = facts->status;
    if (is_code(facts->code))
        evs_name_show(error->code, sizeof error->code, facts->code, secrets);
    if (error->code[0] == '\0')
        snprintf(error->code, sizeof error->code, "HTTP.%d", facts->status);
    evs_name_show(error->kind, sizeof error->kind, facts->kind, secrets);
    evs_name_show(error->request_id, sizeof error->request_id, facts->request_id, secrets);
    evs_text_show(error->message, sizeof error->message, facts->message, secrets);
    if (error->message[0] == '\0')
        describe_body(error, facts, secrets);
}
