/**
 * Text: slices, growing buffers, and the cleaning of text that comes from outside.
 *
 * Nothing here knows what the text means. All functions are pure but for the memory of a buffer.
 */
#ifndef EVS_TEXT_H
#define EVS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/** A slice: bytes that somebody else owns. `data` may be NULL when `len` is 0. */
struct evs_str {
    const char *data;
    size_t len;
};

/** A slice of a string literal. */
#define EVS_STR(literal) ((struct evs_str){(literal), sizeof(literal) - 1})

/** A slice of a NUL-terminated string; NULL gives the empty slice. */
struct evs_str evs_str(const char *text);

/** Whether two slices hold the same bytes. */
bool evs_str_equal(struct evs_str a, struct evs_str b);

/** The same, without regard to the case of ASCII letters. */
bool evs_str_equal_nocase(struct evs_str a, struct evs_str b);

/** Whether `text` begins with `prefix`. */
bool evs_str_starts(struct evs_str text, struct evs_str prefix);

/** Whether `text`, which is not empty, is one of `words`, which blanks divide. */
bool evs_str_is_among(struct evs_str text, const char *words);

/** `text` without blanks and tabs at either end. */
struct evs_str evs_str_trim(struct evs_str text);

/** Whether there is a blank, a line break or another control character at either end. */
bool evs_str_has_blank_end(struct evs_str text);

/** Whether every byte is visible ASCII (0x21-0x7e): what may stand in a header's value as it is. */
bool evs_str_visible(struct evs_str text);

/** Whether every byte is one of `[A-Za-z0-9_.~-]`, RFC 3986's unreserved set. */
bool evs_str_unreserved(struct evs_str text);

/**
 * A growing byte buffer. Zeroed memory is a valid empty buffer without an upper bound. When memory
 * ends or `max` is reached, `failed` is set and everything appended after it is dropped: check
 * once, at the end.
 */
struct evs_buf {
    char *data; /**< NUL-terminated once anything was appended */
    size_t len;
    size_t cap;
    size_t max; /**< most bytes it may hold; 0 = no bound */
    bool failed;
};

/**
 * Make room for `more` bytes after the held ones and for a NUL, so that a writer can fill them
 * itself and then add to `len`. False, with `failed` set, when memory ends or `max` would be
 * passed.
 */
bool evs_buf_reserve(struct evs_buf *buf, size_t more);

/** Append `text`; what goes beyond `max` is cut off and sets `failed`. */
void evs_buf_add(struct evs_buf *buf, struct evs_str text);

/** Append several texts at once. */
void evs_buf_add_all(struct evs_buf *buf, const struct evs_str *texts, size_t count);

/** Append one byte. */
void evs_buf_add_byte(struct evs_buf *buf, char byte);

/** The bytes held so far, valid until the next append. */
struct evs_str evs_buf_str(const struct evs_buf *buf);

/** Empty it and keep its memory. */
void evs_buf_reset(struct evs_buf *buf);

/** Wipe what it holds and give its memory back; the buffer is empty and usable after it. */
void evs_buf_free(struct evs_buf *buf);

/** Overwrite `len` bytes with zeros; the compiler may not leave it out. */
void evs_wipe(void *data, size_t len);

/**
 * Append `text` with every byte outside `[A-Za-z0-9_.~-]` as `%XX` (upper-case digits).
 * Rule: SDK-HMAC-SHA256's URI encoding, RFC 3986 section 2.3.
 */
void evs_buf_add_escaped(struct evs_buf *buf, struct evs_str text);

/** Append `text` with every `%XX` as the byte it stands for; a `%` without two digits stays. */
void evs_buf_add_unescaped(struct evs_buf *buf, struct evs_str text);

/** The value of a hexadecimal digit, or -1. */
int evs_hex_digit(char c);

#pragma GCC visibility pop
#endif
