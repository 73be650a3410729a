/* A profile file of any bytes: what is found lies in it. */
#include "key/profile.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evs_str text = {(const char *)data, size};
    struct evs_key_set keys = {0};
    unsigned line = evs_profile_parse(text, &keys);

    assert(line <= size + 1);
    if (line != 0)
        return 0;
    assert(lies_in(keys.ak, text) && lies_in(keys.sk, text) && lies_in(keys.security_token, text));
    assert(!evs_key_set_usable(&keys) || (keys.ak.len > 0 && keys.sk.len > 0));
    return 0;
}
