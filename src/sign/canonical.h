/**
 * Any HTTP request in canonical form, as evs_sign takes it.
 *
 * Our own few requests are canonical as they are written; this is for requests that others made: it
 * splits a URL, escapes it anew, sorts the query, checks and sorts the headers.
 */
#ifndef EVS_CANONICAL_H
#define EVS_CANONICAL_H

#include "sign.h"
#include "base/text.h"

#pragma GCC visibility push(hidden)

/** Room for the message of any failure here, its NUL included. */
#define EVS_CANONICAL_MESSAGE 256

/** A request as somebody wrote it. All slices are borrowed; empty means not given. */
struct evs_unsigned {
    enum evs_algorithm algorithm;
    struct evs_str method;
    struct evs_str url;
    const struct evs_field *headers;
    size_t header_count;
    struct evs_str body;
    struct evs_str security_token;
    struct evs_sign_date date;
};

/**
 * A request in canonical form and the memory behind it. Zeroed memory is a valid empty one. The
 * values of `headers` stay slices of the caller's text, which must outlive it.
 */
struct evs_canonical_form {
    struct evs_canonical request; /**< what evs_sign takes */
    struct evs_str authority;     /**< host and port as written in the URL, a slice of the URL */
    struct evs_buf uri;
    struct evs_buf query;
    struct evs_buf names;
    struct evs_field *headers;
    char payload_hash[EVS_HASH_SIZE];
};

/**
 * Make the canonical form of a request. Signed are the headers given, and host, x-sdk-date and,
 * when there is one, x-security-token. The header x-sdk-content-sha256 (for SM3, x-sdk-content-sm3)
 * stands in for the body's hash. False with a `message` for what cannot be signed: everything
 * evs_canonical_url refuses; a header whose name is no token, has a `_` or is given twice; one that
 * belongs to the signer; a value with CR, LF or NUL. Either way the form has to be freed.
 */
bool evs_canonical_make(struct evs_canonical_form *form, const struct evs_unsigned *request,
                        char message[EVS_CANONICAL_MESSAGE]);

/**
 * The URL's part of it alone: sets `authority` and the request's `uri` and `query`. For a caller
 * that has its own list of signed headers. False with a `message` for a scheme other than http and
 * https, user information, a fragment, a host that is none, and a broken percent escape.
 */
bool evs_canonical_url(struct evs_canonical_form *form, struct evs_str url,
                       char message[EVS_CANONICAL_MESSAGE]);

/** Free what the form holds; it is empty and usable after it. */
void evs_canonical_free(struct evs_canonical_form *form);

#pragma GCC visibility pop
#endif
