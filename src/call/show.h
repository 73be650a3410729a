/** show_snapshot: one GET, and the proof that it shows what was asked for. */
#ifndef EVS_SHOW_H
#define EVS_SHOW_H

#include "flow.h"

#pragma GCC visibility push(hidden)

/** Succeeds with a 200 that holds this very snapshot; else the server's error or BadResponse. */
extern const struct evs_flow_type evs_show_snapshot;

#pragma GCC visibility pop
#endif
