/**
 * The process's environment as a source of settings.
 *
 * Names: those of Huawei's SDKs (`HUAWEICLOUD_SDK_*`), our own (`EVS_*`), and the proxy variables
 * that HTTP clients share. In a program with raised privileges (set-user-ID) the environment
 * is not trusted and reads as empty, where the C library can tell (secure_getenv).
 */
#ifndef EVS_ENVIRONMENT_H
#define EVS_ENVIRONMENT_H

#include "client.h"

#pragma GCC visibility push(hidden)

/**
 * Fill what `settings` leaves open: region and endpoint, keys, where else keys may be, CA file,
 * proxy. A region that was given is not overruled by an endpoint of the environment, and keys that
 * were given, in part or whole, are not mixed with the environment's. Slices stay valid until the
 * environment or `scratch` changes, which the caller frees. Returns false and sets `error` when the
 * environment contradicts itself.
 */
bool evs_environment_fill(struct evs_settings *settings, struct evs_buf *scratch,
                          struct evs_error *error);

#pragma GCC visibility pop
#endif
