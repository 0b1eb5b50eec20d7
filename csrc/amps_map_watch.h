/* amps_map_watch.h: a byte of a mapped file that the disk no longer has is told, and ends nothing.
 *
 * Whoever touches such a byte (others cut the file, the disk failed) gets the signal SIGBUS. For a
 * map that is watched the page becomes one of memory alone, the map is marked as lost, and the
 * thread goes on: look at the mark after writing, before anybody is told that it is written. Other
 * SIGBUS go to who had the signal before. It is taken when the first map is watched, once; a
 * program that takes it later does so at its own risk, and at that of a file that is cut off. */
#ifndef AMPS_MAP_WATCH_H
#define AMPS_MAP_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define AMPS_MAP_WATCHES_MAX 256u

typedef struct amps_map_watch {
    _Atomic(char *) at;
    _Atomic size_t  size; /* 0: nothing is watched */
    atomic_bool     is_lost;
    atomic_bool     is_taken;
} amps_map_watch;

/* NULL: too many are watched, or the signal cannot be had (or not yet). */
amps_map_watch *amps_map_watch_new(void);
void            amps_map_watch_free(amps_map_watch *watch); /* NULL is welcome */

/* For the one thread that may touch the map: it is here now, or (size 0) nowhere. */
void amps_map_watch_move(amps_map_watch *watch, char *at, size_t size);

static inline bool amps_map_watch_is_lost(const amps_map_watch *watch)
{
    atomic_signal_fence(memory_order_seq_cst); /* after all that was written */
    return atomic_load_explicit(&watch->is_lost, memory_order_relaxed);
}

#endif
