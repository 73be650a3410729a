#include "source.h"

#include "base/time.h"
#include "base/scrub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RENEW_SECONDS (40.0 * 60)
#define PROFILE_MAX (64 * 1024)

/* --- keys ------------------------------------------------------------------------------------- */

static void replace(struct evs_buf *buf, struct evs_str text)
{
    if (buf->data)
        evs_wipe(buf->data, buf->cap);
    evs_buf_reset(buf);
    evs_buf_add(buf, text);
}

/* Forget the signing key; its SK and token stay known as secrets. */
static void retire(struct evs_keys *keys)
{
    if (keys->ak.len > 0) {
        evs_signer_wipe(&keys->signer);
        replace(&keys->old[keys->oldest][0], evs_buf_str(&keys->sk));
        replace(&keys->old[keys->oldest][1], evs_buf_str(&keys->security_token));
        keys->oldest = (keys->oldest + 1) % EVS_KEYS_REMEMBERED;
    }
    keys->source = NULL;
    keys->expires = 0;
}

bool evs_keys_set(struct evs_keys *keys, const struct evs_key_set *set, const char *source,
                  double expires)
{
    retire(keys);
    replace(&keys->ak, set->ak);
    replace(&keys->sk, set->sk);
    replace(&keys->security_token, set->security_token);
    if (keys->ak.failed || keys->sk.failed || keys->security_token.failed ||
        !evs_signer_init(&keys->signer, keys->algorithm, set->ak, set->sk,
                         evs_buf_str(&keys->region), EVS_STR("evs"))) {
        evs_buf_free(&keys->ak);
        return false;
    }
    keys->source = source;
    keys->expires = expires;
    return true;
}

bool evs_keys_set_token(struct evs_keys *keys, struct evs_str token, const char *source)
{
    replace(&keys->token, token);
    keys->source = source;
    return !keys->token.failed;
}

bool evs_keys_temporary(const struct evs_keys *keys)
{
    return keys->source && strcmp(keys->source, EVS_SOURCE_METADATA) == 0;
}

bool evs_keys_same(const struct evs_keys *keys, const struct evs_key_set *set)
{
    return evs_str_equal(evs_buf_str(&keys->ak), set->ak) &&
           evs_str_equal(evs_buf_str(&keys->sk), set->sk) &&
           evs_str_equal(evs_buf_str(&keys->security_token), set->security_token);
}

struct evs_secrets evs_keys_secrets(const struct evs_keys *keys)
{
    struct evs_secrets secrets = {
        {evs_buf_str(&keys->sk), evs_buf_str(&keys->security_token), evs_buf_str(&keys->token)}};

    for (size_t i = 0; i < EVS_KEYS_REMEMBERED; i++) {
        secrets.text[3 + 2 * i] = evs_buf_str(&keys->old[i][0]);
        secrets.text[4 + 2 * i] = evs_buf_str(&keys->old[i][1]);
    }
    return secrets;
}

void evs_keys_wipe(struct evs_keys *keys)
{
    retire(keys);
    evs_buf_free(&keys->region);
    evs_buf_free(&keys->ak);
    evs_buf_free(&keys->sk);
    evs_buf_free(&keys->security_token);
    evs_buf_free(&keys->token);
    for (size_t i = 0; i < EVS_KEYS_REMEMBERED; i++) {
        evs_buf_free(&keys->old[i][0]);
        evs_buf_free(&keys->old[i][1]);
    }
}

/* --- where they come from --------------------------------------------------------------------- */

/* What came of the profile file, for the error that lists what was tried. */
struct profile_result {
    bool broken; /* the file is there and cannot be used: nobody means the next source then */
    char why[512];
};

static bool read_file(const char *path, struct evs_buf *text)
{
    char part[1024];
    size_t len;
    FILE *file = fopen(path, "rb");

    if (!file)
        return false;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of a key in a buffer that nobody wipes */
    text->max = PROFILE_MAX;
    while (!text->failed && (len = fread(part, 1, sizeof part, file)) > 0)
        evs_buf_add(text, (struct evs_str){part, len});
    fclose(file);
    evs_wipe(part, sizeof part);
    return !text->failed;
}

static void use_profile(struct evs_source *source, struct evs_str text,
                        struct profile_result *result)
{
    struct evs_key_set set;
    unsigned line = evs_profile_parse(text, &set);
    const char *path = source->profile.data;

    if (line > 0) {
        result->broken = true;
        snprintf(result->why, sizeof result->why, "%s:%u: expected '[section]' or 'key = value'",
                 path, line);
    } else if (set.ak.len == 0 && set.sk.len == 0) {
        snprintf(result->why, sizeof result->why, "%s has no ak and sk in section [basic]", path);
    } else if (!evs_key_set_usable(&set) || !evs_keys_set(&source->keys, &set, "profile", 0)) {
        result->broken = true;
        snprintf(result->why, sizeof result->why,
                 "%s: ak, sk or security_token of section [basic] "
                 "cannot be used",
                 path);
    }
}

