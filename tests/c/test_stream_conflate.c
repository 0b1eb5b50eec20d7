/* test_stream_conflate.c: in a stream that conflates a newer message takes an older one's place. */
#include "amps_conflation.h"
#include "amps_memory.h"
#include "amps_stream.h"
#include "check.h"
#include "peer.h"

#define SHORT_MS   20u
#define LARGE_SIZE ((size_t)100 << 10)

static amps_stream *new_conflating(size_t depth_max)
{
    amps_stream *stream = amps_stream_new(depth_max);
    CHECK(stream != NULL);
    amps_stream_conflate(stream);
    return stream;
}

static void put_bytes(amps_stream *stream, const char *header, amps_slice body)
{
    const char  *id = strstr(header, "one");
    amps_message message = {.header = amps_slice_of(header),
                            .record = {NULL, 0},
                            .body = body,
                            .sub_id = id != NULL ? (amps_slice){id, 3} : (amps_slice){"", 0}};
    CHECK_STATUS(amps_stream_put(stream, &message), AMPS_OK);
}

/* One publish with a key; NULL: without one. */
static void put(amps_stream *stream, const char *sow_key, const char *body)
{
    char header[256];
    snprintf(header, sizeof header, "{\"c\":\"p\",\"t\":\"x\",\"sids\":\"one\"%s%s%s}",
             sow_key != NULL ? ",\"k\":\"" : "", sow_key != NULL ? sow_key : "",
             sow_key != NULL ? "\"" : "");
    put_bytes(stream, header, amps_slice_of(body));
}

static void mark(amps_stream *stream, const char *verb)
{
    char header[64];
    snprintf(header, sizeof header, "{\"c\":\"%s\"}", verb);
    put_bytes(stream, header, amps_slice_of(verb));
}

/* Takes all that waits; their bodies must be these. */
static void expect(amps_stream *stream, size_t count, const char *const *bodies)
{
    amps_message message;
    void        *block;
    amps_stream_publish(stream);
    CHECK_NUMBER(amps_stream_depth(stream), count);
    for (size_t index = 0; index < count; index++) {
        CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
        CHECK_TEXT(message.body, bodies[index]);
        amps_block_free(block);
    }
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_AGAIN);
    CHECK_NUMBER(amps_stream_depth(stream), 0);
}

#define EXPECT(stream, ...)                                                                        \
    expect((stream), COUNT_OF(((const char *const[]){__VA_ARGS__})),                               \
           (const char *const[]){__VA_ARGS__})

/* ---- What replaces what -----------------------------------------------------------------------*/

/* Case 98 of the conformance list. */
static void a_newer_message_takes_the_place_of_the_older_one(void)
{
    amps_stream *stream = new_conflating(0);
    put(stream, "k1", "first");
    put(stream, "k2", "second");
    put(stream, "k1", "third and longer than the first");
    CHECK_NUMBER(amps_stream_depth(stream), 2);
    EXPECT(stream, "third and longer than the first", "second");
    amps_stream_drop(stream);
}

static void it_brings_all_that_is_its_own(void)
{
    amps_message message;
    void        *block;
    amps_stream *stream = new_conflating(0);
    put(stream, "k", "old");
    put_bytes(stream, "{\"c\":\"oof\",\"x\":\"new\",\"sids\":\"one\",\"k\":\"k\",\"t\":\"x\"}",
              BYTES("gone"));
    amps_stream_publish(stream);
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    CHECK_TEXT(message.header,
               "{\"c\":\"oof\",\"x\":\"new\",\"sids\":\"one\",\"k\":\"k\",\"t\":\"x\"}");
    CHECK_TEXT(message.sub_id, "one");
    CHECK(message.sub_id.at > message.header.at);
    CHECK_TEXT(message.body, "gone");
    CHECK_NUMBER(message.record.size, 0);
    amps_block_free(block);
    amps_stream_drop(stream);
}

static void published_or_not_what_waits_is_replaced_but_not_what_was_taken(void)
{
    amps_message message;
    void        *block;
    amps_stream *stream = new_conflating(0);
    put(stream, "k", "1");
    amps_stream_publish(stream);
    put(stream, "k", "2");
    CHECK(!amps_stream_is_dirty(stream));
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    put(stream, "k", "3");
    CHECK_TEXT(message.body, "2"); /* the view lives until the next take */
    CHECK(amps_stream_is_dirty(stream));
    amps_block_free(block);
    EXPECT(stream, "3");
    amps_stream_drop(stream);
}

