/**
 * What an answer means: one table, by which every part of a call judges.
 *
 * Status, code and who speaks are independent of each other: a 503 with APIGW.0302 is lost, is sent
 * again and bars the key. So every row that fits applies, from top to bottom, and a blank cell
 * leaves what stands. Two meanings need the request as well: evs_flow_meaning looks for the
 * snapshot that was asked for.
 */
#ifndef EVS_ANSWER_H
#define EVS_ANSWER_H

#include "base/message.h"
#include "facts.h"
#include "key/key.h"

#pragma GCC visibility push(hidden)

/** Whether the request is sent again. */
enum evs_again {
    EVS_NEVER = 1,
    EVS_LATER, /**< not by this call, but another call may succeed */
    EVS_SOON,  /**< after a back-off */
    EVS_SLOWER /**< after a longer one: the server wants fewer requests */
};

/** Whether it is known what the server did with the request. */
enum evs_fate { EVS_KEPT = 1, EVS_LOST };

/** What an answer, or its absence, means to the call. */
enum evs_meaning {
    EVS_ACCEPTED_IT = 1, /**< 202: EVS deletes the snapshot */
    EVS_SHOWN,           /**< 200 with what was asked for */
    EVS_STRANGE,         /**< any other success: nobody's, or of another API */
    EVS_GONE,            /**< EVS knows no such snapshot */
    EVS_CONTESTED,       /**< a no that a deletion under way would get as well */
    EVS_STUCK,           /**< the snapshot is in error_deleting */
    EVS_NO,              /**< any other plain no */
    EVS_OPEN,            /**< no answer to the question: a busy or broken server, a redirect */
    EVS_FAILED,          /**< no answer at all */
    EVS_TIME_UP,         /**< the call's time ended while it could not send */
    EVS_STALE,           /**< what was seen of the snapshot is too old to send a first DELETE by */
    EVS_FORBIDDEN,       /**< a refused key, missing keys, a closed client */
    EVS_MEANING_COUNT
};

struct evs_verdict {
    enum evs_again again;
    enum evs_fate fate;
    enum evs_key_word key; /**< what it says of the key */
    enum evs_meaning meaning;
};

/** Judge an answer by the table. */
struct evs_verdict evs_answer_judge(const struct evs_facts *facts);

/** Judge a request that has no answer. */
struct evs_verdict evs_failure_judge(const struct evs_failure *failure);

/**
 * Make `error` what a server's answer says: its code and message, else `HTTP.<status>` and the
 * status's reason with the body's first readable words. A code of the server's in our own
 * namespace (`Client.`), or one that is not of `[A-Za-z0-9._-]{1,64}`, is not taken.
 */
void evs_error_answer(struct evs_error *error, const struct evs_facts *facts,
                      const struct evs_secrets *secrets);

#pragma GCC visibility pop
#endif
