/* amps_bookmark_disk.h: what a sub id does, put on disk: in the log, or in the ring.
 *
 * One lock, held for an append. A sub id of which something could not be written is behind: nothing
 * more is written of it until all of it can be, since a log without one message says that it was
 * discarded. */
#ifndef AMPS_BOOKMARK_DISK_H
#define AMPS_BOOKMARK_DISK_H

#include "amps_bookmark_items.h"
#include "amps_bookmark_journal.h"
#include "amps_bookmark_ring.h"
#include "amps_thread.h"

typedef struct amps_bookmark_disk {
    amps_mutex            lock; /* for all below */
    bool                  is_ring;
    bool                  is_closed;
    uint32_t              declared; /* sub ids that the log has given a number */
    amps_bookmark_journal journal;
    amps_bookmark_ring    ring;
    amps_buffer           bytes; /* records on their way */
} amps_bookmark_disk;

typedef struct amps_bookmark_trace {
    amps_slice sub_id;
    uint32_t   number; /* in the log; in the ring that of its slot, 0: none */
    bool       is_declared;
    bool       is_behind;
} amps_bookmark_trace;

typedef struct amps_bookmark_change {
    amps_bookmark_record_type type; /* AMPS_BOOKMARK_GROUP: all of it is new */
    const amps_bookmark      *bookmark;
    bool                      of_list; /* most_recent may have changed */
} amps_bookmark_change;

AMPS_INTERNAL void amps_bookmark_disk_init(amps_bookmark_disk *disk, bool is_ring);
/* AMPS_CLOSED; AMPS_STORE or AMPS_NO_MEMORY: nothing of it was written. */
AMPS_INTERNAL amps_status amps_bookmark_disk_note(amps_bookmark_disk         *disk,
                                                  amps_bookmark_trace        *trace,
                                                  const amps_bookmark_items  *items,
                                                  const amps_bookmark_change *change,
                                                  amps_failure               *failure);
/* What failed a moment ago may be tried again at once. */
AMPS_INTERNAL void amps_bookmark_disk_retry(amps_bookmark_disk *disk);
/* All of one sub id, as records that count together; for a log that is written anew. */
AMPS_INTERNAL amps_status amps_bookmark_disk_whole(amps_buffer *bytes, amps_slice sub_id,
                                                   uint32_t                   number,
                                                   const amps_bookmark_items *items);
AMPS_INTERNAL amps_status amps_bookmark_disk_sync(amps_bookmark_disk *disk, amps_failure *failure);
AMPS_INTERNAL amps_status amps_bookmark_disk_close(amps_bookmark_disk *disk, amps_failure *failure);
/* Frees it; in the child of a fork without a word to the file. */
AMPS_INTERNAL void amps_bookmark_disk_fini(amps_bookmark_disk *disk, bool is_ours);

#endif
