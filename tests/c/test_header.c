/* test_header.c: the liberal reader reads what it should and refuses the rest; what the canonical
 * writer writes is read back as it was. */
#include "amps_header.h"

#include "check.h"

/* The tight copy that `header` points into; one header at a time is enough here. */
static char *tight;

static amps_status parse(amps_slice text, amps_header *header, size_t *size)
{
    free(tight);
    tight = exactly(text);
    return amps_header_parse((amps_slice){tight, text.size}, header, size);
}

static amps_header good(const char *text)
{
    amps_header header;
    size_t      size;
    CHECK_STATUS(parse(amps_slice_of(text), &header, &size), AMPS_OK);
    CHECK_NUMBER(size, strlen(text));
    return header;
}

static void check_bad(const char *text)
{
    amps_header header;
    size_t      size;
    if (parse(amps_slice_of(text), &header, &size) != AMPS_BAD_FRAME) {
        fprintf(stderr, "accepted: %s\n", text);
        CHECK(false);
    }
}

#define CHECK_FIELD(header, field, expected)                                                       \
    do {                                                                                           \
        CHECK(amps_header_has(&(header), AMPS_FIELD_##field));                                     \
        CHECK_TEXT((header).value[AMPS_FIELD_##field], expected);                                  \
    } while (0)

/* ---- Reading --------------------------------------------------------------------------------- */

static void a_publish_and_its_body_are_told_apart(void)
{
    amps_header header;
    size_t      size;
    amps_slice  payload = BYTES("{\"c\":\"p\",\"t\":\"test\"}{\"id\":1}");
    CHECK_STATUS(parse(payload, &header, &size), AMPS_OK);
    CHECK_NUMBER(size, 20);
    CHECK_FIELD(header, COMMAND, "p");
    CHECK_FIELD(header, TOPIC, "test");
    CHECK_NUMBER(header.present, amps_bit(AMPS_FIELD_COMMAND) | amps_bit(AMPS_FIELD_TOPIC));
    CHECK_NUMBER(header.escaped, 0);
}

static void every_spelling_of_every_key_sets_its_field(void)
{
#define READS(name, spelling)                                                                      \
    if (sizeof(spelling) > 1) {                                                                    \
        amps_header header = good("{\"" spelling "\":\"7\"}");                                     \
        CHECK_FIELD(header, name, "7");                                                            \
        CHECK_NUMBER(header.present, amps_bit(AMPS_FIELD_##name));                                 \
    }
#define ALL_SPELLINGS(name, key, alias, alias2, type)                                              \
    READS(name, key) READS(name, alias) READS(name, alias2)
    AMPS_FIELD_MAP(ALL_SPELLINGS)
#undef ALL_SPELLINGS
#undef READS
}

static void the_last_of_two_wins_whatever_its_spelling(void)
{
    amps_header header = good("{\"t\":\"a\\n\",\"cid\":\"1\",\"topic\":\"b\",\"cmd_id\":\"\\t\"}");
    CHECK_FIELD(header, TOPIC, "b");
    CHECK_FIELD(header, COMMAND_ID, "\\t");
    CHECK_NUMBER(header.escaped, amps_bit(AMPS_FIELD_COMMAND_ID));
}

static void white_space_and_commas_are_forgiven(void)
{
    amps_header header = good(" \t\r\n{ \"c\"\t:\r\n\"p\" , ,, \"s\" : 12 , }");
    CHECK_FIELD(header, COMMAND, "p");
    CHECK_FIELD(header, SEQUENCE, "12");
    CHECK_NUMBER(good("{}").present, 0);
    CHECK_NUMBER(good("{ }").present, 0);
    CHECK_NUMBER(good("{,}").present, 0);
}

static void unknown_keys_are_stepped_over_whatever_their_value(void)
{
    const char *values[] = {"\"text\"",
                            "\"}\\\"{\"",
                            "12",
                            "-1.5e3",
                            "true",
                            "null",
                            "[]",
                            "{}",
                            "[1,[2,{\"a\":\"]}\"}]]",
                            "{\"t\":\"inner\"}",
                            "{\"\\\"}\":[]}",
                            "\"\""};
    for (size_t index = 0; index < COUNT_OF(values); index++) {
        char text[200];
        snprintf(text, sizeof text, "{\"c\":\"p\",\"later\":%s,\"t\":\"outer\"}", values[index]);
        amps_header header = good(text);
        CHECK_FIELD(header, TOPIC, "outer");
        CHECK_NUMBER(header.present, amps_bit(AMPS_FIELD_COMMAND) | amps_bit(AMPS_FIELD_TOPIC));
    }
}

static void a_key_with_an_escape_is_an_unknown_key(void)
{
    CHECK_NUMBER(good("{\"\\u0063\":\"p\",\"\\\"\":\"\",\"\":\"x\",\"\\\\\":1}").present, 0);
}

static void a_known_key_with_an_array_or_object_stays_as_it_was(void)
{
    amps_header header = good("{\"t\":\"a\",\"t\":[1],\"cid\":{}}");
    CHECK_FIELD(header, TOPIC, "a");
    CHECK(!amps_header_has(&header, AMPS_FIELD_COMMAND_ID));
}

static void nesting_has_a_limit(void)
{
    char text[300];
    for (int depth = 1; depth <= 66; depth++) {
        int at = snprintf(text, sizeof text, "{\"z\":");
        memset(text + at, '[', (size_t)depth);
        memset(text + at + depth, ']', (size_t)depth);
        snprintf(text + at + 2 * depth, 2, "}");
        if (depth <= 64) {
            CHECK_NUMBER(good(text).present, 0);
        } else {
            check_bad(text);
        }
    }
}

static void text_without_quotes_and_empty_text_are_values(void)
{
    amps_header header = good("{\"cid\":5,\"t\":true,\"sub_id\":\"\",\"bm\":1|2|}");
    CHECK_FIELD(header, COMMAND_ID, "5");
    CHECK_FIELD(header, TOPIC, "true");
    CHECK_FIELD(header, SUB_ID, "");
    CHECK_FIELD(header, BOOKMARK, "1|2|");
}

static void every_cut_of_a_header_is_refused(void)
{
    const char *whole = " {\"c\":\"p\" ,\"s\":1,\"z\":[{\"a\":\"b\"}],\"t\":\"x\\\"y\",}";
    for (size_t cut = 0; cut < strlen(whole); cut++) {
        amps_header header;
        size_t      size;
        CHECK_STATUS(parse((amps_slice){whole, cut}, &header, &size), AMPS_BAD_FRAME);
    }
    good(whole);
}

static void what_is_no_header_is_refused(void)
{
    const char *texts[] = {
        "",
        "   ",
        "x",
        "[]",
        "\"c\"",
        "}",
        "{c:1}",
        "{\"c\"}",
        "{\"c\"=\"p\"}",
        "{\"c\":}",
        "{\"c\":,}",
        "{\"c\" \"p\"}",
        "{\"c\"::1}",
        "{:}",
        "{{}}",
        "{\"\"\":1}",
        "{\"c\":\"}",
        "{\"c\":\"p\"\"t\":1}",
        "{\"c\":1\"x\"}",
        "{\"c\":1 2}",
        "{\"z\":[}]}",
        "{\"z\":{]}",
        "{\"z\":[\"]}",
        "{\"c\":\"\\\"}",
    };
    for (size_t index = 0; index < COUNT_OF(texts); index++) {
        check_bad(texts[index]);
    }
    check_bad("{\"c\":\"p\"\x01}");
    check_bad("{\"c\":\"p\"\x0b}");
}

/* ---- One value ------------------------------------------------------------------------------- */

static bool number_is(const char *value, uint64_t max, uint64_t *number)
{
    char text[200];
    snprintf(text, sizeof text, "{\"s\":%s}", value);
    amps_header header = good(text);
    return amps_header_number(&header, AMPS_FIELD_SEQUENCE, max, number);
}

static void numbers_are_digits_bare_or_quoted(void)
{
    const struct {
        const char *text;
        uint64_t    number;
    } numbers[] = {{"0", 0},
                   {"12", 12},
                   {"\"12\"", 12},
                   {"007", 7},
                   {"0000000000000000000000000001", 1},
                   {"18446744073709551615", UINT64_MAX}};
    for (size_t index = 0; index < COUNT_OF(numbers); index++) {
        uint64_t number = 99;
        CHECK(number_is(numbers[index].text, UINT64_MAX, &number));
        CHECK_NUMBER(number, numbers[index].number);
    }
}

static void what_is_no_number_counts_as_absent(void)
{
    const char *texts[] = {"\"\"",
                           "-1",
                           "+1",
                           "1.0",
                           "1e3",
                           "true",
                           "0x1",
                           "\"1 \"",
                           "\" 1\"",
                           "\"\\u0031\"",
                           "\"1,2\"",
                           "\"1:\"",
                           "\"/1\"",
                           "1|2",
                           "\"\xb2\"",
                           "18446744073709551616",
                           "99999999999999999999999999"};
    for (size_t index = 0; index < COUNT_OF(texts); index++) {
        uint64_t number = 99;
        CHECK(!number_is(texts[index], UINT64_MAX, &number));
        CHECK_NUMBER(number, 99);
    }
    amps_header header = good("{\"t\":\"12\"}");
    uint64_t    number;
    CHECK(!amps_header_number(&header, AMPS_FIELD_SEQUENCE, UINT64_MAX, &number));
}

static void a_number_past_its_maximum_counts_as_absent(void)
{
    uint64_t number = 99;
    CHECK(number_is("4294967295", UINT32_MAX, &number));
    CHECK_NUMBER(number, UINT32_MAX);
    CHECK(!number_is("4294967296", UINT32_MAX, &number));
    CHECK_NUMBER(number, UINT32_MAX);
}

static void text_is_decoded_only_when_it_must_be(void)
{
    char        scratch[4];
    amps_slice  text;
    amps_header header =
        good("{\"t\":\"plain text\",\"filter\":\"a\\nb\",\"reason\":\"\\n\\n\\n\"}");
    CHECK_STATUS(amps_header_text(&header, AMPS_FIELD_TOPIC, NULL, 0, &text), AMPS_OK);
    CHECK(text.at == header.value[AMPS_FIELD_TOPIC].at);
    CHECK_STATUS(amps_header_text(&header, AMPS_FIELD_FILTER, scratch, 4, &text), AMPS_OK);
    CHECK_TEXT(text, "a\nb");
    CHECK_STATUS(amps_header_text(&header, AMPS_FIELD_FILTER, scratch, 3, &text), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_header_text(&header, AMPS_FIELD_REASON, scratch, 4, &text), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_header_text(&header, AMPS_FIELD_SUB_ID, scratch, 4, &text), AMPS_END);
}

int main(void)
{
    RUN(a_publish_and_its_body_are_told_apart);
    RUN(every_spelling_of_every_key_sets_its_field);
    RUN(the_last_of_two_wins_whatever_its_spelling);
    RUN(white_space_and_commas_are_forgiven);
    RUN(unknown_keys_are_stepped_over_whatever_their_value);
    RUN(a_key_with_an_escape_is_an_unknown_key);
    RUN(a_known_key_with_an_array_or_object_stays_as_it_was);
    RUN(nesting_has_a_limit);
    RUN(text_without_quotes_and_empty_text_are_values);
    RUN(every_cut_of_a_header_is_refused);
    RUN(what_is_no_header_is_refused);
    RUN(numbers_are_digits_bare_or_quoted);
    RUN(what_is_no_number_counts_as_absent);
    RUN(a_number_past_its_maximum_counts_as_absent);
    RUN(text_is_decoded_only_when_it_must_be);
    free(tight);
    return 0;
}
