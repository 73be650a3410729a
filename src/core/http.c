#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* clock_gettime, sigtimedwait under -std=c11 */
#endif
#if defined(__has_include)
#if !__has_include(<curl/curl.h>)
#error "libcurl's headers are missing: install libcurl4-openssl-dev (Debian, Ubuntu), libcurl-devel (Fedora), curl-dev (Alpine) or curl (Homebrew)"
#endif
#endif
#include "http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Newer parts of libcurl, each with the way that serves where it is missing. EVS_OLD_CURL builds
 * the old ways with a new library, so that they are tested. */
#if LIBCURL_VERSION_NUM >= 0x075000 && !defined(EVS_OLD_CURL)
#define HAVE_PREREQ 1 /* 7.80: tells when a request is about to be written, and can stop it */
#endif
#if LIBCURL_VERSION_NUM >= 0x075300 && !defined(EVS_OLD_CURL)
#define HAVE_EASY_HEADER 1 /* 7.83: headers can be asked for afterwards */
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
#define HAVE_PROTOCOLS_STR 1 /* 7.85 */
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
#define HAVE_QUICK_EXIT 1 /* 7.87: do not wait for a resolver that hangs */
#endif
#if LIBCURL_VERSION_NUM >= 0x074200
#define HAVE_MULTI_POLL 1 /* 7.66: waits also when there is no socket yet */
#endif

enum { HEADERS_LIMIT = 64 * 1024 };

struct evs_http {
    CURLM *multi;
    const struct evs_client *client;
    pid_t owner; /* connections must not be used, nor closed in an orderly way, after a fork */
    struct evs_transfer *all;
};

struct evs_transfer {
    struct evs_http *http;
    CURL *easy;
    struct curl_slist headers; /* all lines in one node: libcurl writes it out as it is */
    struct evs_buf body;
    struct evs_buf old_headers; /* where libcurl does not keep them */
    char text[CURL_ERROR_SIZE];
    double deadline, connect_deadline;
    unsigned writes; /* how often the request was, or was about to be, written */
    bool header_ended;
    bool metadata; /* set up for the metadata service */
    bool running;  /* libcurl has it */
    bool finished; /* and its end is known */
    struct evs_answer answer;
    struct evs_transfer *next; /* in http->all */
};

double evs_clock_monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double evs_clock_wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

const char *evs_http_version(void)
{
    return curl_version();
}

const char *evs_http_tls_version(void)
{
    const char *version = curl_version_info(CURLVERSION_NOW)->ssl_version;

    return version ? version : "";
}

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct evs_http *evs_http_new(const struct evs_client *client)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct evs_http *http = calloc(1, sizeof *http);

    pthread_once(&once, global_init);
    if (!http)
        return NULL;
    http->client = client;
    http->owner = getpid();
    http->multi = curl_multi_init();
    if (!http->multi) {
        free(http);
        return NULL;
    }
    return http;
}

bool evs_http_inherited(const struct evs_http *http)
{
    return http->owner != getpid();
}

/* --- callbacks: they touch C memory only, and call nobody --------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
    struct evs_transfer *t = userdata;

    evs_buf_add(&t->body, (struct evs_str){data, size * count});
    return t->body.failed ? 0 : size * count;
}

#ifdef HAVE_PREREQ
/* libcurl sends a request again by itself when a reused connection closes without an answer. Whether to
 * repeat a DELETE is not its decision. */
static int on_request(void *userdata, char *ip, char *local_ip, int port, int local_port)
{
    struct evs_transfer *t = userdata;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    return ++t->writes > 1 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}
#else
/* Before 7.80 the repeated request can be seen, not stopped. */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *userdata)
{
    struct evs_transfer *t = userdata;
    struct evs_str text = {data, size};

    (void)easy;
    if (type == CURLINFO_HEADER_OUT && !evs_str_starts(text, EVS_STR("CONNECT ")))
        t->writes++;
    return 0;
}
#endif

/* Notes whether the header came to its end: libcurl calls an answer whole that was cut inside it. */
static size_t on_header(char *data, size_t size, size_t count, void *userdata)
{
    struct evs_transfer *t = userdata;
    struct evs_str line = {data, size * count};

    t->header_ended = line.len <= 2;
#ifndef HAVE_EASY_HEADER
    if (evs_str_starts(line, EVS_STR("HTTP/")))
        evs_buf_reset(&t->old_headers); /* a proxy's answer, or a 100, came before */
    evs_buf_add(&t->old_headers, line);
#endif
    return size * count;
}

/* --- transfers ------------------------------------------------------------------------------------ */

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
    t->old_headers.max = HEADERS_LIMIT;
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
}

static void set_tls(CURL *easy, const struct evs_client *client)
{
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, client->tls_verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, client->tls_verify ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file.len > 0)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file.data);
}

