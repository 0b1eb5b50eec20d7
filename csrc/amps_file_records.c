/* amps_file_records.c: adding, discarding, growing and reading in the mapped file of a store. */
#include "amps_file_records.h"

#include <stdatomic.h>

#include "amps_crc.h"
#include "amps_file.h"
#include "amps_file_blocks.h"
#include "amps_file_index.h"
#include "amps_file_layout.h"
#include "amps_file_recovery.h"
#include "amps_memory.h"

#define ADDS_UNCHECKED    64u /* so many in a row ask nobody how long the file is */
#define CACHE_LINE_SIZE   64u
#define PREFETCH_DISTANCE 512u /* bytes: what is written next is on its way already */
#define PREFETCH_SIZE     192u

/* A killed process has done all its stores up to one, in the order the compiler left them in: it is
 * the compiler that must keep them apart. (After a power failure what was synced counts.) */
#define KEEP_ORDER() atomic_signal_fence(memory_order_seq_cst)

struct amps_file_records {
    amps_file            *file;  /* NULL: closed */
    char                 *map;   /* its first page and all blocks */
    const amps_map_watch *watch; /* NULL: there is none, and every access asks for the size */
    unsigned              adds;
    size_t                block_size;
    amps_file_index       index;
    uint64_t              assigned;
    size_t                left;        /* bytes for records in the open block; 0: none is open */
    uint32_t              open;        /* the block that the next small record goes into */
    uint32_t              fill;        /* where in it */
    amps_file_blocks      blocks;      /* links of packed ones: how many records are held */
    size_t                places_size; /* what fits into a packed block */
    int                   slot;        /* the one in force */
    uint64_t              persisted;
    uint64_t              told; /* what the slots say of `assigned` */
};

/* ---- Places --------------------------------------------------------------------------------- */

static amps_layout_block *block_at(const amps_file_records *records, uint32_t index)
{
    return (amps_layout_block *)(void *)(records->map + AMPS_LAYOUT_HEADER_SIZE +
                                         index * records->block_size);
}

static uint64_t size_of_file(const amps_file_records *records, uint64_t block_count)
{
    return AMPS_LAYOUT_HEADER_SIZE + block_count * records->block_size;
}

static bool is_lost(const amps_file_records *records)
{
    return records->watch != NULL && amps_map_watch_is_lost(records->watch);
}

static amps_status tell_lost(const amps_file_records *records, amps_failure *failure)
{
    return amps_file_refuse(records->file, failure, "others made it shorter, or the disk fails");
}

/* Before an access to the map. */
static amps_status check_size(const amps_file_records *records, amps_failure *failure)
{
    uint64_t    size;
    amps_status status = is_lost(records) ? tell_lost(records, failure)
                                          : amps_file_size(records->file, &size, failure);
    if (AMPS_UNLIKELY(status == AMPS_OK && size < size_of_file(records, records->blocks.count))) {
        status = amps_file_refuse(records->file, failure,
                                  "somebody has made it shorter: %llu bytes are left of %llu",
                                  (unsigned long long)size,
                                  (unsigned long long)size_of_file(records, records->blocks.count));
    }
    return status;
}

/* ---- What fits ------------------------------------------------------------------------------ */

size_t amps_file_records_lacks(const amps_file_records *records, size_t size)
{
    size_t place = amps_layout_place_size(size);
    if (AMPS_LIKELY(place <= records->left)) {
        return 0;
    }
    uint32_t needed =
        place <= records->places_size ? 1 : amps_layout_chain_size(records->block_size, size);
    return needed > records->blocks.free_count ? needed - records->blocks.free_count : 0;
}

/* ---- Slots ---------------------------------------------------------------------------------- */

static void write_slot(amps_file_records *records)
{
    amps_layout_slot now = {.persisted = records->persisted,
                            .assigned = records->assigned,
                            .block_count = records->blocks.count};
    records->slot = amps_layout_write_slot((void *)records->map, records->slot, &now);
    records->told = records->assigned;
}

/* Both must know how many blocks there are: each may be the one that is left. */
static void write_both_slots(amps_file_records *records)
{
    write_slot(records);
    write_slot(records);
}

amps_status amps_file_records_note_assigned(amps_file_records *records, uint64_t assigned,
                                            amps_failure *failure)
{
    if (assigned <= records->told) {
        return AMPS_OK;
    }
    amps_status status = check_size(records, failure);
    if (status == AMPS_OK) {
        records->assigned = assigned > records->assigned ? assigned : records->assigned;
        write_slot(records);
    }
    return status;
}

