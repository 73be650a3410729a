#include "settings.h"

#include <stdio.h>
#include <string.h>

/* Say of an option, or of the variable that stands for it, why it cannot be used. */
static bool refuse_value(struct evs_error *error, const char *option, const char *variable,
                         const char *why)
{
    if (variable)
        evs_error_set(error, EVS_INVALID_ARGUMENT, "%s (the environment's %s) %s", variable, option,
                      why);
    else
        evs_error_set(error, EVS_INVALID_ARGUMENT, "option '%s' %s", option, why);
    return false;
}

bool evs_settings_blame(const char *option, const char *variable, struct evs_error *error)
{
    char message[sizeof error->message];

    snprintf(message, sizeof message, "%s", error->message);
    return refuse_value(error, option, variable, message);
}

static bool refuse(struct evs_error *error, const char *option, const char *why)
{
    return refuse_value(error, option, NULL, why);
}

/* --- keys: no part of their values is shown --------------------------------------------------- */

/* A text of the keys; `any_byte` for the SK, which is never sent. */
static bool check_key_text(struct evs_str text, const char *option, const char *variable,
                           bool any_byte, struct evs_error *error)
{
    if (evs_str_has_blank_end(text)) {
        refuse_value(error, option, variable,
                     "has a blank or a line break at its beginning or end");
        error->hint = EVS_HINT_TRIM;
        return false;
    }
    return any_byte || evs_str_visible(text) ||
           refuse_value(error, option, variable, "must be visible ASCII");
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
    if (s->ak.len > 0 && memchr(s->ak.data, ',', s->ak.len))
        return refuse_value(error, "ak", s->from.ak, "must be visible ASCII without a comma");
    return check_key_text(s->ak, "ak", s->from.ak, false, error) &&
           check_key_text(s->sk, "sk", s->from.sk, true, error) &&
           check_key_text(s->security_token, "security_token", s->from.security_token, false,
                          error) &&
           check_key_text(s->token, "token", s->from.token, false, error);
}

/* --- all but the endpoint --------------------------------------------------------------------- */

/* What may stand in a header, blanks inside too. */
static bool is_header_text(struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    return !evs_str_has_blank_end(text);
}

bool evs_settings_check(const struct evs_settings *s, struct evs_error *error)
{
    if (!is_header_text(s->user_agent))
        return refuse(error, "user_agent", "must be printable ASCII without blanks at its ends");
    if (s->ca_file.len > 0 && memchr(s->ca_file.data, '\0', s->ca_file.len))
        return refuse(error, "ca_file", "must not hold a NUL byte");
    if (!evs_algorithm_available(s->algorithm))
        return refuse(error, "algorithm", "SDK-HMAC-SM3 needs nettle 3.8 or later");
    if (s->algorithm == EVS_V11_HMAC_SHA256 && !evs_region_valid(s->region))
        return refuse(error, "algorithm", "V11-HMAC-SHA256 needs 'region' beside it");
    return check_keys(s, error);
}

/* --- endpoint and proxy ----------------------------------------------------------------------- */

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
    return !strstr(text.data, "://");
}

static bool refuse_proxy(const struct evs_settings *s, const char *why, struct evs_error *error)
{
    const struct evs_secrets none = {0};

    refuse_value(error, "proxy", s->from.proxy, why);
    if (!memchr(s->proxy.data, '@', s->proxy.len)) /* behind user and password */
        evs_error_show(error, s->proxy, &none);
    return false;
}

/* The environment's may be for other programs: where it is not used, it is not judged. */
static bool check_proxy(const struct evs_settings *s, const struct evs_endpoint *endpoint,
                        struct evs_error *error)
{
    if (s->proxy.len == 0 || (!endpoint->tls && !s->has_proxy))
        return true;
    if (!endpoint->tls)
        return refuse(error, "proxy", "is for an https endpoint");
    if (!evs_str_visible(s->proxy))
        return refuse_proxy(s, "must be a URL of visible ASCII", error);
    return is_proxy(s->proxy) ||
           refuse_proxy(s, "must be a URL of http, https, socks4, socks4a, socks5 or socks5h",
                        error);
}

static bool refuse_no_endpoint(const struct evs_settings *s, struct evs_error *error)
{
    evs_error_set(error, EVS_NO_ENDPOINT,
                  "no endpoint: set the option 'region' or 'endpoint', or the environment's "
                  "HUAWEICLOUD_SDK_REGION or EVS_ENDPOINT");
    if (s->in_nginx)
        error->hint = EVS_HINT_NGINX;
    return false;
}

bool evs_settings_endpoint(const struct evs_settings *s, struct evs_endpoint *endpoint,
                           struct evs_error *error)
{
    if (s->endpoint.len == 0 && s->region.len == 0)
        return refuse_no_endpoint(s, error);
    if (s->endpoint.len > 0 && !evs_endpoint_parse(endpoint, s->endpoint, s->allow_http, error))
        return evs_settings_blame("endpoint", s->from.endpoint, error);
    if (s->endpoint.len == 0 && !evs_endpoint_of_region(endpoint, "evs", s->region, error))
        return evs_settings_blame("region", s->from.region, error);
    return check_proxy(s, endpoint, error);
}

/* The SDKs' variable may lack the scheme. */
static bool parse_iam(const struct evs_settings *s, struct evs_endpoint *iam,
                      struct evs_error *error)
{
    struct evs_buf url = {0};
    bool parsed;

    if (s->from.iam_endpoint && !strstr(s->iam_endpoint.data, "://"))
        evs_buf_add(&url, EVS_STR("https://"));
    evs_buf_add(&url, s->iam_endpoint);
    parsed = evs_endpoint_parse(iam, evs_buf_str(&url), s->allow_http, error);
    evs_buf_free(&url);
    return parsed || evs_settings_blame("iam_endpoint", s->from.iam_endpoint, error);
}

struct evs_str evs_settings_region(const struct evs_settings *s)
{
    return s->region.len > 0 ? s->region : s->home_region;
}

bool evs_settings_iam(const struct evs_settings *s, struct evs_endpoint *iam,
                      struct evs_error *error)
{
    struct evs_str region = evs_settings_region(s);

    iam->url[0] = '\0';
    if (s->iam_endpoint.len > 0)
        return parse_iam(s, iam, error);
    return region.len == 0 || evs_endpoint_of_region(iam, "iam", region, error) ||
           evs_settings_blame("region", s->from.region, error);
}
