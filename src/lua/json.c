#include "json.h"

#include "base/time.h"
#include "base/message.h"

#include <stdio.h>

#define DECODE "evs.json.decode"
#define ENCODE "evs.json.encode"
#define PROJECT_FIELD "os-extended-snapshot-attributes:project_id"
#define OWNER_FIELD "project_id"
#define BACKUP_MARK "__system__enableActive"

/* EVS's answers are four levels deep at most. */
enum { DEPTH_MAX = 32 };

void evs_lua_json_setup(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, DECODE);
    if (lua_isnil(L, -1)) {
        lua_getglobal(L, "require");
        lua_pushliteral(L, "cjson");
        lua_call(L, 1, 1);
        lua_getfield(L, -1, "new"); /* settings of our own, whatever scripts do to theirs */
        lua_call(L, 0, 1);
        lua_getfield(L, -1, "decode_max_depth");
        lua_pushinteger(L, DEPTH_MAX);
        lua_call(L, 1, 0);
        lua_getfield(L, -1, "decode_invalid_numbers");
        lua_pushboolean(L, 0);
        lua_call(L, 1, 0);
        lua_getfield(L, -1, "encode");
        lua_setfield(L, LUA_REGISTRYINDEX, ENCODE);
        lua_getfield(L, -1, "decode");
        lua_setfield(L, LUA_REGISTRYINDEX, DECODE);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static bool is_null(lua_State *L, int index)
{
    return lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL;
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Fields of the table at `index`, counted from the bottom. What is read lives in the table. The
 * table is read raw: a script's could make a field anew at every look, and the id that was
 * checked would not be the one that is deleted. */

static struct evs_str string_field(lua_State *L, int index, const char *name)
{
    struct evs_str text = {0};

    evs_compat_rawgetfield(L, index, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text.data = lua_tolstring(L, -1, &text.len);
    lua_pop(L, 1);
    return text;
}

/* A code is text, or a number, which is made text in the table, so that the table keeps it. */
static struct evs_str code_field(lua_State *L, int index, const char *name)
{
    char digits[40];

    evs_compat_rawgetfield(L, index, name);
    if (lua_type(L, -1) == LUA_TNUMBER) {
        snprintf(digits, sizeof digits, "%.14g", (double)lua_tonumber(L, -1));
        lua_pushstring(L, digits);
        lua_setfield(L, index, name);
    }
    lua_pop(L, 1);
    return string_field(L, index, name);
}

/* Take code and message under these names; whether either was there. */
static bool take(lua_State *L, int index, const char *code, const char *message,
                 struct evs_facts *facts)
{
    struct evs_str text = string_field(L, index, message);
    struct evs_str name = code_field(L, index, code);

    if (text.len == 0 && name.len == 0)
        return false;
    facts->code = name;
    facts->message = text;
    return true;
}

static bool take_any(lua_State *L, int index, struct evs_facts *facts)
{
    return take(L, index, "error_code", "error_msg", facts) ||
           take(L, index, "errorCode", "errorMsg", facts) ||
           take(L, index, "code", "message", facts);
}

/* `{"itemNotFound": {...}}`: the one member that is an error, under a name that varies. With two
 * of them the answer is ambiguous, and a table's order is no rule to choose by. */
static void take_envelope(lua_State *L, int index, struct evs_facts *facts)
{
    struct evs_facts found = *facts;
    struct evs_str name;
    int count = 0;

    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1) &&
            take_any(L, lua_gettop(L), &found)) {
            name.data = lua_tolstring(L, -2, &name.len);
            if (evs_str_equal(name, EVS_STR("error")))
                name.len = 0; /* says nothing about the kind */
            found.kind = name;
            count++;
        }
        lua_pop(L, 1);
    }
    if (count == 1)
        *facts = found;
}

