/*
 * explorer DEPTH: drives a deletion along every sequence of up to DEPTH answers, with each
 * combination of guard, protect, ignore_missing, wait and a passed snapshot, and holds what it does
 * against a witness. No network, no clock, no Lua: a pause is passed over, and a state is kept by
 * copying it.
 *
 * Prints what was visited, and ends with 1 at the first fault, for which it prints the path.
 */
#include "call/delete.h"
#include "witness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROJECT "0123456789abcdef0123456789abcdef"
#define ID "32c9db23-7632-48cf-bfba-a48cdb37e65b"
#define WALL 1787274123.0
#define ANSWER_SECONDS 0.2 /* from a request to its answer */

enum { DEPTH_MOST = 12, STEPS_MOST = 2000 };

/* All that changes along a path. It points into itself, so that copies are kept and put back. */
struct world {
    struct evs_client client;
    struct evs_deletion deletion;
    struct witness witness;
    double now;      /* monotonic seconds */
    double deadline; /* of the request that is out */
};

struct explorer {
    struct world world;
    struct evs_call_options options;
    bool passed;
    unsigned depth, most; /* answers on the path so far, and at most */
    struct {
        const char *method, *name;
    } path[DEPTH_MOST + 1];
    unsigned long nodes, paths;
    bool failed;
};

