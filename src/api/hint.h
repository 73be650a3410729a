/**
 * Which hint helps against an answer's no.
 */
#ifndef EVS_ANSWER_HINT_H
#define EVS_ANSWER_HINT_H

#include "base/error.h"
#include "facts.h"

#pragma GCC visibility push(hidden)

/** What to do about an answer that is no success; EVS_HINT_NONE where that is not known. */
enum evs_hint evs_hint_of_answer(const struct evs_facts *facts);

#pragma GCC visibility pop
#endif
