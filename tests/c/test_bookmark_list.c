/* test_bookmark_list.c: the lists of several subscriptions become one. */
#include "amps_bookmark_list.h"
#include "amps_memory.h"
#include "check.h"

static amps_bookmark_items members[3];
static amps_bookmark_list  list;

static void recover(size_t which, const char *text)
{
    amps_bookmark_items_init(&members[which], which);
    CHECK_STATUS(amps_bookmark_items_recover(&members[which], amps_slice_of(text)), AMPS_OK);
}

static amps_status join(size_t count)
{
    amps_status status = AMPS_OK;
    amps_bookmark_list_init(&list, 1);
    for (size_t i = 0; i < count && status == AMPS_OK; i++) {
        status = amps_bookmark_list_join(&list, &members[i]);
    }
    return status;
}

static void joined_is(size_t count, const char *expected)
{
    char out[256];
    CHECK_STATUS(join(count), AMPS_OK);
    size_t size = amps_bookmark_list_write(&list, out, sizeof out);
    CHECK_TEXT(((amps_slice){out, size}), expected);
    CHECK_NUMBER(amps_bookmark_list_write(&list, NULL, 0), size);
    amps_bookmark_list_fini(&list);
}

static void end(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        amps_bookmark_items_fini(&members[i]);
    }
}

static void of_each_publisher_the_lowest_counts(void)
{
    recover(0, "1|5|,2|7|");
    recover(1, "2|6|,1|9|,3|1|");
    recover(2, "3|18446744073709551615|");
    joined_is(3, "1|5|,2|6|,3|1|");
    end(3);
}

static void other_members_are_there_once(void)
{
    recover(0, "20260101T000000Z");
    recover(1, "20260101T000000Z,x");
    recover(2, "[1|2|:3|4|)");
    joined_is(1, "20260101T000000Z");
    joined_is(3, "20260101T000000Z,x,[1|2|:3|4|)");
    end(3);
}

static void of_nothing_known_comes_the_beginning(void)
{
    recover(0, "1|5|");
    recover(1, "");
    recover(2, "");
    joined_is(3, "1|5|,0");
    joined_is(0, "");
    end(3);
}

static void without_memory_it_says_so(void)
{
    recover(0, "1|5|");
    recover(1, "x");
    for (uint64_t n = 1; n <= 3; n++) {
        amps_memory_fail_at(n, 1);
        CHECK_STATUS(join(2), AMPS_NO_MEMORY);
        amps_memory_fail_at(0, 0);
        amps_bookmark_list_fini(&list);
    }
    joined_is(2, "1|5|,x");
    end(2);
    CHECK_NUMBER(amps_memory_live(), 0);
}

int main(void)
{
    RUN(of_each_publisher_the_lowest_counts);
    RUN(other_members_are_there_once);
    RUN(of_nothing_known_comes_the_beginning);
    RUN(without_memory_it_says_so);
    return 0;
}
