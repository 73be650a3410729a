#include "machine.h"

#include "error.h"
#include "json.h"
#include "options.h"

#define METATABLE "evs.machine"

static const struct evs_flow_type *const types[] = {&evs_delete_snapshot, &evs_show_snapshot};

struct evs_lua_machine *evs_lua_machine_push(lua_State *L, int client)
{
    struct evs_lua_machine *machine = lua_newuserdata(L, sizeof *machine);

    memset(machine, 0, sizeof *machine);
    machine->client = lua_touserdata(L, client);
    evs_compat_setmetatable(L, METATABLE);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, client);
    lua_rawseti(L, -2, EVS_MACHINE_CLIENT);
    evs_compat_setuservalue(L, -2);
    return machine;
}

/* The snapshot_id, or a snapshot that stands for it. */
static struct evs_str check_id(lua_State *L, int arg, struct evs_snapshot *snapshot, bool *given)
{
    *given = lua_istable(L, arg);
    if (!*given)
        return evs_lua_check_string(L, arg, "snapshot_id");
    lua_getfield(L, arg, "id");
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        luaL_argerror(L, arg, "the snapshot's id must be a string");
    lua_pop(L, 1);
    evs_lua_json_snapshot(L, arg, snapshot, true);
    return snapshot->id;
}

void evs_lua_machine_begin(lua_State *L, struct evs_lua_machine *machine,
                           const struct evs_flow_type *type, int arg)
{
    struct evs_client *client = &machine->client->core;
    struct evs_str project = evs_lua_check_string(L, arg, "project_id");
    struct evs_snapshot snapshot;
    bool given;
    struct evs_str id = check_id(L, arg + 1, &snapshot, &given);
    struct evs_settings settings;
    struct evs_error error;

    settings.call = client->call;
    machine->request_id[0] = '\0';
    if (evs_lua_options_read(L, arg + 2, true, &settings, &error))
        evs_flow_begin(&machine->as.flow, type, client, &settings.call, project, id,
                       given ? &snapshot : NULL);
    else
        evs_flow_refuse(&machine->as.flow, type, client, &error);
}

void evs_lua_machine_reply(lua_State *L, int index, const struct evs_facts *facts)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);

    evs_flow_reply(&machine->as.flow, facts);
    if (machine->as.flow.type != &evs_show_snapshot ||
        machine->as.flow.state != EVS_FLOW_SUCCEEDED)
        return;
    evs_lua_json_push_snapshot(L);
    evs_compat_getuservalue(L, index);
    lua_insert(L, -2);
    lua_rawseti(L, -2, EVS_MACHINE_RESULT);
    lua_pop(L, 1);
}

void evs_lua_machine_push_result(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);

    if (machine->as.flow.type == &evs_delete_snapshot) {
        lua_pushboolean(L, 1);
        return;
    }
    evs_compat_getuservalue(L, index);
    lua_rawgeti(L, -1, EVS_MACHINE_RESULT);
    lua_remove(L, -2);
}

void evs_lua_machine_tell(struct evs_lua_machine *machine)
{
    const struct evs_flow *flow = &machine->as.flow;
    struct evs_lua_last *last = &machine->client->last;
    bool failed = flow->state == EVS_FLOW_FAILED;

    last->known = true;
    last->attempts = flow->budget.attempts;
    last->status = flow->status;
    strcpy(last->request_id, failed ? flow->error.request_id : machine->request_id);
    last->transfer = failed ? NULL : machine->transfer;
}

/* --- what scripts do with a machine --------------------------------------------------------------- */

static struct evs_lua_machine *check(lua_State *L)
{
    return luaL_checkudata(L, 1, METATABLE);
}

int evs_lua_machine_start(lua_State *L)
{
    struct evs_str name;
    struct evs_lua_machine *machine;

    evs_lua_client_check(L, 1);
    lua_settop(L, 5);
    name = evs_lua_check_string(L, 2, "operation");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!evs_str_equal(name, evs_str(types[i]->name)))
            continue;
        machine = evs_lua_machine_push(L, 1);
        evs_lua_machine_begin(L, machine, types[i], 3);
        return 1;
    }
    return luaL_error(L, "unknown operation '%s'", name.data);
}

/* Push `{Name = value}` from lines joined by CRLF. */
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
        lua_rawset(L, -3);
        start += len + 2;
    }
}

static void push_request(lua_State *L, const struct evs_want *want)
{
    struct evs_str url = evs_buf_str(&want->request->url);

    lua_createtable(L, 0, 4);
    lua_pushstring(L, want->request->method);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, url.data, url.len);
    lua_setfield(L, -2, "url");
    push_headers(L, evs_buf_str(&want->request->headers));
    lua_setfield(L, -2, "headers");
    lua_pushnumber(L, want->deadline);
    lua_setfield(L, -2, "deadline");
}

static int push_done(lua_State *L, struct evs_lua_machine *machine)
{
    evs_lua_machine_tell(machine);
    lua_pushliteral(L, "done");
    if (machine->as.flow.state == EVS_FLOW_FAILED)
        return 1 + evs_lua_error_return(L, &machine->as.flow.error);
    evs_lua_machine_push_result(L, 1);
    return 2;
}

static double check_time(lua_State *L, int arg)
{
    double time;

    luaL_checktype(L, arg, LUA_TNUMBER);
    time = (double)lua_tonumber(L, arg);
    if (!(time > -1e15 && time < 1e15))
        luaL_argerror(L, arg, "not a time in seconds");
    return time;
}

