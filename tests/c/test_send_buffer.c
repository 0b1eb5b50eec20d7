/* test_send_buffer.c: two halves that change places, their limits, and what has not left. */
#include "amps_send_buffer.h"

#include "amps_frame.h"
#include "amps_memory.h"
#include "check.h"

#define PREFIX_SIZE ((size_t)AMPS_FRAME_PREFIX_SIZE)
#define PUBLISH     "{\"c\":\"p\",\"t\":\"x\"}"
#define DELTA       "{\"c\":\"delta_publish\",\"t\":\"x\"}"
#define FLUSH       "{\"c\":\"flush\"}"

static const amps_slice nothing = {"", 0};

static void add(amps_send_buffer *buffer, const char *text)
{
    char *at;
    CHECK_STATUS(amps_send_buffer_reserve(buffer, strlen(text), &at), AMPS_OK);
    memcpy(at, text, strlen(text));
    amps_send_buffer_commit(buffer, strlen(text));
}

static void add_frame(amps_send_buffer *buffer, const char *payload)
{
    char  *at;
    size_t size = PREFIX_SIZE + strlen(payload);
    CHECK_STATUS(amps_send_buffer_reserve(buffer, size + 100, &at), AMPS_OK); /* a bound is fine */
    amps_frame_seal(at, strlen(payload));
    memcpy(at + PREFIX_SIZE, payload, strlen(payload));
    amps_send_buffer_commit(buffer, size);
}

static void a_new_buffer_is_empty_and_has_nothing_to_take(void)
{
    size_t           before = amps_memory_live();
    amps_send_buffer buffer;
    amps_send_buffer_init(&buffer, 100);
    CHECK(amps_send_buffer_is_empty(&buffer));
    CHECK_NUMBER(amps_send_buffer_take(&buffer).size, 0);
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 0);
    CHECK_NUMBER(amps_memory_live(), before);
    amps_send_buffer_fini(&buffer);
}

static void what_is_appended_goes_out_in_order_half_by_half(void)
{
    amps_send_buffer buffer;
    amps_send_buffer_init(&buffer, 100);
    add(&buffer, "one,");
    add(&buffer, "two,");
    CHECK_TEXT(amps_send_buffer_take(&buffer), "one,two,");
    add(&buffer, "three");
    CHECK_TEXT(amps_send_buffer_take(&buffer), "one,two,");
    amps_send_buffer_sent(&buffer, 3);
    CHECK_TEXT(amps_send_buffer_take(&buffer), ",two,");
    amps_send_buffer_sent(&buffer, 0);
    amps_send_buffer_sent(&buffer, 5);
    CHECK(!amps_send_buffer_is_empty(&buffer));
    CHECK_TEXT(amps_send_buffer_take(&buffer), "three");
    amps_send_buffer_sent(&buffer, 5);
    CHECK(amps_send_buffer_is_empty(&buffer));
    CHECK_TEXT(amps_send_buffer_take(&buffer), "");
    amps_send_buffer_fini(&buffer);
}

static void reserved_bytes_go_nowhere_until_they_are_committed(void)
{
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 100);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 50, &at), AMPS_OK);
    CHECK(amps_send_buffer_is_empty(&buffer));
    memcpy(at, "abc", 3);
    amps_send_buffer_commit(&buffer, 3);
    CHECK_TEXT(amps_send_buffer_take(&buffer), "abc");
    amps_send_buffer_sent(&buffer, 3);
    amps_send_buffer_fini(&buffer);
}

static void a_half_takes_exactly_its_size_and_then_one_must_wait(void)
{
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 10);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 10, &at), AMPS_OK);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 11, &at), AMPS_TOO_LARGE);
    add(&buffer, "12345678");
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 3, &at), AMPS_AGAIN);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 11, &at), AMPS_TOO_LARGE);
    add(&buffer, "90");
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 1, &at), AMPS_AGAIN);
    CHECK_TEXT(amps_send_buffer_take(&buffer), "1234567890");
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 10, &at), AMPS_OK);
    amps_send_buffer_fini(&buffer);
}

static void a_size_that_would_wrap_around_is_too_large(void)
{
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 10);
    add(&buffer, "1234");
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, SIZE_MAX - 3, &at), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, SIZE_MAX, &at), AMPS_TOO_LARGE);
    amps_send_buffer_fini(&buffer);
}

