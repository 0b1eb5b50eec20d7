/* amps_file_recovery.c: records are collected, put in order, and followed along their chains. */
#include "amps_file_recovery.h"

#include <stdlib.h>

#include "amps_crc.h"
#include "amps_memory.h"

#define ENTRIES_MIN 256u

typedef struct entries {
    amps_file_entry *all;
    size_t           count;
    size_t           room;
} entries;

amps_status amps_recovery_first_page(const amps_file *file, amps_layout_header *header,
                                     amps_failure *failure)
{
    uint64_t    size;
    amps_status status = amps_file_size(file, &size, failure);
    if (status == AMPS_OK && size < sizeof *header) {
        return amps_file_refuse(file, failure, "it is too short to be a publish store");
    }
    if (status == AMPS_OK) {
        status = amps_file_read(file, 0, (char *)header, sizeof *header, failure);
    }
    if (status != AMPS_OK) {
        return status;
    }
    const char *why = amps_layout_refusal(header);
    int         in_force = amps_layout_slot_in_force(header);
    if (why == NULL && in_force < 0) {
        why = "both records of its state are damaged";
    }
    if (why != NULL) {
        return amps_file_refuse(file, failure, "%s", why);
    }
    uint64_t needed = sizeof *header + header->slots[in_force].block_count * header->block_size;
    if (size < needed || needed > SIZE_MAX / 2) {
        return amps_file_refuse(file, failure, "it has been cut off: %llu bytes are left of %llu",
                                (unsigned long long)size, (unsigned long long)needed);
    }
    return AMPS_OK;
}

/* ---- Collecting records --------------------------------------------------------------------- */

static amps_layout_block *block_at(const amps_recovery *recovery, uint32_t index)
{
    return (amps_layout_block *)(void *)(recovery->blocks + index * recovery->block_size);
}

static amps_status damaged(const amps_recovery *recovery, amps_failure *failure, uint32_t block,
                           const char *how)
{
    return amps_file_refuse(recovery->file, failure, "block %u is damaged: %s", (unsigned)block,
                            how);
}

/* False: no memory. What is persisted is done with. */
static bool note(amps_recovery *recovery, entries *found, amps_file_entry one)
{
    if (one.sequence > recovery->assigned) {
        recovery->assigned = one.sequence;
    }
    if (one.sequence <= recovery->persisted) {
        return true;
    }
    if (found->count == found->room) {
        size_t           room = found->room != 0 ? found->room * 2 : ENTRIES_MIN;
        amps_file_entry *all = amps_memory_resize(found->all, room * sizeof *all);
        if (all == NULL) {
            return false;
        }
        found->all = all;
        found->room = room;
    }
    found->all[found->count++] = one;
    return true;
}

static amps_status look_at_head(amps_recovery *recovery, uint32_t index, bool dead, entries *found,
                                amps_failure *failure)
{
    const amps_layout_block *block = block_at(recovery, index);
    if (block->check != amps_layout_block_check(block, index)) {
        return damaged(recovery, failure, index, "its head does not match its check");
    }
    amps_file_entry one = {.sequence = block->sequence, .block = index, .dead = dead};
    return note(recovery, found, one) ? AMPS_OK : AMPS_NO_MEMORY;
}

/* NULL, or why there is no record `left` bytes before the block's end; its bytes must be whole if
 * they are still of use. */
static const char *wrong_with(const amps_recovery *recovery, const amps_layout_place *place,
                              uint32_t block, uint32_t offset, size_t left)
{
    uint32_t state = atomic_load_explicit(&place->state, memory_order_acquire);
    if (state != AMPS_PLACE_RECORD && state != AMPS_PLACE_TOMBSTONE) {
        return "the state of a record in it is none";
    }
    if (left < sizeof *place || place->check != amps_layout_place_check(place, block, offset) ||
        amps_layout_place_size(place->size) > left) {
        return "a record in it does not match its check";
    }
    if (state == AMPS_PLACE_RECORD && place->sequence > recovery->persisted &&
        place->sum != amps_crc_lanes(place->check, place->bytes, place->size)) {
        return "the bytes of a record in it do not match their sum";
    }
    return NULL;
}

/* From record to record, up to the state that is free. */
static amps_status walk(amps_recovery *recovery, uint32_t index, entries *found,
                        amps_failure *failure)
{
    amps_layout_block *block = block_at(recovery, index);
    size_t             end = recovery->block_size - AMPS_LAYOUT_PLACE_END;
    uint32_t           offset = AMPS_LAYOUT_PLACE_FIRST;
    uint64_t           before = 0;
    for (;;) {
        const amps_layout_place *place = amps_layout_place_at(block, offset);
        uint32_t                 state = atomic_load_explicit(&place->state, memory_order_acquire);
        if (state == AMPS_PLACE_FREE) {
            return AMPS_OK;
        }
        const char *why = wrong_with(recovery, place, index, offset, end - offset);
        if (why == NULL && place->sequence <= before) {
            why = "its records are not in order";
        }
        if (why != NULL) {
            return damaged(recovery, failure, index, why);
        }
        amps_file_entry one = {.sequence = place->sequence,
                               .block = index,
                               .dead = state == AMPS_PLACE_TOMBSTONE,
                               .place = offset & INT32_MAX};
        if (!note(recovery, found, one)) {
            return AMPS_NO_MEMORY;
        }
        before = place->sequence;
        offset += (uint32_t)amps_layout_place_size(place->size);
    }
}

