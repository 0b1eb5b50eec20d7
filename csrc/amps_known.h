/* amps_known.h: the last header that led to one route only, so that the next like it is not parsed.
 *
 * The messages of one subscription often have the very same header, or one that differs in the
 * bookmark alone; and bookmarks of one publisher differ in their sequence alone. One thread's
 * own. */
#ifndef AMPS_KNOWN_H
#define AMPS_KNOWN_H

#include "amps_bookmark.h"
#include "amps_routes.h"

#define AMPS_KNOWN_HEADER_MAX 128u /* bytes; longer ones are parsed each time */

typedef struct amps_known {
    char        header[AMPS_KNOWN_HEADER_MAX];
    size_t      size; /* 0: there is none */
    size_t      id_at, id_size;
    size_t      bookmark_at, bookmark_size; /* all the same but for this; 0: all of it */
    size_t      sequence_at, sequence_size; /* where the bookmark ends in one; 0: in none */
    uint64_t    publisher;                  /* of that bookmark */
    unsigned    changes;                    /* the table's count before the route was looked up */
    amps_route *route;
} amps_known;

static inline void amps_known_forget(amps_known *known) { known->size = 0; }

/* A header too long is not remembered. */
AMPS_INTERNAL void amps_known_remember(amps_known *known, amps_route *route, unsigned changes,
                                       const amps_message *message);
/* If the header is the same but for its bookmark: the size of that one, and what it is, its text
 * where that is no pair of numbers, or may be none. 0: it is another header. */
AMPS_INTERNAL size_t amps_known_but_for_bookmark(const amps_known *known, amps_slice payload,
                                                 amps_bookmark *bookmark);

/* Has the payload this header? *bookmark_size: of the one in it, which need not be the same. */
static inline bool amps_known_is(const amps_known *known, unsigned changes, amps_slice payload,
                                 size_t *bookmark_size, amps_bookmark *bookmark)
{
    *bookmark_size = 0;
    if (known->size == 0 || known->changes != changes) {
        return false;
    }
    if (known->bookmark_size > 0) {
        *bookmark_size = amps_known_but_for_bookmark(known, payload, bookmark);
        return *bookmark_size > 0;
    }
    return payload.size >= known->size && memcmp(payload.at, known->header, known->size) == 0;
}

/* The message of a payload that has this header. */
static inline void amps_known_view(const amps_known *known, amps_slice payload,
                                   size_t bookmark_size, amps_message *message)
{
    size_t size = known->size, id_at = known->id_at;
    if (bookmark_size > 0) {
        size += bookmark_size - known->bookmark_size;
        id_at += id_at > known->bookmark_at ? bookmark_size - known->bookmark_size : 0;
    }
    *message = (amps_message){.header = {payload.at, size},
                              .record = {payload.at, 0},
                              .body = {payload.at + size, payload.size - size},
                              .sub_id = {payload.at + id_at, known->id_size},
                              .bookmark_at = (uint32_t)known->bookmark_at,
                              .bookmark_size = (uint32_t)bookmark_size};
}

#endif
