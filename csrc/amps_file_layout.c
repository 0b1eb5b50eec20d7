/* amps_file_layout.c: checks of a publish store's file: its first page, its slots, its heads. */
#include "amps_file_layout.h"

uint32_t amps_layout_header_check(const amps_layout_header *header)
{
    return amps_crc(0, header, offsetof(amps_layout_header, check));
}

uint32_t amps_layout_slot_check(const amps_layout_slot *slot)
{
    return amps_crc(0, slot, offsetof(amps_layout_slot, check));
}

uint32_t amps_layout_block_check(const amps_layout_block *block, uint32_t index)
{
    size_t from = offsetof(amps_layout_block, next);
    return amps_crc(index, &block->next, offsetof(amps_layout_block, check) - from);
}

void amps_layout_begin(amps_layout_header *header, size_t block_size)
{
    memset(header, 0, sizeof *header);
    memcpy(header->magic, AMPS_LAYOUT_MAGIC, sizeof header->magic);
    header->version = AMPS_LAYOUT_VERSION;
    header->byte_order = AMPS_LAYOUT_BYTE_ORDER;
    header->block_size = block_size;
    header->check = amps_layout_header_check(header);
    for (int at = 0; at < 2; at++) {
        header->slots[at].generation = (uint64_t)at;
        header->slots[at].check = amps_layout_slot_check(&header->slots[at]);
    }
}

const char *amps_layout_refusal(const amps_layout_header *header)
{
    if (memcmp(header->magic, AMPS_LAYOUT_MAGIC, sizeof header->magic) != 0) {
        return "it is not a publish store";
    }
    if (header->byte_order != AMPS_LAYOUT_BYTE_ORDER) {
        return header->byte_order == __builtin_bswap32(AMPS_LAYOUT_BYTE_ORDER)
                   ? "it was written on a machine with another byte order"
                   : "its first page is damaged";
    }
    if (header->version > AMPS_LAYOUT_VERSION) {
        return "it has a newer version than can be read here";
    }
    if (header->check != amps_layout_header_check(header) || header->block_size < 64 ||
        header->block_size > (uint64_t)1 << 30 || header->block_size % 8 != 0) {
        return "its first page is damaged";
    }
    return header->version < AMPS_LAYOUT_VERSION ? "it has an older version than can be read here"
                                                 : NULL;
}

static bool is_valid(const amps_layout_slot *slot)
{
    return slot->check == amps_layout_slot_check(slot) &&
           slot->block_count <= AMPS_LAYOUT_BLOCKS_MAX;
}

int amps_layout_slot_in_force(const amps_layout_header *header)
{
    bool first = is_valid(&header->slots[0]), second = is_valid(&header->slots[1]);
    if (first && second) {
        return header->slots[1].generation > header->slots[0].generation;
    }
    return first ? 0 : second ? 1 : -1;
}

int amps_layout_write_slot(amps_layout_header *header, int in_force, const amps_layout_slot *now)
{
    amps_layout_slot *slot = &header->slots[!in_force];
    slot->generation = header->slots[in_force].generation + 1;
    slot->persisted = now->persisted;
    slot->assigned = now->assigned;
    slot->block_count = now->block_count;
    slot->check = amps_layout_slot_check(slot);
    return !in_force;
}
