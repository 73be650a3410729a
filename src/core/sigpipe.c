#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_sigmask under -std=c11 */
#endif
#include "sigpipe.h"

#include <pthread.h>

void evs_sigpipe_block(struct evs_sigpipe *guard)
{
    sigset_t pipe, pending;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    guard->pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->before);
}

void evs_sigpipe_restore(const struct evs_sigpipe *guard)
{
    sigset_t pipe, pending;
    int signal;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    if (!guard->pending && sigismember(&pending, SIGPIPE) == 1)
        sigwait(&pipe, &signal);
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}
