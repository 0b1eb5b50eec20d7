/* test_send_batch.c: which of the publishes that were gathered are due, by arithmetic. */
#include "amps_memory.h"
#include "amps_send_buffer.h"
#include "check.h"

#define HALF  ((size_t)4096)
#define BATCH ((size_t)100)
#define SOON  ((uint64_t)1000)

static amps_send_buffer buffer;

/* So many bytes of the letter at the back. */
static void put(char letter, size_t size, bool is_publish)
{
    char *at;
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, size, &at), AMPS_OK);
    memset(at, letter, size);
    if (!is_publish) {
        amps_send_buffer_commit(&buffer, size);
    } else if (amps_send_buffer_commit_publish(&buffer, size)) {
        amps_send_buffer_batch_begins(&buffer, 0);
    }
}

static void begin(size_t size, uint64_t timeout)
{
    amps_send_buffer_init(&buffer, HALF);
    amps_send_buffer_set_batching(&buffer, size, timeout);
}

static void end(void) { amps_send_buffer_fini(&buffer); }

/* What is due now: so many of the first letter, then so many of the second. */
static void expect(char first, size_t count, char second, size_t more)
{
    CHECK(amps_send_buffer_has_due(&buffer) == (count + more > 0));
    amps_slice bytes = amps_send_buffer_take(&buffer);
    CHECK_NUMBER(bytes.size, count + more);
    for (size_t index = 0; index < bytes.size; index++) {
        CHECK(bytes.at[index] == (index < count ? first : second));
    }
    amps_send_buffer_sent(&buffer, bytes.size);
}

static void expect_nothing(void) { expect('-', 0, '-', 0); }

static void publishes_wait_until_the_next_does_not_fit(void)
{
    begin(BATCH, 0);
    put('a', 40, true);
    put('b', 60, true); /* exactly full */
    CHECK(!amps_send_buffer_is_empty(&buffer));
    expect_nothing();
    put('c', 1, true);
    expect('a', 40, 'b', 60);
    expect_nothing();
    put('d', 99, true);
    expect_nothing();
    put('e', 100, true);
    expect('c', 1, 'd', 99);
    put('f', 1, true);
    expect('e', 100, '-', 0);
    CHECK_NUMBER(buffer.back.size, 1);
    end();
}

static void several_full_batches_go_together_when_nobody_took_them(void)
{
    begin(BATCH, 0);
    for (int count = 0; count < 10; count++) {
        put('a', 60, true);
    }
    expect('a', 540, '-', 0);
    expect_nothing();
    end();
}

static void a_message_larger_than_a_batch_goes_right_after_those_gathered(void)
{
    begin(BATCH, 0);
    put('a', 10, true);
    put('b', 101, true);
    expect('a', 10, 'b', 101);
    put('c', 101, true);
    expect('c', 101, '-', 0);
    put('d', 10, true);
    expect_nothing();
    end();
}

static void any_other_command_takes_all_that_waits_along(void)
{
    begin(BATCH, SOON);
    put('a', 10, true);
    put('b', 5, false);
    expect('a', 10, 'b', 5);
    CHECK(amps_send_buffer_batch_ends_at(&buffer) == UINT64_MAX);
    put('c', 10, true);
    expect_nothing();
    end();
}

static void the_time_of_a_batch_begins_with_its_first_publish(void)
{
    begin(BATCH, SOON);
    CHECK(amps_send_buffer_batch_ends_at(&buffer) == UINT64_MAX);
    put('a', 10, true);
    amps_send_buffer_batch_begins(&buffer, 5);
    CHECK_NUMBER(amps_send_buffer_batch_ends_at(&buffer), SOON + 5);
    put('b', 10, true);
    CHECK_NUMBER(amps_send_buffer_batch_ends_at(&buffer), SOON + 5);
    char *at;
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 90, &at), AMPS_OK);
    memset(at, 'c', 90);
    CHECK(amps_send_buffer_commit_publish(&buffer, 90)); /* the next batch */
    amps_send_buffer_batch_begins(&buffer, 7);
    CHECK_NUMBER(amps_send_buffer_batch_ends_at(&buffer), SOON + 7);
    expect('a', 10, 'b', 10);
    amps_send_buffer_end_batch(&buffer);
    expect('c', 90, '-', 0);
    CHECK(amps_send_buffer_batch_ends_at(&buffer) == UINT64_MAX);
    end();
}

static void without_a_timeout_a_batch_has_no_end(void)
{
    begin(BATCH, 0);
    put('a', 10, true);
    CHECK(amps_send_buffer_batch_ends_at(&buffer) == UINT64_MAX);
    end();
}

