/**
 * Whether this process is the one that made something, or a child forked from it: asked at every
 * request, so it must cost nothing.
 */
#ifndef EVS_ORIGIN_H
#define EVS_ORIGIN_H

#include <stdbool.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

struct evs_origin {
    volatile char *page; /**< holds 1, and 0 in a child; NULL where the system cannot do that */
    pid_t pid;
};

/** Note that this process made it. */
void evs_origin_mark(struct evs_origin *origin);

/** Whether another process, of which this one is a descendant, did. */
bool evs_origin_is_foreign(const struct evs_origin *origin);

/** Give its memory back. */
void evs_origin_free(struct evs_origin *origin);

#pragma GCC visibility pop
#endif
