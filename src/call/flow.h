/**
 * A call: a chain of exchanges with one result. What the chain is made of, the types say.
 *
 * This is what the engine runs: next -> SEND, SLEEP, PAGE or DONE; reply or fail after a SEND.
 */
#ifndef EVS_FLOW_H
#define EVS_FLOW_H

#include "exchange.h"

#pragma GCC visibility push(hidden)

struct evs_flow;

/** What a call is about, and so which ids it needs. */
enum evs_subject {
    EVS_ABOUT_SNAPSHOT, /**< project_id and snapshot_id */
    EVS_ABOUT_PROJECT,  /**< project_id */
    EVS_ABOUT_ACCOUNT   /**< none */
};

/** One kind of call. */
struct evs_flow_type {
    const char *name; /**< as scripts call it, `delete_snapshot` */
    enum evs_subject subject;
    /** Start the first exchange, or end at once. `seen` is a snapshot passed in place of its id. */
    void (*begin)(struct evs_flow *flow, const struct evs_snapshot *seen);
    /** The exchange has ended, which means this; `facts` is its answer, or NULL when there is
     * none. Start the next one, or succeed or fail. */
    void (*concluded)(struct evs_flow *flow, enum evs_meaning meaning,
                      const struct evs_facts *facts);
};

/** A call under way. Begin with zeroed memory; buffers survive to the next evs_flow_begin. */
struct evs_flow {
    const struct evs_flow_type *type;
    struct evs_client *client;
    struct evs_call_options options;
    struct evs_budget budget;
    struct evs_exchange exchange;
    enum { EVS_FLOW_RUNNING, EVS_FLOW_SUCCEEDED, EVS_FLOW_FAILED } state;
    bool page;  /**< a list has read a page that evs_flow_next has yet to tell */
    int status; /**< of the last answer; 0: none yet */
    char project[256], id[256];
    char job_id[129];       /**< that the 202 named; empty: none */
    struct evs_error error; /**< the last failure; when it failed, what it ends with */
};

/**
 * Begin a call on a snapshot. `seen` is a snapshot that the script passed in place of its id, or
 * NULL. Bad ids end the call at once with Client.InvalidArgument. Every slice is copied.
 */
void evs_flow_begin(struct evs_flow *flow, const struct evs_flow_type *type,
                    struct evs_client *client, const struct evs_call_options *options,
                    struct evs_str project, struct evs_str id, const struct evs_snapshot *seen);

/** In place of evs_flow_begin: a call that has failed with `error` before anything was sent. */
void evs_flow_refuse(struct evs_flow *flow, const struct evs_flow_type *type,
                     struct evs_client *client, const struct evs_error *error);

/** What to do at `now` (monotonic seconds) and `wall` (since 1970). Not while a request is out. */
enum evs_step evs_flow_next(struct evs_flow *flow, double now, double wall, struct evs_want *want);

/** When the time of what the call does now is up, monotonic; HUGE_VAL: it has not begun. */
double evs_flow_ends(const struct evs_flow *flow);

/** Whether the request that was out last is sent again, as things stand at `now`, and after how
 * many seconds. */
bool evs_flow_resends(const struct evs_flow *flow, double now, double *pause);

/** The answer to the request that is out. */
void evs_flow_reply(struct evs_flow *flow, const struct evs_facts *facts);

/** There will be no answer to the request that is out. */
void evs_flow_fail(struct evs_flow *flow, const struct evs_failure *failure);

/** The connection of the request that is out is gone: the client was closed, or a parent process
 * had it. */
void evs_flow_lose(struct evs_flow *flow);

/** End a call that has not ended: Client.Stopped. A request that is out counts as lost. */
void evs_flow_cancel(struct evs_flow *flow);

/** Wipe and free its buffers, and leave the key to others. */
void evs_flow_free(struct evs_flow *flow);

/* For the types: */

/**
 * Start an exchange; its first attempt is made after about `pause` seconds. Its failures become
 * `flow->error`, unless that is one to keep.
 */
void evs_flow_exchange(struct evs_flow *flow, enum evs_operation operation, unsigned retries,
                       double pause, bool keep_error);

/** End the call well. */
void evs_flow_succeed(struct evs_flow *flow);

/** End the call with `flow->error`, which is set but for attempts and outcome. */
void evs_flow_end(struct evs_flow *flow);

/** Set `flow->error` to Client.BadResponse about `facts`; `expected` says what was not there. */
void evs_flow_bad_response(struct evs_flow *flow, const struct evs_facts *facts,
                           const char *expected);

#pragma GCC visibility pop
#endif
