#include "options.h"

#include <stddef.h>

enum kind { STRING, BOOLEAN, NUMBER, COUNT, WAIT, ALGORITHM, FUNCTION };

struct option {
    const char *name;
    enum kind kind;
    enum evs_lua_options_at at; /* the narrowest place where it may stand */
    size_t offset;
};

#define AT(member) offsetof(struct evs_settings, member)

static const struct option options[] = {
    {"region", STRING, EVS_AT_NEW, AT(region)},
    {"endpoint", STRING, EVS_AT_NEW, AT(endpoint)},
    {"api", STRING, EVS_AT_NEW, AT(api)},
    {"ak", STRING, EVS_AT_NEW, AT(ak)},
    {"sk", STRING, EVS_AT_NEW, AT(sk)},
    {"security_token", STRING, EVS_AT_NEW, AT(security_token)},
    {"token", STRING, EVS_AT_NEW, AT(token)},
    {"algorithm", ALGORITHM, EVS_AT_NEW, AT(algorithm)},
    {"ca_file", STRING, EVS_AT_NEW, AT(ca_file)},
    {"tls_verify", BOOLEAN, EVS_AT_NEW, AT(tls_verify)},
    {"allow_http", BOOLEAN, EVS_AT_NEW, AT(allow_http)},
    {"proxy", STRING, EVS_AT_NEW, AT(proxy)},
    {"user_agent", STRING, EVS_AT_NEW, AT(user_agent)},
    {"connect_timeout", NUMBER, EVS_AT_NEW, AT(connect_timeout)},
    {"timeout", NUMBER, EVS_AT_CALL, AT(call.timeout)},
    {"attempt_timeout", NUMBER, EVS_AT_CALL, AT(call.attempt_timeout)},
    {"retries", COUNT, EVS_AT_CALL, AT(call.retries)},
    {"guard", BOOLEAN, EVS_AT_CALL, AT(call.guard)},
    {"ignore_missing", BOOLEAN, EVS_AT_CALL, AT(call.ignore_missing)},
    {"wait", WAIT, EVS_AT_CALL, AT(call.wait)},
    {"on_attempt", FUNCTION, EVS_AT_CALL, 0},
    {"concurrency", COUNT, EVS_AT_BATCH, AT(batch.concurrency)},
    {"rate", NUMBER, EVS_AT_BATCH, AT(batch.rate)},
    {"on_result", FUNCTION, EVS_AT_BATCH, 0},
};

enum { COUNT_MAX = 1000, WAIT_DEFAULT = 180 };

static const struct option *find(lua_State *L, const char *name, enum evs_lua_options_at at)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, name) != 0)
            continue;
        if (options[i].at > at)
            luaL_error(L, "option '%s' belongs to %s, not to this call", name,
                       options[i].at == EVS_AT_NEW ? "evs.new" : "delete_snapshots");
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
    if (!(value >= 0 && value <= (double)COUNT_MAX) || value != (double)(unsigned)value)
        return refuse(error, option, "must be a whole number up to 1000");
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
    case NUMBER:
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

bool evs_lua_options_read(lua_State *L, int index, enum evs_lua_options_at at,
                          struct evs_settings *settings, struct evs_error *error)
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
        option = find(L, lua_tostring(L, -2), at);
        /* Types are checked to the end, so that a slip in the program always raises. */
        if (!read_value(L, option, settings, usable ? error : &(struct evs_error){0}))
            usable = false;
        if (strcmp(option->name, "proxy") == 0)
            settings->has_proxy = true;
        lua_pop(L, 1);
    }
    return usable;
}

void evs_lua_options_push_function(lua_State *L, int index, const char *name)
{
    if (lua_istable(L, index))
        evs_compat_rawgetfield(L, index, name);
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
