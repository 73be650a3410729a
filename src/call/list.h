/**
 * list_snapshots and list_volumes: pages that overlap, so that a list which changes meanwhile has
 * no gaps.
 *
 * A page starts with the last row of the page before it, the anchor. When rows vanish, those behind
 * them move up, and a page starts with another row: some may have been passed over, so the list is
 * asked again from further up, until a page starts with a row that was seen. What was seen already
 * is dropped by the one who keeps the rows. So no snapshot comes twice, and none that was there all
 * the time is missing, as long as the server keeps its order.
 */
#ifndef EVS_LIST_H
#define EVS_LIST_H

#include "flow.h"

#pragma GCC visibility push(hidden)

/** A list under way; its flow's type is one of those below. Begin with zeroed memory. */
struct evs_listing {
    struct evs_flow flow;                    /* first: a flow is cast to its listing */
    struct evs_buf values[EVS_FILTER_COUNT]; /**< as given, not escaped; empty: not asked for */
    bool given[EVS_FILTER_COUNT];
    /** of a list of certain snapshots: their ids, sorted, each with a NUL behind it */
    struct evs_buf ids;
    size_t ids_asked;  /**< how much of `ids` was asked for, bytes */
    size_t ids_asking; /**< how much, with the page that is asked for */
    bool paged;        /**< tell each page that has new rows: EVS_PAGE */
    bool accepted;   /**< the page of the last answer counts: its fresh rows are part of the list */
    bool finished;   /**< that page is the last one */
    unsigned stale;  /**< pages in a row which showed nothing new */
    unsigned steps;  /**< steps back since the last new row */
    unsigned offset; /**< by offset: of the page that is asked for */
    unsigned step;   /**< by offset: how far back the last step went */
    unsigned furthest;   /**< by offset: behind the last row of any page so far */
    struct evs_buf head; /**< by marker: the id of the list's first row */
    /** by marker: of each page its last row but one and its last row, with NULs */
    struct evs_buf trail;
    bool short_first; /**< by marker: the first page had fewer rows than were asked for */
};

/** Add a filter; a name may be given once. */
void evs_listing_filter(struct evs_listing *listing, enum evs_filter filter, struct evs_str value);

/**
 * Ask for these snapshots and no others: `ids`, of which there are `count`, are copied, sorted and
 * taken once each. False when memory ends. Every id is valid (evs_id_check).
 */
bool evs_listing_ask_for(struct evs_listing *listing, struct evs_str *ids, size_t count);

/** Free what only a listing has; before evs_flow_free. */
void evs_listing_free(struct evs_listing *listing);

/** Whether `flow` is that of a list. */
bool evs_flow_lists(const struct evs_flow *flow);

/** What is listed. */
const struct evs_collection *evs_listing_collection(const struct evs_listing *listing);

/** These succeed when every page was read; else the server's error or Client.BadResponse. */
extern const struct evs_flow_type evs_list_snapshots, evs_list_volumes;

#pragma GCC visibility pop
#endif
