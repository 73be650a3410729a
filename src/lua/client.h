/**
 * The client as Lua holds it.
 */
#ifndef EVS_LUA_CLIENT_H
#define EVS_LUA_CLIENT_H

#include "client/client.h"
#include "http/http.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

#define EVS_CLIENT_METATABLE "evs.client"

/** What `last` tells of the last call. */
struct evs_lua_last {
    bool known;
    int status;
    unsigned attempts;
    char request_id[129], job_id[129];
    const struct evs_transfer
        *transfer; /**< that still holds the request id; NULL: see request_id */
};

/** A client; what it keeps in Lua is in its uservalue table. */
struct evs_lua_client {
    struct evs_client core;
    bool unmade; /**< its options are no good: `error` is what its calls end with */
    struct evs_error error;
    struct evs_http *http; /**< NULL until the first blocking call */
    unsigned long homes;   /**< how often `http` was made or closed */
    bool safe;             /**< delete_snapshot gives nil, err: it was made by evs.safe */
    struct evs_lua_last last;
};

/** In the uservalue table. */
enum {
    EVS_CLIENT_MACHINE = 1, /**< a machine to be used again */
    EVS_CLIENT_ON_ATTEMPT,  /**< the functions of these options */
    EVS_CLIENT_ON_RESULT,
    EVS_CLIENT_PROTECT,
    EVS_CLIENT_HEADERS, /**< these options' headers, as lines */
    EVS_CLIENT_DRIVE    /**< the blocking driver */
};

/** The client at `arg`; raises for anything else. */
struct evs_lua_client *evs_lua_client_check(lua_State *L, int arg);

enum { EVS_REQUEST_ID_SIZE = 129 }; /**< of a request id with its NUL */

/** Copy the request id of the answer that `transfer` has; "" where there is none to be shown. */
void evs_lua_client_request_id(const struct evs_lua_client *client,
                               const struct evs_transfer *transfer, char out[EVS_REQUEST_ID_SIZE]);

#pragma GCC visibility pop
#endif
