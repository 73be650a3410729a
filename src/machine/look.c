#include "look.h"

#include "ahead.h"
#include "lua/json.h"

#define ROW_SECONDS 5.0 /* for so long a row stands for a look of one's own */

/* In the table at EVS_MACHINE_ROWS, of each id that was asked for and has not begun: its row;
 * true when a row came twice; false while, or when, there is none. The row's [1] is the number
 * of its look. */

static bool makes_looks(const struct evs_lua_machine *machine)
{
    const struct evs_engine *engine = &machine->engine;

    return (machine->source == EVS_FROM_ARRAY || machine->ahead > 1) && engine->options.guard &&
           !engine->looks_off && engine->client->api->id_list != EVS_IDS_NEVER &&
           !(machine->read_all && machine->count == 1);
}

/* With no more than a list's ids ahead, the rows that wait are those of the last two looks. */
bool evs_lua_look_is_due(const struct evs_lua_machine *machine)
{
    const struct evs_engine *engine = &machine->engine;
    size_t most = engine->limits.concurrency;

    if (most > EVS_IDS_MOST)
        most = EVS_IDS_MOST;
    return makes_looks(machine) && !engine->looking && machine->looked <= machine->position + most;
}

size_t evs_lua_look_left(const struct evs_lua_machine *machine)
{
    return machine->count -
           (machine->looked > machine->position ? machine->looked : machine->position);
}

/* Push what is known of the id at `id`. */
static void push_known(lua_State *L, int index, int id)
{
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_ROWS);
    lua_pushvalue(L, id);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

static double row_ends(lua_State *L, const struct evs_engine *engine, int row)
{
    double ends;

    lua_rawgeti(L, row, 1);
    ends = engine->looked_at[lua_tointeger(L, -1) % 2] + ROW_SECONDS;
    lua_pop(L, 1);
    return ends;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Take the id at the top, if a list can ask for it: a snapshot needs no look, and a malformed
 * id, which only an array is free of, fails by itself. */
static bool take_id(lua_State *L, const struct evs_lua_machine *machine, struct evs_str *id)
{
    struct evs_error error;

    if (lua_type(L, -1) != LUA_TSTRING)
        return false;
    id->data = lua_tolstring(L, -1, &id->len);
    return machine->source == EVS_FROM_ARRAY ||
           evs_id_check(&machine->client->core, *id, "id", &error);
}

/* Gather the ids behind `looked`, and note each as asked for. */
static size_t gather(lua_State *L, int index, struct evs_str ids[EVS_IDS_MOST])
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    int top = lua_gettop(L);
    size_t count = 0;

    evs_lua_machine_push_kept(L, index, EVS_MACHINE_ROWS);
    for (; count < EVS_IDS_MOST && machine->looked < machine->count; machine->looked++) {
        evs_lua_ahead_push(L, index, machine->looked);
        if (take_id(L, machine, &ids[count])) {
            count++;
            lua_pushboolean(L, 0);
            lua_rawset(L, top + 1);
        } else {
            lua_pop(L, 1);
        }
    }
    lua_settop(L, top);
    return count;
}

static void look(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    struct evs_str ids[EVS_IDS_MOST];
    size_t count = gather(L, index, ids);

    if (count > 0 && !evs_engine_look(&machine->engine, evs_str(machine->project), ids, count))
        luaL_error(L, "not enough memory");
}

/* A row that has grown old is asked for again, with those behind it. */
static bool is_young(lua_State *L, const struct evs_engine *engine)
{
    return !lua_istable(L, -1) || engine->now <= row_ends(L, engine, lua_gettop(L));
}

bool evs_lua_look_is_ready(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);
    struct evs_engine *engine = &machine->engine;
    size_t place = machine->position; /* of the id, counted from 0 */
    bool known;

    if (lua_type(L, -1) != LUA_TSTRING || !makes_looks(machine))
        return true;
    push_known(L, index, lua_gettop(L));
    known = place < machine->looked && is_young(L, engine);
    lua_pop(L, 1);
    if (known && !(engine->looking && place >= machine->looking_from))
        return true;
    if (!engine->looking) {
        machine->looked = machine->looking_from = place;
        look(L, index);
    }
    evs_engine_hold(engine);
    return false;
}

/* Whether there are enough entries for a list. A window may be too small for sixty: then half of
 * it is, but a list of one is a look. */
