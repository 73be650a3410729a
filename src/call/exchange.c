#include "exchange.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_BASE 0.2
#define BACKOFF_BASE_THROTTLED 2.0 /* a 429 without Retry-After */
#define BACKOFF_CAP 10.0
#define KEY_POLL 0.05   /* how often those who wait for a key, or its proof, look again */
#define PAUSE_LEAST 0.1 /* with less time left than this, there is no other try */

void evs_exchange_start(struct evs_exchange *x, struct evs_client *client,
                        struct evs_budget *budget, struct evs_error *error, unsigned retries,
                        double pause)
{
    x->client = client;
    x->budget = budget;
    x->error = error;
    x->state = pause > 0 ? EVS_X_PAUSING : EVS_X_READY;
    x->retries = retries;
    x->tries = 0;
    x->resent = false;
    x->slow_down = false;
    x->pause = pause;
    x->pause_least = -1;
    x->wake = -HUGE_VAL;
    x->use_by = HUGE_VAL;
    if (error)
        error->code[0] = '\0';
}

/* --- ending ----------------------------------------------------------------------------------- */

static bool end(struct evs_exchange *x, enum evs_meaning meaning)
{
    x->state = EVS_X_ENDED;
    x->meaning = meaning;
    return true;
}

static enum evs_step stop(struct evs_exchange *x, enum evs_meaning meaning,
                          const struct evs_error *error)
{
    evs_key_leave(&x->client->key, x);
    if (x->error && error)
        *x->error = *error;
    end(x, meaning);
    return EVS_DONE;
}

static enum evs_step stop_because(struct evs_exchange *x, enum evs_code code, const char *why)
{
    if (x->error)
        evs_error_set(x->error, code, "%s", why);
    return stop(x, EVS_FORBIDDEN, NULL);
}

/* The last failure says more than "time is up". */
static enum evs_step stop_time_up(struct evs_exchange *x)
{
    bool unproven = x->client->key.state != EVS_KEY_PROVEN;

    if (x->error && x->error->code[0] == '\0')
        evs_error_set(x->error, EVS_TIMEOUT,
                      "no time was left to send the request: %g s are over%s", x->budget->seconds,
                      unproven
                          ? ", and no answer has proven the key yet, which one request at a time "
                            "tries"
                          : "");
    return stop(x, EVS_TIME_UP, NULL);
}

/* --- the next step ---------------------------------------------------------------------------- */

static enum evs_step sleep_for(struct evs_want *want, double seconds)
{
    want->seconds = seconds;
    return EVS_SLEEP;
}

static double pace_left(const struct evs_exchange *x, double now)
{
    return x->pacer ? evs_pacer_wait(x->pacer, now) : 0;
}

/* A call's time runs from its first step; in a batch, from the first at which the pace lets it
 * send. */
static void run_time(struct evs_exchange *x, double now)
{
    struct evs_budget *budget = x->budget;

    if (budget->running || (x->state == EVS_X_READY && pace_left(x, now) > 0))
        return;
    budget->running = true;
    budget->ends = now + budget->seconds;
}

/* A back-off is kept short enough to leave time for the try that follows it. */
bool evs_exchange_pause(const struct evs_exchange *x, double now, double *seconds)
{
    double left = x->budget->ends - now;
    double pause = x->pause;

    if (x->pause_least > left)
        return false;
    if (pause > left / 2)
        pause = left > PAUSE_LEAST ? left / 2 : left;
    if (pause < x->pause_least)
        pause = x->pause_least;
    *seconds = pause > 0 ? pause : 0;
    return true;
}

/* Turn a pause into the moment it ends; false when there is no time for another try. */
static bool begin_pause(struct evs_exchange *x, double now)
{
    double pause;

    if (x->slow_down && x->pacer)
        evs_pacer_throttle(x->pacer, x->ticket.departed, now, x->pause_least);
    x->state = EVS_X_READY;
    if (!evs_exchange_pause(x, now, &pause))
        return false;
    x->wake = now + pause;
    return true;
}

static enum evs_step send_attempt(struct evs_exchange *x, double now, double wall, double deadline,
                                  struct evs_want *want)
{
    struct evs_client *client = x->client;

