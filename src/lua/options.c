#include "options.h"

#include "call/engine.h"
#include "headers.h"

#include <limits.h>
#include <stddef.h>

enum kind { STRING, BOOLEAN, SECONDS, RATE, COUNT, WAIT, ALGORITHM, FUNCTION, HEADERS };

struct option {
    const char *name;
    enum kind kind;
    enum evs_lua_options_at at; /* the narrowest place where it may stand */
    size_t offset;
    double least, most;
    double standard; /* its default; one that is out of range means "none" */
    const char *text;
};

#define AT(member) offsetof(struct evs_settings, member)

/* A time longer than a year is a slip, and keeps sums of times exact to the millisecond. */
#define YEAR (366.0 * 86400)
#define WAIT_DEFAULT 180

static const struct option options[] = {
    {"region", STRING, EVS_AT_NEW, AT(region), 0, 0, 0, "`ap-southeast-1`"},
    {"endpoint", STRING, EVS_AT_NEW, AT(endpoint), 0, 0, 0, "scheme, host, port, nothing else"},
    {"iam_endpoint", STRING, EVS_AT_NEW, AT(iam_endpoint), 0, 0, 0, "IAM's, for project_id"},
    {"api", STRING, EVS_AT_NEW, AT(api), 0, 0, 0, "generation of the interface"},
    {"ak", STRING, EVS_AT_NEW, AT(ak), 0, 0, 0, "access key"},
    {"sk", STRING, EVS_AT_NEW, AT(sk), 0, 0, 0, "secret key"},
    {"security_token", STRING, EVS_AT_NEW, AT(security_token), 0, 0, 0, "of temporary keys"},
    {"token", STRING, EVS_AT_NEW, AT(token), 0, 0, 0, "IAM token, sent in place of a signature"},
    {"algorithm", ALGORITHM, EVS_AT_NEW, AT(algorithm), 0, 0, 0, "SDK-HMAC-SHA256"},
    {"ca_file", STRING, EVS_AT_NEW, AT(ca_file), 0, 0, 0, "PEM file of all CAs to trust"},
    {"tls_verify", BOOLEAN, EVS_AT_NEW, AT(tls_verify), 0, 1, 1, "false accepts any certificate"},
    {"allow_http", BOOLEAN, EVS_AT_NEW, AT(allow_http), 0, 1, 0,
     "http to hosts other than loopback"},
    {"proxy", STRING, EVS_AT_NEW, AT(proxy), 0, 0, 0, "proxy for https; \"\" is none"},
    {"user_agent", STRING, EVS_AT_NEW, AT(user_agent), 0, 0, 0, "`lua-evs/` and the version"},
    {"connect_timeout", SECONDS, EVS_AT_NEW, AT(connect_timeout), 0, YEAR, 5,
     "seconds to connect, name and TLS included"},
    {"timeout", SECONDS, EVS_AT_CALL, AT(call.timeout), 0, YEAR, 30,
     "seconds from the call's first step to the DELETE's answer"},
    {"attempt_timeout", SECONDS, EVS_AT_CALL, AT(call.attempt_timeout), 0, YEAR, 10,
     "seconds for one request and its answer"},
    {"retries", COUNT, EVS_AT_CALL, AT(call.retries), 0, 100, 3,
     "how often a request may be sent again"},
    {"guard", BOOLEAN, EVS_AT_CALL, AT(call.guard), 0, 1, 1,
     "look first, and spare backups' and busy snapshots"},
    {"ignore_missing", BOOLEAN, EVS_AT_CALL, AT(call.ignore_missing), 0, 1, 0,
     "a snapshot that does not exist is success"},
    {"wait", WAIT, EVS_AT_CALL, AT(call.wait), 0, YEAR, 0, "seconds to wait until it is gone"},
    {"protect", FUNCTION, EVS_AT_CALL, AT(call.protect), 0, 0, 0,
     "asked by the guard: a reason that it returns keeps the snapshot"},
    {"on_attempt", FUNCTION, EVS_AT_CALL, 0, 0, 0, 0,
     "called after each attempt of a blocking call"},
    {"headers", HEADERS, EVS_AT_CALL, 0, 0, 0, 0, "added to each request, unsigned"},
    {"concurrency", COUNT, EVS_AT_BATCH, AT(batch.concurrency), 1, EVS_CALLS_MOST, 16,
     "deletions at a time"},
    {"rate", RATE, EVS_AT_BATCH, AT(batch.rate), 0.001, 1e6, 0,
     "most requests that start in any second"},
    {"max", COUNT, EVS_AT_BATCH, AT(batch.max), 0, UINT_MAX - 1.0, UINT_MAX,
     "most ids: more are Client.TooMany"},
    {"max_errors", COUNT, EVS_AT_BATCH, AT(batch.max_errors), 1, UINT_MAX - 1.0, 0,
     "so many that failed or are unknown stop the batch"},
    {"read_ahead", COUNT, EVS_AT_BATCH, AT(batch.read_ahead), 0, 10000, 0,
     "ids that a function gives before their turn, so that lists can look at them"},
    {"on_result", FUNCTION, EVS_AT_BATCH, 0, 0, 0, 0, "called as each deletion ends"},
};

#define OPTIONS_END (options + sizeof options / sizeof *options)

