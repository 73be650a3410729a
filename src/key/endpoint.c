#include "endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { HOST_MAX = 253 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `[...]` around an IPv6 address. */
static bool is_literal(struct evs_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (host.len < 2 || host.len - 2 >= sizeof text || host.data[host.len - 1] != ']')
        return false;
    memcpy(text, host.data + 1, host.len - 2);
    text[host.len - 2] = '\0';
    return strlen(text) == host.len - 2 && inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_host(struct evs_str host)
{
    if (host.len == 0 || host.len > HOST_MAX)
        return false;
    if (host.data[0] == '[')
        return is_literal(host);
    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!(letter || is_digit(c) || c == '-' || c == '.'))
            return false;
    }
    return true;
}

/* 127.0.0.0/8 in the only notation without surprises: four decimal numbers. */
static bool is_loopback_address(struct evs_str host)
{
    unsigned parts[4];
    char text[16], again[64];

    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    if (sscanf(text, "%3u.%3u.%3u.%3u", &parts[0], &parts[1], &parts[2], &parts[3]) != 4)
        return false;
    snprintf(again, sizeof again, "%u.%u.%u.%u", parts[0], parts[1], parts[2], parts[3]);
    return strcmp(text, again) == 0 && parts[0] == 127 && parts[1] < 256 && parts[2] < 256 &&
           parts[3] < 256;
}

static bool is_loopback(struct evs_str host)
{
    return evs_str_equal_nocase(host, EVS_STR("localhost")) ||
           evs_str_equal(host, EVS_STR("[::1]")) || is_loopback_address(host);
}

/* The number after a colon, 0 when it is no port. */
static long read_port(struct evs_str digits)
{
    long port = 0;

    if (digits.len == 0 || digits.len > 5)
        return 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!is_digit(digits.data[i]))
            return 0;
        port = port * 10 + (digits.data[i] - '0');
    }
    return port <= 65535 ? port : 0;
}

static bool refuse(struct evs_error *error, struct evs_str text, const char *why)
{
    const struct evs_secrets none = {0};

    evs_error_set(error, EVS_INVALID_ARGUMENT, "%s", why);
    if (text.len > 0 && !memchr(text.data, '@', text.len)) /* behind user and password */
        evs_error_show(error, text, &none);
    return false;
}

/* Split `rest` into host and port; a missing port is the scheme's own. */
static bool split_port(struct evs_str rest, bool tls, struct evs_str *host, long *port)
{
    size_t colon = rest.len;

    while (colon > 0 && rest.data[colon - 1] != ':' && rest.data[colon - 1] != ']')
        colon--;
    *port = tls ? 443 : 80;
    *host = rest;
    if (colon == 0 || rest.data[colon - 1] == ']')
        return true;
    *host = (struct evs_str){rest.data, colon - 1};
    *port = read_port((struct evs_str){rest.data + colon, rest.len - colon});
    return *port != 0;
}

bool evs_endpoint_parse(struct evs_endpoint *endpoint, struct evs_str text, bool allow_http,
                        struct evs_error *error)
{
    struct evs_str rest = text, host;
    size_t scheme = evs_str_starts(text, EVS_STR("https://"))  ? 8
                    : evs_str_starts(text, EVS_STR("http://")) ? 7
                                                               : 0;
    long port;

    if (scheme == 0)
        return refuse(error, text, "must begin with https:// (or http:// for a loopback host)");
    endpoint->tls = scheme == 8;
    rest.data += scheme;
    rest.len -= scheme;
    if (rest.len > 0 && rest.data[rest.len - 1] == '/')
        rest.len--;
    if (!split_port(rest, endpoint->tls, &host, &port))
        return refuse(error, text, "must have a number from 1 to 65535 as port");
    if (!is_host(host))
        return refuse(error, text, "must be a scheme, a host and an optional port, nothing else");
    endpoint->loopback = is_loopback(host);
    if (!endpoint->tls && !endpoint->loopback && !allow_http)
        return refuse(error, text,
                      "must be https: http to a host other than loopback needs allow_http=true");
    if (port == (endpoint->tls ? 443 : 80))
        snprintf(endpoint->host, sizeof endpoint->host, "%.*s", (int)host.len, host.data);
    else
        snprintf(endpoint->host, sizeof endpoint->host, "%.*s:%ld", (int)host.len, host.data, port);
    snprintf(endpoint->url, sizeof endpoint->url, "%s%s", endpoint->tls ? "https://" : "http://",
             endpoint->host);
    return true;
}

bool evs_region_valid(struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || is_digit(c) || c == '-'))
            return false;
    }
    return text.len >= 1 && text.len <= 64;
}

bool evs_endpoint_of_region(struct evs_endpoint *endpoint, const char *service,
                            struct evs_str region, struct evs_error *error)
{
    char url[128];

    if (!evs_region_valid(region)) {
        const struct evs_secrets none = {0};

        evs_error_set(error, EVS_INVALID_ARGUMENT,
                      "must be 1 to 64 characters of [a-z0-9-], like cn-north-4");
        evs_error_show(error, region, &none);
        return false;
    }
    snprintf(url, sizeof url, "https://%s.%.*s.myhuaweicloud.com", service, (int)region.len,
             region.data);
    return evs_endpoint_parse(endpoint, evs_str(url), false, error);
}
