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
    lua_createtable(L, 0, 9);
    set_text(L, "code", error->code);
    set_text(L, "message", error->message);
    set_text(L, "kind", error->kind);
    set_text(L, "request_id", error->request_id);
    set_text(L, "outcome", evs_outcome_text(error->outcome));
    set_text(L, "hint", evs_hint_text(error->hint));
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

/* The string at `name` of the table at `index`, or NULL. It stays alive in the table. */
static const char *field(lua_State *L, int index, const char *name)
{
    const char *text;

    lua_pushstring(L, name);
    lua_rawget(L, index);
    text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static long number_field(lua_State *L, int index, const char *name)
{
    long value;

    lua_pushstring(L, name);
    lua_rawget(L, index);
    value = lua_type(L, -1) == LUA_TNUMBER ? (long)lua_tonumber(L, -1) : 0;
    lua_pop(L, 1);
    return value;
}

/* Push `before`, the text, and `after`; nothing of it when there is no text. */
static void push_part(lua_State *L, const char *before, const char *text, const char *after)
{
    if (text)
        lua_pushfstring(L, "%s%s%s", before, text, after);
    else
        lua_pushliteral(L, "");
}

/* Push the error at `index` (counted from the bottom) as one line:
 * `EVS.1047: its message (HTTP 400, request 8f3c, 1 attempt, refused); hint: what to do` */
static void push_line(lua_State *L, int index)
{
    const char *code = field(L, index, "code");
    const char *message = field(L, index, "message");
    const char *outcome = field(L, index, "outcome");
    long status = number_field(L, index, "status");
    long attempts = number_field(L, index, "attempts");

    lua_pushfstring(L, "%s: %s (", code ? code : "?", message ? message : "?");
    if (status != 0)
        lua_pushfstring(L, "HTTP %d, ", (int)status);
    else
        lua_pushliteral(L, "");
    push_part(L, "request ", field(L, index, "request_id"), ", ");
    lua_pushfstring(L, "%d attempt%s, %s)", (int)attempts, attempts == 1 ? "" : "s",
                    outcome ? outcome : "?");
    push_part(L, "; hint: ", field(L, index, "hint"), "");
    lua_concat(L, 5);
}

/* __tostring */
static int to_string(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    push_line(L, 1);
    return 1;
}

static bool is_ours(lua_State *L, int index)
{
    bool ours;

    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, METATABLE);
    ours = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return ours;
}

/* __concat: one of the two is an error, the other one a string, a number, or an error too. */
static int concatenate(lua_State *L)
{
    lua_settop(L, 2);
    for (int i = 1; i <= 2; i++) {
        if (lua_istable(L, i) && is_ours(L, i))
            push_line(L, i);
        else if (lua_isstring(L, i))
            lua_pushvalue(L, i);
        else
            return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, i));
    }
    lua_concat(L, 2);
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
    code = field(L, 1, "code");
    message = field(L, 1, "message");
    lua_pushboolean(L, code && code[0] && message && message[0] && field(L, 1, "outcome"));
    return 1;
}

void evs_lua_error_setup(lua_State *L)
{
    if (luaL_newmetatable(L, METATABLE)) {
        lua_pushcfunction(L, to_string);
        lua_setfield(L, -2, "__tostring");
        lua_pushcfunction(L, concatenate);
        lua_setfield(L, -2, "__concat");
        lua_pushliteral(L, METATABLE);
        lua_setfield(L, -2, "__name");
    }
    lua_pop(L, 1);
}
