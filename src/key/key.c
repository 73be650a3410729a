/*
 * The life of a key.
 *
 * UNPROVEN: nothing is known. One request at a time tries the key, the probe. A probe that has not
 * ended counts as gone one second after the first look at the clock past its deadline: a driver
 * that was held up finds the answer in that second. Every probe leaves a note. A note is struck out
 * by an answer that is no 401, and when no byte of the request had left; a 401, a lost answer and a
 * call that is given up leave it for five minutes. There are five notes: when all count, nothing is
 * sent. So at most five requests that may have met a 401, seen or not, leave in any five minutes.
 *
 * PROVEN: an answer came that only a good signature gets; everybody sends, and the notes are
 * forgotten. The proof is as old as the departure of its request. It ends a minute after that, and
 * when the wall clock has moved against the monotonic one by five minutes: then one request goes
 * first again.
 *
 * DOUBTED: a 401 has met the key. Nobody sends. Keys of the metadata service are fetched by whoever
 * asks next. Other keys heal the doubt; else the server's clock does, when ours is off by more than
 * ten minutes and the server can be trusted; else the key is refused. Keys that were given cannot
 * be fetched, so they pass through this state at once. Healed means unproven in a new generation,
 * in which the next 401 is the last until a proof.
 *
 * REFUSED: every call gets the error of the 401, for five minutes or until there are other keys.
 * Answers that come late change nothing. After that the key is unproven.
 *
 * Answers count only for the generation that signed their request. No state needs a clock when an
 * answer comes: an answer brings the times of its request, and the next look at the clock does the
 * rest.
 */
#include "key.h"

#include <math.h>
#include <string.h>

#define REFUSED_SECONDS 300.0 /* how long the gateway locks a key */
#define NOTE_SECONDS 300.0
#define PROOF_SECONDS 60.0
#define DRIFT_MOST 300.0
#define PROBE_GRACE 1.0
#define CLOCK_TOLERANCE 600.0 /* the gateway allows 15 minutes: less than 10 off was no reason */

static void forget_notes(struct evs_key *key)
{
    for (int i = 0; i < EVS_KEY_NOTES; i++)
        key->notes[i] = -HUGE_VAL;
}

void evs_key_init(struct evs_key *key, bool clock_trusted)
{
    key->clock_trusted = clock_trusted;
    forget_notes(key);
}

/* --- looking at the clock --------------------------------------------------------------------- */

static void begin_generation(struct evs_key *key, bool healed)
{
    key->state = EVS_KEY_UNPROVEN;
    key->healed = healed;
    key->prober = NULL;
    key->generation++;
}

void evs_key_date(struct evs_key *key, double now)
{
    if (key->refused_until > now + REFUSED_SECONDS)
        key->refused_until = now + REFUSED_SECONDS;
}

static void look_at_refusal(struct evs_key *key, double now)
{
    evs_key_date(key, now);
    if (now >= key->refused_until)
        begin_generation(key, false);
}

static void look_at_proof(struct evs_key *key, double now, double wall)
{
    double moved = wall - now - key->drift;

    if (now - key->proven_at > PROOF_SECONDS || moved > DRIFT_MOST || moved < -DRIFT_MOST)
        key->state = EVS_KEY_UNPROVEN;
}

static void look_at_probe(struct evs_key *key, double now)
{
    if (now > key->probe_ends && key->probe_given_up == HUGE_VAL)
        key->probe_given_up = now + PROBE_GRACE;
    if (now >= key->probe_given_up)
        key->prober = NULL;
}

enum evs_key_state evs_key_look(struct evs_key *key, double now, double wall)
{
    if (key->state == EVS_KEY_REFUSED)
        look_at_refusal(key, now);
    else if (key->state == EVS_KEY_PROVEN)
        look_at_proof(key, now, wall);
    if (key->prober)
        look_at_probe(key, now);
    return key->state;
}

/* --- doubt ------------------------------------------------------------------------------------ */

/* `at`: no earlier than now. The next look at the clock makes it exact. */
static void refuse(struct evs_key *key, double at)
{
    key->state = EVS_KEY_REFUSED;
    key->refused_until = at + REFUSED_SECONDS;
}

static void set_error(struct evs_key *key, const struct evs_error *error)
{
    key->error = *error;
    key->error.attempts = 0;
    key->error.outcome = EVS_NOT_SENT;
}

