/* amps_buffer.c: bytes that grow, up to a maximum given at birth. */
#include "amps_buffer.h"

#include "amps_memory.h"

#define CAPACITY_MIN ((size_t)256) /* the first allocation; smaller ones would only be repeated */

/* At least `needed` (<= size_max), doubling so that adding byte by byte stays cheap. */
static size_t grown_capacity(const amps_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity * 2; /* no block is half of all addresses: no overflow */
    if (capacity < CAPACITY_MIN) {
        capacity = CAPACITY_MIN;
    }
    if (capacity < needed) {
        capacity = needed;
    }
    return capacity < buffer->size_max ? capacity : buffer->size_max;
}

void amps_buffer_init(amps_buffer *buffer, size_t size_max)
{
    *buffer = (amps_buffer){.size_max = size_max};
}

void amps_buffer_fini(amps_buffer *buffer)
{
    amps_memory_free(buffer->at);
    amps_buffer_init(buffer, buffer->size_max);
}

amps_status amps_buffer_reserve(amps_buffer *buffer, size_t extra, char **at)
{
    AMPS_ASSERT(buffer->size <= buffer->capacity && buffer->capacity <= buffer->size_max);
    if (extra > buffer->size_max - buffer->size) {
        return AMPS_TOO_LARGE;
    }
    if (extra > buffer->capacity - buffer->size || buffer->at == NULL) {
        size_t capacity = grown_capacity(buffer, buffer->size + extra);
        char  *moved = amps_memory_resize(buffer->at, capacity);
        if (moved == NULL) {
            return AMPS_NO_MEMORY;
        }
        buffer->at = moved;
        buffer->capacity = capacity;
    }
    *at = buffer->at + buffer->size;
    return AMPS_OK;
}

amps_status amps_buffer_add(amps_buffer *buffer, amps_slice bytes)
{
    char       *at;
    amps_status status = amps_buffer_reserve(buffer, bytes.size, &at);
    if (status == AMPS_OK && bytes.size != 0) {
        memcpy(at, bytes.at, bytes.size);
        buffer->size += bytes.size;
    }
    return status;
}

void amps_buffer_swap(amps_buffer *a, amps_buffer *b)
{
    amps_buffer kept = *a;
    *a = *b;
    *b = kept;
}
