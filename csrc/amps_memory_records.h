/* amps_memory_records.h: records in the order of their sequences, packed into segments of memory.
 *
 * Added at the end, let go from the front, killed in the middle; found by sequence in O(log n). A
 * record costs 20 bytes beyond its own, rounded up to 8. No lock: one thread at a time. */
#ifndef AMPS_MEMORY_RECORDS_H
#define AMPS_MEMORY_RECORDS_H

#include "amps_base.h"

#define AMPS_MEMORY_RECORD_SIZE_MAX ((size_t)UINT32_MAX - 64)

typedef struct amps_memory_record {
    uint64_t sequence;
    uint32_t size;
    uint32_t dead; /* 1: killed, and only in the way */
    char     bytes[];
} amps_memory_record;

typedef struct amps_memory_segment amps_memory_segment;

typedef struct amps_memory_records {
    amps_memory_segment **segments; /* a window of what there is room for */
    size_t                first;    /* segments before are gone */
    size_t                end;
    size_t                room;
    amps_memory_segment  *spare; /* empty ones, kept for what is to come */
    size_t                spare_size;
    size_t                spare_size_max;
    size_t                used;  /* bytes of the records held, dead ones included */
    size_t                held;  /* bytes taken from the system for them */
    uint64_t              count; /* records that live */
} amps_memory_records;

/* Keeps up to `spare_size_max` bytes of empty segments. */
void amps_memory_records_init(amps_memory_records *records, size_t spare_size_max);
void amps_memory_records_fini(amps_memory_records *records);

size_t amps_memory_records_cost(size_t size); /* what a record of this size adds to `used` */

/* The sequence is above all others. The bytes are copied. AMPS_OK or AMPS_NO_MEMORY. */
amps_status amps_memory_records_add(amps_memory_records *records, uint64_t sequence,
                                    amps_slice bytes);
void        amps_memory_records_undo_add(amps_memory_records *records); /* the last one, now */

/* The first that lives above `after`; NULL: none. Lives until it is let go. */
amps_memory_record *amps_memory_records_above(amps_memory_records *records, uint64_t after);
/* The one that lives with this sequence; NULL: none. */
amps_memory_record *amps_memory_records_find(amps_memory_records *records, uint64_t sequence);

/* The first, dead or alive; NULL: none. */
amps_memory_record *amps_memory_records_front(amps_memory_records *records);
void                amps_memory_records_drop_front(amps_memory_records *records);
/* Lets go of all up to this sequence, whole segments at a time. */
void amps_memory_records_drop_up_to(amps_memory_records *records, uint64_t sequence);
/* It lives no more, and goes when it is at the front. */
void amps_memory_records_kill(amps_memory_records *records, amps_memory_record *record);

#endif
