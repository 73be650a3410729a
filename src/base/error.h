/**
 * The one error there is: codes, outcomes, and texts from outside made safe to show.
 */
#ifndef EVS_ERROR_H
#define EVS_ERROR_H

#include "text.h"

#pragma GCC visibility push(hidden)

/** Our own codes, which no server sends. The text on the right is what scripts compare with. */
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

/** Hints: what to do about an error, where that is known. This is the one place that has their
 * texts. */
#define EVS_HINTS(X)                                                                               \
    X(EVS_HINT_NONE, "")                                                                           \
    X(EVS_HINT_SECRET_KEY, "check the secret key")                                                 \
    X(EVS_HINT_ACCESS_KEY, "check the access key; a temporary one has an end")                     \
    X(EVS_HINT_KEYS, "check the access key and the secret key, or the token, which has an end")    \
    X(EVS_HINT_TOKEN, "get a new token, which has an end and belongs to one project; temporary "   \
                      "keys need their own security_token")                                        \
    X(EVS_HINT_LOCKED, "wait five minutes: after more than five wrong signatures in a row the "    \
                       "access key is locked for so long")                                         \
    X(EVS_HINT_CLOCK, "set this machine's clock right: a signature is good for 15 minutes")        \
    X(EVS_HINT_TRIM, "leave that out: file:read(\"*l\") in Lua and $(cat file) in a shell do")     \
    X(EVS_HINT_NO_KEYS, "set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or give ak and sk")        \
    X(EVS_HINT_NGINX, "nginx hides the environment from its workers: give ak, sk and region as "   \
                      "options, or let nginx.conf say `env HUAWEICLOUD_SDK_AK;`, "                 \
                      "`env HUAWEICLOUD_SDK_SK;` and `env HUAWEICLOUD_SDK_REGION;`")               \
    X(EVS_HINT_RIGHTS, "the user needs the rights evs:snapshots:delete, evs:snapshots:get for "    \
                       "the guard and wait, evs:snapshots:list for lists")                         \
    X(EVS_HINT_PROJECT, "check the project_id: a project belongs to one region")                   \
    X(EVS_HINT_PROJECT_RIGHTS, "give the project_id, or the user the right "                       \
                               "iam:projects:listProjects")                                        \
    X(EVS_HINT_SNAPSHOT, "check the snapshot_id, the project_id and the region")                   \
    X(EVS_HINT_BACKUP, "delete the backup, not its snapshot")                                      \
    X(EVS_HINT_BUSY, "try again when its status is available")                                     \
    X(EVS_HINT_STATE, "only a snapshot whose status is available or error can be deleted")         \
    X(EVS_HINT_NEEDED, "delete first what needs the snapshot, a volume made of it perhaps")        \
    X(EVS_HINT_WAIT, "look again later, or allow more time: wait")                                 \
    X(EVS_HINT_RATE, "send fewer requests; delete_snapshots has the option rate")                  \
    X(EVS_HINT_REGION, "check the region or the endpoint, then the name server")                   \
    X(EVS_HINT_ENDPOINT, "check the endpoint: its scheme, host and port")                          \
    X(EVS_HINT_REACH, "check the endpoint, and whether a firewall or a missing proxy is in the "   \
                      "way")                                                                       \
    X(EVS_HINT_TIME, "allow more time, in seconds: timeout, attempt_timeout, connect_timeout")     \
    X(EVS_HINT_SECONDS, "times are in seconds: 30000 milliseconds are 30")                         \
    X(EVS_HINT_CERTIFICATE, "check the endpoint; give the issuer's certificate as ca_file if the " \
                            "system does not know the issuer")                                     \
    X(EVS_HINT_CERTIFICATE_HOST, "the certificate is another host's: check the endpoint")          \
    X(EVS_HINT_CERTIFICATE_TIME, "the certificate's time is over or has not begun: have it "       \
                                 "renewed, or set this machine's clock right")                     \
    X(EVS_HINT_CA_FILE, "check ca_file (or EVS_CA_FILE): a file of certificates in PEM form")      \
    X(EVS_HINT_NOT_TLS, "the port may speak plain http: check the endpoint's scheme and port")     \
    X(EVS_HINT_TLS_PORT, "the port speaks TLS: let the endpoint begin with https://")              \
    X(EVS_HINT_PROXY, "check the proxy: the option proxy, or HTTPS_PROXY and NO_PROXY")            \
    X(EVS_HINT_PROXY_LOGIN, "give the proxy's user and password: http://user:password@host:port")  \
    X(EVS_HINT_STRANGER, "something other than EVS answered, a proxy or a login page perhaps: "    \
                         "check the endpoint")                                                     \
    X(EVS_HINT_NEW_CLIENT, "make a new client with evs.new")

#define EVS_HINT_ENUM(name, text) name,
enum evs_hint { EVS_HINTS(EVS_HINT_ENUM) EVS_HINT_COUNT };
#undef EVS_HINT_ENUM

/** The text of a hint; "" for EVS_HINT_NONE. */
const char *evs_hint_text(enum evs_hint hint);

/** The hint of a text; EVS_HINT_NONE when it is none of these. */
enum evs_hint evs_hint_parse(struct evs_str text);

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
 * Make `error` one of our own, with a message made as printf would. Attempts and outcome are 0, the
 * hint is what helps against most errors of this code.
 */
void evs_error_set(struct evs_error *error, enum evs_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { EVS_SECRET_COUNT = 13 };

/** What must never be shown: SK, tokens. Empty ones do not count. */
struct evs_secrets {
    struct evs_str text[EVS_SECRET_COUNT];
};

/** Append the value that was wrong to the message, each of its bytes seen: `; it is
 * "cn-north-4\n"`. */
void evs_error_show(struct evs_error *error, struct evs_str value,
                    const struct evs_secrets *secrets);

/** Append `text` to the message; where there is no room, the end of what it said gives way. */
void evs_error_append(struct evs_error *error, const char *text);

/**
 * Copy `text`, which is from outside, into `out` (`size` bytes with the NUL): without secrets, as
 * one readable line, cut where it is too long.
 */
void evs_text_show(char *out, size_t size, struct evs_str text, const struct evs_secrets *secrets);

/**
 * Copy a short name of the server's into `out` (`size` bytes with the NUL): whole, or not at all
 * when it is too long, is not visible ASCII or holds a secret.
 */
void evs_name_show(char *out, size_t size, struct evs_str text, const struct evs_secrets *secrets);

/**
 * Make `error` one of our own about a failure that somebody else describes in `text`. With
 * EVS_HINT_NONE the hint is the code's.
 */
void evs_error_quote(struct evs_error *error, enum evs_code code, struct evs_str text,
                     enum evs_hint hint, const struct evs_secrets *secrets);

/** The reason phrase of an HTTP status, "Not Found"; "" for one without a name. RFC 9110. */
const char *evs_status_reason(int status);

#pragma GCC visibility pop
#endif
