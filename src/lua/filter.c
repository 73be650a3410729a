#include "filter.h"

#include "json.h"

#include <stdio.h>

static bool refuse(struct evs_error *error, const char *filter, const char *why)
{
    evs_error_set(error, EVS_INVALID_ARGUMENT, "filter '%s' %s", filter, why);
    return false;
}

/* A page must have room for the anchor and a row behind it. */
static bool read_limit(lua_State *L, struct evs_listing *listing, struct evs_error *error)
{
    double limit;
    char digits[16];

    if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "filter 'limit': number expected, got %s", luaL_typename(L, -1));
    limit = (double)lua_tonumber(L, -1);
    if (!(limit >= 2 && limit <= 1000) || limit != (double)(int)limit) {
        evs_error_set(error, EVS_INVALID_ARGUMENT,
                      "filter 'limit' must be a whole number from 2 to 1000; it is %.14g", limit);
        return false;
    }
    snprintf(digits, sizeof digits, "%d", (int)limit);
    evs_listing_filter(listing, EVS_FILTER_LIMIT, evs_str(digits));
    return true;
}

/* One of the ids at the top. */
static bool check_id(lua_State *L, const struct evs_client *client, int i, struct evs_str *id,
                     struct evs_error *error)
{
    char name[32];

    snprintf(name, sizeof name, "filter 'id'[%d]", i);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s: string expected, got %s", name, luaL_typename(L, -1));
    id->data = lua_tolstring(L, -1, &id->len);
    return evs_id_check(client, *id, name, error);
}

/* The array at the top: these snapshots and no others. The array keeps its strings. */
static bool read_ids(lua_State *L, const struct evs_client *client, struct evs_listing *listing,
                     struct evs_error *error)
{
    int array = lua_gettop(L), count = (int)evs_compat_rawlen(L, array);
    struct evs_str *ids;
    bool usable = true;

    if (count == 0)
        return refuse(error, "id", "is empty");
    ids = lua_newuserdata(L, (size_t)count * sizeof *ids);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, array, i);
        usable =
            check_id(L, client, i, &ids[i - 1], usable ? error : &(struct evs_error){0}) && usable;
        lua_pop(L, 1);
    }
    if (usable && !evs_listing_ask_for(listing, ids, (size_t)count))
        luaL_error(L, "not enough memory");
    lua_pop(L, 1);
    return usable;
}

/* Tags are asked for as a JSON object. */
static bool read_tags(lua_State *L, struct evs_listing *listing, struct evs_error *error)
{
    struct evs_str text;

    if (!lua_istable(L, -1))
        luaL_error(L, "filter 'tags': table expected, got %s", luaL_typename(L, -1));
    lua_pushnil(L);
    if (!lua_next(L, -2))
        return refuse(error, "tags", "is empty");
    lua_pop(L, 2);
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "filter 'tags': names and values are strings");
        lua_pop(L, 1);
    }
    lua_pushvalue(L, -1);
    evs_lua_json_encode(L);
    text.data = lua_tolstring(L, -1, &text.len);
    evs_listing_filter(listing, EVS_FILTER_TAGS, text);
    lua_pop(L, 1);
    return true;
}

/* An empty filter is a slip, an unset variable mostly, and would list everything. */
static bool read_text(lua_State *L, const char *name, enum evs_filter filter,
                      struct evs_listing *listing, struct evs_error *error)
{
    struct evs_str value = {0};

    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "filter '%s': string expected, got %s", name, luaL_typename(L, -1));
    value.data = lua_tolstring(L, -1, &value.len);
    if (value.len == 0)
        return refuse(error, name, "is empty");
    evs_listing_filter(listing, filter, value);
    return true;
}

static bool refuse_generation(struct evs_error *error, const char *name, const struct evs_api *api)
{
    evs_error_set(error, EVS_INVALID_ARGUMENT, "filter '%s' is none of the api %s", name,
                  api->name);
    return false;
}

static bool read_filter(lua_State *L, const char *name, const struct evs_client *client,
                        struct evs_listing *listing, struct evs_error *error)
{
    enum evs_filter filter = evs_filter_parse(evs_str(name));
    bool usable;

    if (filter == EVS_FILTER_COUNT)
        luaL_error(L, "unknown filter '%s'", name);
    if (filter == EVS_FILTER_LIMIT)
        usable = read_limit(L, listing, error);
    else if (filter == EVS_FILTER_TAGS)
        usable = read_tags(L, listing, error);
    else if (filter == EVS_FILTER_ID && lua_istable(L, -1))
        usable = read_ids(L, client, listing, error);
    else
        usable = read_text(L, name, filter, listing, error);
    if (usable && client->api && !evs_api_filters(client->api, filter))
        return refuse_generation(error, name, client->api);
    return usable;
}

bool evs_lua_filter_read(lua_State *L, int index, const struct evs_client *client,
                         struct evs_listing *listing, struct evs_error *error)
{
    struct evs_error other;
    bool usable = true;

    if (lua_isnoneornil(L, index))
        return true;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "filter names are strings, not %s", luaL_typename(L, -2));
        /* Types are checked to the end, so that a slip in the program always raises. */
        if (!read_filter(L, lua_tostring(L, -2), client, listing, usable ? error : &other))
            usable = false;
        lua_pop(L, 1);
    }
    return usable;
}
