/* amps_file_index.h: where each record of a publish store's file is, in the order of sequences.
 *
 * Added at the end, let go from the front, killed in the middle; found by sequence in O(log n).
 * Sixteen bytes a record, in a row. No lock: one thread at a time. */
#ifndef AMPS_FILE_INDEX_H
#define AMPS_FILE_INDEX_H

#include "amps_base.h"

typedef struct amps_file_entry {
    uint64_t sequence;
    uint32_t block;
    uint32_t dead : 1;   /* killed, and only in the way */
    uint32_t place : 31; /* in its block, bytes from there; 0: a chain begins with this block */
} amps_file_entry;

typedef struct amps_file_index {
    amps_file_entry *entries; /* a window of what there is room for; NULL: none */
    size_t           first;   /* entries before are gone */
    size_t           end;
    size_t           room;
    uint64_t         live;
} amps_file_index;

void amps_file_index_fini(amps_file_index *index); /* begun as {0}, and that again */

bool amps_file_index_widen(amps_file_index *index); /* false: no memory */

/* For one more: ask before each add. */
static inline bool amps_file_index_has_room(amps_file_index *index)
{
    return AMPS_LIKELY(index->end < index->room) || amps_file_index_widen(index);
}

static inline void amps_file_index_add(amps_file_index *index, amps_file_entry entry)
{
    AMPS_ASSERT(index->end < index->room && !entry.dead);
    AMPS_ASSERT(index->end == index->first ||
                index->entries[index->end - 1].sequence < entry.sequence);
    index->entries[index->end++] = entry;
    index->live++;
}

void amps_file_index_undo_add(amps_file_index *index); /* the last one, now */

/* The first that lives above `after`; NULL: none. Good until the next call that changes something.
 */
amps_file_entry *amps_file_index_above(const amps_file_index *index, uint64_t after);
/* The one that lives with this sequence; NULL: none. */
amps_file_entry *amps_file_index_find(const amps_file_index *index, uint64_t sequence);

/* Dead or alive; NULL: none. */
static inline amps_file_entry *amps_file_index_front(const amps_file_index *index)
{
    return index->first < index->end ? &index->entries[index->first] : NULL;
}

static inline amps_file_entry *amps_file_index_last(const amps_file_index *index)
{
    return index->first < index->end ? &index->entries[index->end - 1] : NULL;
}

void amps_file_index_begin_again(amps_file_index *index); /* when it has become empty */

static inline void amps_file_index_drop_front(amps_file_index *index)
{
    AMPS_ASSERT(index->first < index->end);
    index->live -= !index->entries[index->first++].dead;
    if (AMPS_UNLIKELY(index->first == index->end)) {
        amps_file_index_begin_again(index);
    }
}

/* It lives no more, and goes when it is at the front. */
void amps_file_index_kill(amps_file_index *index, amps_file_entry *entry);

#endif
