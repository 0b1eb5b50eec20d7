/* amps_bookmark_table.h: a hash table of 32-bit numbers; what they stand for its user knows.
 *
 * Open addressing; taking one out leaves no trace. No lock, no thread. */
#ifndef AMPS_BOOKMARK_TABLE_H
#define AMPS_BOOKMARK_TABLE_H

#include "amps_base.h"

typedef struct amps_bookmark_slot {
    uint32_t hash; /* 0: a free slot */
    uint32_t value;
} amps_bookmark_slot;

typedef struct amps_bookmark_table {
    amps_bookmark_slot *slots;
    uint32_t            capacity; /* a power of two, or 0 */
    uint32_t            count;
} amps_bookmark_table;

#define AMPS_BOOKMARK_NO_SLOT UINT32_MAX

static inline uint32_t amps_bookmark_hash(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t hash = (seed ^ a) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ (hash >> 32) ^ b) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(hash >> 32) | 1; /* a hash is never 0 */
}

/* The first slot that may hold it, or AMPS_BOOKMARK_NO_SLOT; then the next one. */
static inline uint32_t amps_bookmark_table_from(const amps_bookmark_table *table, uint32_t at,
                                                uint32_t hash)
{
    for (;; at++) {
        at &= table->capacity - 1;
        uint32_t there = table->slots[at].hash;
        if (there == hash) {
            return at;
        }
        if (there == 0) {
            return AMPS_BOOKMARK_NO_SLOT;
        }
    }
}

static inline uint32_t amps_bookmark_table_first(const amps_bookmark_table *table, uint32_t hash)
{
    return table->count > 0 ? amps_bookmark_table_from(table, hash >> 1, hash)
                            : AMPS_BOOKMARK_NO_SLOT;
}

static inline uint32_t amps_bookmark_table_next(const amps_bookmark_table *table, uint32_t at)
{
    return amps_bookmark_table_from(table, at + 1, table->slots[at].hash);
}

AMPS_INTERNAL void amps_bookmark_table_fini(amps_bookmark_table *table);
/* Makes sure that so many fit in all; false: out of memory. */
AMPS_INTERNAL bool amps_bookmark_table_reserve(amps_bookmark_table *table, uint32_t count);
/* Room was reserved. */
AMPS_INTERNAL void amps_bookmark_table_add(amps_bookmark_table *table, uint32_t hash,
                                           uint32_t value);
AMPS_INTERNAL void amps_bookmark_table_remove(amps_bookmark_table *table, uint32_t at);

#endif