/* ---- Growing and shrinking ------------------------------------------------------------------ */

static amps_status too_large(const amps_file_records *records, amps_failure *failure)
{
    return amps_file_refuse(records->file, failure, "it cannot have so many blocks");
}

amps_status amps_file_records_grow(amps_file_records *records, size_t blocks, amps_failure *failure)
{
    uint64_t before = size_of_file(records, records->blocks.count);
    if (blocks > AMPS_LAYOUT_BLOCKS_MAX - records->blocks.count ||
        size_of_file(records, records->blocks.count + blocks) > SIZE_MAX / 2) {
        return too_large(records, failure);
    }
    uint64_t    after = size_of_file(records, records->blocks.count + blocks);
    amps_status status = check_size(records, failure);
    if (status != AMPS_OK) {
        return status;
    }
    if (!amps_file_blocks_make_room(&records->blocks, records->blocks.count + blocks)) {
        return AMPS_NO_MEMORY;
    }
    status = amps_file_reserve(records->file, before, after, failure);
    if (status == AMPS_OK) {
        status = amps_file_sync(records->file, failure);
    }
    if (status == AMPS_OK) {
        status = amps_file_map(records->file, (size_t)after, &records->map, failure);
    }
    if (status != AMPS_OK) {
        amps_file_truncate(records->file, before, NULL); /* too long would do no harm, either */
        return status;
    }
    records->watch = amps_file_watch(records->file);
    amps_file_blocks_add(&records->blocks, (uint32_t)blocks);
    write_both_slots(records);
    return AMPS_OK;
}

static amps_status shrink(amps_file_records *records, size_t blocks, amps_failure *failure)
{
    amps_status status = check_size(records, failure);
    if (status != AMPS_OK) {
        return status;
    }
    records->blocks.count = (uint32_t)blocks;
    write_both_slots(records);
    status = amps_file_sync(records->file, failure);
    return status != AMPS_OK
               ? status
               : amps_file_truncate(records->file, size_of_file(records, blocks), failure);
}

/* ---- Letting blocks go ---------------------------------------------------------------------- */

static void free_chain(amps_file_records *records, uint32_t block)
{
    while (block != AMPS_LAYOUT_NO_BLOCK) {
        amps_file_blocks_give_back(&records->blocks, block);
        block = records->blocks.links[block];
    }
}

/* With its last record the block goes, tombstones and all: nothing older than them is left. */
static void leave_packed(amps_file_records *records, uint32_t block)
{
    if (--records->blocks.links[block] == 0) {
        records->left = block == records->open ? 0 : records->left;
        amps_file_blocks_give_back(&records->blocks, block);
    }
}

static void let_go(amps_file_records *records, const amps_file_entry *entry)
{
    if (entry->place != 0) {
        leave_packed(records, entry->block);
    } else {
        free_chain(records, entry->block);
    }
}

/* Lets go of the front as long as it is dead or not above this. */
static void drop_front(amps_file_records *records, uint64_t up_to)
{
    amps_file_entry *front = amps_file_index_front(&records->index);
    while (front != NULL && (front->dead || front->sequence <= up_to)) {
        let_go(records, front);
        amps_file_index_drop_front(&records->index);
        front = amps_file_index_front(&records->index);
    }
}

/* ---- Adding --------------------------------------------------------------------------------- */

/* Empty first: what its former life has left in it must never be read. */
static void open_block(amps_file_records *records)
{
    uint32_t           index = amps_file_blocks_take(&records->blocks);
    amps_layout_block *block = block_at(records, index);
    amps_layout_set_block(block, AMPS_BLOCK_FREE);
    KEEP_ORDER();
    amps_layout_set_place(amps_layout_place_at(block, AMPS_LAYOUT_PLACE_FIRST), AMPS_PLACE_FREE);
    KEEP_ORDER();
    amps_layout_set_block(block, AMPS_BLOCK_PACKED);
    KEEP_ORDER();
    records->blocks.links[index] = 0;
    records->open = index;
    records->fill = AMPS_LAYOUT_PLACE_FIRST;
    records->left = records->places_size;
}

