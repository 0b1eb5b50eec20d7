/* amps_record.c: takes a multi-record `sow` payload apart. */
#include "amps_record.h"

static bool has_length(const amps_header *header, uint64_t *length)
{
    return amps_header_number(header, AMPS_FIELD_MESSAGE_SIZE, UINT32_MAX, length);
}

static amps_status take_body(amps_slice *rest, uint64_t length, amps_slice *body)
{
    if (length > rest->size) {
        return AMPS_BAD_FRAME;
    }
    *body = (amps_slice){rest->at, (size_t)length};
    *rest = (amps_slice){rest->at + length, rest->size - (size_t)length};
    return AMPS_OK;
}

amps_status amps_record_next(const amps_header *outer, bool *first, amps_slice *rest,
                             amps_slice *record, amps_header *fields, amps_slice *body)
{
    size_t   size;
    uint64_t length;
    uint64_t outer_length;
    bool     outer_may_be_it = *first && has_length(outer, &outer_length);
    *first = false;
    if (rest->size == 0 && !outer_may_be_it) {
        return AMPS_END;
    }
    if (amps_header_parse(*rest, fields, &size) == AMPS_OK && has_length(fields, &length)) {
        *record = (amps_slice){rest->at, size};
        *rest = (amps_slice){rest->at + size, rest->size - size};
        return take_body(rest, length, body);
    }
    if (!outer_may_be_it) {
        return AMPS_BAD_FRAME;
    }
    *record = (amps_slice){NULL, 0};
    *fields = *outer;
    return take_body(rest, outer_length, body);
}
