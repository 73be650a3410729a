/**
 * Where requests go: a region's endpoint, or one that was given.
 */
#ifndef EVS_ENDPOINT_H
#define EVS_ENDPOINT_H

#include "base/error.h"
#include "base/text.h"

#pragma GCC visibility push(hidden)

/** An endpoint that was checked: scheme, host and port. */
struct evs_endpoint {
    char url[288];  /**< `https://evs.cn-north-4.myhuaweicloud.com`, without a default port */
    char host[280]; /**< the Host header: `url` without its scheme */
    bool tls;
    bool loopback; /**< localhost, 127.0.0.0/8 or [::1] */
};

/**
 * Set `endpoint` from `text`: `https://` or `http://`, a host, an optional port, an optional final
 * slash and nothing else. http is accepted for a loopback host, for others only with `allow_http`.
 * Returns false and sets `error` (Client.InvalidArgument) when it is anything else: "must be ...",
 * the caller puts in front what must.
 */
bool evs_endpoint_parse(struct evs_endpoint *endpoint, struct evs_str text, bool allow_http,
                        struct evs_error *error);

/**
 * Set `endpoint` to that of `service`, `evs` or `iam`, in `region` (`[a-z0-9-]{1,64}`):
 * `https://evs.<region>.myhuaweicloud.com`, which holds for every region that Huawei's SDKs list.
 * Returns false and sets `error`, as evs_endpoint_parse does, when `region` cannot be one.
 */
bool evs_endpoint_of_region(struct evs_endpoint *endpoint, const char *service,
                            struct evs_str region, struct evs_error *error);

/** Whether `text` can be a region's name, `[a-z0-9-]{1,64}`. */
bool evs_region_valid(struct evs_str text);

#pragma GCC visibility pop
#endif
