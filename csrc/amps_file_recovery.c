/* amps_file_recovery.c: heads are collected, put in order, and followed along their chains. */
#include "amps_file_recovery.h"

#include <stdlib.h>

#include "amps_crc.h"
#include "amps_memory.h"

#define HEADS_MIN 256u

typedef struct head {
    uint64_t sequence;
    uint32_t block;
    bool     dead;
} head;

typedef struct heads {
    head  *all;
    size_t count;
    size_t room;
} heads;

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

/* ---- Collecting heads ----------------------------------------------------------------------- */

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

static bool note_head(heads *found, head one)
{
    if (found->count == found->room) {
        size_t room = found->room != 0 ? found->room * 2 : HEADS_MIN;
        head  *all = amps_memory_resize(found->all, room * sizeof *all);
        if (all == NULL) {
            return false;
        }
        found->all = all;
        found->room = room;
    }
    found->all[found->count++] = one;
    return true;
}

static amps_status look_at(amps_recovery *recovery, uint32_t index, heads *found,
                           amps_failure *failure)
{
    const amps_layout_block *block = block_at(recovery, index);
    uint32_t                 state = atomic_load_explicit(&block->state, memory_order_acquire);
    if (state == AMPS_BLOCK_FREE || state == AMPS_BLOCK_CONTINUATION) {
        return AMPS_OK;
    }
    if (state != AMPS_BLOCK_HEAD && state != AMPS_BLOCK_TOMBSTONE) {
        return damaged(recovery, failure, index, "its state is none");
    }
    if (block->check != amps_layout_block_check(block, index)) {
        return damaged(recovery, failure, index, "its head does not match its check");
    }
    if (block->sequence > recovery->assigned) {
        recovery->assigned = block->sequence;
    }
    head one = {block->sequence, index, state == AMPS_BLOCK_TOMBSTONE};
    return one.sequence <= recovery->persisted || note_head(found, one) ? AMPS_OK : AMPS_NO_MEMORY;
}

static int by_sequence(const void *one, const void *other)
{
    uint64_t a = ((const head *)one)->sequence, b = ((const head *)other)->sequence;
    return (a > b) - (a < b);
}

static amps_status collect(amps_recovery *recovery, heads *found, amps_failure *failure)
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

/* Fills chain[1..] in; the sum of the bytes on the way must be the head's. A chain cannot go round:
 * it is as long as the size says, and whoever takes it over refuses a block met twice. */
static amps_status follow(const amps_recovery *recovery, const head *one, uint32_t *chain,
                          size_t count, amps_failure *failure)
{
    const amps_layout_block *first = block_at(recovery, one->block), *block = first;
    size_t                   payload = recovery->block_size - sizeof *block, left = first->size;
    uint32_t                 sum = 0, index = one->block;
    for (size_t at = 1; at <= count; at++) {
        size_t piece = left < payload ? left : payload;
        chain[at] = index;
        sum = amps_crc(sum, block->bytes, piece);
        left -= piece;
        index = block->next;
        if (at == count) {
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

static amps_status hand_over(const amps_recovery *recovery, const head *one, uint32_t **chain,
                             size_t *room, amps_failure *failure)
{
    uint32_t size = block_at(recovery, one->block)->size;
    size_t   payload = recovery->block_size - sizeof(amps_layout_block);
    size_t   count = one->dead || size == 0 ? 1 : (size - 1) / payload + 1;
    if (count > recovery->block_count) {
        return damaged(recovery, failure, one->block, "it is larger than the file");
    }
    if (count + 1 > *room) {
        uint32_t *more = amps_memory_resize(*chain, (count + 1) * sizeof *more);
        if (more == NULL) {
            return AMPS_NO_MEMORY;
        }
        *chain = more;
        *room = count + 1;
    }
    (*chain)[0] = size;
    (*chain)[1] = one->block;
    amps_status status = one->dead ? AMPS_OK : follow(recovery, one, *chain, count, failure);
    return status != AMPS_OK ? status
                             : recovery->found(recovery->context, one->sequence, one->dead, *chain,
                                               count, failure);
}

amps_status amps_recovery_run(amps_recovery *recovery, amps_failure *failure)
{
    heads       found = {0};
    uint32_t   *chain = NULL;
    size_t      room = 0;
    amps_status status = collect(recovery, &found, failure);
    for (size_t at = 0; at < found.count && status == AMPS_OK; at++) {
        const head *one = &found.all[at];
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
