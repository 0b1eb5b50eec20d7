/* amps_frame.c: finds where one frame ends and the next begins, and puts new ones together. */
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

size_t amps_frame_size_max(const amps_header *header, amps_slice body)
{
    return AMPS_FRAME_PREFIX_SIZE + amps_header_size_max(header) + body.size;
}

size_t amps_frame_write(const amps_header *header, amps_slice body, char *at)
{
    size_t header_size = amps_header_write(header, at + AMPS_FRAME_PREFIX_SIZE);
    if (body.size > 0) {
        memcpy(at + AMPS_FRAME_PREFIX_SIZE + header_size, body.at, body.size);
    }
    amps_frame_seal(at, header_size + body.size);
    return AMPS_FRAME_PREFIX_SIZE + header_size + body.size;
}

amps_status amps_frame_view(amps_slice frame, amps_message *message)
{
    amps_slice  payload;
    amps_header header;
    size_t      size = 0;
    if (amps_frame_find(frame, AMPS_SEND_FRAME_SIZE_MAX, &payload, &size) != AMPS_OK ||
        amps_header_parse(payload, &header, &size) != AMPS_OK) {
        return AMPS_BAD_FRAME;
    }
    const char *end = payload.at + size;
    *message = (amps_message){.header = {payload.at, size},
                              .record = {end, 0},
                              .body = {end, payload.size - size},
                              .sub_id = {end, 0}};
    return AMPS_OK;
}
