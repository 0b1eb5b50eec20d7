/* test_buffer.c: bytes grow to their maximum and not past it, and survive every refusal. */
#include "amps_buffer.h"

#include "amps_memory.h"
#include "check.h"

static amps_slice contents(const amps_buffer *buffer)
{
    return (amps_slice){buffer->at, buffer->size};
}

static void a_new_buffer_has_asked_for_nothing(void)
{
    size_t      before = amps_memory_live();
    amps_buffer buffer;
    amps_buffer_init(&buffer, 100);
    CHECK_NUMBER(amps_memory_live(), before);
    CHECK_TEXT(contents(&buffer), "");
    amps_buffer_fini(&buffer);
}

static void what_is_added_stays_in_order(void)
{
    amps_buffer buffer;
    amps_buffer_init(&buffer, 100);
    CHECK_STATUS(amps_buffer_add(&buffer, amps_slice_of("one")), AMPS_OK);
    CHECK_STATUS(amps_buffer_add(&buffer, (amps_slice){NULL, 0}), AMPS_OK);
    CHECK_STATUS(amps_buffer_add(&buffer, amps_slice_of(", two")), AMPS_OK);
    CHECK_TEXT(contents(&buffer), "one, two");
    amps_buffer_fini(&buffer);
}

static void reserved_bytes_do_not_count_until_the_caller_counts_them(void)
{
    amps_buffer buffer;
    char       *at;
    amps_buffer_init(&buffer, 5000);
    CHECK_STATUS(amps_buffer_add(&buffer, amps_slice_of("ab")), AMPS_OK);
    CHECK_STATUS(amps_buffer_reserve(&buffer, 4998, &at), AMPS_OK);
    CHECK(at == buffer.at + 2);
    memset(at, 'c', 4998);
    CHECK_TEXT(contents(&buffer), "ab");
    buffer.size += 1;
    CHECK_TEXT(contents(&buffer), "abc");
    amps_buffer_fini(&buffer);
}

static void reserving_nothing_gives_a_place_too(void)
{
    amps_buffer buffer;
    char       *at = NULL;
    amps_buffer_init(&buffer, 0);
    CHECK_STATUS(amps_buffer_reserve(&buffer, 0, &at), AMPS_OK);
    CHECK(at != NULL);
    CHECK_STATUS(amps_buffer_reserve(&buffer, 1, &at), AMPS_TOO_LARGE);
    amps_buffer_fini(&buffer);
}

static void the_maximum_fits_and_one_byte_more_does_not(void)
{
    const size_t sizes[] = {1, 255, 256, 257, 1000, 4096, 70000};
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        amps_buffer buffer;
        amps_buffer_init(&buffer, sizes[index]);
        for (size_t count = 0; count < sizes[index]; count++) {
            CHECK_STATUS(amps_buffer_add(&buffer, BYTES("x")), AMPS_OK);
            CHECK(buffer.capacity <= sizes[index]);
        }
        CHECK_STATUS(amps_buffer_add(&buffer, BYTES("x")), AMPS_TOO_LARGE);
        CHECK_NUMBER(buffer.size, sizes[index]);
        amps_buffer_fini(&buffer);
    }
}

static void a_size_that_would_wrap_around_is_too_large(void)
{
    amps_buffer buffer;
    char       *at;
    amps_buffer_init(&buffer, 1000);
    CHECK_STATUS(amps_buffer_add(&buffer, amps_slice_of("kept")), AMPS_OK);
    CHECK_STATUS(amps_buffer_reserve(&buffer, SIZE_MAX, &at), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_buffer_reserve(&buffer, SIZE_MAX - 3, &at), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_buffer_reserve(&buffer, 997, &at), AMPS_TOO_LARGE);
    CHECK_TEXT(contents(&buffer), "kept");
    amps_buffer_fini(&buffer);
}

static void growing_by_bytes_asks_for_memory_seldom(void)
{
    const uint64_t requests_max = 20; /* doubling from hundreds to a million */
    amps_buffer    buffer;
    amps_buffer_init(&buffer, 1 << 20);
    amps_memory_fail_at(requests_max, 1);
    for (size_t count = 0; count < 1 << 20; count++) {
        CHECK_STATUS(amps_buffer_add(&buffer, BYTES("x")), AMPS_OK);
    }
    amps_memory_fail_at(0, 0);
    amps_buffer_fini(&buffer);
}

/* Adds until it is full, with the n-th request refused: what was there stays, and trying again
 * works. Returns whether a refusal was met. */
static bool fill_with_refusal_at(uint64_t n)
{
    amps_buffer buffer;
    bool        refused = false;
    amps_buffer_init(&buffer, 5000);
    amps_memory_fail_at(n, 0);
    for (size_t count = 0; count < 1000; count++) {
        amps_status status = amps_buffer_add(&buffer, BYTES("12345"));
        if (status != AMPS_OK) {
            CHECK_STATUS(status, AMPS_NO_MEMORY);
            CHECK_NUMBER(buffer.size, count * 5);
            CHECK_STATUS(amps_buffer_add(&buffer, BYTES("12345")), AMPS_OK);
            refused = true;
        }
    }
    amps_memory_fail_at(0, 0);
    for (size_t index = 0; index < buffer.size; index++) {
        CHECK(buffer.at[index] == "12345"[index % 5]);
    }
    amps_buffer_fini(&buffer);
    return refused;
}

static void every_refused_request_leaves_what_was_there(void)
{
    size_t   before = amps_memory_live();
    uint64_t n = 1;
    while (fill_with_refusal_at(n)) {
        n++;
    }
    CHECK(n > 3);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void swapped_buffers_have_changed_places(void)
{
    amps_buffer one;
    amps_buffer other;
    amps_buffer_init(&one, 10);
    amps_buffer_init(&other, 20);
    CHECK_STATUS(amps_buffer_add(&one, amps_slice_of("one")), AMPS_OK);
    amps_buffer_swap(&one, &other);
    CHECK_TEXT(contents(&one), "");
    CHECK_TEXT(contents(&other), "one");
    CHECK_NUMBER(one.size_max, 20);
    CHECK_NUMBER(other.size_max, 10);
    amps_buffer_fini(&one);
    amps_buffer_fini(&other);
}

static void a_finished_buffer_is_as_new(void)
{
    size_t      before = amps_memory_live();
    amps_buffer buffer;
    amps_buffer_init(&buffer, 10);
    CHECK_STATUS(amps_buffer_add(&buffer, amps_slice_of("old")), AMPS_OK);
    amps_buffer_fini(&buffer);
    amps_buffer_fini(&buffer);
    CHECK_NUMBER(amps_memory_live(), before);
    CHECK_STATUS(amps_buffer_add(&buffer, amps_slice_of("new")), AMPS_OK);
    CHECK_TEXT(contents(&buffer), "new");
    amps_buffer_fini(&buffer);
}

int main(void)
{
    RUN(a_new_buffer_has_asked_for_nothing);
    RUN(what_is_added_stays_in_order);
    RUN(reserved_bytes_do_not_count_until_the_caller_counts_them);
    RUN(reserving_nothing_gives_a_place_too);
    RUN(the_maximum_fits_and_one_byte_more_does_not);
    RUN(a_size_that_would_wrap_around_is_too_large);
    RUN(growing_by_bytes_asks_for_memory_seldom);
    RUN(every_refused_request_leaves_what_was_there);
    RUN(swapped_buffers_have_changed_places);
    RUN(a_finished_buffer_is_as_new);
    return 0;
}
