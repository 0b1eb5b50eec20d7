/* amps_frame.c: finds where one frame ends and the next begins, and measures new ones. */
#include "amps_frame.h"

amps_status amps_frame_find(amps_slice bytes, size_t size_max, amps_slice *payload, size_t *size)
{
    if (AMPS_UNLIKELY(bytes.size < AMPS_FRAME_PREFIX_SIZE)) {
        *size = AMPS_FRAME_PREFIX_SIZE;
        return AMPS_MORE;
    }
    size_t payload_size = amps_load_u32(bytes.at);
    *size = AMPS_FRAME_PREFIX_SIZE + payload_size;
    if (AMPS_UNLIKELY(payload_size > size_max)) {
        return AMPS_FRAME_TOO_LARGE;
    }
    if (bytes.size < *size) {
        return AMPS_MORE;
    }
    *payload = (amps_slice){bytes.at + AMPS_FRAME_PREFIX_SIZE, payload_size};
    return AMPS_OK;
}

void amps_frame_seal(char *prefix, size_t payload_size)
{
    AMPS_ASSERT(payload_size <= AMPS_SEND_FRAME_SIZE_MAX);
    amps_store_u32(prefix, (uint32_t)payload_size);
}