static void take_error(lua_State *L, int index, struct evs_facts *facts)
{
    if (!take_any(L, index, facts))
        take_envelope(L, index, facts);
    if (facts->request_id.len == 0)
        facts->request_id = string_field(L, index, "request_id");
}

static enum evs_speaker speaker_of(const struct evs_facts *facts)
{
    if (facts->kind.len > 0 || evs_str_starts(facts->code, EVS_STR("EVS.")))
        return EVS_ITSELF;
    return facts->code.len > 0 ? EVS_KNOWN : EVS_JSON;
}

static bool has_metatable(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        return false;
    lua_pop(L, 1);
    return true;
}

/* Whether the field at the top of the stack is neither absent nor null. */
static bool is_there(lua_State *L)
{
    return !lua_isnil(L, -1) && !is_null(L, -1);
}

static bool has_field(lua_State *L, int index, const char *name)
{
    bool there;

    evs_compat_rawgetfield(L, index, name);
    there = is_there(L);
    lua_pop(L, 1);
    return there;
}

/* Whether a chain in the array at the top has a category other than `standard`. */
static bool has_foreign_chain(lua_State *L)
{
    int chains = lua_gettop(L);
    bool foreign = false;

    for (size_t i = 1; lua_istable(L, chains) && i <= evs_compat_rawlen(L, chains); i++) {
        lua_rawgeti(L, chains, (int)i);
        if (lua_istable(L, -1) && has_field(L, chains + 1, "category"))
            foreign = foreign ||
                      !evs_str_equal(string_field(L, chains + 1, "category"), EVS_STR("standard"));
        lua_pop(L, 1);
    }
    return foreign;
}

/* What only standard snapshots have, and what they may lack. */
static void take_standard(lua_State *L, int index, struct evs_snapshot *snapshot)
{
    snapshot->category = string_field(L, index, "category");
    snapshot->owner = string_field(L, index, OWNER_FIELD);
    snapshot->has_owner = has_field(L, index, OWNER_FIELD);
    evs_compat_rawgetfield(L, index, "snapshot_chains");
    snapshot->foreign_chain = has_foreign_chain(L);
    evs_compat_rawgetfield(L, index, "name");
    snapshot->lacks_name = lua_isnil(L, -1);
    evs_compat_rawgetfield(L, index, "metadata");
    snapshot->lacks_metadata = lua_isnil(L, -1);
    lua_pop(L, 3);
}

/* A script's table with a metatable may have more to it than is read here: it counts as one
 * whose metadata is not known. */
void evs_lua_json_snapshot(lua_State *L, int index, struct evs_snapshot *snapshot, bool from_script)
{
    *snapshot = (struct evs_snapshot){
        .id = string_field(L, index, "id"),
        .status = string_field(L, index, "status"),
        .name = string_field(L, index, "name"),
        .project = string_field(L, index, PROJECT_FIELD),
        .has_project = has_field(L, index, PROJECT_FIELD),
        .from_server = !from_script,
    };
    take_standard(L, index, snapshot);
    evs_compat_rawgetfield(L, index, "name");
    snapshot->has_name =
        lua_type(L, -1) == LUA_TSTRING || is_null(L, -1) || (from_script && lua_isnil(L, -1));
    evs_compat_rawgetfield(L, index, "metadata");
    snapshot->has_metadata =
        lua_istable(L, -1) && !(from_script && (has_metatable(L, index) || has_metatable(L, -1)));
    if (lua_istable(L, -1)) {
        evs_compat_rawgetfield(L, lua_gettop(L), BACKUP_MARK);
        snapshot->enable_active = !lua_isnil(L, -1);
        lua_pop(L, 1);
    }
    if (from_script && has_metatable(L, index))
        snapshot->lacks_metadata = false; /* nor is it known that there is none */
    lua_pop(L, 2);
}

