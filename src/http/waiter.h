/**
 * Waits for what libcurl waits for, and lets it act on that alone.
 *
 * libcurl says by two callbacks which sockets and which moment it waits for. With many transfers on
 * their way that spares it a look at each of them whenever one has news; with a single one it
 * spares a system call.
 */
#ifndef EVS_WAITER_H
#define EVS_WAITER_H

#include <curl/curl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/** What one multi handle waits for. */
struct evs_waiter {
    CURLM *multi;
    struct pollfd *sockets;
    size_t count, room;
    double timer; /**< when libcurl wants to be called, monotonic; negative: no such moment */
};

/** Have `multi` tell the waiter, which must outlive it and stay where it is. */
void evs_waiter_attach(struct evs_waiter *waiter, CURLM *multi);

/** Let libcurl do what is due without waiting: what was started, and what its clock asks for. */
void evs_waiter_act(struct evs_waiter *waiter);

/** Wait until there is something to do, at most `seconds`, and let libcurl do it. */
void evs_waiter_wait(struct evs_waiter *waiter, double seconds);

/** Free its memory; after the multi handle. */
void evs_waiter_free(struct evs_waiter *waiter);

#pragma GCC visibility pop
#endif
