/* amps_memory_records.c: segments that fill from both sides: records in front, their places behind.
 */
#include "amps_memory_records.h"

#include "amps_memory.h"

#define SEGMENT_SIZE    ((size_t)1 << 16)
#define ROOM_SIZE       (SEGMENT_SIZE - sizeof(amps_memory_segment) - 16) /* 16: the allocator's */
#define ALONE_SIZE_MIN  (ROOM_SIZE / 4) /* what costs more has a segment to itself */
#define SEGMENTS_MIN    16
#define ALIGNMENT       8u
#define CACHE_LINE_SIZE 64u
#define PREFETCH_SIZE   256u

/* A segment is never empty: one that would be is let go. */
struct amps_memory_segment {
    amps_memory_segment *next_spare;
    size_t               size;  /* of the room */
    size_t               end;   /* of the records in it */
    uint32_t             first; /* records before are gone */
    uint32_t             count; /* those that are gone included */
    uint32_t             live;
    uint32_t             unused;
    char                 room[];
};

typedef struct place {
    size_t   segment;
    uint32_t index;
} place;

static size_t aligned(size_t size) { return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

size_t amps_memory_records_cost(size_t size)
{
    return aligned(sizeof(amps_memory_record) + size) + sizeof(uint32_t);
}

static uint32_t *offset_at(amps_memory_segment *segment, uint32_t index)
{
    return (uint32_t *)(void *)(segment->room + segment->size) - 1 - index;
}

static amps_memory_record *record_at(amps_memory_segment *segment, uint32_t index)
{
    return (amps_memory_record *)(void *)(segment->room + *offset_at(segment, index));
}

static uint64_t last_sequence(amps_memory_segment *segment)
{
    return record_at(segment, segment->count - 1)->sequence;
}

void amps_memory_records_init(amps_memory_records *records, size_t spare_size_max)
{
    *records = (amps_memory_records){.spare_size_max = spare_size_max};
}

void amps_memory_records_fini(amps_memory_records *records)
{
    for (size_t at = records->first; at < records->end; at++) {
        amps_memory_free(records->segments[at]);
    }
    while (records->spare != NULL) {
        amps_memory_segment *spare = records->spare;
        records->spare = spare->next_spare;
        amps_memory_free(spare);
    }
    amps_memory_free(records->segments);
    *records = (amps_memory_records){0};
}

/* ---- Segments come and go ------------------------------------------------------------------- */

static bool make_room_for_segment(amps_memory_records *records)
{
    if (records->end < records->room) {
        return true;
    }
    size_t used = records->end - records->first;
    if (records->first < records->room / 2 || records->room == 0) {
        size_t                room = records->room != 0 ? records->room * 2 : SEGMENTS_MIN;
        amps_memory_segment **more =
            amps_memory_resize(records->segments, room * sizeof *records->segments);
        if (more == NULL) {
            return false;
        }
        records->segments = more;
        records->room = room;
    }
    memmove(records->segments, records->segments + records->first,
            used * sizeof *records->segments);
    records->first = 0;
    records->end = used;
    return true;
}

static amps_memory_segment *empty_segment(amps_memory_records *records, size_t size)
{
    amps_memory_segment *segment = records->spare;
    if (size == ROOM_SIZE && segment != NULL) {
        records->spare = segment->next_spare;
        records->spare_size -= SEGMENT_SIZE;
    } else {
        segment = amps_memory_new(sizeof *segment + size);
        if (segment == NULL) {
            return NULL;
        }
        records->held += sizeof *segment + size;
    }
    segment->size = size;
    segment->end = 0;
    segment->first = segment->count = segment->live = 0;
    return segment;
}

static void let_go(amps_memory_records *records, amps_memory_segment *segment)
{
    if (segment->size == ROOM_SIZE &&
        records->spare_size + SEGMENT_SIZE <= records->spare_size_max) {
        segment->next_spare = records->spare;
        records->spare = segment;
        records->spare_size += SEGMENT_SIZE;
        return;
    }
    records->held -= sizeof *segment + segment->size;
    amps_memory_free(segment);
}

/* Offsets are 4 bytes each at the end: the room's end must suit them. */
static amps_memory_segment *add_segment(amps_memory_records *records, size_t cost)
{
    if (!make_room_for_segment(records)) {
        return NULL;
    }
    size_t               size = cost > ALONE_SIZE_MIN ? aligned(cost) : ROOM_SIZE;
    amps_memory_segment *segment = empty_segment(records, size);
    if (segment != NULL) {
        records->segments[records->end++] = segment;
    }
    return segment;
}

/* ---- Adding --------------------------------------------------------------------------------- */

/* The next record goes there: its memory has long been in nobody's cache. */
static void prefetch_end(const amps_memory_segment *segment)
{
    for (size_t at = 0; at < PREFETCH_SIZE; at += CACHE_LINE_SIZE) {
        __builtin_prefetch(segment->room + segment->end + CACHE_LINE_SIZE + at, 1);
    }
}

amps_status amps_memory_records_add(amps_memory_records *records, uint64_t sequence,
                                    amps_slice bytes)
{
    size_t               cost = amps_memory_records_cost(bytes.size);
    amps_memory_segment *segment =
        records->end > records->first ? records->segments[records->end - 1] : NULL;
    AMPS_ASSERT(bytes.size <= AMPS_MEMORY_RECORD_SIZE_MAX);
    AMPS_ASSERT(segment == NULL || last_sequence(segment) < sequence);
    if (segment == NULL ||
        segment->size - segment->end - segment->count * sizeof(uint32_t) < cost) {
        segment = add_segment(records, cost);
        if (segment == NULL) {
            return AMPS_NO_MEMORY;
        }
    }
    amps_memory_record *record = (void *)(segment->room + segment->end);
    *offset_at(segment, segment->count++) = (uint32_t)segment->end;
    record->sequence = sequence;
    record->size = (uint32_t)bytes.size;
    record->dead = 0;
    if (bytes.size != 0) {
        memcpy(record->bytes, bytes.at, bytes.size);
    }
    segment->end += cost - sizeof(uint32_t);
    prefetch_end(segment);
    segment->live++;
    records->used += cost;
    records->count++;
    return AMPS_OK;
}

void amps_memory_records_undo_add(amps_memory_records *records)
{
    amps_memory_segment *segment = records->segments[records->end - 1];
    amps_memory_record  *record = record_at(segment, --segment->count);
    size_t               cost = amps_memory_records_cost(record->size);
    segment->end -= cost - sizeof(uint32_t);
    segment->live--;
    records->used -= cost;
    records->count--;
    if (segment->count == segment->first) {
        records->end--;
        let_go(records, segment);
    }
}

/* ---- Finding -------------------------------------------------------------------------------- */

/* The first record above `after`, dead or alive; its segment is `end` when there is none. */
static place seek(const amps_memory_records *records, uint64_t after)
{
    size_t low = records->first, high = records->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (last_sequence(records->segments[middle]) > after) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (low == records->end) {
        return (place){low, 0};
    }
    amps_memory_segment *segment = records->segments[low];
    uint32_t             from = segment->first, to = segment->count - 1;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (record_at(segment, middle)->sequence > after) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return (place){low, from};
}

amps_memory_record *amps_memory_records_above(amps_memory_records *records, uint64_t after)
{
    place at = seek(records, after);
    for (; at.segment < records->end; at.segment++) {
        amps_memory_segment *segment = records->segments[at.segment];
        for (; segment->live > 0 && at.index < segment->count; at.index++) {
            amps_memory_record *record = record_at(segment, at.index);
            if (!record->dead) {
                return record;
            }
        }
        if (at.segment + 1 < records->end) {
            at.index = records->segments[at.segment + 1]->first;
        }
    }
    return NULL;
}

amps_memory_record *amps_memory_records_find(amps_memory_records *records, uint64_t sequence)
{
    if (sequence == 0) {
        return NULL;
    }
    place at = seek(records, sequence - 1);
    if (at.segment == records->end) {
        return NULL;
    }
    amps_memory_record *record = record_at(records->segments[at.segment], at.index);
    return record->sequence == sequence && !record->dead ? record : NULL;
}

amps_memory_record *amps_memory_records_front(amps_memory_records *records)
{
    if (records->first == records->end) {
        return NULL;
    }
    amps_memory_segment *segment = records->segments[records->first];
    return record_at(segment, segment->first);
}

/* ---- Letting go ----------------------------------------------------------------------------- */

static void drop_segment(amps_memory_records *records)
{
    amps_memory_segment *segment = records->segments[records->first++];
    size_t               begin = *offset_at(segment, segment->first);
    records->used -= segment->end - begin + (segment->count - segment->first) * sizeof(uint32_t);
    records->count -= segment->live;
    let_go(records, segment);
}

void amps_memory_records_drop_front(amps_memory_records *records)
{
    amps_memory_segment *segment = records->segments[records->first];
    if (segment->first + 1 == segment->count) {
        drop_segment(records);
        return;
    }
    amps_memory_record *record = record_at(segment, segment->first++);
    records->used -= amps_memory_records_cost(record->size);
    if (!record->dead) {
        segment->live--;
        records->count--;
    }
}

void amps_memory_records_drop_up_to(amps_memory_records *records, uint64_t sequence)
{
    while (records->first < records->end &&
           last_sequence(records->segments[records->first]) <= sequence) {
        drop_segment(records);
    }
    for (amps_memory_record *record = amps_memory_records_front(records);
         record != NULL && record->sequence <= sequence;
         record = amps_memory_records_front(records)) {
        amps_memory_records_drop_front(records);
    }
}

void amps_memory_records_kill(amps_memory_records *records, amps_memory_record *record)
{
    place at = seek(records, record->sequence - 1);
    AMPS_ASSERT(!record->dead && record_at(records->segments[at.segment], at.index) == record);
    record->dead = 1;
    records->segments[at.segment]->live--;
    records->count--;
}