static void other_topics_and_messages_without_a_key_wait_each(void)
{
    amps_stream *stream = new_conflating(0);
    put(stream, "k", "1");
    put(stream, NULL, "2");
    put(stream, NULL, "3");
    put_bytes(stream, "{\"c\":\"p\",\"t\":\"y\",\"k\":\"k\"}", BYTES("4"));
    put_bytes(stream, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"k\",\"lp\":\"2026\"}", BYTES("5"));
    put_bytes(stream, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"k\",\"lp\":\"2026\"}", BYTES("6"));
    put(stream, "k", "7");
    EXPECT(stream, "7", "2", "3", "4", "5", "6");
    amps_stream_drop(stream);
}

static void nothing_is_replaced_across_the_ends_of_a_group(void)
{
    amps_stream *stream = new_conflating(0);
    put(stream, "k", "1");
    mark(stream, "group_begin");
    put(stream, "k", "2");
    put(stream, "k", "3");
    mark(stream, "ack");
    put(stream, "k", "4");
    mark(stream, "group_end");
    put(stream, "k", "5");
    put(stream, "k", "6");
    EXPECT(stream, "1", "group_begin", "4", "ack", "group_end", "6");
    put(stream, "k", "7");
    EXPECT(stream, "7");
    amps_stream_drop(stream);
}

static void records_are_replaced_by_publishes_and_the_other_way(void)
{
    amps_stream *stream = new_conflating(0);
    amps_message record = {.header = BYTES("{\"c\":\"sow\",\"t\":\"x\"}"),
                           .record = BYTES("{\"k\":\"7\",\"l\":3}"),
                           .body = BYTES("sow"),
                           .sub_id = BYTES("")};
    amps_message taken;
    void        *block;
    CHECK_STATUS(amps_stream_put(stream, &record), AMPS_OK);
    put(stream, "7", "publish");
    CHECK_STATUS(amps_stream_put(stream, &record), AMPS_OK);
    put(stream, "8", "another");
    amps_stream_publish(stream);
    CHECK_STATUS(amps_stream_take(stream, &taken, &block), AMPS_OK);
    CHECK_TEXT(taken.record, "{\"k\":\"7\",\"l\":3}");
    CHECK_TEXT(taken.body, "sow");
    amps_block_free(block);
    EXPECT(stream, "another");
    amps_stream_drop(stream);
}

/* ---- From the call on -------------------------------------------------------------------------*/

static void what_waits_already_is_not_merged_but_its_newest_is_replaced(void)
{
    amps_message message;
    void        *block;
    amps_stream *stream = amps_stream_new(0);
    for (int turn = 0; turn < 2; turn++) { /* the second is not published */
        put(stream, "k", turn == 0 ? "1" : "3");
        put(stream, "l", turn == 0 ? "2" : "4");
        if (turn == 0) {
            amps_stream_publish(stream);
        }
    }
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    amps_block_free(block);
    amps_stream_conflate(stream);
    amps_stream_conflate(stream); /* again is no more */
    put(stream, "k", "5");
    put(stream, "l", "6");
    EXPECT(stream, "2", "5", "6");
    amps_stream_drop(stream);
}

static void what_was_taken_before_the_first_look_is_forgotten(void)
{
    amps_message message;
    void        *block;
    amps_stream *stream = amps_stream_new(0);
    for (int count = 0; count < 3000; count++) {
        put(stream, "k", "old");
    }
    amps_stream_publish(stream);
    amps_stream_conflate(stream);
    for (int count = 0; count < 3000; count++) {
        CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
        amps_block_free(block);
    }
    put(stream, "k", "new");
    EXPECT(stream, "new");
    amps_stream_drop(stream);
}

