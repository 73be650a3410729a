/**
 * What may never be deleted: the one place that knows the marks.
 */
#ifndef EVS_PROTECT_H
#define EVS_PROTECT_H

#include "facts.h"

#pragma GCC visibility push(hidden)

/**
 * Why no rule lets `snapshot` be deleted, as a phrase: "its name begins with manualbk_snapshot_".
 * NULL: nothing that it shows forbids it. A snapshot's status is no such reason.
 */
const char *evs_protected(const struct evs_snapshot *snapshot);

#pragma GCC visibility pop
#endif
