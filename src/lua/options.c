#include "options.h"

#include <stddef.h>

enum kind { STRING, BOOLEAN, SECONDS, COUNT, WAIT, ALGORITHM, FUNCTION };

struct option {
    const char *name;
    enum kind kind;
    bool at_call; /* may stand at a call; all may stand in evs.new */
    size_t offset;
};

#define AT(member) offsetof(struct evs_settings, member)

static const struct option options[] = {
    {"region", STRING, false, AT(region)},
    {"endpoint", STRING, false, AT(endpoint)},
    {"ak", STRING, false, AT(ak)},
    {"sk", STRING, false, AT(sk)},
    {"security_token", STRING, false, AT(security_token)},
    {"token", STRING, false, AT(token)},
    {"algorithm", ALGORITHM, false, AT(algorithm)},
    {"ca_file", STRING, false, AT(ca_file)},
    {"tls_verify", BOOLEAN, false, AT(tls_verify)},
    {"allow_http", BOOLEAN, false, AT(allow_http)},
    {"proxy", STRING, false, AT(proxy)},
    {"user_agent", STRING, false, AT(user_agent)},
    {"connect_timeout", SECONDS, false, AT(connect_timeout)},
    {"timeout", SECONDS, true, AT(call.timeout)},
    {"attempt_timeout", SECONDS, true, AT(call.attempt_timeout)},
    {"retries", COUNT, true, AT(call.retries)},
    {"guard", BOOLEAN, true, AT(call.guard)},
    {"ignore_missing", BOOLEAN, true, AT(call.ignore_missing)},
    {"wait", WAIT, true, AT(call.wait)},
    {"on_attempt", FUNCTION, true, 0},
};

enum { RETRIES_MAX = 100, WAIT_DEFAULT = 180 };

static const struct option *find(lua_State *L, const char *name, bool at_call)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, name) != 0)
            continue;
        if (at_call && !options[i].at_call)
            luaL_error(L, "option '%s' belongs to evs.new, not to a call", name);
        return &options[i];
    }
    luaL_error(L, "unknown option '%s'", name);
    return NULL;
}

static bool refuse(struct evs_error *error, const struct option *option, const char *why)
{
    evs_error_set(error, EVS_INVALID_ARGUMENT, "option '%s' %s", option->name, why);
    return false;
}

static void check_type(lua_State *L, const struct option *option, int type)
{
    if (lua_type(L, -1) != type)
        luaL_error(L, "option '%s': %s expected, got %s", option->name, lua_typename(L, type),
                   luaL_typename(L, -1));
}

/* Empty strings are slips, an unset variable mostly: keys of somewhere else must not step in. */
static bool read_string(lua_State *L, const struct option *option, void *member,
                        struct evs_error *error)
{
    struct evs_str *text = member;

    check_type(L, option, LUA_TSTRING);
    text->data = lua_tolstring(L, -1, &text->len);
    if (text->len == 0 && strcmp(option->name, "proxy") != 0)
        return refuse(error, option, "is empty");
    return true;
}

static bool read_count(lua_State *L, const struct option *option, void *member,
                       struct evs_error *error)
{
    double value;

    check_type(L, option, LUA_TNUMBER);
    value = (double)lua_tonumber(L, -1);
    if (!(value >= 0 && value <= RETRIES_MAX) || value != (double)(unsigned)value)
        return refuse(error, option, "must be a whole number from 0 to 100");
    *(unsigned *)member = (unsigned)value;
    return true;
}

static bool read_wait(lua_State *L, const struct option *option, void *member,
                      struct evs_error *error)
{
    double *wait = member;

    if (lua_isboolean(L, -1)) {
        *wait = lua_toboolean(L, -1) ? WAIT_DEFAULT : 0;
        return true;
    }
    if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "option '%s': boolean or number expected, got %s", option->name,
                   luaL_typename(L, -1));
    *wait = (double)lua_tonumber(L, -1);
    return *wait > 0 || refuse(error, option, "must be true, false or more than 0 seconds");
}

static bool read_algorithm(lua_State *L, const struct option *option, void *member,
                           struct evs_error *error)
{
    struct evs_str name = {0};

    if (!read_string(L, option, &name, error))
        return false;
    return evs_algorithm_parse(name, member) ||
           refuse(error, option,
                  "must be SDK-HMAC-SHA256, SDK-HMAC-SM3 or V11-HMAC-SHA256");
}

static void check_callable(lua_State *L, const struct option *option)
{
    if (lua_isfunction(L, -1))
        return;
    if (!luaL_getmetafield(L, -1, "__call"))
        check_type(L, option, LUA_TFUNCTION);
    lua_pop(L, 1);
}

/* Read the value at the top. */
static bool read_value(lua_State *L, const struct option *option, struct evs_settings *settings,
                       struct evs_error *error)
{
    void *member = (char *)settings + option->offset;

    switch (option->kind) {
    case STRING:
        return read_string(L, option, member, error);
    case BOOLEAN:
        check_type(L, option, LUA_TBOOLEAN);
        *(bool *)member = lua_toboolean(L, -1);
        return true;
    case SECONDS:
        check_type(L, option, LUA_TNUMBER);
        *(double *)member = (double)lua_tonumber(L, -1);
        return true;
    case COUNT:
        return read_count(L, option, member, error);
    case WAIT:
        return read_wait(L, option, member, error);
    case ALGORITHM:
        return read_algorithm(L, option, member, error);
    default:
        check_callable(L, option);
        return true;
    }
}

bool evs_lua_options_read(lua_State *L, int index, bool at_call, struct evs_settings *settings,
                          struct evs_error *error)
{
    bool usable = true;

    if (lua_isnoneornil(L, index))
        return true;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const struct option *option;

        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "option names are strings, not %s", luaL_typename(L, -2));
        option = find(L, lua_tostring(L, -2), at_call);
        /* Types are checked to the end, so that a slip in the program always raises. */
        if (!read_value(L, option, settings, usable ? error : &(struct evs_error){0}))
            usable = false;
        if (strcmp(option->name, "proxy") == 0)
            settings->has_proxy = true;
        lua_pop(L, 1);
    }
    return usable;
}

void evs_lua_options_push_on_attempt(lua_State *L, int index)
{
    if (lua_istable(L, index))
        lua_getfield(L, index, "on_attempt");
    else
        lua_pushnil(L);
}

struct evs_str evs_lua_check_string(lua_State *L, int arg, const char *name)
{
    struct evs_str text = {0};

    if (lua_type(L, arg) != LUA_TSTRING) {
        lua_pushfstring(L, "%s: string expected, got %s", name, luaL_typename(L, arg));
        luaL_argerror(L, arg, lua_tostring(L, -1));
    }
    text.data = lua_tolstring(L, arg, &text.len);
    return text;
}
