#include "keys.h"

#include <string.h>

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
    struct evs_secrets secrets = {{evs_buf_str(&keys->sk), evs_buf_str(&keys->security_token),
                                   evs_buf_str(&keys->token)}};

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
