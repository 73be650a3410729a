#include "sign.h"

#include <string.h>

/* Nettle 4 took the length argument from its digest functions. */
#if NETTLE_VERSION_MAJOR >= 4
#define DIGEST(function, ctx, out) function((ctx), (out))
#else
#define DIGEST(function, ctx, out) function((ctx), HASH_BYTES, (out))
#endif

#define HASH_BYTES 32 /* of SHA-256 and of SM3 */
#define HEX_LEN (EVS_HASH_SIZE - 1)
#define DATE_LEN (EVS_DATE_SIZE - 1)
#define DAY_LEN 8

static const char *const algorithm_names[EVS_ALGORITHM_COUNT] = {
    [EVS_SDK_HMAC_SHA256] = "SDK-HMAC-SHA256",
    [EVS_SDK_HMAC_SM3] = "SDK-HMAC-SM3",
    [EVS_V11_HMAC_SHA256] = "V11-HMAC-SHA256",
};

const char *evs_algorithm_name(enum evs_algorithm algorithm)
{
    return algorithm_names[algorithm];
}

bool evs_algorithm_parse(struct evs_str name, enum evs_algorithm *found)
{
    for (int i = 0; i < EVS_ALGORITHM_COUNT; i++)
        if (evs_str_equal(name, evs_str(algorithm_names[i]))) {
            *found = (enum evs_algorithm)i;
            return true;
        }
    return false;
}

bool evs_algorithm_available(enum evs_algorithm algorithm)
{
#ifndef EVS_HAVE_SM3
    if (algorithm == EVS_SDK_HMAC_SM3)
        return false;
#endif
    return algorithm < EVS_ALGORITHM_COUNT;
}

/*
 * Text is assembled with these and not with evs_buf_add, because it is done for every request: room
 * is made once, and most pieces are so short that a call of memcpy costs more than the copy. A
 * piece is copied in strides of a constant size, the last of which may overlap the one before it.
 */
