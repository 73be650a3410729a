#include "waiter.h"

#include "base/time.h"

#include <stdlib.h>

/* --- what libcurl tells ----------------------------------------------------------------------- */

static struct pollfd *find(struct evs_waiter *waiter, int fd)
{
    for (size_t i = 0; i < waiter->count; i++)
        if (waiter->sockets[i].fd == fd)
            return &waiter->sockets[i];
    return NULL;
}

static struct pollfd *add(struct evs_waiter *waiter, int fd)
{
    if (waiter->count == waiter->room) {
        size_t room = waiter->room ? waiter->room * 2 : 8;
        struct pollfd *grown = realloc(waiter->sockets, room * sizeof *grown);

        if (!grown)
            return NULL;
        waiter->sockets = grown;
        waiter->room = room;
    }
    waiter->sockets[waiter->count] = (struct pollfd){.fd = fd};
    return &waiter->sockets[waiter->count++];
}

/* Never says that it failed: libcurl would be of no use from then on, and some crash when they
 * are used. A socket for which there was no memory is not waited for: its transfer ends at its
 * deadline. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *per_socket)
{
    struct evs_waiter *waiter = userdata;
    struct pollfd *entry = find(waiter, fd);

    (void)easy;
    (void)per_socket;
    if (what == CURL_POLL_REMOVE) {
        if (entry)
            *entry = waiter->sockets[--waiter->count];
        return 0;
    }
    if (!entry)
        entry = add(waiter, fd);
    if (entry)
        entry->events =
            (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0));
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *userdata)
{
    struct evs_waiter *waiter = userdata;

    (void)multi;
    waiter->timer = timeout_ms < 0 ? -1 : evs_clock_monotonic() + (double)timeout_ms / 1000;
    return 0;
}

void evs_waiter_attach(struct evs_waiter *waiter, CURLM *multi)
{
    waiter->multi = multi;
    waiter->timer = -1;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, waiter);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, waiter);
}

void evs_waiter_free(struct evs_waiter *waiter)
{
    free(waiter->sockets);
    *waiter = (struct evs_waiter){.timer = -1};
}

/* --- what it is let do ------------------------------------------------------------------------ */

void evs_waiter_act(struct evs_waiter *waiter)
{
    int running;

    if (waiter->timer < 0 || waiter->timer > evs_clock_monotonic())
        return;
    waiter->timer = -1; /* libcurl says when the next one is */
    if (curl_multi_socket_action(waiter->multi, CURL_SOCKET_TIMEOUT, 0, &running) != CURLM_OK)
        waiter->timer = evs_clock_monotonic() + 0.01; /* out of memory: it says no more */
}

/* As libcurl's own poll reads it: what went wrong is found out by reading. */
static int action(short news)
{
    return (news & (POLLIN | POLLERR | POLLHUP) ? CURL_CSELECT_IN : 0) |
           (news & POLLOUT ? CURL_CSELECT_OUT : 0) | (news & POLLNVAL ? CURL_CSELECT_ERR : 0);
}

/* libcurl removes entries here, for which the last one moves down. Walk backwards: an entry that
 * moves has been handled. */
static void act_on_sockets(struct evs_waiter *waiter)
{
    int running;

    for (size_t i = waiter->count; i-- > 0;) {
        struct pollfd seen;

        if (i >= waiter->count || !waiter->sockets[i].revents)
            continue;
        seen = waiter->sockets[i];
        waiter->sockets[i].revents = 0;
        curl_multi_socket_action(waiter->multi, seen.fd, action(seen.revents), &running);
    }
}

static int milliseconds(const struct evs_waiter *waiter, double seconds)
{
    if (waiter->timer >= 0) {
        double left = waiter->timer - evs_clock_monotonic();

        if (left < seconds)
            seconds = left;
    }
    return seconds > 0 ? (int)(seconds * 1000) + 1 : 0;
}

void evs_waiter_wait(struct evs_waiter *waiter, double seconds)
{
    if (poll(waiter->sockets, (nfds_t)waiter->count, milliseconds(waiter, seconds)) > 0)
        act_on_sockets(waiter);
    evs_waiter_act(waiter);
}