static void the_slack_lies_on_top_and_has_an_end(void)
{
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 10);
    add(&buffer, "1234567890");
    CHECK_STATUS(amps_send_buffer_reserve_slack(&buffer, AMPS_SEND_BUFFER_SLACK + 1, &at),
                 AMPS_AGAIN);
    CHECK_STATUS(amps_send_buffer_reserve_slack(&buffer, AMPS_SEND_BUFFER_SLACK, &at), AMPS_OK);
    memset(at, 's', AMPS_SEND_BUFFER_SLACK);
    amps_send_buffer_commit(&buffer, AMPS_SEND_BUFFER_SLACK);
    CHECK_STATUS(amps_send_buffer_reserve_slack(&buffer, 1, &at), AMPS_AGAIN);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 1, &at), AMPS_AGAIN);
    CHECK_NUMBER(amps_send_buffer_take(&buffer).size, 10 + AMPS_SEND_BUFFER_SLACK);
    amps_send_buffer_fini(&buffer);
}

static void the_rest_of_a_frame_goes_before_all_else_and_may_exceed_a_half(void)
{
    static char      large[10000];
    amps_send_buffer buffer;
    memset(large, 'r', sizeof large);
    amps_send_buffer_init(&buffer, 100);
    add(&buffer, "later");
    CHECK_STATUS(amps_send_buffer_put_rest(&buffer, amps_slice_of("head"),
                                           (amps_slice){large, sizeof large}, true),
                 AMPS_OK);
    amps_slice bytes = amps_send_buffer_take(&buffer);
    CHECK_NUMBER(bytes.size, 4 + sizeof large);
    CHECK(memcmp(bytes.at, "head", 4) == 0 && memcmp(bytes.at + 4, large, sizeof large) == 0);
    amps_send_buffer_sent(&buffer, bytes.size);
    CHECK_TEXT(amps_send_buffer_take(&buffer), "later");
    amps_send_buffer_sent(&buffer, 5);
    amps_send_buffer_fini(&buffer);
}

static void after_a_rest_both_halves_have_their_limits_again(void)
{
    static char      large[10000];
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 100);
    CHECK_STATUS(amps_send_buffer_put_rest(&buffer, amps_slice_of("head"),
                                           (amps_slice){large, sizeof large}, true),
                 AMPS_OK);
    amps_send_buffer_sent(&buffer, amps_send_buffer_take(&buffer).size);
    for (int half = 0; half < 3; half++) {
        CHECK_STATUS(amps_send_buffer_reserve(&buffer, 101, &at), AMPS_TOO_LARGE);
        add(&buffer, "some");
        CHECK_STATUS(amps_send_buffer_reserve(&buffer, 97, &at), AMPS_AGAIN);
        CHECK_TEXT(amps_send_buffer_take(&buffer), "some");
        amps_send_buffer_sent(&buffer, 4);
    }
    amps_send_buffer_fini(&buffer);
}

static void a_rest_may_lie_in_one_piece_only(void)
{
    amps_send_buffer buffer;
    amps_send_buffer_init(&buffer, 100);
    CHECK_STATUS(amps_send_buffer_put_rest(&buffer, nothing, amps_slice_of("body"), true), AMPS_OK);
    CHECK_TEXT(amps_send_buffer_take(&buffer), "body");
    amps_send_buffer_sent(&buffer, 4);
    CHECK_STATUS(amps_send_buffer_put_rest(&buffer, amps_slice_of("head"), nothing, true), AMPS_OK);
    CHECK_TEXT(amps_send_buffer_take(&buffer), "head");
    amps_send_buffer_fini(&buffer);
}

/* ---- Bursts
 * ------------------------------------------------------------------------------------*/

static void lone_publishes_go_at_once_however_many_there_are(void)
{
    amps_send_buffer buffer;
    uint64_t         now = 1000000000;
    amps_send_buffer_init(&buffer, 100);
    for (int turn = 0; turn < 100; turn++) {
        CHECK(amps_send_buffer_goes_at_once(&buffer, now));
        amps_send_buffer_went_at_once(&buffer, now, now + 500);
        now += 500 + AMPS_BURST_GAP_NS;
    }
    amps_send_buffer_fini(&buffer);
}