static inline char *put(char *at, struct evs_str text)
{
    const char *from = text.data;
    size_t len = text.len;
    char *end = at + len;

    if (len >= 16) {
        for (size_t i = 0; i + 16 < len; i += 16)
            memcpy(at + i, from + i, 16);
        memcpy(end - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(at, from, 8);
        memcpy(end - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(at, from, 4);
        memcpy(end - 4, from + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++)
            at[i] = from[i];
    }
    return end;
}

static char *put_byte(char *at, char byte)
{
    *at = byte;
    return at + 1;
}

/* Without a table of digits, and into memory that nothing else can be, so that compilers vectorize
 * it. */
static void put_hex(char *out, const uint8_t digest[HASH_BYTES])
{
    uint8_t text[HEX_LEN];

    for (size_t i = 0; i < HASH_BYTES; i++) {
        uint8_t high = digest[i] >> 4;
        uint8_t low = digest[i] & 15;

        text[2 * i] = (uint8_t)(high + (high > 9 ? 'a' - 10 : '0'));
        text[2 * i + 1] = (uint8_t)(low + (low > 9 ? 'a' - 10 : '0'));
    }
    memcpy(out, text, HEX_LEN);
}

/* evs_buf_reserve, without the call in the usual case of a warm buffer. */
static inline bool make_room(struct evs_buf *buf, size_t more)
{
    if (buf->cap - buf->len > more && !buf->max && !buf->failed)
        return true;
    return evs_buf_reserve(buf, more);
}

static const uint8_t *bytes(struct evs_str text)
{
    return (const uint8_t *)text.data;
}

/* Hashes. */

static void hash_sha256(struct evs_str text, uint8_t out[HASH_BYTES])
{
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, text.len, bytes(text));
    DIGEST(sha256_digest, &ctx, out);
}

static void hash_sm3(struct evs_str text, uint8_t out[HASH_BYTES])
{
#ifdef EVS_HAVE_SM3
    struct sm3_ctx ctx;

    sm3_init(&ctx);
    sm3_update(&ctx, text.len, bytes(text));
    DIGEST(sm3_digest, &ctx, out);
#else
    (void)text;
    memset(out, 0, HASH_BYTES);
#endif
}

static void hash_hex(enum evs_algorithm algorithm, struct evs_str text, char *out)
{
    uint8_t digest[HASH_BYTES];

    if (algorithm == EVS_SDK_HMAC_SM3)
        hash_sm3(text, digest);
    else
        hash_sha256(text, digest);
    put_hex(out, digest);
}

struct evs_str evs_payload_hash(enum evs_algorithm algorithm, struct evs_str body,
                                char room[EVS_HASH_SIZE])
{
    static const char empty_sha256[EVS_HASH_SIZE] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const char empty_sm3[EVS_HASH_SIZE] =
        "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b";

    if (body.len == 0)
        return (struct evs_str){algorithm == EVS_SDK_HMAC_SM3 ? empty_sm3 : empty_sha256, HEX_LEN};
    hash_hex(algorithm, body, room);
    room[HEX_LEN] = '\0';
    return (struct evs_str){room, HEX_LEN};
}

/* Keys. */

static void hmac_set_key_of(struct evs_signer *signer, struct evs_str key)
{
#ifdef EVS_HAVE_SM3
    if (signer->algorithm == EVS_SDK_HMAC_SM3) {
        hmac_sm3_set_key(&signer->hmac.sm3, key.len, bytes(key));
        return;
    }
#endif
    hmac_sha256_set_key(&signer->hmac.sha256, key.len, bytes(key));
}

static void hmac_of(struct evs_signer *signer, struct evs_str text, uint8_t out[HASH_BYTES])
{
#ifdef EVS_HAVE_SM3
    if (signer->algorithm == EVS_SDK_HMAC_SM3) {
        hmac_sm3_update(&signer->hmac.sm3, text.len, bytes(text));
        DIGEST(hmac_sm3_digest, &signer->hmac.sm3, out);
        return;
    }
#endif
    hmac_sha256_update(&signer->hmac.sha256, text.len, bytes(text));
    DIGEST(hmac_sha256_digest, &signer->hmac.sha256, out);
}

void evs_hmac_hex(struct evs_str key, struct evs_str text, char out[EVS_HASH_SIZE])
{
    struct hmac_sha256_ctx hmac;
    uint8_t digest[HASH_BYTES];

    hmac_sha256_set_key(&hmac, key.len, bytes(key));
    hmac_sha256_update(&hmac, text.len, bytes(text));
    DIGEST(hmac_sha256_digest, &hmac, digest);
    put_hex(out, digest);
    out[HEX_LEN] = '\0';
    evs_wipe(&hmac, sizeof hmac);
}

/* Where the last part of the string to sign stands, the hash; V11 has `day/region/service` before
 * it. */
static size_t hash_at(const struct evs_signer *signer)
{
    return signer->string.len - HEX_LEN;
}

/*
 * V11's key of a day: HKDF (RFC 5869) with the AK as salt, the SK as input and `day/region/service`
 * as info. Its 32 bytes are one block, so that each of HKDF's two steps is one HMAC. The key is not
 * those bytes but their hexadecimal text.
 */
static void derive_key(struct evs_signer *signer)
{
    static const uint8_t block_number = 1;
    size_t info_len = hash_at(signer) - 1 - signer->day_in_string;
    uint8_t okm[HASH_BYTES];
    char key[HEX_LEN];
    struct hmac_sha256_ctx *hmac = &signer->hmac.sha256;

    hmac_sha256_set_key(hmac, signer->ak.len, (const uint8_t *)signer->ak.data);
    hmac_sha256_update(hmac, signer->sk.len, (const uint8_t *)signer->sk.data);
    DIGEST(hmac_sha256_digest, hmac, okm);
    hmac_sha256_set_key(hmac, HASH_BYTES, okm);
    hmac_sha256_update(hmac, info_len,
                       (const uint8_t *)signer->string.data + signer->day_in_string);
    hmac_sha256_update(hmac, 1, &block_number);
    DIGEST(hmac_sha256_digest, hmac, okm);
    put_hex(key, okm);
    hmac_set_key_of(signer, (struct evs_str){key, HEX_LEN});
    evs_wipe(okm, sizeof okm);
    evs_wipe(key, sizeof key);
}

/* A place of V11's scope, `YYYYMMDD/region/service`. No date has the day that stands there at
 * first. */
static size_t add_scope(struct evs_buf *buf, struct evs_str region, struct evs_str service)
{
    size_t day = buf->len;

    evs_buf_add(buf, EVS_STR("--------/"));
    evs_buf_add(buf, region);
    evs_buf_add_byte(buf, '/');
    evs_buf_add(buf, service);
    return day;
}

/* All of the string to sign and of the Authorization value that stays the same between calls. */
static void prepare_texts(struct evs_signer *signer, struct evs_str region, struct evs_str service)
{
    struct evs_str name = evs_str(algorithm_names[signer->algorithm]);
    bool v11 = signer->algorithm == EVS_V11_HMAC_SHA256;
    char blank[HEX_LEN];

    memset(blank, '-', sizeof blank);
    signer->date_in_string = name.len + 1;
    evs_buf_add(&signer->string, name);
    evs_buf_add_byte(&signer->string, '\n');
    evs_buf_add(&signer->string, (struct evs_str){blank, DATE_LEN});
    evs_buf_add_byte(&signer->string, '\n');
    evs_buf_add(&signer->prefix, name);
    evs_buf_add(&signer->prefix, v11 ? EVS_STR(" Credential=") : EVS_STR(" Access="));
    evs_buf_add(&signer->prefix, evs_buf_str(&signer->ak));
    if (v11) {
        signer->day_in_string = add_scope(&signer->string, region, service);
        evs_buf_add_byte(&signer->string, '\n');
        evs_buf_add_byte(&signer->prefix, '/');
        signer->day_in_prefix = add_scope(&signer->prefix, region, service);
    }
    evs_buf_add(&signer->string, (struct evs_str){blank, HEX_LEN});
    evs_buf_add(&signer->prefix, EVS_STR(", SignedHeaders="));
}

bool evs_signer_init(struct evs_signer *signer, enum evs_algorithm algorithm, struct evs_str ak,
                     struct evs_str sk, struct evs_str region, struct evs_str service)
{
    *signer = (struct evs_signer){.algorithm = algorithm};
    if (!evs_algorithm_available(algorithm))
        return false;
    evs_buf_add(&signer->ak, ak);
    if (algorithm == EVS_V11_HMAC_SHA256)
        evs_buf_add(&signer->sk, sk);
    else
        hmac_set_key_of(signer, sk);
    prepare_texts(signer, region, service);
    if (signer->ak.failed || signer->sk.failed || signer->string.failed || signer->prefix.failed) {
        evs_signer_wipe(signer);
        return false;
    }
    return true;
}

void evs_signer_wipe(struct evs_signer *signer)
{
    evs_buf_free(&signer->ak);
    evs_buf_free(&signer->sk);
    evs_buf_free(&signer->string);
    evs_buf_free(&signer->prefix);
    evs_wipe(signer, sizeof *signer);
}

struct evs_str evs_signer_string(const struct evs_signer *signer)
{
    return evs_buf_str(&signer->string);
}

/* Signatures. */

static size_t canonical_len(const struct evs_canonical *request)
{
    /* Five line ends, and for a header ':', '\n' and ';' (the last one's ';' is a line end). */
    size_t len =
        request->method.len + request->uri.len + request->query.len + request->payload_hash.len + 5;

    for (size_t i = 0; i < request->header_count; i++)
        len += 2 * request->headers[i].name.len + request->headers[i].value.len + 3;
    return len;
}

/* The names joined by ';', which stand in the canonical request and in the Authorization value. */
static char *put_names(char *at, const struct evs_canonical *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (i > 0)
            at = put_byte(at, ';');
        at = put(at, request->headers[i].name);
    }
    return at;
}

