/* amps_text.h: text as it stands between the quotes of a header, eight bytes at a time.
 *
 * Finds where quoted text ends, escapes text on its way out (amps_text_decode of amps.h is the way
 * back). No thread, no lock, no allocation; never reads past the bytes it was given. */
#ifndef AMPS_TEXT_H
#define AMPS_TEXT_H

#include "amps_base.h"

#define AMPS_TEXT_WORD_SIZE        ((ptrdiff_t)sizeof(uint64_t))
#define AMPS_TEXT_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* The high bit of each byte equal to `value`, and possibly of bytes above the lowest such one. */
static inline uint64_t amps_text_marks(uint64_t word, unsigned char value)
{
    word ^= AMPS_TEXT_EACH_BYTE(value);
    return (word - AMPS_TEXT_EACH_BYTE(0x01)) & ~word & AMPS_TEXT_EACH_BYTE(0x80);
}

static inline uint64_t amps_text_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The first quote or backslash in [at, end), or `end`. */
static inline const char *amps_text_find_mark(const char *at, const char *end)
{
    while (end - at >= AMPS_TEXT_WORD_SIZE) {
        uint64_t word = amps_text_load(at);
        uint64_t marks = amps_text_marks(word, '"') | amps_text_marks(word, '\\');
        if (marks != 0) {
            return at + __builtin_ctzll(marks) / 8;
        }
        at += AMPS_TEXT_WORD_SIZE;
    }
    while (at < end && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* The quote that ends the text beginning at `at`, or NULL; says whether escapes came before it. */
static inline const char *amps_text_find_end(const char *at, const char *end, bool *escaped)
{
    *escaped = false;
    for (;;) {
        at = amps_text_find_mark(at, end);
        if (AMPS_UNLIKELY(at == end)) {
            return NULL;
        }
        if (AMPS_LIKELY(*at == '"')) {
            return at;
        }
        if (end - at < 2) {
            return NULL;
        }
        *escaped = true;
        at += 2;
    }
}

/* Room that amps_text_encode needs: every byte may become \u00XX, and whole words are written. */
#define AMPS_TEXT_SLACK                  (sizeof(uint64_t) - 1)
#define AMPS_TEXT_ENCODED_SIZE_MAX(size) (6 * (size) + AMPS_TEXT_SLACK)

/* Escapes `text` into `out`; returns how many bytes it wrote. */
AMPS_INTERNAL size_t amps_text_encode(amps_slice text, char *out);

/* Letters of ASCII only, none of which needs an escape? */
static inline bool amps_text_is_plain(const char *at, size_t size)
{
    uint64_t odd = 0;
    bool     plain = true;
    for (; size >= sizeof(uint64_t); at += sizeof(uint64_t), size -= sizeof(uint64_t)) {
        uint64_t word = amps_text_load(at);
        odd |= word | (word - AMPS_TEXT_EACH_BYTE(0x20)) | amps_text_marks(word, 0x7f) |
               amps_text_marks(word, '\\') | amps_text_marks(word, '"');
    }
    for (size_t i = 0; i < size; i++) {
        plain &= at[i] >= ' ' && at[i] < 0x7f && at[i] != '\\' && at[i] != '"';
    }
    return plain && (odd & AMPS_TEXT_EACH_BYTE(0x80)) == 0;
}

#endif
