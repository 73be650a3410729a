/**
 * What a request of a deletion can come to, and what that means by the rules of a deletion.
 *
 * The meanings are written down here answer by answer, from the rules: the code under test is not
 * asked.
 */
#ifndef EXPLORER_ANSWERS_H
#define EXPLORER_ANSWERS_H

#include "api/facts.h"
#include "base/message.h"

/** Whether the request is sent again. */
enum again { NEVER, LATER, SOON, SLOWER };

/** What is known of the request. */
enum fate { UNSENT, KEPT, LOST };

/** What is learned of the key. */
enum proof { SILENT, GOOD, STRANGE_401, WRONG, BARRED };

/** What is learned of the snapshot. */
enum news {
    ACCEPTED,  /**< 202 */
    ODD,       /**< a success that is none of EVS's */
    SHOWN,     /**< 200 with a snapshot */
    GONE,      /**< no such snapshot */
    CONTESTED, /**< a no that a deletion under way gets, too */
    STUCK,     /**< the same, and a wait goes on */
    NO,        /**< a plain no */
    BUSY       /**< nothing: a wait goes on */
};

/** Where something may come: as the answer to a GET, or to any request. */
enum scope { ANY, GET_ONLY };

struct answer {
    const char *name;
    enum scope scope;

    /* What is told. */
    int status; /**< 0: there is no answer, `failure` says why */
    enum evs_speaker who;
    const char *code, *kind; /**< NULL: none */
    bool has_retry_after;
    double retry_after; /**< seconds */
    double clock_off;   /**< seconds; not 0: a Date so far ahead of what was signed */
    unsigned replays;
    struct evs_snapshot snapshot; /**< its id and project are those asked for, unless set */
    enum evs_code failure;
    bool sent, passing, late; /**< late: it comes at the attempt's deadline */

    /* What it means. */
    enum again again;
    enum fate fate;
    enum proof proof;
    enum news news;
};

extern const struct answer answers[];
extern const unsigned answer_count;

#endif
