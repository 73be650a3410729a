/**
 * Where a client's keys come from, in order: what it was given (options, environment), the profile
 * file, the ECS metadata service. Shared by all calls of the client; one of them at a time visits
 * the metadata service, the others wait for it, or go on while the keys they have are good.
 */
#ifndef EVS_KEYRING_H
#define EVS_KEYRING_H

#include "call/client.h"

#pragma GCC visibility push(hidden)

/** What somebody who needs keys shall do. */
enum evs_keyring_answer {
    EVS_KEYS_READY, /**< send */
    EVS_KEYS_FETCH, /**< carry evs_metadata_request, then evs_keyring_reply or _fail */
    EVS_KEYS_WAIT,  /**< somebody else is fetching them */
    EVS_KEYS_NONE   /**< there are none to be had; the error says what was tried */
};

/**
 * May `who` send at `now` (monotonic) and `wall` (since 1970)? Keys of the metadata service are
 * fetched anew when less than 40 minutes of them remain, or when `renew`.
 */
enum evs_keyring_answer evs_keyring_ask(struct evs_client *client, const void *who, double now,
                                        double wall, bool renew, struct evs_error *error);

/** Take the profile file's keys, if there are none yet. What is wrong with the file evs_keyring_ask says. */
void evs_keyring_look(struct evs_client *client);

/** The metadata service's answer to the request that `who` carried; too late, it is not looked at. */
void evs_keyring_reply(struct evs_client *client, const void *who, const struct evs_facts *facts);

/** There is no answer from the metadata service to the request that `who` carried. */
void evs_keyring_fail(struct evs_client *client, const void *who, struct evs_str why);

#pragma GCC visibility pop
#endif
