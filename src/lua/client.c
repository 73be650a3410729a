#include "client.h"

struct evs_lua_client *evs_lua_client_check(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, EVS_CLIENT_METATABLE);
}

void evs_lua_client_request_id(const struct evs_lua_client *client,
                               const struct evs_transfer *transfer, char out[EVS_REQUEST_ID_SIZE])
{
    evs_client_name_show(&client->core, out, EVS_REQUEST_ID_SIZE,
                         evs_transfer_request_id(transfer));
}
