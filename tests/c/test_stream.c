/* test_stream.c: messages wait in order, bounded, and their bytes are whole when they are taken. */
#include "amps_stream.h"

#include "amps_memory.h"
#include "check.h"
#include "peer.h"

#define SHORT_MS  20u
#define SIZE_LAST ((size_t)100 << 10)

static char pattern[SIZE_LAST + 256]; /* a body of size s is s bytes from s % 251 on */

static amps_message message_of(size_t size)
{
    static const char header[] = "{\"c\":\"p\",\"sids\":\"one,two\"}";
    return (amps_message){.header = {header, sizeof header - 1},
                          .record = {NULL, 0},
                          .body = {pattern + size % 251, size},
                          .sub_id = {header + 21, 3}};
}

static void put(amps_stream *stream, size_t size)
{
    amps_message message = message_of(size);
    CHECK_STATUS(amps_stream_put(stream, &message), AMPS_OK);
}

static void check_message(const amps_message *taken, size_t size)
{
    amps_message sent = message_of(size);
    CHECK(amps_slice_equal(taken->header, sent.header));
    CHECK_NUMBER(taken->record.size, 0);
    CHECK_NUMBER(taken->body.size, size);
    CHECK(amps_slice_equal(taken->body, sent.body));
    CHECK_TEXT(taken->sub_id, "two");
    CHECK(taken->sub_id.at == taken->header.at + 21);
}

/* Takes one that must be there. */
static void take(amps_stream *stream, size_t size)
{
    amps_message message;
    void        *block;
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    check_message(&message, size);
    amps_block_free(block);
}

static void expect(amps_stream *stream, amps_status why)
{
    amps_message message;
    void        *block;
    CHECK_STATUS(amps_stream_take(stream, &message, &block), why);
}

static void an_empty_stream_has_none_yet(void)
{
    amps_stream *stream = amps_stream_new(0);
    expect(stream, AMPS_AGAIN);
    uint64_t deadline = amps_clock_in_ms(SHORT_MS);
    CHECK_STATUS(amps_stream_wait(stream, SHORT_MS), AMPS_AGAIN);
    CHECK(amps_clock_now() >= deadline);
    CHECK_STATUS(amps_stream_wait(stream, 0), AMPS_AGAIN);
    CHECK(!amps_stream_is_dirty(stream));
    CHECK_NUMBER(amps_stream_depth(stream), 0);
    amps_stream_drop(stream);
    amps_stream_drop(NULL);
}

static void a_message_is_taken_once_it_is_published(void)
{
    amps_stream *stream = amps_stream_new(0);
    put(stream, 5);
    CHECK(amps_stream_is_dirty(stream));
    expect(stream, AMPS_AGAIN);
    amps_stream_publish(stream);
    CHECK(!amps_stream_is_dirty(stream));
    CHECK_STATUS(amps_stream_wait(stream, 0), AMPS_OK);
    take(stream, 5);
    expect(stream, AMPS_AGAIN);
    amps_stream_drop(stream);
}

static void a_record_keeps_its_own_header(void)
{
    const amps_message sent = {.header = BYTES("{\"c\":\"sow\"}"),
                               .record = BYTES("{\"k\":\"7\",\"l\":4}"),
                               .body = BYTES("body"),
                               .sub_id = BYTES("")};
    amps_message       taken;
    void              *block;
    amps_stream       *stream = amps_stream_new(0);
    CHECK_STATUS(amps_stream_put(stream, &sent), AMPS_OK);
    amps_stream_publish(stream);
    CHECK_STATUS(amps_stream_take(stream, &taken, &block), AMPS_OK);
    CHECK_TEXT(taken.header, "{\"c\":\"sow\"}");
    CHECK_TEXT(taken.record, "{\"k\":\"7\",\"l\":4}");
    CHECK_TEXT(taken.body, "body");
    CHECK_TEXT(taken.sub_id, "");
    CHECK(block == NULL);
    amps_stream_drop(stream);
}

/* ---- Sizes
 * -------------------------------------------------------------------------------------*/

