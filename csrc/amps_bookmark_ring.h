/* amps_bookmark_ring.h: a file of slots, each with a sub id's list of most recent bookmarks.
 *
 * A slot has two halves that are written by turns: a write that was interrupted leaves the list of
 * before. A list that outgrows its slot moves to a larger one. Mapped, and disk space is reserved
 * before it is touched. One thread at a time, its user has the lock. */
#ifndef AMPS_BOOKMARK_RING_H
#define AMPS_BOOKMARK_RING_H

#include "amps_bookmark.h"
#include "amps_file.h"

#define AMPS_BOOKMARK_RING_SIZE_MAX ((size_t)1 << 30) /* bytes of a file */
#define AMPS_BOOKMARK_HALF_SIZE_MIN 256u              /* bytes */
#define AMPS_BOOKMARK_RING_STEP     ((size_t)1 << 16) /* bytes by which the file grows at least */

typedef struct amps_bookmark_ring_slot {
    size_t   at; /* of its first half */
    uint32_t half_size;
    uint32_t current;    /* which half counts, 0 or 1 */
    uint64_t generation; /* of that one; 0: none does */
    bool     is_free;
} amps_bookmark_ring_slot;

typedef struct amps_bookmark_ring {
    amps_file               *file;
    char                    *map;
    size_t                   end;  /* of the slots */
    size_t                   size; /* of the file */
    uint64_t                 generation;
    amps_bookmark_ring_slot *slots; /* their numbers count from 1 */
    uint32_t                 slot_count, slot_room;
} amps_bookmark_ring;

/* Opens the file, or makes it. *is_damaged: a slot has no whole half, or what is behind the slots
 * is none. AMPS_STORE: another's file, of a later version, locked, ... */
AMPS_INTERNAL amps_status amps_bookmark_ring_open(const char *path, amps_failure *failure,
                                                  amps_bookmark_ring *ring, bool *is_damaged);
/* false: the slot has none. Borrowed until the next call. */
AMPS_INTERNAL bool amps_bookmark_ring_read(const amps_bookmark_ring *ring, uint32_t number,
                                           amps_slice *sub_id, amps_slice *list);
AMPS_INTERNAL void amps_bookmark_ring_free(amps_bookmark_ring *ring, uint32_t number);
/* Where a list of this size goes; *number is the slot of this sub id (0: none yet). */
AMPS_INTERNAL amps_status amps_bookmark_ring_begin(amps_bookmark_ring *ring, uint32_t *number,
                                                   amps_slice sub_id, size_t list_size, char **list,
                                                   amps_failure *failure);
/* It is there; `before` is the slot that the sub id had before. */
AMPS_INTERNAL void        amps_bookmark_ring_commit(amps_bookmark_ring *ring, uint32_t number,
                                                    uint32_t before);
AMPS_INTERNAL amps_status amps_bookmark_ring_close(amps_bookmark_ring *ring, amps_failure *failure);

#endif
