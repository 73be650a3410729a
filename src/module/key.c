#include "module.h"

#include "lua/client.h"
#include "lua/error.h"
#include "lua/options.h"

enum { MONO = 2, WALL, NEWS };

static const char *const states[] = {"unproven", "proven", "doubted", "refused"};

enum { STATE_COUNT = sizeof states / sizeof *states };

/* --- telling ---------------------------------------------------------------------------------- */

/* A keyed hash: who sees it learns neither AK nor SK, and another SK for the same AK is another
 * key. */
static void push_name(lua_State *L, const struct evs_client *client)
{
    const struct evs_keys *keys = &client->key.source.keys;
    struct evs_str secret = evs_buf_str(keys->token.len > 0 ? &keys->token : &keys->sk);
    const struct evs_str parts[] = {EVS_STR("lua-evs gate\n"), evs_str(client->endpoint.url),
                                    EVS_STR("\n"), evs_buf_str(&keys->ak), EVS_STR("\n")};
    struct evs_buf text = {0};
    char hex[EVS_HASH_SIZE];

    evs_buf_add_all(&text, parts, sizeof parts / sizeof *parts);
    evs_hmac_hex(secret, evs_buf_str(&text), hex);
    evs_buf_free(&text);
    lua_pushlstring(L, hex, sizeof hex / 2);
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static int tell(lua_State *L, struct evs_client *client, double now, double wall)
{
    struct evs_key_news news = evs_key_tell(&client->key, now, wall);

    lua_createtable(L, 0, 7);
    lua_pushstring(L, states[news.state]);
    lua_setfield(L, -2, "state");
    set_number(L, "seconds", news.seconds);
    set_number(L, "clock_offset", news.clock_offset);
    set_number(L, "notes", evs_key_notes(&client->key, now));
    lua_pushboolean(L, news.healed);
    lua_setfield(L, -2, "healed");
    if (client->key.source.keys.source) {
        push_name(L, client);
        lua_setfield(L, -2, "name");
    }
    if (news.state == EVS_KEY_DOUBTED || news.state == EVS_KEY_REFUSED) {
        evs_lua_error_push(L, &client->key.error);
        lua_setfield(L, -2, "error");
    }
    return 1;
}

/* --- being told ------------------------------------------------------------------------------- */

static struct evs_str string_at(lua_State *L, int index, const char *name)
{
    struct evs_str text = {0};

    lua_getfield(L, index, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text.data = lua_tolstring(L, -1, &text.len);
    lua_pop(L, 1);
    return text;
}

static double number_at(lua_State *L, int index, const char *name)
{
    double value;

    lua_getfield(L, index, name);
    value = lua_type(L, -1) == LUA_TNUMBER ? (double)lua_tonumber(L, -1) : 0;
    lua_pop(L, 1);
    return value;
}

static bool boolean_at(lua_State *L, int index, const char *name)
{
    bool value;

    lua_getfield(L, index, name);
    value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* Its texts come from this module, by way of memory that others can write to. */
static void read_error(lua_State *L, const struct evs_client *client, struct evs_error *error)
{
    struct evs_secrets secrets = evs_client_secrets(client);
    double status;
    int index;

    lua_getfield(L, NEWS, "error");
    index = lua_gettop(L);
    luaL_argcheck(L, lua_istable(L, index), NEWS, "a refused key needs an error");
    memset(error, 0, sizeof *error);
    evs_name_show(error->code, sizeof error->code, string_at(L, index, "code"), &secrets);
    evs_name_show(error->kind, sizeof error->kind, string_at(L, index, "kind"), &secrets);
    evs_name_show(error->request_id, sizeof error->request_id, string_at(L, index, "request_id"),
                  &secrets);
    evs_text_show(error->message, sizeof error->message, string_at(L, index, "message"), &secrets);
    luaL_argcheck(L, error->code[0] && error->message[0], NEWS,
                  "the error has no code or no message");
    error->hint = evs_hint_parse(string_at(L, index, "hint"));
    status = number_at(L, index, "status");
    error->status = status >= 100 && status <= 999 ? (int)status : 0;
    error->retryable = boolean_at(L, index, "retryable");
    lua_pop(L, 1);
}

static enum evs_key_state check_state(lua_State *L, struct evs_str name)
{
    int state = 0;

    while (state < STATE_COUNT && !evs_str_equal(name, evs_str(states[state])))
        state++;
    luaL_argcheck(L, state < STATE_COUNT, NEWS,
                  "state must be unproven, proven, doubted, refused or held");
    return (enum evs_key_state)state;
}

static void be_told(lua_State *L, struct evs_client *client, double now, double wall)
{
    struct evs_str name = string_at(L, NEWS, "state");
    struct evs_key_news news = {.seconds = number_at(L, NEWS, "seconds"),
                                .clock_offset = number_at(L, NEWS, "clock_offset"),
                                .healed = boolean_at(L, NEWS, "healed")};
    struct evs_error error;

    if (evs_str_equal(name, EVS_STR("held"))) {
        evs_key_hold(&client->key, now, wall, news.seconds);
        return;
    }
    news.state = check_state(L, name);
    if (!(news.clock_offset > -1e10 && news.clock_offset < 1e10))
        news.clock_offset = client->key.clock_offset;
    if (news.state == EVS_KEY_DOUBTED || news.state == EVS_KEY_REFUSED)
        read_error(L, client, &error);
    evs_key_told(&client->key, now, wall, &news, &error);
}

int evs_lua_client_key(lua_State *L)
{
    struct evs_client *client = &evs_lua_client_check(L, 1)->core;
    double now, wall;

    lua_settop(L, NEWS);
    luaL_checktype(L, MONO, LUA_TNUMBER);
    luaL_checktype(L, WALL, LUA_TNUMBER);
    now = (double)lua_tonumber(L, MONO);
    wall = (double)lua_tonumber(L, WALL);
    if (!lua_isnil(L, NEWS)) {
        luaL_checktype(L, NEWS, LUA_TTABLE);
        be_told(L, client, now, wall);
        return 0;
    }
    if (!client->closed)
        evs_source_read_profile(&client->key.source);
    return tell(L, client, now, wall);
}
