/**
 * Hints: what to do about an error, where that is known. This is the one place that has their texts.
 */
#ifndef EVS_HINT_H
#define EVS_HINT_H

#include "text.h"

#pragma GCC visibility push(hidden)

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
    X(EVS_HINT_TRIM, "leave that out: file:read(\"*l\") in Lua and $(cat file) in a shell do")         \
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

#pragma GCC visibility pop
#endif
