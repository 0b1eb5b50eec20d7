/* amps_message.c: what a delivered message says. */
#include "amps_header.h"

#define WORD(text) ((amps_slice){(text), sizeof(text) - 1})

/* Fields that describe one record: another header's say nothing about this one. */
static bool is_per_record(amps_field field)
{
    const uint64_t fields = amps_bit(AMPS_FIELD_SOW_KEY) | amps_bit(AMPS_FIELD_BOOKMARK) |
                            amps_bit(AMPS_FIELD_TIMESTAMP) | amps_bit(AMPS_FIELD_CORRELATION_ID) |
                            amps_bit(AMPS_FIELD_EXPIRATION) | amps_bit(AMPS_FIELD_MESSAGE_SIZE);
    return (fields & amps_bit(field)) != 0;
}

static bool is_number(amps_field field)
{
#define TYPE_T                                    false
#define TYPE_N                                    true
#define IS_NUMBER(name, key, alias, alias2, type) TYPE_##type,
    static const bool numbers[AMPS_FIELD_COUNT] = {AMPS_FIELD_MAP(IS_NUMBER)};
#undef IS_NUMBER
    return numbers[field];
}

/* Present, and a number within its range if it must be one. */
static bool is_usable(const amps_header *header, amps_field field)
{
    uint64_t number;
    uint64_t max = field == AMPS_FIELD_SEQUENCE ? UINT64_MAX : UINT32_MAX;
    return is_number(field) ? amps_header_number(header, field, max, &number)
                            : amps_header_has(header, field);
}

static amps_status find_field(amps_slice bytes, amps_field field, amps_slice *value, bool *escaped)
{
    amps_header header;
    size_t      size;
    amps_status status = amps_header_parse(bytes, &header, &size);
    if (status != AMPS_OK) {
        return status;
    }
    if (!is_usable(&header, field)) {
        return AMPS_END;
    }
    *value = header.value[field];
    *escaped = (header.escaped & amps_bit(field)) != 0;
    if (field == AMPS_FIELD_COMMAND && amps_slice_equal(*value, WORD("p"))) {
        *value = WORD("publish");
    }
    return AMPS_OK;
}

amps_status amps_message_field(const amps_message *message, amps_field field, amps_slice *value,
                               bool *escaped)
{
    if (field == AMPS_FIELD_SUB_ID && message->sub_id.size != 0) {
        *value = message->sub_id;
        *escaped = memchr(value->at, '\\', value->size) != NULL;
        return AMPS_OK;
    }
    if (field == AMPS_FIELD_BOOKMARK && message->bookmark_size != 0) {
        *value = (amps_slice){message->header.at + message->bookmark_at, message->bookmark_size};
        *escaped = false;
        return AMPS_OK;
    }
    if (message->record.size != 0) {
        amps_status status = find_field(message->record, field, value, escaped);
        if (status != AMPS_END || is_per_record(field)) {
            return status;
        }
    }
    return find_field(message->header, field, value, escaped);
}
