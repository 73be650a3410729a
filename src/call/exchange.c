#include "exchange.h"

#include "answer.h"
#include "key/keyring.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_BASE 0.2
#define BACKOFF_BASE_THROTTLED 2.0 /* a 429 without Retry-After */
#define BACKOFF_CAP 10.0
#define GATE_POLL 0.05        /* how often those who wait for a key, or its proof, look again */
#define REVIVAL_SECONDS 4.0   /* the longest visit to the metadata service, and a bit */
#define CLOCK_TOLERANCE 600.0 /* the gateway allows 15 minutes: less than 10 off was no reason */
#define PAUSE_LEAST 0.1       /* with less time left than this, there is no other try */

static bool code_is(const struct evs_facts *facts, const char *const *codes)
{
    for (; *codes; codes++)
        if (evs_str_equal(facts->code, evs_str(*codes)))
            return true;
    return false;
}

/* Whether an answer leaves open what the server did. EVS.2019 is EVS's plain no (the snapshot is in
 * error_deleting) under a 500. */
static bool leaves_open(const struct evs_facts *facts)
{
    int status = facts->status;

    return status == 408 || (status >= 500 && status != 501 && status != 505 &&
                             !evs_str_equal(facts->code, EVS_STR("EVS.2019")));
}

/* Faults that stay: token exchange and decoding, a missing plug-in. */
static bool worth_retrying(const struct evs_facts *facts)
{
    static const char *const permanent[] = {"EVS.2019", "EVS.2010", "EVS.2013",   "EVS.2014", "EVS.2034",
                                            "EVS.2035", "EVS.2036", "APIGW.0104", NULL};
    int status = facts->status;
    bool passing = status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);

    return passing && !code_is(facts, permanent);
}

/* Refusals of the user, the app or the project, not of this request. */
static bool refuses_key(const struct evs_facts *facts)
{
    static const char *const codes[] = {"APIGW.0302", "APIGW.0304", "APIGW.0310", "APIGW.0802", NULL};

    return code_is(facts, codes);
}

/* Only EVS itself answers like this, and only behind the gateway's check of the key: its 202, JSON
 * under a 2xx, an error in its own or in OpenStack's envelope. A portal's page proves nothing. */
static bool proves_key(const struct evs_facts *facts)
{
    bool enveloped = facts->kind.len > 0 || evs_str_starts(facts->code, EVS_STR("EVS."));

    if (facts->status >= 200 && facts->status <= 299)
        return facts->status == 202 || facts->json;
    return facts->status >= 400 && facts->status < 500 && facts->status != 401 &&
           facts->status != 429 && enveloped;
}

void evs_exchange_start(struct evs_exchange *x, struct evs_client *client,
                        struct evs_budget *budget, unsigned retries, double pause)
{
    x->client = client;
    x->budget = budget;
    x->state = EVS_X_READY;
    x->reached = false;
    x->lost = false;
    x->retries = retries;
    x->tries = 0;
    x->tries_key = false;
    x->resends = 0;
    x->reviving = false;
    x->pausing = pause > 0;
    x->pause = pause;
    x->pause_least = -1;
    x->wake = -HUGE_VAL;
    x->error.code[0] = '\0';
}

static bool end(struct evs_exchange *x, enum evs_ending ending)
{
    x->state = EVS_X_ENDED;
    x->ending = ending;
    return true;
}

static enum evs_step stop(struct evs_exchange *x, enum evs_ending ending)
{
    evs_exchange_cancel(x);
    end(x, ending);
    return EVS_DONE;
}

static enum evs_step stop_out_of_memory(struct evs_exchange *x)
{
    evs_error_set(&x->error, EVS_STOPPED, "out of memory");
    return stop(x, EVS_NOT_ALLOWED);
}

/* The last failure says more than "time is up". */
static enum evs_step stop_time_up(struct evs_exchange *x)
{
    if (x->error.code[0] == '\0')
        evs_error_set(&x->error, EVS_TIMEOUT, "no time was left to send the request: %g s are over%s",
                      x->budget->seconds,
                      x->client->gate.state == EVS_GATE_UNPROVEN
                          ? ", and no answer has proven the key yet, which one request at a time tries"
                          : "");
    return stop(x, EVS_TIME_UP);
}

/* Turn a pause into the moment it ends. A back-off is kept short enough to leave time for the try that
 * follows it; false when there is no time for another try. */