/* The metadata service's `{"credential": {...}}`. */
static void take_credential(lua_State *L, int index, struct evs_facts *facts)
{
    int credential;

    evs_compat_rawgetfield(L, index, "credential");
    credential = lua_gettop(L);
    if (lua_istable(L, credential)) {
        facts->credential.ak = string_field(L, credential, "access");
        facts->credential.sk = string_field(L, credential, "secret");
        facts->credential.security_token = string_field(L, credential, "securitytoken");
        facts->expires_at = string_field(L, credential, "expires_at");
    }
    lua_pop(L, 1);
}

/* An object decodes to a table too, without a length; an empty one cannot be told from `[]`. */
static bool is_array(lua_State *L, int index)
{
    if (!lua_istable(L, index) || evs_compat_rawlen(L, index) > 0)
        return lua_istable(L, index);
    lua_pushnil(L);
    if (!lua_next(L, index))
        return true;
    lua_pop(L, 2);
    return false;
}

/* Append "id (name)" of the project at the top to the text at `list`. */
static void add_project(lua_State *L, int list)
{
    struct evs_str id = string_field(L, lua_gettop(L), "id");
    struct evs_str name = string_field(L, lua_gettop(L), "name");

    lua_pushvalue(L, list);
    lua_pushstring(L, lua_tostring(L, list)[0] ? ", " : "");
    lua_pushlstring(L, id.data, id.len);
    lua_pushliteral(L, " (");
    lua_pushlstring(L, name.data, name.len);
    lua_pushliteral(L, ")");
    lua_concat(L, 6);
    lua_replace(L, list);
}

/* IAM's `{"projects": [...]}`; the body keeps the text of the list. */
static void take_projects(lua_State *L, int index, struct evs_facts *facts)
{
    int projects, list;

    evs_compat_rawgetfield(L, index, "projects");
    projects = lua_gettop(L);
    facts->has_projects = is_array(L, projects);
    lua_pushliteral(L, "");
    list = lua_gettop(L);
    for (int i = 1; facts->has_projects && i <= (int)evs_compat_rawlen(L, projects); i++) {
        lua_rawgeti(L, projects, i);
        if (lua_istable(L, -1)) {
            if (facts->projects.count++ == 0)
                facts->projects.id = string_field(L, lua_gettop(L), "id");
            add_project(L, list);
        }
        lua_pop(L, 1);
    }
    facts->projects.list.data = lua_tolstring(L, list, &facts->projects.list.len);
    lua_setfield(L, index, "list");
    lua_pop(L, 1);
}

/* Whether the error at the top is Ctrl-C's, as lua.c words it. */
static bool is_interrupt(lua_State *L)
{
    static const char words[] = "interrupted!";
    size_t len = 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;

    return len >= sizeof words - 1 && strcmp(text + len - (sizeof words - 1), words) == 0;
}

/* Push the decoded body, or nil: only an object is of use. An interrupt and the end of memory
 * say nothing about the body: false, and the error is pushed. */