static void try_profile(struct evs_source *source, struct profile_result *result)
{
    struct evs_buf text = {0};

    if (source->profile.len == 0)
        snprintf(result->why, sizeof result->why, "HOME is not set");
    else if (!read_file(source->profile.data, &text))
        snprintf(result->why, sizeof result->why, "%s: %s", source->profile.data,
                 text.failed ? "too large" : strerror(errno));
    else
        use_profile(source, evs_buf_str(&text), result);
    evs_buf_free(&text);
}

static enum evs_source_answer none(const struct evs_source *source, const char *profile,
                                   struct evs_error *error)
{
    evs_error_set(error, EVS_NO_CREDENTIALS,
                  "no credentials. Options: none of ak, sk, token was given. Environment: neither "
                  "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK nor EVS_TOKEN is set. Profile: %s. "
                  "Metadata service: %s",
                  profile, source->metadata.why[0] ? source->metadata.why : "not asked");
    if (source->in_nginx)
        error->hint = EVS_HINT_NGINX;
    return EVS_SOURCE_NONE;
}

/* Go on with, or begin, a visit to the metadata service. */
static enum evs_source_answer visit(struct evs_source *source, const void *who, double now,
                                    bool usable, bool renew)
{
    struct evs_metadata *metadata = &source->metadata;

    if (metadata->visitor && now >= metadata->ends)
        evs_metadata_fail(metadata, EVS_STR("it did not answer in time"));
    if (metadata->visitor == who)
        return EVS_SOURCE_FETCH;
    if (metadata->visitor)
        return usable && !renew ? EVS_SOURCE_READY : EVS_SOURCE_WAIT;
    if (evs_metadata_visit(metadata, who, now, renew))
        return EVS_SOURCE_FETCH;
    return usable ? EVS_SOURCE_READY : EVS_SOURCE_NONE;
}

enum evs_source_answer evs_source_ask(struct evs_source *source, const void *who, double now,
                                      double wall, bool renew, struct evs_error *error)
{
    const struct evs_keys *keys = &source->keys;
    struct profile_result profile = {false, "not asked, the keys were the metadata service's"};
    bool temporary = evs_keys_temporary(keys);
    enum evs_source_answer answer;

    if (keys->source && !temporary)
        return EVS_SOURCE_READY;
    if (temporary && !renew && (keys->expires == 0 || wall < keys->expires - RENEW_SECONDS))
        return EVS_SOURCE_READY;
    if (!keys->source && !source->metadata.visitor) {
        try_profile(source, &profile);
        if (keys->source)
            return EVS_SOURCE_READY;
        if (profile.broken)
            return none(source, profile.why, error);
    }
    answer =
        visit(source, who, now, temporary && (keys->expires == 0 || wall < keys->expires), renew);
    if (answer == EVS_SOURCE_FETCH)
        source->metadata.wall = wall;
    return answer == EVS_SOURCE_NONE ? none(source, profile.why, error) : answer;
}

void evs_source_read_profile(struct evs_source *source)
{
    struct profile_result profile;

    if (!source->keys.source && !source->metadata.visitor)
        try_profile(source, &profile);
}

bool evs_source_is_visited_by(const struct evs_source *source, const void *who)
{
    return source->metadata.visitor == who;
}

enum evs_source_news evs_source_reply(struct evs_source *source, const void *who,
                                      const struct evs_metadata_answer *answer)
{
    double expires = evs_date_parse_iso(answer->expires_at);

    if (!evs_source_is_visited_by(source, who) || !evs_metadata_reply(&source->metadata, answer))
        return EVS_NEWS_NONE;
    /* Expired when they come: our clock is wrong, and cannot tell when they end. */
    if (expires <= source->metadata.wall || expires < 0)
        expires = 0;
    if (evs_keys_same(&source->keys, &answer->keys)) {
        source->keys.expires = expires;
        return EVS_NEWS_SAME;
    }
    return evs_keys_set(&source->keys, &answer->keys, EVS_SOURCE_METADATA, expires) ? EVS_NEWS_KEYS
                                                                                    : EVS_NEWS_NONE;
}

void evs_source_fail(struct evs_source *source, const void *who, struct evs_str why,
                     const struct evs_secrets *secrets)
{
    struct evs_str token = evs_buf_str(&source->metadata.token);
    struct evs_buf without_token = {0};
    char shown[sizeof source->metadata.why];

    if (!evs_source_is_visited_by(source, who))
        return;
    evs_scrub(&without_token, why, &token, 1);
    evs_text_show(shown, sizeof shown, evs_buf_str(&without_token), secrets);
    evs_buf_free(&without_token);
    evs_metadata_fail(&source->metadata, evs_str(shown));
}

void evs_source_wipe(struct evs_source *source)
{
    evs_keys_wipe(&source->keys);
    evs_metadata_wipe(&source->metadata);
    evs_buf_free(&source->profile);
}
