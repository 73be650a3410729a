/*
 * A batch of deletions that bytes drive: which ids come, what a request comes to and when,
 * cancelling, stopping. No DELETE leaves before its snapshot was seen to be deletable, no deletion
 * is told to be done without an answer that says so, none not to be sent that was, and the batch
 * has an end.
 */
#include "call/scout.h"
#include "client.h"

#include <math.h>
#include <stdio.h>

enum { IDS = 8, OUT_MOST = 64, TURNS_MOST = 20000 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What was sent and answered for an id. */
struct known {
    bool deletable, sent, done;
};

struct world {
    struct evs_client client;
    struct evs_engine engine;
    struct known known[IDS];
    char ids[IDS][2];
    unsigned added;
    struct {
        struct evs_call *call;
        bool deletes;
    } out[OUT_MOST];
    unsigned out_count;
    unsigned long results;
    double now;
    struct evs_str rest;
};

static struct known *known_of(struct world *w, const struct evs_call *call)
{
    return &w->known[call->as.flow.id[0] - 'a'];
}

/* --- answers ---------------------------------------------------------------------------------- */

static const int statuses[] = {202, 200, 404, 400, 409, 401, 403, 429, 500, 503, 204, 408};
static const char *const codes[] = {"", "EVS.2019", "EVS.5404", "APIGW.0301", "APIGW.0302", "404"};
static const char *const kinds[] = {"", "", "itemNotFound", "conflictingRequest"};
static const char *const states[] = {"available",      "deleting", "error",
                                     "error_deleting", "creating", ""};

#define PICK(w, texts) evs_str((texts)[take_number(&(w)->rest, COUNT(texts))])

static struct evs_snapshot take_snapshot(struct world *w, const char *id)
{
    unsigned marks = take_number(&w->rest, 16);

    return (struct evs_snapshot){
        .id = evs_str(id),
        .status = PICK(w, states),
        .name = evs_str(marks & 1 ? "manualbk_snapshot_vbs_1" : NULL),
        .has_name = !(marks & 2),
        .has_metadata = true,
        .enable_active = marks & 4,
        .from_server = true,
    };
}

static bool is_deletable(const struct evs_snapshot *snapshot)
{
    bool ready = evs_str_equal(snapshot->status, EVS_STR("available")) ||
                 evs_str_equal(snapshot->status, EVS_STR("error"));

    return ready && snapshot->has_name && snapshot->name.len == 0 && !snapshot->enable_active;
}

static struct evs_facts take_facts(struct world *w)
{
    static const double pauses[] = {-1, -1, 0, 1, 40, 1e12};
    static const double dates[] = {-1, -1, WALL, WALL + 4000, 0, 1e12};
    struct evs_facts facts = {.message = EVS_STR("no")};