static void waiting_messages_of_every_size_are_found(void)
{
    static char  body[LARGE_SIZE];
    size_t       before = amps_memory_live();
    amps_stream *stream = amps_stream_new(0);
    char         header[64];
    for (size_t index = 0; index < 2000; index++) { /* block ends fall everywhere */
        size_t size = index % 500 == 0 ? LARGE_SIZE : index;
        snprintf(header, sizeof header, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"%zu\"}", index);
        put_bytes(stream, header, (amps_slice){body, size});
    }
    amps_stream_conflate(stream);
    for (size_t index = 0; index < 2000; index++) {
        char key[16];
        snprintf(key, sizeof key, "%zu", index);
        put(stream, key, key);
    }
    amps_stream_publish(stream);
    for (size_t index = 0; index < 2000; index++) {
        amps_message message;
        void        *block;
        snprintf(header, sizeof header, "%zu", index);
        CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
        CHECK_TEXT(message.body, header);
        amps_block_free(block);
    }
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

/* ---- Bounds -----------------------------------------------------------------------------------*/

static void a_key_replaced_a_million_times_stays_one_message(void)
{
    size_t       before = amps_memory_live();
    amps_stream *stream = new_conflating(0);
    put(stream, "hot", "?");
    put(stream, "hot", "?");
    size_t settled = amps_memory_live();
    for (int turn = 0; turn < 1000000; turn++) {
        put(stream, "hot", turn % 2 == 0 ? "even" : "the odd ones are longer");
    }
    CHECK_NUMBER(amps_memory_live(), settled);
    EXPECT(stream, "the odd ones are longer");
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_small_message_does_not_keep_a_large_ones_memory(void)
{
    static char  body[LARGE_SIZE];
    amps_message message;
    void        *block;
    amps_stream *stream = new_conflating(0);
    size_t       empty = amps_memory_live();
    put_bytes(stream, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"k\"}", (amps_slice){body, LARGE_SIZE});
    put(stream, "k", "small");
    put_bytes(stream, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"k\"}", (amps_slice){body, LARGE_SIZE});
    put(stream, "k", "small");
    amps_stream_publish(stream);
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    CHECK_TEXT(message.body, "small");
    amps_block_free(block);
    CHECK(amps_memory_live() <= empty + 3); /* a block of the stream, and the index */
    amps_stream_drop(stream);
}

static bool has_room(amps_stream *stream, const char *header)
{
    const amps_message message = {.header = amps_slice_of(header)};
    return amps_stream_has_room(stream, &message);
}

static void a_full_stream_has_room_for_what_replaces(void)
{
    const char *const same = "{\"c\":\"p\",\"t\":\"x\",\"k\":\"k\"}";
    amps_message      message;
    void             *block;
    amps_stream      *stream = amps_stream_new(1);
    CHECK(has_room(stream, same));
    put(stream, "k", "1");
    amps_stream_publish(stream);
    CHECK(!has_room(stream, same));
    amps_stream_conflate(stream);
    CHECK(has_room(stream, same));
    CHECK(!has_room(stream, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"l\"}"));
    CHECK(!has_room(stream, "{\"c\":\"p\",\"t\":\"x\"}"));
    CHECK(!has_room(stream, "{\"c\":\"group_end\"}"));
    put(stream, "k", "2");
    CHECK_NUMBER(amps_stream_depth(stream), 1);
    CHECK(!amps_stream_wait_room(stream, amps_clock_in_ms(SHORT_MS)));
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    CHECK_TEXT(message.body, "2");
    amps_block_free(block);
    CHECK(has_room(stream, "{\"c\":\"p\",\"t\":\"x\"}"));
    amps_stream_drop(stream);
}

static void a_closed_stream_takes_nothing_and_an_ended_one_gives_what_waits(void)
{
    amps_message message;
    void        *block;
    size_t       before = amps_memory_live();
    for (int close = 0; close < 2; close++) {
        amps_stream *stream = new_conflating(0);
        put(stream, "k", "1");
        put(stream, "k", "2");
        amps_stream_publish(stream);
        close == 0 ? amps_stream_end(stream, AMPS_END) : amps_stream_close(stream);
        put(stream, "k", "3");
        if (close == 0) {
            CHECK_STATUS(amps_stream_wait(stream, SHORT_MS), AMPS_OK);
            CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
            CHECK_TEXT(message.body, "2");
            amps_block_free(block);
        }
        amps_status why = close == 0 ? AMPS_END : AMPS_CLOSED;
        CHECK_STATUS(amps_stream_take(stream, &message, &block), why);
        amps_stream_drop(stream);
    }
    CHECK_NUMBER(amps_memory_live(), before);
}

/* Whatever request fails, the others come out, each key's last that was taken in. */
static bool fill_with_refusal_at(uint64_t n)
{
    static char  large[LARGE_SIZE];
    bool         refused = false;
    char         header[64];
    amps_stream *stream = new_conflating(0);
    amps_memory_fail_at(n, 0);
    for (size_t index = 0; index < 120; index++) {
        snprintf(header, sizeof header, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"%zu\"}", index % 40);
        amps_message message = {.header = amps_slice_of(header),
                                .body = {large, index % 7 == 0 ? LARGE_SIZE : index}};
        amps_status  status = amps_stream_put(stream, &message);
        if (status != AMPS_OK) {
            CHECK_STATUS(status, AMPS_NO_MEMORY);
            CHECK_STATUS(amps_stream_put(stream, &message), AMPS_OK);
            refused = true;
        }
    }
    refused = refused || amps_stream_depth(stream) > 40; /* a key not noted waits twice */
    amps_memory_fail_at(0, 0);
    amps_stream_publish(stream);
    CHECK(amps_stream_depth(stream) >= 40);
    amps_stream_drop(stream);
    return refused;
}

static void every_refused_request_loses_nothing(void)
{
    size_t   before = amps_memory_live();
    uint64_t n = 1;
    while (fill_with_refusal_at(n)) {
        n++;
        CHECK_NUMBER(amps_memory_live(), before);
    }
    CHECK(n > 30);
}

/* ---- Two threads ------------------------------------------------------------------------------*/

#define MESSAGES 400000u
#define HOT_KEYS 50u

static void *put_them_all(void *context)
{
    amps_stream *stream = context;
    for (uint32_t number = 1; number <= MESSAGES; number++) {
        char header[64], body[16];
        snprintf(header, sizeof header, "{\"c\":\"p\",\"t\":\"x\",\"k\":\"%u\"}",
                 number % HOT_KEYS);
        snprintf(body, sizeof body, "%u", number);
        amps_message message = {.header = amps_slice_of(header), .body = amps_slice_of(body)};
        while (!amps_stream_has_room(stream, &message)) {
            amps_stream_publish(stream);
            CHECK(amps_stream_wait_room(stream, amps_clock_in_ms(PATIENCE_MS)));
        }
        CHECK_STATUS(amps_stream_put(stream, &message), AMPS_OK);
        if (number % 16 == 0) {
            amps_stream_publish(stream);
        }
    }
    amps_stream_publish(stream);
    amps_stream_end(stream, AMPS_END);
    amps_stream_drop(stream);
    return NULL;
}

/* Per key the numbers only grow, and the last of each comes out. */
static void every_keys_last_word_passes_between_two_threads(size_t depth_max)
{
    unsigned long last[HOT_KEYS] = {0};
    size_t        before = amps_memory_live();
    amps_stream  *stream = amps_stream_new(depth_max);
    amps_stream_hold(stream);
    pthread_t   thread = start(put_them_all, stream);
    amps_status status = AMPS_AGAIN;
    for (size_t count = 0; status == AMPS_OK || status == AMPS_AGAIN; count++) {
        amps_message message;
        void        *block;
        if (count == 5000) {
            amps_stream_conflate(stream); /* in the middle of it */
        }
        status = amps_stream_take(stream, &message, &block);
        if (status == AMPS_AGAIN) {
            status = amps_stream_wait(stream, PATIENCE_MS);
            CHECK(status != AMPS_AGAIN);
        } else if (status == AMPS_OK) {
            char text[16] = "";
            memcpy(text, message.body.at, message.body.size);
            unsigned long number = strtoul(text, NULL, 10);
            CHECK(number > last[number % HOT_KEYS]);
            last[number % HOT_KEYS] = number;
            amps_block_free(block);
        }
    }
    CHECK_STATUS(status, AMPS_END);
    for (uint32_t key = 0; key < HOT_KEYS; key++) {
        CHECK(last[key] > MESSAGES - HOT_KEYS);
    }
    join(thread);
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void two_threads_without_a_limit(void)
{
    every_keys_last_word_passes_between_two_threads(0);
}

static void two_threads_and_a_limit(void) { every_keys_last_word_passes_between_two_threads(20); }

int main(void)
{
    RUN(a_newer_message_takes_the_place_of_the_older_one);
    RUN(it_brings_all_that_is_its_own);
    RUN(published_or_not_what_waits_is_replaced_but_not_what_was_taken);
    RUN(other_topics_and_messages_without_a_key_wait_each);
    RUN(nothing_is_replaced_across_the_ends_of_a_group);
    RUN(records_are_replaced_by_publishes_and_the_other_way);
    RUN(what_waits_already_is_not_merged_but_its_newest_is_replaced);
    RUN(what_was_taken_before_the_first_look_is_forgotten);
    RUN(waiting_messages_of_every_size_are_found);
    RUN(a_key_replaced_a_million_times_stays_one_message);
    RUN(a_small_message_does_not_keep_a_large_ones_memory);
    RUN(a_full_stream_has_room_for_what_replaces);
    RUN(a_closed_stream_takes_nothing_and_an_ended_one_gives_what_waits);
    RUN(every_refused_request_loses_nothing);
    RUN(two_threads_without_a_limit);
    RUN(two_threads_and_a_limit);
    return 0;
}
