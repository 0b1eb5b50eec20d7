/* amps_bookmark_publishers.h: who has published to one sub id, and how far each one is.
 *
 * An opaque bookmark is a publisher of its own. Those of which something is done are listed, in the
 * order in which that happened first. No lock, no thread. */
#ifndef AMPS_BOOKMARK_PUBLISHERS_H
#define AMPS_BOOKMARK_PUBLISHERS_H

#include "amps_bookmark.h"
#include "amps_bookmark_table.h"

/* So many opaque bookmarks that were discarded are remembered and listed; older ones are forgotten,
 * and a message that has one would count as new. */
#define AMPS_BOOKMARK_OPAQUE_MAX 1000u
typedef struct amps_bookmark_publisher {
    uint64_t id;     /* not of an opaque one */
    char    *opaque; /* the whole bookmark; NULL: it is publisher|sequence| */
    uint64_t high;   /* the highest sequence received */
    uint64_t recent; /* the last that fell out of the ring, if is_listed */
    uint64_t recent_index;
    uint32_t hash;
    uint32_t live;          /* how many messages of it are in the ring */
    uint32_t waiting;       /* how many of those are not discarded */
    uint32_t before, after; /* among the listed, in the order they came there; 0 ends it */
    uint8_t  prefix_size;
    bool     is_listed;
    char     prefix[21]; /* "id|" */
    uint32_t opaque_size;
} amps_bookmark_publisher;

typedef struct amps_bookmark_publishers {
    uint64_t                 seed;
    amps_bookmark_publisher *all; /* their numbers count from 1 */
    uint32_t                 count, room;
    uint32_t                 free; /* chained by `after` */
    uint32_t                 first_listed, last_listed;
    uint32_t                 listed_count, opaque_count; /* of the listed */
    amps_bookmark_table      table;
} amps_bookmark_publishers;

static inline amps_bookmark_publisher *
amps_bookmark_publisher_at(const amps_bookmark_publishers *publishers, uint32_t number)
{
    AMPS_ASSERT(number > 0 && number <= publishers->count);
    return &publishers->all[number - 1];
}

/* A fresh one is {.seed = anything a server cannot know}. */
AMPS_INTERNAL void     amps_bookmark_publishers_fini(amps_bookmark_publishers *publishers);
AMPS_INTERNAL uint32_t amps_bookmark_publisher_hash(const amps_bookmark_publishers *publishers,
                                                    const amps_bookmark            *bookmark);
/* The number of the bookmark's publisher, 0: unknown. */
AMPS_INTERNAL uint32_t amps_bookmark_publisher_find(const amps_bookmark_publishers *publishers,
                                                    const amps_bookmark            *bookmark);
/* The same, made if it is new; 0: out of memory. */
AMPS_INTERNAL uint32_t amps_bookmark_publisher_get(amps_bookmark_publishers *publishers,
                                                   const amps_bookmark      *bookmark);
/* Its messages up to this one are done. Too many opaque ones: the oldest are forgotten, if nothing
 * of theirs is live. */
AMPS_INTERNAL void amps_bookmark_publisher_list(amps_bookmark_publishers *publishers,
                                                uint32_t number, uint64_t sequence, uint64_t index);
/* It need not be listed any more. */
AMPS_INTERNAL void amps_bookmark_publisher_unlist(amps_bookmark_publishers *publishers,
                                                  uint32_t                  number);

#endif