/* Into the open block, `size` bytes of it: its place is free until all is there. */
static amps_layout_place *add_packed(amps_file_records *records, uint64_t sequence,
                                     amps_slice bytes, size_t size)
{
    amps_layout_block *block = block_at(records, records->open);
    amps_layout_place *place = amps_layout_place_at(block, records->fill);
    amps_layout_set_place(amps_layout_place_at(block, records->fill + size), AMPS_PLACE_FREE);
    place->size = (uint32_t)bytes.size;
    place->sequence = sequence;
    place->check = amps_layout_place_check(place, records->open, records->fill);
    place->sum = amps_crc_copy(place->check, place->bytes, bytes.at, bytes.size);
    KEEP_ORDER();
    amps_layout_set_place(place, AMPS_PLACE_RECORD);
    amps_file_entry entry = {
        .sequence = sequence, .block = records->open, .place = records->fill & INT32_MAX};
    amps_file_index_add(&records->index, entry);
    records->blocks.links[records->open]++;
    records->fill += (uint32_t)size;
    records->left -= size;
    return place;
}

/* All of it but the head's state: until that is there, there is no record. */
static void write_chain(amps_file_records *records, uint32_t first, uint64_t sequence,
                        amps_slice bytes)
{
    size_t     payload = amps_layout_payload_size(records->block_size);
    amps_slice left = bytes;
    for (uint32_t at = first; at != AMPS_LAYOUT_NO_BLOCK; at = records->blocks.links[at]) {
        amps_layout_set_block(block_at(records, at), AMPS_BLOCK_FREE); /* it may be an old head */
    }
    KEEP_ORDER();
    for (uint32_t at = first; at != AMPS_LAYOUT_NO_BLOCK; at = records->blocks.links[at]) {
        amps_layout_block *block = block_at(records, at);
        size_t             piece = left.size < payload ? left.size : payload;
        block->next = records->blocks.links[at];
        block->sequence = sequence;
        memcpy(block->bytes, left.at, piece);
        left.at += piece;
        left.size -= piece;
        if (at != first) {
            amps_layout_set_block(block, AMPS_BLOCK_CONTINUATION);
        }
    }
    amps_layout_block *head = block_at(records, first);
    head->size = (uint32_t)bytes.size;
    head->sum = amps_crc(0, bytes.at, bytes.size);
    head->check = amps_layout_block_check(head, first);
}

static void add_chain(amps_file_records *records, uint64_t sequence, amps_slice bytes)
{
    uint32_t first = amps_file_blocks_take(&records->blocks), last = first;
    for (uint32_t count = amps_layout_chain_size(records->block_size, bytes.size); count > 1;
         count--) {
        uint32_t next = amps_file_blocks_take(&records->blocks);
        records->blocks.links[last] = next;
        last = next;
    }
    records->blocks.links[last] = AMPS_LAYOUT_NO_BLOCK;
    write_chain(records, first, sequence, bytes);
    KEEP_ORDER();
    amps_layout_set_block(block_at(records, first), AMPS_BLOCK_HEAD);
    amps_file_index_add(&records->index, (amps_file_entry){.sequence = sequence, .block = first});
}

/* The last one, which did not reach the file or the disk. */
static void take_back(amps_file_records *records)
{
    amps_file_entry    entry = *amps_file_index_last(&records->index);
    amps_layout_block *block = block_at(records, entry.block);
    if (entry.place == 0) {
        amps_layout_set_block(block, AMPS_BLOCK_FREE);
    } else {
        amps_layout_set_place(amps_layout_place_at(block, entry.place), AMPS_PLACE_FREE);
        records->left += records->fill - entry.place;
        records->fill = entry.place;
    }
    let_go(records, &entry);
    amps_file_index_undo_add(&records->index);
}

/* What lies behind is written soon: its memory has long been in nobody's cache. It may be that of
 * another block, or of nothing at all: no harm is done. */
static void prefetch_behind(const amps_layout_place *place, size_t size)
{
    const char *at = (const char *)place + size + PREFETCH_DISTANCE;
    for (size_t line = 0; line < PREFETCH_SIZE; line += CACHE_LINE_SIZE) {
        __builtin_prefetch(at + line, 1);
    }
}

/* Where the map is watched: now and then, for a cut in the middle of a page. */
static amps_status check_size_at_times(amps_file_records *records, bool always,
                                       amps_failure *failure)
{
    bool asks = always || records->watch == NULL || records->adds++ % ADDS_UNCHECKED == 0;
    return asks ? check_size(records, failure) : AMPS_OK;
}

