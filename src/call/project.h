/**
 * project_id: the id of the region's project, which IAM knows.
 */
#ifndef EVS_PROJECT_H
#define EVS_PROJECT_H

#include "flow.h"

#pragma GCC visibility push(hidden)

/**
 * Succeeds when exactly one project has the region's name; its id is then `client->project_id`, and
 * later calls send nothing. None or several: Client.NoProject, whose message lists what there is. A
 * refusal is not kept. Source: IAM's API reference, "Querying a Project List", and how Huawei's
 * SDKs use it.
 */
extern const struct evs_flow_type evs_find_project;

#pragma GCC visibility pop
#endif
