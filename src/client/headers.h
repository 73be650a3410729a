/**
 * Headers that scripts may add to the requests of a call, for those who follow one request through many
 * services. They are sent as they are, unsigned.
 *
 * The list is closed. These names are made to be passed on, and say no more than "this request is part
 * of that one": none changes what is asked for, by whom, or what is signed.
 */
#ifndef EVS_HEADERS_H
#define EVS_HEADERS_H

#include "base/text.h"

#pragma GCC visibility push(hidden)

enum {
    EVS_HEADERS_MOST = 6,      /**< names in the list */
    EVS_HEADER_NAME_MOST = 22, /**< bytes of the longest */
    EVS_HEADER_VALUE_MOST = 512 /**< bytes of a value, as W3C's Trace Context has it */
};

/** The names, as they are sent. */
extern const char *const evs_header_names[EVS_HEADERS_MOST];

/** Where in the list `name` is, in any case; negative: it is not. */
int evs_header_find(struct evs_str name);

/** Whether a value may be sent: 1 to EVS_HEADER_VALUE_MOST bytes of visible ASCII. */
bool evs_header_value_valid(struct evs_str value);

#pragma GCC visibility pop
#endif
