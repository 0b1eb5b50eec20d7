/* test_message.c: a delivered message shows its record's fields over the frame's. */
#include "amps_base.h"
#include "check.h"

static amps_message message_of(const char *header, const char *record)
{
    return (amps_message){.header = amps_slice_of(header), .record = amps_slice_of(record)};
}

/* Asks in a block of exactly the header's size; `expected` NULL: absent. */
static void check_field(const amps_message *message, amps_field field, const char *expected,
                        bool expected_escaped)
{
    char        *header = exactly(message->header);
    char        *record = exactly(message->record);
    amps_message tight = {.header = {header, message->header.size},
                          .record = {record, message->record.size},
                          .sub_id = message->sub_id};
    amps_slice   value;
    bool         escaped;
    if (expected == NULL) {
        CHECK_STATUS(amps_message_field(&tight, field, &value, &escaped), AMPS_END);
    } else {
        CHECK_STATUS(amps_message_field(&tight, field, &value, &escaped), AMPS_OK);
        CHECK_TEXT(value, expected);
        CHECK(escaped == expected_escaped);
    }
    free(header);
    free(record);
}

static void fields_come_from_the_header(void)
{
    amps_message message = message_of("{\"t\":\"orders\",\"reason\":\"a\\nb\",\"k\":\"9\"}", "");
    check_field(&message, AMPS_FIELD_TOPIC, "orders", false);
    check_field(&message, AMPS_FIELD_REASON, "a\\nb", true);
    check_field(&message, AMPS_FIELD_SOW_KEY, "9", false);
    check_field(&message, AMPS_FIELD_SUB_ID, NULL, false);
}

static void the_command_has_its_long_name(void)
{
    amps_message message = message_of("{\"c\":\"p\"}", "");
    check_field(&message, AMPS_FIELD_COMMAND, "publish", false);
    message = message_of("{\"cmd\":\"publish\"}", "");
    check_field(&message, AMPS_FIELD_COMMAND, "publish", false);
    message = message_of("{\"c\":\"oof\",\"t\":\"p\"}", "");
    check_field(&message, AMPS_FIELD_COMMAND, "oof", false);
    check_field(&message, AMPS_FIELD_TOPIC, "p", false);
}

static void the_record_lies_over_the_frame(void)
{
    amps_message message = message_of("{\"c\":\"sow\",\"t\":\"outer\",\"query_id\":\"4\"}",
                                      "{\"t\":\"in\\tner\",\"k\":\"1\",\"l\":5}");
    check_field(&message, AMPS_FIELD_TOPIC, "in\\tner", true);
    check_field(&message, AMPS_FIELD_SOW_KEY, "1", false);
    check_field(&message, AMPS_FIELD_MESSAGE_SIZE, "5", false);
    check_field(&message, AMPS_FIELD_QUERY_ID, "4", false);
    check_field(&message, AMPS_FIELD_COMMAND, "sow", false);
}

static void a_record_never_shows_the_frame_s_per_record_fields(void)
{
    const amps_field fields[] = {AMPS_FIELD_SOW_KEY,    AMPS_FIELD_BOOKMARK,
                                 AMPS_FIELD_TIMESTAMP,  AMPS_FIELD_CORRELATION_ID,
                                 AMPS_FIELD_EXPIRATION, AMPS_FIELD_MESSAGE_SIZE};
    const char      *outer = "{\"k\":\"1\",\"bm\":\"1\",\"ts\":\"1\",\"x\":\"1\",\"e\":1,\"l\":1}";
    amps_message     with_record = message_of(outer, "{\"t\":\"t\"}");
    amps_message     without = message_of(outer, "");
    for (size_t index = 0; index < COUNT_OF(fields); index++) {
        check_field(&with_record, fields[index], NULL, false);
        check_field(&without, fields[index], "1", false);
    }
}

static void the_sub_id_is_the_one_it_is_delivered_for(void)
{
    amps_message message = message_of("{\"sids\":\"1,2\",\"sub_id\":\"9\"}", "");
    check_field(&message, AMPS_FIELD_SUB_ID, "9", false);
    message.sub_id = amps_slice_of("2");
    check_field(&message, AMPS_FIELD_SUB_ID, "2", false);
    check_field(&message, AMPS_FIELD_SUB_IDS, "1,2", false);
}

static void a_number_that_is_none_counts_as_absent(void)
{
    amps_message message = message_of(
        "{\"s\":\"x\",\"bs\":-1,\"matches\":4294967296,\"e\":\"\",\"top_n\":\"5\",\"l\":1.5}", "");
    check_field(&message, AMPS_FIELD_SEQUENCE, NULL, false);
    check_field(&message, AMPS_FIELD_BATCH_SIZE, NULL, false);
    check_field(&message, AMPS_FIELD_MATCHES, NULL, false);
    check_field(&message, AMPS_FIELD_EXPIRATION, NULL, false);
    check_field(&message, AMPS_FIELD_MESSAGE_SIZE, NULL, false);
    check_field(&message, AMPS_FIELD_TOP_N, "5", false);
}

static void only_the_sequence_has_sixty_four_bits(void)
{
    amps_message message = message_of("{\"s\":18446744073709551615,\"matches\":4294967295}", "");
    check_field(&message, AMPS_FIELD_SEQUENCE, "18446744073709551615", false);
    check_field(&message, AMPS_FIELD_MATCHES, "4294967295", false);
    message = message_of("{\"s\":18446744073709551616}", "");
    check_field(&message, AMPS_FIELD_SEQUENCE, NULL, false);
}

static void an_empty_value_is_present(void)
{
    amps_message message = message_of("{\"t\":\"\"}", "");
    check_field(&message, AMPS_FIELD_TOPIC, "", false);
}

static void a_header_that_is_none_is_refused(void)
{
    amps_slice   value;
    bool         escaped;
    amps_message message = message_of("{\"t\":\"x", "");
    CHECK_STATUS(amps_message_field(&message, AMPS_FIELD_TOPIC, &value, &escaped), AMPS_BAD_FRAME);
    message = message_of("{\"t\":\"x\"}", "{\"k\"");
    CHECK_STATUS(amps_message_field(&message, AMPS_FIELD_TOPIC, &value, &escaped), AMPS_BAD_FRAME);
    message = (amps_message){.header = {NULL, 0}};
    CHECK_STATUS(amps_message_field(&message, AMPS_FIELD_TOPIC, &value, &escaped), AMPS_BAD_FRAME);
}

int main(void)
{
    RUN(fields_come_from_the_header);
    RUN(the_command_has_its_long_name);
    RUN(the_record_lies_over_the_frame);
    RUN(a_record_never_shows_the_frame_s_per_record_fields);
    RUN(the_sub_id_is_the_one_it_is_delivered_for);
    RUN(a_number_that_is_none_counts_as_absent);
    RUN(only_the_sequence_has_sixty_four_bits);
    RUN(an_empty_value_is_present);
    RUN(a_header_that_is_none_is_refused);
    return 0;
}