/* There are no other keys: heal by the clock, or refuse. */
static void resolve(struct evs_key *key)
{
    if (!key->clock_may_heal) {
        refuse(key, key->doubted_by);
        return;
    }
    key->clock_offset = key->clock_heals;
    begin_generation(key, true);
}

static bool clock_explains(const struct evs_key *key, const struct evs_ticket *ticket,
                           const struct evs_error *error, double date)
{
    double off = date - (ticket->signed_at + key->clock_offset);

    return key->clock_trusted && key->source.keys.token.len == 0 && date >= 0 &&
           strcmp(error->code, "APIGW.0301") == 0 &&
           (off > CLOCK_TOLERANCE || off < -CLOCK_TOLERANCE);
}

static void doubt(struct evs_key *key, const struct evs_ticket *ticket,
                  const struct evs_error *error, double date)
{
    set_error(key, error);
    if (key->healed) {
        refuse(key, ticket->deadline);
        return;
    }
    key->state = EVS_KEY_DOUBTED;
    key->doubted_by = ticket->deadline;
    key->clock_may_heal = clock_explains(key, ticket, error, date);
    key->clock_heals = date - ticket->signed_at;
    if (!evs_keys_temporary(&key->source.keys))
        resolve(key);
}

/* --- sending ---------------------------------------------------------------------------------- */

enum evs_key_answer evs_key_supply(struct evs_key *key, const void *who, double now, double wall,
                                   struct evs_error *error)
{
    bool doubted = evs_key_look(key, now, wall) == EVS_KEY_DOUBTED;

    switch (evs_source_ask(&key->source, who, now, wall, doubted, error)) {
    case EVS_SOURCE_FETCH: return EVS_KEY_FETCH;
    case EVS_SOURCE_WAIT: return EVS_KEY_WAIT;
    case EVS_SOURCE_NONE:
        if (!doubted)
            return EVS_KEY_STOP;
        break;
    default: break;
    }
    if (doubted) {
        key->doubted_by = now;
        resolve(key);
    }
    return EVS_KEY_SEND;
}

unsigned evs_key_notes(const struct evs_key *key, double now)
{
    unsigned count = 0;

    for (int i = 0; i < EVS_KEY_NOTES; i++)
        count += now < key->notes[i];
    return count;
}

static int free_note(const struct evs_key *key, double now)
{
    for (int i = 0; i < EVS_KEY_NOTES; i++)
        if (now >= key->notes[i])
            return i;
    return -1;
}

static enum evs_key_answer try_key(struct evs_key *key, const void *who, double now,
                                   double deadline, struct evs_ticket *ticket)
{
    int note = free_note(key, now);

    if (key->prober || note < 0)
        return EVS_KEY_WAIT;
    key->notes[note] = now + NOTE_SECONDS;
    key->prober = who;
    key->probe_ends = deadline;
    key->probe_given_up = HUGE_VAL;
    ticket->note = note;
    return EVS_KEY_SEND;
}

enum evs_key_answer evs_key_admit(struct evs_key *key, const void *who, double now, double wall,
                                  double deadline, struct evs_ticket *ticket,
                                  struct evs_error *error)
{
    enum evs_key_state state = evs_key_look(key, now, wall);

