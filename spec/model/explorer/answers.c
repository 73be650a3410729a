#include "answers.h"

#define SAYS(NAME, STATUS, WHO, CODE, AGAIN, FATE, PROOF, NEWS, ...)                               \
    {                                                                                              \
        .name = NAME, .status = STATUS, .who = EVS_##WHO, .code = CODE, .again = AGAIN,            \
        .fate = FATE, .proof = PROOF, .news = NEWS, __VA_ARGS__                                    \
    }

#define SHOWS(NAME, STATUS, ...)                                                                   \
    {                                                                                              \
        .name = "200 " NAME, .scope = GET_ONLY, .status = 200, .who = EVS_JSON, .again = NEVER,    \
        .fate = LOST, .proof = GOOD, .news = SHOWN, .snapshot = {                                  \
            .status = EVS_STR(STATUS),                                                             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

#define WHOLE .has_name = true, .has_metadata = true

#define FAILS(NAME, CODE, SENT, PASSING, AGAIN, ...)                                               \
    {                                                                                              \
        .name = NAME, .failure = CODE, .sent = SENT, .passing = PASSING, .again = AGAIN,           \
        .fate = SENT ? LOST : UNSENT, .proof = SILENT, .news = BUSY, __VA_ARGS__                   \
    }

#define RETRY_AFTER(SECONDS) .has_retry_after = true, .retry_after = SECONDS

const struct answer answers[] = {
    SAYS("202", 202, ANYONE, NULL, NEVER, KEPT, GOOD, ACCEPTED),
    SAYS("202 after a replay", 202, JSON, NULL, NEVER, LOST, GOOD, ACCEPTED, .replays = 1),
    SAYS("200 login page", 200, ANYONE, NULL, NEVER, LOST, SILENT, ODD),
    SAYS("200 {}", 200, JSON, NULL, NEVER, LOST, GOOD, ODD),
    SAYS("204", 204, ANYONE, NULL, NEVER, LOST, SILENT, ODD),
    SHOWS("available", "available", WHOLE),
    SHOWS("error", "error", WHOLE),
    SHOWS("creating", "creating", WHOLE),
    SHOWS("deleting", "deleting", WHOLE),
    SHOWS("error_deleting", "error_deleting", WHOLE),
    SHOWS("a backup's name", "available", WHOLE, .name = EVS_STR("manualbk_snapshot_vbs_1")),
    SHOWS("a backup's mark", "available", WHOLE, .enable_active = true),
    SHOWS("of another id", "available", WHOLE, .id = EVS_STR("another")),
    SHOWS("of another project", "available", WHOLE, .has_project = true, .project = EVS_STR("q")),
    SHOWS("without metadata", "available", .has_name = true),
    SHOWS("without a status", "", WHOLE),

    SAYS("307", 307, ANYONE, NULL, NEVER, KEPT, SILENT, BUSY),
    SAYS("400 in HTML", 400, ANYONE, NULL, NEVER, KEPT, SILENT, CONTESTED),
    SAYS("400 EVS.1047", 400, ITSELF, "EVS.1047", NEVER, KEPT, GOOD, CONTESTED),
    SAYS("400 EVS.2019", 400, ITSELF, "EVS.2019", NEVER, KEPT, GOOD, STUCK),
    SAYS("401 in HTML", 401, ANYONE, NULL, NEVER, KEPT, STRANGE_401, NO),
    SAYS("401 of EVS", 401, ITSELF, "EVS.5401", NEVER, KEPT, WRONG, NO),
    SAYS("401 for a clock", 401, KNOWN, "APIGW.0301", NEVER, KEPT, WRONG, NO, .clock_off = 3600),
    SAYS("403 EVS.1027", 403, ITSELF, "EVS.1027", NEVER, KEPT, GOOD, NO),
    SAYS("403 APIGW.0302", 403, KNOWN, "APIGW.0302", NEVER, KEPT, BARRED, NO),
    SAYS("403 APIGW.0802", 403, KNOWN, "APIGW.0802", NEVER, KEPT, BARRED, NO),
    SAYS("404 itemNotFound", 404, ITSELF, "404", NEVER, KEPT, GOOD, GONE, .kind = "itemNotFound"),
    SAYS("404 EVS.5404 after a replay", 404, ITSELF, "EVS.5404", NEVER, LOST, GOOD, GONE,
         .replays = 1),
    SAYS("404 in HTML", 404, ANYONE, NULL, NEVER, KEPT, SILENT, NO),
    SAYS("404 APIGW.0101", 404, KNOWN, "APIGW.0101", NEVER, KEPT, SILENT, NO),
    SAYS("407", 407, ANYONE, NULL, NEVER, KEPT, SILENT, NO),
    SAYS("408", 408, ANYONE, NULL, SOON, LOST, SILENT, BUSY),
    SAYS("409", 409, ITSELF, "409", NEVER, KEPT, GOOD, CONTESTED, .kind = "conflictingRequest"),
    SAYS("410 itemNotFound", 410, ITSELF, "410", NEVER, KEPT, GOOD, NO, .kind = "itemNotFound"),
    SAYS("429 of EVS", 429, ITSELF, "EVS.1", SLOWER, KEPT, SILENT, BUSY),
    SAYS("429 with Retry-After 1", 429, ANYONE, NULL, SLOWER, KEPT, SILENT, BUSY, RETRY_AFTER(1)),
    SAYS("500", 500, ANYONE, NULL, SOON, LOST, SILENT, BUSY),
    SAYS("500 EVS.2019", 500, ITSELF, "EVS.2019", NEVER, KEPT, SILENT, STUCK),
    SAYS("501", 501, ANYONE, NULL, NEVER, KEPT, SILENT, BUSY),
    SAYS("502 with Retry-After 100", 502, ANYONE, NULL, SOON, LOST, SILENT, BUSY, RETRY_AFTER(100)),
    SAYS("503 with Retry-After 0", 503, ANYONE, NULL, SOON, LOST, SILENT, BUSY, RETRY_AFTER(0)),
    SAYS("503 EVS.2013", 503, ITSELF, "EVS.2013", NEVER, LOST, SILENT, BUSY),
    SAYS("503 EVS.2036", 503, ITSELF, "EVS.2036", NEVER, LOST, SILENT, BUSY),
    SAYS("503 APIGW.0104", 503, KNOWN, "APIGW.0104", NEVER, LOST, SILENT, BUSY),
    SAYS("503 EVS.2409", 503, ITSELF, "EVS.2409", LATER, LOST, SILENT, BUSY),
    SAYS("503 APIGW.0304", 503, KNOWN, "APIGW.0304", SOON, LOST, BARRED, BUSY),
    SAYS("504 APIGW.0203", 504, KNOWN, "APIGW.0203", SOON, LOST, SILENT, BUSY),
    SAYS("505", 505, ANYONE, NULL, NEVER, KEPT, SILENT, BUSY),
    SAYS("520", 520, ANYONE, NULL, NEVER, LOST, SILENT, BUSY),
    SAYS("999", 999, ANYONE, NULL, NEVER, LOST, SILENT, BUSY),

    FAILS("no connection", EVS_CONNECT, false, true, SOON),
    FAILS("a bad certificate", EVS_TLS, false, false, NEVER),
    FAILS("a cut", EVS_NETWORK, true, false, SOON),
    FAILS("a time-out", EVS_TIMEOUT, true, true, SOON, .late = true),
    FAILS("a time-out before it was sent", EVS_TIMEOUT, false, true, SOON, .late = true),
};

const unsigned answer_count = sizeof answers / sizeof *answers;
