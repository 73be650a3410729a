#include "http_internal.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

/* --- callbacks: they touch C memory only, and call nobody ------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
    struct evs_transfer *t = userdata;

    evs_buf_add(&t->body, (struct evs_str){data, size * count});
    return t->body.failed ? 0 : size * count;
}

/* --- requests that are written ---------------------------------------------------------------- */

/* Whether libcurl made no connection for the request: it took one that was there. */
static bool is_reusing(const struct evs_transfer *t)
{
    long connects = 0;

    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    return connects == 0;
}

/* The request is, or is about to be, written on this connection. */
static void note_write(struct evs_transfer *t, const struct evs_socket *socket, bool reused)
{
    t->head = (struct evs_head){0}; /* a proxy's answer was another one */
    t->fd = socket ? socket->fd : -1;
    t->http1 = socket && socket->http1;
    t->reused = reused;
    if (!t->text[0])
        t->text[1] = EVS_UNTOUCHED;
    t->writes++;
}

#ifdef HAVE_PREREQ
/* libcurl sends a request again by itself when a reused connection closes without an answer.
 * Whether to repeat a DELETE is not its decision.
 *
 * Bytes that lie on a kept connection before the request is written are not the answer to it,
 * but libcurl would take them for that: a goodbye (408) of an idle connection, a second 202 to
 * the request before. A connection that the other side has closed shows here too. Frames of
 * HTTP/2 say what they belong to. What a TLS library has decrypted already it keeps to itself:
 * bytes that came in one record with the end of an answer are not seen here. */
static int on_request(void *userdata, char *ip, char *local_ip, int port, int local_port)
{
    struct evs_transfer *t = userdata;
    const struct evs_socket *socket = evs_http_socket_of_port(t->http, local_port);
    bool reused = is_reusing(t);

    (void)ip;
    (void)local_ip;
    (void)port;
    if (t->writes > 0)
        evs_transfer_stop_replay(t);
    else if (evs_clock_monotonic() >= t->deadline)
        evs_transfer_expire_unsent(t);
    t->stale = !t->finished && reused && socket && evs_socket_has_unread(socket);
    if (t->finished || t->stale)
        return CURL_PREREQFUNC_ABORT;
    note_write(t, socket, reused);
    return CURL_PREREQFUNC_OK;
}
#else
/* Before 7.80 libcurl only tells that it will repeat a request. Made to take a new connection
 * for that, it asks for a socket, and gets none. */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *userdata)
{
    struct evs_transfer *t = userdata;
    struct evs_str text = {data, size};
    long local_port = 0;

    if (type == CURLINFO_TEXT && evs_str_starts(text, EVS_STR("Connection died, retrying")))
        evs_transfer_set_fresh(t, true);
    if (type != CURLINFO_HEADER_OUT || evs_str_starts(text, EVS_STR("CONNECT ")))
        return 0;
    curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &local_port);
    note_write(t, evs_http_socket_of_port(t->http, (int)local_port), is_reusing(t));
    return 0;
}
#endif

/* --- answers ---------------------------------------------------------------------------------- */

/* Take a line of a head, or a trailer: libcurl calls an answer whole that was cut inside its
 * head. */
static size_t on_header(char *data, size_t size, size_t count, void *userdata)
{
    struct evs_transfer *t = userdata;
    struct evs_str line = {data, size * count};
    bool ok = t->writes == 0 ? evs_head_add_proxy(&t->head, line)
                             : evs_head_add(&t->head, line, t->tls && !t->http1);

#ifndef HAVE_EASY_HEADER
    if (evs_str_starts(line, EVS_STR("HTTP/")))
        evs_buf_reset(&t->old_headers);
    if (!t->head.ended)
        evs_buf_add(&t->old_headers, line);
#endif
    return ok ? line.len : 0;
}

/* --- setting up ------------------------------------------------------------------------------- */

/* Only what the endpoint's scheme is. */
static void set_protocols(CURL *easy, bool tls)
{
#ifdef HAVE_PROTOCOLS_STR
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, tls ? (long)CURLPROTO_HTTPS : (long)CURLPROTO_HTTP);
#endif
}

static void set_callbacks(struct evs_transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->text);
#ifdef HAVE_PREREQ
    curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
#else
    curl_easy_setopt(t->easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(t->easy, CURLOPT_DEBUGDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_VERBOSE, 1L);
#endif
    t->old_headers.max = EVS_HEAD_BYTES_MOST;
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
}

static bool is_set(const char *text)
{
    return text && *text;
}

static void set_tls(CURL *easy, const struct evs_http *http)
{
    const struct evs_http_settings *settings = &http->settings;

    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->tls_verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->tls_verify ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (is_set(settings->ca_file)) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* these only: not the system's beside them */
    } else if (http->capath) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(easy, CURLOPT_CAPATH, http->capath);
    }
}

/* The proxy is always named, so that libcurl does not read the environment at every request. */
static void set_proxy(CURL *easy, const struct evs_http_settings *settings, bool tls)
{
    curl_easy_setopt(easy, CURLOPT_PROXY, tls && is_set(settings->proxy) ? settings->proxy : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, is_set(settings->no_proxy) ? settings->no_proxy : "");
}

static char no_host[] = "Host:"; /* libcurl's list wants it writable, and does not write */

/* Set up for a server whose URLs begin as `url` does. */
static void set_peer(struct evs_transfer *t, enum evs_peer peer, const char *url)
{
    bool metadata = peer == EVS_PEER_METADATA;

    t->peer = peer;
    t->tls = strncmp(url, "https:", 6) == 0;
    /* Our own Host line costs less than libcurl's, which is printed twice. */
    t->no_host = (struct curl_slist){no_host, &t->headers};
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, metadata ? &t->headers : &t->no_host);
#ifdef HAVE_CURLU
    curl_easy_setopt(t->easy, CURLOPT_CURLU, peer == EVS_PEER_EVS ? t->http->endpoint : NULL);
    curl_easy_setopt(t->easy, CURLOPT_REQUEST_TARGET, NULL);
