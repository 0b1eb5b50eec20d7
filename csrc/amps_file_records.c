/* amps_file_records.c: adding, discarding, growing and reading in the mapped file of a store. */
#include "amps_file_records.h"

#include <stdatomic.h>

#include "amps_crc.h"
#include "amps_file.h"
#include "amps_file_layout.h"
#include "amps_file_recovery.h"
#include "amps_memory.h"
#include "amps_memory_records.h"
#include "amps_thread.h"

#define WORD_BITS      64u
#define ADDS_UNCHECKED 64u /* so many in a row ask nobody how long the file is */

#define CACHE_LINE_SIZE 64u
#define PREFETCH_SIZE   256u

/* A killed process has done all its stores up to one, in the order the compiler left them in: it is
 * the compiler that must keep them apart. (After a power failure what was synced counts.) */
#define KEEP_ORDER() atomic_signal_fence(memory_order_seq_cst)

struct amps_file_records {
    amps_file            *file;  /* NULL: closed */
    char                 *map;   /* its first page and all blocks */
    const amps_map_watch *watch; /* NULL: there is none, and every access asks for the size */
    unsigned              adds;
    size_t                block_size;
    uint32_t              block_count;
    uint32_t              free_count;
    uint32_t              hint; /* no block before it is free */
    int                   slot; /* the one in force */
    uint64_t              persisted;
    uint64_t              assigned;
    uint64_t              told;  /* what the slots say of `assigned` */
    uint64_t             *used;  /* a bit for each block */
    uint32_t             *chain; /* of the record at work: its size, then its blocks */
    size_t                chain_room;
    amps_memory_records   index; /* of each record: what `chain` was */
};

/* ---- Places --------------------------------------------------------------------------------- */

static amps_layout_header *header_of(const amps_file_records *records)
{
    return (amps_layout_header *)(void *)records->map;
}

static amps_layout_block *block_at(const amps_file_records *records, uint32_t index)
{
    return (amps_layout_block *)(void *)(records->map + AMPS_LAYOUT_HEADER_SIZE +
                                         index * records->block_size);
}

static size_t payload_of(const amps_file_records *records)
{
    return records->block_size - sizeof(amps_layout_block);
}

static uint64_t size_of_file(const amps_file_records *records, uint64_t block_count)
{
    return AMPS_LAYOUT_HEADER_SIZE + block_count * records->block_size;
}

static uint32_t blocks_for(const amps_file_records *records, size_t size)
{
    return size == 0 ? 1 : (uint32_t)((size - 1) / payload_of(records) + 1);
}

static bool is_lost(const amps_file_records *records)
{
    return records->watch != NULL && amps_map_watch_is_lost(records->watch);
}

static amps_status tell_lost(const amps_file_records *records, amps_failure *failure)
{
    return amps_file_refuse(
        records->file, failure,
        "a part of it is gone: somebody has made it shorter, or the disk fails");
}

/* Before an access to the map. */
static amps_status check_size(const amps_file_records *records, amps_failure *failure)
{
    uint64_t    size;
    amps_status status = is_lost(records) ? tell_lost(records, failure)
                                          : amps_file_size(records->file, &size, failure);
    if (AMPS_UNLIKELY(status == AMPS_OK && size < size_of_file(records, records->block_count))) {
        status = amps_file_refuse(records->file, failure,
                                  "somebody has made it shorter: %llu bytes are left of %llu",
                                  (unsigned long long)size,
                                  (unsigned long long)size_of_file(records, records->block_count));
    }
    return status;
}

/* ---- Which blocks are free ------------------------------------------------------------------ */

static void mark_used(amps_file_records *records, uint32_t block)
{
    records->used[block / WORD_BITS] |= (uint64_t)1 << block % WORD_BITS;
    records->free_count--;
}

static void mark_free(amps_file_records *records, uint32_t block)
{
    records->used[block / WORD_BITS] &= ~((uint64_t)1 << block % WORD_BITS);
    records->free_count++;
    records->hint = block < records->hint ? block : records->hint;
}

/* The lowest one: pages that were just used are still at hand. There is one. */
static uint32_t take_block(amps_file_records *records)
{
    uint32_t word = records->hint / WORD_BITS;
    while (records->used[word] == UINT64_MAX) {
        word++;
    }
    uint32_t block = word * WORD_BITS + (uint32_t)__builtin_ctzll(~records->used[word]);
    mark_used(records, block);
    records->hint = block + 1;
    return block;
}