static amps_status look_at(amps_recovery *recovery, uint32_t index, entries *found,
                           amps_failure *failure)
{
    uint32_t state = atomic_load_explicit(&block_at(recovery, index)->state, memory_order_acquire);
    switch (state) {
    case AMPS_BLOCK_FREE:
    case AMPS_BLOCK_CONTINUATION:
        return AMPS_OK;
    case AMPS_BLOCK_HEAD:
    case AMPS_BLOCK_TOMBSTONE:
        return look_at_head(recovery, index, state == AMPS_BLOCK_TOMBSTONE, found, failure);
    case AMPS_BLOCK_PACKED:
        return walk(recovery, index, found, failure);
    default:
        return damaged(recovery, failure, index, "its state is none");
    }
}

static int by_sequence(const void *one, const void *other)
{
    uint64_t a = ((const amps_file_entry *)one)->sequence;
    uint64_t b = ((const amps_file_entry *)other)->sequence;
    return (a > b) - (a < b);
}

static amps_status collect(amps_recovery *recovery, entries *found, amps_failure *failure)
{
    amps_status status = AMPS_OK;
    for (uint32_t index = 0; index < recovery->block_count && status == AMPS_OK; index++) {
        status = look_at(recovery, index, found, failure);
    }
    if (status == AMPS_OK && found->count > 1) {
        qsort(found->all, found->count, sizeof *found->all, by_sequence);
    }
    return status;
}

/* ---- Following chains ----------------------------------------------------------------------- */

/* Fills the chain in; the sum of the bytes on the way must be the head's. A chain cannot go round:
 * it is as long as the size says, and whoever takes it over refuses a block met twice. */
static amps_status follow(const amps_recovery *recovery, const amps_file_entry *one,
                          uint32_t *chain, size_t count, amps_failure *failure)
{
    const amps_layout_block *first = block_at(recovery, one->block), *block = first;
    size_t   payload = amps_layout_payload_size(recovery->block_size), left = first->size;
    uint32_t sum = 0, index = one->block;
    for (size_t at = 0; at < count; at++) {
        size_t piece = left < payload ? left : payload;
        chain[at] = index;
        sum = amps_crc(sum, block->bytes, piece);
        left -= piece;
        index = block->next;
        if (at + 1 == count) {
            break;
        }
        if (index >= recovery->block_count) {
            return damaged(recovery, failure, one->block, "its chain is broken");
        }
        block = block_at(recovery, index);
        if (atomic_load_explicit(&block->state, memory_order_acquire) != AMPS_BLOCK_CONTINUATION ||
            block->sequence != one->sequence) {
            return damaged(recovery, failure, one->block, "its chain is broken");
        }
    }
    if (index != AMPS_LAYOUT_NO_BLOCK) {
        return damaged(recovery, failure, one->block, "its chain does not end");
    }
    return sum == first->sum
               ? AMPS_OK
               : damaged(recovery, failure, one->block, "its bytes do not match their sum");
}

static amps_status hand_over(const amps_recovery *recovery, const amps_file_entry *one,
                             uint32_t **chain, size_t *room, amps_failure *failure)
{
    if (one->place != 0 || one->dead) {
        return recovery->found(recovery->context, one, &one->block, 1, failure);
    }
    uint32_t size = block_at(recovery, one->block)->size;
    size_t   count = size == 0 ? 1 : amps_layout_chain_size(recovery->block_size, size);
    if (count > recovery->block_count) {
        return damaged(recovery, failure, one->block, "it is larger than the file");
    }
    if (count > *room) {
        uint32_t *more = amps_memory_resize(*chain, count * sizeof *more);
        if (more == NULL) {
            return AMPS_NO_MEMORY;
        }
        *chain = more;
        *room = count;
    }
    amps_status status = follow(recovery, one, *chain, count, failure);
    return status != AMPS_OK ? status
                             : recovery->found(recovery->context, one, *chain, count, failure);
}

amps_status amps_recovery_run(amps_recovery *recovery, amps_failure *failure)
{
    entries     found = {0};
    uint32_t   *chain = NULL;
    size_t      room = 0;
    amps_status status = collect(recovery, &found, failure);
    for (size_t at = 0; at < found.count && status == AMPS_OK; at++) {
        const amps_file_entry *one = &found.all[at];
        if (at > 0 && found.all[at - 1].sequence == one->sequence) {
            status = damaged(recovery, failure, one->block, "its sequence is another's, too");
        } else {
            status = hand_over(recovery, one, &chain, &room, failure);
        }
    }
    amps_memory_free(chain);
    amps_memory_free(found.all);
    return status;
}
