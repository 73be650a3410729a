#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* secure_getenv */
#endif
#include "environment.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 17))
#define READ_ENVIRONMENT secure_getenv
#else
#define READ_ENVIRONMENT getenv
#endif

static struct evs_str variable(const char *name)
{
    return evs_str(READ_ENVIRONMENT(name));
}

/* The variable of one of these names, the first that is set; `from` becomes its name. */
static struct evs_str first_variable(const char *name, const char *other, const char **from)
{
    *from = variable(name).len > 0 ? name : other;
    return variable(*from);
}

/* The SDKs' override of one region's endpoint: HUAWEICLOUD_SDK_REGION_EVS_CN_NORTH_4, the first of
 * a comma list. */
static struct evs_str endpoint_of_region(struct evs_str region)
{
    char name[128];
    struct evs_str list;
    int len;

    if (!evs_region_valid(region))
        return (struct evs_str){0};
    len = snprintf(name, sizeof name, "HUAWEICLOUD_SDK_REGION_EVS_%.*s", (int)region.len,
                   region.data);
    for (int i = 0; i < len; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            name[i] = (char)(name[i] - 'a' + 'A');
        else if (name[i] == '-')
            name[i] = '_';
    }
    list = variable(name);
    for (size_t i = 0; i < list.len; i++)
        if (list.data[i] == ',')
            list.len = i;
    return evs_str_trim(list);
}

static void fill_endpoint(struct evs_settings *settings)
{
    bool given = settings->region.len > 0;

    if (settings->endpoint.len > 0)
        return;
    if (!given) {
        settings->region = variable("HUAWEICLOUD_SDK_REGION");
        settings->from.region = "HUAWEICLOUD_SDK_REGION";
        settings->endpoint = variable("EVS_ENDPOINT");
        settings->from.endpoint = "EVS_ENDPOINT";
    }
    if (settings->endpoint.len == 0) {
        settings->endpoint = endpoint_of_region(settings->region);
        settings->from.endpoint = "HUAWEICLOUD_SDK_REGION_EVS_<REGION>";
    }
}

static void fill_iam(struct evs_settings *settings)
{
    settings->home_region = variable("HUAWEICLOUD_SDK_REGION");
    if (!settings->from.region && settings->region.len == 0)
        settings->from.region = "HUAWEICLOUD_SDK_REGION";
    if (settings->iam_endpoint.len > 0)
        return;
    settings->iam_endpoint = variable("HUAWEICLOUD_SDK_IAM_ENDPOINT");
    settings->from.iam_endpoint = "HUAWEICLOUD_SDK_IAM_ENDPOINT";
}

static bool fill_keys(struct evs_settings *settings, struct evs_error *error)
{
    if (settings->ak.len + settings->sk.len + settings->security_token.len + settings->token.len >
        0)
        return true;
    settings->ak = variable("HUAWEICLOUD_SDK_AK");
    settings->sk = variable("HUAWEICLOUD_SDK_SK");
    settings->security_token = variable("HUAWEICLOUD_SDK_SECURITY_TOKEN");
    settings->token = variable("EVS_TOKEN");
    settings->key_source = "environment";
    settings->from.ak = "HUAWEICLOUD_SDK_AK";
    settings->from.sk = "HUAWEICLOUD_SDK_SK";
    settings->from.security_token = "HUAWEICLOUD_SDK_SECURITY_TOKEN";
    settings->from.token = "EVS_TOKEN";
    if (settings->token.len > 0 && settings->ak.len > 0) {
        evs_error_set(
            error, EVS_INVALID_ARGUMENT,
            "the environment has both EVS_TOKEN and HUAWEICLOUD_SDK_AK: unset one of them");
        return false;
    }
    if ((settings->ak.len > 0) != (settings->sk.len > 0)) {
        evs_error_set(error, EVS_INVALID_ARGUMENT,
                      "the environment has only one of HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK");
        return false;
    }
    if (settings->ak.len == 0)
        settings->security_token = (struct evs_str){0};
    return true;
}

/* The SDKs' profile: where it is named, else in the home directory. */
static void fill_profile(struct evs_settings *settings, struct evs_buf *path)
{
    struct evs_str named = variable("HUAWEICLOUD_SDK_CREDENTIALS_FILE");
    struct evs_str home = variable("HOME");

    if (named.len > 0) {
        settings->profile = named;
    } else if (home.len > 0) {
        evs_buf_add(path, home);
        evs_buf_add(path, EVS_STR("/.huaweicloud/credentials"));
        settings->profile = evs_buf_str(path);
    }
}

bool evs_environment_fill(struct evs_settings *settings, struct evs_buf *scratch,
                          struct evs_error *error)
{
    fill_endpoint(settings);
    fill_iam(settings);
    if (settings->api.len == 0) {
        settings->api = variable("EVS_API");
        settings->from.api = "EVS_API";
    }
    fill_profile(settings, scratch);
    settings->metadata_endpoint = variable("EVS_METADATA_ENDPOINT");
    if (settings->ca_file.len == 0)
        settings->ca_file = variable("EVS_CA_FILE");
    if (!settings->has_proxy) {
        settings->proxy = first_variable("HTTPS_PROXY", "https_proxy", &settings->from.proxy);
        settings->no_proxy = first_variable("NO_PROXY", "no_proxy", &(const char *){NULL});
    }
    return fill_keys(settings, error);
}
