/**
 * HTTP over libcurl: sends requests, one or many at a time, and decides nothing.
 *
 * Stepped: evs_http_poll runs transfers for a while and hands one finished transfer up; no callback
 * leaves this file. Every transfer has a deadline and a limit on what it reads.
 */
#ifndef EVS_HTTP_H
#define EVS_HTTP_H

#include "base/message.h"

#pragma GCC visibility push(hidden)

/** Where requests go, and how. The texts are borrowed; "" or NULL: none. */
struct evs_http_settings {
    const char *url;      /**< of the endpoint, `https://evs.cn-north-4.myhuaweicloud.com` */
    const char *ca_file;  /**< the authorities to trust in place of the system's */
    const char *proxy;    /**< the URL of the proxy for https */
    const char *no_proxy; /**< the hosts that are reached without it, as libcurl takes them */
    bool tls_verify;      /**< whether certificates are verified */
};

/** Connections and transfers of one client. */
struct evs_http;

/** One request on its way; may be used again and again. */
struct evs_transfer;

/** An answer, valid until the transfer is started again or freed. */
struct evs_answer {
    int status;          /**< HTTP status; 0: there is no answer, `failure` says why */
    struct evs_str body; /**< at most the limit's bytes */
    bool body_cut;       /**< it was longer than the limit; the rest was not read */
    unsigned replays;    /**< times libcurl itself sent the request again; of 7.80 and newer none */
    struct evs_failure failure;
};

/**
 * Make a home for connections; the texts of `settings` must outlive it. Does no I/O but the global
 * set-up of libcurl, once in a process. NULL when memory ends.
 */
struct evs_http *evs_http_new(const struct evs_http_settings *settings);

/** Close every connection, abandon every transfer, and free it; transfers may be freed later. */
void evs_http_free(struct evs_http *http);

/** A transfer that belongs to `http`, or NULL when memory ends. */
struct evs_transfer *evs_transfer_new(struct evs_http *http);

/** Abandon what it does and free it. */
void evs_transfer_free(struct evs_transfer *transfer);

/**
 * Start what a SEND wants; its request must stay as it is until the transfer has finished. It is
 * given up at `want->deadline` (evs_clock_monotonic's seconds), and when there is no connection
 * within connect_timeout. At most `limit` bytes of a body are kept.
 */
void evs_transfer_start(struct evs_transfer *transfer, const struct evs_want *want, size_t limit);

/** Stop a transfer that is on its way; its connection is closed. */
void evs_transfer_abandon(struct evs_transfer *transfer);

/**
 * Run all transfers for at most `seconds`, or until one of `group` has finished: that one, or NULL.
 * Those of others are left for them: a callback of one driver may have started another.
 */
struct evs_transfer *evs_http_poll(struct evs_http *http, const void *group, double seconds);

/** Say for which driver's run (`group`, any address) a transfer is, and for which of its calls. */
void evs_transfer_set_owner(struct evs_transfer *transfer, const void *group, void *owner);

/** The call that a transfer is for; NULL until set. */
void *evs_transfer_owner(const struct evs_transfer *transfer);

/** Whether it was started and has come to its end. */
bool evs_transfer_finished(const struct evs_transfer *transfer);

/** What came of a finished transfer. */
const struct evs_answer *evs_transfer_answer(const struct evs_transfer *transfer);

/** The value of the answer's header `name`, in any case; empty: there is none. */
struct evs_str evs_transfer_header(const struct evs_transfer *transfer, const char *name);

/** The request id of the answer as one of the usual headers has it; empty: there is none. */
struct evs_str evs_transfer_request_id(const struct evs_transfer *transfer);

/** Whether `transfer` is one of `http`'s. */
bool evs_transfer_belongs(const struct evs_transfer *transfer, const struct evs_http *http);

/** Whether `http` was made by the process that this one was forked from. */
bool evs_http_inherited(const struct evs_http *http);

/** Versions of the libraries. */
struct evs_http_versions {
    char libcurl[32]; /**< "7.88.1" */
    char tls[64];     /**< its TLS library, "OpenSSL/3.0.15"; "" when it has none */
};

/** Ask libcurl for them. */
void evs_http_versions(struct evs_http_versions *versions);

#pragma GCC visibility pop
#endif
