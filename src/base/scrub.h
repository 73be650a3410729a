/**
 * Text from outside: what a server, a proxy or a library said, made safe to show.
 *
 * The gateway's 401 echoes the whole canonical request, the security token included; a proxy can
 * echo any header. Secrets are taken out of the whole text first and it is shortened after that,
 * so that no cut can leave half a secret behind.
 */
#ifndef EVS_SCRUB_H
#define EVS_SCRUB_H

#include "text.h"

#pragma GCC visibility push(hidden)

/** How many bytes of a secret must match for a part of it to be taken out as well. */
enum { EVS_SCRUB_PART = 12 };

/**
 * Append `text` to `out` with every occurrence of a secret as `***`: whole, or its first
 * EVS_SCRUB_PART bytes and as many more as match (a text may have been cut inside it). Escapes are
 * seen through: `\/`, `\u003d`, `%3D`, `&#61;`. Empty secrets are passed over. So become the value
 * of an `Authorization` header and what follows `Signature=`.
 */
void evs_scrub(struct evs_buf *out, struct evs_str text, const struct evs_str *secrets,
               size_t count);

/** Whether `evs_scrub` would change `text`. */
bool evs_scrub_finds(struct evs_str text, const struct evs_str *secrets, size_t count);

/**
 * Copy `text` into `out` (`size` bytes with the NUL) as one readable line: runs of blanks,
 * control characters and bytes that are not UTF-8 become one blank, and a text too long
 * is cut between characters.
 */
void evs_clean(char *out, size_t size, struct evs_str text);

/**
 * Copy `text` into `out` (`size` bytes with the NUL, at least 8) so that each of its bytes can be
 * seen: `\n`, `\r`, `\t`, `\xC3`; `...` stands for what there is no room for.
 */
void evs_show_bytes(char *out, size_t size, struct evs_str text);

/** Append what a reader would see of an HTML or plain text: tags, scripts and styles are left
 * out. */
void evs_readable(struct evs_buf *out, struct evs_str text);

#pragma GCC visibility pop
#endif
