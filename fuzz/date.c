/* Dates and Retry-After of any bytes: a moment or -1, never anything else. */
#include "base/time.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evs_str text = {(const char *)data, size};
    double date = evs_date_parse(text);
    double iso = evs_date_parse_iso(text);

    assert(date == -1 || (date > -1e12 && date < 1e12));
    assert(iso == -1 || (iso > -1e12 && iso < 1e12));
    assert(evs_date_retry_after(text, 1e9) >= -1);
    assert(evs_date_retry_after(text, -1) >= -1);
    return 0;
}