static void the_third_of_three_close_together_is_gathered(void)
{
    amps_send_buffer buffer;
    uint64_t         now = 1000000000;
    amps_send_buffer_init(&buffer, 100);
    for (unsigned turn = 0; turn < AMPS_BURST_RUN + 1; turn++) {
        CHECK(amps_send_buffer_goes_at_once(&buffer, now));
        amps_send_buffer_went_at_once(&buffer, now, now + 500);
        now += 500 + AMPS_BURST_GAP_NS - 1;
    }
    CHECK(!amps_send_buffer_goes_at_once(&buffer, now));
    CHECK(amps_send_buffer_goes_at_once(&buffer, now + 1)); /* the gap itself ends a burst */
    amps_send_buffer_went_at_once(&buffer, now + 1, now + 500);
    CHECK(amps_send_buffer_goes_at_once(&buffer, now + 501));
    amps_send_buffer_fini(&buffer);
}

static void an_answer_ends_a_burst(void)
{
    amps_send_buffer buffer;
    uint64_t         now = 1000000000;
    amps_send_buffer_init(&buffer, 100);
    for (unsigned turn = 0; turn < 10 * AMPS_BURST_RUN; turn++) {
        amps_send_buffer_was_answered(&buffer);
        CHECK(amps_send_buffer_goes_at_once(&buffer, now));
        amps_send_buffer_went_at_once(&buffer, now, now);
    }
    amps_send_buffer_fini(&buffer);
}

/* ---- What has not left
 * -------------------------------------------------------------------------*/

static void publishes_and_deltas_count_and_nothing_else_does(void)
{
    amps_send_buffer buffer;
    amps_send_buffer_init(&buffer, 10000);
    add_frame(&buffer, PUBLISH "body");
    add_frame(&buffer, FLUSH);
    add_frame(&buffer, DELTA);
    add_frame(&buffer, "{\"c\":\"subscribe\",\"t\":\"x\"}");
    add_frame(&buffer, "");
    add_frame(&buffer, "{\"c\":\"p");
    add_frame(&buffer, PUBLISH PUBLISH);
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 3);
    amps_send_buffer_take(&buffer);
    add_frame(&buffer, PUBLISH);
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 4);
    amps_send_buffer_clear(&buffer);
    CHECK(amps_send_buffer_is_empty(&buffer));
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 0);
    amps_send_buffer_fini(&buffer);
}

static void a_frame_counts_until_its_last_byte_has_left(void)
{
    const size_t     one = PREFIX_SIZE + strlen(PUBLISH);
    amps_send_buffer buffer;
    amps_send_buffer_init(&buffer, 10000);
    add_frame(&buffer, PUBLISH);
    add_frame(&buffer, PUBLISH);
    amps_send_buffer_take(&buffer);
    for (size_t sent = 0; sent < 2 * one; sent++) {
        CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), sent < one ? 2 : 1);
        amps_send_buffer_sent(&buffer, 1);
    }
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 0);
    amps_send_buffer_fini(&buffer);
}

static void a_rest_counts_once_when_it_is_a_publish(void)
{
    for (int is_publish = 0; is_publish < 2; is_publish++) {
        amps_send_buffer buffer;
        amps_send_buffer_init(&buffer, 10000);
        add_frame(&buffer, PUBLISH);
        CHECK_STATUS(
            amps_send_buffer_put_rest(&buffer, amps_slice_of(PUBLISH), nothing, is_publish == 1),
            AMPS_OK);
        CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 1 + is_publish);
        size_t size = amps_send_buffer_take(&buffer).size;
        amps_send_buffer_sent(&buffer, size - 1);
        CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 1 + is_publish);
        amps_send_buffer_sent(&buffer, 1);
        CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 1);
        amps_send_buffer_fini(&buffer);
    }
}