static const struct option *find(lua_State *L, const char *name, enum evs_lua_options_at at)
{
    for (const struct option *option = options; option < OPTIONS_END; option++) {
        if (strcmp(option->name, name) != 0)
            continue;
        if (option->at > at)
            luaL_error(L, "option '%s' belongs to %s, not to this call", name,
                       option->at == EVS_AT_NEW ? "evs.new" : "delete_snapshots");
        return option;
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

static bool in_range(const struct option *option, double value)
{
    bool from_zero = option->kind == COUNT || option->kind == RATE;

    return value <= option->most && (from_zero ? value >= option->least : value > option->least);
}

static bool refuse_range(struct evs_error *error, const struct option *option, double value)
{
    static const char *const forms[] = {
        [SECONDS] = "option '%s' must be more than %.10g seconds and at most a year; it is %.14g",
        [WAIT] =
            "option '%s' must be true, false, or more than %.10g seconds and at most a year; it is "
            "%.14g"};

    if (option->kind == COUNT)
        evs_error_set(error, EVS_INVALID_ARGUMENT,
                      "option '%s' must be a whole number from %.10g to %.10g; it is %.14g",
                      option->name, option->least, option->most, value);
    else if (option->kind == RATE)
        evs_error_set(
            error, EVS_INVALID_ARGUMENT,
            "option '%s' must be from %.10g to %.10g requests a second, or 0; it is %.14g",
            option->name, option->least, option->most, value);
    else
        evs_error_set(error, EVS_INVALID_ARGUMENT, forms[option->kind], option->name, option->least,
                      value);
    if (option->most == YEAR && value > YEAR)
        error->hint = EVS_HINT_SECONDS;
    return false;
}

/* Read a number of any kind. */
static bool read_number(lua_State *L, const struct option *option, void *member,
                        struct evs_error *error)
{
    double value;

    check_type(L, option, LUA_TNUMBER);
    value = (double)lua_tonumber(L, -1);
    if (!in_range(option, value) && !(option->kind == RATE && value == 0))
        return refuse_range(error, option, value);
    if (option->kind != COUNT) {
        *(double *)member = value;
        return true;
    }
    if (value != (double)(unsigned)value)
        return refuse_range(error, option, value);
    *(unsigned *)member = (unsigned)value;
    return true;
}

static bool read_wait(lua_State *L, const struct option *option, void *member,
                      struct evs_error *error)
{
    if (lua_isboolean(L, -1)) {
        *(double *)member = lua_toboolean(L, -1) ? WAIT_DEFAULT : 0;
        return true;
    }
    if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "option '%s': boolean or number expected, got %s", option->name,
                   luaL_typename(L, -1));
    return read_number(L, option, member, error);
}

static bool read_algorithm(lua_State *L, const struct option *option, void *member,
                           struct evs_error *error)
{
    struct evs_str name = {0};

    if (!read_string(L, option, &name, error))
        return false;
    if (evs_algorithm_parse(name, member))
        return true;
    refuse(error, option, "must be SDK-HMAC-SHA256, SDK-HMAC-SM3 or V11-HMAC-SHA256");
    evs_error_show(error, name, &(const struct evs_secrets){0});
    return false;
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
    case STRING: return read_string(L, option, member, error);
    case BOOLEAN:
        check_type(L, option, LUA_TBOOLEAN);
        *(bool *)member = lua_toboolean(L, -1);
        return true;
    case SECONDS:
    case RATE:
    case COUNT: return read_number(L, option, member, error);
    case WAIT: return read_wait(L, option, member, error);
    case ALGORITHM: return read_algorithm(L, option, member, error);
    case HEADERS: return evs_lua_headers_check(L, error);
    default:
        check_callable(L, option);
        if (option->offset == AT(call.protect))
            settings->call.protect = true;
        return true;
    }
}

void evs_lua_options_default(struct evs_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    for (const struct option *option = options; option < OPTIONS_END; option++) {
        void *member = (char *)settings + option->offset;

        if (option->kind == BOOLEAN)
            *(bool *)member = option->standard != 0;
        else if (option->kind == COUNT)
            *(unsigned *)member = (unsigned)option->standard;
        else if (option->kind == SECONDS || option->kind == RATE || option->kind == WAIT)
            *(double *)member = option->standard;
    }
}

/* Without a look there is nothing to ask about. */
static bool check_protect(const struct evs_settings *settings, struct evs_error *error)
{
    if (settings->call.protect && !settings->call.guard)
        evs_error_set(error, EVS_INVALID_ARGUMENT,
                      "option 'protect' needs the guard, and 'guard' is false");
    return !settings->call.protect || settings->call.guard;
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
    return usable && check_protect(settings, error);
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

static void set_string(lua_State *L, const char *name, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

void evs_lua_options_push_table(lua_State *L)
{
    static const char *const kinds[] = {"string", "boolean",   "seconds",  "rate",   "count",
                                        "wait",   "algorithm", "function", "headers"};
    static const char *const places[] = {"call", "batch", "new"};

    lua_newtable(L);
    for (const struct option *option = options; option < OPTIONS_END; option++) {
        lua_newtable(L);
        set_string(L, "kind", kinds[option->kind]);
        set_string(L, "at", places[option->at]);
        set_string(L, "text", option->text);
        if (option->least < option->most) {
            set_number(L, "least", option->least);
            set_number(L, "most", option->most);
            set_number(L, "default", option->standard);
        }
        lua_setfield(L, -2, option->name);
    }
}
