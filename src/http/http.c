#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* SOCK_CLOEXEC, dladdr under -std=c11 */
#endif
#include "http_internal.h"

#include "base/time.h"
#include "sigpipe.h"

#include <dirent.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t info_lock = PTHREAD_MUTEX_INITIALIZER; /* around curl_version_info */
enum { CONNECTIONS_MOST = 1000 }; /* kept open: as many as a batch may have calls */

void evs_http_versions(struct evs_http_versions *versions)
{
    const curl_version_info_data *info;

    pthread_mutex_lock(&info_lock);
    info = curl_version_info(CURLVERSION_NOW);
    snprintf(versions->libcurl, sizeof versions->libcurl, "%s", info->version);
    snprintf(versions->tls, sizeof versions->tls, "%s", info->ssl_version ? info->ssl_version : "");
    pthread_mutex_unlock(&info_lock);
}

static void global_init(void)
{
    Dl_info self;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    /* A resolver's thread may outlive the Lua state that started it: neither this module nor
     * libcurl may be unloaded from now on. */
    if (dladdr((void *)(uintptr_t)evs_http_new, &self) && self.dli_fname)
        dlopen(self.dli_fname, RTLD_LAZY | RTLD_NODELETE | RTLD_NOLOAD);
}

/* Whether a folder has certificates under their hashes, as OpenSSL looks for them: `5ed36f99.0`. */
static bool is_hashed(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    bool found = false;

    while (folder && !found && (entry = readdir(folder)))
        found =
            strspn(entry->d_name, "0123456789abcdef") == 8 && strcmp(entry->d_name + 8, ".0") == 0;
    if (folder)
        closedir(folder);
    return found;
}

/* What the libcurl at hand is like. Its words are in memory that it writes anew at every call. */
static void learn_library(struct evs_http *http)
{
    const curl_version_info_data *info;

    pthread_mutex_lock(&info_lock);
    info = curl_version_info(CURLVERSION_NOW);
    http->notes_reading = info->version_num < 0x080000;
    http->replays_lost = !http->notes_reading && info->version_num < 0x080700;
    /* Before 7.65.2 the end of one HTTP/2 stream could make libcurl forget the others' socket. */
#ifndef EVS_OLD_CURL
    http->shares_connections = info->version_num >= 0x074102;
#endif
    /* Reading a bundle of all CAs takes 20 ms of a cold call's 50. */
#if LIBCURL_VERSION_NUM >= 0x074600
    if (info->age >= CURLVERSION_SEVENTH && info->capath && info->ssl_version &&
        strncmp(info->ssl_version, "OpenSSL/", 8) == 0 && is_hashed(info->capath))
        http->capath = strdup(info->capath);
#endif
    pthread_mutex_unlock(&info_lock);
}

static bool parse_endpoint(struct evs_http *http)
{
#ifdef HAVE_CURLU
    http->endpoint = curl_url();
    return http->endpoint &&
           curl_url_set(http->endpoint, CURLUPART_URL, http->settings.url, 0) == CURLUE_OK;
#else
    (void)http;
    return true;
#endif
}

struct evs_http *evs_http_new(const struct evs_http_settings *settings)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct evs_http *http = calloc(1, sizeof *http);

    pthread_once(&once, global_init);
    if (!http)
        return NULL;
    http->settings = *settings;
    evs_origin_mark(&http->origin);
    learn_library(http);
    http->multi = curl_multi_init();
    if (!http->multi || !parse_endpoint(http)) {
        evs_http_free(http);
        return NULL;
    }
    /* By itself libcurl keeps four for each transfer that runs: at a batch's end that is next to
     * none. */
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MOST);
    if (!http->shares_connections)
        curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    evs_waiter_attach(&http->waiter, http->multi);
    return http;
}

bool evs_http_inherited(const struct evs_http *http)
{
    return evs_origin_is_foreign(&http->origin);
}

/* --- sockets ---------------------------------------------------------------------------------- */

static bool remember(struct evs_http *http, int fd)
{
    if (http->socket_count == http->socket_room) {
        size_t room = http->socket_room ? http->socket_room * 2 : 8;
        struct evs_socket *grown = realloc(http->sockets, room * sizeof *grown);

        if (!grown)
            return false;
        http->sockets = grown;
        http->socket_room = room;
    }
    http->sockets[http->socket_count++] = (struct evs_socket){.fd = fd};
    return true;
}

static int open_socket(const struct curl_sockaddr *address)
{
    int type = address->socktype;

#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC; /* programs that the script starts have no business with it */
#endif
    return socket(address->family, type, address->protocol);
}