amps_status amps_file_records_add(amps_file_records *records, uint64_t sequence, amps_slice bytes,
                                  bool syncs, amps_failure *failure)
{
    amps_status status = check_size_at_times(records, syncs, failure);
    AMPS_ASSERT(amps_file_records_lacks(records, bytes.size) == 0);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    if (AMPS_UNLIKELY(!amps_file_index_has_room(&records->index))) {
        return AMPS_NO_MEMORY;
    }
    size_t size = amps_layout_place_size(bytes.size);
    if (AMPS_LIKELY(size <= records->places_size)) {
        if (AMPS_UNLIKELY(size > records->left)) {
            open_block(records);
        }
        prefetch_behind(add_packed(records, sequence, bytes, size), size);
    } else {
        add_chain(records, sequence, bytes);
    }
    if (AMPS_UNLIKELY(is_lost(records))) {
        status = tell_lost(records, failure);
    } else if (AMPS_UNLIKELY(syncs)) {
        status = amps_file_sync(records->file, failure);
    }
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        take_back(records);
        return status;
    }
    records->assigned = sequence > records->assigned ? sequence : records->assigned;
    return AMPS_OK;
}

/* ---- Discarding ----------------------------------------------------------------------------- */

amps_status amps_file_records_discard_up_to(amps_file_records *records, uint64_t persisted,
                                            uint64_t assigned, amps_failure *failure)
{
    if (persisted <= records->persisted) {
        return AMPS_OK;
    }
    amps_status status = check_size(records, failure);
    if (status == AMPS_OK) {
        records->persisted = persisted;
        records->assigned = assigned > records->assigned ? assigned : records->assigned;
        write_slot(records);
        drop_front(records, persisted);
    }
    return status;
}

/* Leaves a tombstone; of a chain its head is that, and the rest is free. */
static void bury(amps_file_records *records, amps_file_entry *entry)
{
    amps_layout_block *block = block_at(records, entry->block);
    if (entry->place != 0) {
        amps_layout_set_place(amps_layout_place_at(block, entry->place), AMPS_PLACE_TOMBSTONE);
    } else {
        amps_layout_set_block(block, AMPS_BLOCK_TOMBSTONE);
        free_chain(records, records->blocks.links[entry->block]);
        records->blocks.links[entry->block] = AMPS_LAYOUT_NO_BLOCK;
    }
    amps_file_index_kill(&records->index, entry);
}

