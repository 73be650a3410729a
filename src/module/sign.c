#include "module.h"

#include "sign/canonical.h"
#include "base/scrub.h"
#include "sign/sign.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The last second that X-Sdk-Date can tell. */
#define LAST_TIME 253402300799.0

/* The string fields of a request, at their places on the stack while a request is signed. */
enum {
    REQUEST = 1,
    WORK,
    METHOD,
    URL,
    BODY,
    AK,
    SK,
    SECURITY_TOKEN,
    ALGORITHM,
    REGION,
    SERVICE,
    FIELDS_END
};

static const char *const field_names[FIELDS_END] = {
    [METHOD] = "method",
    [URL] = "url",
    [BODY] = "body",
    [AK] = "ak",
    [SK] = "sk",
    [SECURITY_TOKEN] = "security_token",
    [ALGORITHM] = "algorithm",
    [REGION] = "region",
    [SERVICE] = "service",
};

/* All memory of one signature. It belongs to a userdata: an error that Lua raises frees it too. */
struct work {
    struct evs_unsigned request;
    struct evs_field *headers;
    struct evs_canonical_form form;
    struct evs_signer signer;
    struct evs_buf canonical;
    struct evs_buf authorization;
    struct evs_buf message;
};

static void work_release(struct work *work)
{
    free(work->headers);
    evs_canonical_free(&work->form);
    evs_signer_wipe(&work->signer);
    evs_buf_free(&work->canonical);
    evs_buf_free(&work->authorization);
    evs_buf_free(&work->message);
    *work = (struct work){0};
}

static int work_gc(lua_State *L)
{
    work_release(luaL_checkudata(L, 1, "evs.signing"));
    return 0;
}

static struct work *work_push(lua_State *L)
{
    struct work *work = lua_newuserdata(L, sizeof *work);

    *work = (struct work){0};
    luaL_newmetatable(L, "evs.signing");
    /* Each time anew: memory may have ended between the two when the metatable was made. */
    lua_pushcfunction(L, work_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return work;
}

/* A field's text; empty when it was not given. */
static struct evs_str field(lua_State *L, int place)
{
    struct evs_str text = {0};

    if (lua_type(L, place) == LUA_TSTRING)
        text.data = lua_tolstring(L, place, &text.len);
    return text;
}

/* A secret to take out of messages. One as short as this would take words out of them. */
static struct evs_str secret(lua_State *L, int place)
{
    struct evs_str text = field(L, place);

    if (text.len < 8)
        text.len = 0;
    return text;
}

/* Raise `message`. Names that a caller chose may be part of it, and a key may be among them. */
static int refuse(lua_State *L, struct work *work, const char *message)
{
    struct evs_str secrets[] = {secret(L, SK), secret(L, SECURITY_TOKEN)};

    evs_scrub(&work->message, evs_str(message), secrets, 2);
    if (work->message.failed)
        return luaL_error(L, "evs.sign: out of memory");
    luaL_where(L, 1);
    lua_pushliteral(L, "evs.sign: ");
    lua_pushlstring(L, work->message.data, work->message.len);
    lua_concat(L, 3);
    work_release(work);
    return lua_error(L);
}

/* The fields' types and names. */

static int refuse_type(lua_State *L, const char *name, const char *wanted, int place)
{
    return luaL_error(L, "evs.sign: '%s' must be %s, not a %s", name, wanted,
                      luaL_typename(L, place));
}

/* Raw access, here and below: a metamethod could change what was checked before. */
static void push_field(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    lua_rawget(L, REQUEST);
}

static void push_fields(lua_State *L)
{
    for (int place = METHOD; place < FIELDS_END; place++) {
        push_field(L, field_names[place]);
        /* No number either: lua_tolstring would change it in the caller's table. */
        if (!lua_isnil(L, place) && lua_type(L, place) != LUA_TSTRING)
            refuse_type(L, field_names[place], "a string", place);
    }
}

static bool is_known(struct evs_str name)
{
    for (int place = METHOD; place < FIELDS_END; place++)
        if (evs_str_equal(name, evs_str(field_names[place])))
            return true;
    return evs_str_equal(name, EVS_STR("headers")) || evs_str_equal(name, EVS_STR("time"));
}

static int refuse_unknown(lua_State *L, struct work *work, struct evs_str name)
{
    char message[80];
    int shown = 0;

    while ((size_t)shown < name.len && shown < 40 &&
           evs_str_unreserved((struct evs_str){name.data + shown, 1}))
        shown++;
    snprintf(message, sizeof message, "unknown field '%.*s'%s", shown, name.data,
             (size_t)shown < name.len ? "..." : "");
    return refuse(L, work, message);
}

static void check_names(lua_State *L, struct work *work)
{
    lua_pushnil(L);
    while (lua_next(L, REQUEST)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            refuse(L, work, "unknown field, its name is not a string");
        if (!is_known(field(L, lua_gettop(L))))
            refuse_unknown(L, work, field(L, lua_gettop(L)));
    }
}

/* The fields' values. */

static void require_field(lua_State *L, struct work *work, int place)
{
    char message[64];

    if (field(L, place).len > 0)
        return;
    snprintf(message, sizeof message, "'%s' %s", field_names[place],
             lua_isnil(L, place) ? "is missing" : "is empty");
    refuse(L, work, message);
}

static bool is_method(struct evs_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 'A' || text.data[i] > 'Z')
            return false;
    return text.len > 0;
}

