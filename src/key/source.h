/**
 * The keys that a client signs with, and where they come from, in order: what it was given
 * (options, environment), the profile file, the ECS metadata service. One call at a time visits the
 * metadata service; the others wait for it, or go on while the keys they have are good.
 */
#ifndef EVS_SOURCE_H
#define EVS_SOURCE_H

#include "base/error.h"
#include "metadata.h"
#include "profile.h"
#include "sign/sign.h"

#pragma GCC visibility push(hidden)

/* --- keys, held in one place and wiped there -------------------------------------------------- */

#define EVS_SOURCE_METADATA "metadata"

enum { EVS_KEYS_REMEMBERED = 4 };

/** Zeroed memory is: no keys. Either `signer` or `token` is in use. */
struct evs_keys {
    const char
        *source; /**< "options", "environment", "profile", "metadata"; NULL: there are none */
    enum evs_algorithm algorithm;
    struct evs_buf region; /**< for V11-HMAC-SHA256 */
    struct evs_signer signer;
    struct evs_buf ak, sk, security_token, token;
    /** SKs and security tokens of the keys before these: an answer that is late may echo them. */
    struct evs_buf old[EVS_KEYS_REMEMBERED][2];
    unsigned oldest; /**< which of them is forgotten next */
    double expires;  /**< seconds since 1970; 0: not known, or never */
};

/**
 * Sign with `set` from now on, which came from `source` and is good until `expires`. Returns false
 * when memory ends; then there are no keys.
 */
bool evs_keys_set(struct evs_keys *keys, const struct evs_key_set *set, const char *source,
                  double expires);

/** Send `token` from now on, which came from `source`. */
bool evs_keys_set_token(struct evs_keys *keys, struct evs_str token, const char *source);

/** Whether they came from the metadata service, which may have newer ones. */
bool evs_keys_temporary(const struct evs_keys *keys);

/** Whether `set` is what is signed with already. */
bool evs_keys_same(const struct evs_keys *keys, const struct evs_key_set *set);

/** What must not be shown: these keys and the ones before them. The last two places are left
 * empty. */
struct evs_secrets evs_keys_secrets(const struct evs_keys *keys);

/** Wipe everything. */
void evs_keys_wipe(struct evs_keys *keys);

/* --- where they come from --------------------------------------------------------------------- */

/** Zeroed memory is a source that was given nothing; set `metadata` by evs_metadata_init. */
struct evs_source {
    struct evs_keys keys;
    struct evs_metadata metadata; /**< the visit to the metadata service, if one is under way */
    struct evs_buf profile;       /**< path of the profile file; empty: there is none to ask */
    bool in_nginx;                /**< which hides the environment */
};

/** What somebody who needs keys shall do. */
enum evs_source_answer {
    EVS_SOURCE_READY, /**< send */
    EVS_SOURCE_FETCH, /**< send evs_metadata_request, then evs_source_reply or _fail */
    EVS_SOURCE_WAIT,  /**< another call is fetching them */
    EVS_SOURCE_NONE   /**< there are none to be had; the error says what was tried */
};

/**
 * May `who` send at `now` (monotonic) and `wall` (since 1970)? Keys of the metadata service are
 * fetched anew when less than 40 minutes of them remain, or when `renew`.
 */
enum evs_source_answer evs_source_ask(struct evs_source *source, const void *who, double now,
                                      double wall, bool renew, struct evs_error *error);

/** Take the profile file's keys, if there are none yet. What is wrong with the file
 * evs_source_ask says. */
void evs_source_read_profile(struct evs_source *source);

/** What an answer of the metadata service brought. */
enum evs_source_news {
    EVS_NEWS_NONE, /**< no keys yet, or it came too late and was not looked at */
    EVS_NEWS_SAME, /**< the keys that are in use */
    EVS_NEWS_KEYS  /**< other keys, which are in use from now on */
};

/** The metadata service's answer to the request that `who` sent. */
enum evs_source_news evs_source_reply(struct evs_source *source, const void *who,
                                      const struct evs_metadata_answer *answer);

/** There is no answer to the request that `who` sent. `secrets` are kept out of `why`. */
void evs_source_fail(struct evs_source *source, const void *who, struct evs_str why,
                     const struct evs_secrets *secrets);

/** Whether `who` visits the metadata service. */
bool evs_source_is_visited_by(const struct evs_source *source, const void *who);

/** Wipe and free everything. */
void evs_source_wipe(struct evs_source *source);

#pragma GCC visibility pop
#endif
