/* amps_bookmark_inside.h: a bookmark store and its sub ids from the inside, for the rooms they
 * fill.
 *
 * Locks from the outside in: the store's, a sub id's, the disk's. */
#ifndef AMPS_BOOKMARK_INSIDE_H
#define AMPS_BOOKMARK_INSIDE_H

#include <stdatomic.h>

#include "amps_bookmark_disk.h"
#include "amps_bookmark_events.h"

struct amps_bookmark_sub {
    amps_bookmark_store *store;
    amps_mutex           lock; /* for all below */
    amps_bookmark_items  items;
    amps_bookmark_trace  trace;
    amps_bookmark_events events;
    uint32_t             grown_at;
    uint32_t             tag;
    size_t               id_size;
    char                 id[];
};

struct amps_bookmark_store {
    atomic_uint          holders;
    unsigned             fork_generation;
    uint64_t             seed;
    atomic_bool          is_closed;
    amps_bookmark_disk  *disk;          /* NULL: only in memory */
    amps_failure         trouble;       /* of opening; AMPS_OK: none */
    _Atomic uint64_t     complained[2]; /* when; 0: never. Of the disk; of anything else */
    amps_mutex           lock;          /* for all below */
    amps_bookmark_events events;
    amps_bookmark_sub  **subs;
    uint32_t             sub_count, sub_room;
    amps_bookmark_table  by_id;
};

/* AMPS_OK, AMPS_FORKED, AMPS_CLOSED. */
static inline amps_status amps_bookmark_usable(const amps_bookmark_store *store)
{
    if (AMPS_UNLIKELY(store->fork_generation != amps_fork_generation())) {
        return AMPS_FORKED;
    }
    return AMPS_LIKELY(!atomic_load_explicit(&store->is_closed, memory_order_relaxed))
               ? AMPS_OK
               : AMPS_CLOSED;
}

#endif
