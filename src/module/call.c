#include "module.h"

#include "machine/batch.h"
#include "machine/driver.h"
#include "lua/error.h"
#include "machine/script.h"

/* --- one call --------------------------------------------------------------------------------- */

/* Push the client's spare machine, which is then nobody else's, or a new one. A machine that has
 * begun a list is good for nothing else, so lists do not use the spare one. */
static void push_machine(lua_State *L, int client, const struct evs_flow_type *type)
{
    int top = lua_gettop(L);

    evs_compat_getuservalue(L, client);
    lua_rawgeti(L, -1, EVS_CLIENT_MACHINE);
    if (type->subject != EVS_ABOUT_SNAPSHOT || lua_isnil(L, -1)) {
        lua_settop(L, top);
        evs_lua_machine_push(L, client, EVS_MACHINE_METATABLE);
        return;
    }
    lua_pushnil(L);
    lua_rawseti(L, -3, EVS_CLIENT_MACHINE);
    lua_remove(L, -2);
}

static void return_machine(lua_State *L, int client, int machine)
{
    evs_compat_getuservalue(L, client);
    lua_pushvalue(L, machine);
    lua_rawseti(L, -2, EVS_CLIENT_MACHINE);
    lua_pop(L, 1);
}

/* Make the call. Pushes its result, or nil and the error; returns how many values. */
static int make_call(lua_State *L, int client, const struct evs_flow_type *type, int arg)
{
    struct evs_lua_callbacks callbacks = evs_lua_callbacks_push(L, client, arg + 2);
    int machine = lua_gettop(L) + 1;

    push_machine(L, client, type);
    evs_lua_machine_begin(L, type, arg, false);
    evs_lua_drive(L, client, machine, callbacks);
    evs_lua_machine_tell(lua_touserdata(L, machine));
    if (type->subject == EVS_ABOUT_SNAPSHOT)
        return_machine(L, client, machine);
    return evs_lua_machine_push_result(L, machine);
}

int evs_lua_call_delete(lua_State *L, int client, int arg, bool safe)
{
    int count = make_call(L, client, &evs_delete_snapshot, arg);

    return safe ? count : 1; /* the error alone is at the top */
}

int evs_lua_call_show(lua_State *L, int client, int arg)
{
    return make_call(L, client, &evs_show_snapshot, arg);
}

int evs_lua_call_list(lua_State *L, int client, int arg)
{
    return make_call(L, client, &evs_list_snapshots, arg);
}

int evs_lua_call_list_volumes(lua_State *L, int client, int arg)
{
    return make_call(L, client, &evs_list_volumes, arg);
}

int evs_lua_call_project(lua_State *L, int client, int arg)
{
    return make_call(L, client, &evs_find_project, arg);
}

/* --- each ------------------------------------------------------------------------------------- */

/* The iterator's upvalues: the client, the machine, on_attempt, the page's rows, and how many
 * were given. */
enum { EACH_CLIENT = 1, EACH_MACHINE, EACH_ON_ATTEMPT, EACH_ROWS, EACH_GIVEN };

/* Push the next row of the page; false (and nothing pushed) when there is none. */
static bool push_next_row(lua_State *L)
{
    int given = (int)lua_tointeger(L, lua_upvalueindex(EACH_GIVEN));

    lua_rawgeti(L, lua_upvalueindex(EACH_ROWS), given + 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return false;
    }
    lua_pushinteger(L, given + 1);
    lua_replace(L, lua_upvalueindex(EACH_GIVEN));
    return true;
}

/* Read the next page; false when there is none. */
static bool read_page(lua_State *L, struct evs_lua_machine *machine)
{
    bool some;

    lua_pushvalue(L, lua_upvalueindex(EACH_CLIENT));
    lua_pushvalue(L, lua_upvalueindex(EACH_MACHINE));
    lua_pushvalue(L, lua_upvalueindex(EACH_ON_ATTEMPT));
    lua_pushnil(L);
    evs_lua_drive(L, 1, 2, (struct evs_lua_callbacks){3, 4});
    evs_lua_machine_tell(machine);
    evs_lua_machine_take_rows(L, 2);
    some = evs_compat_rawlen(L, -1) > 0;
    lua_replace(L, lua_upvalueindex(EACH_ROWS));
    lua_pushinteger(L, 0);
    lua_replace(L, lua_upvalueindex(EACH_GIVEN));
    lua_settop(L, 0);
    return some;
}

static int each_next(lua_State *L)
{
    struct evs_lua_machine *machine = lua_touserdata(L, lua_upvalueindex(EACH_MACHINE));
    const struct evs_flow *flow = &machine->engine.first.as.flow;

    if (machine->driven)
        return luaL_error(L,
                          "this iterator's request is out: it cannot be called from within itself");
    lua_settop(L, 0);
    if (push_next_row(L) || (read_page(L, machine) && push_next_row(L)))
        return 1;
    return flow->state == EVS_FLOW_FAILED ? evs_lua_error_return(L, &flow->error) : 0;
}

int evs_lua_call_each(lua_State *L, int client, int arg)
{
    struct evs_lua_callbacks callbacks = evs_lua_callbacks_push(L, client, arg + 2);
    int machine = lua_gettop(L) + 1;

    evs_lua_machine_push(L, client, EVS_MACHINE_METATABLE);
    evs_lua_machine_begin(L, &evs_list_snapshots, arg, true);
    lua_pushvalue(L, client);
    lua_pushvalue(L, machine);
    lua_pushvalue(L, callbacks.on_attempt);
    lua_newtable(L);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, each_next, 5);
    return 1;
}

/* --- many ------------------------------------------------------------------------------------- */

int evs_lua_call_batch(lua_State *L, int client, int arg)
{
    struct evs_lua_callbacks callbacks = evs_lua_callbacks_push(L, client, arg + 2);
    struct evs_error error;
    struct evs_lua_machine *machine = evs_lua_batch_push(L, client, arg, false, &error);
    int index = lua_gettop(L);

    if (!machine)
        return evs_lua_error_return(L, &error);
    evs_lua_drive(L, client, index, callbacks);
    evs_lua_batch_push_summary(L, index);
    evs_lua_machine_free(machine);
    return 1;
}
