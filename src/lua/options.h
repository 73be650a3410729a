/**
 * Option tables of scripts, read into settings.
 *
 * One table in options.c says of each option its name, its kind, its range, its default and where
 * it may stand. What a program got wrong raises: a wrong type, an unknown name. A value that cannot
 * be used is a matter of run time (it may come from a file), and is returned as
 * Client.InvalidArgument.
 */
#ifndef EVS_LUA_OPTIONS_H
#define EVS_LUA_OPTIONS_H

#include "client/client.h"
#include "compat.h"

#pragma GCC visibility push(hidden)

/** Where an option may stand: all of them in evs.new, fewer at a call. */
enum evs_lua_options_at { EVS_AT_CALL, EVS_AT_BATCH, EVS_AT_NEW };

/** Set every option to its default. */
void evs_lua_options_default(struct evs_settings *settings);

/**
 * Read the table at `index`, if there is one (nil or none: nothing is read), over what `settings`
 * holds; options that may not stand `at` this place raise. Strings stay alive in the table. Returns
 * false and sets `error` when a value cannot be used.
 */
bool evs_lua_options_read(lua_State *L, int index, enum evs_lua_options_at at,
                          struct evs_settings *settings, struct evs_error *error);

/** Push the function that the option table at `index` has under `name`, or nil. */
void evs_lua_options_push_function(lua_State *L, int index, const char *name);

/** Push the table of options, for specs: name = {kind, at, text, and of numbers least, most,
 * default}. */
void evs_lua_options_push_table(lua_State *L);

/** The string argument at `arg`, which `name` is; raises for every other type, numbers included. */
struct evs_str evs_lua_check_string(lua_State *L, int arg, const char *name);

#pragma GCC visibility pop
#endif
