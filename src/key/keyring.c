#include "keyring.h"

#include "base/date.h"
#include "base/scrub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RENEW_SECONDS (40.0 * 60)
#define PROFILE_MAX (64 * 1024)

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

static void use_profile(struct evs_client *client, struct evs_str text, struct profile_result *result)
{
    struct evs_key_set set;
    unsigned line = evs_profile_parse(text, &set);
    const char *path = client->profile.data;

    if (line > 0) {
        result->broken = true;
        snprintf(result->why, sizeof result->why, "%s:%u: expected '[section]' or 'key = value'", path,
                 line);
    } else if (set.ak.len == 0 && set.sk.len == 0) {
        snprintf(result->why, sizeof result->why, "%s has no ak and sk in section [basic]", path);
    } else if (!evs_key_set_usable(&set) ||
               !evs_keys_set(&client->keys, &set, "profile", 0)) {
        result->broken = true;
        snprintf(result->why, sizeof result->why, "%s: ak, sk or security_token of section [basic] "
                 "cannot be used", path);
    }
}

static void try_profile(struct evs_client *client, struct profile_result *result)
{
    struct evs_buf text = {0};

    if (client->profile.len == 0)
        snprintf(result->why, sizeof result->why, "HOME is not set");
    else if (!read_file(client->profile.data, &text))
        snprintf(result->why, sizeof result->why, "%s: %s", client->profile.data,
                 text.failed ? "too large" : strerror(errno));
    else
        use_profile(client, evs_buf_str(&text), result);
    evs_buf_free(&text);
}

static enum evs_keyring_answer none(const struct evs_client *client, const char *profile,
                                    struct evs_error *error)
{
    evs_error_set(error, EVS_NO_CREDENTIALS,
                  "no credentials. Options: none of ak, sk, token was given. Environment: neither "
                  "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK nor EVS_TOKEN is set. Profile: %s. "
                  "Metadata service: %s",
                  profile, client->metadata.why[0] ? client->metadata.why : "not asked");
    return EVS_KEYS_NONE;
}

/* Go on with, or begin, a visit to the metadata service. */
static enum evs_keyring_answer visit(struct evs_client *client, const void *who, double now,
                                     bool usable, bool renew)
{
    struct evs_metadata *metadata = &client->metadata;

    if (metadata->visitor && now >= metadata->ends)
        evs_metadata_fail(metadata, EVS_STR("it did not answer in time"));
    if (metadata->visitor == who)
        return EVS_KEYS_FETCH;
    if (metadata->visitor)
        return usable && !renew ? EVS_KEYS_READY : EVS_KEYS_WAIT;
    if (evs_metadata_visit(metadata, who, now, renew))
        return EVS_KEYS_FETCH;
    return usable ? EVS_KEYS_READY : EVS_KEYS_NONE;
}

enum evs_keyring_answer evs_keyring_ask(struct evs_client *client, const void *who, double now,
                                        double wall, bool renew, struct evs_error *error)
{
    const struct evs_keys *keys = &client->keys;
    struct profile_result profile = {false, "not asked, the keys were the metadata service's"};
    bool temporary = evs_keys_temporary(keys);
    bool renewing = renew || keys->doubted;
    enum evs_keyring_answer answer;

    if (keys->source && !temporary)
        return EVS_KEYS_READY;
    if (temporary && !renewing && (keys->expires == 0 || wall < keys->expires - RENEW_SECONDS))
        return EVS_KEYS_READY;
    if (!keys->source && !client->metadata.visitor) {
        try_profile(client, &profile);
        if (keys->source)
            return EVS_KEYS_READY;
        if (profile.broken)
            return none(client, profile.why, error);
    }
    answer = visit(client, who, now, temporary && (keys->expires == 0 || wall < keys->expires),
                   renewing);
    if (answer == EVS_KEYS_FETCH)
        client->metadata.wall = wall;
    return answer == EVS_KEYS_NONE ? none(client, profile.why, error) : answer;
}

void evs_keyring_look(struct evs_client *client)
{
    struct profile_result profile;

    if (!client->closed && !client->keys.source && !client->metadata.visitor)
        try_profile(client, &profile);
}

void evs_keyring_reply(struct evs_client *client, const void *who, const struct evs_facts *facts)
{
    double expires = evs_date_parse_iso(facts->expires_at);

    if (client->closed || client->metadata.visitor != who ||
        !evs_metadata_reply(&client->metadata, facts))
        return;
    /* Expired when they come: our clock is wrong, and cannot tell when they end. */
    if (expires <= client->metadata.wall)
        expires = 0;
    if (evs_keys_same(&client->keys, &facts->credential)) {
        client->keys.expires = expires > 0 ? expires : 0;
        client->keys.doubted = false;
        return;
    }
    if (evs_keys_set(&client->keys, &facts->credential, EVS_SOURCE_METADATA, expires > 0 ? expires : 0))
        evs_gate_renew(&client->gate);
}

void evs_keyring_fail(struct evs_client *client, const void *who, struct evs_str why)
{
    struct evs_secrets secrets = evs_client_secrets(client);
    struct evs_str token = evs_buf_str(&client->metadata.token);
    struct evs_buf without_token = {0};
    char shown[sizeof client->metadata.why];

    if (client->closed || client->metadata.visitor != who)
        return;
    evs_scrub(&without_token, why, &token, 1);
    evs_text_show(shown, sizeof shown, evs_buf_str(&without_token), &secrets);
    evs_buf_free(&without_token);
    evs_metadata_fail(&client->metadata, evs_str(shown));
}
