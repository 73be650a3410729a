/*
 * One signature of a deletion beside the floor: nettle's bare SHA-256 and HMAC of the same bytes.
 *
 *     floor_sign ROUNDS
 *
 * The floor hashes a canonical request and a string to sign that are ready; the key's HMAC state
 * was made before, and nettle brings it back there after each use. Ours (src/sign/sign.c) writes
 * the date, the canonical request, the string to sign and the Authorization value besides.
 *
 * As in a signature, the HMAC waits for the hash: its bytes hold the hash's. Blocks of both take
 * turns; each round prints the nanoseconds of a signature, the floor's first.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../src/sign/sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 20000 };

#define PROJECT "0123456789abcdef0123456789abcdef"

static struct evs_signer signer;
static struct evs_buf scratch, authorization;
static char path[] = "/v2/" PROJECT "/cloudsnapshots/00000000-0000-4000-8000-000000000000/";
static unsigned long sink; /* so that no compiler leaves the work out */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static struct evs_str sign_one(double wall)
{
    static struct evs_sign_date kept;
    const char *date = evs_sign_date(&kept, wall);
    struct evs_field fields[] = {{EVS_STR("host"), EVS_STR("evs.cn-north-4.myhuaweicloud.com")},
                                 {EVS_STR("x-project-id"), EVS_STR(PROJECT)},
                                 {EVS_STR("x-sdk-date"), {date, EVS_DATE_SIZE - 1}}};
    char room[EVS_HASH_SIZE];
    struct evs_canonical request = {.method = EVS_STR("DELETE"),
                                    .uri = {path, sizeof path - 1},
                                    .headers = fields,
                                    .header_count = 3};

    request.payload_hash = evs_payload_hash(EVS_SDK_HMAC_SHA256, (struct evs_str){0}, room);
    evs_buf_reset(&authorization);
    if (!evs_sign(&signer, &request, date, &scratch, &authorization))
        exit(1);
    return evs_buf_str(&authorization);
}

/* The hashes alone; `slot` is where the hash stands in the string to sign. */
static inline void hash_one(struct evs_str canonical, struct evs_str string, char *slot,
                            struct hmac_sha256_ctx *key, uint8_t mac[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx sha;

    sha256_init(&sha);
    sha256_update(&sha, canonical.len, (const uint8_t *)canonical.data);
    sha256_digest(&sha, SHA256_DIGEST_SIZE, (uint8_t *)slot);
    hmac_sha256_update(key, string.len, (const uint8_t *)string.data);
    hmac_sha256_digest(key, SHA256_DIGEST_SIZE, mac);
}

static double floor_block(struct hmac_sha256_ctx *key)
{
    struct evs_str canonical = evs_buf_str(&scratch), string = evs_signer_string(&signer);
    uint8_t mac[SHA256_DIGEST_SIZE];
    double began = now();

    for (int i = 0; i < BLOCK; i++) {
        hash_one(canonical, string, signer.string.data + string.len - SHA256_DIGEST_SIZE, key, mac);
        sink += mac[0];
    }
    return (now() - began) / BLOCK;
}

static double our_block(void)
{
    static double wall = 1.8e9; /* a sequential loop makes one in 60 us */
    double began = now();

    for (int i = 0; i < BLOCK; i++) {
        struct evs_str value;

        path[sizeof path - 3] = (char)('a' + i % 6); /* every request has an id of its own */
        value = sign_one(wall);
        wall += 60e-6;
        sink += (unsigned char)value.data[value.len - 1];
    }
    return (now() - began) / BLOCK;
}

int main(int argc, char **argv)
{
    struct evs_str sk = EVS_STR("an-example-secret-key"), none = {0};
    struct hmac_sha256_ctx key;
    int rounds = argc > 1 ? atoi(argv[1]) : 21;

    if (!evs_signer_init(&signer, EVS_SDK_HMAC_SHA256, EVS_STR("AKEXAMPLE0123456789"), sk, none,
                         none))
        return 1;
    hmac_sha256_set_key(&key, sk.len, (const uint8_t *)sk.data);
    our_block();
    for (int i = 0; i < rounds; i++) {
        double bare = floor_block(&key);

        printf("%.1f %.1f\n", bare, our_block());
    }
    evs_signer_wipe(&signer);
    evs_buf_free(&scratch);
    evs_buf_free(&authorization);
    return sink == 0;
}
