/* test_bookmark_publishers.c: publishers are found, listed in order, and the opaque ones limited.
 */
#include "amps_bookmark_publishers.h"
#include "amps_memory.h"
#include "check.h"

static amps_bookmark_publishers publishers;

static amps_bookmark numbered(uint64_t id) { return (amps_bookmark){id, 1, {NULL, 0}}; }

static amps_bookmark opaque(const char *text) { return (amps_bookmark){0, 1, amps_slice_of(text)}; }

static uint32_t get(amps_bookmark bookmark)
{
    return amps_bookmark_publisher_get(&publishers, &bookmark);
}

static uint32_t find(amps_bookmark bookmark)
{
    return amps_bookmark_publisher_find(&publishers, &bookmark);
}

static void every_publisher_has_one_number(void)
{
    for (uint64_t id = 0; id < 1000; id++) {
        CHECK_NUMBER(find(numbered(id)), 0);
        CHECK_NUMBER(get(numbered(id)), id + 1);
    }
    CHECK_NUMBER(get(numbered(500)), 501);
    CHECK_NUMBER(get(opaque("500")), 1001);
    CHECK_NUMBER(find(opaque("500")), 1001);
    CHECK_NUMBER(find(opaque("501")), 0);
    amps_bookmark_publishers_fini(&publishers);
}

static void the_listed_are_in_the_order_they_came(void)
{
    uint32_t a = get(numbered(1)), b = get(numbered(2)), c = get(opaque("c"));
    amps_bookmark_publisher_list(&publishers, b, 7, 1);
    amps_bookmark_publisher_list(&publishers, c, 1, 2);
    amps_bookmark_publisher_list(&publishers, a, 3, 3);
    amps_bookmark_publisher_list(&publishers, b, 8, 4);
    CHECK_NUMBER(publishers.first_listed, b);
    CHECK_NUMBER(amps_bookmark_publisher_at(&publishers, b)->recent, 8);
    CHECK_NUMBER(amps_bookmark_publisher_at(&publishers, b)->after, c);
    amps_bookmark_publisher_unlist(&publishers, c);
    CHECK_NUMBER(find(opaque("c")), 0);
    CHECK_NUMBER(amps_bookmark_publisher_at(&publishers, b)->after, a);
    CHECK_NUMBER(publishers.listed_count, 2);
    amps_bookmark_publisher_unlist(&publishers, b);
    amps_bookmark_publisher_unlist(&publishers, a);
    CHECK_NUMBER(publishers.first_listed, 0);
    CHECK_NUMBER(publishers.last_listed, 0);
    CHECK_NUMBER(get(opaque("d")), c); /* the number is free again */
    amps_bookmark_publishers_fini(&publishers);
}

static void only_so_many_opaque_ones_are_kept(void)
{
    char text[16];
    get(numbered(1));
    amps_bookmark_publisher_list(&publishers, 1, 1, 1);
    for (uint32_t i = 0; i < 3 * AMPS_BOOKMARK_OPAQUE_MAX; i++) {
        snprintf(text, sizeof text, "o%u", i);
        amps_bookmark_publisher_list(&publishers, get(opaque(text)), 1, i + 2);
    }
    CHECK_NUMBER(publishers.opaque_count, AMPS_BOOKMARK_OPAQUE_MAX);
    CHECK(publishers.count <= AMPS_BOOKMARK_OPAQUE_MAX + 2);
    CHECK(find(opaque("o1999")) == 0 && find(opaque("o2000")) != 0 && find(numbered(1)) == 1);
    amps_bookmark_publishers_fini(&publishers);
}

static void without_memory_nobody_is_new_and_nobody_lost(void)
{
    size_t                before = amps_memory_live();
    static const uint64_t nth[] = {1, 2, 2}; /* the array; then the table; then the text */
    for (size_t i = 0; i < COUNT_OF(nth); i++) {
        amps_memory_fail_at(nth[i], 1);
        CHECK_NUMBER(get(opaque("text")), 0);
        amps_memory_fail_at(0, 0);
        CHECK_NUMBER(find(opaque("text")), 0);
    }
    CHECK_NUMBER(get(opaque("text")), 1);
    amps_bookmark_publishers_fini(&publishers);
    CHECK_NUMBER(amps_memory_live(), before);
}

int main(void)
{
    publishers.seed = 99;
    RUN(every_publisher_has_one_number);
    RUN(the_listed_are_in_the_order_they_came);
    RUN(only_so_many_opaque_ones_are_kept);
    RUN(without_memory_nobody_is_new_and_nobody_lost);
    return 0;
}