static void ending_and_changing_the_batching_make_all_due(void)
{
    begin(BATCH, 0);
    put('a', 10, true);
    amps_send_buffer_end_batch(&buffer);
    expect('a', 10, '-', 0);
    put('b', 10, true);
    amps_send_buffer_set_batching(&buffer, 0, 0);
    expect('b', 10, '-', 0);
    end();
}

static void a_batch_is_never_larger_than_half_the_buffer(void)
{
    begin(SIZE_MAX, 0);
    put('a', HALF, true);
    expect_nothing();
    char *at;
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 1, &at), AMPS_AGAIN);
    amps_send_buffer_end_batch(&buffer); /* what the writer does then */
    expect('a', HALF, '-', 0);
    end();
}

static void what_is_under_way_is_finished_before_the_batch_behind_it(void)
{
    begin(BATCH, 0);
    put('a', 50, true);
    put('b', 60, true);
    CHECK_NUMBER(amps_send_buffer_take(&buffer).size, 50);
    amps_send_buffer_sent(&buffer, 20);
    put('c', 60, true);
    expect('a', 30, '-', 0);
    expect('b', 60, '-', 0);
    expect_nothing();
    end();
}

static void gathered_publishes_are_unsent_publishes(void)
{
    static const char frame[] = "\0\0\0\x08{\"c\":\"p\"";
    begin(BATCH, 0);
    for (int count = 0; count < 3; count++) {
        char *at;
        CHECK_STATUS(amps_send_buffer_reserve(&buffer, sizeof frame - 1, &at), AMPS_OK);
        memcpy(at, frame, sizeof frame - 1);
        amps_send_buffer_commit_publish(&buffer, sizeof frame - 1);
    }
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 3);
    amps_send_buffer_clear(&buffer);
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 0);
    put('a', 100, true); /* the batching stays, the batch does not */
    expect_nothing();
    end();
}

static void without_memory_to_wait_in_a_batch_goes_early(void)
{
    begin(BATCH, 0);
    put('a', 60, true);
    put('b', 60, true);
    amps_memory_fail_at(1, 0);
    expect('a', 60, 'b', 60);
    amps_memory_fail_at(0, 0);
    put('c', 60, true);
    expect_nothing();
    end();
}

/* Whatever comes: every byte leaves once, in order, and no batch waits that is too large. */
static void bytes_leave_once_and_in_order_whatever_comes(void)
{
    uint64_t random = 88172645463325252u;
    uint8_t  put_next = 0, take_next = 0;
    begin(BATCH, 0);
    for (int turn = 0; turn < 200000; turn++) {
        size_t size = 1 + check_random(&random) % 120;
        char  *at;
        if (amps_send_buffer_reserve(&buffer, size, &at) != AMPS_OK) {
            amps_send_buffer_end_batch(&buffer);
        } else {
            for (size_t index = 0; index < size; index++) {
                at[index] = (char)put_next++;
            }
            if (check_random(&random) % 9 == 0) {
                amps_send_buffer_commit(&buffer, size);
            } else {
                amps_send_buffer_commit_publish(&buffer, size);
            }
        }
        CHECK(buffer.gathered <= BATCH && buffer.gathered <= buffer.back.size);
        if (check_random(&random) % 3 == 0 && amps_send_buffer_has_due(&buffer)) {
            amps_slice bytes = amps_send_buffer_take(&buffer);
            size_t     sent = bytes.size - check_random(&random) % (bytes.size + 1);
            CHECK(bytes.size > 0);
            for (size_t index = 0; index < sent; index++) {
                CHECK((uint8_t)bytes.at[index] == take_next++);
            }
            amps_send_buffer_sent(&buffer, sent);
        }
    }
    end();
}

int main(void)
{
    RUN(publishes_wait_until_the_next_does_not_fit);
    RUN(several_full_batches_go_together_when_nobody_took_them);
    RUN(a_message_larger_than_a_batch_goes_right_after_those_gathered);
    RUN(any_other_command_takes_all_that_waits_along);
    RUN(the_time_of_a_batch_begins_with_its_first_publish);
    RUN(without_a_timeout_a_batch_has_no_end);
    RUN(ending_and_changing_the_batching_make_all_due);
    RUN(a_batch_is_never_larger_than_half_the_buffer);
    RUN(what_is_under_way_is_finished_before_the_batch_behind_it);
    RUN(gathered_publishes_are_unsent_publishes);
    RUN(without_memory_to_wait_in_a_batch_goes_early);
    RUN(bytes_leave_once_and_in_order_whatever_comes);
    return 0;
}
