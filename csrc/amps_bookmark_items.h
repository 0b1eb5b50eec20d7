/* amps_bookmark_items.h: what one sub id has received, discarded, and may forget.
 *
 * The messages received lie in a ring in the order of arrival; from its front those that were
 * discarded fall out, and only then do they count as done. Beside the ring: per publisher the
 * highest sequence received and the last one that fell out, the points that the server has
 * persisted, and where the subscription started. No lock, no thread, no clock, no file. */
#ifndef AMPS_BOOKMARK_ITEMS_H
#define AMPS_BOOKMARK_ITEMS_H

#include "amps_bookmark_publishers.h"

/* Of a list longer than this, members are left out that a persisted point makes needless. */
#define AMPS_BOOKMARK_LISTED_MAX 1000u
/* Room for more than this is given back when everything was discarded. */
#define AMPS_BOOKMARK_KEPT_MAX   1024u

typedef enum amps_bookmark_verdict {
    AMPS_BOOKMARK_NEW,
    AMPS_BOOKMARK_AGAIN,     /* delivered before, not discarded */
    AMPS_BOOKMARK_DISCARDED, /* or its publisher is known to be further on */
} amps_bookmark_verdict;

typedef struct amps_bookmark_item {
    uint64_t sequence;
    uint32_t publisher; /* its number, from 1; the highest bit: discarded */
    uint32_t hash;      /* once it is in the table */
} amps_bookmark_item;

typedef struct amps_bookmark_point { /* a bookmark that owns its text */
    bool     is_known;
    uint64_t publisher;
    uint64_t sequence;
    char    *opaque;
    size_t   opaque_size;
} amps_bookmark_point;

typedef struct amps_bookmark_marker {
    uint64_t            after; /* counts when this index has fallen out */
    amps_bookmark_point point;
} amps_bookmark_marker;

typedef struct amps_bookmark_items {
    amps_bookmark_item *ring; /* index & (ring_size - 1) */
    uint32_t            ring_size;
    uint64_t            first, next; /* indexes: [first, next) are in the ring; from 1, never used
                                        twice */
    uint32_t            waiting;     /* how many of those are not discarded */
    amps_bookmark_table by_bookmark; /* the low half of the index */
    uint64_t            looked_at;   /* the ring before this index is in the table */

    amps_bookmark_publishers publishers;
    uint32_t                 last_publisher; /* of the last message */

    amps_bookmark_marker *markers;
    size_t                marker_first, marker_count, marker_room;
    amps_bookmark_point   safe;

    char  *anchor;
    size_t anchor_size;
    bool   anchor_is_now; /* it stands for NOW until completed */

    bool is_recovered; /* from a file or a recovery point, and nothing has come since */
    char opened[AMPS_BOOKMARK_TIME_SIZE]; /* listed as long as is_recovered; opened[0] == 0: not */

    /* A message was delivered that there was no memory to note. Until it has come again nothing
     * falls out of the ring, so that a new start is before it. */
    bool     is_pinned;
    bool     pin_is_gone; /* it has come again */
    uint32_t pin_hash;
} amps_bookmark_items;

AMPS_INTERNAL void amps_bookmark_items_init(amps_bookmark_items *items, uint64_t seed);
AMPS_INTERNAL void amps_bookmark_items_fini(amps_bookmark_items *items);
/* Forgets all of it; indexes go on, so that an old one means nothing new. */
AMPS_INTERNAL void amps_bookmark_items_clear(amps_bookmark_items *items);
AMPS_INTERNAL bool amps_bookmark_items_is_empty(const amps_bookmark_items *items);

/* A bookmark and what is known of it. */
typedef struct amps_bookmark_place {
    amps_bookmark bookmark;
    uint32_t      publisher; /* its number, 0: unknown */
} amps_bookmark_place;

/* false: no bookmark of a message (see amps_bookmark_parse). */
AMPS_INTERNAL bool amps_bookmark_items_find(const amps_bookmark_items *items, amps_slice text,
                                            amps_bookmark_place *place);