static void check_request(lua_State *L, struct work *work)
{
    require_field(L, work, METHOD);
    require_field(L, work, URL);
    if (!is_method(field(L, METHOD)))
        refuse(L, work, "'method' must be of upper-case letters");
    work->request.method = field(L, METHOD);
    work->request.url = field(L, URL);
    work->request.body = field(L, BODY);
}

static void check_keys(lua_State *L, struct work *work)
{
    struct evs_str ak = field(L, AK);

    require_field(L, work, AK);
    require_field(L, work, SK);
    if (!lua_isnil(L, SECURITY_TOKEN))
        require_field(L, work, SECURITY_TOKEN);
    if (!evs_str_visible(ak) || memchr(ak.data, ',', ak.len))
        refuse(L, work, "'ak' must be of visible ASCII characters without a comma");
    if (!evs_str_visible(field(L, SECURITY_TOKEN)))
        refuse(L, work, "'security_token' must be of visible ASCII characters");
    work->request.security_token = field(L, SECURITY_TOKEN);
}

static int refuse_algorithm(lua_State *L, struct work *work)
{
    char message[128] = "'algorithm' must be one of";
    size_t len = strlen(message);

    for (int i = 0; i < EVS_ALGORITHM_COUNT; i++) {
        enum evs_algorithm algorithm = (enum evs_algorithm)i;

        if (evs_algorithm_available(algorithm))
            len += (size_t)snprintf(message + len, sizeof message - len, "%s %s", i > 0 ? "," : "",
                                    evs_algorithm_name(algorithm));
    }
    return refuse(L, work, message);
}

static void check_algorithm(lua_State *L, struct work *work)
{
    enum evs_algorithm *algorithm = &work->request.algorithm;

    if (!lua_isnil(L, ALGORITHM) && (!evs_algorithm_parse(field(L, ALGORITHM), algorithm) ||
                                     !evs_algorithm_available(*algorithm)))
        refuse_algorithm(L, work);
    if (*algorithm != EVS_V11_HMAC_SHA256)
        return;
    for (int place = REGION; place <= SERVICE; place++) {
        require_field(L, work, place);
        if (!evs_str_unreserved(field(L, place)))
            refuse(L, work, "'region' and 'service' must be of letters, digits and '_.~-'");
    }
}

static double now(void)
{
    struct timespec time;

    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void check_time(lua_State *L, struct work *work)
{
    double time;

    push_field(L, "time");
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER)
        refuse_type(L, "time", "a number", -1);
    time = lua_isnil(L, -1) ? now() : (double)lua_tonumber(L, -1);
    /* In this form NaN is refused too. Milliseconds in place of seconds are above the limit. */
    if (!(time >= 0 && time <= LAST_TIME))
        refuse(L, work, "'time' must be in seconds since 1970 and before the year 10000");
    evs_sign_date(&work->request.date, time);
    lua_pop(L, 1);
}

/* The given headers. The table is left on the stack and keeps their text alive. */

static size_t count_headers(lua_State *L, struct work *work, int table)
{
    size_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            refuse(L, work, "'headers' must map names to values, and has a name that is no string");
        if (lua_type(L, -1) != LUA_TSTRING)
            refuse(L, work, "'headers' has a value that is not a string");
        lua_pop(L, 1);
        count++;
    }
    return count;
}

static void collect_headers(lua_State *L, struct work *work)
{
    int table = FIELDS_END;
    struct evs_field *next;

    push_field(L, "headers");
    if (lua_isnil(L, table))
        return;
    if (!lua_istable(L, table))
        refuse_type(L, "headers", "a table", table);
    work->headers = calloc(count_headers(L, work, table) + 1, sizeof *work->headers);
    if (!work->headers)
        refuse(L, work, "out of memory");
    next = work->headers;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        *next++ = (struct evs_field){field(L, table + 1), field(L, table + 2)};
        lua_pop(L, 1);
    }
    work->request.headers = work->headers;
    work->request.header_count = (size_t)(next - work->headers);
}

/* The signature. */

static void sign(lua_State *L, struct work *work)
{
    char message[EVS_CANONICAL_MESSAGE];
    const struct evs_unsigned *request = &work->request;

    if (!evs_canonical_make(&work->form, request, message))
        refuse(L, work, message);
    if (!evs_signer_init(&work->signer, request->algorithm, field(L, AK), field(L, SK),
                         field(L, REGION), field(L, SERVICE)) ||
        !evs_sign(&work->signer, &work->form.request, request->date.text, &work->canonical,
                  &work->authorization))
        refuse(L, work, "out of memory");
}

static void set_text(lua_State *L, const char *name, struct evs_str text)
{
    lua_pushlstring(L, text.data, text.len);
    lua_setfield(L, -2, name);
}

int evs_lua_sign(lua_State *L)
{
    struct work *work;

    luaL_checktype(L, REQUEST, LUA_TTABLE);
    lua_settop(L, REQUEST);
    work = work_push(L);
    push_fields(L);
    check_names(L, work);
    check_request(L, work);
    check_keys(L, work);
    check_algorithm(L, work);
    check_time(L, work);
    collect_headers(L, work);
    sign(L, work);

    lua_createtable(L, 0, 4);
    set_text(L, "Host", work->form.authority);
    set_text(L, "X-Sdk-Date", evs_str(work->request.date.text));
    set_text(L, "Authorization", evs_buf_str(&work->authorization));
    if (work->request.security_token.len > 0)
        set_text(L, "X-Security-Token", work->request.security_token);
    work_release(work);
    return 1;
}
