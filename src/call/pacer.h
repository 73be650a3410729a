/**
 * How fast the requests of a batch may start: a rate that was asked for, and the pace that the
 * server allows, which is learned from its 429s and shared by all calls.
 */
#ifndef EVS_PACER_H
#define EVS_PACER_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/** Zeroed memory is a pacer without limits. Times are monotonic seconds. */
struct evs_pacer {
    /* the rate that was asked for */
    double window;     /**< seconds in which no more than `ring_size` requests start; 0: no rate */
    double *ring;      /**< when the last ones started */
    size_t ring_size;  /**< how many are remembered */
    size_t ring_next;  /**< the oldest */
    size_t ring_count; /**< how many there are yet */
    double even_at;    /**< when the next one may start, so that they are spread over the window */
    /* the pace that the server allows */
    double pace;       /**< requests a second; 0: no 429 was seen */
    double refused;    /**< the pace at which the last 429 came */
    double changed_at; /**< the last start before it was cut down */
    double started_at; /**< the last start */
    double looked_at;  /**< up to when it has recovered */
    double next_at;    /**< the earliest start at this pace */
    double hold_until; /**< nothing starts before it */
    /* how fast they really start */
    double counted_from;
    unsigned counted; /**< since then */
    unsigned before;  /**< in the second before that */
};

/**
 * Never start more than `rate` requests in any sliding second; 0: no rate. What is beyond a whole
 * number is lost above 1: 2.5 is 2, but 0.5 is one every two seconds. False when memory ends.
 */
bool evs_pacer_init(struct evs_pacer *pacer, double rate);

/** How many seconds from `now` until a request may start; 0: now. */
double evs_pacer_wait(struct evs_pacer *pacer, double now);

/** A request starts at `now`. */
void evs_pacer_start(struct evs_pacer *pacer, double now);

/**
 * A request that started at `sent_at` was answered with a 429 by `now`: halve the pace, once for
 * all that were under way. `retry_after`: seconds, negative when not given.
 */
void evs_pacer_throttle(struct evs_pacer *pacer, double sent_at, double now, double retry_after);

/** Give its memory back. */
void evs_pacer_free(struct evs_pacer *pacer);

#pragma GCC visibility pop
#endif
