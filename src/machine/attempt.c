#include "attempt.h"

#include "api/answer.h"

struct evs_lua_attempt evs_lua_attempt(const struct evs_call *call)
{
    return (struct evs_lua_attempt){
        .call = call, .date = -1, .method = call->as.flow.exchange.request.method};
}

/* A closed client has forgotten its secrets: of what comes then, nothing is shown. */
void evs_lua_attempt_answered(struct evs_lua_attempt *attempt, const struct evs_facts *facts)
{
    const struct evs_client *client = attempt->call->engine->client;
    struct evs_secrets secrets;
    struct evs_error error;

    attempt->status = facts->status;
    attempt->date = facts->date;
    if (client->closed || facts->status <= 299)
        return;
    secrets = evs_client_secrets(client);
    evs_error_answer(&error, facts, &secrets);
    strcpy(attempt->code, facts->status == 407 ? evs_code_text(EVS_PROXY) : error.code);
}

void evs_lua_attempt_failed(struct evs_lua_attempt *attempt, const struct evs_failure *failure)
{
    strcpy(attempt->code, evs_code_text(failure->code));
}

static void set_text(lua_State *L, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_path(lua_State *L, const struct evs_request *request)
{
    struct evs_str path = evs_buf_str(&request->path);

    lua_pushlstring(L, path.data, path.len - 1);
    lua_setfield(L, -2, "path");
}

void evs_lua_attempt_push(lua_State *L, const struct evs_lua_attempt *attempt, double now)
{
    const struct evs_call *call = attempt->call;
    double pause;
    bool resend = evs_flow_resends(&call->as.flow, now, &pause);

    luaL_checkstack(L, 3, "on_attempt");
    lua_createtable(L, 0, 11);
    set_text(L, "method", attempt->method);
    set_text(L, "host", call->engine->client->endpoint.host);
    set_path(L, &call->as.flow.exchange.request);
    set_text(L, "code", attempt->code);
    if (attempt->status != 0) {
        set_text(L, "request_id", call->request_id);
        lua_pushinteger(L, attempt->status);
        lua_setfield(L, -2, "status");
    }
    if (attempt->date >= 0) {
        lua_pushnumber(L, attempt->date);
        lua_setfield(L, -2, "date");
    }
    lua_pushinteger(L, (lua_Integer)call->as.flow.budget.attempts);
    lua_setfield(L, -2, "attempt");
    lua_pushboolean(L, resend);
    lua_setfield(L, -2, "resend");
    if (resend) {
        lua_pushnumber(L, pause);
        lua_setfield(L, -2, "pause");
    }
}
