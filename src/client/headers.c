#include "headers.h"

/* W3C's Trace Context, Zipkin's b3, and the usual names of a request that others are part of. OpenStack's
 * services log the last one beside their own. */
const char *const evs_header_names[EVS_HEADERS_MOST] = {
    "traceparent", "tracestate", "b3", "X-Request-Id", "X-Correlation-Id", "X-Openstack-Request-Id"};

int evs_header_find(struct evs_str name)
{
    for (int i = 0; i < EVS_HEADERS_MOST; i++)
        if (evs_str_equal_nocase(name, evs_str(evs_header_names[i])))
            return i;
    return -1;
}

bool evs_header_value_valid(struct evs_str value)
{
    return value.len > 0 && value.len <= EVS_HEADER_VALUE_MOST && evs_str_visible(value);
}
