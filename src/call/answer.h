/**
 * What an answer says, and the error that it makes.
 */
#ifndef EVS_ANSWER_H
#define EVS_ANSWER_H

#include "facts.h"
#include "base/error.h"

#pragma GCC visibility push(hidden)

/**
 * Make `error` what a server's answer says: its code and message, else `HTTP.<status>` and the
 * status's reason with the body's first readable words. A code of the server's in our own
 * namespace (`Client.`), or one that is not of `[A-Za-z0-9._-]{1,64}`, is not taken.
 */
void evs_error_answer(struct evs_error *error, const struct evs_facts *facts,
                      const struct evs_secrets *secrets);

#pragma GCC visibility pop
#endif
