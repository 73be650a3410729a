/**
 * Requests of EVS: which method and URL an operation has, and the headers of one attempt at it.
 */
#ifndef EVS_REQUEST_H
#define EVS_REQUEST_H

#include "base/message.h"

#pragma GCC visibility push(hidden)

struct evs_client;

/** What is asked for. The paths are those of v2; another API has its own. */
enum evs_operation {
    EVS_DELETE_SNAPSHOT, /**< `DELETE /v2/{project_id}/cloudsnapshots/{snapshot_id}` */
    EVS_SHOW_SNAPSHOT,   /**< `GET` of the same */
    EVS_LIST_SNAPSHOTS,  /**< `GET /v2/{project_id}/cloudsnapshots/detail?{query}` */
    EVS_LIST_VOLUMES,    /**< `GET /v2/{project_id}/cloudvolumes/detail?{query}` */
    EVS_FIND_PROJECT     /**< `GET /v3/projects?{query}` of IAM */
};

/**
 * Aim `request` at an operation of EVS, or of IAM (EVS_FIND_PROJECT alone). Ids were checked
 * (evs_id_check) and stay valid; `id` counts only for one snapshot, `request->query` (which the
 * caller has written) only for a list.
 */
void evs_request_aim(struct evs_request *request, const struct evs_client *client,
                     enum evs_operation operation, struct evs_str project, struct evs_str id);

/**
 * Write the headers of an attempt at server time `wall` (seconds since 1970): signed with AK/SK, or
 * carrying the token. Signed are host, x-sdk-date, x-project-id and x-security-token, the set that
 * no proxy rewrites; Content-Type is not, but EVS asks for it. False when memory ends.
 */
bool evs_request_sign(struct evs_request *request, struct evs_client *client, double wall);

/** Whether it is a DELETE. */
bool evs_request_deletes(const struct evs_request *request);

#pragma GCC visibility pop
#endif
