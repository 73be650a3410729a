#include "gate.h"

/* How long the gateway locks a key after too many wrong signatures. */
#define REFUSED_SECONDS 300.0

/* A holder that has not come back this long after its request's end is gone. */
#define HOLDER_GRACE 1.0

/* Those who gave up, a worker's visitors perhaps, may have done so before a 401 each. */
#define UNSEEN_MOST 3
#define UNSEEN_SECONDS 300.0

void evs_gate_look(struct evs_gate *gate, double now)
{
    if (gate->refused_now)
        gate->refused_until = now + REFUSED_SECONDS;
    gate->refused_now = false;
}

void evs_gate_recover(struct evs_gate *gate, double now)
{
    evs_gate_look(gate, now);
    if (gate->state == EVS_GATE_REFUSED && now >= gate->refused_until)
        evs_gate_renew(gate);
}

static bool may_try(struct evs_gate *gate, double now)
{
    if (gate->unseen >= UNSEEN_MOST && now >= gate->unseen_since + UNSEEN_SECONDS)
        gate->unseen = 0;
    return gate->unseen < UNSEEN_MOST;
}

enum evs_gate_answer evs_gate_ask(struct evs_gate *gate, const void *who, double now, double until)
{
    if (gate->state == EVS_GATE_PROVEN)
        return EVS_GATE_PASS;
    evs_gate_recover(gate, now);
    if (gate->state == EVS_GATE_REFUSED)
        return EVS_GATE_STOP;
    if (gate->holder && gate->holder != who && now < gate->holder_until)
        return gate->barred ? EVS_GATE_BAR : EVS_GATE_WAIT;
    if (!may_try(gate, now))
        return EVS_GATE_BAR;
    if (gate->unseen++ == 0)
        gate->unseen_since = now;
    gate->holder = who;
    gate->holder_until = until + HOLDER_GRACE;
    gate->barred = false;
    return EVS_GATE_PASS;
}

void evs_gate_release(struct evs_gate *gate, const void *who)
{
    if (gate->holder == who)
        gate->holder = NULL;
}

void evs_gate_see(struct evs_gate *gate, unsigned generation)
{
    if (generation == gate->generation && gate->unseen > 0)
        gate->unseen--;
}

void evs_gate_prove(struct evs_gate *gate, const void *who, unsigned generation)
{
    evs_gate_release(gate, who);
    if (generation != gate->generation || gate->state == EVS_GATE_REFUSED)
        return;
    gate->state = EVS_GATE_PROVEN;
    gate->healed = false;
    gate->unseen = 0;
}

bool evs_gate_reject(struct evs_gate *gate, const void *who, unsigned generation, bool healable,
                     const struct evs_error *error)
{
    evs_gate_release(gate, who);
    if (generation != gate->generation)
        return true;
    if (healable && !gate->healed && gate->state != EVS_GATE_REFUSED) {
        gate->state = EVS_GATE_UNPROVEN;
        gate->healed = true;
        gate->generation++;
        return true;
    }
    evs_gate_refuse(gate, error);
    return false;
}

void evs_gate_hold(struct evs_gate *gate, const void *who, double until)
{
    gate->state = EVS_GATE_UNPROVEN;
    gate->holder = who;
    gate->holder_until = until;
    gate->barred = false;
}

bool evs_gate_give_up(struct evs_gate *gate, unsigned generation, bool heals)
{
    if (generation != gate->generation || gate->state != EVS_GATE_UNPROVEN)
        return false;
    gate->healed = true;
    if (heals)
        gate->generation++;
    return true;
}

void evs_gate_refuse(struct evs_gate *gate, const struct evs_error *error)
{
    gate->state = EVS_GATE_REFUSED;
    gate->refused_now = true;
    gate->holder = NULL;
    gate->error = *error;
    gate->error.attempts = 0;
    gate->error.outcome = EVS_NOT_SENT;
}

void evs_gate_renew(struct evs_gate *gate)
{
    gate->state = EVS_GATE_UNPROVEN;
    gate->healed = gate->refused_now = false;
    gate->holder = NULL;
    gate->unseen = 0;
    gate->generation++;
}
