/*
 * core_probe: functions of the core that the module does not offer, for the specs. It trusts its
 * arguments more than a public function may.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT under -std=c11 */
#endif
#include "sign/canonical.h"
#include "client/client.h"
#include "lua/options.h"
#include "sign/sign.h"

#include <lauxlib.h>
#include <lua.h>

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEADERS_MAX 32

/* The text at index 1's field; empty when it has none. It stays valid while the table holds it. */
static struct evs_str text_field(lua_State *L, const char *name)
{
    struct evs_str text = {"", 0};

    lua_getfield(L, 1, name);
    if (lua_type(L, -1) == LUA_TSTRING)
        text.data = lua_tolstring(L, -1, &text.len);
    lua_pop(L, 1);
    return text;
}

static struct evs_str text_at(lua_State *L, int index)
{
    struct evs_str text;

    lua_rawgeti(L, -1, index);
    text.data = luaL_checklstring(L, -1, &text.len);
    lua_pop(L, 1);
    return text;
}

static size_t read_headers(lua_State *L, struct evs_field headers[HEADERS_MAX])
{
    size_t count = 0;

    lua_getfield(L, 1, "signed_headers");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (;;) {
        lua_rawgeti(L, -1, (int)count + 1);
        if (lua_isnil(L, -1) || count == HEADERS_MAX)
            break;
        headers[count++] = (struct evs_field){text_at(L, 1), text_at(L, 2)};
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    return count;
}

/* All of a signature's memory; the specs do not test it for errors of Lua's own. */
struct signing {
    struct evs_canonical_form form;
    struct evs_signer signer;
    struct evs_buf canonical;
    struct evs_buf authorization;
    char message[EVS_CANONICAL_MESSAGE];
};

static bool sign(lua_State *L, struct signing *s, const struct evs_field *headers, size_t count)
{
    struct evs_str body = text_field(L, "body");
    struct evs_str date = text_field(L, "date");
    enum evs_algorithm algorithm = EVS_SDK_HMAC_SHA256;

    snprintf(s->message, sizeof s->message, "bad 'algorithm' or 'date'");
    if (!evs_algorithm_parse(text_field(L, "algorithm"), &algorithm) ||
        date.len != EVS_DATE_SIZE - 1 ||
        !evs_canonical_url(&s->form, text_field(L, "url"), s->message))
        return false;
    s->form.request.method = text_field(L, "method");
    s->form.request.headers = headers;
    s->form.request.header_count = count;
    s->form.request.payload_hash = evs_payload_hash(algorithm, body, s->form.payload_hash);
    return evs_signer_init(&s->signer, algorithm, text_field(L, "ak"), text_field(L, "sk"),
                           text_field(L, "region"), text_field(L, "service")) &&
           evs_sign(&s->signer, &s->form.request, date.data, &s->canonical, &s->authorization);
}

static void set_text(lua_State *L, const char *name, struct evs_str text)
{
    lua_pushlstring(L, text.data, text.len);
    lua_setfield(L, -2, name);
}

/*
 * sign{algorithm=, method=, url=, body=, ak=, sk=, region=, service=, date=,
 *      signed_headers={{name, value}, ...}}
 * signs exactly the headers listed, which must be lower-case and sorted already. Returns a table of
 * canonical_request, string_to_sign and authorization.
 */
static int probe_sign(lua_State *L)
{
    struct signing s = {0};
    struct evs_field headers[HEADERS_MAX];
    size_t count;
    bool signed_;

    luaL_checktype(L, 1, LUA_TTABLE);
    count = read_headers(L, headers);
    signed_ = sign(L, &s, headers, count);
    lua_newtable(L);
    if (signed_) {
        set_text(L, "canonical_request", evs_buf_str(&s.canonical));
        set_text(L, "string_to_sign", evs_signer_string(&s.signer));
        set_text(L, "authorization", evs_buf_str(&s.authorization));
    }
    evs_canonical_free(&s.form);
    evs_signer_wipe(&s.signer);
    evs_buf_free(&s.canonical);
    evs_buf_free(&s.authorization);
    return signed_ ? 1 : luaL_error(L, "core_probe.sign: %s", s.message);
}

/* options() returns the table of options. */
static int probe_options(lua_State *L)
{
    evs_lua_options_push_table(L);
    return 1;
}

/* sign_date(seconds) returns the X-Sdk-Date of a moment; the one of the call before is kept. */
static int probe_sign_date(lua_State *L)
{
    static struct evs_sign_date date;

    lua_pushstring(L, evs_sign_date(&date, (double)luaL_checknumber(L, 1)));
    return 1;
}

/*
 * sign_days{ak=, sk=, region=, service=, dates={...}} returns what one V11 key signs on those
 * dates, so that specs can see it follow the days.
 */
static int probe_sign_days(lua_State *L)
{
    struct evs_signer signer;
    struct evs_canonical request = {.method = EVS_STR("GET"), .uri = EVS_STR("/")};
    struct evs_buf canonical = {0};
    struct evs_buf authorization = {0};
    int count = 0;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_newtable(L);
    lua_getfield(L, 1, "dates");
    luaL_checktype(L, -1, LUA_TTABLE);
    if (!evs_signer_init(&signer, EVS_V11_HMAC_SHA256, text_field(L, "ak"), text_field(L, "sk"),
                         text_field(L, "region"), text_field(L, "service")))
        return luaL_error(L, "out of memory");
    for (;;) {
        lua_rawgeti(L, -1, ++count);
        if (lua_isnil(L, -1))
            break;
        evs_buf_reset(&authorization);
        evs_sign(&signer, &request, lua_tostring(L, -1), &canonical, &authorization);
        lua_pushlstring(L, authorization.data, authorization.len);
        lua_rawseti(L, -4, count);
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
    evs_signer_wipe(&signer);
    evs_buf_free(&canonical);
    evs_buf_free(&authorization);
    return 1;
}

/* seed(client, number): the back-off's jitter, so that a run repeats. A client's userdata begins
 * with the core's client. */
static int probe_seed(lua_State *L)
{
    struct evs_client *client;

    luaL_checktype(L, 1, LUA_TUSERDATA);
    client = lua_touserdata(L, 1);
    client->random = (uint64_t)luaL_checknumber(L, 2);
    return 0;
}

#define ALARM_FUNCTION "core_probe.on_alarm"

static lua_State *alarm_state;

/* Calls the function once, as a debugger's hook would. */
static void alarm_hook(lua_State *L, lua_Debug *event)
{
    (void)event;
    lua_sethook(L, NULL, 0, 0);
    lua_getfield(L, LUA_REGISTRYINDEX, ALARM_FUNCTION);
    lua_call(L, 0, 0);
}

static void alarm_handler(int number)
{
    (void)number;
    lua_sethook(alarm_state, alarm_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/* on_alarm(seconds, function): when the time is over, a signal sets a hook that calls the
 * function. */
static int probe_on_alarm(lua_State *L)
{
    double seconds = (double)luaL_checknumber(L, 1);
    struct itimerval timer = {{0, 0}, {0, (suseconds_t)(seconds * 1e6)}};

    lua_settop(L, 2);
    lua_setfield(L, LUA_REGISTRYINDEX, ALARM_FUNCTION);
    alarm_state = L;
    signal(SIGALRM, alarm_handler);
    setitimer(ITIMER_REAL, &timer, NULL);
    return 0;
}

/* fork(): nil in the child, the child's pid in the parent. */
static int probe_fork(lua_State *L)
{
    pid_t pid = fork();

    if (pid < 0)
        return luaL_error(L, "fork failed");
    if (pid == 0)
        return 0;
    lua_pushinteger(L, (lua_Integer)pid);
    return 1;
}

/* exit(code): ends a child at once, nothing of the parent's is run or flushed. Under valgrind by
 * way of a shell, as its leak check would find what a child leaves alone on purpose, the
 * parent's connections. Where coverage is measured, the counters of what ran are saved at exit. */
static int probe_exit(lua_State *L)
{
    int code = (int)luaL_checkinteger(L, 1);
    const char *variant = getenv("EVS_SPEC_VARIANT"), *build = getenv("EVS_SPEC_BUILD");

    if (variant && strcmp(variant, "valgrind") == 0)
        execl("/bin/sh", "sh", "-c", code == 0 ? "exit 0" : "exit 1", (char *)NULL);
    if (build && strstr(build, "coverage")) {
        __fpurge(stdout);
        exit(code);
    }
    _exit(code);
}

/* wait(pid): the child's exit code, or -1 when a signal ended it. */
static int probe_wait(lua_State *L)
{
    int status = 0;

    waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 1;
}

/* scarce_memory(number): which allocation of the module's fails from now on, where the library
 * of that name was loaded in front; returns how many there were since the last call. */
static int probe_scarce_memory(lua_State *L)
{
    unsigned long (*tell)(unsigned long) =
        (unsigned long (*)(unsigned long))(uintptr_t)dlsym(RTLD_DEFAULT, "scarce_memory");

    if (!tell)
        return luaL_error(L, "scarce_memory.so was not loaded");
    lua_pushinteger(L, (lua_Integer)tell((unsigned long)luaL_checkinteger(L, 1)));
    return 1;
}

static void add(lua_State *L, const char *name, lua_CFunction function)
{
    lua_pushcfunction(L, function);
    lua_setfield(L, -2, name);
}

int luaopen_core_probe(lua_State *L);

int luaopen_core_probe(lua_State *L)
{
    lua_newtable(L);
    add(L, "sign", probe_sign);
    add(L, "sign_date", probe_sign_date);
    add(L, "sign_days", probe_sign_days);
    add(L, "seed", probe_seed);
    add(L, "fork", probe_fork);
    add(L, "options", probe_options);
    add(L, "on_alarm", probe_on_alarm);
    add(L, "exit", probe_exit);
    add(L, "wait", probe_wait);
    add(L, "scarce_memory", probe_scarce_memory);
    return 1;
}
