#include "script_io.h"

#include "machine.h"
#include "lua/options.h"

#include <stdio.h>

double evs_lua_check_time(lua_State *L, int arg)
{
    double time;

    luaL_checktype(L, arg, LUA_TNUMBER);
    time = (double)lua_tonumber(L, arg);
    if (!(time > -1e15 && time < 1e15))
        luaL_argerror(L, arg, "not a time in seconds");
    return time;
}

/* Push `{Name = value}` from lines joined by CRLF. HTTP clients make Host themselves, from the
 * URL. */
static void push_headers(lua_State *L, struct evs_str lines)
{
    lua_newtable(L);
    for (size_t start = 0; start < lines.len;) {
        const char *line = lines.data + start;
        const char *end = strstr(line, "\r\n");
        const char *colon = strchr(line, ':');
        size_t len = end ? (size_t)(end - line) : lines.len - start;

        lua_pushlstring(L, line, (size_t)(colon - line));
        lua_pushlstring(L, colon + 2, len - (size_t)(colon + 2 - line));
        if (strncmp(line, "Host:", 5) == 0)
            lua_pop(L, 2);
        else
            lua_rawset(L, -3);
        start += len + 2;
    }
}

void evs_lua_push_request(lua_State *L, const struct evs_act *act)
{
    const struct evs_want *want = &act->want;
    struct evs_str url = evs_buf_str(&want->request->url);

    lua_createtable(L, 0, 7);
    lua_pushstring(L, want->request->method);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, url.data, url.len);
    lua_setfield(L, -2, "url");
    push_headers(L, evs_buf_str(&want->request->headers));
    lua_setfield(L, -2, "headers");
    lua_pushnumber(L, want->deadline);
    lua_setfield(L, -2, "deadline");
    lua_pushnumber(L, want->connect_timeout);
    lua_setfield(L, -2, "connect_timeout");
    lua_pushinteger(L, (lua_Integer)evs_lua_body_limit(act->call));
    lua_setfield(L, -2, "limit");
    if (want->peer == EVS_PEER_METADATA) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "metadata");
    }
}

/* The value at the top of the header `name`. Some HTTP clients make Retry-After a number. */
static struct evs_str header_value(struct evs_lua_told *told, struct evs_str name)
{
    lua_State *L = told->L;
    struct evs_str text = {0};

    if (lua_type(L, -1) == LUA_TSTRING) {
        text.data = lua_tolstring(L, -1, &text.len);
    } else if (lua_type(L, -1) == LUA_TNUMBER && evs_str_equal(name, EVS_STR("retry-after"))) {
        snprintf(told->retry_after, sizeof told->retry_after, "%.14g", (double)lua_tonumber(L, -1));
        text = evs_str(told->retry_after);
    }
    return text;
}

/* A header from a script's table: names in any case; of a list of values the first. */
static struct evs_str header_of_table(void *source, const char *name)
{
    struct evs_lua_told *told = source;
    lua_State *L = told->L;
    struct evs_str found = {0}, wanted = evs_str(name);

    if (!lua_istable(L, told->headers))
        return found;
    lua_pushnil(L);
    while (lua_next(L, told->headers)) {
        struct evs_str key = {0};

        if (lua_type(L, -2) == LUA_TSTRING)
            key.data = lua_tolstring(L, -2, &key.len);
        if (evs_str_equal_nocase(key, wanted)) {
            if (lua_istable(L, -1)) {
                lua_rawgeti(L, -1, 1);
                lua_replace(L, -2);
            }
            found = header_value(told, wanted);
        }
        lua_pop(L, 1);
    }
    return found;
}

static int check_status(lua_State *L, int arg)
{
    double status;

    luaL_checktype(L, arg, LUA_TNUMBER);
    status = (double)lua_tonumber(L, arg);
    if (!(status >= 200 && status <= 999) || status != (double)(int)status)
        luaL_argerror(L, arg, "not the status of a final answer");
    return (int)status;
}

void evs_lua_check_answer(lua_State *L, int arg, size_t limit, struct evs_lua_told *told)
{
    struct evs_lua_answer *answer = &told->answer;

    *told = (struct evs_lua_told){.L = L, .headers = arg + 1};
    answer->status = check_status(L, arg);
    answer->header = header_of_table;
    answer->source = told;
    if (!lua_isnoneornil(L, arg + 1))
        luaL_checktype(L, arg + 1, LUA_TTABLE);
    if (!lua_isnoneornil(L, arg + 2))
        answer->body = evs_lua_check_string(L, arg + 2, "body");
    if (answer->body.len > limit) {
        answer->body.len = limit;
        answer->body_cut = true;
    }
}

/* The codes by which a script may say why there is no answer. */
static enum evs_code check_code(lua_State *L, int arg)
{
    enum evs_code code = evs_code_parse(evs_lua_check_string(L, arg, "code"));

    switch (code) {
    case EVS_RESOLVE:
    case EVS_CONNECT:
    case EVS_TLS:
    case EVS_PROXY:
    case EVS_TIMEOUT:
    case EVS_NETWORK:
    case EVS_BAD_RESPONSE: return code;
    default:
        luaL_argerror(L, arg,
                      "must be Client.Resolve, .Connect, .TLS, .Proxy, .Timeout, .Network or "
                      ".BadResponse");
        return code;
    }
}

struct evs_failure evs_lua_check_failure(lua_State *L, int arg)
{
    struct evs_failure failure = {.code = check_code(L, arg)};

    failure.message = evs_lua_check_string(L, arg + 1, "message");
    if (lua_type(L, arg + 2) == LUA_TSTRING && strcmp(lua_tostring(L, arg + 2), "maybe") == 0)
        failure.sent = true;
    else if (!lua_isboolean(L, arg + 2) || lua_toboolean(L, arg + 2))
        luaL_argerror(L, arg + 2, "sent must be false or \"maybe\"");
    failure.passing = failure.code != EVS_TLS && failure.code != EVS_PROXY;
    return failure;
}
