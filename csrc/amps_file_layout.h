/* amps_file_layout.h: how the file of a publish store is laid out, byte for byte, in native order.
 *
 * Whoever changes it raises the version: what cannot be read must be refused, not guessed at. */
#ifndef AMPS_FILE_LAYOUT_H
#define AMPS_FILE_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>

#include "amps_base.h"
#include "amps_crc.h"

#define AMPS_LAYOUT_MAGIC       "pubstor\n"
#define AMPS_LAYOUT_VERSION     2u
#define AMPS_LAYOUT_BYTE_ORDER  0x0A0B0C0Du
#define AMPS_LAYOUT_HEADER_SIZE 4096u
#define AMPS_LAYOUT_BLOCKS_MAX  ((uint64_t)UINT32_MAX - 1)
#define AMPS_LAYOUT_NO_BLOCK    UINT32_MAX

/* Far from each other: a bit that falls over makes a stranger of them, not another of them. */
typedef enum amps_block_state {
    AMPS_BLOCK_FREE = 0,
    AMPS_BLOCK_HEAD = 0x64616568,
    AMPS_BLOCK_CONTINUATION = 0x746E6F63,
    AMPS_BLOCK_TOMBSTONE = 0x626D6F74,
    AMPS_BLOCK_PACKED = 0x6B636170
} amps_block_state;

typedef enum amps_place_state {
    AMPS_PLACE_FREE = 0, /* the places of the block end here */
    AMPS_PLACE_RECORD = 0x6F636572,
    AMPS_PLACE_TOMBSTONE = 0x76617267
} amps_place_state;

typedef struct amps_layout_slot {
    uint64_t generation; /* the valid one with the higher is in force */
    uint64_t persisted;
    uint64_t assigned;
    uint64_t block_count;
    uint32_t check; /* of all before */
    uint32_t unused;
    char     apart[472]; /* a sector of the disk to itself */
} amps_layout_slot;

typedef struct amps_layout_header {
    char             magic[8];
    uint32_t         version;
    uint32_t         byte_order;
    uint64_t         block_size;
    uint32_t         check; /* of all before */
    uint32_t         unused;
    char             apart[480];
    amps_layout_slot slots[2];
    char             rest[2560];
} amps_layout_header;

typedef struct amps_layout_block {
    _Atomic uint32_t state;
    uint32_t         next;
    uint32_t         size; /* of the whole record */
    uint32_t         sum;  /* of its bytes */
    uint64_t         sequence;
    uint32_t         check; /* of next to sequence, and of its place: heads and tombstones only */
    uint32_t         unused;
    char             bytes[];
} amps_layout_block;

/* In a packed block, behind its first eight bytes: small records in a row. */
typedef struct amps_layout_place {
    _Atomic uint32_t state;
    uint32_t         size;
    uint64_t         sequence;
    uint32_t         check; /* of size and sequence, and of where it is */
    uint32_t         sum;   /* of its bytes, in lanes, begun with the check */
    char             bytes[];
} amps_layout_place;

#define AMPS_LAYOUT_PLACE_FIRST 8u
#define AMPS_LAYOUT_PLACE_END   8u /* behind the last one, a free one's state always has room */

_Static_assert(sizeof(amps_layout_slot) == 512, "a sector");
_Static_assert(sizeof(amps_layout_header) == AMPS_LAYOUT_HEADER_SIZE, "a page");
_Static_assert(sizeof(amps_layout_block) == 32, "room in the smallest block");
_Static_assert(sizeof(amps_layout_place) == 24, "a multiple of eight");
_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "a state is four bytes");

/* Published by that: what was written before is there when the state is. */
static inline void amps_layout_set_block(amps_layout_block *block, amps_block_state state)
{
    atomic_store_explicit(&block->state, (uint32_t)state, memory_order_release);
}

static inline void amps_layout_set_place(amps_layout_place *place, amps_place_state state)
{
    atomic_store_explicit(&place->state, (uint32_t)state, memory_order_release);
}

/* Sums of what has a check of its own. */
uint32_t amps_layout_header_check(const amps_layout_header *header);
uint32_t amps_layout_slot_check(const amps_layout_slot *slot);
uint32_t amps_layout_block_check(const amps_layout_block *block, uint32_t index);

static inline uint32_t amps_layout_place_check(const amps_layout_place *place, uint32_t block,
                                               uint32_t offset)
{
    uint32_t sum = amps_crc_step(UINT32_MAX, (uint64_t)block << 32 | offset);
    sum = amps_crc_step(sum, place->sequence);
    return ~amps_crc_step(sum, place->size);
}

/* What a record of this size takes in a packed block, and what there is for all of them. */
static inline size_t amps_layout_place_size(size_t size)
{
    return (sizeof(amps_layout_place) + size + 7) & ~(size_t)7;
}

static inline size_t amps_layout_places_size(size_t block_size)
{
    return block_size - AMPS_LAYOUT_PLACE_FIRST - AMPS_LAYOUT_PLACE_END;
}

/* What a block of a chain holds, and how many of them a larger record takes. */
static inline size_t amps_layout_payload_size(size_t block_size)
{
    return block_size - sizeof(amps_layout_block);
}

static inline uint32_t amps_layout_chain_size(size_t block_size, size_t size)
{
    return (uint32_t)((size - 1) / amps_layout_payload_size(block_size) + 1);
}

static inline amps_layout_place *amps_layout_place_at(amps_layout_block *block, size_t offset)
{
    return (amps_layout_place *)(void *)((char *)block + offset);
}

/* The first page of a file without blocks. */
void amps_layout_begin(amps_layout_header *header, size_t block_size);
/* NULL, or why these bytes do not begin a file that can be read. */
const char *amps_layout_refusal(const amps_layout_header *header);
/* The slot in force: 0 or 1; -1: both are damaged. */
int amps_layout_slot_in_force(const amps_layout_header *header);
/* Into the one that is not: torn in the middle, the other still holds. Says which is now. */
int amps_layout_write_slot(amps_layout_header *header, int in_force, const amps_layout_slot *now);

#endif
