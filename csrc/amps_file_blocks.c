/* amps_file_blocks.c: bits of used blocks, searched word by word from a hint on. */
#include "amps_file_blocks.h"

#include "amps_memory.h"

#define WORD_BITS 64u

void amps_file_blocks_fini(amps_file_blocks *blocks)
{
    amps_memory_free(blocks->used);
    amps_memory_free(blocks->links);
    *blocks = (amps_file_blocks){0};
}

bool amps_file_blocks_make_room(amps_file_blocks *blocks, uint64_t count)
{
    size_t    words = (size_t)(count / WORD_BITS + 1);
    size_t    before = blocks->used != NULL ? blocks->count / WORD_BITS + 1 : 0;
    uint64_t *used = amps_memory_resize(blocks->used, words * sizeof *used);
    if (used == NULL) {
        return false;
    }
    blocks->used = used;
    if (words > before) {
        memset(used + before, 0, (words - before) * sizeof *used);
    }
    uint32_t *links = amps_memory_resize(blocks->links, (size_t)(count + 1) * sizeof *links);
    if (links == NULL) {
        return false;
    }
    blocks->links = links;
    return true;
}

void amps_file_blocks_add(amps_file_blocks *blocks, uint32_t more)
{
    blocks->count += more;
    blocks->free_count += more;
}

bool amps_file_blocks_is_used(const amps_file_blocks *blocks, uint32_t block)
{
    return (blocks->used[block / WORD_BITS] >> block % WORD_BITS & 1) != 0;
}

void amps_file_blocks_take_this(amps_file_blocks *blocks, uint32_t block)
{
    AMPS_ASSERT(block < blocks->count && !amps_file_blocks_is_used(blocks, block));
    blocks->used[block / WORD_BITS] |= (uint64_t)1 << block % WORD_BITS;
    blocks->free_count--;
}

uint32_t amps_file_blocks_take(amps_file_blocks *blocks)
{
    AMPS_ASSERT(blocks->free_count > 0);
    uint32_t word = blocks->hint / WORD_BITS;
    while (blocks->used[word] == UINT64_MAX) {
        word++;
    }
    uint32_t block = word * WORD_BITS + (uint32_t)__builtin_ctzll(~blocks->used[word]);
    amps_file_blocks_take_this(blocks, block);
    blocks->hint = block + 1;
    return block;
}

void amps_file_blocks_give_back(amps_file_blocks *blocks, uint32_t block)
{
    AMPS_ASSERT(amps_file_blocks_is_used(blocks, block));
    blocks->used[block / WORD_BITS] &= ~((uint64_t)1 << block % WORD_BITS);
    blocks->free_count++;
    blocks->hint = block < blocks->hint ? block : blocks->hint;
}
