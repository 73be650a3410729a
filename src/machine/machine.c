#include "machine.h"

#include "lua/error.h"
#include "lua/filter.h"
#include "lua/headers.h"
#include "lua/json.h"
#include "look.h"
#include "lua/options.h"
#include "protect.h"

struct evs_lua_machine *evs_lua_machine_push(lua_State *L, int client, const char *metatable)
{
    struct evs_lua_machine *machine = lua_newuserdata(L, sizeof *machine);

    memset(machine, 0, sizeof *machine);
    machine->client = lua_touserdata(L, client);
    evs_compat_setmetatable(L, metatable);
    lua_createtable(L, EVS_MACHINE_SEEN, 0);
    lua_pushvalue(L, client);
    lua_rawseti(L, -2, EVS_MACHINE_CLIENT);
    evs_compat_setuservalue(L, -2);
    return machine;
}

void evs_lua_machine_keep(lua_State *L, int machine, int what)
{
    evs_compat_getuservalue(L, machine);
    lua_insert(L, -2);
    lua_rawseti(L, -2, what);
    lua_pop(L, 1);
}

void evs_lua_machine_push_kept(lua_State *L, int machine, int what)
{
    evs_compat_getuservalue(L, machine);
    lua_rawgeti(L, -1, what);
    lua_remove(L, -2);
}

/* --- beginning a call ------------------------------------------------------------------------- */

/* What a call is about; its slices live on the stack. */
struct subject {
    struct evs_str project, id;
    struct evs_snapshot snapshot;
    bool given; /* the snapshot, in place of its id */
};

static void check_id(lua_State *L, int arg, struct subject *subject)
{
    subject->given = lua_istable(L, arg);
    if (!subject->given) {
        subject->id = evs_lua_check_string(L, arg, "snapshot_id");
        return;
    }
    evs_compat_rawgetfield(L, arg, "id");
    if (lua_isnil(L, -1) && evs_compat_rawlen(L, arg) > 0)
        luaL_argerror(L, arg,
                      "one snapshot or its id expected, got an array; delete_snapshots takes one");
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        luaL_argerror(L, arg, "the snapshot's id must be a string");
    lua_pop(L, 1);
    evs_lua_json_snapshot(L, arg, &subject->snapshot, true);
    subject->id = subject->snapshot.id;
}

void evs_lua_machine_ask(lua_State *L, int index, struct evs_call *call,
                         struct evs_snapshot *snapshot)
{
    struct evs_deletion *deletion = &call->as.deletion;
    bool answered;

    if (call->as.flow.type != &evs_delete_snapshot || call->as.flow.state != EVS_FLOW_RUNNING ||
        !deletion->asking)
        return;
    answered = evs_lua_protect_ask(L, index, snapshot);
    evs_deletion_judge(deletion, snapshot);
    if (!answered)
        lua_error(L);
}

void evs_lua_machine_add_headers(lua_State *L, int index, int options,
                                 struct evs_call_options *call)
{
    evs_lua_headers_push(L, options, &call->headers);
    if (lua_isnil(L, -1))
        lua_pop(L, 1);
    else
        evs_lua_machine_keep(L, index, EVS_MACHINE_HEADERS);
}

/* A list of disks has no filters: what it does not show would count as gone. */
static bool read_filter(lua_State *L, int arg, struct evs_call *call, struct evs_lua_client *client,
                        struct evs_error *error)
{
    if (call->as.flow.type == &evs_list_volumes && !lua_isnoneornil(L, arg))
        luaL_argerror(L, arg, "list_volumes takes no filter");
    return evs_lua_filter_read(L, arg, &client->core, &call->as.listing, error);
}

static void begin_rows(lua_State *L, int index)
{
    lua_newtable(L);
    evs_lua_machine_keep(L, index, EVS_MACHINE_RESULT);
    lua_newtable(L);
    evs_lua_machine_keep(L, index, EVS_MACHINE_SEEN);
}

/* A list of certain snapshots takes their rows alone. */
static void note_certain(lua_State *L, int index, const struct evs_listing *listing)
{
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_SEEN);
    for (size_t at = 0; at < listing->ids.len;) {
        struct evs_str id = evs_str(listing->ids.data + at);

        lua_pushlstring(L, id.data, id.len);
        lua_pushboolean(L, 0);
        lua_rawset(L, -3);
        at += id.len + 1;
    }
    lua_pop(L, 1);
}

void evs_lua_machine_begin(lua_State *L, const struct evs_flow_type *type, int arg, bool paged)
{
    int index = lua_gettop(L);
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    struct evs_lua_client *client = machine->client;
    struct evs_call *call = evs_engine_one(&machine->engine, &client->core);
    struct subject subject = {0};
    struct evs_settings settings;
    struct evs_error error;
    bool usable = true;

    call->as.flow.type = type;
    settings.call = client->core.call;
    if (type->subject != EVS_ABOUT_ACCOUNT)
        subject.project = evs_lua_check_string(L, arg, "project_id");
    if (type->subject == EVS_ABOUT_SNAPSHOT) {
        check_id(L, arg + 1, &subject);
    } else if (type->subject == EVS_ABOUT_PROJECT) {
        begin_rows(L, index);
        call->as.listing.paged = paged;
        usable = read_filter(L, arg + 1, call, client, &error);
        note_certain(L, index, &call->as.listing);
    }
    usable = evs_lua_options_read(L, arg + 2, EVS_AT_CALL, &settings,
                                  usable ? &error : &(struct evs_error){0}) &&
             usable;
    if (settings.call.protect)
        evs_lua_protect_keep(L, index, arg + 2);
    if (usable)
        evs_lua_machine_add_headers(L, index, arg + 2, &settings.call);
    if (client->unmade)
        evs_flow_refuse(&call->as.flow, type, &client->core, &client->error);
    else if (!usable)
        evs_flow_refuse(&call->as.flow, type, &client->core, &error);
    else
        evs_flow_begin(&call->as.flow, type, &client->core, &settings.call, subject.project,
                       subject.id, subject.given ? &subject.snapshot : NULL);
    if (subject.given) {
        lua_pushvalue(L, arg + 1);
        evs_lua_machine_ask(L, index, call, &subject.snapshot);
        lua_settop(L, index);
    }
}

