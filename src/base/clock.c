#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* clock_gettime under -std=c11 */
#endif
#include "clock.h"

#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double evs_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double evs_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}
