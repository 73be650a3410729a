#include "machine.h"

#include "batch_machine.h"
#include "carried.h"
#include "error.h"
#include "json.h"
#include "options.h"

#include <stdio.h>

#define METATABLE "evs.machine"

static const struct evs_flow_type *const types[] = {&evs_delete_snapshot, &evs_show_snapshot,
                                                    &evs_list_snapshots};

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
    evs_compat_rawgetfield(L, arg, "id");
    if (lua_isnil(L, -1) && evs_compat_rawlen(L, arg) > 0)
        luaL_argerror(L, arg, "one snapshot or its id expected, got an array; delete_snapshots takes one");
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
        luaL_argerror(L, arg, "the snapshot's id must be a string");
    lua_pop(L, 1);
    evs_lua_json_snapshot(L, arg, snapshot, true);
    return snapshot->id;
}

/* Put the value at the top into the machine's table, and pop it. */
static void keep(lua_State *L, int machine, int what)
{
    evs_compat_getuservalue(L, machine);
    lua_insert(L, -2);
    lua_rawseti(L, -2, what);
    lua_pop(L, 1);
}

/* Push what the machine's table holds. */
static void push_kept(lua_State *L, int machine, int what)
{
    evs_compat_getuservalue(L, machine);
    lua_rawgeti(L, -1, what);
    lua_remove(L, -2);
}

static bool refuse(struct evs_error *error, const char *filter, const char *why)
{
    evs_error_set(error, EVS_INVALID_ARGUMENT, "filter '%s' %s", filter, why);
    return false;
}

/* A page must have room for the anchor and a row behind it. */
static bool read_limit(lua_State *L, struct evs_listing *listing, struct evs_error *error)
{
    double limit;
    char digits[16];

    if (lua_type(L, -1) != LUA_TNUMBER)
        luaL_error(L, "filter 'limit': number expected, got %s", luaL_typename(L, -1));
    limit = (double)lua_tonumber(L, -1);
    if (!(limit >= 2 && limit <= 1000) || limit != (double)(int)limit)
        return refuse(error, "limit", "must be a whole number from 2 to 1000");
    snprintf(digits, sizeof digits, "%d", (int)limit);
    if (listing)
        evs_listing_filter(listing, EVS_FILTER_LIMIT, evs_str(digits));
    return true;
}

/* An empty filter is a slip, an unset variable mostly, and would list everything. */
static bool read_filter(lua_State *L, const char *name, struct evs_listing *listing,
                        struct evs_error *error)
{
    enum evs_filter filter = evs_filter_parse(evs_str(name));
    struct evs_str value = {0};

    if (filter == EVS_FILTER_COUNT)
        luaL_error(L, "unknown filter '%s'", name);
    if (filter == EVS_FILTER_LIMIT)
        return read_limit(L, listing, error);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "filter '%s': string expected, got %s", name, luaL_typename(L, -1));
    value.data = lua_tolstring(L, -1, &value.len);
    if (value.len == 0)
        return refuse(error, name, "is empty");
    if (listing)
        evs_listing_filter(listing, filter, value);
    return true;
}

/* Into `listing`, or only checked where that is NULL. */
static bool read_filters(lua_State *L, int index, struct evs_listing *listing,
                         struct evs_error *error)
{
    struct evs_error other;
    bool usable = true;

    if (lua_isnoneornil(L, index))
        return true;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "filter names are strings, not %s", luaL_typename(L, -2));
        if (!read_filter(L, lua_tostring(L, -2), listing, usable ? error : &other))
            usable = false;
        lua_pop(L, 1);
    }
    return usable;
}

/* What a call is about; its slices live on the stack. */
struct subject {
    struct evs_str project, id;
    struct evs_snapshot snapshot;
    bool given;
};

static struct subject check_subject(lua_State *L, const struct evs_flow_type *type, int arg)
{
    struct subject subject = {.project = evs_lua_check_string(L, arg, "project_id")};

    if (type->one_snapshot)
        subject.id = check_id(L, arg + 1, &subject.snapshot, &subject.given);
    return subject;
}

