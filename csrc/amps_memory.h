/* amps_memory.h: where all of the core's memory comes from.
 *
 * One room, so that a test can make the n-th request fail and see that every caller copes.
 * Thread-safe. A request of 0 bytes is a request of 1. */
#ifndef AMPS_MEMORY_H
#define AMPS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *amps_memory_new(size_t size);              /* NULL: out of memory; bytes are not cleared */
void *amps_memory_new_zeroed(size_t size);       /* the same, all bytes 0 */
void *amps_memory_resize(void *at, size_t size); /* like realloc: NULL leaves `at` as it was */
void  amps_memory_free(void *at);                /* NULL is welcome */

/* For tests: the n-th request from now (1 = the next) fails, and every one after it when `forever`;
 * 0 ends it. amps_memory_has_failed() says whether one was refused since amps_memory_fail_at was
 * last called. amps_memory_live() counts blocks not yet freed. */
void   amps_memory_fail_at(uint64_t n, int forever);
int    amps_memory_has_failed(void);
size_t amps_memory_live(void);

#endif
