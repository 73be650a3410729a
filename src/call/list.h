/**
 * list_snapshots: pages that overlap, so that a list which changes meanwhile has no gaps.
 *
 * A page starts with the last row of the page before it, the anchor. When rows vanish, those behind
 * them move up, and a page starts with a row never seen: some may have been passed over, so it is
 * asked for again further up, until it starts with a row that was seen. What was seen already is
 * dropped by the one who keeps the rows. So no snapshot comes twice, and none that was there all the
 * time is missing, as long as the server keeps its order.
 */
#ifndef EVS_LIST_H
#define EVS_LIST_H

#include "flow.h"

#pragma GCC visibility push(hidden)

/** The query's parameters, in the order of a canonical query. */
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
    X(STATUS, "status")                                                                            \
    X(VOLUME_ID, "volume_id")

#define EVS_FILTER_ENUM(name, text) EVS_FILTER_##name,
enum evs_filter { EVS_FILTERS(EVS_FILTER_ENUM) EVS_FILTER_COUNT };
#undef EVS_FILTER_ENUM

/** The filter a script may give by this name; EVS_FILTER_COUNT when there is none. */
enum evs_filter evs_filter_parse(struct evs_str name);

/** A list under way; its flow's type is evs_list_snapshots. Begin with zeroed memory. */
struct evs_listing {
    struct evs_flow flow;                       /* first: a flow is cast to its listing */
    struct evs_buf values[EVS_FILTER_COUNT];    /**< as given, not escaped; empty: not asked for */
    bool given[EVS_FILTER_COUNT];
    bool paged;      /**< succeed after each page; evs_listing_resume goes on */
    bool accepted;   /**< the page of the last answer counts: its fresh rows are part of the list */
    bool finished;   /**< it was the last one */
    unsigned offset; /**< of the page that is asked for */
    unsigned step;   /**< how far back the last step went */
    unsigned furthest; /**< behind the last row of any page so far */
    unsigned stale;    /**< pages in a row beyond that which showed nothing new */
    unsigned steps;    /**< steps back since the last new row */
};

/** Add a filter; a name may be given once. */
void evs_listing_filter(struct evs_listing *listing, enum evs_filter filter, struct evs_str value);

/** Ask for the next page of a paged list that has succeeded and is not finished. */
void evs_listing_resume(struct evs_listing *listing);

/** Free what only a listing has; before evs_flow_free. */
void evs_listing_free(struct evs_listing *listing);

/** Succeeds when every page was read; else the server's error or Client.BadResponse. */
extern const struct evs_flow_type evs_list_snapshots;

#pragma GCC visibility pop
#endif
