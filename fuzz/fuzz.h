/**
 * What the fuzzers share. Each gives bytes from outside to one part of the module, under
 * AddressSanitizer and UBSan, and says what must hold whatever they are.
 */
#ifndef EVS_FUZZ_H
#define EVS_FUZZ_H

#include "base/text.h"

#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Whether `part` lies in `whole`, or is empty. */
static inline bool lies_in(struct evs_str part, struct evs_str whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

/** Take `len` bytes from the front of `rest`, or all where there are fewer. */
static inline struct evs_str take_bytes(struct evs_str *rest, size_t len)
{
    struct evs_str text = {rest->data, len < rest->len ? len : rest->len};

    *rest = (struct evs_str){rest->data + text.len, rest->len - text.len};
    return text;
}

/** Take the text up to the next NUL from the front of `rest`, and the NUL. */
static inline struct evs_str take_text(struct evs_str *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\0', rest->len) : NULL;
    struct evs_str text = take_bytes(rest, end ? (size_t)(end - rest->data) : rest->len);

    take_bytes(rest, 1);
    return text;
}

/** Take a number below `count`; 0 where no byte is left. */
static inline unsigned take_number(struct evs_str *rest, unsigned count)
{
    struct evs_str byte = take_bytes(rest, 1);

    return byte.len > 0 ? (unsigned char)byte.data[0] % count : 0;
}

/** Whether no byte of `text` is `unwanted`. */
static inline bool lacks(struct evs_str text, char unwanted)
{
    return text.len == 0 || !memchr(text.data, unwanted, text.len);
}

#endif