size_t amps_file_records_lacks(const amps_file_records *records, size_t size)
{
    uint32_t needed = blocks_for(records, size);
    return needed > records->free_count ? needed - records->free_count : 0;
}

/* ---- Slots ---------------------------------------------------------------------------------- */

/* Into the slot that is not in force: torn in the middle, the other still holds. */
static void write_slot(amps_file_records *records)
{
    amps_layout_slot *before = &header_of(records)->slots[records->slot];
    amps_layout_slot *slot = &header_of(records)->slots[!records->slot];
    slot->generation = before->generation + 1;
    slot->persisted = records->persisted;
    slot->assigned = records->assigned;
    slot->block_count = records->block_count;
    slot->check = amps_layout_slot_check(slot);
    KEEP_ORDER();
    records->slot = !records->slot;
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

static bool make_room_for_bits(amps_file_records *records, uint64_t block_count)
{
    size_t    words = (size_t)(block_count / WORD_BITS + 1);
    size_t    before = records->used != NULL ? records->block_count / WORD_BITS + 1 : 0;
    uint64_t *used = amps_memory_resize(records->used, words * sizeof *used);
    if (used == NULL) {
        return false;
    }
    if (words > before) {
        memset(used + before, 0, (words - before) * sizeof *used);
    }
    records->used = used;
    return true;
}

amps_status amps_file_records_grow(amps_file_records *records, size_t blocks, amps_failure *failure)
{
    uint64_t before = size_of_file(records, records->block_count);
    if (blocks > AMPS_LAYOUT_BLOCKS_MAX - records->block_count ||
        size_of_file(records, records->block_count + blocks) > SIZE_MAX / 2) {
        return too_large(records, failure);
    }
    uint64_t    after = size_of_file(records, records->block_count + blocks);
    amps_status status = check_size(records, failure);
    if (status != AMPS_OK) {
        return status;
    }
    if (!make_room_for_bits(records, records->block_count + blocks)) {
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
    records->block_count += (uint32_t)blocks;
    records->free_count += (uint32_t)blocks;
    write_both_slots(records);
    return AMPS_OK;
}

static amps_status shrink(amps_file_records *records, size_t blocks, amps_failure *failure)
{
    amps_status status = check_size(records, failure);
    if (status != AMPS_OK) {
        return status;
    }
    records->block_count = (uint32_t)blocks;
    write_both_slots(records);
    status = amps_file_sync(records->file, failure);
    return status != AMPS_OK
               ? status
               : amps_file_truncate(records->file, size_of_file(records, blocks), failure);
}

/* ---- Adding --------------------------------------------------------------------------------- */

/* A block soon to be written: its memory has long been in nobody's cache. */
static void prefetch_block(const amps_file_records *records, uint32_t index)
{
    if (index < records->block_count) {
        const char *at = (const char *)block_at(records, index);
        for (size_t line = 0; line < PREFETCH_SIZE; line += CACHE_LINE_SIZE) {
            __builtin_prefetch(at + line, 1);
        }
    }
}

static bool make_room_for_chain(amps_file_records *records, size_t blocks)
{
    if (blocks + 1 <= records->chain_room) {
        return true;
    }
    uint32_t *chain = amps_memory_resize(records->chain, (blocks + 1) * sizeof *chain);
    if (chain == NULL) {
        return false;
    }
    records->chain = chain;
    records->chain_room = blocks + 1;
    return true;
}

/* Of a tombstone the head alone is held. */
static void free_blocks(amps_file_records *records, const amps_memory_record *record)
{
    const uint32_t *chain = (const uint32_t *)(const void *)record->bytes;
    size_t          count = record->dead ? 1 : record->size / sizeof *chain - 1;
    for (size_t at = 1; at <= count; at++) {
        mark_free(records, chain[at]);
    }
}

static void set_state(amps_layout_block *block, amps_block_state state)
{
    atomic_store_explicit(&block->state, (uint32_t)state, memory_order_release);
}

/* All of it but the head's state: until that is there, there is no record. */
static void write_chain(amps_file_records *records, uint64_t sequence, amps_slice bytes,
                        uint32_t count)
{
    const uint32_t *chain = records->chain + 1;
    size_t          payload = payload_of(records);
    amps_slice      left = bytes;
    for (uint32_t at = 0; at < count; at++) {
        set_state(block_at(records, chain[at]), AMPS_BLOCK_FREE); /* it may be an old head */
    }
    KEEP_ORDER();
    for (uint32_t at = 0; at < count; at++) {
        amps_layout_block *block = block_at(records, chain[at]);
        size_t             piece = left.size < payload ? left.size : payload;
        block->next = at + 1 < count ? chain[at + 1] : AMPS_LAYOUT_NO_BLOCK;
        block->sequence = sequence;
        if (piece != 0) {
            memcpy(block->bytes, left.at, piece);
            left.at += piece;
            left.size -= piece;
        }
        if (at > 0) {
            set_state(block, AMPS_BLOCK_CONTINUATION);
        }
    }
    amps_layout_block *head = block_at(records, chain[0]);
    head->size = (uint32_t)bytes.size;
    head->sum = amps_crc(0, bytes.at, bytes.size);
    head->check = amps_layout_block_check(head, chain[0]);
}

/* Asking takes longer than adding: where the map is watched it is asked now and then, for a file
 * cut off in the middle of a page. */
static amps_status check_size_at_times(amps_file_records *records, bool always,
                                       amps_failure *failure)
{
    bool asks = always || records->watch == NULL || records->adds++ % ADDS_UNCHECKED == 0;
    return asks ? check_size(records, failure) : AMPS_OK;
}

/* What was added last is not there. */
static void undo_add(amps_file_records *records, uint64_t sequence)
{
    set_state(block_at(records, records->chain[1]), AMPS_BLOCK_FREE);
    free_blocks(records, amps_memory_records_find(&records->index, sequence));
    amps_memory_records_undo_add(&records->index);
}

amps_status amps_file_records_add(amps_file_records *records, uint64_t sequence, amps_slice bytes,
                                  bool syncs, amps_failure *failure)
{
    uint32_t    count = blocks_for(records, bytes.size);
    amps_status status = check_size_at_times(records, syncs, failure);
    AMPS_ASSERT(count <= records->free_count);
    if (status != AMPS_OK) {
        return status;
    }
    if (!make_room_for_chain(records, count)) {
        return AMPS_NO_MEMORY;
    }
    records->chain[0] = (uint32_t)bytes.size;
    for (uint32_t at = 1; at <= count; at++) {
        records->chain[at] = take_block(records);
    }
    amps_slice entry = {(const char *)records->chain, (count + 1) * sizeof *records->chain};
    status = amps_memory_records_add(&records->index, sequence, entry);
    if (status != AMPS_OK) {
        for (uint32_t at = 1; at <= count; at++) {
            mark_free(records, records->chain[at]);
        }
        return status;
    }
    write_chain(records, sequence, bytes, count);
    set_state(block_at(records, records->chain[1]), AMPS_BLOCK_HEAD);
    if (AMPS_UNLIKELY(is_lost(records))) {
        status = tell_lost(records, failure);
    } else if (syncs) {
        status = amps_file_sync(records->file, failure);
    }
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        undo_add(records, sequence);
        return status;
    }
    prefetch_block(records, records->hint + 1);
    records->assigned = sequence > records->assigned ? sequence : records->assigned;
    return AMPS_OK;
}

/* ---- Discarding ----------------------------------------------------------------------------- */

/* Lets go of the front as long as it is dead or not above this. */
static void drop_front(amps_file_records *records, uint64_t up_to)
{
    amps_memory_record *front = amps_memory_records_front(&records->index);
    while (front != NULL && (front->dead || front->sequence <= up_to)) {
        free_blocks(records, front);
        amps_memory_records_drop_front(&records->index);
        front = amps_memory_records_front(&records->index);
    }
}

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

amps_status amps_file_records_discard_one(amps_file_records *records, uint64_t sequence,
                                          amps_failure *failure)
{
    amps_memory_record *record = amps_memory_records_find(&records->index, sequence);
    if (record == NULL) {
        return AMPS_END;
    }
    amps_status status = check_size(records, failure);
    if (status == AMPS_OK) {
        const uint32_t *chain = (const uint32_t *)(const void *)record->bytes;
        set_state(block_at(records, chain[1]), AMPS_BLOCK_TOMBSTONE);
        for (size_t at = 2; at < record->size / sizeof *chain; at++) {
            mark_free(records, chain[at]);
        }
        amps_memory_records_kill(&records->index, record);
        drop_front(records, records->persisted);
    }
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static uint32_t copy_out(const amps_file_records *records, const uint32_t *chain, char *out)
{
    size_t left = chain[0], payload = payload_of(records);
    for (size_t at = 1; left > 0; at++) {
        size_t piece = left < payload ? left : payload;
        memcpy(out, block_at(records, chain[at])->bytes, piece);
        out += piece;
        left -= piece;
    }
    return block_at(records, chain[1])->sum;
}

amps_status amps_file_records_read_after(amps_file_records *records, uint64_t after, char *out,
                                         size_t out_size, uint64_t *sequence, size_t *size,
                                         amps_failure *failure)
{
    amps_memory_record *record = amps_memory_records_above(&records->index, after);
    if (record == NULL) {
        return AMPS_END;
    }
    const uint32_t *chain = (const uint32_t *)(const void *)record->bytes;
    *sequence = record->sequence;
    *size = chain[0];
    if (*size > out_size) {
        return AMPS_TOO_LARGE;
    }
    amps_status status = check_size(records, failure);
    if (status == AMPS_OK && copy_out(records, chain, out) != amps_crc(0, out, *size)) {
        status = amps_file_refuse(records->file, failure, "record %llu has been damaged",
                                  (unsigned long long)record->sequence);
    }
    return status;
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
    return records->block_count * records->block_size;
}

size_t amps_file_records_size(const amps_file_records *records)
{
    return (size_t)size_of_file(records, records->block_count);
}

uint64_t amps_file_records_count(const amps_file_records *records) { return records->index.count; }

uint64_t amps_file_records_lowest(amps_file_records *records)
{
    amps_memory_record *front = amps_memory_records_front(&records->index);
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
    memset(&header, 0, sizeof header);
    memcpy(header.magic, AMPS_LAYOUT_MAGIC, sizeof header.magic);
    header.version = AMPS_LAYOUT_VERSION;
    header.byte_order = AMPS_LAYOUT_BYTE_ORDER;
    header.block_size = (block_size + 7) / 8 * 8;
    header.check = amps_layout_header_check(&header);
    for (int at = 0; at < 2; at++) {
        header.slots[at].generation = (uint64_t)at;
        header.slots[at].check = amps_layout_slot_check(&header.slots[at]);
    }
    amps_slice  page = {(const char *)&header, sizeof header};
    amps_status status = amps_file_write(records->file, 0, page, failure);
    return status != AMPS_OK ? status : amps_file_sync_name(records->file, failure);
}

static bool is_used(const amps_file_records *records, uint32_t block)
{
    return (records->used[block / WORD_BITS] >> block % WORD_BITS & 1) != 0;
}

/* A record found whole in the file, or the tombstone of one. */
static amps_status take_over(void *context, uint64_t sequence, bool dead, const uint32_t *chain,
                             size_t count, amps_failure *failure)
{
    amps_file_records *records = context;
    for (size_t at = 1; at <= count; at++) {
        if (is_used(records, chain[at])) {
            return amps_file_refuse(records->file, failure,
                                    "block %u is damaged: it is in use twice", (unsigned)chain[at]);
        }
        mark_used(records, chain[at]);
    }
    amps_slice  entry = {(const char *)chain, (count + 1) * sizeof *chain};
    amps_status status = amps_memory_records_add(&records->index, sequence, entry);
    if (status == AMPS_OK && dead) {
        amps_memory_records_kill(&records->index,
                                 amps_memory_records_find(&records->index, sequence));
    }
    return status;
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
    records->persisted = slot->persisted;
    records->told = slot->assigned;
    status = amps_file_map(records->file, (size_t)size_of_file(records, slot->block_count),
                           &records->map, failure);
    records->watch = amps_file_watch(records->file);
    if (status == AMPS_OK && !make_room_for_bits(records, slot->block_count)) {
        status = AMPS_NO_MEMORY;
    }
    if (status == AMPS_OK) {
        records->block_count = records->free_count = (uint32_t)slot->block_count;
        amps_recovery recovery = {.file = records->file,
                                  .blocks = records->map + AMPS_LAYOUT_HEADER_SIZE,
                                  .block_size = records->block_size,
                                  .block_count = records->block_count,
                                  .persisted = slot->persisted,
                                  .assigned = slot->assigned,
                                  .found = take_over,
                                  .context = records};
        status = amps_recovery_run(&recovery, failure);
        records->assigned = recovery.assigned;
    }
    return status;
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
    if (status == AMPS_OK && records->block_count == 0) {
        status = amps_file_records_grow(records, blocks, failure);
    } else if (status == AMPS_OK) {
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
    amps_memory_records_init(&records->index, 0);
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
    if (status == AMPS_OK && blocks != 0 && records->index.count == 0 &&
        blocks < records->block_count) {
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
        amps_memory_records_fini(&records->index);
        amps_memory_free(records->used);
        amps_memory_free(records->chain);
        amps_memory_free(records);
    }
}
