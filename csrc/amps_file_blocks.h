/* amps_file_blocks.h: which blocks of a publish store's file are free, and what hangs together.
 *
 * A bit and a link for each block. No lock: one thread at a time. */
#ifndef AMPS_FILE_BLOCKS_H
#define AMPS_FILE_BLOCKS_H

#include "amps_base.h"

typedef struct amps_file_blocks {
    uint64_t *used;  /* a bit for each block */
    uint32_t *links; /* of a used one, its user's: the next of its chain, or the records held */
    uint32_t  count;
    uint32_t  free_count;
    uint32_t  hint; /* no block before it is free */
} amps_file_blocks;

void amps_file_blocks_fini(amps_file_blocks *blocks); /* begun as {0}, and that again */

/* For so many in all, before they are added. False: no memory. */
bool amps_file_blocks_make_room(amps_file_blocks *blocks, uint64_t count);
void amps_file_blocks_add(amps_file_blocks *blocks, uint32_t more); /* they are free */

/* The lowest free one: pages that were just used are still at hand. There is one. */
uint32_t amps_file_blocks_take(amps_file_blocks *blocks);
void     amps_file_blocks_take_this(amps_file_blocks *blocks, uint32_t block); /* it is free */
void     amps_file_blocks_give_back(amps_file_blocks *blocks, uint32_t block);
bool     amps_file_blocks_is_used(const amps_file_blocks *blocks, uint32_t block);

#endif