amps_status amps_file_records_discard_one(amps_file_records *records, uint64_t sequence,
                                          amps_failure *failure)
{
    amps_file_entry *entry = amps_file_index_find(&records->index, sequence);
    if (entry == NULL) {
        return AMPS_END;
    }
    amps_status status = check_size(records, failure);
    if (status == AMPS_OK) {
        bury(records, entry);
        drop_front(records, records->persisted);
        if (amps_file_index_front(&records->index) == NULL && records->told < records->assigned) {
            write_slot(records); /* the blocks that tell of the highest number are free now */
        }
    }
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static amps_status is_damaged(const amps_file_records *records, const amps_file_entry *entry,
                              amps_failure *failure)
{
    return amps_file_refuse(records->file, failure, "record %llu has been damaged",
                            (unsigned long long)entry->sequence);
}

static amps_status read_packed(const amps_file_records *records, const amps_file_entry *entry,
                               char *out, size_t out_size, size_t *size, amps_failure *failure)
{
    const amps_layout_place *place =
        amps_layout_place_at(block_at(records, entry->block), entry->place);
    size_t room = AMPS_LAYOUT_PLACE_FIRST + records->places_size - entry->place;
    *size = place->size;
    if (place->sequence != entry->sequence || amps_layout_place_size(*size) > room ||
        place->check != amps_layout_place_check(place, entry->block, entry->place)) {
        return is_damaged(records, entry, failure);
    }
    if (*size > out_size) {
        return AMPS_TOO_LARGE;
    }
    return place->sum == amps_crc_copy(place->check, out, place->bytes, *size)
               ? AMPS_OK
               : is_damaged(records, entry, failure);
}

static amps_status read_chain(const amps_file_records *records, const amps_file_entry *entry,
                              char *out, size_t out_size, size_t *size, amps_failure *failure)
{
    const amps_layout_block *head = block_at(records, entry->block);
    size_t payload = amps_layout_payload_size(records->block_size), left = *size = head->size;
    if (head->sequence != entry->sequence ||
        head->check != amps_layout_block_check(head, entry->block)) {
        return is_damaged(records, entry, failure);
    }
    if (left > out_size) {
        return AMPS_TOO_LARGE;
    }
    char *to = out;
    for (uint32_t at = entry->block; at != AMPS_LAYOUT_NO_BLOCK; at = records->blocks.links[at]) {
        size_t piece = left < payload ? left : payload;
        memcpy(to, block_at(records, at)->bytes, piece);
        to += piece;
        left -= piece;
    }
    return left == 0 && head->sum == amps_crc(0, out, *size) ? AMPS_OK
                                                             : is_damaged(records, entry, failure);
}

amps_status amps_file_records_read_after(amps_file_records *records, uint64_t after, char *out,
                                         size_t out_size, uint64_t *sequence, size_t *size,
                                         amps_failure *failure)
{
    const amps_file_entry *entry = amps_file_index_above(&records->index, after);
    if (entry == NULL) {
        return AMPS_END;
    }
    *sequence = entry->sequence;
    *size = 0;
    amps_status status = check_size(records, failure);
    if (status != AMPS_OK) {
        return status;
    }
    return entry->place != 0 ? read_packed(records, entry, out, out_size, size, failure)
                             : read_chain(records, entry, out, out_size, size, failure);
}

amps_status amps_file_records_sync(amps_file_records *records, amps_failure *failure)
{
    return amps_file_sync(records->file, failure);
}

size_t amps_file_records_block_size(const amps_file_records *records)
{
    return records->block_size;
}

size_t amps_file_records_capacity(const amps_file_records *records)
{
    return records->blocks.count * records->block_size;
}

size_t amps_file_records_size(const amps_file_records *records)
{
    return (size_t)size_of_file(records, records->blocks.count);
}

uint64_t amps_file_records_count(const amps_file_records *records) { return records->index.live; }

uint64_t amps_file_records_lowest(amps_file_records *records)
{
    const amps_file_entry *front = amps_file_index_front(&records->index);
    return front != NULL ? front->sequence : 0;
}

uint64_t amps_file_records_persisted(const amps_file_records *records)
{
    return records->persisted;
}

uint64_t amps_file_records_assigned(const amps_file_records *records) { return records->assigned; }

/* ---- Opening and closing -------------------------------------------------------------------- */

/* One write of one page: a kill leaves all of it or none. */
static amps_status make(amps_file_records *records, size_t block_size, amps_failure *failure)
{
    amps_layout_header header;
    amps_layout_begin(&header, (block_size + 7) / 8 * 8);
    amps_slice  page = {(const char *)&header, sizeof header};
    amps_status status = amps_file_write(records->file, 0, page, failure);
    return status != AMPS_OK ? status : amps_file_sync_name(records->file, failure);
}

/* A record found whole in the file, or the tombstone of one. */
static amps_status take_over(void *context, const amps_file_entry *entry, const uint32_t *chain,
                             size_t count, amps_failure *failure)
{
    amps_file_records *records = context;
    if (!amps_file_index_has_room(&records->index)) {
        return AMPS_NO_MEMORY;
    }
    for (size_t at = 0; at < count; at++) {
        bool is_new = !amps_file_blocks_is_used(&records->blocks, chain[at]);
        if (!is_new && entry->place == 0) { /* no chain goes through a packed block */
            return amps_file_refuse(records->file, failure,
                                    "block %u is damaged: it is in use twice", (unsigned)chain[at]);
        }
        if (is_new) {
            amps_file_blocks_take_this(&records->blocks, chain[at]);
            records->blocks.links[chain[at]] = 0;
        }
        if (entry->place != 0) {
            records->blocks.links[chain[at]]++;
        } else {
            records->blocks.links[chain[at]] =
                at + 1 < count ? chain[at + 1] : AMPS_LAYOUT_NO_BLOCK;
        }
    }
    amps_file_entry live = {
        .sequence = entry->sequence, .block = entry->block, .place = entry->place};
    amps_file_index_add(&records->index, live);
    if (entry->dead) {
        amps_file_index_kill(&records->index, amps_file_index_last(&records->index));
    }
    return AMPS_OK;
}

/* The newest record's block goes on behind it: its records are in order, so it is the last. */
static void reopen_block(amps_file_records *records)
{
    const amps_file_entry *last = amps_file_index_last(&records->index);
    if (last != NULL && last->place != 0) {
        const amps_layout_place *place =
            amps_layout_place_at(block_at(records, last->block), last->place);
        records->open = last->block;
        records->fill = last->place + (uint32_t)amps_layout_place_size(place->size);
        records->left = AMPS_LAYOUT_PLACE_FIRST + records->places_size - records->fill;
    }
}

/* Reads only: a file that is refused, or for which there is no memory, stays as it is. */
static amps_status recover(amps_file_records *records, amps_failure *failure)
{
    amps_layout_header header;
    amps_status        status = amps_recovery_first_page(records->file, &header, failure);
    if (status != AMPS_OK) {
        return status;
    }
    records->slot = amps_layout_slot_in_force(&header);
    const amps_layout_slot *slot = &header.slots[records->slot];
    records->block_size = (size_t)header.block_size;
    records->places_size = amps_layout_places_size(records->block_size);
    records->persisted = slot->persisted;
    records->told = slot->assigned;
    status = amps_file_map(records->file, (size_t)size_of_file(records, slot->block_count),
                           &records->map, failure);
    records->watch = amps_file_watch(records->file);
    if (status == AMPS_OK && !amps_file_blocks_make_room(&records->blocks, slot->block_count)) {
        status = AMPS_NO_MEMORY;
    }
    if (status == AMPS_OK) {
        amps_file_blocks_add(&records->blocks, (uint32_t)slot->block_count);
        amps_recovery recovery = {.file = records->file,
                                  .blocks = records->map + AMPS_LAYOUT_HEADER_SIZE,
                                  .block_size = records->block_size,
                                  .block_count = records->blocks.count,
                                  .persisted = slot->persisted,
                                  .assigned = slot->assigned,
                                  .found = take_over,
                                  .context = records};
        status = amps_recovery_run(&recovery, failure);
        records->assigned = recovery.assigned;
    } /* what others cut off meanwhile read as blocks without records */
    return status == AMPS_OK && is_lost(records) ? tell_lost(records, failure) : status;
}

static amps_status open_file(amps_file_records *records, const char *path, size_t block_size,
                             size_t blocks, amps_failure *failure)
{
    uint64_t    size;
    amps_status status = amps_file_open(path, &records->file, failure);
    if (status == AMPS_OK) {
        status = amps_file_size(records->file, &size, failure);
    }
    if (status != AMPS_OK) {
        return status;
    }
    bool is_new = size == 0;
    if (is_new) {
        status = make(records, block_size, failure);
    }
    if (status == AMPS_OK) {
        status = recover(records, failure);
    }
    if (status == AMPS_OK && records->blocks.count == 0) {
        status = amps_file_records_grow(records, blocks, failure);
    } else if (status == AMPS_OK) {
        reopen_block(records);
        write_slot(records); /* the other may be damaged, or of before an interrupted growth */
        drop_front(records, records->persisted);
    }
    if (status != AMPS_OK && is_new) {
        amps_file_truncate(records->file, 0, NULL);
    }
    return status;
}

amps_status amps_file_records_open(const char *path, size_t block_size, size_t blocks,
                                   amps_file_records **out, amps_failure *failure)
{
    amps_file_records *records = amps_memory_new_zeroed(sizeof *records);
    if (records == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_status status = open_file(records, path, block_size, blocks, failure);
    if (status != AMPS_OK) {
        amps_file_records_free(records);
        return status;
    }
    *out = records;
    return AMPS_OK;
}

amps_status amps_file_records_close(amps_file_records *records, size_t blocks,
                                    amps_failure *failure)
{
    amps_status status = check_size(records, failure);
    if (status == AMPS_OK && blocks != 0 && records->index.live == 0 &&
        blocks < records->blocks.count) {
        status = shrink(records, blocks, failure);
    }
    if (status == AMPS_OK) {
        status = amps_file_sync(records->file, failure);
    }
    amps_file_close(records->file);
    records->file = NULL;
    records->map = NULL;
    records->watch = NULL;
    return status;
}

void amps_file_records_free(amps_file_records *records)
{
    if (records == NULL) {
        return;
    }
    amps_file_close(records->file);
    records->file = NULL;
    amps_file_records_abandon(records, true);
}

void amps_file_records_abandon(amps_file_records *records, bool may_be_freed)
{
    amps_file_abandon(records->file);
    if (may_be_freed) {
        amps_file_index_fini(&records->index);
        amps_file_blocks_fini(&records->blocks);
        amps_memory_free(records);
    }
}
