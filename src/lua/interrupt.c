#include "interrupt.h"

/* In a coroutine a signal may have come before the call: its hook waits in the main thread. */
struct evs_lua_watch evs_lua_watch(lua_State *L)
{
    return (struct evs_lua_watch){evs_compat_mainthread(L) == L ? lua_gethook(L) : NULL};
}

/* Let the hook of `L` act. Whether it raised: the error is at the top then. */
static bool hook_raises(lua_State *L)
{
    return luaL_loadstring(L, "") != LUA_OK || lua_pcall(L, 0, 0, 0) != LUA_OK;
}

/* The main thread's hook cannot raise in a coroutine: the coroutine borrows it. */
static bool borrowed_hook_raises(lua_State *L, lua_State *main)
{
    lua_Hook own = lua_gethook(L);
    int mask = lua_gethookmask(L), count = lua_gethookcount(L);
    bool raised;

    lua_sethook(L, lua_gethook(main), lua_gethookmask(main), lua_gethookcount(main));
    raised = hook_raises(L);
    lua_sethook(L, own, mask, count);
    if (raised)
        lua_sethook(main, NULL, 0, 0); /* as lua.c's does where it raises */
    return raised;
}

void evs_lua_obey_interrupt(lua_State *L, struct evs_lua_watch *watch)
{
    lua_State *main = evs_compat_mainthread(L);

    if (lua_gethook(main) == watch->hook)
        return;
    watch->hook = lua_gethook(main);
    luaL_checkstack(L, 2, "interrupted!");
    /* A hook that does not raise is a debugger's, perhaps. */
    if (main == L ? hook_raises(L) : borrowed_hook_raises(L, main))
        lua_error(L);
}
