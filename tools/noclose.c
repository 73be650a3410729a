/*
 * Preloaded when specs run under a sanitizer or valgrind. Libraries stay loaded when the Lua state
 * ends: what only they point to is then no leak, and a leak that is one has the names of its
 * functions. What the interpreter starts (nginx, a shell) is to run without the sanitizer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dlclose(void *handle);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

static void flush_all(void)
{
    fflush(NULL);
}

__attribute__((constructor)) static void begin(void)
{
    /* Runs before the leak checker's own handler, which ends the process without flushing. */
    atexit(flush_all);

    /* valgrind's own launcher has to pass it on. */
    if (strncmp(program_invocation_short_name, "lua", 3) == 0) {
        unsetenv("LD_PRELOAD");
    }
}
