/*
 * Loaded in front of everything else: lets one allocation of the module itself fail, the one of the
 * number that scarce_memory was told last. Others' allocations always succeed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static unsigned long wanted, seen;

/* Returns how many allocations there were since the last call. 0: none fails. */
unsigned long scarce_memory(unsigned long number)
{
    unsigned long count = seen;

    wanted = number;
    seen = 0;
    return count;
}

static int is_modules(void *caller)
{
    Dl_info place;

    return dladdr(caller, &place) && place.dli_fname && strstr(place.dli_fname, "/evs.so");
}

static int fails(void *caller)
{
    return wanted > 0 && is_modules(caller) && ++seen == wanted;
}

void *malloc(size_t size)
{
    static void *(*real)(size_t);

    if (!real)
        real = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    return fails(__builtin_return_address(0)) ? NULL : real(size);
}

void *calloc(size_t count, size_t size)
{
    static void *(*real)(size_t, size_t);

    if (!real)
        real = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    return fails(__builtin_return_address(0)) ? NULL : real(count, size);
}

void *realloc(void *memory, size_t size)
{
    static void *(*real)(void *, size_t);

    if (!real)
        real = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    return fails(__builtin_return_address(0)) ? NULL : real(memory, size);
}