static bool push_decoded(lua_State *L, const struct evs_lua_answer *answer)
{
    size_t start = 0;
    int status;

    while (start < answer->body.len && strchr(" \t\r\n", answer->body.data[start]))
        start++;
    if (answer->body_cut || start == answer->body.len || answer->body.data[start] != '{') {
        lua_pushnil(L);
        return true;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, DECODE);
    lua_pushlstring(L, answer->body.data, answer->body.len);
    status = lua_pcall(L, 1, 1, 0);
    if (status == LUA_ERRMEM || (status != LUA_OK && is_interrupt(L)))
        return false;
    if (status != LUA_OK || !lua_istable(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    return true;
}

struct evs_str evs_lua_request_id(const struct evs_lua_answer *answer)
{
    struct evs_str id = {0};

    for (const char *const *name = evs_request_id_headers; *name && id.len == 0; name++)
        id = answer->header(answer->source, *name);
    return id;
}

/* Push the decoded body of a 202, where it may name a job, or nil. */
static bool push_accepted(lua_State *L, const struct evs_lua_answer *answer,
                          struct evs_facts *facts)
{
    if (!answer->names_job) {
        lua_pushnil(L);
        return true;
    }
    if (!push_decoded(L, answer))
        return false;
    if (lua_istable(L, -1))
        facts->job_id = string_field(L, lua_gettop(L), "job_id");
    return true;
}

bool evs_lua_json_facts(lua_State *L, const struct evs_lua_answer *answer, struct evs_facts *facts)
{
    int index;

    *facts = (struct evs_facts){.status = answer->status, .retry_after = -1, .date = -1};
    if (answer->status == 202)
        return push_accepted(L, answer, facts);
    facts->body = answer->body;
    facts->request_id = evs_lua_request_id(answer);
    facts->date = evs_date_parse(answer->header(answer->source, "date"));
    facts->retry_after =
        evs_date_retry_after(answer->header(answer->source, "retry-after"), facts->date);
    if (!push_decoded(L, answer))
        return false;
    index = lua_gettop(L);
    if (!lua_istable(L, index))
        return true;
    if (answer->status < 200 || answer->status > 299)
        take_error(L, index, facts);
    facts->speaker = speaker_of(facts);
    take_credential(L, index, facts);
    if (has_field(L, index, "projects"))
        take_projects(L, index, facts);
    evs_compat_rawgetfield(L, index, "snapshot");
    facts->has_snapshot = lua_istable(L, -1);
    if (facts->has_snapshot)
        evs_lua_json_snapshot(L, lua_gettop(L), &facts->snapshot, false);
    lua_pop(L, 1);
    return true;
}

#if LUA_VERSION_NUM >= 503
#define EXACT_MOST 9007199254740992.0 /* 2^53: a greater one may be another number than was sent */

/* lua-cjson makes each number a float. Replace the one at the top where an integer says the
 * same; false where none does. */
static bool to_integer(lua_State *L)
{
    lua_Number number = lua_tonumber(L, -1);

    if (lua_isinteger(L, -1) || !(number >= -EXACT_MOST && number <= EXACT_MOST) ||
        number != (lua_Number)(lua_Integer)number)
        return false;
    lua_pop(L, 1);
    lua_pushinteger(L, (lua_Integer)number);
    return true;
}
#else
static bool to_integer(lua_State *L)
{
    (void)L;
    return false;
}
#endif

/* Replace the value at the top, whose key stands below it, by the one that scripts see; false
 * where that is the same. */
static bool to_seen(lua_State *L)
{
    bool mark = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), BACKUP_MARK) == 0;

    if (!is_null(L, -1))
        return lua_type(L, -1) == LUA_TNUMBER && to_integer(L);
    lua_pop(L, 1);
    if (mark)
        lua_pushliteral(L, "");
    else
        lua_pushnil(L);
    return true;
}

/* Make the decoded table at the top what scripts see. Decoding has bounded how deep it is. */
void evs_lua_json_show(lua_State *L)
{
    int table = lua_gettop(L);

    luaL_checkstack(L, 4, "JSON too deep");
    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_istable(L, -1)) {
            evs_lua_json_show(L);
            lua_pop(L, 1);
        } else if (to_seen(L)) {
            lua_pushvalue(L, -2);
            lua_insert(L, -2);
            lua_rawset(L, table);
        } else {
            lua_pop(L, 1);
        }
    }
}

void evs_lua_json_push_snapshot(lua_State *L)
{
    lua_getfield(L, -1, "snapshot");
    evs_lua_json_show(L);
}

void evs_lua_json_encode(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, ENCODE);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

/* --- pages ------------------------------------------------------------------------------------ */

/* Push row `i` of the array at `rows`, and its id above it; false (and nothing pushed) for a row
 * without. */
static bool push_row(lua_State *L, int rows, size_t i)
{
    lua_rawgeti(L, rows, (int)i);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "id");
        if (lua_type(L, -1) == LUA_TSTRING)
            return true;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return false;
}

