/* test_bookmark_store_hostile.c: bookmarks of other forms, and what is none. */
#include "bookmarks.h"

static amps_bookmark_store *store;
static amps_bookmark_sub   *sub;

static void fresh(void)
{
    store = new_store();
    sub = sub_of(store, "s");
}

static void done(void) { amps_bookmark_store_drop(store); }

static void opaque_bookmarks_are_equal_only_to_themselves(void)
{
    static const char *const forms[] = {"a-b",
                                        "1|2|3|",
                                        "007|1|",
                                        "1|02|",
                                        "x|1|",
                                        "1||",
                                        "18446744073709551616|1|",
                                        "20260101T000000Z",
                                        "1|-1|"};
    fresh();
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        new_one(sub, forms[i]);
        receive(sub, forms[i], AMPS_BOOKMARK_AGAIN);
    }
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        discard(sub, forms[i]);
        receive(sub, forms[i], AMPS_BOOKMARK_DISCARDED);
    }
    recent_is(sub, "a-b,1|2|3|,007|1|,1|02|,x|1|,1||,18446744073709551616|1|,20260101T000000Z,"
                   "1|-1|");
    persisted(sub, "opaque");
    persisted(sub, "x|1|");
    new_one(sub, "18446744073709551615|18446744073709551615|");
    receive(sub, "18446744073709551615|18446744073709551615", AMPS_BOOKMARK_AGAIN);
    done();
}

static void a_flood_of_opaque_bookmarks_is_forgotten_from_its_start(void)
{
    char name[32];
    fresh();
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "opaque-%d", i);
        new_one(sub, name);
        discard(sub, name);
    }
    receive(sub, "opaque-4000", AMPS_BOOKMARK_DISCARDED);
    receive(sub, "opaque-3999", AMPS_BOOKMARK_NEW);
    CHECK(amps_bookmark_most_recent(sub, NULL, 0) < 1000 * 12);
    done();
}

static size_t       problems;
static amps_failure last_problem;

static void on_problem(void *context, const amps_failure *failure)
{
    (void)context;
    problems++;
    last_problem = *failure;
}

static void what_is_no_bookmark_is_new_each_time_and_told_once(void)
{
    static const char *const forms[] = {"",   "0",     "0|1|", "0|1", "recent", "a,b",
                                        "(a", "[a:b]", "a b",  "\n",  "\x7f"};
    char                     long_one[AMPS_BOOKMARK_SIZE_MAX + 2];
    fresh();
    problems = 0;
    amps_bookmark_store_set_events(store, &(amps_bookmark_events){.problem = on_problem});
    memset(long_one, 'x', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    for (size_t i = 0; i <= COUNT_OF(forms); i++) {
        amps_slice text = amps_slice_of(i < COUNT_OF(forms) ? forms[i] : long_one);
        uint64_t   index = 5;
        for (int turn = 0; turn < 2; turn++) {
            CHECK_NUMBER(amps_bookmark_receive(sub, text, &index), AMPS_BOOKMARK_NEW);
            CHECK_NUMBER(index, 0);
        }
        CHECK_STATUS(amps_bookmark_log(sub, text, &index), AMPS_STORE);
        CHECK(!amps_bookmark_is_discarded(sub, text));
        CHECK_STATUS(amps_bookmark_discard(sub, text), AMPS_OK);
        CHECK_STATUS(amps_bookmark_persisted(sub, text), AMPS_OK);
    }
    recent_is(sub, "");
    CHECK_NUMBER(problems, 1);
    CHECK(strstr(last_problem.text, "subscription s") != NULL);
    done();
}

int main(void)
{
    RUN(opaque_bookmarks_are_equal_only_to_themselves);
    RUN(a_flood_of_opaque_bookmarks_is_forgotten_from_its_start);
    RUN(what_is_no_bookmark_is_new_each_time_and_told_once);
    return 0;
}
