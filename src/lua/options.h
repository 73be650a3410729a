/**
 * Option tables of scripts, read into settings.
 *
 * What a program got wrong raises: a wrong type, an unknown name. A value that cannot be used is a
 * matter of run time (it may come from a file), and is returned as Client.InvalidArgument.
 */
#ifndef EVS_LUA_OPTIONS_H
#define EVS_LUA_OPTIONS_H

#include "../core/client.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/**
 * Read the table at `index`, if there is one (nil or none: nothing is read), over what `settings`
 * holds. `at_call` allows only the options of a call. Strings stay alive in the table. Returns
 * false and sets `error` when a value cannot be used.
 */
bool evs_lua_options_read(lua_State *L, int index, bool at_call, struct evs_settings *settings,
                          struct evs_error *error);

/** Push the `on_attempt` function of the option table at `index`, or nil. */
void evs_lua_options_push_on_attempt(lua_State *L, int index);

/** The string argument at `arg`, which `name` is; raises for every other type, numbers included. */
struct evs_str evs_lua_check_string(lua_State *L, int arg, const char *name);

#pragma GCC visibility pop
#endif