/* Whether the row whose id is at the top is of no use: `seen` has it already, or, when a list is
 * of certain ids alone (which are false there), has it not. Pops the id. */
static bool pop_is_useless(lua_State *L, int seen, bool certain)
{
    bool useless;

    lua_rawget(L, seen);
    useless = lua_toboolean(L, -1) || (certain && lua_isnil(L, -1));
    lua_pop(L, 1);
    return useless;
}

/* The `href` of the link whose `rel` is "next". */
static struct evs_str next_link(lua_State *L, const struct evs_collection *what, int body)
{
    struct evs_str found = {0};
    int links;

    lua_pushfstring(L, "%s_links", what->rows);
    lua_gettable(L, body);
    links = lua_gettop(L);
    for (size_t i = 1; lua_istable(L, links) && i <= evs_compat_rawlen(L, links); i++) {
        lua_rawgeti(L, links, (int)i);
        if (lua_istable(L, -1) &&
            evs_str_equal(string_field(L, lua_gettop(L), "rel"), EVS_STR("next")))
            found = string_field(L, lua_gettop(L), "href");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return found;
}

/* The id of row `i` of the array at `rows`, which has one; the array keeps it. */
static struct evs_str row_id(lua_State *L, int rows, unsigned i)
{
    struct evs_str id = {0};

    if (i < 1 || !push_row(L, rows, i))
        return id;
    id.data = lua_tolstring(L, -1, &id.len);
    lua_pop(L, 2);
    return id;
}

/* Count the rows of the array at `rows`; false when one of them has no id. */
static bool count_rows(lua_State *L, int rows, int seen, struct evs_page *page)
{
    for (unsigned i = 1; i <= page->count; i++) {
        bool known;

        if (!push_row(L, rows, i))
            return false;
        known = pop_is_useless(L, seen, false);
        lua_pop(L, 1);
        page->fresh += !known;
        page->first_known = page->first_known || (i == 1 && known);
    }
    page->first = row_id(L, rows, 1);
    page->last = row_id(L, rows, page->count);
    page->last_but_one = row_id(L, rows, page->count > 1 ? page->count - 1 : 0);
    return true;
}

bool evs_lua_json_page(lua_State *L, const struct evs_collection *what, int body, int seen,
                       struct evs_page *page)
{
    int rows;
    bool whole;

    *page = (struct evs_page){.next = next_link(L, what, body)};
    lua_getfield(L, body, what->rows);
    rows = lua_gettop(L);
    whole = is_array(L, rows);
    page->count = whole ? (unsigned)evs_compat_rawlen(L, rows) : 0;
    whole = whole && count_rows(L, rows, seen, page);
    lua_settop(L, rows - 1);
    return whole;
}

bool evs_lua_json_push_row(lua_State *L, int body, size_t i)
{
    int top = lua_gettop(L);

    lua_getfield(L, body, "snapshots");
    if (!push_row(L, top + 1, i)) {
        lua_settop(L, top);
        return false;
    }
    lua_remove(L, top + 1);
    return true;
}

void evs_lua_json_take_rows(lua_State *L, const struct evs_collection *what, int body, int seen,
                            bool certain, int rows)
{
    size_t count = evs_compat_rawlen(L, rows);
    int page;

    lua_getfield(L, body, what->rows);
    page = lua_gettop(L);
    for (size_t i = 1; i <= evs_compat_rawlen(L, page); i++) {
        if (!push_row(L, page, i))
            continue;
        lua_pushvalue(L, -1);
        if (pop_is_useless(L, seen, certain)) {
            lua_pop(L, 2);
            continue;
        }
        lua_pushboolean(L, 1);
        lua_rawset(L, seen);
        evs_lua_json_show(L);
        lua_rawseti(L, rows, (int)++count);
    }
    lua_pop(L, 1);
}
