/* test_record.c: a `sow` payload is taken apart record by record; lengths that lie are refused. */
#include "amps_record.h"

#include "check.h"

typedef struct sow_walk {
    char       *tight; /* the records, in a block of exactly their size */
    amps_header outer;
    bool        first;
    amps_slice  rest;
    amps_slice  record;
    amps_header fields;
    amps_slice  body;
} sow_walk;

static sow_walk start(const char *outer, const char *records)
{
    sow_walk walk = {.tight = exactly(amps_slice_of(records)), .first = true};
    size_t   size;
    CHECK_STATUS(amps_header_parse(amps_slice_of(outer), &walk.outer, &size), AMPS_OK);
    walk.rest = (amps_slice){walk.tight, strlen(records)};
    return walk;
}

static amps_status next(sow_walk *walk)
{
    return amps_record_next(&walk->outer, &walk->first, &walk->rest, &walk->record, &walk->fields,
                            &walk->body);
}

#define PLAIN "{\"c\":\"sow\",\"query_id\":\"4\",\"bs\":2}"

static void records_follow_each_other_without_a_gap(void)
{
    sow_walk walk = start(PLAIN, "{\"k\":\"1\",\"l\":8}{\"id\":7}{\"k\":\"2\",\"l\":5}{a}\xff\xfe");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_TEXT(walk.record, "{\"k\":\"1\",\"l\":8}");
    CHECK_TEXT(walk.fields.value[AMPS_FIELD_SOW_KEY], "1");
    CHECK_TEXT(walk.body, "{\"id\":7}");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_TEXT(walk.record, "{\"k\":\"2\",\"l\":5}");
    CHECK_TEXT(walk.body, "{a}\xff\xfe");
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void a_record_does_not_show_the_fields_of_the_one_before(void)
{
    sow_walk walk = start(
        PLAIN, "{\"k\":\"1\",\"x\":\"c\",\"bm\":\"b\",\"e\":1,\"ts\":\"t\",\"l\":0}{\"l\":0}");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK(amps_header_has(&walk.fields, AMPS_FIELD_CORRELATION_ID));
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_NUMBER(walk.fields.present, amps_bit(AMPS_FIELD_MESSAGE_SIZE));
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void no_records_at_all_end_at_once(void)
{
    sow_walk walk = start(PLAIN, "");
    CHECK_STATUS(next(&walk), AMPS_END);
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void an_empty_record_is_a_record(void)
{
    sow_walk walk = start(PLAIN, "{\"k\":\"1\",\"l\":0}");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_NUMBER(walk.body.size, 0);
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void check_bad_first(const char *outer, const char *records)
{
    sow_walk walk = start(outer, records);
    CHECK_STATUS(next(&walk), AMPS_BAD_FRAME);
    free(walk.tight);
}

static void a_length_that_lies_is_refused(void)
{
    check_bad_first(PLAIN, "{\"k\":\"1\",\"l\":9}{\"id\":7}");
    check_bad_first(PLAIN, "{\"l\":1}");
    check_bad_first(PLAIN, "{\"l\":4294967295}x");
    check_bad_first(PLAIN, "{\"l\":4294967296}x");
    check_bad_first(PLAIN, "{\"l\":18446744073709551615}x");
    check_bad_first(PLAIN, "{\"l\":18446744073709551617}x");
    check_bad_first(PLAIN, "{\"l\":-1}x");
}

static void a_length_that_is_too_short_leaves_bytes_that_are_refused(void)
{
    sow_walk walk = start(PLAIN, "{\"k\":\"1\",\"l\":7}{\"id\":7}");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_STATUS(next(&walk), AMPS_BAD_FRAME);
    free(walk.tight);
}

static void a_record_without_a_length_is_refused(void)
{
    check_bad_first(PLAIN, "{\"k\":\"1\"}{\"id\":7}");
    check_bad_first(PLAIN, "{\"k\":\"1\",\"l\":\"\"}x");
    check_bad_first(PLAIN, "{}");
}

static void what_is_no_record_is_refused(void)
{
    check_bad_first(PLAIN, "x");
    check_bad_first(PLAIN, "\n");
    check_bad_first(PLAIN, "{\"k\":\"1\",\"l\":1");
    sow_walk walk = start(PLAIN, "{\"l\":1}a{\"l\":1}b ");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_STATUS(next(&walk), AMPS_BAD_FRAME);
    free(walk.tight);
}

#define VARIANT "{\"c\":\"sow\",\"k\":\"1\",\"l\":8}"

static void the_outer_header_may_be_the_first_record_s(void)
{
    sow_walk walk = start(VARIANT, "{\"id\":7}{\"k\":\"2\",\"l\":2}hi");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_NUMBER(walk.record.size, 0);
    CHECK_TEXT(walk.fields.value[AMPS_FIELD_SOW_KEY], "1");
    CHECK_TEXT(walk.body, "{\"id\":7}");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_TEXT(walk.fields.value[AMPS_FIELD_SOW_KEY], "2");
    CHECK(!amps_header_has(&walk.fields, AMPS_FIELD_COMMAND));
    CHECK_TEXT(walk.body, "hi");
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void the_outer_header_is_a_record_only_once(void)
{
    sow_walk walk = start(VARIANT, "12345678"
                                   "12345678");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_TEXT(walk.body, "12345678");
    CHECK_STATUS(next(&walk), AMPS_BAD_FRAME);
    free(walk.tight);
}

static void a_record_header_wins_over_the_outer_length(void)
{
    sow_walk walk = start(VARIANT, "{\"k\":\"2\",\"l\":2}hi");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_TEXT(walk.fields.value[AMPS_FIELD_SOW_KEY], "2");
    CHECK_TEXT(walk.body, "hi");
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void the_outer_length_may_not_lie_either(void)
{
    check_bad_first(VARIANT, "1234567");
    check_bad_first(VARIANT, "");
    check_bad_first("{\"l\":4294967296}", "x");
    /* The record's own bad length must not stand in for the outer one. */
    check_bad_first("{\"l\":30}", "{\"l\":5000000000}");
}

static void a_record_length_past_its_type_counts_as_absent(void)
{
    sow_walk walk = start("{\"k\":\"1\",\"l\":16}", "{\"l\":5000000000}");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_NUMBER(walk.record.size, 0);
    CHECK_TEXT(walk.body, "{\"l\":5000000000}");
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

static void an_outer_length_of_nothing_is_one_empty_record(void)
{
    sow_walk walk = start("{\"c\":\"sow\",\"k\":\"1\",\"l\":0}", "");
    CHECK_STATUS(next(&walk), AMPS_OK);
    CHECK_NUMBER(walk.body.size, 0);
    CHECK_STATUS(next(&walk), AMPS_END);
    free(walk.tight);
}

int main(void)
{
    RUN(records_follow_each_other_without_a_gap);
    RUN(a_record_does_not_show_the_fields_of_the_one_before);
    RUN(no_records_at_all_end_at_once);
    RUN(an_empty_record_is_a_record);
    RUN(a_length_that_lies_is_refused);
    RUN(a_length_that_is_too_short_leaves_bytes_that_are_refused);
    RUN(a_record_without_a_length_is_refused);
    RUN(what_is_no_record_is_refused);
    RUN(the_outer_header_may_be_the_first_record_s);
    RUN(the_outer_header_is_a_record_only_once);
    RUN(a_record_header_wins_over_the_outer_length);
    RUN(the_outer_length_may_not_lie_either);
    RUN(a_record_length_past_its_type_counts_as_absent);
    RUN(an_outer_length_of_nothing_is_one_empty_record);
    return 0;
}
