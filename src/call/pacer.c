#include "pacer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLACK 1.015    /* what starts a second apart may arrive a little closer */
#define CATCH_UP 0.05  /* seconds: who wakes too late may make good for so much */
#define HOLD_MOST 10.0 /* one call's Retry-After does not stop all the others for longer */
#define PACE_LEAST 0.5 /* requests a second: there is always a try */
#define NEAR 0.9       /* of the pace that was refused: up to there it recovers fast */
#define RECOVERY 0.25  /* of the way there in a second */
#define CREEP 0.02     /* beyond it, of itself in a second, */
#define IMPATIENCE 0.2 /* and so much more of that for each second since the last 429 */
#define WINDOW 1.0     /* limits are counted in seconds: one cut takes so long to be felt */

bool evs_pacer_init(struct evs_pacer *pacer, double rate)
{
    memset(pacer, 0, sizeof *pacer);
    pacer->even_at = -HUGE_VAL;
    if (rate <= 0)
        return true;
    pacer->ring_size = rate < 1 ? 1 : (size_t)rate;
    pacer->window = (rate < 1 ? 1 / rate : 1) * SLACK;
    pacer->ring = calloc(pacer->ring_size, sizeof *pacer->ring);
    return pacer->ring != NULL;
}

void evs_pacer_free(struct evs_pacer *pacer)
{
    free(pacer->ring);
    pacer->ring = NULL;
}

/* Step by step: fast while far below the pace that was refused, then slowly, then ever faster. */
static void recover(struct evs_pacer *pacer, double now)
{
    double near = pacer->refused * NEAR;
    double passed = now - pacer->looked_at;
    double patience = 1 + IMPATIENCE * (now - pacer->changed_at);

    if (passed <= 0)
        return;
    pacer->looked_at = now;
    if (pacer->pace < near)
        pacer->pace +=
            (near - pacer->pace) * (passed < 1 ? passed * RECOVERY : RECOVERY) + 0.1 * passed;
    else
        pacer->pace += (pacer->pace * CREEP + 0.1) * patience * passed;
}

static double later(double a, double b)
{
    return a > b ? a : b;
}

double evs_pacer_wait(struct evs_pacer *pacer, double now)
{
    double at = now;

    if (pacer->pace > 0) {
        recover(pacer, now);
        at = later(later(at, pacer->next_at), pacer->hold_until);
    }
    if (pacer->window > 0)
        at = later(at, pacer->even_at);
    if (pacer->window > 0 && pacer->ring_count == pacer->ring_size)
        at = later(at, pacer->ring[pacer->ring_next] + pacer->window);
    return at - now;
}

/* Evenly: a whole second's worth at once would be just as legal, and burst upon burst leaves no
 * room for what is held up on its way. */
static void note_in_window(struct evs_pacer *pacer, double now)
{
    pacer->even_at =
        later(pacer->even_at, now - CATCH_UP) + pacer->window / (double)pacer->ring_size;
    pacer->ring[pacer->ring_next] = now;
    pacer->ring_next = (pacer->ring_next + 1) % pacer->ring_size;
    if (pacer->ring_count < pacer->ring_size)
        pacer->ring_count++;
}

void evs_pacer_start(struct evs_pacer *pacer, double now)
{
    if (pacer->window > 0)
        note_in_window(pacer, now);
    if (pacer->pace > 0)
        pacer->next_at = later(pacer->next_at, now - CATCH_UP) + 1 / pacer->pace;
    if (pacer->counted == 0 || now - pacer->counted_from >= 1) {
        pacer->before = now - pacer->counted_from < 2 ? pacer->counted : 0;
        pacer->counted_from = now;
        pacer->counted = 0;
    }
    pacer->counted++;
    pacer->started_at = now;
}

/* How many requests started in a second lately. What came in a burst of less than a second
 * counts as that second's worth: limits are counted in seconds too. */
static double measured(const struct evs_pacer *pacer)
{
    return pacer->counted > pacer->before ? pacer->counted : pacer->before;
}

static void hold(struct evs_pacer *pacer, double until, double now)
{
    double most = now + HOLD_MOST;

    pacer->hold_until = later(pacer->hold_until, until < most ? until : most);
}

void evs_pacer_throttle(struct evs_pacer *pacer, double sent_at, double now, double retry_after)
{
    if (retry_after >= 0)
        hold(pacer, now + retry_after, now);
    if (pacer->pace > 0 && sent_at <= pacer->changed_at + WINDOW)
        return; /* others' requests have cut the pace down already */
    if (pacer->pace <= 0) {
        pacer->pace = measured(pacer);
        pacer->looked_at = sent_at;
        hold(pacer, now + WINDOW, now); /* there was no pace: let the burst pass */
    }
    pacer->refused = pacer->pace;
    pacer->pace = later(pacer->pace / 2, PACE_LEAST);
    pacer->changed_at = pacer->started_at;
}