void evs_lua_machine_begin(lua_State *L, struct evs_lua_machine *machine,
                           const struct evs_flow_type *type, int arg)
{
    struct evs_client *client = &machine->client->core;
    struct evs_flow *flow = &machine->as.flow;
    int index = lua_gettop(L);
    struct subject subject = check_subject(L, type, arg);
    struct evs_settings settings;
    struct evs_error error;

    flow->type = type;
    settings.call = client->call;
    machine->request_id[0] = '\0';
    if (!type->one_snapshot) {
        lua_newtable(L);
        keep(L, index, EVS_MACHINE_RESULT);
        lua_newtable(L);
        keep(L, index, EVS_MACHINE_SEEN);
    }
    if ((type->one_snapshot || read_filters(L, arg + 1, &machine->as.listing, &error)) &&
        evs_lua_options_read(L, arg + 2, EVS_AT_CALL, &settings, &error))
        evs_flow_begin(flow, type, client, &settings.call, subject.project, subject.id,
                       subject.given ? &subject.snapshot : NULL);
    else
        evs_flow_refuse(flow, type, client, &error);
}

void evs_lua_machine_check(lua_State *L, const struct evs_flow_type *type, int arg)
{
    struct evs_settings settings;
    struct evs_error error;

    check_subject(L, type, arg);
    evs_lua_options_read(L, arg + 2, EVS_AT_CALL, &settings, &error);
    if (!type->one_snapshot)
        read_filters(L, arg + 1, NULL, &error);
}

size_t evs_lua_machine_limit(const struct evs_lua_machine *machine)
{
    return machine->as.flow.type == &evs_list_snapshots ? EVS_PAGE_LIMIT : EVS_BODY_LIMIT;
}

static void reply_page(lua_State *L, int index, struct evs_facts *facts)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    int body = lua_gettop(L);

    push_kept(L, index, EVS_MACHINE_SEEN);
    machine->as.listing.accepted = false;
    facts->has_page = facts->speaker >= EVS_JSON && evs_lua_json_page(L, body, body + 1, &facts->page);
    evs_flow_reply(&machine->as.flow, facts);
    if (machine->as.listing.accepted) {
        push_kept(L, index, EVS_MACHINE_RESULT);
        evs_lua_json_take_rows(L, body, body + 1, body + 2);
    }
    lua_settop(L, body);
}

void evs_lua_machine_reply(lua_State *L, int index, struct evs_facts *facts)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    struct evs_flow *flow = &machine->as.flow;

    if (flow->type == &evs_list_snapshots) {
        reply_page(L, index, facts);
        return;
    }
    evs_flow_reply(flow, facts);
    if (flow->type == &evs_show_snapshot && flow->state == EVS_FLOW_SUCCEEDED) {
        evs_lua_json_push_snapshot(L);
        keep(L, index, EVS_MACHINE_RESULT);
    }
}

void evs_lua_machine_take_rows(lua_State *L, int index)
{
    push_kept(L, index, EVS_MACHINE_RESULT);
    lua_newtable(L);
    keep(L, index, EVS_MACHINE_RESULT);
}

void evs_lua_machine_push_result(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);

    if (machine->as.flow.type == &evs_delete_snapshot) {
        lua_pushboolean(L, 1);
        return;
    }
    push_kept(L, index, EVS_MACHINE_RESULT);
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

/* A list that is told page by page. */
static bool is_paged(const struct evs_lua_machine *machine)
{
    return machine->as.flow.type == &evs_list_snapshots && machine->as.listing.paged;
}

int evs_lua_machine_start(lua_State *L)
{
    struct evs_str name;
    struct evs_lua_machine *machine;

    evs_lua_client_check(L, 1);
    lua_settop(L, 5);
    name = evs_lua_check_string(L, 2, "operation");
    if (evs_str_equal(name, EVS_STR("delete_snapshots")))
        return evs_lua_batch_machine_start(L, 1, 3);
    if (evs_str_equal(name, EVS_STR("each_snapshot"))) {
        machine = evs_lua_machine_push(L, 1);
        evs_lua_machine_begin(L, machine, &evs_list_snapshots, 3);
        machine->as.listing.paged = true;
        return 1;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!evs_str_equal(name, evs_str(types[i]->name)))
            continue;
        machine = evs_lua_machine_push(L, 1);
        evs_lua_machine_begin(L, machine, types[i], 3);
        return 1;
    }
    return luaL_error(L, "unknown operation '%s'", name.data);
}

