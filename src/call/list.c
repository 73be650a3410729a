#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 1000 /* the most that EVS gives */
#define STEP_FIRST 16
#define STALE_MAX 100 /* pages in a row without a new row: the server's list has no end */
#define ENDLESS "expected new rows: the pages of this list have no end"
#define STEPS_MAX 64 /* steps back without a new row: it changes faster than it can be read */

static struct evs_listing *listing_of(struct evs_flow *flow)
{
    return (struct evs_listing *)flow;
}

bool evs_flow_lists(const struct evs_flow *flow)
{
    return flow->type == &evs_list_snapshots || flow->type == &evs_list_volumes;
}

const struct evs_collection *evs_listing_collection(const struct evs_listing *listing)
{
    const struct evs_api *api = listing->flow.client->api;

    return listing->flow.type == &evs_list_volumes ? &api->volumes : &api->snapshots;
}

void evs_listing_filter(struct evs_listing *listing, enum evs_filter filter, struct evs_str value)
{
    evs_buf_reset(&listing->values[filter]);
    evs_buf_add(&listing->values[filter], value);
    listing->given[filter] = true;
}

static void set_number(struct evs_listing *listing, enum evs_filter filter, unsigned value)
{
    char digits[16];

    snprintf(digits, sizeof digits, "%u", value);
    evs_listing_filter(listing, filter, evs_str(digits));
}

/* The next ids, as many as one request may ask for. */
static void write_ids(struct evs_listing *listing, struct evs_buf *query)
{
    struct evs_str ids[EVS_IDS_MOST];
    size_t count = 0, at = listing->ids_asked;

    while (count < EVS_IDS_MOST && at < listing->ids.len) {
        ids[count] = evs_str(listing->ids.data + at);
        at += ids[count++].len + 1;
    }
    listing->ids_asking = at;
    evs_api_add_ids(listing->flow.client->api, query, ids, count);
}

/* The parameters, in the order of the enum, which is the canonical one. */
static void write_query(struct evs_listing *listing, struct evs_buf *query)
{
    evs_buf_reset(query);
    for (int i = 0; i < EVS_FILTER_COUNT; i++) {
        if (!listing->given[i])
            continue;
        if (query->len > 0)
            evs_buf_add_byte(query, '&');
        if (i == EVS_FILTER_ID && listing->ids.len > 0) {
            write_ids(listing, query);
            continue;
        }
        evs_buf_add(query, evs_str(evs_filter_text((enum evs_filter)i)));
        evs_buf_add_byte(query, '=');
        evs_buf_add_escaped(query, evs_buf_str(&listing->values[i]));
        query->failed = query->failed || listing->values[i].failed;
    }
    query->failed = query->failed || listing->ids.failed || listing->trail.failed;
}

static bool by_marker(const struct evs_listing *listing)
{
    return evs_listing_collection(listing)->paging == EVS_BY_MARKER ||
           listing->given[EVS_FILTER_MARKER];
}

/* Every page has the call's whole timeout: a list of a hundred pages is not a slow call. */
static void ask_page(struct evs_listing *listing)
{
    struct evs_flow *flow = &listing->flow;
    bool volumes = flow->type == &evs_list_volumes;

    flow->budget.running = false;
    if (!by_marker(listing) && listing->ids.len == 0)
        set_number(listing, EVS_FILTER_OFFSET, listing->offset);
    write_query(listing, &flow->exchange.request.query);
    evs_flow_exchange(flow, volumes ? EVS_LIST_VOLUMES : EVS_LIST_SNAPSHOTS, flow->options.retries,
                      0, false);
}

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    struct evs_listing *listing = listing_of(flow);

    (void)seen;
    listing->offset = listing->step = listing->furthest = listing->stale = listing->steps = 0;
    listing->finished = false;
    listing->ids_asked = 0;
    if (!listing->given[EVS_FILTER_LIMIT])
        set_number(listing, EVS_FILTER_LIMIT, PAGE_ROWS);
    ask_page(listing);
}

static void fail_response(struct evs_flow *flow, const struct evs_facts *facts,
                          const char *expected)
{
    evs_flow_bad_response(flow, facts, expected);
    evs_flow_end(flow);
}

/* A page was taken: tell it if it has new rows; then end, or ask for the next one. */
static void turn(struct evs_listing *listing, const struct evs_page *page)
{
    listing->flow.page = listing->paged && page->fresh > 0;
    if (listing->finished)
        evs_flow_succeed(&listing->flow);
    else
        ask_page(listing);
}

