/**
 * The client as scripts hold it: a userdata with methods.
 */
#ifndef EVS_LUA_CLIENT_H
#define EVS_LUA_CLIENT_H

#include "call/client.h"
#include "http/http.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/** What `last` tells of the last call. */
struct evs_lua_last {
    bool known;
    int status;
    unsigned attempts;
    char request_id[129];
    const struct evs_transfer *transfer; /**< that still holds the request id; NULL: see request_id */
};

/**
 * A client. Its uservalue table holds, at EVS_CLIENT_MACHINE, a machine to be used again, and at
 * EVS_CLIENT_ON_ATTEMPT and EVS_CLIENT_ON_RESULT the functions of these options.
 */
struct evs_lua_client {
    struct evs_client core;
    struct evs_http *http; /**< NULL until the first blocking call */
    bool safe;             /**< delete_snapshot gives nil, err: it was made by evs.safe */
    struct evs_lua_last last;
};

enum { EVS_CLIENT_MACHINE = 1, EVS_CLIENT_ON_ATTEMPT = 2, EVS_CLIENT_ON_RESULT = 3 };

/** Make the clients' metatable; once in a Lua state. */
void evs_lua_client_setup(lua_State *L);

/**
 * Push a client made from the option table at `index` (or none) and the environment. Returns 1 and the
 * client is pushed, or 0 and `error` is set.
 */
int evs_lua_client_new(lua_State *L, int index, bool safe, struct evs_error *error);

/** The client at `arg`; raises for anything else. */
struct evs_lua_client *evs_lua_client_check(lua_State *L, int arg);

#pragma GCC visibility pop
#endif
