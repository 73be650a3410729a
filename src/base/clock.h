/** The two clocks that drivers give to machines. */
#ifndef EVS_CLOCK_H
#define EVS_CLOCK_H

#pragma GCC visibility push(hidden)

/** Seconds on a clock that never jumps. */
double evs_clock_monotonic(void);

/** Seconds since 1970. */
double evs_clock_wall(void);

#pragma GCC visibility pop
#endif