static void every_size_comes_out_whole_and_in_order(void)
{
    size_t       before = amps_memory_live();
    amps_stream *stream = amps_stream_new(0);
    size_t       put_next = 0, take_next = 0;
    while (put_next < 5000) { /* block ends fall everywhere */
        for (size_t count = 0; count < 100; count++) {
            put(stream, put_next++);
        }
        amps_stream_publish(stream);
        while (take_next + 37 < put_next) {
            take(stream, take_next++);
        }
    }
    while (take_next < put_next) {
        take(stream, take_next++);
    }
    expect(stream, AMPS_AGAIN);
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

/* The sizes where a message fills a block exactly, lies apart, or just not. */
static void messages_around_every_boundary_come_out_whole(void)
{
    const size_t boundaries[] = {AMPS_STREAM_BLOCK_SIZE_MIN, AMPS_STREAM_APART_SIZE,
                                 AMPS_STREAM_BLOCK_SIZE_MAX, SIZE_LAST - 200};
    for (size_t index = 0; index < COUNT_OF(boundaries); index++) {
        for (size_t size = boundaries[index] - 200; size < boundaries[index] + 200; size++) {
            amps_stream *stream = amps_stream_new(0);
            put(stream, size);
            put(stream, 0);
            put(stream, size);
            amps_stream_publish(stream);
            take(stream, size);
            take(stream, 0);
            take(stream, size);
            amps_stream_drop(stream);
        }
    }
}

static void small_messages_fill_blocks_of_every_size_to_the_last_byte(void)
{
    for (size_t size = 0; size < 64; size++) {
        amps_stream *stream = amps_stream_new(0);
        for (size_t count = 0; count < 4000; count++) {
            put(stream, size);
        }
        amps_stream_publish(stream);
        for (size_t count = 0; count < 4000; count++) {
            take(stream, size);
        }
        expect(stream, AMPS_AGAIN);
        amps_stream_drop(stream);
    }
}

static void a_large_message_becomes_the_takers_own(void)
{
    size_t       before = amps_memory_live();
    amps_message message;
    void        *block;
    amps_stream *stream = amps_stream_new(0);
    put(stream, AMPS_STREAM_APART_SIZE);
    put(stream, 1);
    amps_stream_publish(stream);
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    CHECK(block != NULL);
    take(stream, 1);
    amps_stream_drop(stream);
    check_message(&message, AMPS_STREAM_APART_SIZE);
    CHECK_NUMBER(amps_memory_live(), before + 1);
    amps_block_free(block);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void messages_never_taken_are_freed_with_the_stream(void)
{
    size_t before = amps_memory_live();
    for (size_t taken = 0; taken < 4; taken++) {
        amps_stream *stream = amps_stream_new(0);
        for (size_t count = 0; count < 200; count++) {
            put(stream, count % 3 == 1 ? SIZE_LAST : 2000);
        }
        amps_stream_publish(stream);
        for (size_t count = 0; count < taken; count++) {
            take(stream, count % 3 == 1 ? SIZE_LAST : 2000);
        }
        put(stream, SIZE_LAST); /* and one never published */
        amps_stream_drop(stream);
        CHECK_NUMBER(amps_memory_live(), before);
    }
}

/* ---- Limits and ends
 * ---------------------------------------------------------------------------*/

static void the_depth_counts_what_waits(void)
{
    amps_stream *stream = amps_stream_new(2);
    CHECK_NUMBER(amps_stream_depth_max(stream), 2);
    put(stream, 1);
    CHECK(!amps_stream_is_full(stream));
    put(stream, 2);
    CHECK(amps_stream_is_full(stream));
    CHECK_NUMBER(amps_stream_depth(stream), 2);
    amps_stream_publish(stream);
    take(stream, 1);
    CHECK(!amps_stream_is_full(stream));
    CHECK_NUMBER(amps_stream_depth(stream), 1);
    amps_stream_set_depth_max(stream, 1);
    CHECK(amps_stream_is_full(stream));
    amps_stream_set_depth_max(stream, 0);
    CHECK(!amps_stream_is_full(stream));
    amps_stream_drop(stream);
}

static void a_wait_for_room_ends_at_its_deadline(void)
{
    amps_stream *stream = amps_stream_new(1);
    CHECK(amps_stream_wait_room(stream, 0));
    put(stream, 1);
    uint64_t deadline = amps_clock_in_ms(SHORT_MS);
    CHECK(!amps_stream_wait_room(stream, deadline));
    CHECK(amps_clock_now() >= deadline);
    amps_stream_drop(stream);
}

static void *wait_for_room(void *stream)
{
    CHECK(amps_stream_wait_room(stream, amps_clock_in_ms(PATIENCE_MS)));
    return NULL;
}

typedef void (*nudge)(amps_stream *stream);

static void take_one(amps_stream *stream) { take(stream, 1); }

static void allow_more(amps_stream *stream) { amps_stream_set_depth_max(stream, 2); }

static void taking_raising_and_closing_end_a_wait_for_room(void)
{
    const nudge nudges[] = {take_one, allow_more, amps_stream_close};
    for (size_t index = 0; index < COUNT_OF(nudges); index++) {
        amps_stream *stream = amps_stream_new(1);
        put(stream, 1);
        amps_stream_publish(stream);
        pthread_t thread = start(wait_for_room, stream);
        nudges[index](stream);
        join(thread);
        amps_stream_drop(stream);
    }
}

static void what_waits_at_the_end_is_taken_before_the_reason(void)
{
    amps_stream *stream = amps_stream_new(0);
    put(stream, 1);
    put(stream, 2);
    amps_stream_publish(stream);
    amps_stream_end(stream, AMPS_DISCONNECTED);
    amps_stream_end(stream, AMPS_END); /* the first reason stays */
    CHECK_STATUS(amps_stream_wait(stream, 0), AMPS_OK);
    take(stream, 1);
    take(stream, 2);
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_DISCONNECTED);
    expect(stream, AMPS_DISCONNECTED);
    expect(stream, AMPS_DISCONNECTED);
    amps_stream_drop(stream);
}

static void what_comes_after_the_end_is_forgotten(void)
{
    amps_stream *stream = amps_stream_new(0);
    amps_stream_end(stream, AMPS_END);
    put(stream, 1);
    amps_stream_publish(stream);
    expect(stream, AMPS_END);
    CHECK_NUMBER(amps_stream_depth(stream), 0);
    amps_stream_drop(stream);
}

static void a_closed_stream_gives_and_keeps_nothing_more(void)
{
    size_t       before = amps_memory_live();
    amps_stream *stream = amps_stream_new(1);
    put(stream, SIZE_LAST);
    amps_stream_publish(stream);
    amps_stream_close(stream);
    size_t closed = amps_memory_live();
    expect(stream, AMPS_CLOSED);
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_CLOSED);
    CHECK(!amps_stream_is_full(stream));
    put(stream, SIZE_LAST);
    CHECK_NUMBER(amps_memory_live(), closed);
    amps_stream_end(stream, AMPS_END);
    expect(stream, AMPS_CLOSED);
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void *wait_for_news(void *stream)
{
    return (void *)(uintptr_t)amps_stream_wait(stream, PATIENCE_MS);
}

static void publish_one(amps_stream *stream)
{
    put(stream, 1);
    amps_stream_publish(stream);
}

static void end_it(amps_stream *stream) { amps_stream_end(stream, AMPS_END); }

static void publishing_ending_and_closing_wake_a_taker(void)
{
    const nudge       nudges[] = {publish_one, end_it, amps_stream_close};
    const amps_status expected[] = {AMPS_OK, AMPS_END, AMPS_CLOSED};
    for (size_t index = 0; index < COUNT_OF(nudges); index++) {
        void        *status;
        amps_stream *stream = amps_stream_new(0);
        pthread_t    thread = start(wait_for_news, stream);
        nudges[index](stream);
        CHECK_NUMBER(pthread_join(thread, &status), 0);
        CHECK_STATUS((amps_status)(uintptr_t)status, expected[index]);
        amps_stream_drop(stream);
    }
}

/* ---- Two threads
 * -------------------------------------------------------------------------------*/

#define MESSAGES ((size_t)1000000)
#define BATCH    ((size_t)64)

static size_t size_at(size_t index)
{
    return index % 5003 == 0 ? AMPS_STREAM_APART_SIZE + index % 100 : index % 97;
}

static void *put_them_all(void *stream)
{
    for (size_t index = 0; index < MESSAGES; index++) {
        if (amps_stream_is_full(stream)) {
            amps_stream_publish(stream);
            CHECK(amps_stream_wait_room(stream, amps_clock_in_ms(PATIENCE_MS)));
        }
        put(stream, size_at(index));
        if (index % BATCH == 0) {
            amps_stream_publish(stream);
        }
    }
    amps_stream_publish(stream);
    amps_stream_end(stream, AMPS_END);
    amps_stream_drop(stream);
    return NULL;
}

static void hand_over_a_million(size_t depth_max)
{
    size_t       before = amps_memory_live();
    amps_stream *stream = amps_stream_new(depth_max);
    amps_stream_hold(stream);
    pthread_t thread = start(put_them_all, stream);
    for (size_t index = 0; index < MESSAGES; index++) {
        amps_message message;
        void        *block;
        amps_status  status = amps_stream_take(stream, &message, &block);
        while (status == AMPS_AGAIN) {
            CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
            status = amps_stream_take(stream, &message, &block);
        }
        CHECK_STATUS(status, AMPS_OK);
        check_message(&message, size_at(index));
        amps_block_free(block);
        CHECK(depth_max == 0 || amps_stream_depth(stream) <= depth_max);
    }
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_END);
    join(thread);
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_million_messages_pass_between_two_threads(void) { hand_over_a_million(0); }

static void a_million_messages_pass_through_a_stream_of_a_hundred(void)
{
    hand_over_a_million(100);
}

/* ---- Out of memory
 * -----------------------------------------------------------------------------*/

static bool fill_with_refusal_at(uint64_t n)
{
    bool         refused = false;
    amps_stream *stream = amps_stream_new(0);
    amps_memory_fail_at(n, 0);
    for (size_t index = 0; index < 100; index++) {
        amps_message message = message_of(index % 4 == 0 ? SIZE_LAST : 3000);
        amps_status  status = amps_stream_put(stream, &message);
        if (status != AMPS_OK) {
            CHECK_STATUS(status, AMPS_NO_MEMORY);
            CHECK_STATUS(amps_stream_put(stream, &message), AMPS_OK);
            refused = true;
        }
    }
    amps_memory_fail_at(0, 0);
    amps_stream_publish(stream);
    for (size_t index = 0; index < 50; index++) {
        take(stream, index % 4 == 0 ? SIZE_LAST : 3000);
    }
    amps_stream_drop(stream);
    return refused;
}

static void every_refused_request_loses_nothing_else(void)
{
    size_t before = amps_memory_live();
    amps_memory_fail_at(1, 0);
    CHECK(amps_stream_new(0) == NULL);
    uint64_t n = 1;
    while (fill_with_refusal_at(n)) {
        n++;
    }
    CHECK(n > 25);
    CHECK_NUMBER(amps_memory_live(), before);
}

int main(void)
{
    for (size_t index = 0; index < sizeof pattern; index++) {
        pattern[index] = (char)(index * 7 + index / 256);
    }
    RUN(an_empty_stream_has_none_yet);
    RUN(a_message_is_taken_once_it_is_published);
    RUN(a_record_keeps_its_own_header);
    RUN(every_size_comes_out_whole_and_in_order);
    RUN(messages_around_every_boundary_come_out_whole);
    RUN(small_messages_fill_blocks_of_every_size_to_the_last_byte);
    RUN(a_large_message_becomes_the_takers_own);
    RUN(messages_never_taken_are_freed_with_the_stream);
    RUN(the_depth_counts_what_waits);
    RUN(a_wait_for_room_ends_at_its_deadline);
    RUN(taking_raising_and_closing_end_a_wait_for_room);
    RUN(what_waits_at_the_end_is_taken_before_the_reason);
    RUN(a_closed_stream_gives_and_keeps_nothing_more);
    RUN(publishing_ending_and_closing_wake_a_taker);
    RUN(a_million_messages_pass_between_two_threads);
    RUN(a_million_messages_pass_through_a_stream_of_a_hundred);
    RUN(every_refused_request_loses_nothing_else);
    RUN(what_comes_after_the_end_is_forgotten);
    return 0;
}
