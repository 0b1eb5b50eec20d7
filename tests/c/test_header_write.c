/* test_header_write.c: the canonical writer writes one form only, in the room it asked for, and
 * the reader gives every value back. */
#include "amps_header.h"

#include "check.h"

/* Writes into a block of exactly the promised size; the caller frees what the slice points to. */
static amps_slice written(const amps_header *header)
{
    size_t size_max = amps_header_size_max(header);
    char  *out = malloc(size_max);
    size_t size = amps_header_write(header, out);
    CHECK(size <= size_max);
    return (amps_slice){out, size};
}

static void check_written(const amps_header *header, const char *expected)
{
    amps_slice out = written(header);
    CHECK_TEXT(out, expected);
    free((char *)out.at);
}

static void set(amps_header *header, amps_field field, const char *text)
{
    amps_header_set(header, field, amps_slice_of(text));
}

static void the_command_comes_first_and_publish_is_short(void)
{
    amps_header header = {.present = 0};
    set(&header, AMPS_FIELD_TOPIC, "orders");
    set(&header, AMPS_FIELD_COMMAND, "publish");
    check_written(&header, "{\"c\":\"p\",\"t\":\"orders\"}");
    set(&header, AMPS_FIELD_COMMAND, "p");
    check_written(&header, "{\"c\":\"p\",\"t\":\"orders\"}");
    set(&header, AMPS_FIELD_COMMAND, "delta_publish");
    check_written(&header, "{\"c\":\"delta_publish\",\"t\":\"orders\"}");
}

static void only_the_command_is_shortened(void)
{
    amps_header header = {.present = 0};
    set(&header, AMPS_FIELD_COMMAND, "publisher");
    set(&header, AMPS_FIELD_TOPIC, "publish");
    check_written(&header, "{\"c\":\"publisher\",\"t\":\"publish\"}");
}

static void numbers_are_bare_and_ids_are_quoted(void)
{
    amps_header header = {.present = 0};
    char        digits[AMPS_NUMBER_TEXT_MAX];
    set(&header, AMPS_FIELD_COMMAND, "sow");
    set(&header, AMPS_FIELD_COMMAND_ID, "4");
    set(&header, AMPS_FIELD_BATCH_SIZE, "10");
    amps_header_set(&header, AMPS_FIELD_SEQUENCE, amps_number_text(UINT64_MAX, digits));
    check_written(&header, "{\"c\":\"sow\",\"cid\":\"4\",\"s\":18446744073709551615,\"bs\":10}");
}

static void a_number_that_is_none_cannot_pose_as_more_fields(void)
{
    amps_header header = {.present = 0};
    set(&header, AMPS_FIELD_EXPIRATION, "1,\"c\":\"logon\"");
    check_written(&header, "{\"e\":\"1,\\\"c\\\":\\\"logon\\\"\"}");
    set(&header, AMPS_FIELD_EXPIRATION, "-1");
    check_written(&header, "{\"e\":\"-1\"}");
}

static void empty_values_are_left_out(void)
{
    amps_header header = {.present = 0};
    check_written(&header, "{}");
    amps_header_set(&header, AMPS_FIELD_COMMAND, (amps_slice){NULL, 0});
    check_written(&header, "{}");
    set(&header, AMPS_FIELD_TOPIC, "t");
    set(&header, AMPS_FIELD_SEQUENCE, "");
    check_written(&header, "{\"t\":\"t\"}");
}

static void text_is_escaped(void)
{
    amps_header header = {.present = 0};
    set(&header, AMPS_FIELD_FILTER, "/state = \"open\"\n\\");
    check_written(&header, "{\"filter\":\"/state = \\\"open\\\"\\n\\\\\"}");
}

static void every_field_at_once_is_written_in_the_order_of_the_map(void)
{
    amps_header header = {.present = 0};
    char        expected[2000] = "{";
#define EXPECTED_T "\"7\","
#define EXPECTED_N "7,"
#define ADD(name, key, alias, alias2, type)                                                        \
    set(&header, AMPS_FIELD_##name, "7");                                                          \
    strcat(expected, "\"" key "\":" EXPECTED_##type);
    AMPS_FIELD_MAP(ADD)
#undef ADD
    expected[strlen(expected) - 1] = '}';
    check_written(&header, expected);
}

static void numbers_become_digits(void)
{
    char out[AMPS_NUMBER_TEXT_MAX];
    CHECK_TEXT(amps_number_text(0, out), "0");
    CHECK_TEXT(amps_number_text(9, out), "9");
    CHECK_TEXT(amps_number_text(10, out), "10");
    CHECK_TEXT(amps_number_text(UINT32_MAX, out), "4294967295");
    CHECK_TEXT(amps_number_text(UINT64_MAX, out), "18446744073709551615");
}

#define VALUE_SIZE_MAX 40

/* Up to forty bytes of anything; every other value leans towards what must be escaped. */
static amps_slice random_value(uint64_t *state, char *room)
{
    size_t size = 1 + check_random(state) % VALUE_SIZE_MAX;
    bool   nasty = check_random(state) % 2 == 0;
    for (size_t index = 0; index < size; index++) {
        uint64_t random = check_random(state);
        room[index] = nasty && random % 3 == 0 ? "\"\\\n\x01{},:u"[random / 3 % 9] : (char)random;
    }
    return (amps_slice){room, size};
}

static void check_same(const amps_header *sent, amps_slice wire)
{
    amps_header came;
    size_t      size;
    CHECK_STATUS(amps_header_parse(wire, &came, &size), AMPS_OK);
    CHECK_NUMBER(size, wire.size);
    CHECK_NUMBER(came.present, sent->present);
    for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
        char       scratch[6 * VALUE_SIZE_MAX];
        amps_slice text;
        if (amps_header_has(sent, (amps_field)field)) {
            CHECK_STATUS(amps_header_text(&came, (amps_field)field, scratch, sizeof scratch, &text),
                         AMPS_OK);
            CHECK(amps_slice_equal(text, sent->value[field]));
        }
    }
}

static void random_fields_come_back_as_they_were(void)
{
    uint64_t state = 20250909;
    for (int turn = 0; turn < 20000; turn++) {
        static char room[AMPS_FIELD_COUNT][VALUE_SIZE_MAX];
        amps_header header = {.present = 0};
        for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
            if (check_random(&state) % 4 == 0) {
                amps_header_set(&header, (amps_field)field, random_value(&state, room[field]));
            }
        }
        amps_slice wire = written(&header);
        check_same(&header, wire);
        free((char *)wire.at);
    }
}

static void the_worst_values_fit_the_room_asked_for(void)
{
    static const char zeros[64];
    for (size_t size = 1; size <= sizeof zeros; size++) {
        amps_header header = {.present = 0};
        for (int field = 0; field < AMPS_FIELD_COUNT; field++) {
            amps_header_set(&header, (amps_field)field, (amps_slice){zeros, size});
        }
        amps_slice wire = written(&header);
        CHECK(wire.size > AMPS_FIELD_COUNT * 6 * size);
        free((char *)wire.at);
    }
}

int main(void)
{
    RUN(the_command_comes_first_and_publish_is_short);
    RUN(only_the_command_is_shortened);
    RUN(numbers_are_bare_and_ids_are_quoted);
    RUN(a_number_that_is_none_cannot_pose_as_more_fields);
    RUN(empty_values_are_left_out);
    RUN(text_is_escaped);
    RUN(every_field_at_once_is_written_in_the_order_of_the_map);
    RUN(numbers_become_digits);
    RUN(random_fields_come_back_as_they_were);
    RUN(the_worst_values_fit_the_room_asked_for);
    return 0;
}