/* --- answers and results ---------------------------------------------------------------------- */

size_t evs_lua_body_limit(const struct evs_call *call)
{
    return evs_flow_lists(&call->as.flow) ? EVS_PAGE_LIMIT : EVS_BODY_LIMIT;
}

static void reply_page(lua_State *L, int index, struct evs_call *call, struct evs_facts *facts)
{
    const struct evs_collection *what = evs_listing_collection(&call->as.listing);
    int body = lua_gettop(L);

    evs_lua_machine_push_kept(L, index, EVS_MACHINE_SEEN);
    call->as.listing.accepted = false;
    facts->has_page =
        facts->speaker >= EVS_JSON && evs_lua_json_page(L, what, body, body + 1, &facts->page);
    evs_engine_reply(call, facts);
    if (call->as.listing.accepted) {
        evs_lua_machine_push_kept(L, index, EVS_MACHINE_RESULT);
        evs_lua_json_take_rows(L, what, body, body + 1, call->as.listing.ids.len > 0, body + 2);
    }
    lua_settop(L, body);
}

void evs_lua_machine_reply(lua_State *L, int index, struct evs_call *call, struct evs_facts *facts)
{
    const struct evs_flow *flow = &call->as.flow;

    if (evs_flow_lists(flow) && !call->engine->single) {
        evs_lua_look_reply(L, index, call, facts);
        return;
    }
    if (evs_flow_lists(flow)) {
        reply_page(L, index, call, facts);
        return;
    }
    evs_engine_reply(call, facts);
    if (flow->type == &evs_delete_snapshot && call->as.deletion.asking) {
        evs_lua_json_push_snapshot(L);
        evs_lua_machine_ask(L, index, call, &facts->snapshot);
    }
    if (flow->type == &evs_show_snapshot && flow->state == EVS_FLOW_SUCCEEDED) {
        evs_lua_json_push_snapshot(L);
        evs_lua_machine_keep(L, index, EVS_MACHINE_RESULT);
    }
}

void evs_lua_machine_take_rows(lua_State *L, int index)
{
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_RESULT);
    lua_newtable(L);
    evs_lua_machine_keep(L, index, EVS_MACHINE_RESULT);
}

int evs_lua_machine_push_result(lua_State *L, int index)
{
    const struct evs_lua_machine *machine = lua_touserdata(L, index);
    const struct evs_call *call = &machine->engine.first;

    if (call->as.flow.state == EVS_FLOW_FAILED)
        return evs_lua_error_return(L, &call->as.flow.error);
    if (call->as.flow.type == &evs_delete_snapshot ||
        (evs_flow_lists(&call->as.flow) && call->as.listing.paged))
        lua_pushboolean(L, 1);
    else if (call->as.flow.type == &evs_find_project)
        lua_pushstring(L, machine->client->core.project_id);
    else
        evs_lua_machine_push_kept(L, index, EVS_MACHINE_RESULT);
    return 1;
}

/* --- last ------------------------------------------------------------------------------------- */

void evs_lua_machine_tell(struct evs_lua_machine *machine)
{
    const struct evs_call *call = &machine->engine.first;
    struct evs_lua_last *last = &machine->client->last;
    bool failed = call->as.flow.state == EVS_FLOW_FAILED;

    last->known = true;
    last->attempts = call->as.flow.budget.attempts;
    last->status = call->as.flow.status;
    strcpy(last->job_id, call->as.flow.job_id);
    strcpy(last->request_id, failed ? call->as.flow.error.request_id : call->request_id);
    last->transfer = failed ? NULL : call->transfer;
}

void evs_lua_machine_forget(struct evs_lua_client *client, const struct evs_transfer *transfer)
{
    struct evs_lua_last *last = &client->last;

    if (!last->transfer || last->transfer != transfer)
        return;
    evs_lua_client_request_id(client, last->transfer, last->request_id);
    last->transfer = NULL;
}

/* --- the end ---------------------------------------------------------------------------------- */

void evs_lua_machine_abandon_transfers(struct evs_lua_machine *machine)
{
    for (size_t i = 0; i < machine->engine.call_count; i++) {
        struct evs_call *call = evs_engine_call(&machine->engine, i);

        if (call->transfer && call->in_flight)
            evs_transfer_abandon(call->transfer);
    }
}

void evs_lua_machine_free(struct evs_lua_machine *machine)
{
    for (size_t i = 0; i < machine->engine.call_count; i++) {
        struct evs_call *call = evs_engine_call(&machine->engine, i);

        evs_lua_machine_forget(machine->client, call->transfer);
        evs_transfer_free(call->transfer);
        call->transfer = NULL;
    }
    evs_engine_free(&machine->engine);
}
