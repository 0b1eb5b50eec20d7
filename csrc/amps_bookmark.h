/* amps_bookmark.h: one bookmark, a list of them, a point in time: from text and back.
 *
 * No lock, no allocation; nothing here trusts the text. */
#ifndef AMPS_BOOKMARK_H
#define AMPS_BOOKMARK_H

#include "amps_base.h"

#define AMPS_BOOKMARK_SIZE_MAX      256u              /* bytes of a message's; longer are refused */
#define AMPS_BOOKMARK_LIST_SIZE_MAX ((size_t)1 << 20) /* bytes of a start that a program gives */
#define AMPS_BOOKMARK_TEXT_SIZE_MAX 42u               /* two numbers of 20 digits and two bars */
#define AMPS_BOOKMARK_TIME_SIZE     16u               /* 20260131T235959Z */

#define AMPS_BOOKMARK_EPOCH "0"
#define AMPS_BOOKMARK_NOW   "0|1|"

/* `publisher|sequence|`, or any other text: that is opaque, equal only to itself. */
typedef struct amps_bookmark {
    uint64_t   publisher;
    uint64_t   sequence;
    amps_slice text; /* of an opaque one; otherwise its `at` is NULL */
} amps_bookmark;

static inline bool amps_bookmark_is_opaque(const amps_bookmark *bookmark)
{
    return bookmark->text.at != NULL;
}

/* Of a message or an ack. false: nothing that can name a message (empty, too long, EPOCH, NOW,
 * `recent`, a list, a range, control characters). Numbers that do not look the way they are
 * written (leading zeros, above 2^64) make an opaque one. */
AMPS_INTERNAL bool amps_bookmark_parse(amps_slice text, amps_bookmark *bookmark);
/* Digits from *at on, as many as there are; no leading zero, no overflow. *at is behind them. */
AMPS_INTERNAL bool amps_bookmark_parse_digits(const char **at, const char *end, uint64_t *number);
/* Only `digits|` or `digits` to the end of the text. */
AMPS_INTERNAL bool amps_bookmark_parse_number(amps_slice text, uint64_t *number);
/* As the wire has it; gives its size, at most AMPS_BOOKMARK_TEXT_SIZE_MAX. Not for opaque ones. */
AMPS_INTERNAL size_t amps_bookmark_write(uint64_t publisher, uint64_t sequence, char *out);
AMPS_INTERNAL size_t amps_bookmark_write_number(uint64_t number, char *out); /* up to 20 digits */

AMPS_INTERNAL bool amps_bookmark_is_now(amps_slice text);
AMPS_INTERNAL bool amps_bookmark_is_range(amps_slice text);
/* Takes the next member off a list; empty ones are passed over. A range is one member. */
AMPS_INTERNAL bool amps_bookmark_next(amps_slice *list, amps_slice *member);

/* UTC, in the form of a bookmark. Seconds since 1970, up to the year 9999. */
AMPS_INTERNAL void amps_bookmark_write_time(uint64_t unix_s, char out[AMPS_BOOKMARK_TIME_SIZE]);

#endif