static int push_done(lua_State *L, struct evs_lua_machine *machine)
{
    evs_lua_machine_tell(machine);
    lua_pushliteral(L, "done");
    if (machine->as.flow.state == EVS_FLOW_FAILED)
        return 1 + evs_lua_error_return(L, &machine->as.flow.error);
    if (is_paged(machine))
        lua_pushboolean(L, 1);
    else
        evs_lua_machine_push_result(L, 1);
    return 2;
}

/* "page", rows. True when that was pushed; false when the end of the list was reached, or the next page has
 * to be asked for. */
static bool push_page(lua_State *L, struct evs_lua_machine *machine)
{
    if (machine->as.flow.state != EVS_FLOW_SUCCEEDED)
        return false;
    lua_pushliteral(L, "page");
    evs_lua_machine_take_rows(L, 1);
    if (evs_compat_rawlen(L, -1) > 0) {
        evs_lua_machine_tell(machine);
        return true;
    }
    lua_pop(L, 2);
    return false;
}

/* A page has been told: ask for the next one. */
static void turn_page(struct evs_lua_machine *machine)
{
    if (machine->as.flow.state == EVS_FLOW_SUCCEEDED && !machine->as.listing.finished)
        evs_listing_resume(&machine->as.listing);
}

/* machine:next(mono, wall) */
static int next(lua_State *L)
{
    struct evs_lua_machine *machine = check(L);
    double mono = evs_lua_check_time(L, 2), wall = evs_lua_check_time(L, 3);
    struct evs_want want;

    if (evs_flow_in_flight(&machine->as.flow))
        return luaL_error(L, "a request is out: call reply or fail before next");
    if (is_paged(machine)) {
        if (push_page(L, machine))
            return 2;
        turn_page(machine);
    }
    switch (evs_flow_next(&machine->as.flow, mono, wall, &want)) {
    case EVS_SEND:
        lua_pushliteral(L, "send");
        evs_lua_push_request(L, &want);
        return 2;
    case EVS_SLEEP:
        lua_pushliteral(L, "sleep");
        lua_pushnumber(L, want.seconds);
        return 2;
    default:
        return push_done(L, machine);
    }
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
    struct evs_lua_carried carried;
    struct evs_facts facts;

    lua_settop(L, 4);
    evs_lua_check_answer(L, 2, evs_lua_machine_limit(machine), &carried);
    evs_client_name_show(&machine->client->core, machine->request_id, sizeof machine->request_id,
                         evs_lua_request_id(&carried.answer));
    if (!evs_lua_json_facts(L, &carried.answer, &facts))
        return lua_error(L);
    evs_lua_machine_reply(L, 1, &facts);
    return 0;
}

/* machine:fail(code, message, sent) */
static int fail(lua_State *L)
{
    struct evs_lua_machine *machine = check_in_flight(L, "fail");
    struct evs_failure failure = evs_lua_check_failure(L, 2);

    evs_flow_fail(&machine->as.flow, &failure);
    return 0;
}

/* machine:cancel() */
static int cancel(lua_State *L)
{
    evs_flow_cancel(&check(L)->as.flow);
    return 0;
}

/* What `last` has still to read from the machine's transfer is read now. */
static void forget_transfer(struct evs_lua_machine *machine)
{
    struct evs_lua_last *last = &machine->client->last;

    if (!last->transfer || last->transfer != machine->transfer)
        return;
    evs_transfer_request_id(last->transfer, last->request_id, sizeof last->request_id);
    last->transfer = NULL;
}

static int collect(lua_State *L)
{
    struct evs_lua_machine *machine = check(L);

    if (machine->client)
        forget_transfer(machine);
    evs_transfer_free(machine->transfer);
    machine->transfer = NULL;
    if (machine->as.flow.type == &evs_list_snapshots)
        evs_listing_free(&machine->as.listing);
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
