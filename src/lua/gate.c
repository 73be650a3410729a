#include "gate.h"

#include "key/keyring.h"
#include "client.h"
#include "error.h"
#include "options.h"

#define REFUSED_MOST 300.0

static const char *const states[] = {"unproven", "proven", "refused"};

/* --- telling ---------------------------------------------------------------------------------------- */

/* A keyed hash: who sees it learns neither AK nor SK, and another SK for the same AK is another key. */
static void push_key(lua_State *L, const struct evs_client *client)
{
    const struct evs_keys *keys = &client->keys;
    struct evs_str secret = evs_buf_str(keys->token.len > 0 ? &keys->token : &keys->sk);
    struct evs_buf text = {0};
    char hex[EVS_HASH_SIZE];

    evs_buf_add(&text, EVS_STR("lua-evs gate\n"));
    evs_buf_add(&text, evs_str(client->endpoint.url));
    evs_buf_add_byte(&text, '\n');
    evs_buf_add(&text, evs_buf_str(&keys->ak));
    evs_buf_add_byte(&text, '\n');
    evs_hmac_hex(secret, evs_buf_str(&text), hex);
    evs_buf_free(&text);
    lua_pushlstring(L, hex, sizeof hex / 2);
}

static int tell(lua_State *L, struct evs_client *client, double now)
{
    struct evs_gate *gate = &client->gate;
    bool refused;

    evs_gate_look(gate, now);
    refused = gate->state == EVS_GATE_REFUSED && now < gate->refused_until;
    lua_createtable(L, 0, 6);
    lua_pushstring(L, states[gate->state == EVS_GATE_REFUSED && !refused ? EVS_GATE_UNPROVEN
                                                                         : gate->state]);
    lua_setfield(L, -2, "state");
    lua_pushnumber(L, client->clock_offset);
    lua_setfield(L, -2, "clock_offset");
    lua_pushboolean(L, gate->healed);
    lua_setfield(L, -2, "healed");
    if (client->keys.source) {
        push_key(L, client);
        lua_setfield(L, -2, "key");
    }
    if (refused) {
        evs_lua_error_push(L, &gate->error);
        lua_setfield(L, -2, "error");
        lua_pushnumber(L, gate->refused_until - now);
        lua_setfield(L, -2, "seconds");
    }
    return 1;
}

/* --- being told; the change is the table at 3 ---------------------------------------------------------- */

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

    lua_getfield(L, 3, "error");
    index = lua_gettop(L);
    luaL_argcheck(L, lua_istable(L, index), 3, "a refused key needs an error");
    memset(error, 0, sizeof *error);
    evs_name_show(error->code, sizeof error->code, string_at(L, index, "code"), &secrets);
    evs_name_show(error->kind, sizeof error->kind, string_at(L, index, "kind"), &secrets);
    evs_name_show(error->request_id, sizeof error->request_id, string_at(L, index, "request_id"),
                  &secrets);
    evs_text_show(error->message, sizeof error->message, string_at(L, index, "message"), &secrets);
    luaL_argcheck(L, error->code[0] && error->message[0], 3, "the error has no code or no message");
    status = number_at(L, index, "status");
    error->status = status >= 100 && status <= 999 ? (int)status : 0;
    error->retryable = boolean_at(L, index, "retryable");
    lua_pop(L, 1);
}

/* Not while somebody of this client has its one request out: that one is waited for anyway. */
static void hold(struct evs_client *client, double now, double seconds, bool barred)
{
    struct evs_gate *gate = &client->gate;

    evs_gate_recover(gate, now); /* the next who asks would, and forget who holds it */
    if (gate->holder && gate->holder != client && now < gate->holder_until)
        return;
    gate->holder = client;
    gate->holder_until = now + seconds;
    gate->barred = barred;
}

static void refuse(lua_State *L, struct evs_client *client, double now)
{
    double seconds = number_at(L, 3, "seconds");
    struct evs_error error;

    read_error(L, client, &error);
    evs_gate_refuse(&client->gate, &error);
    client->gate.refused_now = false;
    client->gate.refused_until = now + (seconds < REFUSED_MOST ? seconds : REFUSED_MOST);
}

/* Requests that were signed by another clock have nothing to say of this one. */
static void set_clock(struct evs_client *client, double offset)
{
    if (offset == client->clock_offset || !(offset > -1e10 && offset < 1e10))
        return;
    client->clock_offset = offset;
    client->gate.generation++;
    client->gate.unseen = 0;
}

static void change(lua_State *L, struct evs_client *client, double now)
{
    struct evs_gate *gate = &client->gate;
    struct evs_str state = string_at(L, 3, "state");

    if (evs_str_equal(state, EVS_STR("held"))) {
        hold(client, now, number_at(L, 3, "seconds"), boolean_at(L, 3, "barred"));
        return;
    }
    set_clock(client, number_at(L, 3, "clock_offset"));
    if (evs_str_equal(state, EVS_STR("refused"))) {
        refuse(L, client, now);
        return;
    }
    gate->refused_now = false;
    gate->healed = boolean_at(L, 3, "healed");
    if (evs_str_equal(state, EVS_STR("proven"))) {
        gate->state = EVS_GATE_PROVEN;
        gate->unseen = 0;
    } else if (evs_str_equal(state, EVS_STR("unproven"))) {
        gate->state = EVS_GATE_UNPROVEN;
    } else {
        luaL_argerror(L, 3, "state must be unproven, proven, refused or held");
    }
}

int evs_lua_client_gate(lua_State *L)
{
    struct evs_client *client = &evs_lua_client_check(L, 1)->core;
    double now;

    lua_settop(L, 3);
    luaL_checktype(L, 2, LUA_TNUMBER);
    now = (double)lua_tonumber(L, 2);
    if (lua_isnil(L, 3)) {
        evs_keyring_look(client);
        return tell(L, client, now);
    }
    luaL_checktype(L, 3, LUA_TTABLE);
    change(L, client, now);
    return 0;
}