/* machine:next(mono, wall) */
static int next(lua_State *L)
{
    struct evs_lua_machine *machine = check(L);
    double mono = check_time(L, 2), wall = check_time(L, 3);
    struct evs_want want;

    if (evs_flow_in_flight(&machine->as.flow))
        return luaL_error(L, "a request is out: call reply or fail before next");
    switch (evs_flow_next(&machine->as.flow, mono, wall, &want)) {
    case EVS_SEND:
        lua_pushliteral(L, "send");
        push_request(L, &want);
        return 2;
    case EVS_SLEEP:
        lua_pushliteral(L, "sleep");
        lua_pushnumber(L, want.seconds);
        return 2;
    default:
        return push_done(L, machine);
    }
}

/* A header from the table at the index that `carrier` points to: names in any case; of a list of
 * values the first. */
struct header_table {
    lua_State *L;
    int index;
};

static struct evs_str header_of_table(void *carrier, const char *name)
{
    struct header_table *table = carrier;
    lua_State *L = table->L;
    struct evs_str found = {0}, wanted = evs_str(name);

    if (!lua_istable(L, table->index))
        return found;
    lua_pushnil(L);
    while (lua_next(L, table->index)) {
        struct evs_str key = {0};

        if (lua_type(L, -2) == LUA_TSTRING)
            key.data = lua_tolstring(L, -2, &key.len);
        if (evs_str_equal_nocase(key, wanted)) {
            if (lua_istable(L, -1)) {
                lua_rawgeti(L, -1, 1);
                lua_replace(L, -2);
            }
            if (lua_type(L, -1) == LUA_TSTRING)
                found.data = lua_tolstring(L, -1, &found.len);
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

static struct evs_lua_machine *check_in_flight(lua_State *L, const char *method)
{
    struct evs_lua_machine *machine = check(L);

    if (!evs_flow_in_flight(&machine->as.flow))
        luaL_error(L, "no request is out: %s follows a next that said \"send\"", method);
    return machine;
}

/* machine:reply(status, headers, body) */
static int reply(lua_State *L)
{
    struct evs_lua_machine *machine = check_in_flight(L, "reply");
    struct header_table table = {L, 3};
    struct evs_lua_answer answer = {.header = header_of_table, .carrier = &table};
    struct evs_facts facts;
    struct evs_secrets secrets = evs_client_secrets(&machine->client->core);

    lua_settop(L, 4);
    answer.status = check_status(L, 2);
    if (!lua_isnil(L, 3))
        luaL_checktype(L, 3, LUA_TTABLE);
    if (!lua_isnil(L, 4))
        answer.body = evs_lua_check_string(L, 4, "body");
    if (answer.body.len > EVS_BODY_LIMIT) {
        answer.body.len = EVS_BODY_LIMIT;
        answer.body_cut = true;
    }
    evs_name_show(machine->request_id, sizeof machine->request_id, evs_lua_request_id(&answer),
                  &secrets);
    evs_lua_json_facts(L, &answer, &facts);
    evs_lua_machine_reply(L, 1, &facts);
    return 0;
}

/* The codes by which a carrier may say why there is no answer. */
static enum evs_code check_failure(lua_State *L, int arg)
{
    enum evs_code code = evs_code_parse(evs_lua_check_string(L, arg, "code"));

    switch (code) {
    case EVS_RESOLVE:
    case EVS_CONNECT:
    case EVS_TLS:
    case EVS_PROXY:
    case EVS_TIMEOUT:
    case EVS_NETWORK:
    case EVS_BAD_RESPONSE:
        return code;
    default:
        luaL_argerror(L, arg, "must be Client.Resolve, .Connect, .TLS, .Proxy, .Timeout, .Network or "
                              ".BadResponse");
        return code;
    }
}

/* machine:fail(code, message, sent) */
static int fail(lua_State *L)
{
    struct evs_lua_machine *machine = check_in_flight(L, "fail");
    struct evs_failure failure = {.code = check_failure(L, 2)};

    failure.message = evs_lua_check_string(L, 3, "message");
    if (lua_type(L, 4) == LUA_TSTRING && strcmp(lua_tostring(L, 4), "maybe") == 0)
        failure.sent = true;
    else if (!lua_isboolean(L, 4) || lua_toboolean(L, 4))
        return luaL_argerror(L, 4, "sent must be false or \"maybe\"");
    failure.passing = failure.code != EVS_TLS && failure.code != EVS_PROXY;
    evs_flow_fail(&machine->as.flow, &failure);
    return 0;
}

/* machine:cancel() */
static int cancel(lua_State *L)
{
    evs_flow_cancel(&check(L)->as.flow);
    return 0;
}

static int collect(lua_State *L)
{
    struct evs_lua_machine *machine = check(L);

    if (machine->client && machine->client->last.transfer == machine->transfer)
        machine->client->last.transfer = NULL;
    evs_transfer_free(machine->transfer);
    machine->transfer = NULL;
    evs_flow_free(&machine->as.flow);
    return 0;
}

void evs_lua_machine_setup(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"next", next}, {"reply", reply}, {"fail", fail}, {"cancel", cancel}, {NULL, NULL}};

    if (luaL_newmetatable(L, METATABLE)) {
        lua_newtable(L);
        evs_compat_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, collect);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, METATABLE);
        lua_setfield(L, -2, "__name");
    }
    lua_pop(L, 1);
}
