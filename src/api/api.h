/**
 * The generations of EVS's interface. What differs between them is a row of the table in api.c; the
 * calls do not ask which generation it is.
 */
#ifndef EVS_API_H
#define EVS_API_H

#include "facts.h"

#pragma GCC visibility push(hidden)

/** The parameters of a list, in the order of a canonical query. */
#define EVS_FILTERS(X)                                                                             \
    X(AVAILABILITY_ZONE, "availability_zone")                                                      \
    X(DEDICATED_STORAGE_ID, "dedicated_storage_id")                                                \
    X(DEDICATED_STORAGE_NAME, "dedicated_storage_name")                                            \
    X(ENTERPRISE_PROJECT_ID, "enterprise_project_id")                                              \
    X(ID, "id")                                                                                    \
    X(LIMIT, "limit")                                                                              \
    X(MARKER, "marker")                                                                            \
    X(NAME, "name")                                                                                \
    X(OFFSET, "offset")                                                                            \
    X(SERVICE_TYPE, "service_type")                                                                \
    X(SNAPSHOT_CHAIN_ID, "snapshot_chain_id")                                                      \
    X(SNAPSHOT_GROUP_ID, "snapshot_group_id")                                                      \
    X(SNAPSHOT_TYPE, "snapshot_type")                                                              \
    X(STATUS, "status")                                                                            \
    X(TAG_KEY, "tag_key")                                                                          \
    X(TAGS, "tags")                                                                                \
    X(VOLUME_ID, "volume_id")

#define EVS_FILTER_ENUM(name, text) EVS_FILTER_##name,
enum evs_filter { EVS_FILTERS(EVS_FILTER_ENUM) EVS_FILTER_COUNT };
#undef EVS_FILTER_ENUM

/** The parameter's name on the wire. */
const char *evs_filter_text(enum evs_filter filter);

/** The filter a script may give by this name; EVS_FILTER_COUNT when no generation has it. */
enum evs_filter evs_filter_parse(struct evs_str name);

/** How a list goes on behind a page. */
enum evs_paging {
    EVS_BY_LINK,  /**< by the marker of the answer's next link; where there is none, by offset */
    EVS_BY_MARKER /**< by the id of a row, which is no part of the next page */
};

/** How a list asks for several ids. */
enum evs_id_list {
    EVS_IDS_NEVER,    /**< it cannot */
    EVS_IDS_REPEATED, /**< `id=a&id=b` */
    EVS_IDS_JOINED    /**< `ids=a%2Cb` */
};

enum { EVS_IDS_MOST = 60 };

/** What there are many of: snapshots, or disks. */
struct evs_collection {
    struct evs_str version; /**< of its paths, `/v2/` */
    struct evs_str path;    /**< of its paths behind the project, `/cloudsnapshots/` */
    const char *rows;       /**< a list's array, `snapshots`; its links are `snapshots_links` */
    enum evs_paging paging; /**< of its list */
};

/** A generation. */
struct evs_api {
    const char *name; /**< as scripts call it, `v2` */
    struct evs_collection snapshots, volumes;
    const char
        *filters; /**< what a list of snapshots can be filtered by, words divided by blanks */
    enum evs_id_list id_list;
    bool bare;      /**< a complete snapshot may lack name and metadata */
    bool category;  /**< a passed snapshot counts only with a category */
    bool names_job; /**< a 202 may name a job */
};

/** The generation of this name, the first where the name is empty; NULL: there is none. */
const struct evs_api *evs_api_find(struct evs_str name);

/** The names of all generations, for people. */
extern const char *const evs_api_names;

/** Whether a list of snapshots of this generation can be filtered so. */
bool evs_api_filters(const struct evs_api *api, enum evs_filter filter);

/**
 * Whether `snapshot` has all that a guard must know. One that a script passed must show its
 * category as well, where its generation has one.
 */
bool evs_api_is_complete(const struct evs_api *api, const struct evs_snapshot *snapshot);

/**
 * Append the parameter by which a list asks for `count` ids, in ascending order: repeated keys are
 * then sorted as every signer sorts them.
 */
void evs_api_add_ids(const struct evs_api *api, struct evs_buf *query, const struct evs_str *ids,
                     size_t count);

#pragma GCC visibility pop
#endif
