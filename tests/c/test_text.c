/* test_text.c: text goes out escaped, comes back as it was, and bad escapes stay as they stand. */
#include "amps_text.h"

#include "check.h"

static void check_decodes(amps_slice text, amps_slice expected)
{
    char  *tight = exactly(text);
    char  *out = exactly(text); /* decoding never grows: as many bytes must do */
    size_t size = amps_text_decode((amps_slice){tight, text.size}, out);
    if (!amps_slice_equal((amps_slice){out, size}, expected)) {
        fprintf(stderr, "%.*s decodes to %.*s\n", (int)text.size, text.at, (int)size, out);
        CHECK(false);
    }
    free(tight);
    free(out);
}

#define CHECK_DECODES(text, expected) check_decodes(BYTES(text), BYTES(expected))

static void text_without_escapes_stays_the_same(void)
{
    CHECK_DECODES("", "");
    CHECK_DECODES("orders", "orders");
    CHECK_DECODES("caf\xc3\xa9 \xff\x01\0x", "caf\xc3\xa9 \xff\x01\0x");
}

static void every_letter_escape_is_decoded(void)
{
    CHECK_DECODES("\\\"", "\"");
    CHECK_DECODES("\\\\", "\\");
    CHECK_DECODES("\\/", "/");
    CHECK_DECODES("\\b\\f\\n\\r\\t", "\b\f\n\r\t");
    CHECK_DECODES("a\\\\\\\"b\\\\n", "a\\\"b\\n");
}

static void four_digits_are_a_code_point(void)
{
    CHECK_DECODES("\\u0041", "A");
    CHECK_DECODES("\\u0000", "\0");
    CHECK_DECODES("\\u007f\\u0080", "\x7f\xc2\x80");
    CHECK_DECODES("\\u07FF\\u0800", "\xdf\xbf\xe0\xa0\x80");
    CHECK_DECODES("\\u20aC\\uffff", "\xe2\x82\xac\xef\xbf\xbf");
    CHECK_DECODES("\\ud7ff\\ue000", "\xed\x9f\xbf\xee\x80\x80");
    CHECK_DECODES("\\u00410", "A0");
}

static void a_surrogate_pair_is_one_code_point(void)
{
    CHECK_DECODES("\\ud83d\\ude00", "\xf0\x9f\x98\x80");
    CHECK_DECODES("\\uD800\\uDC00", "\xf0\x90\x80\x80");
    CHECK_DECODES("\\udbff\\udfff", "\xf4\x8f\xbf\xbf");
}

static void half_a_pair_stays_as_it_stands(void)
{
    CHECK_DECODES("\\ud83d", "\\ud83d");
    CHECK_DECODES("\\ude00", "\\ude00");
    CHECK_DECODES("\\ud83d!", "\\ud83d!");
    CHECK_DECODES("\\ud83d\\n", "\\ud83d\n");
    CHECK_DECODES("\\ud83d\\u0041", "\\ud83dA");
    CHECK_DECODES("\\ud83d\\ue000", "\\ud83d\xee\x80\x80");
    CHECK_DECODES("\\ud83d\\ud83d\\ude00", "\\ud83d\xf0\x9f\x98\x80");
    CHECK_DECODES("\\ude00\\ud83d", "\\ude00\\ud83d");
    CHECK_DECODES("\\udc00\\udc00", "\\udc00\\udc00");
}

static void what_is_no_escape_stays_as_it_stands(void)
{
    CHECK_DECODES("\\q\\0\\x41\\N", "\\q\\0\\x41\\N");
    CHECK_DECODES("\\u", "\\u");
    CHECK_DECODES("\\u12", "\\u12");
    CHECK_DECODES("\\u12g4", "\\u12g4");
    CHECK_DECODES("\\u 041\\u-041", "\\u 041\\u-041");
    CHECK_DECODES("\\U0041", "\\U0041");
    CHECK_DECODES("\\", "\\");
    CHECK_DECODES("a\\", "a\\");
    CHECK_DECODES("\\ud83d\\", "\\ud83d\\");
    CHECK_DECODES("\\ud83d\\ude0", "\\ud83d\\ude0");
}

static void check_encodes(amps_slice text, amps_slice expected)
{
    char  *tight = exactly(text);
    char  *out = malloc(AMPS_TEXT_ENCODED_SIZE_MAX(text.size));
    size_t size = amps_text_encode((amps_slice){tight, text.size}, out);
    CHECK(amps_slice_equal((amps_slice){out, size}, expected));
    free(tight);
    free(out);
}

