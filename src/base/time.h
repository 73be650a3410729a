/**
 * Time: the two clocks that drivers give to machines, and the dates of headers. Reading a date is
 * pure arithmetic: no locale, no time zone, no static state.
 */
#ifndef EVS_TIME_H
#define EVS_TIME_H

#include "text.h"

#pragma GCC visibility push(hidden)

/** Seconds on a clock that never jumps. */
double evs_clock_monotonic(void);

/** Seconds since 1970. */
double evs_clock_wall(void);

/**
 * Read an HTTP date, `Tue, 24 Nov 2026 06:26:33 GMT` (RFC 9110 IMF-fixdate, the only form a sender
 * may use). Returns seconds since 1970, or -1 when `text` is none.
 */
double evs_date_parse(struct evs_str text);

/**
 * Read an ISO 8601 date in UTC, `2026-11-24T06:26:33Z`, a fraction of a second or none. Returns
 * seconds since 1970, or -1 when `text` is none.
 */
double evs_date_parse_iso(struct evs_str text);

/**
 * Read a Retry-After header: whole seconds, or a date, which counts against `date`, the Date of the
 * same answer (both clocks are then the server's). Returns seconds from the answer on; 0 for a
 * date that has passed; -1 when there is none, or a date without a Date to hold it against.
 */
double evs_date_retry_after(struct evs_str text, double date);

#pragma GCC visibility pop
#endif
