/* fuzz_header.c: reads any bytes as a payload. Whatever is read lies inside them, can be written
 * and read again as the same, and every field, record and text of it can be asked for. */
#include "amps_header.h"
#include "amps_record.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(amps_slice whole, amps_slice part)
{
    CHECK(part.at >= whole.at && part.size <= whole.size);
    CHECK((size_t)(part.at - whole.at) <= whole.size - part.size);
}

/* The decoded text of a field in a block of its own. */
static amps_slice decoded(const amps_header *header, amps_field field)
{
    size_t     size = header->value[field].size;
    char      *scratch = malloc(size + 1);
    amps_slice text;
    CHECK(scratch != NULL);
    CHECK_STATUS(amps_header_text(header, field, scratch, size, &text), AMPS_OK);
    CHECK(text.size <= size);
    memmove(scratch, text.at, text.size);
    return (amps_slice){scratch, text.size};
}

/* What the writer makes of the decoded fields is read as those fields. The verb is left as it is:
 * `publish` comes back as `p`. */
static void check_round_trip(const amps_header *plain)
{
    amps_header again;
    size_t      size;
    char       *wire = malloc(amps_header_size_max(plain));
    CHECK(wire != NULL);
    size_t wire_size = amps_header_write(plain, wire);
    CHECK(wire_size <= amps_header_size_max(plain));
    CHECK_STATUS(amps_header_parse((amps_slice){wire, wire_size}, &again, &size), AMPS_OK);
    CHECK_NUMBER(size, wire_size);
    for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
        bool written = amps_header_has(plain, (amps_field)field) && plain->value[field].size != 0;
        CHECK(amps_header_has(&again, (amps_field)field) == written);
        if (written) {
            amps_slice text = decoded(&again, (amps_field)field);
            CHECK(amps_slice_equal(text, plain->value[field]) ||
                  (field == AMPS_FIELD_COMMAND && amps_slice_equal(text, amps_slice_of("p"))));
            free((char *)text.at);
        }
    }
    free(wire);
}

static void check_header(amps_slice whole, const amps_header *header)
{
    amps_header plain = {.present = 0};
    for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
        if (amps_header_has(header, (amps_field)field)) {
            check_inside(whole, header->value[field]);
            amps_header_set(&plain, (amps_field)field, decoded(header, (amps_field)field));
        }
    }
    check_round_trip(&plain);
    for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
        if (amps_header_has(&plain, (amps_field)field)) {
            free((char *)plain.value[field].at);
        }
    }
}

static void check_message(amps_slice header, amps_slice record, amps_slice body)
{
    amps_message message = {.header = header, .record = record, .body = body};
    for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
        amps_slice  value;
        bool        escaped;
        amps_status status = amps_message_field(&message, (amps_field)field, &value, &escaped);
        CHECK(status == AMPS_OK || status == AMPS_END);
    }
}

static void check_records(amps_slice header, const amps_header *outer, amps_slice rest)
{
    bool        first = true;
    amps_slice  whole = rest;
    amps_slice  record;
    amps_header fields;
    amps_slice  body;
    while (amps_record_next(outer, &first, &rest, &record, &fields, &body) == AMPS_OK) {
        check_inside(whole, body);
        check_inside(whole, rest);
        check_message(header, record, body);
        if (record.size != 0) {
            check_inside(whole, record);
            check_header(record, &fields);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    amps_slice  payload = {(const char *)data, size};
    amps_header header;
    size_t      header_size;
    if (amps_header_parse(payload, &header, &header_size) != AMPS_OK) {
        return 0;
    }
    CHECK(header_size >= 2 && header_size <= size && payload.at[header_size - 1] == '}');
    amps_slice bytes = {payload.at, header_size};
    amps_slice body = {payload.at + header_size, size - header_size};
    check_header(bytes, &header);
    check_message(bytes, (amps_slice){NULL, 0}, body);
    check_records(bytes, &header, body);
    amps_command_parse(body);
    amps_ack_parse(body);
    return 0;
}
