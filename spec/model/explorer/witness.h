/**
 * The witness of one deletion: it sees what is sent and what comes back, and knows from the rules
 * of a deletion what must happen next. It shares no code with what it watches.
 */
#ifndef EXPLORER_WITNESS_H
#define EXPLORER_WITNESS_H

#include "answers.h"
#include "client/settings.h"

/** What a deletion is about to learn. */
enum phase { LOOKING, DELETING, SETTLING, WAITING };

struct witness {
    const struct evs_call_options *options;
    enum phase phase;
    double ends;                   /**< of the call, or of its wait; monotonic seconds */
    unsigned attempts;             /**< requests on the wire so far */
    enum evs_outcome outcome;      /**< what is known of the deletion */
    bool exists;                   /**< this call has seen the snapshot */
    const struct answer *first_no; /**< SETTLING: the DELETE's own answer */

    /* What must happen next. */
    enum { MUST_SEND, MUST_SUCCEED, MUST_FAIL } must;
    double from, until; /**< MUST_SEND: when; monotonic seconds */
    bool too_late;      /**< MUST_SEND: the server asks for a pause that ends past the end */
    char code[65];      /**< MUST_FAIL, or time is up: with this code */
    bool retryable;     /**< and with this */

    /* The attempts of one request. */
    unsigned retries; /**< left */
    unsigned tries;   /**< failed ones */

    /* The wait. */
    double accepted_at;
    unsigned polls;
    bool seen_deleting;
    struct evs_str late_status; /**< of the poll before, if it was late enough to count; or empty */

    /* The key. */
    bool proven, refused;
    double proven_at; /**< departure of the request that proved it */
    bool healed;      /**< by the clock, and not proven since */
    double clock;     /**< the server's clock minus ours, as far as was told */
    unsigned notes;   /**< requests that may have met a 401 and count */
    bool noted;       /**< the one that is out is among them */
    double departed;
    char refusal[65]; /**< code of the answer that refused the key */
    bool refusal_retryable;
};

/** A call begins at `now`; `passed`: with a snapshot in place of the id. */
void witness_begin(struct witness *w, const struct evs_call_options *options, bool passed,
                   double now);

/** It sends a request. Returns what is wrong with that, or NULL. */
const char *witness_send(struct witness *w, const char *method, double now, double deadline);

/** The request that is out comes to this. */
void witness_answer(struct witness *w, const struct answer *answer, double now);

/** It is cancelled while a request is out. */
void witness_cancel(struct witness *w);

/** It ends: with `error`, or well (NULL). Returns what is wrong with that, or NULL. */
const char *witness_end(const struct witness *w, const struct evs_error *error, double now);

/** Whether the key is proven at `now`. */
bool witness_proven(const struct witness *w, double now);

#endif
