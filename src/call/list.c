#include "list.h"

#include <stdio.h>
#include <string.h>

#define PAGE_ROWS 1000 /* the most that EVS gives */
#define STEP_FIRST 16
#define STALE_MAX 100 /* pages in a row without a new row: the server's list has no end */
#define STEPS_MAX 64 /* steps back without a new row: it changes faster than it can be read */

#define FILTER_NAME(name, text) text,
static const char *const names[] = {EVS_FILTERS(FILTER_NAME)};
#undef FILTER_NAME

enum evs_filter evs_filter_parse(struct evs_str name)
{
    int filter = 0;

    while (filter < EVS_FILTER_COUNT && !evs_str_equal(name, evs_str(names[filter])))
        filter++;
    if (filter == EVS_FILTER_OFFSET || filter == EVS_FILTER_MARKER)
        return EVS_FILTER_COUNT; /* these are ours */
    return (enum evs_filter)filter;
}

static struct evs_listing *listing_of(struct evs_flow *flow)
{
    return (struct evs_listing *)flow;
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

/* The parameters, in the order of the enum, which is the canonical one. */
static void write_query(const struct evs_listing *listing, struct evs_buf *query)
{
    evs_buf_reset(query);
    for (int i = 0; i < EVS_FILTER_COUNT; i++) {
        if (!listing->given[i])
            continue;
        if (query->len > 0)
            evs_buf_add_byte(query, '&');
        evs_buf_add(query, evs_str(names[i]));
        evs_buf_add_byte(query, '=');
        evs_buf_add_escaped(query, evs_buf_str(&listing->values[i]));
        query->failed = query->failed || listing->values[i].failed;
    }
}

/* Every page has the call's whole timeout: a list of a hundred pages is not a slow call. */
static void ask_page(struct evs_listing *listing)
{
    struct evs_flow *flow = &listing->flow;

    flow->budget.running = false;
    if (!listing->given[EVS_FILTER_MARKER])
        set_number(listing, EVS_FILTER_OFFSET, listing->offset);
    write_query(listing, &flow->exchange.request.query);
    evs_flow_exchange(flow, EVS_LIST_SNAPSHOTS, flow->options.retries, 0, false);
}

static void begin(struct evs_flow *flow, const struct evs_snapshot *seen)
{
    struct evs_listing *listing = listing_of(flow);

    (void)seen;
    listing->offset = listing->step = listing->furthest = listing->stale = listing->steps = 0;
    listing->finished = false;
    if (!listing->given[EVS_FILTER_LIMIT])
        set_number(listing, EVS_FILTER_LIMIT, PAGE_ROWS);
    ask_page(listing);
}

void evs_listing_resume(struct evs_listing *listing)
{
    listing->flow.state = EVS_FLOW_RUNNING;
    ask_page(listing);
}

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

/* Go on behind the marker that a link names. All else in the link we know already; and no link can send
 * our signature to another host or path. */
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

    /* Fewer rows than asked for need not be the end: a server may give less. A page with no more than
     * the anchor is. */
    listing->finished = !marked && (listing->given[EVS_FILTER_MARKER] || page->count <= 1);
    if (page->count > 0)
        listing->offset += page->count - 1;
    if (listing->finished || listing->paged)
        evs_flow_succeed(&listing->flow);
    else
        ask_page(listing);
}

static void fail_response(struct evs_flow *flow, const struct evs_facts *facts, const char *expected)
{
    evs_flow_bad_response(flow, facts, expected);
    evs_flow_end(flow);
}

/* The row that the marker names is gone, it seems: the list can be followed by offset as well. */
static bool drop_marker(struct evs_listing *listing, const struct evs_facts *facts)
{
    if (!listing->given[EVS_FILTER_MARKER] || !facts ||
        (facts->status != 400 && facts->status != 404) || ++listing->steps > STEPS_MAX)
        return false;
    listing->given[EVS_FILTER_MARKER] = false;
    ask_page(listing);
    return true;
}

/* A server could go on for ever. Pages that are read again after a step back are no sign of that. */
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

static void concluded(struct evs_flow *flow, enum evs_meaning meaning, const struct evs_facts *facts)
{
    struct evs_listing *listing = listing_of(flow);

    if (meaning != EVS_SHOWN && drop_marker(listing, facts))
        return;
    if (meaning == EVS_STRANGE) {
        fail_response(flow, facts, "expected a 200 with an array of snapshots");
        return;
    }
    if (meaning != EVS_SHOWN) {
        evs_flow_end(flow);
        return;
    }
    if (facts->page.next.len > 0 && facts->page.count == 1 && !marker_of(facts->page.next).data) {
        fail_response(flow, facts, "expected pages of more than one row: they cannot overlap");
        return;
    }
    listing->accepted = listing->offset == 0 || listing->given[EVS_FILTER_MARKER] ||
                        facts->page.first_known;
    if (!makes_progress(listing, &facts->page))
        fail_response(flow, facts, "expected new snapshots: the pages of this list have no end");
    else if (listing->accepted)
        turn_page(listing, &facts->page);
    else
        step_back(listing);
}

void evs_listing_free(struct evs_listing *listing)
{
    for (int i = 0; i < EVS_FILTER_COUNT; i++)
        evs_buf_free(&listing->values[i]);
}

const struct evs_flow_type evs_list_snapshots = {"list_snapshots", false, begin, concluded};