/* The proxy is always named, so that libcurl does not read the environment at every request. */
static void set_proxy(CURL *easy, const struct evs_client *client, bool metadata)
{
    bool used = client->proxy.len > 0 && client->endpoint.tls && !metadata;

    curl_easy_setopt(easy, CURLOPT_PROXY, used ? client->proxy.data : "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, client->no_proxy.len > 0 ? client->no_proxy.data : "");
}

/* Set up for EVS, or for the metadata service: plain http, and not through a proxy. */
static void set_peer(struct evs_transfer *t, bool metadata)
{
    const struct evs_client *client = t->http->client;

    t->metadata = metadata;
    set_protocols(t->easy, client->endpoint.tls && !metadata);
    set_proxy(t->easy, client, metadata);
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
    t->next = http->all;
    http->all = t;
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 1L);
#ifdef HAVE_QUICK_EXIT
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    set_callbacks(t);
    set_tls(t->easy, http->client);
    set_peer(t, false);
    return t;
}

void evs_transfer_abandon(struct evs_transfer *t)
{
    if (t->running && !evs_http_inherited(t->http))
        curl_multi_remove_handle(t->http->multi, t->easy);
    t->running = false;
}

/* Take a transfer out of its home. */
static void detach(struct evs_transfer *t)
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
        detach(t);
    evs_buf_free(&t->body);
    evs_buf_free(&t->old_headers);
    free(t);
}

/* A child never speaks on its parent's connections, not even to close them: libcurl would send a TLS
 * close. What it inherited is left alone. */
void evs_http_free(struct evs_http *http)
{
    if (!http)
        return;
    while (http->all)
        detach(http->all);
    if (!evs_http_inherited(http))
        curl_multi_cleanup(http->multi);
    free(http);
}

/* End it without an answer. */
static void finish_failed(struct evs_transfer *t, enum evs_code code, const char *message,
                          bool passing)
{
    t->finished = true;
    t->answer.status = 0;
    t->answer.failure = (struct evs_failure){
        .code = code, .message = evs_str(message), .sent = t->writes > 0, .passing = passing};
}

void evs_transfer_start(struct evs_transfer *t, const struct evs_want *want, size_t limit)
{
    const struct evs_request *request = want->request;
    bool get = strcmp(request->method, "GET") == 0;
    double patience = want->metadata ? EVS_METADATA_CONNECT_TIMEOUT : t->http->client->connect_timeout;

    if (want->metadata != t->metadata)
        set_peer(t, want->metadata);

    evs_buf_reset(&t->body);
    evs_buf_reset(&t->old_headers);
    t->body.max = limit;
    t->text[0] = '\0';
    t->writes = 0;
    t->header_ended = t->finished = false;
    t->answer = (struct evs_answer){0};
    t->deadline = want->deadline;
    t->connect_deadline = evs_clock_monotonic() + patience;
    t->headers = (struct curl_slist){request->headers.data, NULL};
    curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, get ? NULL : request->method);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, &t->headers);
    if (curl_easy_setopt(t->easy, CURLOPT_URL, request->url.data) != CURLE_OK ||
        curl_multi_add_handle(t->http->multi, t->easy) != CURLM_OK)
        finish_failed(t, EVS_NETWORK, "libcurl could not start the request", false);
    t->running = true;
}

/* Which of our codes a failure of libcurl's is, and whether one that left nothing behind may pass. */
static enum evs_code code_of(CURLcode code, bool *passing)
{
    *passing = true;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return EVS_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return EVS_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return EVS_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
        return EVS_TLS;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
        *passing = false;
        return EVS_TLS;
    case CURLE_COULDNT_RESOLVE_PROXY:
        return EVS_PROXY;
    case CURLE_OUT_OF_MEMORY:        /* a header over libcurl's limit, most likely */
    case CURLE_UNSUPPORTED_PROTOCOL: /* "HTTP/1.1 banana" */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return EVS_BAD_RESPONSE;
    default:
        return EVS_NETWORK;
    }
}

/* A proxy's no to CONNECT: its status, or 0. */
static long proxy_refusal(const struct evs_transfer *t)
{
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return t->writes == 0 && status >= 300 ? status : 0;
}

static void finish(struct evs_transfer *t, CURLcode result)
{
    long status = 0;
    bool passing;
    enum evs_code code;

    t->answer.body = evs_buf_str(&t->body);
    t->answer.body_cut = t->body.failed;
    t->answer.replays = t->writes > 1 ? t->writes - 1 : 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && !t->header_ended) {
        finish_failed(t, EVS_NETWORK, "the connection was closed inside the answer's header", true);
        return;
    }
    if (result == CURLE_OK || (result == CURLE_WRITE_ERROR && t->body.failed && status > 0)) {
        t->answer.status = (int)status;
        t->finished = true;
        return;
    }
    code = code_of(result, &passing);
#ifdef HAVE_PREREQ
    if (result == CURLE_ABORTED_BY_CALLBACK) {
        t->writes = 1; /* the second was stopped before it was written */
        t->answer.replays = 0;
        finish_failed(t, EVS_NETWORK, "the connection was closed without an answer", true);
        return;
    }
