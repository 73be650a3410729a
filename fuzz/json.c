/*
 * An answer of any bytes, by way of lua-cjson: a number that picks its status, two headers, split
 * at NULs, and the body. Facts, an error, the snapshot and the page are read from it, and nothing
 * is raised.
 */
#include "api/api.h"
#include "api/answer.h"
#include "lua/json.h"
#include "fuzz.h"

#include <lualib.h>

enum { BODY = 2, SEEN, ROWS }; /* places on the stack */

static lua_State *state;

struct headers {
    struct evs_str date, retry_after;
};

static struct evs_str header(void *source, const char *name)
{
    const struct headers *headers = source;

    if (strcmp(name, "date") == 0)
        return headers->date;
    return strcmp(name, "retry-after") == 0 ? headers->retry_after : (struct evs_str){0};
}

/* What an error says is a line to read and a code to compare, whatever the answer said. */
static void check_error(const struct evs_facts *facts)
{
    const struct evs_secrets secrets = {0};
    struct evs_error error;

    evs_error_answer(&error, facts, &secrets);
    assert(error.code[0] != '\0' && evs_str_unreserved(evs_str(error.code)));
    assert(error.message[0] != '\0');
    for (const char *c = error.message; *c; c++)
        assert((unsigned char)*c >= ' ' && *c != '\x7f');
}

/* A page of snapshots or of volumes. */
static void take_rows(lua_State *L, const struct evs_collection *what)
{
    struct evs_page page;

    lua_newtable(L);
    lua_newtable(L);
    if (evs_lua_json_page(L, what, BODY, SEEN, &page)) {
        assert(page.fresh <= page.count);
        evs_lua_json_take_rows(L, what, BODY, SEEN, false, ROWS);
        assert(evs_compat_rawlen(L, ROWS) <= page.count);
    }
}

static int read_answer(lua_State *L)
{
    const struct evs_lua_answer *answer = lua_touserdata(L, 1);
    const struct evs_api *api = evs_api_find((struct evs_str){0});
    struct evs_facts facts;

    if (!evs_lua_json_facts(L, answer, &facts))
        return lua_error(L);
    assert(facts.retry_after >= -1);
    check_error(&facts);
    if (!lua_istable(L, BODY))
        return 0;
    take_rows(L, facts.speaker == EVS_JSON ? &api->snapshots : &api->volumes);
    lua_pushvalue(L, BODY);
    if (facts.has_snapshot)
        evs_lua_json_push_snapshot(L);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 202, 400, 404, 500};
    struct evs_str rest = {(const char *)data, size};
    struct headers headers;
    struct evs_lua_answer answer = {.header = header, .source = &headers, .names_job = true};

    if (!state) {
        state = luaL_newstate();
        luaL_openlibs(state);
        evs_lua_json_setup(state);
    }
    answer.status = statuses[take_number(&rest, 5)];
    headers.date = take_text(&rest);
    headers.retry_after = take_text(&rest);
    answer.body = rest;
    lua_settop(state, 0);
    lua_pushcfunction(state, read_answer);
    lua_pushlightuserdata(state, &answer);
    assert(lua_pcall(state, 1, 0, 0) == 0);
    lua_gc(state, LUA_GCCOLLECT, 0); /* or libFuzzer takes it for leaks, and looks for them */
    return 0;
}
