/**
 * The one error there is: codes, outcomes, and texts from outside made safe to show.
 */
#ifndef EVS_ERROR_H
#define EVS_ERROR_H

#include "hint.h"
#include "text.h"

#pragma GCC visibility push(hidden)

/** Our own codes: those that no server sends. The text on the right is what scripts compare with. */
#define EVS_CODES(X)                                                                               \
    X(EVS_INVALID_ARGUMENT, "Client.InvalidArgument")                                              \
    X(EVS_NO_CREDENTIALS, "Client.NoCredentials")                                                  \
    X(EVS_NO_ENDPOINT, "Client.NoEndpoint")                                                        \
    X(EVS_RESOLVE, "Client.Resolve")                                                               \
    X(EVS_CONNECT, "Client.Connect")                                                               \
    X(EVS_TLS, "Client.TLS")                                                                       \
    X(EVS_PROXY, "Client.Proxy")                                                                   \
    X(EVS_TIMEOUT, "Client.Timeout")                                                               \
    X(EVS_NETWORK, "Client.Network")                                                               \
    X(EVS_BAD_RESPONSE, "Client.BadResponse")                                                      \
    X(EVS_PROTECTED, "Client.Protected")                                                           \
    X(EVS_WRONG_STATE, "Client.WrongState")                                                        \
    X(EVS_NOT_DELETED, "Client.NotDeleted")                                                        \
    X(EVS_WAIT_TIMEOUT, "Client.WaitTimeout")                                                      \
    X(EVS_STOPPED, "Client.Stopped")                                                               \
    X(EVS_CLOSED, "Client.Closed")                                                                 \
    X(EVS_TOO_MANY, "Client.TooMany")                                                              \
    X(EVS_NO_PROJECT, "Client.NoProject")

#define EVS_CODE_ENUM(name, text) name,
enum evs_code { EVS_CODES(EVS_CODE_ENUM) EVS_CODE_COUNT };
#undef EVS_CODE_ENUM

/** The text of a code, `Client.Timeout`. */
const char *evs_code_text(enum evs_code code);

/** The code of a text; EVS_CODE_COUNT when it is none of ours. */
enum evs_code evs_code_parse(struct evs_str text);

/** What is known of the deletion when a call ends with an error. */
enum evs_outcome {
    EVS_NOT_SENT, /**< no DELETE left this machine */
    EVS_REFUSED,  /**< the server answered, and its answer was no */
    EVS_UNKNOWN,  /**< it may have happened */
    EVS_ACCEPTED  /**< 202 was seen; what was waited for after it failed */
};

/** The text of an outcome, `not_sent`. */
const char *evs_outcome_text(enum evs_outcome outcome);

/** An error as scripts see it. Every text is NUL-terminated, bounded and free of secrets. */
struct evs_error {
    char code[65];        /**< never empty, `[A-Za-z0-9._-]` */
    char kind[65];        /**< envelope's name; empty: none */
    char request_id[129]; /**< empty: none */
    int status;           /**< HTTP status; 0: there was no answer */
    unsigned attempts;    /**< requests of this call that were put on the wire */
    bool retryable;       /**< the same call may succeed later */
    enum evs_outcome outcome;
    enum evs_hint hint; /**< what to do about it */
    char message[2049]; /**< never empty, no control characters */
};

/**
 * Make `error` one of our own, with a message made as printf would. Attempts and outcome are 0, the hint is
 * what helps against most errors of this code.
 */
void evs_error_set(struct evs_error *error, enum evs_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { EVS_SECRET_COUNT = 13 };

/** What must never be shown: SK, tokens. Empty ones do not count. */
struct evs_secrets {
    struct evs_str text[EVS_SECRET_COUNT];
};

/** Append the value that was wrong to the message, each of its bytes seen: `; it is "cn-north-4\n"`. */
void evs_error_show(struct evs_error *error, struct evs_str value, const struct evs_secrets *secrets);

/** Append `text` to the message; where there is no room, the end of what it said gives way. */
void evs_error_append(struct evs_error *error, const char *text);

/**
 * Copy `text`, which is from outside, into `out` (`size` bytes with the NUL): without secrets, as one
 * readable line, cut where it is too long.
 */
void evs_text_show(char *out, size_t size, struct evs_str text, const struct evs_secrets *secrets);

/**
 * Copy a short name of the server's into `out` (`size` bytes with the NUL): whole, or not at all when
 * it is too long, is not visible ASCII or holds a secret.
 */
void evs_name_show(char *out, size_t size, struct evs_str text, const struct evs_secrets *secrets);

/**
 * Make `error` one of our own about a failure that somebody else describes in `text`. With EVS_HINT_NONE
 * the hint is the code's.
 */
void evs_error_quote(struct evs_error *error, enum evs_code code, struct evs_str text,
                     enum evs_hint hint, const struct evs_secrets *secrets);

/** The reason phrase of an HTTP status, "Not Found"; "" for one without a name. RFC 9110. */
const char *evs_status_reason(int status);

#pragma GCC visibility pop
#endif
