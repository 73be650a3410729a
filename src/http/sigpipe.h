/**
 * SIGPIPE: with CURLOPT_NOSIGNAL a libcurl before 7.88 leaves it to its callers, and a TLS library
 * writes to sockets that the other side has closed. No handler is installed: the process is not
 * ours. Since 7.88 every write is a send with MSG_NOSIGNAL, and there is nothing to do: four system
 * calls less a wait.
 */
#ifndef EVS_SIGPIPE_H
#define EVS_SIGPIPE_H

#include <curl/curl.h>
#include <signal.h>

#if LIBCURL_VERSION_NUM < 0x075800 || defined(EVS_OLD_CURL)
#define EVS_GUARDS_SIGPIPE 1
#endif

#pragma GCC visibility push(hidden)

#ifdef EVS_GUARDS_SIGPIPE
struct evs_sigpipe {
    sigset_t before; /**< the thread's mask */
};

/** Block SIGPIPE for this thread. */
void evs_sigpipe_block(struct evs_sigpipe *guard);

/** Take away one that arose meanwhile, and bring the thread's mask back. */
void evs_sigpipe_restore(const struct evs_sigpipe *guard);
#else
struct evs_sigpipe {
    char nothing;
};

static inline void evs_sigpipe_block(struct evs_sigpipe *guard)
{
    guard->nothing = 0;
}

static inline void evs_sigpipe_restore(const struct evs_sigpipe *guard)
{
    (void)guard;
}
#endif

#pragma GCC visibility pop
#endif
