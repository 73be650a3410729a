/*
 * A list whose pages are any bytes: their numbers of rows, ids and next links. It asks the same
 * host for the same list, and has an end.
 */
#include "call/list.h"
#include "client.h"

enum { TURNS_MOST = 20000 };

static struct evs_str take_id(struct evs_str *rest)
{
    return take_bytes(rest, take_number(rest, 8));
}

static struct evs_facts take_page(struct evs_str *rest)
{
    static const int statuses[] = {200, 200, 200, 200, 400, 404, 429, 503};
    struct evs_facts facts = {.status = statuses[take_number(rest, 8)],
                              .speaker = EVS_JSON,
                              .message = EVS_STR("no"),
                              .retry_after = -1,
                              .date = -1};
    struct evs_page *page = &facts.page;

    facts.has_page = facts.status == 200;
    page->count = take_number(rest, 4);
    page->fresh = take_number(rest, page->count + 1);
    page->first_known = take_number(rest, 2);
    if (page->count > 0)
        page->first = page->last = take_id(rest);
    if (page->count > 1) {
        page->last = take_id(rest);
        page->last_but_one = page->count == 2 ? page->first : take_id(rest);
    }
    page->next = take_text(rest);
    return facts;
}

/* Whether it goes on, at `now`, which its pauses move. */
static bool step(struct evs_flow *flow, struct evs_str *rest, double *now)
{
    struct evs_want want = {0};
    struct evs_facts facts;

    switch (evs_flow_next(flow, *now, WALL + *now, &want)) {
    case EVS_SEND:
        check_request(&want, *now);
        assert(strstr(want.request->url.data, "/detail?"));
        facts = take_page(rest);
        *now += 0.1;
        evs_flow_reply(flow, &facts);
        return true;
    case EVS_SLEEP:
        assert(want.seconds > 0);
        *now += want.seconds;
        return true;
    case EVS_PAGE: return true;
    default: return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const apis[] = {"v2", "v5", "cinder"};
    static const struct evs_flow_type *const types[] = {&evs_list_snapshots, &evs_list_volumes};
    struct evs_str rest = {(const char *)data, size};
    struct evs_client client = {0};
    struct evs_listing listing = {.paged = take_number(&rest, 2)};
    double now = 1000;
    int turns = 0;

    make_client(&client, apis[take_number(&rest, 3)], true);
    evs_flow_begin(&listing.flow, types[take_number(&rest, 2)], &client, &client.call,
                   EVS_STR(PROJECT), (struct evs_str){0}, NULL);
    while (step(&listing.flow, &rest, &now))
        assert(++turns < TURNS_MOST);
    evs_listing_free(&listing);
    evs_flow_free(&listing.flow);
    evs_client_close(&client);
    return 0;
}