AMPS_INTERNAL void amps_bookmark_items_place(const amps_bookmark_items *items,
                                             const amps_bookmark       *bookmark,
                                             amps_bookmark_place       *place);
/* By an index; false: it is not in the ring. The text of an opaque one is borrowed. */
AMPS_INTERNAL bool amps_bookmark_items_at(const amps_bookmark_items *items, uint64_t index,
                                          amps_bookmark *bookmark, bool *is_discarded);

/* *index is 0 of one that is not in the ring. */
AMPS_INTERNAL amps_bookmark_verdict amps_bookmark_items_judge(amps_bookmark_items       *items,
                                                              const amps_bookmark_place *place,
                                                              uint64_t                  *index);
/* Of one in the ring, or 0. */
AMPS_INTERNAL uint64_t amps_bookmark_items_index(amps_bookmark_items       *items,
                                                 const amps_bookmark_place *place);
/* The first that is not discarded, or 0. */
AMPS_INTERNAL uint64_t amps_bookmark_items_oldest(const amps_bookmark_items *items);
/* Puts it at the end. AMPS_NO_MEMORY: it is not noted, and from now on the ring is pinned. */
AMPS_INTERNAL amps_status amps_bookmark_items_add(amps_bookmark_items       *items,
                                                  const amps_bookmark_place *place);

/* Most messages are the next of the publisher of the one before: judged and put at the end at once.
 * The index, or 0: it is none of those, or there is no room. */
AMPS_INTERNAL uint64_t amps_bookmark_items_add_next(amps_bookmark_items *items,
                                                    const amps_bookmark *bookmark);

/* false: it was not in the ring, or discarded before. *fell says whether anything fell out. */
AMPS_INTERNAL bool amps_bookmark_items_discard(amps_bookmark_items *items, uint64_t index,
                                               bool *fell);
/* *counts says whether it is the safe point at once. */
AMPS_INTERNAL amps_status amps_bookmark_items_persisted(amps_bookmark_items *items,
                                                        const amps_bookmark *bookmark,
                                                        uint64_t after, bool *counts);

AMPS_INTERNAL amps_status amps_bookmark_items_anchor(amps_bookmark_items *items, amps_slice anchor,
                                                     bool is_now);
/* Forgets everything else; when it fails, nothing. */
AMPS_INTERNAL amps_status amps_bookmark_items_begin(amps_bookmark_items *items, amps_slice anchor,
                                                    bool is_now);
/* What a list of most recent bookmarks says. */
AMPS_INTERNAL amps_status amps_bookmark_items_recover(amps_bookmark_items *items, amps_slice list);
/* Where it was before: no message, only how far its publisher is. */
AMPS_INTERNAL amps_status amps_bookmark_items_list(amps_bookmark_items *items,
                                                   const amps_bookmark *bookmark);
AMPS_INTERNAL amps_status amps_bookmark_items_raise(amps_bookmark_items *items,
                                                    const amps_bookmark *bookmark);

/* The list to start from, member by member. false: that was all. The text is borrowed; that of a
 * number pair is written into `text`. */
typedef struct amps_bookmark_walk {
    uint32_t   publisher; /* of the member, 0: it is none of a publisher's */
    uint32_t   step;
    amps_slice rest; /* of the anchor */
    amps_slice member;
    char       text[AMPS_BOOKMARK_TEXT_SIZE_MAX];
} amps_bookmark_walk;

AMPS_INTERNAL void amps_bookmark_walk_start(amps_bookmark_walk *walk);
AMPS_INTERNAL bool amps_bookmark_walk_next(const amps_bookmark_items *items,
                                           amps_bookmark_walk        *walk);
/* The list as text; its size, also when it does not fit and nothing is to be read in `out`. */
AMPS_INTERNAL size_t amps_bookmark_items_write(const amps_bookmark_items *items, char *out,
                                               size_t out_size);

/* Is it in the ring? */
static inline bool amps_bookmark_items_has(const amps_bookmark_items *items, uint64_t index)
{
    return index >= items->first && index < items->next;
}

static inline uint32_t amps_bookmark_items_count(const amps_bookmark_items *items)
{
    return (uint32_t)(items->next - items->first);
}

#endif
