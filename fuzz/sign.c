/*
 * evs.sign of any request: algorithm, key, method, URL, two headers and body, split at NULs. It is
 * refused with a message, or signed in lines of its own.
 */
#include "sign/canonical.h"
#include "fuzz.h"

static void check_form(const struct evs_canonical_form *form, const struct evs_unsigned *request)
{
    assert(lies_in(form->authority, request->url));
    assert(lacks(form->request.uri, '\n') && lacks(form->request.query, '\n'));
    for (size_t i = 0; i < form->request.header_count; i++)
        assert(lacks(form->request.headers[i].name, '\n') &&
               lacks(form->request.headers[i].value, '\n'));
}

static void sign(const struct evs_canonical_form *form, const struct evs_unsigned *request,
                 struct evs_str ak, struct evs_str sk)
{
    struct evs_signer signer = {0};
    struct evs_buf scratch = {0}, authorization = {0};

    if (!evs_signer_init(&signer, request->algorithm, ak, sk, EVS_STR("cn-north-4"),
                         EVS_STR("evs")))
        return;
    assert(evs_sign(&signer, &form->request, request->date.text, &scratch, &authorization));
    assert(evs_str_starts(evs_buf_str(&authorization),
                          evs_str(evs_algorithm_name(request->algorithm))));
    evs_signer_wipe(&signer);
    evs_buf_free(&scratch);
    evs_buf_free(&authorization);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evs_str rest = {(const char *)data, size};
    struct evs_field headers[2];
    struct evs_unsigned request = {.headers = headers, .header_count = 2};
    struct evs_canonical_form form = {0};
    char message[EVS_CANONICAL_MESSAGE] = "";
    struct evs_str ak, sk;

    request.algorithm = (enum evs_algorithm)take_number(&rest, EVS_ALGORITHM_COUNT);
    ak = take_text(&rest);
    sk = take_text(&rest);
    request.method = take_text(&rest);
    request.url = take_text(&rest);
    for (int i = 0; i < 2; i++) {
        headers[i].name = take_text(&rest);
        headers[i].value = take_text(&rest);
    }
    request.body = rest;
    evs_sign_date(&request.date, 1790000000);
    if (evs_canonical_make(&form, &request, message)) {
        check_form(&form, &request);
        sign(&form, &request, ak, sk);
    } else {
        assert(message[0] != '\0');
    }
    evs_canonical_free(&form);
    return 0;
}