static bool begin_pause(struct evs_exchange *x, double now)
{
    double left = x->budget->running ? x->budget->ends - now : BACKOFF_CAP * 1e6;
    double pause = x->pause;

    x->pausing = false;
    if (x->pause_least > left)
        return false;
    if (pause > left / 2)
        pause = left > PAUSE_LEAST ? left / 2 : left;
    if (pause < x->pause_least)
        pause = x->pause_least;
    x->wake = now + (pause > 0 ? pause : 0);
    return true;
}

/* The call's time begins to run, if it does not yet. */
static void run_time(struct evs_budget *budget, double now)
{
    if (!budget->running)
        budget->ends = now + budget->seconds;
    budget->running = true;
}

/* What came of the last attempt is known. */
static void see(struct evs_exchange *x)
{
    if (x->tries_key)
        evs_gate_see(&x->client->gate, x->generation);
    x->tries_key = false;
}

static enum evs_step send_attempt(struct evs_exchange *x, double now, double wall, double until,
                          struct evs_want *want)
{
    struct evs_client *client = x->client;

    if (!evs_request_sign(&x->request, client, wall + client->clock_offset)) {
        see(x);
        return stop_out_of_memory(x);
    }
    run_time(x->budget, now);
    if (x->pacer)
        evs_pacer_start(x->pacer, now);
    x->state = EVS_X_IN_FLIGHT;
    x->sent_at = now;
    x->signed_at = wall;
    x->keys = client->keys.serial;
    want->request = &x->request;
    want->deadline = until;
    want->connect_timeout = client->connect_timeout;
    want->metadata = false;
    return EVS_SEND;
}

static enum evs_step fetch_keys(struct evs_exchange *x, struct evs_want *want)
{
    struct evs_metadata *metadata = &x->client->metadata;

    want->request = evs_metadata_request(metadata);
    if (!want->request)
        return stop_out_of_memory(x);
    x->state = EVS_X_FETCHING;
    want->deadline = metadata->ends;
    x->fetch_cut = x->budget->running && x->budget->ends < metadata->ends;
    if (x->fetch_cut)
        want->deadline = x->budget->ends;
    want->connect_timeout = EVS_METADATA_CONNECT_TIMEOUT;
    want->metadata = true;
    return EVS_SEND;
}

static enum evs_step ask_gate(struct evs_exchange *x, double now, double wall, struct evs_want *want)
{
    struct evs_gate *gate = &x->client->gate;
    double wait = x->pacer ? evs_pacer_wait(x->pacer, now) : 0;
    double ends = x->budget->running ? x->budget->ends : now + x->budget->seconds;
    double until = now + x->budget->attempt_timeout;

    if (until > ends)
        until = ends;
    if (wait > 0) {
        want->seconds = wait < ends - now ? wait : ends - now;
        return EVS_SLEEP;
    }
    switch (evs_gate_ask(gate, x, now, until)) {
    case EVS_GATE_PASS:
        x->tries_key = gate->state != EVS_GATE_PROVEN;
        x->generation = gate->generation;
        return send_attempt(x, now, wall, until, want);
    case EVS_GATE_STOP:
        x->error = gate->error;
        return stop(x, EVS_NOT_ALLOWED);
    case EVS_GATE_BAR:
        run_time(x->budget, now); /* nothing else would end this wait soon */
        break;
    default:
        break;
    }
    want->seconds = GATE_POLL;
    return EVS_SLEEP;
}

static bool end_revival(struct evs_exchange *x);

static enum evs_step ask_keyring(struct evs_exchange *x, double now, double wall,
                                 struct evs_want *want)
{
    struct evs_client *client = x->client;
    bool renew = x->reviving && x->generation == client->gate.generation &&
                 client->gate.state != EVS_GATE_REFUSED;
    struct evs_error error;

    switch (evs_keyring_ask(client, x, now, wall, renew, &error)) {
    case EVS_KEYS_FETCH:
        return fetch_keys(x, want);
    case EVS_KEYS_WAIT:
        want->seconds = GATE_POLL;
        return EVS_SLEEP;
    case EVS_KEYS_NONE:
        if (!x->reviving) {
            x->error = error;
            return stop(x, EVS_NOT_ALLOWED);
        }
        break;
    default:
        break;
    }
    if (x->reviving && end_revival(x))
        return EVS_DONE;
    return ask_gate(x, now, wall, want);
}