    *ticket = (struct evs_ticket){key->generation, now, deadline, wall, -1};
    switch (state) {
    case EVS_KEY_PROVEN: return EVS_KEY_SEND;
    case EVS_KEY_REFUSED: *error = key->error; return EVS_KEY_STOP;
    case EVS_KEY_DOUBTED: return EVS_KEY_WAIT;
    default: return try_key(key, who, now, deadline, ticket);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static void end_probe(struct evs_key *key, const void *who)
{
    if (key->prober == who)
        key->prober = NULL;
}

static void strike(struct evs_key *key, const struct evs_ticket *ticket)
{
    if (ticket->note >= 0 && key->notes[ticket->note] == ticket->departed + NOTE_SECONDS)
        key->notes[ticket->note] = -HUGE_VAL;
}

static void prove(struct evs_key *key, const struct evs_ticket *ticket)
{
    if (key->state == EVS_KEY_PROVEN && ticket->departed <= key->proven_at)
        return;
    key->state = EVS_KEY_PROVEN;
    key->healed = false;
    key->proven_at = ticket->departed;
    key->drift = ticket->signed_at - ticket->departed;
    forget_notes(key);
}

static bool is_settled(const struct evs_key *key)
{
    return key->state == EVS_KEY_DOUBTED || key->state == EVS_KEY_REFUSED;
}

void evs_key_answered(struct evs_key *key, const void *who, const struct evs_ticket *ticket,
                      enum evs_key_word word, const struct evs_error *error, double date)
{
    end_probe(key, who);
    if (word != EVS_KEY_SUSPECT && word != EVS_KEY_WRONG)
        strike(key, ticket);
    if (ticket->generation != key->generation || word == EVS_KEY_SILENT)
        return;
    if (word == EVS_KEY_BARRED && key->state != EVS_KEY_REFUSED) {
        set_error(key, error);
        refuse(key, ticket->deadline);
    } else if (is_settled(key) || (word == EVS_KEY_SUSPECT && key->state == EVS_KEY_PROVEN)) {
        return;
    } else if (word == EVS_KEY_GOOD) {
        prove(key, ticket);
    } else {
        doubt(key, ticket, error, date);
    }
}

bool evs_key_may_heal(const struct evs_key *key, const struct evs_ticket *ticket)
{
    return key->state == EVS_KEY_DOUBTED ||
           (ticket->generation != key->generation && key->state != EVS_KEY_REFUSED);
}

void evs_key_unanswered(struct evs_key *key, const void *who, const struct evs_ticket *ticket,
                        bool sent)
{
    end_probe(key, who);
    if (!sent)
        strike(key, ticket);
}

void evs_key_leave(struct evs_key *key, const void *who)
{
    end_probe(key, who);
    evs_metadata_leave(&key->source.metadata, who);
}

/* --- other keys ------------------------------------------------------------------------------- */

void evs_key_fetched(struct evs_key *key, const void *who, const struct evs_metadata_answer *answer)
{
    bool doubted = key->state == EVS_KEY_DOUBTED;

    switch (evs_source_reply(&key->source, who, answer)) {
    case EVS_NEWS_KEYS: begin_generation(key, doubted); break;
    case EVS_NEWS_SAME:
        if (doubted)
            resolve(key);
        break;
    default: break;
    }
}

void evs_key_not_fetched(struct evs_key *key, const void *who, struct evs_str why,
                         const struct evs_secrets *secrets)
{
    evs_source_fail(&key->source, who, why, secrets);
}

/* --- other processes -------------------------------------------------------------------------- */

struct evs_key_news evs_key_tell(struct evs_key *key, double now, double wall)
{
    struct evs_key_news news = {.state = evs_key_look(key, now, wall),
                                .clock_offset = key->clock_offset,
                                .healed = key->healed};

    if (news.state == EVS_KEY_PROVEN)
        news.seconds = PROOF_SECONDS - (now - key->proven_at);
    else if (news.state == EVS_KEY_REFUSED)
        news.seconds = key->refused_until - now;
    return news;
}

static double within(double seconds, double most)
{
    return seconds > most ? most : seconds > 0 ? seconds : 0;
}

void evs_key_told(struct evs_key *key, double now, double wall, const struct evs_key_news *news,
                  const struct evs_error *error)
{
    if (news->clock_offset != key->clock_offset) {
        key->clock_offset = news->clock_offset;
        key->generation++; /* requests that another clock signed say nothing of this one */
    }
    key->state = news->state;
    key->healed = news->healed;
    switch (news->state) {
    case EVS_KEY_PROVEN:
        key->proven_at = now + within(news->seconds, PROOF_SECONDS) - PROOF_SECONDS;
        key->drift = wall - now;
        forget_notes(key);
        break;
    case EVS_KEY_DOUBTED:
    case EVS_KEY_REFUSED:
        set_error(key, error);
        key->clock_may_heal = false;
        key->doubted_by = now;
        key->refused_until = now + within(news->seconds, REFUSED_SECONDS);
        break;
    default: break;
    }
}

void evs_key_hold(struct evs_key *key, double now, double wall, double seconds)
{
    evs_key_look(key, now, wall);
    if (key->prober && key->prober != key)
        return;
    key->prober = key;
    key->probe_ends = now + seconds;
    key->probe_given_up = now + seconds;
}
