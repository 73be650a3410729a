/*
 * What the command needs of the system and plain Lua does not have: signals that are noticed,
 * another program in its place, files of which a line is one write, a lock, the terminal's width, a
 * clock with a fraction.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* flock, O_CLOEXEC */
#endif
#include "lua/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int luaopen_evs_cli_system(lua_State *L);

/* Push nil and what errno says. */
static int fail(lua_State *L)
{
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
}

/* --- signals ---------------------------------------------------------------------------------- */

/* A handler has no argument to find these by. */
static volatile sig_atomic_t first_signal;      /* its number, 0 while none came */
static volatile sig_atomic_t signals_left = -1; /* until one raises */
static lua_State *interrupted_state;

static const char *signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

static void raise_interrupt(lua_State *L, lua_Debug *event)
{
    (void)event;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted by %s", signal_name(first_signal));
}

/* As lua.c does it: of all of Lua only lua_sethook may be called here. */
static void on_signal(int number)
{
    if (first_signal == 0)
        first_signal = number;
    if (signals_left > 0 && --signals_left == 0)
        lua_sethook(interrupted_state, raise_interrupt,
                    LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* catch(count): from now on SIGINT, SIGTERM and SIGHUP are noted, and the count-th of them
 * raises an error in the main thread, which must be the caller. A closed pipe is an error of
 * write. */
static int catch_signals(lua_State *L)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    signals_left = 0;
    interrupted_state = L;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    action.sa_handler = on_signal; /* no SA_RESTART: waiting for input ends */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    signals_left = (sig_atomic_t)luaL_checkinteger(L, 1);
    return 0;
}

/* caught(): the name of the first signal that came, or nil. */
static int caught(lua_State *L)
{
    if (first_signal == 0)
        lua_pushnil(L);
    else
        lua_pushstring(L, signal_name(first_signal));
    return 1;
}

/* exec(path, word...): the program takes this one's place, with its signals as they were before
 * catch; nil and an error if it cannot. */
static int exec(lua_State *L)
{
    int count = lua_gettop(L);
    char **words = lua_newuserdata(L, ((size_t)count + 1) * sizeof *words);

    for (int i = 0; i < count; i++)
        words[i] = (char *)luaL_checkstring(L, i + 1);
    words[count] = NULL;
    signal(SIGPIPE, SIG_DFL);
    execv(words[0], words);
    signal(SIGPIPE, SIG_IGN);
    return fail(L);
}

/* --- files ------------------------------------------------------------------------------------ */

static int push_descriptor(lua_State *L, int descriptor)
{
    if (descriptor < 0)
        return fail(L);
    lua_pushinteger(L, descriptor);
    return 1;
}

static int check_descriptor(lua_State *L)
{
    return (int)luaL_checkinteger(L, 1);
}

/* append(path): a descriptor; all writes go to the end of the file. */
static int append(lua_State *L)
{
    return push_descriptor(
        L, open(luaL_checkstring(L, 1), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
}

/* create(path): a descriptor of a file that was not there, and is no link. */
static int create(lua_State *L)
{
    return push_descriptor(
        L, open(luaL_checkstring(L, 1), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
}

/* real_path(path): where all links lead; nil and an error if there is nothing. */
static int real_path(lua_State *L)
{
    char *path = realpath(luaL_checkstring(L, 1), NULL);

    if (path == NULL)
        return fail(L);
    lua_pushstring(L, path); /* may raise: then so few bytes are lost */
    free(path);
    return 1;
}

/* is_special(path): whether something is there that is no file, such as a device or a pipe. */
static int is_special(lua_State *L)
{
    struct stat facts;

    lua_pushboolean(L, stat(luaL_checkstring(L, 1), &facts) == 0 && !S_ISREG(facts.st_mode));
    return 1;
}

/* write(descriptor, text): true if all of it was written, by one write; else nil and why not. */
static int write_text(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 2, &size);
    ssize_t written;

    do
        written = write(check_descriptor(L), text, size);
    while (written < 0 && errno == EINTR);
    if (written >= 0 && (size_t)written < size)
        errno = ENOSPC; /* a full disk takes a part, and says so at the next write only */
    if (written < 0 || (size_t)written < size)
        return fail(L);
    lua_pushboolean(L, 1);
    return 1;
}

/* sync(descriptor): true, or nil and an error; a pipe has nothing to sync. */
static int sync_file(lua_State *L)
{
    if (fsync(check_descriptor(L)) != 0 && errno != EINVAL && errno != EROFS)
        return fail(L);
    lua_pushboolean(L, 1);
    return 1;
}

/* close(descriptor) */
static int close_file(lua_State *L)
{
    close(check_descriptor(L));
    return 0;
}

/* Open a file to be locked. No link is followed: the folder may be open to others. In such a folder
 * Linux lets nobody open another's file with O_CREAT. */
static int open_lock(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (descriptor < 0 && errno == ENOENT)
        descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    return descriptor;
}

/* lock(path): a descriptor that holds the lock as long as it is open; nil, an error, and whether
 * somebody else holds it. */
static int lock(lua_State *L)
{
    int descriptor = open_lock(luaL_checkstring(L, 1));
    bool held;

    if (descriptor < 0)
        return fail(L);
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        return push_descriptor(L, descriptor);
    held = errno == EWOULDBLOCK;
    fail(L);
    lua_pushboolean(L, held);
    close(descriptor);
    return 3;
}

/* --- the terminal and the clock --------------------------------------------------------------- */

/* is_terminal(descriptor) */
static int is_terminal(lua_State *L)
{
    lua_pushboolean(L, isatty(check_descriptor(L)));
    return 1;
}

/* width(descriptor): the columns of a terminal, or nil. */
static int width(lua_State *L)
{
    struct winsize size;

    if (ioctl(check_descriptor(L), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        lua_pushinteger(L, size.ws_col);
    else
        lua_pushnil(L);
    return 1;
}

/* now(): seconds since 1970, with a fraction. */
static int now(lua_State *L)
{
    struct timeval time;

    gettimeofday(&time, NULL);
    lua_pushnumber(L, (lua_Number)time.tv_sec + (lua_Number)time.tv_usec / 1e6);
    return 1;
}

int luaopen_evs_cli_system(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"catch", catch_signals},
        {"caught", caught},
        {"exec", exec},
        {"append", append},
        {"create", create},
        {"write", write_text},
        {"sync", sync_file},
        {"close", close_file},
        {"real_path", real_path},
        {"lock", lock},
        {"is_special", is_special},
        {"is_terminal", is_terminal},
        {"width", width},
        {"now", now},
        {NULL, NULL},
    };

    evs_compat_newmodule(L);
    evs_compat_setfuncs(L, functions, 0);
    return 1;
}