static curl_socket_t on_open(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct evs_transfer *t = userdata;
    int fd;

    (void)purpose;
    if (t->writes > 0)
        evs_transfer_stop_replay(t);
    if (t->finished)
        return CURL_SOCKET_BAD;
    fd = open_socket(address);
    if (fd >= 0 && !remember(t->http, fd)) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

/* Tell the transfers whose connection it was. */
static void leave_socket(struct evs_http *http, int fd)
{
    for (struct evs_transfer *t = http->all; t; t = t->next)
        if (t->fd == fd)
            t->fd = -1;
}

static int on_close(void *userdata, curl_socket_t fd)
{
    struct evs_http *http = userdata;
    struct evs_socket *socket = evs_http_socket(http, fd);

    leave_socket(http, fd);
    if (socket)
        *socket = http->sockets[--http->socket_count];
    return close(fd);
}

static int own_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

struct evs_socket *evs_http_socket(struct evs_http *http, int fd)
{
    for (size_t i = 0; i < http->socket_count; i++)
        if (http->sockets[i].fd == fd)
            return &http->sockets[i];
    return NULL;
}

struct evs_socket *evs_http_socket_of_port(struct evs_http *http, int local_port)
{
    for (size_t i = 0; i < http->socket_count; i++) {
        struct evs_socket *s = &http->sockets[i];

        if (s->port == 0)
            s->port = own_port(s->fd);
        if (s->port == local_port)
            return s;
    }
    return NULL;
}

bool evs_socket_has_unread(const struct evs_socket *socket)
{
    char byte;

    return socket->http1 && recv(socket->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

void evs_http_watch_sockets(struct evs_transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    /* A connection may outlive the transfer. */
    curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t->http);
}

/* A child never speaks on its parent's connections, not even to end them: libcurl would send a TLS
 * close on them. It closes its copies of the descriptors, which the parent does not notice, and
 * leaves libcurl's memory alone. */
static void leave_inherited(struct evs_http *http)
{
    for (size_t i = 0; i < http->socket_count; i++)
        close(http->sockets[i].fd);
}

void evs_http_free(struct evs_http *http)
{
    if (!http)
        return;
    while (http->all)
        evs_transfer_detach(http->all);
    if (evs_http_inherited(http))
        leave_inherited(http);
    else
        curl_multi_cleanup(http->multi);
#ifdef HAVE_CURLU
    curl_url_cleanup(http->endpoint);
#endif
    evs_waiter_free(&http->waiter);
    evs_origin_free(&http->origin);
    free(http->capath);
    free(http->sockets);
    free(http);
}

/* --- running ---------------------------------------------------------------------------------- */

/* Note what libcurl is done with. */
static void collect(struct evs_http *http)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct evs_transfer *t = NULL;

        if (message->msg != CURLMSG_DONE) /* libcurl has no other message yet */
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (!t->finished)
            evs_transfer_finish(t, message->data.result);
    }
}

/* Note what is too late. */
static void expire(struct evs_http *http)
{
    double now = evs_clock_monotonic();

    for (struct evs_transfer *t = http->all; t; t = t->next)
        evs_transfer_expire(t, now);
}

/* Take one that has finished out of libcurl's hands. */
static struct evs_transfer *take_finished(struct evs_http *http, const void *group)
{
    for (struct evs_transfer *t = http->all; t; t = t->next) {
        if (t->running && t->finished && t->group == group) {
            evs_transfer_abandon(t);
            return t;
        }
    }
    return NULL;
}

/* The lesser of `seconds` and the time to the nearest deadline. */
static double until_deadline(const struct evs_http *http, double seconds)
{
    double now = evs_clock_monotonic();

    for (const struct evs_transfer *t = http->all; t; t = t->next) {
        double until = evs_transfer_expires(t);

        if (t->running && !t->finished && until - now < seconds)
            seconds = until - now;
    }
    return seconds;
}

static struct evs_transfer *run(struct evs_http *http, const void *group, double seconds)
{
    struct evs_transfer *finished;

    evs_waiter_act(&http->waiter);
    collect(http);
    finished = take_finished(http, group);
    if (finished)
        return finished;
    evs_waiter_wait(&http->waiter, until_deadline(http, seconds));
    collect(http);
    expire(http); /* after the sockets: a script's function may have taken its time */
    return take_finished(http, group);
}

struct evs_transfer *evs_http_poll(struct evs_http *http, const void *group, double seconds)
{
    struct evs_sigpipe guard;
    struct evs_transfer *finished = take_finished(http, group);

    /* All that finished together are handed up before libcurl is run again: what they are
     * followed by is then sent together too. */
    if (finished)
        return finished;
    evs_sigpipe_block(&guard);
    finished = run(http, group, seconds);
    evs_sigpipe_restore(&guard);
    return finished;
}