/* --- certain snapshots ------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
    const struct evs_str *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->data, y->data, len);

    return order ? order : (x->len > y->len) - (x->len < y->len);
}

bool evs_listing_ask_for(struct evs_listing *listing, struct evs_str *ids, size_t count)
{
    qsort(ids, count, sizeof *ids, compare_ids);
    evs_buf_reset(&listing->ids);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && evs_str_equal(ids[i], ids[i - 1]))
            continue;
        evs_buf_add(&listing->ids, ids[i]);
        evs_buf_add_byte(&listing->ids, '\0');
    }
    listing->given[EVS_FILTER_ID] = true;
    return !listing->ids.failed;
}

/* One request shows all of its ids that exist; no page follows it. */
static void take_asked(struct evs_listing *listing, const struct evs_page *page)
{
    listing->accepted = true;
    listing->ids_asked = listing->ids_asking;
    listing->finished = listing->ids_asked == listing->ids.len;
    turn(listing, page);
}

/* --- by link, or by offset -------------------------------------------------------------------- */

/* The value of `marker` in a link to the next page; `data` is NULL when it has none. */
static struct evs_str marker_of(struct evs_str link)
{
    static const char name[] = "marker=";
    const char *end = link.data + link.len;
    const char *at = link.len > 0 ? memchr(link.data, '?', link.len) : NULL;

    for (; at; at = memchr(at, '&', (size_t)(end - at))) {
        at++;
        if ((size_t)(end - at) > sizeof name - 1 && memcmp(at, name, sizeof name - 1) == 0) {
            const char *value = at + sizeof name - 1;
            const char *stop = memchr(value, '&', (size_t)(end - value));

            return (struct evs_str){value, (size_t)((stop ? stop : end) - value)};
        }
    }
    return (struct evs_str){0};
}

/* Go on behind the marker that a link names. All else in the link we know already; and no link
 * can send our signature to another host or path. */
static bool take_marker(struct evs_listing *listing, struct evs_str link)
{
    struct evs_str value = marker_of(link);
    struct evs_buf *marker = &listing->values[EVS_FILTER_MARKER];

    if (!value.data)
        return false;
    evs_buf_reset(marker);
    evs_buf_add_unescaped(marker, value);
    listing->given[EVS_FILTER_MARKER] = true;
    listing->given[EVS_FILTER_OFFSET] = false;
    return true;
}

/* The page starts behind a gap, perhaps: look further up, in steps that grow. */
static void step_back(struct evs_listing *listing)
{
    listing->step = listing->step ? listing->step * 4 : STEP_FIRST;
    listing->offset = listing->offset > listing->step ? listing->offset - listing->step : 0;
    ask_page(listing);
}

static void turn_page(struct evs_listing *listing, const struct evs_page *page)
{
    bool marked = take_marker(listing, page->next);

    /* Fewer rows than asked for need not be the end: a server may give less. A page with no more
     * than the anchor is. */
    listing->finished = !marked && (listing->given[EVS_FILTER_MARKER] || page->count <= 1);
    if (page->count > 0)
        listing->offset += page->count - 1;
    turn(listing, page);
}

/* The list can be followed by offset as well. */
static bool drop_marker(struct evs_listing *listing)
{
    if (++listing->steps > STEPS_MAX)
        return false;
    listing->given[EVS_FILTER_MARKER] = false;
    ask_page(listing);
    return true;
}

/* A server could go on for ever. Pages that are read again after a step back are no sign of
 * that. */
static bool makes_progress(struct evs_listing *listing, const struct evs_page *page)
{
    unsigned end = listing->offset + page->count;
    bool beyond = end > listing->furthest || listing->given[EVS_FILTER_MARKER];

    if (!listing->accepted)
        return ++listing->steps <= STEPS_MAX;
    listing->step = 0;
    if (page->fresh > 0)
        listing->stale = listing->steps = 0;
    else if (beyond)
        listing->stale++;
    if (beyond)
        listing->furthest = end;
    return listing->stale <= STALE_MAX;
}

static void take_page(struct evs_listing *listing, const struct evs_facts *facts)
{
    const struct evs_page *page = &facts->page;

    if (page->next.len > 0 && page->count == 1 && !marker_of(page->next).data) {
        fail_response(&listing->flow, facts,
                      "expected pages of more than one row: they cannot overlap");
        return;
    }
    listing->accepted =
        listing->offset == 0 || listing->given[EVS_FILTER_MARKER] || page->first_known;
    if (!makes_progress(listing, page))
        fail_response(&listing->flow, facts, ENDLESS);
    else if (listing->accepted)
        turn_page(listing, page);
    else
        step_back(listing);
}

/* --- by marker -------------------------------------------------------------------------------- */

/* The last two texts of the trail; empty where there are none. */
static void last_of_trail(const struct evs_listing *listing, struct evs_str *marker,
                          struct evs_str *anchor)
{
    const char *data = listing->trail.data;
    size_t at = listing->trail.len;
    struct evs_str *texts[] = {anchor, marker};

    *marker = *anchor = (struct evs_str){0};
    for (int i = 0; i < 2 && at > 0; i++) {
        for (at--; at > 0 && data[at - 1] != '\0';)
            at--;
        *texts[i] = evs_str(data + at);
    }
}

