/**
 * What an answer says besides its body: status lines, fields, trailers. libcurl hands them over
 * line by line; here they are counted, and what no server may say ends the answer.
 *
 * libcurl alone bounds each line but not their number, takes `202OK` and `202.5` for a 202, and
 * reads to the end of the connection when a Content-Length is too large for it.
 */
#ifndef EVS_HEAD_H
#define EVS_HEAD_H

#include "base/text.h"

#include <stdint.h>

#pragma GCC visibility push(hidden)

enum {
    EVS_HEAD_BYTES_MOST =
        256 * 1024, /**< of one answer's lines, each with 32 more, as HTTP/2 counts */
    EVS_HEAD_INFORMATIONAL_MOST = 100 /**< answers of 1xx before the final one */
};

/** What was seen so far. Zeroed memory: nothing. */
struct evs_head {
    size_t bytes;
    unsigned informational;
    int status;      /**< of the latest status line; 0: none came */
    bool http1;      /**< that was a line of HTTP/1 */
    bool ended;      /**< the empty line after it came; what follows a final one is a trailer */
    bool chunked;    /**< a Transfer-Encoding came */
    bool has_length; /**< a Content-Length came with the value `length` */
    uint64_t length;
    const char *fault; /**< why this is no answer, for people; NULL: it may be one */
};

/**
 * Take the next line of an answer, its line end included. `http2` says that the connection may be
 * an HTTP/2 one, of which libcurl makes status lines of its own. False when the line ends the
 * answer: see `fault`.
 */
bool evs_head_add(struct evs_head *head, struct evs_str line, bool http2);

/** Take the next line of a proxy's answer to CONNECT, of which only the size is judged. */
bool evs_head_add_proxy(struct evs_head *head, struct evs_str line);

#pragma GCC visibility pop
#endif