#endif
    if (proxy_refusal(t) > 0) {
        code = EVS_PROXY;
        passing = proxy_refusal(t) >= 502 && proxy_refusal(t) <= 504; /* about the moment */
    }
    finish_failed(t, code, t->text[0] ? t->text : curl_easy_strerror(result), passing);
}

/* Our own timers: they cost less than libcurl's, and a connection that takes too long can be told from
 * an answer that does. */
static void finish_late(struct evs_http *http, double now)
{
    for (struct evs_transfer *t = http->all; t; t = t->next) {
        if (!t->running || t->finished)
            continue;
        if (now >= t->deadline)
            finish_failed(t, EVS_TIMEOUT,
                          t->writes > 0 ? "no answer came in time" : "no connection came about in time",
                          true);
        else if (t->writes == 0 && now >= t->connect_deadline)
            finish_failed(t, EVS_TIMEOUT, "no connection within connect_timeout", true);
    }
}

/* Take one that has finished out of the multi handle. */
static struct evs_transfer *collect(struct evs_http *http)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct evs_transfer *t = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (!t->finished)
            finish(t, message->data.result);
    }
    finish_late(http, evs_clock_monotonic());
    for (struct evs_transfer *t = http->all; t; t = t->next) {
        if (t->running && t->finished) {
            evs_transfer_abandon(t);
            return t;
        }
    }
    return NULL;
}

/* How long to wait for the network: until the nearest deadline, at most `seconds`. */
static int wait_ms(const struct evs_http *http, double seconds)
{
    double now = evs_clock_monotonic();

    for (const struct evs_transfer *t = http->all; t; t = t->next) {
        double until = t->writes == 0 && t->connect_deadline < t->deadline ? t->connect_deadline
                                                                           : t->deadline;
        if (t->running && until - now < seconds)
            seconds = until - now;
    }
    return seconds > 0 ? (int)(seconds * 1000) + 1 : 0;
}

/* With NOSIGNAL libcurl leaves SIGPIPE to its callers, and a TLS library writes to closed sockets.
 * Blocked for this thread; one that arises meanwhile is taken away, unless it was pending before. */
struct pipe_guard {
    sigset_t before;
    bool pending;
};

static void block_pipe(struct pipe_guard *guard)
{
    sigset_t pipe, pending;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    guard->pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->before);
}

static void unblock_pipe(const struct pipe_guard *guard)
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

struct evs_transfer *evs_http_poll(struct evs_http *http, double seconds)
{
    struct pipe_guard guard;
    struct evs_transfer *finished;
    int running = 0;

    block_pipe(&guard);
    curl_multi_perform(http->multi, &running);
    finished = collect(http);
    if (!finished) {
        int ms = wait_ms(http, seconds);
#ifdef HAVE_MULTI_POLL
        curl_multi_poll(http->multi, NULL, 0, ms, NULL);
#else
        curl_multi_wait(http->multi, NULL, 0, ms < 10 ? ms : 10, NULL);
#endif
        curl_multi_perform(http->multi, &running);
        finished = collect(http);
    }
    unblock_pipe(&guard);
    return finished;
}

bool evs_transfer_belongs(const struct evs_transfer *transfer, const struct evs_http *http)
{
    return transfer->http == http && http;
}

bool evs_transfer_finished(const struct evs_transfer *transfer)
{
    return transfer->finished && !transfer->running;
}

const struct evs_answer *evs_transfer_answer(const struct evs_transfer *transfer)
{
    return &transfer->answer;
}

#ifdef HAVE_EASY_HEADER
struct evs_str evs_transfer_header(const struct evs_transfer *transfer, const char *name)
{
    struct curl_header *header;

    if (!transfer->easy || curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return (struct evs_str){0};
    return evs_str(header->value);
}
#else
struct evs_str evs_transfer_header(const struct evs_transfer *transfer, const char *name)
{
    struct evs_str all = evs_buf_str(&transfer->old_headers);
    struct evs_str wanted = evs_str(name);

    for (size_t start = 0, end; start < all.len; start = end + 1) {
        struct evs_str line = {all.data + start, 0};

        for (end = start; end < all.len && all.data[end] != '\n'; end++)
            ;
        line.len = end - start;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len > wanted.len && line.data[wanted.len] == ':' &&
            evs_str_equal_nocase((struct evs_str){line.data, wanted.len}, wanted)) {
            line.data += wanted.len + 1;
            line.len -= wanted.len + 1;
            return evs_str_trim(line);
        }
    }
    return (struct evs_str){0};
}
#endif

void evs_transfer_request_id(const struct evs_transfer *transfer, char *out, size_t size,
                             const struct evs_secrets *secrets)
{
    struct evs_str id = {0};

    for (const char *const *name = evs_request_id_headers; *name && id.len == 0; name++)
        id = evs_transfer_header(transfer, *name);
    evs_name_show(out, size, id, secrets);
}