static void aim_at_trail(struct evs_listing *listing)
{
    struct evs_str marker = {0}, anchor = {0};

    last_of_trail(listing, &marker, &anchor);
    listing->given[EVS_FILTER_MARKER] = marker.len > 0;
    if (marker.len > 0)
        evs_listing_filter(listing, EVS_FILTER_MARKER, marker);
}

/* Where no marker of the trail stands any more, the list begins anew. False when that has no
 * end. */
static bool step_back_on_trail(struct evs_listing *listing)
{
    struct evs_str marker = {0}, anchor = {0};

    if (++listing->steps > STEPS_MAX)
        return false;
    last_of_trail(listing, &marker, &anchor);
    listing->trail.len -= marker.len + anchor.len + (listing->trail.len > 0 ? 2 : 0);
    aim_at_trail(listing);
    ask_page(listing);
    return true;
}

static void add_to_trail(struct evs_listing *listing, const struct evs_page *page)
{
    const struct evs_str parts[] = {page->last_but_one, {"", 1}, page->last, {"", 1}};

    evs_buf_add_all(&listing->trail, parts, 4);
    aim_at_trail(listing);
}

static void take_first_page(struct evs_listing *listing, const struct evs_page *page)
{
    double limit = strtod(listing->values[EVS_FILTER_LIMIT].data, NULL);

    listing->trail.len = 0;
    evs_buf_reset(&listing->head);
    evs_buf_add(&listing->head, page->first);
    listing->short_first = page->count < limit;
    listing->finished = page->count < 2; /* without a row before its last none can be asked for */
}

/* The page behind a marker begins with the row that was the last one then. A server that ignores
 * markers begins with the list's first row again. */
static void take_marked_page(struct evs_listing *listing, const struct evs_facts *facts)
{
    const struct evs_page *page = &facts->page;
    struct evs_str marker = {0}, anchor = {0};
    bool first, anew;

    last_of_trail(listing, &marker, &anchor);
    first = marker.len == 0;
    anew = !first && page->count > 1 && evs_str_equal(page->first, evs_buf_str(&listing->head));
    listing->accepted = first || anew || evs_str_equal(page->first, anchor);
    if (!listing->accepted) {
        if (!step_back_on_trail(listing))
            fail_response(&listing->flow, facts, ENDLESS);
        return;
    }
    listing->steps = page->fresh > 0 ? 0 : listing->steps + 1;
    if (first || anew)
        take_first_page(listing, page);
    if (anew && page->fresh == 0 && listing->short_first)
        listing->finished = true;
    else if (!first && page->count == 1)
        listing->finished = true; /* nothing is behind the anchor */
    if (!listing->finished && listing->steps > STEPS_MAX)
        fail_response(&listing->flow, facts, ENDLESS);
    else if (add_to_trail(listing, page), true)
        turn(listing, page);
}

/* --- the flow --------------------------------------------------------------------------------- */

/* The row that the marker names is gone, it seems. */
static bool survives(struct evs_listing *listing, const struct evs_facts *facts)
{
    if (!facts || (facts->status != 400 && facts->status != 404) ||
        !listing->given[EVS_FILTER_MARKER])
        return false;
    return evs_listing_collection(listing)->paging == EVS_BY_MARKER ? step_back_on_trail(listing)
                                                                    : drop_marker(listing);
}

static void fail_strange(struct evs_listing *listing, const struct evs_facts *facts)
{
    char expected[64];

    snprintf(expected, sizeof expected, "expected a 200 with an array of %s",
             evs_listing_collection(listing)->rows);
    fail_response(&listing->flow, facts, expected);
}

static void concluded(struct evs_flow *flow, enum evs_meaning meaning,
                      const struct evs_facts *facts)
{
    struct evs_listing *listing = listing_of(flow);

    if (meaning != EVS_SHOWN && survives(listing, facts))
        return;
    if (meaning == EVS_STRANGE)
        fail_strange(listing, facts);
    else if (meaning != EVS_SHOWN)
        evs_flow_end(flow);
    else if (listing->ids.len > 0)
        take_asked(listing, &facts->page);
    else if (evs_listing_collection(listing)->paging == EVS_BY_MARKER)
        take_marked_page(listing, facts);
    else
        take_page(listing, facts);
}

void evs_listing_free(struct evs_listing *listing)
{
    for (int i = 0; i < EVS_FILTER_COUNT; i++)
        evs_buf_free(&listing->values[i]);
    evs_buf_free(&listing->ids);
    evs_buf_free(&listing->head);
    evs_buf_free(&listing->trail);
}

const struct evs_flow_type evs_list_snapshots = {"list_snapshots", EVS_ABOUT_PROJECT, begin,
                                                 concluded};
const struct evs_flow_type evs_list_volumes = {"list_volumes", EVS_ABOUT_PROJECT, begin, concluded};