enum evs_step evs_exchange_next(struct evs_exchange *x, double now, double wall,
                                struct evs_want *want)
{
    struct evs_budget *budget = x->budget;

    if (x->state == EVS_X_ENDED)
        return EVS_DONE;
    if (x->client->closed) {
        evs_error_set(&x->error, EVS_CLOSED, "the client is closed");
        return stop(x, EVS_NOT_ALLOWED);
    }
    if (budget->at_once)
        run_time(budget, now);
    if (x->pausing && !begin_pause(x, now))
        return stop_time_up(x);
    if (budget->running && now >= budget->ends)
        return stop_time_up(x);
    if (now < x->wake) {
        want->seconds = x->wake - now;
        return EVS_SLEEP;
    }
    return ask_keyring(x, now, wall, want);
}

/* Pause before another try: what the server asks for, else full jitter under a doubling ceiling. */
static bool try_again(struct evs_exchange *x, double retry_after, double base)
{
    double ceiling = base;

    if (x->retries == 0)
        return false;
    x->retries--;
    for (unsigned i = 0; i < x->tries && ceiling < BACKOFF_CAP; i++)
        ceiling *= 2;
    x->tries++;
    x->pause_least = retry_after;
    x->pause = retry_after >= 0 ? retry_after
                                : evs_client_random(x->client) *
                                      (ceiling < BACKOFF_CAP ? ceiling : BACKOFF_CAP);
    x->pausing = true;
    x->state = EVS_X_READY;
    return true;
}

/* A wrong clock is the one cause of a 401 that we can mend: with the server's, if it can be trusted. */
static bool clock_heals(const struct evs_exchange *x, const struct evs_facts *facts)
{
    const struct evs_client *client = x->client;
    bool trusted = client->endpoint.loopback || (client->endpoint.tls && client->tls_verify);
    double off = facts->date - (x->signed_at + client->clock_offset);

    return client->keys.token.len == 0 && trusted && facts->date >= 0 &&
           evs_str_equal(facts->code, EVS_STR("APIGW.0301")) &&
           (off > CLOCK_TOLERANCE || off < -CLOCK_TOLERANCE);
}

/* Try again after a 401, once per exchange, if key or clock changed or the clock can be set. */
static bool heal(struct evs_exchange *x)
{
    struct evs_gate *gate = &x->client->gate;
    bool current = x->generation == gate->generation;
    bool healable = x->resends == 0 && x->clock_heals;

    if (!evs_gate_reject(gate, x, x->generation, healable, &x->error) || x->resends > 0)
        return end(x, EVS_ANSWERED);
    if (current)
        x->client->clock_offset = x->clock_offset;
    x->resends++;
    x->state = EVS_X_READY;
    return false;
}

static void name_source(struct evs_exchange *x)
{
    char text[64];

    snprintf(text, sizeof text, " (keys from %s)", x->client->keys.source);
    evs_error_append(&x->error, text);
}

/* Whether a 401 is reason to ask the metadata service for other keys: once, or with whoever does already. */
static bool may_revive(const struct evs_exchange *x)
{
    const struct evs_client *client = x->client;
    const struct evs_gate *gate = &client->gate;

    return x->generation == gate->generation && x->resends == 0 && evs_keys_temporary(&client->keys) &&
           (!gate->healed || (client->metadata.visitor && gate->state != EVS_GATE_REFUSED));
}

static bool reply_unauthorized(struct evs_exchange *x, const struct evs_facts *facts)
{
    struct evs_client *client = x->client;

    name_source(x);
    x->clock_heals = clock_heals(x, facts);
    x->clock_offset = facts->date - x->signed_at;
    if (may_revive(x)) {
        x->reviving = true;
        x->state = EVS_X_READY;
        evs_gate_hold(&client->gate, x,
                      x->sent_at + x->budget->attempt_timeout + REVIVAL_SECONDS);
        return false;
    }
    return heal(x);
}

/* The metadata service was asked again. Other keys heal, the same ones leave the clock to blame. */
static bool end_revival(struct evs_exchange *x)
{
    struct evs_gate *gate = &x->client->gate;
    bool renewed = x->generation != gate->generation;

    x->reviving = false;
    if (renewed && gate->state == EVS_GATE_UNPROVEN)
        gate->healed = true;
    if (!heal(x))
        return false;
    x->ending = EVS_NOT_ALLOWED;
    return true;
}