#define CHECK_ENCODES(text, expected) check_encodes(BYTES(text), BYTES(expected))

static void only_what_must_be_is_escaped(void)
{
    CHECK_ENCODES("", "");
    CHECK_ENCODES("orders/today", "orders/today");
    CHECK_ENCODES("/state = \"open\"", "/state = \\\"open\\\"");
    CHECK_ENCODES("a\\b", "a\\\\b");
    CHECK_ENCODES("\b\t\n\f\r", "\\b\\t\\n\\f\\r");
    CHECK_ENCODES("\0\x01\x0b\x1f", "\\u0000\\u0001\\u000b\\u001f");
    CHECK_ENCODES(" ~\x7f\x80\xff\xc3\xa9", " ~\x7f\x80\xff\xc3\xa9");
}

static void every_byte_at_every_place_comes_back(void)
{
    for (size_t size = 1; size <= 17; size++) {
        for (size_t place = 0; place < size; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[17];
                char out[AMPS_TEXT_ENCODED_SIZE_MAX(17)];
                char back[sizeof out];
                memset(text, 'x', size);
                text[place] = (char)byte;
                amps_slice sent = {text, size};
                amps_slice wire = {out, amps_text_encode(sent, out)};
                CHECK(amps_slice_equal(sent, (amps_slice){back, amps_text_decode(wire, back)}));
                CHECK(wire.size > size || byte >= 0x20);
            }
        }
    }
}

static void the_worst_text_fits_the_room_asked_for(void)
{
    for (size_t size = 0; size < 40; size++) {
        char *text = calloc(size + 1, 1);
        char *out = malloc(AMPS_TEXT_ENCODED_SIZE_MAX(size));
        CHECK_NUMBER(amps_text_encode((amps_slice){text, size}, out), size * 6);
        free(text);
        free(out);
    }
}

static void the_end_of_quoted_text_is_found_at_every_place(void)
{
    for (size_t size = 0; size <= 40; size++) {
        for (size_t place = 0; place <= size; place++) {
            char  *tight = malloc(size + 1);
            bool   escaped = true;
            size_t quote = place;
            memset(tight, 'x', size + 1);
            tight[quote] = '"';
            CHECK(amps_text_find_end(tight, tight + size + 1, &escaped) == tight + quote);
            CHECK(!escaped);
            tight[quote] = '\\'; /* hides whatever follows, to the very end */
            CHECK(amps_text_find_end(tight, tight + size + 1, &escaped) == NULL);
            free(tight);
        }
    }
}

static void an_escaped_quote_ends_nothing(void)
{
    char *tight = exactly(BYTES("a\\\"b\\\\\"rest"));
    bool  escaped = false;
    CHECK(amps_text_find_end(tight, tight + 11, &escaped) == tight + 6);
    CHECK(escaped);
    CHECK(amps_text_find_end(tight, tight + 6, &escaped) == NULL);
    CHECK(amps_text_find_end(tight, tight + 3, &escaped) == NULL);
    CHECK(amps_text_find_end(tight, tight + 2, &escaped) == NULL);
    CHECK(amps_text_find_end(tight, tight, &escaped) == NULL);
    free(tight);
}

static void a_byte_that_is_not_plain_is_seen_at_every_place(void)
{
    for (size_t size = 0; size <= 20; size++) {
        char text[20];
        memset(text, '|', sizeof text);
        CHECK(amps_text_is_plain(text, size));
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                text[at] = (char)byte;
                bool plain = byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\';
                CHECK(amps_text_is_plain(text, size) == plain);
            }
            text[at] = ' ';
        }
    }
}

int main(void)
{
    RUN(text_without_escapes_stays_the_same);
    RUN(every_letter_escape_is_decoded);
    RUN(four_digits_are_a_code_point);
    RUN(a_surrogate_pair_is_one_code_point);
    RUN(half_a_pair_stays_as_it_stands);
    RUN(what_is_no_escape_stays_as_it_stands);
    RUN(only_what_must_be_is_escaped);
    RUN(every_byte_at_every_place_comes_back);
    RUN(the_worst_text_fits_the_room_asked_for);
    RUN(the_end_of_quoted_text_is_found_at_every_place);
    RUN(an_escaped_quote_ends_nothing);
    RUN(a_byte_that_is_not_plain_is_seen_at_every_place);
    return 0;
}
