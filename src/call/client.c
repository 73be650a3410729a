#include "client.h"

#include <math.h>
#include <string.h>

enum { RETRIES_MOST = 100 };

void evs_settings_default(struct evs_settings *settings)
{
    *settings = (struct evs_settings){
        .tls_verify = true,
        .connect_timeout = 5,
        .call = {.timeout = 30, .attempt_timeout = 10, .retries = 3, .guard = true},
        .batch = {.concurrency = 16},
    };
}

bool evs_id_check(struct evs_str id, const char *name, struct evs_error *error)
{
    if (id.len >= 1 && id.len <= 255 && evs_str_unreserved(id) &&
        !evs_str_equal(id, EVS_STR(".")) && !evs_str_equal(id, EVS_STR("..")))
        return true;
    evs_error_set(error, EVS_INVALID_ARGUMENT,
                  "%s must be 1 to 255 characters of [A-Za-z0-9_.~-], and not '.' or '..'", name);
    return false;
}

static bool refuse(struct evs_error *error, const char *option, const char *why)
{
    evs_error_set(error, EVS_INVALID_ARGUMENT, "option '%s' %s", option, why);
    return false;
}

/* A time longer than a year is a slip, and keeps sums of times exact to the millisecond. */
static bool is_time(double seconds)
{
    return isfinite(seconds) && seconds > 0 && seconds <= 366.0 * 86400;
}

bool evs_call_options_check(const struct evs_call_options *options, struct evs_error *error)
{
    if (!is_time(options->timeout))
        return refuse(error, "timeout", "must be more than 0 seconds");
    if (!is_time(options->attempt_timeout))
        return refuse(error, "attempt_timeout", "must be more than 0 seconds");
    if (options->retries > RETRIES_MOST)
        return refuse(error, "retries", "must be a whole number from 0 to 100");
    if (options->wait != 0 && !is_time(options->wait))
        return refuse(error, "wait", "must be true, false or more than 0 seconds");
    return true;
}

bool evs_batch_options_check(const struct evs_batch_options *options, struct evs_error *error)
{
    if (options->concurrency < 1)
        return refuse(error, "concurrency", "must be a whole number from 1 to 1000");
    if (options->rate != 0 && !(options->rate >= 0.001 && options->rate <= 1e6))
        return refuse(error, "rate", "must be from 0.001 to 1000000 requests a second");
    return true;
}

/* What may stand in a header: visible ASCII, and blanks inside where `blanks`. */
static bool is_header_text(struct evs_str text, bool blanks)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] > 0x7e || text.data[i] < (blanks ? 0x20 : 0x21))
            return false;
    return evs_str_equal(text, evs_str_trim(text));
}

static bool has_nul(struct evs_str text)
{
    return text.len > 0 && memchr(text.data, '\0', text.len) != NULL;
}

/* A URL of a kind that libcurl knows, or a host alone. */
static bool is_proxy(struct evs_str text)
{
    static const char *const schemes[] = {"http://",    "https://",  "socks://",  "socks4://",
                                          "socks4a://", "socks5://", "socks5h://"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct evs_str scheme = evs_str(schemes[i]);

        if (text.len > scheme.len &&
            evs_str_equal_nocase((struct evs_str){text.data, scheme.len}, scheme))
            return true;
    }
    return text.len == 0 || !strstr(text.data, "://");
}

static bool check_keys(const struct evs_settings *s, struct evs_error *error)
{
    if (s->token.len > 0 && (s->ak.len > 0 || s->sk.len > 0 || s->security_token.len > 0))
        return refuse(error, "token", "and 'ak', 'sk' or 'security_token' exclude each other");
    if ((s->ak.len > 0) != (s->sk.len > 0))
        return refuse(error, s->ak.len > 0 ? "ak" : "sk",
                      s->ak.len > 0 ? "needs 'sk' beside it" : "needs 'ak' beside it");
    if (s->security_token.len > 0 && s->ak.len == 0)
        return refuse(error, "security_token", "needs 'ak' and 'sk' beside it");
    if (!is_header_text(s->ak, false) || (s->ak.len > 0 && memchr(s->ak.data, ',', s->ak.len)))
        return refuse(error, "ak", "must be visible ASCII without a comma");
    if (!is_header_text(s->security_token, false))
        return refuse(error, "security_token", "must be visible ASCII");
    if (!is_header_text(s->token, false))
        return refuse(error, "token", "must be visible ASCII");
    return true;
}

