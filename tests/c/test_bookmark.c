/* test_bookmark.c: bookmarks, lists and times, from text and back. */
#include "amps_bookmark.h"
#include "check.h"

static amps_bookmark parsed;

static bool parse(const char *text)
{
    amps_slice bytes = amps_slice_of(text);
    char      *tight = exactly(bytes);
    bool       good = amps_bookmark_parse((amps_slice){tight, bytes.size}, &parsed);
    if (amps_bookmark_is_opaque(&parsed)) {
        CHECK(amps_slice_equal(parsed.text, bytes));
        parsed.text.at = text;
    }
    free(tight);
    return good;
}

static void number_pairs_come_back_as_they_were(void)
{
    static const char *const texts[] = {"1|2|",
                                        "0|2|",
                                        "7094790850998930143|42|",
                                        "18446744073709551615|18446744073709551615|",
                                        "10000000000000000000|1|",
                                        "0|0|"};
    char                     out[AMPS_BOOKMARK_TEXT_SIZE_MAX];
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CHECK(parse(texts[i]) && !amps_bookmark_is_opaque(&parsed));
        size_t size = amps_bookmark_write(parsed.publisher, parsed.sequence, out);
        CHECK_TEXT(((amps_slice){out, size}), texts[i]);
    }
    CHECK(parse("3|4") && !amps_bookmark_is_opaque(&parsed) && parsed.sequence == 4);
}

static void what_only_looks_like_one_is_opaque(void)
{
    static const char *const texts[] = {"01|2|",
                                        "1|02|",
                                        "1|2||",
                                        "1|2|3|",
                                        "|2|",
                                        "1||",
                                        "18446744073709551616|1|",
                                        "1|99999999999999999999|",
                                        "1|184467440737095516150|",
                                        "x",
                                        "20260101T000000Z",
                                        "-1|2|",
                                        "1|2|x",
                                        "|",
                                        "00"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CHECK(parse(texts[i]) && amps_bookmark_is_opaque(&parsed));
    }
}

static void what_has_another_meaning_is_none(void)
{
    static const char *const texts[] = {"",   "0",  "0|1|", "0|1", "recent", "a,b", "1|2|,3|4|",
                                        "(x", "x]", "a b",  "a\t", "\x01",   "\x7f"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CHECK(!parse(texts[i]));
    }
    char text[AMPS_BOOKMARK_SIZE_MAX + 2];
    memset(text, 'x', sizeof text);
    text[AMPS_BOOKMARK_SIZE_MAX + 1] = '\0';
    CHECK(!parse(text));
    text[AMPS_BOOKMARK_SIZE_MAX] = '\0';
    CHECK(parse(text));
}

static void a_list_is_taken_apart(void)
{
    amps_slice list = BYTES(",1|2|,,x,(a,b:c],y,");
    amps_slice member;
    CHECK(amps_bookmark_next(&list, &member));
    CHECK_TEXT(member, "1|2|");
    CHECK(amps_bookmark_next(&list, &member));
    CHECK_TEXT(member, "x");
    CHECK(amps_bookmark_next(&list, &member));
    CHECK_TEXT(member, "(a,b:c],y,");
    CHECK(!amps_bookmark_next(&list, &member));
    list = BYTES("one");
    CHECK(amps_bookmark_next(&list, &member) && !amps_bookmark_next(&list, &member));
    CHECK_TEXT(member, "one");
}

static void times_are_those_of_the_calendar(void)
{
    static const struct {
        uint64_t    unix_s;
        const char *text;
    } table[] = {{0, "19700101T000000Z"},          {951782399, "20000228T235959Z"},
                 {951782400, "20000229T000000Z"},  {951868800, "20000301T000000Z"},
                 {4107542399, "21000228T235959Z"}, {4107542400, "21000301T000000Z"},
                 {1767225599, "20251231T235959Z"}, {1767225600, "20260101T000000Z"},
                 {UINT64_MAX, "99991231T235959Z"}};
    char out[AMPS_BOOKMARK_TIME_SIZE];
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        amps_bookmark_write_time(table[i].unix_s, out);
        CHECK_TEXT(((amps_slice){out, sizeof out}), table[i].text);
    }
}

static void now_and_ranges_are_known(void)
{
    CHECK(amps_bookmark_is_now(BYTES("0|1|")) && amps_bookmark_is_now(BYTES("0|1")));
    CHECK(!amps_bookmark_is_now(BYTES("0")) && !amps_bookmark_is_now(BYTES("")));
    CHECK(amps_bookmark_is_range(BYTES("(a:b]")) && !amps_bookmark_is_range(BYTES("")));
}

int main(void)
{
    RUN(number_pairs_come_back_as_they_were);
    RUN(what_only_looks_like_one_is_opaque);
    RUN(what_has_another_meaning_is_none);
    RUN(a_list_is_taken_apart);
    RUN(times_are_those_of_the_calendar);
    RUN(now_and_ranges_are_known);
    return 0;
}
