#include "error.h"

#define METATABLE "evs.error"

static void set_text(lua_State *L, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void evs_lua_error_push(lua_State *L, const struct evs_error *error)
{
    lua_createtable(L, 0, 8);
    set_text(L, "code", error->code);
    set_text(L, "message", error->message);
    set_text(L, "kind", error->kind);
    set_text(L, "request_id", error->request_id);
    set_text(L, "outcome", evs_outcome_text(error->outcome));
    if (error->status != 0) {
        lua_pushinteger(L, error->status);
        lua_setfield(L, -2, "status");
    }
    lua_pushinteger(L, (lua_Integer)error->attempts);
    lua_setfield(L, -2, "attempts");
    lua_pushboolean(L, error->retryable);
    lua_setfield(L, -2, "retryable");
    evs_compat_setmetatable(L, METATABLE);
}

int evs_lua_error_return(lua_State *L, const struct evs_error *error)
{
    lua_pushnil(L);
    evs_lua_error_push(L, error);
    return 2;
}

/* The string at `name` of the table at 1, or NULL. It stays alive in the table. */
static const char *field(lua_State *L, const char *name)
{
    const char *text;

    lua_pushstring(L, name);
    lua_rawget(L, 1);
    text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static long number_field(lua_State *L, const char *name, long otherwise)
{
    long value;

    lua_pushstring(L, name);
    lua_rawget(L, 1);
    value = lua_type(L, -1) == LUA_TNUMBER ? (long)lua_tonumber(L, -1) : otherwise;
    lua_pop(L, 1);
    return value;
}

/* `EVS.1047: its message (HTTP 400, request 8f3c, 1 attempt, refused)` */
static int to_string(lua_State *L)
{
    const char *code, *message, *request_id, *outcome;
    long status, attempts;

    luaL_checktype(L, 1, LUA_TTABLE);
    code = field(L, "code");
    message = field(L, "message");
    request_id = field(L, "request_id");
    outcome = field(L, "outcome");
    status = number_field(L, "status", 0);
    attempts = number_field(L, "attempts", 0);
    lua_pushfstring(L, "%s: %s (", code ? code : "?", message ? message : "?");
    if (status != 0)
        lua_pushfstring(L, "HTTP %d, ", (int)status);
    else
        lua_pushliteral(L, "");
    if (request_id)
        lua_pushfstring(L, "request %s, ", request_id);
    else
        lua_pushliteral(L, "");
    lua_pushfstring(L, "%d attempt%s, ", (int)attempts, attempts == 1 ? "" : "s");
    lua_pushfstring(L, "%s)", outcome ? outcome : "?");
    lua_concat(L, 5);
    return 1;
}

int evs_lua_is_error(lua_State *L)
{
    const char *code, *message;

    luaL_checkany(L, 1);
    if (!lua_istable(L, 1)) {
        lua_pushboolean(L, 0);
        return 1;
    }
    code = field(L, "code");
    message = field(L, "message");
    lua_pushboolean(L, code && code[0] && message && message[0] && field(L, "outcome"));
    return 1;
}

void evs_lua_error_setup(lua_State *L)
{
    if (luaL_newmetatable(L, METATABLE)) {
        lua_pushcfunction(L, to_string);
        lua_setfield(L, -2, "__tostring");
        lua_pushliteral(L, METATABLE);
        lua_setfield(L, -2, "__name");
    }
    lua_pop(L, 1);
}