static bool check_settings(const struct evs_settings *s, struct evs_error *error)
{
    if (!is_header_text(s->user_agent, true))
        return refuse(error, "user_agent", "must be printable ASCII without blanks at its ends");
    if (has_nul(s->ca_file))
        return refuse(error, "ca_file", "must not hold a NUL byte");
    if (!is_header_text(s->proxy, false))
        return refuse(error, "proxy", "must be a URL of visible ASCII");
    if (!is_time(s->connect_timeout))
        return refuse(error, "connect_timeout", "must be more than 0 seconds");
    if (!evs_algorithm_available(s->algorithm))
        return refuse(error, "algorithm", "SDK-HMAC-SM3 needs nettle 3.8 or later");
    if (s->algorithm == EVS_V11_HMAC_SHA256 && !evs_region_valid(s->region))
        return refuse(error, "algorithm", "V11-HMAC-SHA256 needs 'region' beside it");
    return check_keys(s, error) && evs_call_options_check(&s->call, error) &&
           evs_batch_options_check(&s->batch, error);
}

static bool set_endpoint(struct evs_client *client, const struct evs_settings *s,
                         struct evs_error *error)
{
    if (s->endpoint.len > 0)
        return evs_endpoint_parse(&client->endpoint, s->endpoint, s->allow_http, error);
    if (s->region.len > 0)
        return evs_endpoint_of_region(&client->endpoint, s->region, error);
    evs_error_set(error, EVS_NO_ENDPOINT,
                  "no endpoint: set the option 'region' or 'endpoint', or the environment's "
                  "HUAWEICLOUD_SDK_REGION or EVS_ENDPOINT");
    return false;
}

/* The environment's may be for other programs: where it is not used, it is not judged. */
static bool check_proxy(const struct evs_client *client, const struct evs_settings *s,
                        struct evs_error *error)
{
    if (s->proxy.len == 0 || (!client->endpoint.tls && !s->has_proxy))
        return true;
    if (!client->endpoint.tls)
        return refuse(error, "proxy", "is for an https endpoint");
    return is_proxy(s->proxy) ||
           refuse(error, "proxy", "must be a URL of http, https, socks4, socks4a, socks5 or socks5h");
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

bool evs_client_init(struct evs_client *client, const struct evs_settings *settings, uint64_t seed,
                     struct evs_error *error)
{
    bool made;

    if (!check_settings(settings, error) || !set_endpoint(client, settings, error) ||
        !check_proxy(client, settings, error) ||
        !evs_metadata_init(&client->key.source.metadata, settings->metadata_endpoint, error))
        return false;
    evs_key_init(&client->key, client->endpoint.loopback ||
                                   (client->endpoint.tls && settings->tls_verify));
    made = set_keys(&client->key.source.keys, settings);
    evs_buf_add(&client->user_agent, settings->user_agent.len > 0 ? settings->user_agent
                                                                  : EVS_STR("lua-evs/" EVS_VERSION));
    evs_buf_add(&client->ca_file, settings->ca_file);
    evs_buf_add(&client->proxy, settings->proxy);
    evs_buf_add(&client->no_proxy, settings->no_proxy);
    evs_buf_add(&client->key.source.profile, settings->profile);
    client->call = settings->call;
    client->batch = settings->batch;
    client->connect_timeout = settings->connect_timeout;
    client->tls_verify = settings->tls_verify;
    client->random = seed;
    if (!made || client->user_agent.failed || client->ca_file.failed || client->proxy.failed ||
        client->no_proxy.failed || client->key.source.profile.failed) {
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
    evs_buf_free(&client->proxy);
    evs_buf_free(&client->no_proxy);
    evs_buf_free(&client->scratch);
}

/* `user:password` of a proxy's URL, and the password: libcurl quotes the URL in some of its texts. */
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

void evs_client_name_show(const struct evs_client *client, char *out, size_t size, struct evs_str text)
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
