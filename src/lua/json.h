/**
 * JSON to facts, by lua-cjson: the one decoder for every driver.
 */
#ifndef EVS_LUA_JSON_H
#define EVS_LUA_JSON_H

#include "api/api.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/** How much of an answer's body is read: of any, and of a list's page. */
enum { EVS_BODY_LIMIT = 1024 * 1024, EVS_PAGE_LIMIT = 16 * 1024 * 1024 };

/** Set up an instance of lua-cjson of our own; raises when lua-cjson is missing. */
void evs_lua_json_setup(lua_State *L);

/** An answer as a driver got it. */
struct evs_lua_answer {
    int status;
    struct evs_str body;
    bool body_cut;  /**< more of it was not read */
    bool names_job; /**< a 202 is looked into for a job_id */
    /** The value of a header, by its lower-case name; empty: there is none. */
    struct evs_str (*header)(void *source, const char *name);
    void *source;
};

/**
 * Decode `answer` into `facts`. Pushes one value, the decoded body (nil when it is no JSON object),
 * which keeps the facts' slices alive. A 202 is looked into for a job_id alone, and only where its
 * generation has one; its request id is not looked up: whatever it says, it is EVS's yes. False
 * when Ctrl-C or the end of memory came in between: the value is that error then, which the caller
 * has to raise.
 */
bool evs_lua_json_facts(lua_State *L, const struct evs_lua_answer *answer, struct evs_facts *facts);

/** The request id of an answer, from its headers. */
struct evs_str evs_lua_request_id(const struct evs_lua_answer *answer);

/**
 * Read a snapshot table at `index`, one that EVS sent or one that a script passes (whose nulls have
 * become nil). The slices live as long as the table holds them.
 */
void evs_lua_json_snapshot(lua_State *L, int index, struct evs_snapshot *snapshot,
                           bool from_script);

/**
 * Read the page of a list of `what` in the decoded body at `body`, and hold it against the table of
 * ids at `seen` (id = true). False when it holds none.
 */
bool evs_lua_json_page(lua_State *L, const struct evs_collection *what, int body, int seen,
                       struct evs_page *page);

/**
 * Append the rows of the page in the decoded body at `body` that are not in the table at `seen` to
 * the array at `rows`, as scripts see them, and note them in `seen`. When `certain`, the list is of
 * certain ids: only rows are taken whose id is false in `seen`.
 */
void evs_lua_json_take_rows(lua_State *L, const struct evs_collection *what, int body, int seen,
                            bool certain, int rows);

/** Push row `i`, counted from 1, of the page of snapshots in the decoded body at `body`, and its
 * id above it; false (and nothing pushed) when there is none with an id. */
bool evs_lua_json_push_row(lua_State *L, int body, size_t i);

/** Make the snapshot at the top one as scripts see it. */
void evs_lua_json_show(lua_State *L);

/** Replace the table at the top by its JSON. */
void evs_lua_json_encode(lua_State *L);

/**
 * From a decoded body at the top, push its `snapshot` as scripts see it: every JSON null is nil,
 * but `__system__enableActive` of the metadata becomes "", since its presence is what counts; where
 * Lua has integers, whole numbers up to 2^53 are integers.
 */
void evs_lua_json_push_snapshot(lua_State *L);

#pragma GCC visibility pop
#endif
