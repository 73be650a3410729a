#include "headers.h"

#include "options.h"

#include <stdio.h>

/* The list is closed. These names are made to be passed on, and say no more than "this request
 * is part of that one": none changes what is asked for, by whom, or what is signed. Known are
 * W3C's Trace Context, Zipkin's b3, and the usual names of a request that others are part of.
 * OpenStack's services log the last one beside their own. */
static const char *const names[] = {"traceparent",  "tracestate",       "b3",
                                    "X-Request-Id", "X-Correlation-Id", "X-Openstack-Request-Id"};

enum {
    NAMES = sizeof names / sizeof *names,
    NAME_MOST = 22,  /* bytes of the longest */
    VALUE_MOST = 512 /* bytes of a value, as W3C's Trace Context has it */
};

/* Where in the list `name` is, in any case; negative: it is not. */
static int find(struct evs_str name)
{
    for (int i = 0; i < NAMES; i++)
        if (evs_str_equal_nocase(name, evs_str(names[i])))
            return i;
    return -1;
}

/* Whether a value may be sent. */
static bool is_sendable(struct evs_str value)
{
    return value.len > 0 && value.len <= VALUE_MOST && evs_str_visible(value);
}

/* The name at `index` as its place in the list. */
static int check_name(lua_State *L, int index)
{
    struct evs_str name = {0};
    int found;

    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "option 'headers': names are strings, not %s", luaL_typename(L, index));
    name.data = lua_tolstring(L, index, &name.len);
    found = find(name);
    if (found >= 0)
        return found;
    lua_pushfstring(L, "option 'headers': unknown name '%s'; known are", name.data);
    for (int i = 0; i < NAMES; i++)
        lua_pushfstring(L, "%s%s", i == 0 ? " " : ", ", names[i]);
    lua_concat(L, 1 + NAMES);
    return luaL_error(L, "%s", lua_tostring(L, -1));
}

static bool check_value(lua_State *L, const char *name, struct evs_error *error)
{
    struct evs_str value = {0};

    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "option 'headers': %s: string expected, got %s", name, luaL_typename(L, -1));
    value.data = lua_tolstring(L, -1, &value.len);
    if (is_sendable(value))
        return true;
    evs_error_set(error, EVS_INVALID_ARGUMENT,
                  "option 'headers': %s must be 1 to %d bytes of visible ASCII", name, VALUE_MOST);
    return false;
}

bool evs_lua_headers_check(lua_State *L, struct evs_error *error)
{
    int table = lua_gettop(L);
    unsigned seen = 0;
    bool usable = true;

    if (!lua_istable(L, table))
        luaL_error(L, "option 'headers': table expected, got %s", luaL_typename(L, table));
    luaL_checkstack(L, 4 + NAMES, NULL);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        int place = check_name(L, table + 1);

        if (seen & 1u << place)
            luaL_error(L, "option 'headers': %s is there twice", names[place]);
        seen |= 1u << place;
        if (!check_value(L, names[place], usable ? error : &(struct evs_error){0}))
            usable = false;
        lua_pop(L, 1);
    }
    return usable;
}

/* Add the pair at the top to `len` bytes of `text`; how many there are then. A script's
 * finalizer may have changed the table after its check: what would not pass it is left out. */
static size_t add_line(lua_State *L, char *text, size_t size, size_t len)
{
    struct evs_str name = {0}, value = {0};
    int added, place;

    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
        return len;
    name.data = lua_tolstring(L, -2, &name.len);
    value.data = lua_tolstring(L, -1, &value.len);
    place = find(name);
    if (place < 0 || !is_sendable(value))
        return len;
    added = snprintf(text + len, size - len, "%s%s: %s", len > 0 ? "\r\n" : "", names[place],
                     value.data);
    return added > 0 && (size_t)added < size - len ? len + (size_t)added : len;
}

void evs_lua_headers_push(lua_State *L, int options, struct evs_str *lines)
{
    char text[NAMES * (NAME_MOST + VALUE_MOST + 4) + 1];
    int table = lua_gettop(L) + 1;
    size_t len = 0;

    evs_lua_options_push_function(L, options, "headers");
    if (!lua_istable(L, table)) {
        lua_pushnil(L);
        lua_replace(L, table);
        return;
    }
    lua_pushnil(L);
    while (lua_next(L, table)) {
        len = add_line(L, text, sizeof text, len);
        lua_pop(L, 1);
    }
    lua_pushlstring(L, text, len);
    lua_replace(L, table);
    lines->data = lua_tolstring(L, table, &lines->len);
}