static bool is_worth_a_list(const struct evs_lua_machine *machine)
{
    size_t left = evs_lua_look_left(machine), half = (machine->ahead + 1) / 2;

    if (machine->read_all || left >= EVS_IDS_MOST)
        return left > 0;
    return left > 1 && left >= half;
}

void evs_lua_look_ahead(lua_State *L, int index)
{
    struct evs_lua_machine *machine = lua_touserdata(L, index);

    if (!evs_lua_look_is_due(machine) || !is_worth_a_list(machine))
        return;
    if (machine->looked < machine->position)
        machine->looked = machine->position;
    machine->looking_from = machine->looked;
    look(L, index);
}

/* --- rows ------------------------------------------------------------------------------------- */

bool evs_lua_look_take(lua_State *L, int index, struct evs_snapshot *snapshot)
{
    const struct evs_lua_machine *machine = lua_touserdata(L, index);
    int id = lua_gettop(L);

    push_known(L, index, id);
    if (lua_isnil(L, -1))
        return false;
    evs_lua_machine_push_kept(L, index, EVS_MACHINE_ROWS);
    lua_pushvalue(L, id);
    lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    if (!lua_istable(L, -1))
        return false;
    evs_lua_json_snapshot(L, lua_gettop(L), snapshot, false);
    snapshot->use_by = row_ends(L, &machine->engine, lua_gettop(L));
    lua_pushnil(L);
    lua_rawseti(L, -2, 1);
    evs_lua_json_show(L);
    return true;
}

/* Keep the row at the top, whose id is above it, if it was asked for. */
static bool keep_row(lua_State *L, int rows, unsigned look_number)
{
    bool first, asked;

    lua_pushvalue(L, -1);
    lua_rawget(L, rows);
    first = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    asked = first || lua_istable(L, -1);
    lua_pop(L, 1);
    if (first) {
        lua_pushinteger(L, (lua_Integer)look_number);
        lua_rawseti(L, -3, 1);
        lua_pushvalue(L, -2);
    } else {
        lua_pushboolean(L, 1); /* it came twice: which one is true? */
    }
    if (asked)
        lua_rawset(L, rows);
    else
        lua_pop(L, 2);
    lua_pop(L, 1);
    return asked;
}

static void take_rows(lua_State *L, int index, int body)
{
    struct evs_engine *engine = &((struct evs_lua_machine *)lua_touserdata(L, index))->engine;
    int rows;

    evs_lua_machine_push_kept(L, index, EVS_MACHINE_ROWS);
    rows = lua_gettop(L);
    for (size_t i = 1; evs_lua_json_push_row(L, body, i); i++)
        engine->found += keep_row(L, rows, engine->looks + 1);
    lua_pop(L, 1);
}

/* --- polls ------------------------------------------------------------------------------------ */

/* Count the rows of each id in a new table, which is pushed. */
static void push_counts(lua_State *L, int body)
{
    int counts;

    lua_newtable(L);
    counts = lua_gettop(L);
    for (size_t i = 1; evs_lua_json_push_row(L, body, i); i++) {
        lua_pushvalue(L, -1);
        lua_rawget(L, counts);
        lua_pushinteger(L, lua_tointeger(L, -1) + 1);
        lua_replace(L, -2);
        lua_rawset(L, counts);
        lua_pop(L, 1);
    }
}

/* Show the deletions that wait their rows. Of an id that came twice: which one is true? */
static void show_rows(lua_State *L, struct evs_call *list, int body)
{
    struct evs_snapshot snapshot;
    int counts;

    push_counts(L, body);
    counts = lua_gettop(L);
    for (size_t i = 1; evs_lua_json_push_row(L, body, i); i++) {
        lua_rawget(L, counts);
        if (lua_tointeger(L, -1) == 1) {
            evs_lua_json_snapshot(L, counts + 1, &snapshot, false);
            evs_engine_shown(list, &snapshot);
        }
        lua_settop(L, counts);
    }
    lua_settop(L, counts - 1);
}

void evs_lua_look_reply(lua_State *L, int index, struct evs_call *call, struct evs_facts *facts)
{
    int body = lua_gettop(L);

    lua_newtable(L);
    facts->has_page =
        facts->speaker >= EVS_JSON &&
        evs_lua_json_page(L, &call->engine->client->api->snapshots, body, body + 1, &facts->page);
    lua_pop(L, 1);
    if (facts->status == 200 && facts->has_page && call == call->engine->scout)
        take_rows(L, index, body);
    else if (facts->status == 200 && facts->has_page)
        show_rows(L, call, body);
    evs_engine_reply(call, facts);
}
