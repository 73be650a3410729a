#include "answer.h"

#include "base/scrub.h"
#include "hint.h"

#include <stdio.h>
#include <string.h>

/* How much of a body is looked at, and shown, when it is not JSON. */
enum { BODY_READ = 64 * 1024, BODY_SHOWN = 300 };

/* --- the table -------------------------------------------------------------------------------- */

/* A row fits answers of status `from` to `to` whose speaker is at least `who` and whose code or
 * kind is one of `names`, words divided by blanks, where there are any. `rule` is one of a
 * deletion's rules, which docs/rules.md tells. Before the first row an answer says nothing:
 * NEVER, LOST, SILENT, OPEN. */
struct row {
    short rule, from, to;
    unsigned char who;
    const char *names;
    unsigned char again, fate, key, meaning; /* 0 leaves what stands */
};

/* Short names for the cells. */
enum { ANYONE = EVS_ANYONE, JSON = EVS_JSON, KNOWN = EVS_KNOWN, ITSELF = EVS_ITSELF, _ = 0 };
enum { NEVER = EVS_NEVER, LATER = EVS_LATER, SOON = EVS_SOON, SLOWER = EVS_SLOWER };
enum { KEPT = EVS_KEPT, LOST = EVS_LOST, SILENT = EVS_KEY_SILENT, GOOD = EVS_KEY_GOOD };
enum { SUSPECT = EVS_KEY_SUSPECT, WRONG = EVS_KEY_WRONG, BARRED = EVS_KEY_BARRED };
enum { ACCEPTED = EVS_ACCEPTED_IT, STRANGE = EVS_STRANGE, GONE = EVS_GONE, STUCK = EVS_STUCK };
enum { CONTESTED = EVS_CONTESTED, NO = EVS_NO, OPEN = EVS_OPEN };

/* clang-format off */
static const struct row rows[] = {
/* rule from  to  who     code or kind                    again   fate  key      meaning */
    {1, 100, 599, ANYONE, NULL,                           _,      KEPT, _,       _},
    {1, 200, 299, ANYONE, NULL,                           _,      LOST, _,       STRANGE},
    {6, 200, 299, JSON,   NULL,                           _,      _,    GOOD,    _},
    {1, 202, 202, ANYONE, NULL,                           _,      KEPT, GOOD,    ACCEPTED},
    {5, 400, 499, ANYONE, NULL,                           _,      _,    _,       NO},
    {6, 400, 499, ITSELF, NULL,                           _,      _,    GOOD,    _},
    {7, 400, 400, ANYONE, NULL,                           _,      _,    _,       CONTESTED},
    {7, 409, 409, ANYONE, NULL,                           _,      _,    _,       CONTESTED},
    {6, 401, 401, ANYONE, NULL,                           _,      _,    SUSPECT, _},
    {6, 401, 401, KNOWN,  NULL,                           _,      _,    WRONG,   _},
    {5, 408, 408, ANYONE, NULL,                           SOON,   LOST, _,       OPEN},
    {5, 429, 429, ANYONE, NULL,                           SLOWER, _,    SILENT,  OPEN},
    {5, 500, 599, ANYONE, NULL,                           _,      LOST, _,       _},
    {5, 500, 500, ANYONE, NULL,                           SOON,   _,    _,       _},
    {5, 502, 504, ANYONE, NULL,                           SOON,   _,    _,       _},
    {5, 501, 501, ANYONE, NULL,                           _,      KEPT, _,       _},
    {5, 505, 505, ANYONE, NULL,                           _,      KEPT, _,       _},
    {4, 404, 404, KNOWN,  "itemNotFound EVS.5404",        _,      _,    _,       GONE},
    {5, 300, 599, KNOWN,  "EVS.2019",                     NEVER,  KEPT, _,       STUCK},
    {5, 300, 599, KNOWN,  "EVS.2010 EVS.2013 EVS.2014",   NEVER,  _,    _,       _},
    {5, 300, 599, KNOWN,  "EVS.2034 EVS.2035 EVS.2036",   NEVER,  _,    _,       _},
    {5, 300, 599, KNOWN,  "APIGW.0104",                   NEVER,  _,    _,       _},
    {5, 300, 599, KNOWN,  "EVS.2409 EVS.2221",            LATER,  _,    _,       _},
    {6, 300, 599, KNOWN,  "APIGW.0302 APIGW.0304",        _,      _,    BARRED,  _},
    {6, 300, 599, KNOWN,  "APIGW.0310 APIGW.0802",        _,      _,    BARRED,  _},
};
/* clang-format on */

static bool fits(const struct row *row, const struct evs_facts *facts)
{
    return facts->status >= row->from && facts->status <= row->to && facts->speaker >= row->who &&
           (!row->names || evs_str_is_among(facts->code, row->names) ||
            evs_str_is_among(facts->kind, row->names));
}

static void apply(unsigned char cell, unsigned *value)
{
    if (cell)
        *value = cell;
}

struct evs_verdict evs_answer_judge(const struct evs_facts *facts)
{
    unsigned again = NEVER, fate = LOST, key = SILENT, meaning = OPEN;

    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++) {
        if (!fits(row, facts))
            continue;
        apply(row->again, &again);
        apply(row->fate, &fate);
        apply(row->key, &key);
        apply(row->meaning, &meaning);
    }
    return (struct evs_verdict){(enum evs_again)again, (enum evs_fate)fate, (enum evs_key_word)key,
                                (enum evs_meaning)meaning};
}

struct evs_verdict evs_failure_judge(const struct evs_failure *failure)
{
    bool again = failure->sent || failure->passing;

    return (struct evs_verdict){again ? EVS_SOON : EVS_NEVER, failure->sent ? EVS_LOST : EVS_KEPT,
                                EVS_KEY_SILENT, EVS_FAILED};
}

/* --- the error -------------------------------------------------------------------------------- */

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
    snprintf(error->message, sizeof error->message, "%d%s%s%s%s", facts->status, *reason ? " " : "",
             reason, *shown ? ": " : "", shown);
    evs_buf_free(&words);
    evs_buf_free(&safe);
}

/* The gateway's 401 repeats the whole canonical request behind its reason: lines that tell
 * nobody what is wrong. */
static struct evs_str without_echo(struct evs_str message)
{
    static const char echo[] = ", canonicalRequest:";

    for (size_t i = 1; i + sizeof echo - 1 <= message.len; i++)
        if (memcmp(message.data + i, echo, sizeof echo - 1) == 0)
            message.len = i;
    return message;
}

void evs_error_answer(struct evs_error *error, const struct evs_facts *facts,
                      const struct evs_secrets *secrets)
{
    memset(error, 0, offsetof(struct evs_error, message));
    error->status = facts->status;
    error->hint = evs_hint_of_answer(facts);
    if (is_code(facts->code))
        evs_name_show(error->code, sizeof error->code, facts->code, secrets);
    if (error->code[0] == '\0')
        snprintf(error->code, sizeof error->code, "HTTP.%d", facts->status);
    evs_name_show(error->kind, sizeof error->kind, facts->kind, secrets);
    evs_name_show(error->request_id, sizeof error->request_id, facts->request_id, secrets);
    evs_text_show(error->message, sizeof error->message, without_echo(facts->message), secrets);
    if (error->message[0] == '\0')
        describe_body(error, facts, secrets);
}