    facts.status = statuses[take_number(&w->rest, COUNT(statuses))];
    facts.speaker = (enum evs_speaker)take_number(&w->rest, EVS_ITSELF + 1);
    facts.code = PICK(w, codes);
    facts.kind = PICK(w, kinds);
    facts.retry_after = pauses[take_number(&w->rest, COUNT(pauses))];
    facts.date = dates[take_number(&w->rest, COUNT(dates))];
    facts.replays = take_number(&w->rest, 3) == 2;
    return facts;
}

/* An answer with a snapshot of this id or of another. */
static void answer_deletion(struct world *w, struct evs_call *call, bool deletes)
{
    struct known *known = known_of(w, call);
    struct evs_facts facts = take_facts(w);
    bool own = take_number(&w->rest, 8) != 7;

    facts.has_snapshot = facts.status == 200 && take_number(&w->rest, 4) != 3;
    if (facts.has_snapshot) {
        facts.snapshot = take_snapshot(w, own ? call->as.flow.id : "z");
        known->deletable = known->deletable || (own && !deletes && is_deletable(&facts.snapshot));
    }
    known->sent = known->sent || deletes;
    known->done = known->done || (deletes && facts.status == 202) ||
                  (known->sent && facts.status == 404) ||
                  (known->sent && evs_str_equal(facts.snapshot.status, EVS_STR("deleting")));
    evs_engine_reply(call, &facts);
}

/* A page with a row of any id. */
static void answer_list(struct world *w, struct evs_call *list)
{
    struct evs_facts facts = take_facts(w);
    struct evs_snapshot row = take_snapshot(w, w->ids[take_number(&w->rest, IDS)]);

    facts.has_page = facts.status == 200;
    facts.page.count = facts.page.fresh = facts.has_page;
    if (facts.has_page && list != w->engine.scout)
        evs_engine_shown(list, &row);
    evs_engine_reply(list, &facts);
}

static void answer_metadata(struct world *w, struct evs_call *call)
{
    static const char *const keys[] = {"AK", "", "A K", "AK2"};
    static const char *const ends[] = {"2026-11-24T06:26:33Z", "", "2099-01-01T00:00:00.0Z",
                                       "never"};
    struct evs_facts facts = take_facts(w);

    facts.credential.ak = PICK(w, keys);
    facts.credential.sk = PICK(w, keys);
    facts.expires_at = PICK(w, ends);
    evs_engine_reply(call, &facts);
}

static void fail(struct world *w, struct evs_call *call, bool deletes)
{
    static const enum evs_code codes_of[] = {EVS_CONNECT, EVS_NETWORK, EVS_TIMEOUT, EVS_TLS};
    struct evs_failure failure = {.code = codes_of[take_number(&w->rest, 4)],
                                  .message = EVS_STR("no")};

    failure.sent = take_number(&w->rest, 2);
    failure.passing = take_number(&w->rest, 2);
    if (deletes && failure.sent)
        known_of(w, call)->sent = true;
    evs_engine_fail(call, &failure);
}

/* --- what is out ------------------------------------------------------------------------------ */

static void send_out(struct world *w, const struct evs_act *act)
{
    struct evs_call *call = act->call;
    bool deletes = evs_request_deletes(act->want.request) && act->want.peer != EVS_PEER_METADATA;

    check_request(&act->want, w->now);
    for (unsigned i = 0; i < w->out_count; i++)
        assert(w->out[i].call != call);
    assert(w->out_count < OUT_MOST);
    w->out[w->out_count].call = call;
    w->out[w->out_count++].deletes = deletes;
    assert(!deletes || known_of(w, call)->deletable);
}

/* There will be no answer, and nobody knows more. */
static void lose(struct world *w, struct evs_call *call, bool deletes)
{
    if (deletes)
        known_of(w, call)->sent = true;
    evs_engine_lose(call);
}

/* One of the requests that are out comes to something. */
static void settle_one(struct world *w)
{
    unsigned i = take_number(&w->rest, w->out_count);
    struct evs_call *call = w->out[i].call;
    bool deletes = w->out[i].deletes;
    unsigned what = take_number(&w->rest, 8);

    w->out[i] = w->out[--w->out_count];
    w->now += 0.1 * take_number(&w->rest, 40);
    if (what == 7)
        lose(w, call, deletes);
    else if (what == 6)
        fail(w, call, deletes);
    else if (call->metadata)
        answer_metadata(w, call);
    else if (evs_scout_is_list(call))
        answer_list(w, call);
    else
        answer_deletion(w, call, deletes);
}

static void cancel(struct world *w)
{
    for (unsigned i = 0; i < w->out_count; i++)
        if (w->out[i].deletes)
            known_of(w, w->out[i].call)->sent = true;
    w->out_count = 0;
    evs_engine_cancel(&w->engine);
}

/* --- turns ------------------------------------------------------------------------------------ */

/* The next id, with a snapshot passed in its place or without; or there are no more. */
static void feed(struct world *w)
{
    unsigned what = take_number(&w->rest, 4);
    struct evs_snapshot seen;

    if (w->added == IDS || what == 0) {
        evs_engine_end(&w->engine);
        return;
    }
    if (what == 1) {
        seen = take_snapshot(w, w->ids[w->added]);
        w->known[w->added].deletable = is_deletable(&seen);
    }
    assert(evs_engine_add(&w->engine, EVS_STR(PROJECT), evs_str(w->ids[w->added]),
                          what == 1 ? &seen : NULL) != NULL);
    w->added++;
}

/* A call that was stopped may have a look out, whose answer nobody waits for. */
static void abandon(struct world *w, const struct evs_call *call)
{
    for (unsigned i = 0; i < w->out_count; i++)
        if (w->out[i].call == call) {
            assert(!w->out[i].deletes);
            w->out[i--] = w->out[--w->out_count];
        }
}

static void take_result(struct world *w, struct evs_call *call)
{
    const struct evs_flow *flow = &call->as.flow;
    const struct known *known = known_of(w, call);

    abandon(w, call);
    assert(flow->state != EVS_FLOW_RUNNING && !call->in_flight);
    if (flow->state == EVS_FLOW_SUCCEEDED)
        assert(known->done);
    else
        assert((flow->error.outcome == EVS_NOT_SENT) == !known->sent);
    w->results++;
    evs_engine_release(call);
}

static void pause(struct world *w, double seconds)
{
    struct evs_error error;

    assert(seconds >= 0);
    switch (w->rest.len > 0 ? take_number(&w->rest, 64) : 0) {
    case 63: cancel(w); break;
    case 62:
        evs_error_set(&error, EVS_STOPPED, "enough");
        evs_engine_stop(&w->engine, &error);
        break;
    default:
        if (w->out_count > 0)
            settle_one(w);
        else
            w->now += seconds;
    }
}

static bool step(struct world *w)
{
    struct evs_act act = {0};

    switch (evs_engine_next(&w->engine, w->now, WALL + w->now, &act)) {
    case EVS_TURN_SEND: send_out(w, &act); return true;
    case EVS_TURN_RESULT: take_result(w, act.call); return true;
    case EVS_TURN_NEED: feed(w); return true;
    case EVS_TURN_SLEEP: pause(w, act.want.seconds); return true;
    default: return false;
    }
}

static void begin(struct world *w)
{
    static const char *const apis[] = {"v2", "v5", "cinder"};
    unsigned api = take_number(&w->rest, 3), marks = take_number(&w->rest, 16);

    for (int i = 0; i < IDS; i++)
        w->ids[i][0] = (char)('a' + i);
    w->now = 1000;
    make_client(&w->client, apis[api], marks & 1);
    w->client.call.wait = marks & 2 ? 30 : 0;
    w->client.batch.rate = marks & 4 ? 2 : 0;
    w->client.batch.max_errors = marks & 8 ? 2 : 0;
    assert(evs_engine_many(&w->engine, &w->client, &w->client.call, &w->client.batch));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world w = {.rest = {(const char *)data, size}};
    int turns = 0;

    begin(&w);
    while (step(&w))
        assert(++turns < TURNS_MOST);
    assert(w.results == w.added);
    assert(w.engine.succeeded + w.engine.failed + w.engine.unknown + w.engine.unsent == w.results);
    evs_engine_free(&w.engine);
    evs_client_close(&w.client);
    return 0;
}
