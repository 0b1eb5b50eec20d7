/* amps_buffer.h: bytes that grow, up to a maximum given at birth.
 *
 * No thread, no lock: the caller keeps a buffer to itself. Contents are [at, at + size). */
#ifndef AMPS_BUFFER_H
#define AMPS_BUFFER_H

#include "amps_base.h"

typedef struct amps_buffer {
    char  *at;
    size_t size;
    size_t capacity;
    size_t size_max;
} amps_buffer;

void amps_buffer_init(amps_buffer *buffer, size_t size_max); /* allocates nothing yet */
void amps_buffer_fini(amps_buffer *buffer);

/* Makes room for `extra` more bytes and gives where they go, without counting them in `size`.
 * AMPS_OK, AMPS_TOO_LARGE (past size_max: nothing changed), AMPS_NO_MEMORY (nothing changed). */
amps_status amps_buffer_reserve(amps_buffer *buffer, size_t extra, char **at);

amps_status amps_buffer_add(amps_buffer *buffer, amps_slice bytes); /* as reserve, then copies */
void        amps_buffer_swap(amps_buffer *a, amps_buffer *b);

#endif
