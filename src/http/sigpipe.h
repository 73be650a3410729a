/**
 * SIGPIPE: with CURLOPT_NOSIGNAL libcurl leaves it to its callers, and a TLS library writes to sockets
 * that the other side has closed. No handler is installed: the process is not ours.
 */
#ifndef EVS_SIGPIPE_H
#define EVS_SIGPIPE_H

#include <signal.h>

#pragma GCC visibility push(hidden)

struct evs_sigpipe {
    sigset_t before; /**< the thread's mask */
};

/** Block SIGPIPE for this thread. */
void evs_sigpipe_block(struct evs_sigpipe *guard);

/** Take away one that arose meanwhile, and bring the thread's mask back. */
void evs_sigpipe_restore(const struct evs_sigpipe *guard);

#pragma GCC visibility pop
#endif