/* Write the canonical request; `names` becomes the slice of it that holds the signed names. */
static bool write_canonical(const struct evs_canonical *request, struct evs_buf *out,
                            struct evs_str *names)
{
    char *at;

    evs_buf_reset(out);
    if (!make_room(out, canonical_len(request)))
        return false;
    at = put_byte(put(out->data, request->method), '\n');
    at = put_byte(put(at, request->uri), '\n');
    at = put_byte(put(at, request->query), '\n');
    for (size_t i = 0; i < request->header_count; i++) {
        at = put_byte(put(at, request->headers[i].name), ':');
        at = put_byte(put(at, request->headers[i].value), '\n');
    }
    at = put_byte(at, '\n');
    names->data = at;
    at = put_names(at, request);
    names->len = (size_t)(at - names->data);
    at = put(put_byte(at, '\n'), request->payload_hash);
    *at = '\0';
    out->len = (size_t)(at - out->data);
    return true;
}

static void use_day(struct evs_signer *signer, const char *date)
{
    char *day = signer->string.data + signer->day_in_string;

    if (memcmp(day, date, DAY_LEN) == 0)
        return;
    memcpy(day, date, DAY_LEN);
    memcpy(signer->prefix.data + signer->day_in_prefix, date, DAY_LEN);
    derive_key(signer);
}