static void unsent_publishes_are_kept_whole_and_before_those_kept_already(void)
{
    static const char delta[] = "{\"c\":\"delta_publish\",\"t\":\"t\"}x";
    amps_send_buffer  buffer;
    amps_buffer       kept;
    char              expected[512];
    size_t            size = 0;
    amps_send_buffer_init(&buffer, 10000);
    amps_buffer_init(&kept, SIZE_MAX);
    amps_buffer_add(&kept, amps_slice_of("older"));
    add_frame(&buffer, PUBLISH);
    add_frame(&buffer, "{\"c\":\"flush\"}");
    add_frame(&buffer, delta);
    amps_send_buffer_take(&buffer);
    amps_send_buffer_sent(&buffer, 1); /* cut: it goes again from its first byte */
    add_frame(&buffer, PUBLISH);
    CHECK_NUMBER(amps_send_buffer_keep_unsent(&buffer, &kept), 3);
    const char *frames[] = {PUBLISH, delta, PUBLISH};
    for (int i = 0; i < 3; i++) {
        amps_frame_seal(expected + size, strlen(frames[i]));
        memcpy(expected + size + AMPS_FRAME_PREFIX_SIZE, frames[i], strlen(frames[i]));
        size += AMPS_FRAME_PREFIX_SIZE + strlen(frames[i]);
    }
    CHECK_NUMBER(kept.size, size + 5);
    CHECK(memcmp(kept.at, expected, size) == 0 && memcmp(kept.at + size, "older", 5) == 0);
    amps_buffer_fini(&kept);
    amps_send_buffer_fini(&buffer);
}

static void what_has_left_or_is_only_a_rest_is_not_kept(void)
{
    amps_send_buffer buffer;
    amps_buffer      kept;
    amps_send_buffer_init(&buffer, 10000);
    amps_buffer_init(&kept, SIZE_MAX);
    add_frame(&buffer, PUBLISH);
    amps_send_buffer_sent(&buffer, amps_send_buffer_take(&buffer).size);
    CHECK_NUMBER(amps_send_buffer_keep_unsent(&buffer, &kept), 0);
    CHECK_STATUS(amps_send_buffer_put_rest(&buffer, amps_slice_of("the rest"), nothing, true),
                 AMPS_OK);
    CHECK_NUMBER(amps_send_buffer_keep_unsent(&buffer, &kept), 0);
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 1);
    add_frame(&buffer, PUBLISH);
    amps_memory_fail_at(1, 0);
    CHECK_NUMBER(amps_send_buffer_keep_unsent(&buffer, &kept), 0);
    CHECK_NUMBER(amps_send_buffer_keep_unsent(&buffer, &kept), 1);
    amps_buffer_fini(&kept);
    amps_send_buffer_fini(&buffer);
}

static void a_refused_request_changes_nothing(void)
{
    size_t           before = amps_memory_live();
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 100000);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_send_buffer_reserve(&buffer, 10, &at), AMPS_NO_MEMORY);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_send_buffer_reserve_slack(&buffer, 10, &at), AMPS_NO_MEMORY);
    add(&buffer, "kept");
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_send_buffer_put_rest(&buffer, amps_slice_of("rest"), nothing, true),
                 AMPS_NO_MEMORY);
    CHECK_NUMBER(amps_send_buffer_unsent_publishes(&buffer), 0);
    CHECK_TEXT(amps_send_buffer_take(&buffer), "kept");
    amps_send_buffer_fini(&buffer);
    CHECK_NUMBER(amps_memory_live(), before);
}

int main(void)
{
    RUN(a_new_buffer_is_empty_and_has_nothing_to_take);
    RUN(what_is_appended_goes_out_in_order_half_by_half);
    RUN(reserved_bytes_go_nowhere_until_they_are_committed);
    RUN(a_half_takes_exactly_its_size_and_then_one_must_wait);
    RUN(a_size_that_would_wrap_around_is_too_large);
    RUN(the_slack_lies_on_top_and_has_an_end);
    RUN(the_rest_of_a_frame_goes_before_all_else_and_may_exceed_a_half);
    RUN(a_rest_may_lie_in_one_piece_only);
    RUN(lone_publishes_go_at_once_however_many_there_are);
    RUN(the_third_of_three_close_together_is_gathered);
    RUN(publishes_and_deltas_count_and_nothing_else_does);
    RUN(a_frame_counts_until_its_last_byte_has_left);
    RUN(a_rest_counts_once_when_it_is_a_publish);
    RUN(unsent_publishes_are_kept_whole_and_before_those_kept_already);
    RUN(what_has_left_or_is_only_a_rest_is_not_kept);
    RUN(a_refused_request_changes_nothing);
    RUN(after_a_rest_both_halves_have_their_limits_again);
    RUN(an_answer_ends_a_burst);
    return 0;
}