static void fault(struct explorer *e, const char *what)
{
    const struct evs_error *error = &e->world.deletion.flow.error;

    e->failed = true;
    printf("FAULT: %s\nguard=%s ignore_missing=%s wait=%g%s%s\n", what,
           e->options.guard ? "true" : "false", e->options.ignore_missing ? "true" : "false",
           e->options.wait, e->options.protect ? ", protect" : "",
           e->passed ? ", a snapshot was passed" : "");
    for (unsigned i = 0; i < e->depth; i++)
        printf("  %s -> %s\n", e->path[i].method, e->path[i].name);
    if (e->world.deletion.flow.state == EVS_FLOW_FAILED)
        printf("  ended with %s, %u attempts, %s: %s\n", error->code, error->attempts,
               evs_outcome_text(error->outcome), error->message);
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct evs_facts facts_of(const struct explorer *e, const struct answer *a)
{
    const struct witness *w = &e->world.witness;
    struct evs_facts facts = {
        .status = a->status,
        .speaker = a->who,
        .code = evs_str(a->code),
        .kind = evs_str(a->kind),
        .message = EVS_STR("no"),
        .retry_after = a->has_retry_after ? a->retry_after : -1,
        .replays = a->replays,
        .date = a->clock_off != 0 ? WALL + w->departed + w->clock + a->clock_off : -1,
        .has_snapshot = a->news == SHOWN,
        .snapshot = a->snapshot,
    };

    if (facts.has_snapshot && facts.snapshot.id.len == 0)
        facts.snapshot.id = EVS_STR(ID);
    return facts;
}

/* The script's `protect` keeps what is in error. */
static void ask(struct explorer *e, struct evs_snapshot snapshot)
{
    if (!e->world.deletion.asking)
        return;
    if (evs_str_equal(snapshot.status, EVS_STR("error")))
        snapshot.kept_because = EVS_STR("it failed");
    evs_deletion_judge(&e->world.deletion, &snapshot);
}

static void give(struct explorer *e, const struct answer *a)
{
    struct evs_flow *flow = &e->world.deletion.flow;
    const struct evs_failure failure = {
        .code = a->failure, .message = EVS_STR("no"), .sent = a->sent, .passing = a->passing};
    struct evs_facts facts = facts_of(e, a);
    double soon = e->world.now + ANSWER_SECONDS;

    e->world.now = a->late || soon > e->world.deadline ? e->world.deadline : soon;
    if (a->status == 0)
        evs_flow_fail(flow, &failure);
    else
        evs_flow_reply(flow, &facts);
    ask(e, facts.snapshot);
    witness_answer(&e->world.witness, a, e->world.now);
}

/* --- the walk --------------------------------------------------------------------------------- */

/* What other calls find: a refused key stops them, a proven one lets all of them send. */
static const char *check_key(struct world *world)
{
    const struct witness *w = &world->witness;
    struct evs_ticket ticket;
    struct evs_error error;
    const char one = 1, other = 2; /* two calls */
    double now = world->now, wall = WALL + now;
    struct evs_key *key = &world->client.key;
    enum evs_key_answer first, second;

    first = evs_key_admit(key, &one, now, wall, now + 10, &ticket, &error);
    second = evs_key_admit(key, &other, now, wall, now + 10, &ticket, &error);
    if ((first == EVS_KEY_STOP) != w->refused)
        return w->refused ? "the key should be refused" : "the key should not be refused";
    if (!w->refused && (second == EVS_KEY_SEND) != witness_proven(w, now))
        return second == EVS_KEY_SEND ? "the key should not be proven" : "the key should be proven";
    return NULL;
}

/* The call has ended, and stays so. */
static void end(struct explorer *e)
{
    struct world *world = &e->world;
    struct evs_flow *flow = &world->deletion.flow;
    const struct evs_error *error = flow->state == EVS_FLOW_FAILED ? &flow->error : NULL;
    const char *wrong = witness_end(&world->witness, error, world->now);
    struct evs_want want;

    e->paths++;
    if (!wrong && evs_flow_next(flow, world->now + 1, WALL + world->now + 1, &want) != EVS_DONE)
        wrong = "it goes on after its end";
    if (!wrong)
        wrong = check_key(world);
    if (wrong)
        fault(e, wrong);
}

/* Pass over its pauses. Returns whether it sends a request. */
static bool run(struct explorer *e)
{
    struct world *world = &e->world;
    struct evs_want want = {0};
    const char *wrong = NULL;

    for (int i = 0; i < STEPS_MOST; i++) {
        switch (evs_flow_next(&world->deletion.flow, world->now, WALL + world->now, &want)) {
        case EVS_SLEEP:
            if (!(want.seconds > 0 && want.seconds <= world->witness.ends - world->now + 0.1))
                wrong = "it sleeps for no time, or past its end";
            world->now += want.seconds;
            break;
        case EVS_SEND:
            wrong = witness_send(&world->witness, want.request->method, world->now, want.deadline);
            world->deadline = want.deadline;
            e->path[e->depth].method = want.request->method;
            if (wrong)
                fault(e, wrong);
            return !wrong;
        default: end(e); return false;
        }
        if (wrong)
            break;
    }
    fault(e, wrong ? wrong : "it does not end");
    return false;
}

/* From here it may be cancelled as well. */
static void cancel(struct explorer *e)
{
    e->path[e->depth++].name = "cancelled";
    e->nodes++;
    evs_flow_cancel(&e->world.deletion.flow);
    witness_cancel(&e->world.witness);
    end(e);
    e->depth--;
}

/* Whether the rules of a wait make no difference between these. */
static bool are_alike(const struct answer *a, const struct answer *b)
{
    return a->news == b->news && a->proof == b->proof && a->late == b->late &&
           (a->fate == UNSENT) == (b->fate == UNSENT) && a->replays == b->replays &&
           a->has_retry_after == b->has_retry_after && a->retry_after == b->retry_after &&
           a->snapshot.id.len == b->snapshot.id.len &&
           evs_str_equal(a->snapshot.status, b->snapshot.status);
}

/* A DELETE shows no snapshot. The first look of a wait comes to everything, later ones only to the
 * first of those that are alike: a wait takes many looks. */
static bool is_tried(const struct witness *w, unsigned i)
{
    bool later = w->phase == WAITING && w->polls > 1;

    if (answers[i].scope == GET_ONLY && w->phase == DELETING)
        return false;
    for (unsigned j = 0; later && j < i; j++)
        if (are_alike(&answers[i], &answers[j]))
            return false;
    return true;
}

static void walk(struct explorer *e)
{
    const struct world here = e->world;

    cancel(e);
    for (unsigned i = 0; i < answer_count && !e->failed && e->depth < e->most; i++) {
        if (!is_tried(&here.witness, i))
            continue;
        e->world = here;
        e->path[e->depth++].name = answers[i].name;
        e->nodes++;
        give(e, &answers[i]);
        if (run(e))
            walk(e);
        e->depth -= !e->failed;
    }
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void begin(struct explorer *e)
{
    static const struct evs_snapshot seen = {
        .id = EVS_STR(ID), .status = EVS_STR("available"), .has_name = true, .has_metadata = true};
    struct world *world = &e->world;

    world->now = 1000;
    evs_flow_begin(&world->deletion.flow, &evs_delete_snapshot, &world->client, &e->options,
                   EVS_STR(PROJECT), EVS_STR(ID), e->passed ? &seen : NULL);
    ask(e, seen);
    witness_begin(&world->witness, &e->options, e->passed, world->now);
}

/* Make a client, and let every buffer grow to its size: copies of a world share them. */
static bool prepare(struct explorer *e)
{
    const struct evs_settings settings = {
        .endpoint = EVS_STR("https://evs.example.com"),
        .ak = EVS_STR("AK"),
        .sk = EVS_STR("SK"),
        .key_source = "options",
        .tls_verify = true,
        .connect_timeout = 5,
        .call = {.timeout = 30, .attempt_timeout = 10, .retries = 2},
        .batch = {.concurrency = 1},
    };
    struct evs_client *client = &e->world.client;
    struct evs_request *request = &e->world.deletion.flow.exchange.request;
    struct evs_buf *grown[] = {&request->url,   &request->headers,       &request->path,
                               &request->query, &request->authorization, &client->scratch};
    struct evs_error error;
    bool made = evs_client_init(client, &settings, 1, &error);

    for (size_t i = 0; i < sizeof grown / sizeof *grown; i++)
        made = made && evs_buf_reserve(grown[i], 4096);
    e->options = settings.call;
    return made;
}

static void explore(struct explorer *e)
{
    const struct world fresh = e->world;

    for (unsigned i = 0; i < 32 && !e->failed; i++) {
        e->world = fresh;
        e->depth = 0;
        e->options.guard = i & 1;
        e->options.protect = i & 16;
        e->options.ignore_missing = i & 2;
        e->options.wait = i & 4 ? 30 : 0;
        e->passed = i & 8;
        if (e->options.protect && !e->options.guard)
            continue; /* an error of the caller's */
        begin(e);
        if (run(e))
            walk(e);
    }
    e->world = fresh;
}

int main(int argc, char **argv)
{
    struct explorer e = {.most = argc > 1 ? (unsigned)atoi(argv[1]) : 0};
    clock_t began = clock();

    if (e.most < 1 || e.most > DEPTH_MOST) {
        fprintf(stderr, "usage: explorer DEPTH (1 to %d answers)\n", DEPTH_MOST);
        return 2;
    }
    if (!prepare(&e))
        return 2;
    explore(&e);
    printf("depth %u: %lu paths, %lu nodes, %.1f s\n", e.most, e.paths, e.nodes,
           (double)(clock() - began) / CLOCKS_PER_SEC);
    evs_flow_free(&e.world.deletion.flow);
    evs_client_close(&e.world.client);
    return e.failed;
}
