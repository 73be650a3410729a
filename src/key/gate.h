/**
 * The key gate: more than five wrong signatures in a row lock an access key for five minutes, so
 * all calls of a client pass here before they send.
 *
 * A key starts *unproven*: one request at a time may try it, the others wait. An answer that only a
 * good signature gets makes it *proven*, and nobody waits. A 401 makes it unproven again; one
 * re-send with a mended clock or fresh keys may heal it; otherwise it is *refused* and nothing
 * is sent for five minutes. Calls that are given up before their answer may have met a 401 each:
 * three of them in five minutes are enough.
 */
#ifndef EVS_GATE_H
#define EVS_GATE_H

#include "base/error.h"

#pragma GCC visibility push(hidden)

enum evs_gate_state { EVS_GATE_UNPROVEN, EVS_GATE_PROVEN, EVS_GATE_REFUSED };

/** Zeroed memory is the gate of a key nobody has tried. */
struct evs_gate {
    enum evs_gate_state state;
    bool healed;            /**< since the last proof a 401 was met with a re-send */
    bool refused_now;       /**< refused, and the clock not looked at yet */
    unsigned generation;    /**< counts the changes of key or clock */
    const void *holder;     /**< who has the one request in flight */
    double holder_until;    /**< when the holder's request is given up for lost, monotonic */
    bool barred;            /**< the holder stands for too many that were given up elsewhere */
    double refused_until;   /**< monotonic */
    unsigned unseen;        /**< requests that tried the key, and what came of them nobody has told */
    double unseen_since;    /**< when the first of these left, monotonic */
    struct evs_error error; /**< why it is refused */
};

/** What the gate says to somebody who wants to send. */
enum evs_gate_answer {
    EVS_GATE_PASS,
    EVS_GATE_WAIT, /**< for the answer to somebody's request */
    EVS_GATE_BAR,  /**< for minutes: too many were given up */
    EVS_GATE_STOP
};

/**
 * May `who` send at `now`, a request that is over at `until` (both monotonic seconds)? PASS makes
 * `who` the holder while the key is unproven: it must end with prove, release, heal or refuse.
 */
enum evs_gate_answer evs_gate_ask(struct evs_gate *gate, const void *who, double now, double until);

/** It is `now` (monotonic): the five minutes of a key that was refused since the last look begin. */
void evs_gate_look(struct evs_gate *gate, double now);

/** It is `now`: a refusal whose five minutes are over is forgotten. */
void evs_gate_recover(struct evs_gate *gate, double now);

/** `who`'s request ended and says nothing about the key, or `who` gives up. */
void evs_gate_release(struct evs_gate *gate, const void *who);

/** What came of a request of `generation`, which tried the key, is known: an answer, or that there is none. */
void evs_gate_see(struct evs_gate *gate, unsigned generation);

/** An answer to a request of `generation` showed that the key is good. */
void evs_gate_prove(struct evs_gate *gate, const void *who, unsigned generation);

/**
 * `who` got a 401 for a request of `generation`. Returns whether it may try again: true when key or
 * clock changed since that request was signed (`healable` does not matter then), or when
 * `healable` and nobody tried to heal since the last proof; the caller then changes key or clock.
 * Otherwise the gate is refused with `error`.
 */
bool evs_gate_reject(struct evs_gate *gate, const void *who, unsigned generation, bool healable,
                     const struct evs_error *error);

/** After a 401: let nobody but `who` send until `until` (monotonic), while it looks for fresh keys. */
void evs_gate_hold(struct evs_gate *gate, const void *who, double until);

/**
 * A call that met a 401 with a request of `generation`, and held the gate since, is given up before
 * anything was tried: the next 401 is the last, or calls given up one after the other would lock the
 * key. `heals`: the caller changes key or clock. False when the key was proven, refused or changed
 * since: then there is nothing to say.
 */
bool evs_gate_give_up(struct evs_gate *gate, unsigned generation, bool heals);

/** Refuse the key with `error`: it can never work as it is. */
void evs_gate_refuse(struct evs_gate *gate, const struct evs_error *error);

/** Open it for a new key. */
void evs_gate_renew(struct evs_gate *gate);

#pragma GCC visibility pop
#endif