    if (!evs_request_sign(&x->request, client, wall + client->key.clock_offset)) {
        evs_key_unanswered(&client->key, x, &x->ticket, false);
        return stop_because(x, EVS_STOPPED, "out of memory");
    }
    if (x->pacer)
        evs_pacer_start(x->pacer, now);
    x->state = EVS_X_IN_FLIGHT;
    x->use_by = HUGE_VAL;
    want->request = &x->request;
    want->deadline = deadline;
    want->connect_timeout = client->connect_timeout;
    want->peer = x->request.peer;
    return EVS_SEND;
}

static enum evs_step fetch_keys(struct evs_exchange *x, struct evs_want *want)
{
    struct evs_metadata *metadata = &x->client->key.source.metadata;

    want->request = evs_metadata_request(metadata);
    if (!want->request)
        return stop_because(x, EVS_STOPPED, "out of memory");
    x->state = EVS_X_FETCHING;
    x->fetch_cut = x->budget->running && x->budget->ends < metadata->ends;
    want->deadline = x->fetch_cut ? x->budget->ends : metadata->ends;
    want->connect_timeout = EVS_METADATA_CONNECT_TIMEOUT;
    want->peer = EVS_PEER_METADATA;
    return EVS_SEND;
}

static enum evs_step ask_to_send(struct evs_exchange *x, double now, double wall,
                                 struct evs_want *want)
{
    double wait = pace_left(x, now);
    double ends = x->budget->running ? x->budget->ends : now + x->budget->seconds;
    double deadline = now + x->budget->attempt_timeout;
    struct evs_error error;

    if (deadline > ends)
        deadline = ends;
    if (wait > 0)
        return sleep_for(want, wait < ends - now ? wait : ends - now);
    switch (evs_key_admit(&x->client->key, x, now, wall, deadline, &x->ticket, &error)) {
    case EVS_KEY_SEND: return send_attempt(x, now, wall, deadline, want);
    case EVS_KEY_STOP: return stop(x, EVS_FORBIDDEN, &error);
    default: return sleep_for(want, KEY_POLL);
    }
}

static enum evs_step ask_for_keys(struct evs_exchange *x, double now, double wall,
                                  struct evs_want *want)
{
    struct evs_error error;

    switch (evs_key_supply(&x->client->key, x, now, wall, &error)) {
    case EVS_KEY_FETCH: return fetch_keys(x, want);
    case EVS_KEY_WAIT: return sleep_for(want, KEY_POLL);
    case EVS_KEY_STOP: return stop(x, EVS_FORBIDDEN, &error);
    default: return ask_to_send(x, now, wall, want);
    }
}

enum evs_step evs_exchange_next(struct evs_exchange *x, double now, double wall,
                                struct evs_want *want)
{
    if (x->state == EVS_X_ENDED) /* no flow asks then; one that did would send again */
        return EVS_DONE;
    if (x->client->closed)
        return stop_because(x, EVS_CLOSED, "the client is closed");
    run_time(x, now);
    if (x->state == EVS_X_PAUSING && !begin_pause(x, now))
        return stop_time_up(x);
    if (x->budget->running && now >= x->budget->ends)
        return stop_time_up(x);
    if (now < x->wake)
        return sleep_for(want, x->wake - now);
    if (now > x->use_by)
        return stop(x, EVS_STALE, NULL);
    return ask_for_keys(x, now, wall, want);
}

/* --- what came of a request ------------------------------------------------------------------- */

/* Pause before another try: what the server asks for, else full jitter under a doubling ceiling.
 * In a batch a 429 spends no retry: it was the batch that came too fast, not this call. */
static bool try_again(struct evs_exchange *x, enum evs_again again, double retry_after)
{
    double ceiling = again == EVS_SLOWER ? BACKOFF_BASE_THROTTLED : BACKOFF_BASE;
    bool free = again == EVS_SLOWER && x->pacer;

    if (again < EVS_SOON || (!free && x->retries == 0))
        return false;
    x->retries -= !free;
    for (unsigned i = 0; i < x->tries && ceiling < BACKOFF_CAP; i++)
        ceiling *= 2;
    x->tries++;
    x->slow_down = again == EVS_SLOWER;
    x->pause_least = retry_after;
    x->pause = retry_after >= 0
                   ? retry_after
                   : evs_client_random(x->client) * (ceiling < BACKOFF_CAP ? ceiling : BACKOFF_CAP);
    x->state = EVS_X_PAUSING;
    return true;
}

