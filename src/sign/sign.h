/**
 * Signatures of Huawei Cloud's gateway, and nothing about where requests come from or go to.
 *
 * A request in canonical form (canonical.h makes one of any request) and a key give the value of
 * the Authorization header. No function here reads a clock, allocates once its buffers are warm, or
 * keeps state outside its arguments.
 */
#ifndef EVS_SIGN_H
#define EVS_SIGN_H

#include "base/text.h"

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdint.h>

/* SM3 came with nettle 3.8. */
#if NETTLE_VERSION_MAJOR > 3 || (NETTLE_VERSION_MAJOR == 3 && NETTLE_VERSION_MINOR >= 8)
#define EVS_HAVE_SM3 1
#include <nettle/sm3.h>
#endif

#pragma GCC visibility push(hidden)

/** The signing algorithms. */
enum evs_algorithm {
    EVS_SDK_HMAC_SHA256, /**< "SDK-HMAC-SHA256", the default */
    EVS_SDK_HMAC_SM3,    /**< "SDK-HMAC-SM3", the same with SM3 in place of SHA-256 */
    EVS_V11_HMAC_SHA256, /**< "V11-HMAC-SHA256", a key derived for one day, region and service */
    EVS_ALGORITHM_COUNT
};

/** The name on the wire. */
const char *evs_algorithm_name(enum evs_algorithm algorithm);

/** Find an algorithm by its exact name; false, with `found` untouched, when there is none. */
bool evs_algorithm_parse(struct evs_str name, enum evs_algorithm *found);

/** Whether this build can sign with it. */
bool evs_algorithm_available(enum evs_algorithm algorithm);

/** Room for a date `YYYYMMDDTHHMMSSZ` and its NUL. */
#define EVS_DATE_SIZE 17

/** Room for a digest in hexadecimal and its NUL; both hashes are of 32 bytes. */
#define EVS_HASH_SIZE 65

/**
 * A key ready to sign. It is good for any number of signatures, one at a time. Zeroed memory is a
 * valid empty one for evs_signer_wipe, and nothing else.
 */
struct evs_signer {
    enum evs_algorithm algorithm;
    union {
        struct hmac_sha256_ctx sha256;
#ifdef EVS_HAVE_SM3
        struct hmac_sm3_ctx sm3;
#endif
    } hmac; /**< keyed; nettle's digest functions bring it back to this state */
    struct evs_buf ak;
    struct evs_buf sk;     /**< V11 only, which needs it again for each new day */
    struct evs_buf string; /**< the string to sign; each signature fills in date, day and hash */
    struct evs_buf prefix; /**< the Authorization value up to the signed headers' names */
    size_t date_in_string; /**< where the date stands in the string to sign */
    size_t day_in_string;  /**< V11 only: where `YYYYMMDD` stands in each of the two */
    size_t day_in_prefix;
};

/**
 * Make a key ready. All arguments are copied; `region` and `service` are used by V11 alone. False
 * when memory ends or the algorithm is not available; then there is nothing to wipe.
 */
bool evs_signer_init(struct evs_signer *signer, enum evs_algorithm algorithm, struct evs_str ak,
                     struct evs_str sk, struct evs_str region, struct evs_str service);

/** Wipe the key from memory and free what the signer holds. */
void evs_signer_wipe(struct evs_signer *signer);

/** The string that the last signature was made of, valid until the next. */
struct evs_str evs_signer_string(const struct evs_signer *signer);

/** A header: its name and its value. */
struct evs_field {
    struct evs_str name;
    struct evs_str value;
};

/** A request in canonical form: every part as it goes into the canonical request, byte for byte. */
struct evs_canonical {
    struct evs_str method;
    struct evs_str uri;              /**< escaped path, with the slash at its end */
    struct evs_str query;            /**< escaped and sorted; empty when there is none */
    const struct evs_field *headers; /**< signed ones: lower-case names, sorted, values trimmed */
    size_t header_count;
    struct evs_str payload_hash; /**< hexadecimal, or what stands in its place */
};

/**
 * Sign: append the value of the Authorization header to `authorization`.
 *
 * `date` is the X-Sdk-Date, which the signed headers must hold too. `scratch` is emptied first and
 * holds the canonical request afterwards; it carries whatever secret the signed headers carry.
 * False when memory ends, which cannot happen once both buffers have held as much before.
 */
bool evs_sign(struct evs_signer *signer, const struct evs_canonical *request,
              const char date[EVS_DATE_SIZE], struct evs_buf *scratch,
              struct evs_buf *authorization);

/**
 * An X-Sdk-Date. Keep it for the next request: most fall into the second of the one before, and a
 * date that is there already takes a tenth of the time. Zeroed memory is a valid empty one.
 */
struct evs_sign_date {
    uint64_t second; /**< since 1970 */
    char text[EVS_DATE_SIZE];
};

/**
 * Make `date` the X-Sdk-Date of a moment, `YYYYMMDDTHHMMSSZ` in UTC, and return its text. `wall` is
 * in seconds since 1970; fractions are cut off, and what lies outside the years 1970 to 9999 is
 * moved to their nearest end.
 */
const char *evs_sign_date(struct evs_sign_date *date, double wall);

/** The lower-case hexadecimal hash of a body, in `room` where the body is not empty. */
struct evs_str evs_payload_hash(enum evs_algorithm algorithm, struct evs_str body,
                                char room[EVS_HASH_SIZE]);

/** The lower-case hexadecimal HMAC-SHA256 of a text, for what is no signature. */
void evs_hmac_hex(struct evs_str key, struct evs_str text, char out[EVS_HASH_SIZE]);

#pragma GCC visibility pop
#endif