/* The answer, or the failure, was the metadata service's. */
static bool conclude_fetch(struct evs_exchange *x)
{
    x->state = EVS_X_READY;
    return x->reviving && x->client->metadata.visitor != x && end_revival(x);
}

/* The client was closed while a request was out. With the keys its secrets are forgotten, so that no
 * text of the server's can be shown any more. */
static bool close_down(struct evs_exchange *x, bool lost)
{
    x->lost = x->lost || lost;
    evs_error_set(&x->error, EVS_CLOSED, "the client was closed while a request was out");
    return end(x, EVS_NOT_ALLOWED);
}

bool evs_exchange_reply(struct evs_exchange *x, const struct evs_facts *facts)
{
    struct evs_gate *gate = &x->client->gate;
    struct evs_secrets secrets;

    if (x->state == EVS_X_FETCHING) {
        evs_keyring_reply(x->client, x, facts);
        return conclude_fetch(x);
    }
    see(x);
    x->budget->attempts += 1 + facts->replays;
    x->reached = true;
    x->lost = x->lost || facts->replays > 0;
    if (proves_key(facts)) {
        evs_gate_prove(gate, x, x->generation);
        if (x->keys == x->client->keys.serial)
            x->client->keys.doubted = false;
        if (facts->status <= 299 && (facts->status == 202 || !x->client->closed))
            return end(x, EVS_ANSWERED);
    }
    if (x->client->closed)
        return close_down(x, leaves_open(facts) || facts->status <= 299);
    secrets = evs_client_secrets(x->client);
    evs_error_answer(&x->error, facts, &secrets);
    x->error.retryable = worth_retrying(facts);
    if (facts->status == 401)
        return reply_unauthorized(x, facts);
    evs_gate_release(gate, x);
    if (facts->status == 407)
        strcpy(x->error.code, evs_code_text(EVS_PROXY));
    if (refuses_key(facts) && x->keys == x->client->keys.serial)
        evs_gate_refuse(gate, &x->error);
    x->lost = x->lost || leaves_open(facts);
    if (facts->status == 429 && x->pacer) {
        evs_pacer_throttle(x->pacer, x->sent_at, facts->retry_after);
        x->retries++; /* it was the batch that came too fast, not this call */
    }
    if (worth_retrying(facts) &&
        try_again(x, facts->retry_after,
                  facts->status == 429 ? BACKOFF_BASE_THROTTLED : BACKOFF_BASE))
        return false;
    return end(x, EVS_ANSWERED);
}

bool evs_exchange_fail(struct evs_exchange *x, const struct evs_failure *failure)
{
    struct evs_secrets secrets = evs_client_secrets(x->client);

    if (x->state == EVS_X_FETCHING) {
        if (x->fetch_cut) /* others may have more time */
            evs_metadata_leave(&x->client->metadata, x);
        else
            evs_keyring_fail(x->client, x, failure->message);
        return conclude_fetch(x);
    }
    see(x);
    evs_gate_release(&x->client->gate, x);
    if (x->client->closed) {
        x->budget->attempts += failure->sent;
        x->reached = x->reached || failure->sent;
        return close_down(x, failure->sent);
    }
    evs_error_quote(&x->error, failure->code, failure->message, &secrets);
    x->error.retryable = failure->sent || failure->passing;
    if (failure->sent) {
        x->budget->attempts++;
        x->reached = true;
        x->lost = true;
    }
    if ((failure->sent || failure->passing) && try_again(x, -1, BACKOFF_BASE))
        return false;
    return end(x, EVS_FAILED);
}

/* Given up between a 401 and the look for other keys: the next call looks, with the clock set right. */
static void leave_revival(struct evs_exchange *x)
{
    struct evs_client *client = x->client;

    if (x->reviving && evs_gate_give_up(&client->gate, x->generation, x->clock_heals)) {
        client->keys.doubted = true;
        if (x->clock_heals)
            client->clock_offset = x->clock_offset;
    }
    x->reviving = false;
}

void evs_exchange_cancel(struct evs_exchange *x)
{
    if (!x->client)
        return;
    leave_revival(x);
    evs_gate_release(&x->client->gate, x);
    evs_metadata_leave(&x->client->metadata, x);
}