#endif
    /* Wait for a stream of a connection that is being made, where there can be one: before 7.80
     * a request over plain http waited for connections that were gone. */
    curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, t->tls ? 1L : 0L);
    set_protocols(t->easy, t->tls);
    set_proxy(t->easy, &t->http->settings, t->tls); /* proxies are for https */
}

struct evs_transfer *evs_transfer_new(struct evs_http *http)
{
    struct evs_transfer *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->easy = curl_easy_init();
    if (!t->easy) {
        free(t);
        return NULL;
    }
    t->http = http;
    t->fd = -1;
    t->next = http->all;
    http->all = t;
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 1L);
#ifdef HAVE_QUICK_EXIT
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    set_callbacks(t);
    evs_http_watch_sockets(t);
    set_tls(t->easy, http);
    set_peer(t, EVS_PEER_EVS, http->settings.url);
    return t;
}

/* --- starting and stopping -------------------------------------------------------------------- */

void evs_transfer_abandon(struct evs_transfer *t)
{
    if (t->running && !evs_http_inherited(t->http))
        curl_multi_remove_handle(t->http->multi, t->easy);
    t->running = false;
}

void evs_transfer_detach(struct evs_transfer *t)
{
    struct evs_transfer **at = &t->http->all;

    evs_transfer_abandon(t);
    if (!evs_http_inherited(t->http))
        curl_easy_cleanup(t->easy);
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->http = NULL;
    t->easy = NULL;
}

void evs_transfer_free(struct evs_transfer *t)
{
    if (!t)
        return;
    if (t->http)
        evs_transfer_detach(t);
    evs_buf_free(&t->body);
    evs_buf_free(&t->old_headers);
    evs_buf_free(&t->message);
    free(t);
}

/* The endpoint stays parsed, and only the path changes: that saves libcurl a tenth of its work. */
static CURLcode set_url(struct evs_transfer *t, const struct evs_request *request)
{
#ifdef HAVE_CURLU
    if (t->peer == EVS_PEER_EVS)
        return curl_easy_setopt(t->easy, CURLOPT_REQUEST_TARGET,
                                request->url.data + request->target);
#endif
    return curl_easy_setopt(t->easy, CURLOPT_URL, request->url.data);
}

static void set_method(struct evs_transfer *t, const char *method)
{
    if (t->method && strcmp(t->method, method) == 0)
        return;
    curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, strcmp(method, "GET") == 0 ? NULL : method);
    t->method = method;
}

#ifndef HAVE_PREREQ
/* What on_request looks for, where libcurl does not tell which connection it will use: any kept
 * one counts, while no other transfer runs. */
static bool any_unread(const struct evs_http *http)
{
    for (const struct evs_transfer *t = http->all; t; t = t->next)
        if (t->running)
            return false;
    for (size_t i = 0; i < http->socket_count; i++)
        if (evs_socket_has_unread(&http->sockets[i]))
            return true;
    return false;
}
#endif

/* Another handle in place of one that was not answered: libcurl's remembers of a refused stream,
 * for whichever request ends next without an answer, and counts what it sent again. */
static bool renew(struct evs_transfer *t)
{
    CURL *easy = curl_easy_duphandle(t->easy);

    if (!easy)
        return false;
    curl_easy_cleanup(t->easy);
    t->easy = easy;
    t->worn = false;
    return true;
}

static void fail_to_start(struct evs_transfer *t)
{
    const struct evs_failure failure = {.code = EVS_NETWORK,
                                        .message = EVS_STR("libcurl could not start the request")};

    evs_transfer_fail(t, &failure);
}

void evs_transfer_start(struct evs_transfer *t, const struct evs_want *want, size_t limit)
{
    const struct evs_request *request = want->request;
    bool fit = !t->worn || renew(t);

    if (want->peer != t->peer)
        set_peer(t, want->peer, request->url.data);

    evs_buf_reset(&t->body);
    evs_buf_reset(&t->old_headers);
    t->body.max = limit;
    t->request = request;
    t->text[0] = '\0';
    t->writes = 0;
    t->fd = -1;
    t->head = (struct evs_head){0};
    t->stale = t->finished = false;
    t->answer = (struct evs_answer){0};
    t->deadline = want->deadline;
    t->connect_deadline = evs_clock_monotonic() + want->connect_timeout;
#ifndef HAVE_PREREQ
    evs_transfer_set_fresh(t, any_unread(t->http));
#endif
    t->headers.data = request->headers.data;
    set_method(t, request->method);
    t->worn = true;
    if (!fit || set_url(t, request) != CURLE_OK ||
        curl_multi_add_handle(t->http->multi, t->easy) != CURLM_OK)
        fail_to_start(t);
    t->running = true;
}

/* --- whose it is ------------------------------------------------------------------------------ */

void evs_transfer_set_owner(struct evs_transfer *transfer, const void *group, void *owner)
{
    transfer->group = group;
    transfer->owner = owner;
}

void *evs_transfer_owner(const struct evs_transfer *transfer)
{
    return transfer->owner;
}

bool evs_transfer_belongs(const struct evs_transfer *transfer, const struct evs_http *http)
{
    return transfer->http == http && http;
}

bool evs_transfer_finished(const struct evs_transfer *transfer)
{
    return transfer->finished && !transfer->running;
}
