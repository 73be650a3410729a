/**
 * The keys that a client signs with, held in one place and wiped there.
 */
#ifndef EVS_KEYS_H
#define EVS_KEYS_H

#include "base/error.h"
#include "profile.h"
#include "sign/sign.h"

#pragma GCC visibility push(hidden)

#define EVS_SOURCE_METADATA "metadata"

enum { EVS_KEYS_REMEMBERED = 4 };

/** Zeroed memory is: no keys. Either `signer` or `token` is in use. */
struct evs_keys {
    const char *source; /**< "options", "environment", "profile", "metadata"; NULL: there are none */
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

/** What must not be shown: these keys and the ones before them. The last two places are left empty. */
struct evs_secrets evs_keys_secrets(const struct evs_keys *keys);

/** Wipe everything. */
void evs_keys_wipe(struct evs_keys *keys);

#pragma GCC visibility pop
#endif