static bool write_authorization(const struct evs_signer *signer, struct evs_str names,
                                const uint8_t digest[HASH_BYTES], struct evs_buf *out)
{
    struct evs_str label = EVS_STR(", Signature=");
    char *at;

    if (!make_room(out, signer->prefix.len + names.len + label.len + HEX_LEN))
        return false;
    at = put(out->data + out->len, evs_buf_str(&signer->prefix));
    at = put(put(at, names), label);
    put_hex(at, digest);
    at[HEX_LEN] = '\0';
    out->len = (size_t)(at + HEX_LEN - out->data);
    return true;
}

bool evs_sign(struct evs_signer *signer, const struct evs_canonical *request,
              const char date[EVS_DATE_SIZE], struct evs_buf *scratch,
              struct evs_buf *authorization)
{
    uint8_t digest[HASH_BYTES];
    struct evs_str names;
    char *string = signer->string.data;

    if (!write_canonical(request, scratch, &names))
        return false;
    if (signer->algorithm == EVS_V11_HMAC_SHA256)
        use_day(signer, date);
    memcpy(string + signer->date_in_string, date, DATE_LEN);
    hash_hex(signer->algorithm, evs_buf_str(scratch), string + hash_at(signer));
    hmac_of(signer, evs_buf_str(&signer->string), digest);
    return write_authorization(signer, names, digest, authorization);
}

/* Dates. */

static inline char *put_two_digits(char *at, unsigned number)
{
    at[0] = (char)('0' + number / 10);
    at[1] = (char)('0' + number % 10);
    return at + 2;
}

/*
 * A day of the Gregorian calendar, after Howard Hinnant's civil_from_days: years begin on 1 March,
 * which puts the leap day at their end, and 400 of them have 146097 days. gmtime() keeps static
 * state, and gmtime_r() is not in C11.
 */
static char *put_day(char *at, unsigned days)
{
    unsigned from_march_0 = days + 719468;
    unsigned era = from_march_0 / 146097;
    unsigned in_era = from_march_0 % 146097;
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153;
    unsigned day = in_year - (153 * month + 2) / 5 + 1;

    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2);
    at = put_two_digits(put_two_digits(at, year / 100), year % 100);
    return put_two_digits(put_two_digits(at, month), day);
}

static void write_date(struct evs_sign_date *date)
{
    unsigned in_day = (unsigned)(date->second % 86400);
    char *at = put_day(date->text, (unsigned)(date->second / 86400));

    at = put_two_digits(put_byte(at, 'T'), in_day / 3600);
    at = put_two_digits(at, in_day / 60 % 60);
    at = put_two_digits(at, in_day % 60);
    *put_byte(at, 'Z') = '\0';
}

const char *evs_sign_date(struct evs_sign_date *date, double wall)
{
    const double last = 253402300799.0; /* 9999-12-31T23:59:59Z */
    uint64_t second = wall > 0 ? (uint64_t)(wall < last ? wall : last) : 0; /* NaN gives 0 */

    if (second != date->second || date->text[0] == '\0') {
        date->second = second;
        write_date(date);
    }
    return date->text;
}
