/* amps_file_index.c: a window that moves through one block of memory, and back to its beginning. */
#include "amps_file_index.h"

#include "amps_memory.h"

#define ROOM_MIN ((size_t)256)
#define ROOM_KEPT                                                                                  \
    ((size_t)1 << 16) /* entries: with more the memory is given back once all went                 \
                       */

_Static_assert(sizeof(amps_file_entry) == 16, "four in a line of the cache");

void amps_file_index_fini(amps_file_index *index)
{
    amps_memory_free(index->entries);
    *index = (amps_file_index){0};
}

bool amps_file_index_widen(amps_file_index *index)
{
    size_t used = index->end - index->first;
    if (index->first <= index->room / 2) { /* what is moved was paid for by as many that went */
        size_t           room = index->room != 0 ? index->room * 2 : ROOM_MIN;
        amps_file_entry *more = amps_memory_resize(index->entries, room * sizeof *more);
        if (more == NULL) {
            return false;
        }
        index->entries = more;
        index->room = room;
        return true;
    }
    memmove(index->entries, index->entries + index->first, used * sizeof *index->entries);
    index->first = 0;
    index->end = used;
    return true;
}

/* An empty one begins where the memory is still at hand. */
void amps_file_index_begin_again(amps_file_index *index)
{
    index->first = index->end = 0;
    if (index->room > ROOM_KEPT) {
        amps_file_index_fini(index);
    }
}

void amps_file_index_undo_add(amps_file_index *index)
{
    AMPS_ASSERT(index->end > index->first && !index->entries[index->end - 1].dead);
    index->end--;
    index->live--;
}

/* The first entry above `after`, dead or alive; `end` when there is none. */
static size_t seek(const amps_file_index *index, uint64_t after)
{
    size_t low = index->first, high = index->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->entries[middle].sequence > after) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

amps_file_entry *amps_file_index_above(const amps_file_index *index, uint64_t after)
{
    for (size_t at = seek(index, after); at < index->end; at++) {
        if (!index->entries[at].dead) {
            return &index->entries[at];
        }
    }
    return NULL;
}

amps_file_entry *amps_file_index_find(const amps_file_index *index, uint64_t sequence)
{
    amps_file_entry *entry = sequence != 0 ? amps_file_index_above(index, sequence - 1) : NULL;
    return entry != NULL && entry->sequence == sequence ? entry : NULL;
}

void amps_file_index_kill(amps_file_index *index, amps_file_entry *entry)
{
    AMPS_ASSERT(!entry->dead);
    entry->dead = 1;
    index->live--;
}
