#include "witness.h"

#include <stdio.h>
#include <string.h>

#define TINY 1e-6
#define PROOF_LASTS 60.0
#define NOTES 5

/* --- what must happen next -------------------------------------------------------------------- */

static void set_code(struct witness *w, const char *code, bool retryable)
{
    snprintf(w->code, sizeof w->code, "%s", code);
    w->retryable = retryable;
}

static void must_fail(struct witness *w, const char *code, bool retryable)
{
    w->must = MUST_FAIL;
    set_code(w, code, retryable);
}

static void set_code_of(struct witness *w, const struct answer *a)
{
    char code[65];

    snprintf(code, sizeof code, "HTTP.%d", a->status);
    set_code(w,
             a->status == 0     ? evs_code_text(a->failure)
             : a->status == 407 ? "Client.Proxy"
             : a->code          ? a->code
                                : code,
             a->again > NEVER);
}

/* The call's error is this answer's, or the DELETE's own where that was to be settled. */
static void must_fail_as(struct witness *w, const struct answer *a)
{
    w->must = MUST_FAIL;
    set_code_of(w, w->phase == SETTLING ? w->first_no : a);
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

/* Send after `from` to `until` seconds; but half of the time that is left is kept for it, and the
 * server's wish, told by `a`, goes before that. */
static void must_send(struct witness *w, double now, double from, double until,
                      const struct answer *a)
{
    double left = w->ends - now, cap = left > 0.1 ? left / 2 : left;
    double wish = a && a->has_retry_after ? a->retry_after : 0;

    w->must = MUST_SEND;
    w->from = now + most(least(from, cap), wish);
    w->until = now + most(least(until, cap), wish);
    w->too_late = wish > left;
}

static void begin_request(struct witness *w, enum phase phase, double now)
{
    w->phase = phase;
    w->retries = w->options->retries;
    w->tries = 0;
    if (phase != SETTLING)
        set_code(w, "Client.Timeout", true);
    must_send(w, now, 0, 0, NULL);
}

static void poll(struct witness *w, double now, const struct answer *a)
{
    double pause = 0.5;

    for (unsigned i = 0; i < w->polls; i++)
        pause = least(pause * 1.5, 10);
    w->polls++;
    must_send(w, now, 0.9 * pause, 1.1 * pause, a);
}

static void accept(struct witness *w, double now, bool deleting)
{
    w->outcome = EVS_ACCEPTED;
    w->must = MUST_SUCCEED;
    if (w->options->wait == 0)
        return;
    w->phase = WAITING;
    w->retries = 0;
    w->ends = now + w->options->wait;
    w->accepted_at = now;
    w->seen_deleting = deleting;
    poll(w, now, NULL);
}

/* --- the key ---------------------------------------------------------------------------------- */

bool witness_proven(const struct witness *w, double now)
{
    return w->proven && now - w->proven_at <= PROOF_LASTS;
}

static void refuse(struct witness *w, const struct answer *a)
{
    struct witness told = *w;

    set_code_of(&told, a);
    memcpy(w->refusal, told.code, sizeof told.code);
    w->refusal_retryable = told.retryable;
    w->refused = true;
}

/* Returns whether the answer is a 401 that setting the clock heals. */
static bool doubt(struct witness *w, const struct answer *a)
{
    w->proven = false;
    if (w->healed || a->clock_off == 0) {
        refuse(w, a);
        return false;
    }
    w->clock += a->clock_off;
    w->healed = true;
    return true;
}

/* What the key learns. Returns whether the request is to be sent again because of it. */
static bool learn(struct witness *w, const struct answer *a)
{
    if (w->noted && (a->fate == UNSENT || (a->status != 0 && a->status != 401)))
        w->notes--;
    switch (a->proof) {
    case GOOD:
        w->proven = true;
        w->proven_at = w->departed;
        w->healed = false;
        w->notes = 0;
        return false;
    case STRANGE_401: return !w->noted ? false : doubt(w, a);
    case WRONG: return doubt(w, a);
    case BARRED: refuse(w, a); return false;
    default: return false;
    }
}

/* --- what a snapshot, or its absence, leads to ------------------------------------------------ */

static bool is(struct evs_str status, const char *name)
{
    return evs_str_equal(status, evs_str(name));
}

static bool is_deletable(struct evs_str status)
{
    return is(status, "available") || is(status, "error");
}

static bool is_whole(const struct evs_snapshot *s)
{
    return s->has_name && s->has_metadata && !s->has_project;
}

static void look(struct witness *w, const struct evs_snapshot *s, double now)
{
    if (!is_whole(s)) {
        must_fail(w, "Client.BadResponse", false);
        return;
    }
    w->exists = true;
    if (s->enable_active || s->name.len > 0 || (w->options->protect && is(s->status, "error")))
        must_fail(w, "Client.Protected", false);
    else if (!is_deletable(s->status))
        must_fail(w, "Client.WrongState", is(s->status, "creating") || is(s->status, "deleting"));
    else
        begin_request(w, DELETING, now);
}

static void settle(struct witness *w, const struct answer *a, double now)
{
    struct evs_str status = a->snapshot.status;

    if (is(status, "deleting"))
        accept(w, now, true);
    else if (is(status, "error_deleting"))
        must_fail(w, "Client.NotDeleted", false);
    else
        must_fail_as(w, a);
}

/* Back to another status: that counts if `deleting` was seen, or when two late polls agree. */
static void wait(struct witness *w, struct evs_str status, double now)
{
    bool late = w->departed - w->accepted_at >= 10;
    bool agree = late && w->late_status.len > 0 && evs_str_equal(status, w->late_status);

    if (is(status, "error_deleting") || (!is(status, "deleting") && (w->seen_deleting || agree))) {
        must_fail(w, "Client.NotDeleted", is_deletable(status));
        return;
    }
    w->seen_deleting = w->seen_deleting || is(status, "deleting");
    w->late_status = late ? status : (struct evs_str){0};
    poll(w, now, NULL);
}

static void shown(struct witness *w, const struct answer *a, double now)
{
    if (w->phase == LOOKING)
        look(w, &a->snapshot, now);
    else if (w->phase == SETTLING)
        settle(w, a, now);
    else
        wait(w, a->snapshot.status, now);
}

static void gone(struct witness *w, const struct answer *a)
{
    bool ours = w->outcome == EVS_UNKNOWN && w->exists;

    w->must = w->phase == WAITING || w->options->ignore_missing || ours ? MUST_SUCCEED : MUST_FAIL;
    set_code_of(w, a);
}

/* --- what other answers lead to --------------------------------------------------------------- */

static void odd(struct witness *w, const struct answer *a, double now)
{
    if (w->phase == WAITING)
        poll(w, now, NULL);
    else if (w->phase == SETTLING)
        must_fail_as(w, a);
    else
        must_fail(w, "Client.BadResponse", false);
}

static void refused(struct witness *w, const struct answer *a, double now)
{
    if (w->phase == DELETING && w->outcome == EVS_UNKNOWN) {
        w->first_no = a;
        begin_request(w, SETTLING, now);
        set_code_of(w, a);
    } else if (w->phase == WAITING && a->news == STUCK) {
        poll(w, now, a);
    } else {
        must_fail_as(w, a);
    }
}

static enum news news_of(const struct witness *w, const struct answer *a)
{
    bool this_one = a->snapshot.id.len == 0 && a->snapshot.status.len > 0;

    if (a->news == SHOWN && !this_one)
        return ODD;
    return a->news == ACCEPTED && w->phase != DELETING ? ODD : a->news;
}

static void conclude(struct witness *w, const struct answer *a, double now)
{
    switch (news_of(w, a)) {
    case ACCEPTED: accept(w, now, false); break;
    case ODD: odd(w, a, now); break;
    case SHOWN: shown(w, a, now); break;
    case GONE: gone(w, a); break;
    case CONTESTED:
    case STUCK: refused(w, a, now); break;
    case BUSY:
        if (w->phase == WAITING) {
            poll(w, now, a);
            break;
        } /* fall through */
    default: must_fail_as(w, a);
    }
}

/* --- the call --------------------------------------------------------------------------------- */

void witness_begin(struct witness *w, const struct evs_call_options *options, bool passed,
                   double now)
{
    *w = (struct witness){.options = options, .exists = passed, .ends = now + options->timeout};
    begin_request(w, options->guard && !passed ? LOOKING : DELETING, now);
}

const char *witness_send(struct witness *w, const char *method, double now, double deadline)
{
    if (w->must != MUST_SEND)
        return "it sends a request when it must end";
    if (strcmp(method, w->phase == DELETING ? "DELETE" : "GET") != 0)
        return "it sends another request than it must";
    if (w->refused || now >= w->ends)
        return "it sends with a refused key, or past its end";
    if (now < w->from - TINY || now > w->until + TINY)
        return "its pause is not what the rules say";
    w->noted = !witness_proven(w, now);
    if (w->noted && ++w->notes > NOTES)
        return "it sends a sixth request that may meet a 401";
    w->departed = now;
    return deadline > least(now + w->options->attempt_timeout, w->ends) + TINY || deadline <= now
               ? "its request's deadline is wrong"
               : NULL;
}

static void count(struct witness *w, unsigned requests, enum fate fate)
{
    enum evs_outcome outcome = fate == LOST ? EVS_UNKNOWN : EVS_REFUSED;

    w->attempts += requests;
    if (w->phase == DELETING && fate != UNSENT && outcome > w->outcome)
        w->outcome = outcome;
}

void witness_answer(struct witness *w, const struct answer *a, double now)
{
    double ceiling = a->again == SLOWER ? 2 : 0.2;

    count(w, (a->fate != UNSENT) + a->replays, a->fate);
    if (w->phase != SETTLING)
        set_code_of(w, a);
    if (learn(w, a)) {
        must_send(w, now, 0, 0, NULL);
        return;
    }
    if (a->again < SOON || w->retries == 0) {
        conclude(w, a, now);
        return;
    }
    for (unsigned i = 0; i < w->tries; i++)
        ceiling = least(2 * ceiling, 10);
    w->retries--;
    w->tries++;
    must_send(w, now, 0, a->has_retry_after ? 0 : ceiling, a);
}

void witness_cancel(struct witness *w)
{
    count(w, 1, LOST);
    must_fail(w, "Client.Stopped", true);
}

/* --- the end ---------------------------------------------------------------------------------- */

static const char *check_error(const struct witness *w, const struct evs_error *error,
                               const char *code, bool retryable)
{
    if (!error)
        return "it says true where it must fail";
    if (strcmp(error->code, code) != 0)
        return "it ends with another error than it must";
    if (error->retryable != retryable)
        return "its error's `retryable` is wrong";
    if (error->attempts != w->attempts)
        return "its error's `attempts` is wrong";
    return error->outcome != w->outcome ? "its error's `outcome` is wrong" : NULL;
}

/* It ends though it has a request to send: the key is refused, or time is up. */
static const char *check_unsent(const struct witness *w, const struct evs_error *error, double now)
{
    bool time_up = w->too_late || now >= w->ends - TINY;
    bool waits = w->until < w->ends - TINY && !w->too_late; /* it could have sent */

    if (w->refused && !time_up)
        return w->phase == SETTLING ? check_error(w, error, w->code, w->retryable)
                                    : check_error(w, error, w->refusal, w->refusal_retryable);
    if (!time_up || (waits && (witness_proven(w, now) || w->notes < NOTES)))
        return "it ends though it must send";
    return w->phase == WAITING ? check_error(w, error, "Client.WaitTimeout", true)
                               : check_error(w, error, w->code, w->retryable);
}

const char *witness_end(const struct witness *w, const struct evs_error *error, double now)
{
    if (now > w->ends + 0.1)
        return "it ends too late";
    if (w->must == MUST_SEND)
        return check_unsent(w, error, now);
    if (w->must == MUST_FAIL)
        return check_error(w, error, w->code, w->retryable);
    return error ? "it fails where it must succeed" : NULL;
}
