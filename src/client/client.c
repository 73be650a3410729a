#include "client.h"

#include <string.h>

bool evs_id_check(const struct evs_client *client, struct evs_str id, const char *name,
                  struct evs_error *error)
{
    struct evs_secrets secrets;

    if (id.len >= 1 && id.len <= 255 && evs_str_unreserved(id) &&
        !evs_str_equal(id, EVS_STR(".")) && !evs_str_equal(id, EVS_STR("..")))
        return true;
    evs_error_set(error, EVS_INVALID_ARGUMENT,
                  "%s must be 1 to 255 characters of [A-Za-z0-9_.~-], and not '.' or '..'", name);
    if (client->closed) /* which has forgotten its secrets */
        return false;
    secrets = evs_client_secrets(client);
    evs_error_show(error, id, &secrets);
    return false;
}

static bool set_keys(struct evs_keys *keys, const struct evs_settings *s)
{
    struct evs_key_set set = {s->ak, s->sk, s->security_token};

    keys->algorithm = s->algorithm;
    evs_buf_add(&keys->region, s->region);
    if (s->token.len > 0)
        return evs_keys_set_token(keys, s->token, s->key_source);
    return s->ak.len == 0 || evs_keys_set(keys, &set, s->key_source, 0);
}

static bool set_api(struct evs_client *client, const struct evs_settings *s,
                    struct evs_error *error)
{
    const struct evs_secrets none = {0};

    client->api = evs_api_find(s->api);
    if (client->api)
        return true;
    evs_error_set(error, EVS_INVALID_ARGUMENT, "must be %s", evs_api_names);
    evs_error_show(error, s->api, &none);
    return evs_settings_blame("api", s->from.api, error);
}

static bool set_metadata(struct evs_metadata *metadata, const struct evs_settings *s,
                         struct evs_error *error)
{
    return evs_metadata_init(metadata, s->metadata_endpoint, error) ||
           evs_settings_blame("metadata endpoint", "EVS_METADATA_ENDPOINT", error);
}

bool evs_client_init(struct evs_client *client, const struct evs_settings *settings, uint64_t seed,
                     struct evs_error *error)
{
    bool made;

    if (!evs_settings_check(settings, error) || !set_api(client, settings, error) ||
        !evs_settings_endpoint(settings, &client->endpoint, error) ||
        !evs_settings_iam(settings, &client->iam, error) ||
        !set_metadata(&client->key.source.metadata, settings, error))
        return false;
    evs_key_init(&client->key,
                 client->endpoint.loopback || (client->endpoint.tls && settings->tls_verify));
    client->key.source.in_nginx = settings->in_nginx;
    made = set_keys(&client->key.source.keys, settings);
    evs_buf_add(&client->user_agent, settings->user_agent.len > 0
                                         ? settings->user_agent
                                         : EVS_STR("lua-evs/" EVS_VERSION));
    evs_buf_add(&client->region, evs_settings_region(settings));
    evs_buf_add(&client->ca_file, settings->ca_file);
    evs_buf_add(&client->proxy, settings->proxy);
    evs_buf_add(&client->no_proxy, settings->no_proxy);
    evs_buf_add(&client->key.source.profile, settings->profile);
    client->call = settings->call;
    client->batch = settings->batch;
    client->connect_timeout = settings->connect_timeout;
    client->tls_verify = settings->tls_verify;
    client->random = seed;
    if (!made || client->user_agent.failed || client->ca_file.failed || client->region.failed ||
        client->proxy.failed || client->no_proxy.failed || client->key.source.profile.failed) {
        evs_error_set(error, EVS_STOPPED, "out of memory");
        return false;
    }
    return true;
}

void evs_client_close(struct evs_client *client)
{
    client->closed = true;
    evs_source_wipe(&client->key.source);
    evs_buf_free(&client->user_agent);
    evs_buf_free(&client->ca_file);
    evs_buf_free(&client->region);
    evs_buf_free(&client->proxy);
    evs_buf_free(&client->no_proxy);
    evs_buf_free(&client->scratch);
}

/* `user:password` of a proxy's URL, and the password: libcurl quotes the URL in some of its
 * texts. */
static void add_proxy_secrets(struct evs_secrets *secrets, struct evs_str url)
{
    struct evs_str *user_info = &secrets->text[EVS_SECRET_COUNT - 2];
    struct evs_str *password = &secrets->text[EVS_SECRET_COUNT - 1];
    size_t end = url.len, start = 0, colon;

    while (end > 0 && url.data[end - 1] != '@')
        end--;
    if (end <= 1)
        return;
    end--;
    for (size_t i = 0; i + 3 <= end; i++)
        if (memcmp(url.data + i, "://", 3) == 0) {
            start = i + 3;
            break;
        }
    for (colon = start; colon < end && url.data[colon] != ':'; colon++)
        ;
    *user_info = (struct evs_str){url.data + start, end - start};
    if (colon < end)
        *password = (struct evs_str){url.data + colon + 1, end - colon - 1};
}

struct evs_secrets evs_client_secrets(const struct evs_client *client)
{
    struct evs_secrets secrets = evs_keys_secrets(&client->key.source.keys);

    add_proxy_secrets(&secrets, evs_buf_str(&client->proxy));
    return secrets;
}

void evs_client_name_show(const struct evs_client *client, char *out, size_t size,
                          struct evs_str text)
{
    struct evs_secrets secrets = evs_client_secrets(client);

    out[0] = '\0';
    if (!client->closed)
        evs_name_show(out, size, text, &secrets);
}

/* splitmix64: any seed is a good one. */
double evs_client_random(struct evs_client *client)
{
    uint64_t z = client->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * (1.0 / 9007199254740992.0);
}
