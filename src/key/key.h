/**
 * A client's key: where it comes from, the clock that its signatures carry, and whether it is good.
 *
 * More than five wrong signatures in a row lock an access key for five minutes, so every request of
 * a client asks here before it leaves. The life of a key is told at the top of key.c, which alone
 * writes these fields.
 */
#ifndef EVS_KEY_H
#define EVS_KEY_H

#include "base/error.h"
#include "source.h"

#pragma GCC visibility push(hidden)

enum evs_key_state { EVS_KEY_UNPROVEN, EVS_KEY_PROVEN, EVS_KEY_DOUBTED, EVS_KEY_REFUSED };

enum { EVS_KEY_NOTES = 5 };

/** Make one by evs_key_init. Times are monotonic seconds. */
struct evs_key {
    struct evs_source source;
    double clock_offset; /**< the server's clock minus ours, seconds; 0 until a 401 has told */
    bool clock_trusted;  /**< the server's clock may be believed: verified TLS, or loopback */
    enum evs_key_state state;
    unsigned generation; /**< counts the changes of keys and clock */
    bool healed;         /**< since the last proof a 401 was met by other keys or a set clock */
    double proven_at;    /**< when the request that proved it last had left */
    double drift;        /**< our wall clock minus the monotonic one, then */
    double refused_until;
    const void *prober; /**< the request that tries the key; NULL: none is out */
    double probe_ends;  /**< its deadline */
    double
        probe_given_up; /**< when it counts as gone; infinite until that deadline was seen over */
    double notes[EVS_KEY_NOTES]; /**< of requests that may have met a 401: until when they count */
    bool clock_may_heal;    /**< the 401 that raised the doubt would be explained by our clock */
    double clock_heals;     /**< by this offset */
    double doubted_by;      /**< the doubt is no younger than this */
    struct evs_error error; /**< of a doubted or refused key: the answer that said so */
};

/** A key that nobody has tried. `clock_trusted`: the server's Date may be believed. */
void evs_key_init(struct evs_key *key, bool clock_trusted);

/** What somebody who wants to send shall do. */
enum evs_key_answer {
    EVS_KEY_SEND,
    EVS_KEY_FETCH, /**< send evs_metadata_request, then evs_key_fetched or evs_key_not_fetched */
    EVS_KEY_WAIT,  /**< ask again soon: another request tries the key, or fetches keys */
    EVS_KEY_STOP   /**< `error` says why nothing is sent */
};

/** A request that has left: what its answer says is held against this. */
struct evs_ticket {
    unsigned generation; /**< of the keys and the clock that signed it */
    double departed;     /**< monotonic */
    double deadline;     /**< the same clock: when the attempt is given up */
    double signed_at;    /**< our wall clock then, seconds since 1970 */
    int note;            /**< its note; -1: it has none */
};

/**
 * Are there keys for `who` to sign with at `now` (monotonic) and `wall` (since 1970)? FETCH and
 * WAIT are about the metadata service; STOP sets `error`.
 */
enum evs_key_answer evs_key_supply(struct evs_key *key, const void *who, double now, double wall,
                                   struct evs_error *error);

/**
 * May `who` send a request that is over at `deadline` (monotonic)? SEND fills `ticket`, and the
 * request must end with evs_key_answered, _unanswered or _leave. STOP sets `error`.
 */
enum evs_key_answer evs_key_admit(struct evs_key *key, const void *who, double now, double wall,
                                  double deadline, struct evs_ticket *ticket,
                                  struct evs_error *error);

/** What an answer says of the key that its request was signed with. */
enum evs_key_word {
    EVS_KEY_SILENT = 1,
    EVS_KEY_GOOD,    /**< only a good signature gets this */
    EVS_KEY_SUSPECT, /**< a 401 of an unknown hand */
    EVS_KEY_WRONG,   /**< the gateway's 401, or a service's */
    EVS_KEY_BARRED   /**< user, app or project are refused, whatever is signed */
};

/**
 * The request of `ticket` was answered. `error` is the answer's; it counts, with `date` (the
 * server's clock, since 1970; negative: not given), for WRONG, SUSPECT and BARRED.
 */
void evs_key_answered(struct evs_key *key, const void *who, const struct evs_ticket *ticket,
                      enum evs_key_word word, const struct evs_error *error, double date);

/** Whether a call whose request of `ticket` met a 401 may send it again: keys or clock have
 * changed, or may. */
bool evs_key_may_heal(const struct evs_key *key, const struct evs_ticket *ticket);

/** The request of `ticket` has no answer; `sent`: it may have left this machine. */
void evs_key_unanswered(struct evs_key *key, const void *who, const struct evs_ticket *ticket,
                        bool sent);

/** `who` gives up whatever it has out. Idempotent. */
void evs_key_leave(struct evs_key *key, const void *who);

/** The metadata service's answer to the request that `who` sent. */
void evs_key_fetched(struct evs_key *key, const void *who,
                     const struct evs_metadata_answer *answer);

/** The metadata service has not answered the request that `who` sent. `secrets` are kept out of
 * `why`. */
void evs_key_not_fetched(struct evs_key *key, const void *who, struct evs_str why,
                         const struct evs_secrets *secrets);

/** Let a refusal begin no later than `now`; nothing else changes. */
void evs_key_date(struct evs_key *key, double now);

/** The key's state at `now` and `wall`. */
enum evs_key_state evs_key_look(struct evs_key *key, double now, double wall);

/** How many requests that may have met a 401 count at `now`. */
unsigned evs_key_notes(const struct evs_key *key, double now);

/* For clients of other processes that use the same key: */

/** What one process tells the others. */
struct evs_key_news {
    enum evs_key_state state;
    double seconds; /**< for how long a proof or a refusal still holds */
    double clock_offset;
    bool healed;
};

/** What there is to tell at `now` and `wall`; of a refusal, `key->error` as well. */
struct evs_key_news evs_key_tell(struct evs_key *key, double now, double wall);

/** Another process has told; `error` is that of a doubted or refused key. */
void evs_key_told(struct evs_key *key, double now, double wall, const struct evs_key_news *news,
                  const struct evs_error *error);

/** For `seconds` a request of another process tries the key. A request of our own is waited for
 * instead. */
void evs_key_hold(struct evs_key *key, double now, double wall, double seconds);

#pragma GCC visibility pop
#endif
