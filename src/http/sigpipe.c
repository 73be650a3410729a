#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_sigmask under -std=c11 */
#endif
#include "sigpipe.h"

#ifdef EVS_GUARDS_SIGPIPE
#include <pthread.h>

void evs_sigpipe_block(struct evs_sigpipe *guard)
{
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->before);
}

void evs_sigpipe_restore(const struct evs_sigpipe *guard)
{
    sigset_t pipe, pending;
    int signal;

    if (sigismember(&guard->before, SIGPIPE) == 1)
        return; /* it was blocked before: what is pending may be somebody else's */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE) == 1)
        sigwait(&pipe, &signal);
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}
#endif
