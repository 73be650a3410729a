/**
 * What http.c (the home of connections) and transfer.c (one request on its way) share, and nobody
 * else.
 */
#ifndef EVS_HTTP_INTERNAL_H
#define EVS_HTTP_INTERNAL_H

#if defined(__has_include)
#if !__has_include(<curl/curl.h>)
#error "no headers of libcurl: install libcurl4-openssl-dev, libcurl-devel, curl-dev or curl"
#endif
#endif
#include "head.h"
#include "http.h"
#include "origin.h"
#include "waiter.h"

#include <curl/curl.h>

/* Newer parts of libcurl, each with the way that serves where it is missing. EVS_OLD_CURL builds
 * the old ways with a new library, so that they are tested. */
#if LIBCURL_VERSION_NUM >= 0x075000 && !defined(EVS_OLD_CURL)
#define HAVE_PREREQ 1 /* 7.80: tells when a request is about to be written, and can stop it */
#endif
#if LIBCURL_VERSION_NUM >= 0x073f00 && !defined(EVS_OLD_CURL)
#define HAVE_CURLU 1 /* 7.63: a URL can be given parsed */
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

#pragma GCC visibility push(hidden)

enum { EVS_UNTOUCHED = '\1' }; /* the second byte of libcurl's text, until it writes one */

struct evs_socket {
    int fd;
    int port;   /* its own, by which libcurl names a connection; 0: not asked yet */
    bool http1; /* an answer over HTTP/1 came on it */
};

struct evs_http {
    CURLM *multi;
    struct evs_waiter waiter;
    struct evs_http_settings settings;
#ifdef HAVE_CURLU
    CURLU *endpoint;
#endif
    /* whose connections these are: after a fork they are not the child's */
    struct evs_origin origin;
    char *capath; /* where the system's CAs are looked up one by one; NULL: libcurl's default */
    bool notes_reading; /* it notes that reading began before it knows what there is: before 8.0 */
    bool
        replays_lost; /* it sends again what the end of an HTTP/2 connection has lost: 8.0 to 8.6 */
    bool shares_connections; /* and it keeps count of the requests on one connection */
    struct evs_transfer *all;
    /* that are open: a child closes them, and does nothing else to them */
    struct evs_socket *sockets;
    size_t socket_count, socket_room;
};

struct evs_transfer {
    struct evs_http *http;
    CURL *easy;
    struct curl_slist no_host; /* "Host:", which keeps libcurl from adding its own to ours */
    struct curl_slist headers; /* all lines in one node: libcurl writes it out as it is */
    struct evs_buf body;
    struct evs_buf old_headers; /* where libcurl does not keep them */
    char text[CURL_ERROR_SIZE]; /* libcurl's, of what went wrong; [1] tells whether it wrote any */
    struct evs_buf message;     /* of the failure, where it is longer than that */
    const struct evs_request *request; /* until it has finished */
    struct evs_head head;
    double deadline, connect_deadline;
    int fd; /* of the connection that the request was written to; -1: it is closed, or none yet */
    bool http1;         /* that connection is one of HTTP/1 */
    bool reused;        /* that connection was there before the request */
    unsigned writes;    /* how often the request was, or was about to be, written */
    const char *method; /* that libcurl was told of */
    bool fresh;         /* libcurl was told to make a new connection */
    bool stale;         /* its connection had bytes to read before the request was written */
    enum evs_peer peer; /* that it is set up for */
    bool tls;           /* over TLS: the connection may be one of HTTP/2 */
    bool worn;     /* its handle may remember more of the last request than the next may know */
    bool running;  /* libcurl has it */
    bool finished; /* and its end is known */
    struct evs_answer answer;
    const void *group;
    void *owner;
    struct evs_transfer *next; /* in http->all */
};

/** Have libcurl open and close the transfer's sockets through its home, which keeps count of
 * them. */
void evs_http_watch_sockets(struct evs_transfer *transfer);

/** End it without an answer; whether something was sent is known here. */
void evs_transfer_fail(struct evs_transfer *transfer, const struct evs_failure *failure);

/** End it: there is a connection, but no time any more. */
void evs_transfer_expire_unsent(struct evs_transfer *transfer);

/** Have libcurl make a new connection for it, or not. setopt is not free: only a change is told. */
void evs_transfer_set_fresh(struct evs_transfer *transfer, bool fresh);

/** libcurl is about to send the request a second time: end the transfer instead. */
void evs_transfer_stop_replay(struct evs_transfer *transfer);

/** The open socket of a descriptor, valid until another is opened or closed; NULL: none. */
struct evs_socket *evs_http_socket(struct evs_http *http, int fd);

/** The same by its own port. */
struct evs_socket *evs_http_socket_of_port(struct evs_http *http, int local_port);

/**
 * Whether there is something to read on a connection that no request is on: bytes, or its end. Only
 * HTTP/1's are looked at: one that is used again before its first answer came is a shared one, as
 * HTTP/2's are.
 */
bool evs_socket_has_unread(const struct evs_socket *socket);

/** Take a transfer out of its home; what libcurl has of it is freed. */
void evs_transfer_detach(struct evs_transfer *transfer);

/** libcurl says that it is done with the transfer. */
void evs_transfer_finish(struct evs_transfer *transfer, CURLcode result);

/** End a running transfer whose time is up at `now` (monotonic). */
void evs_transfer_expire(struct evs_transfer *transfer, double now);

/** When it will be, monotonic. */
double evs_transfer_expires(const struct evs_transfer *transfer);

#pragma GCC visibility pop
#endif
