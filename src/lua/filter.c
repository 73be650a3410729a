#include "filter.h"

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
    if (!(limit >= 2 && limit <= 1000) || limit != (double)(int)limit)
        return refuse(error, "limit", "must be a whole number from 2 to 1000");
    snprintf(digits, sizeof digits, "%d", (int)limit);
    evs_listing_filter(listing, EVS_FILTER_LIMIT, evs_str(digits));
    return true;
}

/* An empty filter is a slip, an unset variable mostly, and would list everything. */
static bool read_filter(lua_State *L, const char *name, struct evs_listing *listing,
                        struct evs_error *error)
{
    enum evs_filter filter = evs_filter_parse(evs_str(name));
    struct evs_str value = {0};

    if (filter == EVS_FILTER_COUNT)
        luaL_error(L, "unknown filter '%s'", name);
    if (filter == EVS_FILTER_LIMIT)
        return read_limit(L, listing, error);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "filter '%s': string expected, got %s", name, luaL_typename(L, -1));
    value.data = lua_tolstring(L, -1, &value.len);
    if (value.len == 0)
        return refuse(error, name, "is empty");
    evs_listing_filter(listing, filter, value);
    return true;
}

bool evs_lua_filter_read(lua_State *L, int index, struct evs_listing *listing,
                         struct evs_error *error)
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
        if (!read_filter(L, lua_tostring(L, -2), listing, usable ? error : &other))
            usable = false;
        lua_pop(L, 1);
    }
    return usable;
}