/* `attempts` requests were put on the wire, and what became of the last of them is known or not. */
static void account(struct evs_exchange *x, unsigned attempts, enum evs_fate fate)
{
    enum evs_outcome outcome = fate == EVS_LOST ? EVS_UNKNOWN : EVS_REFUSED;

    x->budget->attempts += attempts;
    if (attempts > 0 && evs_request_deletes(&x->request) && outcome > x->budget->outcome)
        x->budget->outcome = outcome;
}

/* The client was closed while a request was out. With the keys its secrets are forgotten, so
 * that no text of the server's can be shown any more. */
static bool close_down(struct evs_exchange *x)
{
    stop_because(x, EVS_CLOSED, "the client was closed while a request was out");
    return true;
}

static bool take_keys(struct evs_exchange *x, const struct evs_facts *facts)
{
    const struct evs_metadata_answer answer = {facts->status, facts->body, facts->credential,
                                               facts->expires_at};

    if (!x->client->closed)
        evs_key_fetched(&x->client->key, x, &answer);
    x->state = EVS_X_READY;
    return false;
}

static void name_source(struct evs_error *error, const char *source)
{
    char text[64];

    snprintf(text, sizeof text, " (keys from %s)", source);
    evs_error_append(error, text);
}

/* Make `error` the answer's, and let the key learn from the answer. */
static void take_refusal(struct evs_exchange *x, const struct evs_facts *facts,
                         struct evs_verdict verdict, struct evs_error *error)
{
    struct evs_key *key = &x->client->key;
    struct evs_secrets secrets = evs_client_secrets(x->client);

    evs_error_answer(error, facts, &secrets);
    error->retryable = verdict.again > EVS_NEVER;
    if (facts->status == 401)
        name_source(error, key->source.keys.source);
    if (facts->status == 407)
        strcpy(error->code, evs_code_text(EVS_PROXY));
    evs_key_answered(key, x, &x->ticket, verdict.key, error, facts->date);
}

static bool resend(struct evs_exchange *x)
{
    if (x->resent || !evs_key_may_heal(&x->client->key, &x->ticket))
        return false;
    x->resent = true;
    x->state = EVS_X_READY;
    return true;
}

bool evs_exchange_reply(struct evs_exchange *x, const struct evs_facts *facts)
{
    struct evs_verdict verdict;
    struct evs_error unsaid;

    if (x->state == EVS_X_FETCHING)
        return take_keys(x, facts);
    verdict = evs_answer_judge(facts);
    account(x, 1 + facts->replays, facts->replays > 0 ? EVS_LOST : verdict.fate);
    if (facts->status >= 200 && facts->status <= 299)
        evs_key_answered(&x->client->key, x, &x->ticket, verdict.key, x->error, -1);
    if (x->client->closed && facts->status != 202)
        return close_down(x);
    if (facts->status >= 200 && facts->status <= 299)
        return end(x, verdict.meaning);
    take_refusal(x, facts, verdict, x->error ? x->error : &unsaid);
    if (facts->status == 401 && resend(x))
        return false;
    return !try_again(x, verdict.again, facts->retry_after) && end(x, verdict.meaning);
}

bool evs_exchange_fail(struct evs_exchange *x, const struct evs_failure *failure)
{
    struct evs_verdict verdict = evs_failure_judge(failure);
    struct evs_secrets secrets = evs_client_secrets(x->client);
    struct evs_key *key = &x->client->key;

    if (x->state == EVS_X_FETCHING) {
        x->state = EVS_X_READY;
        if (x->fetch_cut && failure->code == EVS_TIMEOUT) /* others may have more time */
            evs_key_leave(key, x);
        else if (!x->client->closed)
            evs_key_not_fetched(key, x, failure->message, &secrets);
        return false;
    }
    account(x, failure->sent, verdict.fate);
    evs_key_unanswered(key, x, &x->ticket, failure->sent);
    if (x->client->closed)
        return close_down(x);
    if (x->error) {
        evs_error_quote(x->error, failure->code, failure->message, failure->hint, &secrets);
        x->error->retryable = verdict.again > EVS_NEVER;
    }
    return !try_again(x, verdict.again, -1) && end(x, verdict.meaning);
}

void evs_exchange_cancel(struct evs_exchange *x)
{
    if (!x->client)
        return;
    if (x->state == EVS_X_IN_FLIGHT)
        account(x, 1, EVS_LOST);
    evs_key_leave(&x->client->key, x);
    x->state = EVS_X_ENDED;
}
