/**
 * The profile file of Huawei's SDKs: `~/.huaweicloud/credentials`, INI with a `[basic]` section.
 */
#ifndef EVS_PROFILE_H
#define EVS_PROFILE_H

#include "base/text.h"

#pragma GCC visibility push(hidden)

/** Keys as a source has them; empty slices where it has none. */
struct evs_key_set {
    struct evs_str ak, sk, security_token;
};

/**
 * Find ak, sk and security_token of section `[basic]` in `text`; other keys and sections are passed
 * over, `#` and `;` begin comment lines. Slices point into `text`. Returns 0, or the number of the
 * first line that is neither a section, nor `key = value`, nor a comment, nor blank.
 */
unsigned evs_profile_parse(struct evs_str text, struct evs_key_set *keys);

/** Whether what `keys` holds can be used: ak and sk, and in a form that can be sent. */
bool evs_key_set_usable(const struct evs_key_set *keys);

#pragma GCC visibility pop
#endif
