/* test_deliveries.c: streams are filled and handlers told in bursts, in order, and never of what
 * was discarded on its way. */
#include "amps_deliveries.h"

#include "amps_bookmark_store.h"
#include "check.h"
#include "peer.h"
#include "witness.h"

static const char *const two[] = {"a", "b"};

/* ---- Streams ----------------------------------------------------------------------------------
 */

static witness *start_with_stream(size_t depth_max, amps_stream **stream)
{
    witness *seen = witness_start(2, two);
    *stream = amps_stream_new(depth_max);
    CHECK_STATUS(witness_route(seen, "s", &(amps_sink){.stream = *stream}), AMPS_OK);
    witness_open(seen);
    return seen;
}

static void a_stream_and_a_handler_each_get_their_own(void)
{
    amps_stream *stream;
    witness     *seen = start_with_stream(0, &stream);
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a,s\"}1");
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}2");
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"b\"}3");
    take(stream, "1");
    take(stream, "2");
    witness_expect(seen, "a/a=1;b/b=3;");
    amps_stream_drop(stream);
    witness_end(seen);
}

static void a_full_stream_stops_the_reading_until_one_is_taken(void)
{
    amps_stream *stream;
    witness     *seen = start_with_stream(1, &stream);
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}0");
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}1");
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}2");
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}3");
    witness_expect(seen, "a/a=0;");
    take(stream, "1");
    witness_expect(seen, "a/a=3;");
    take(stream, "2");
    amps_stream_drop(stream);
    witness_end(seen);
}

static void a_full_stream_does_not_hold_up_an_awaited_ack(void)
{
    amps_message ack;
    amps_stream *stream;
    witness     *seen = start_with_stream(1, &stream);
    for (int count = 0; count < 5; count++) {
        peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}1");
    }
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}");
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
    amps_waiter *waiter =
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_PROCESSED, false);
    CHECK_STATUS(amps_client_wait(seen->client, waiter, PATIENCE_MS, &ack), AMPS_OK);
    amps_client_end_wait(seen->client, waiter);
    CHECK_NUMBER(amps_stream_depth(stream), 5);
    amps_stream_drop(stream);
    witness_end(seen);
}

static void a_full_stream_nobody_empties_does_not_hold_up_closing(void)
{
    amps_stream *stream;
    witness     *seen = start_with_stream(1, &stream);
    for (int count = 0; count < 5; count++) {
        peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}1");
    }
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
    amps_stream_drop(stream); /* the route keeps it */
    witness_end(seen);
}

static void a_full_stream_does_not_hide_a_dead_connection(void)
{
    amps_stream *stream;
    amps_header  flush = {.present = 0};
    amps_status  status = AMPS_OK;
    witness     *seen = start_with_stream(1, &stream);
    uint64_t     deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_header_set(&flush, AMPS_FIELD_COMMAND, BYTES("flush"));
    for (int count = 0; count < 5; count++) {
        peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}1");
    }
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
    close(seen->wire.peers);
    seen->wire.peers = -1;
    while (status == AMPS_OK && amps_clock_now() < deadline) { /* until sending finds out */
        status = amps_client_send_soon(seen->client, &flush);
    }
    CHECK_STATUS(status, AMPS_DISCONNECTED);
    witness_wait(seen, &seen->disconnected, 1);
    amps_stream_drop(stream);
    witness_end(seen);
}

static void a_closed_stream_holds_up_nobody(void)
{
    char         bytes[200 * 40];
    size_t       size = 0;
    amps_stream *stream;
    witness     *seen = start_with_stream(1, &stream);
    for (int count = 0; count < 200; count++) {
        size += put_frame(bytes + size, "{\"c\":\"p\",\"sids\":\"s\"}2");
    }
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"s\"}1");
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
    peer_write(seen->wire.peers, bytes, size);
    amps_stream_close(stream);
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}3");
    witness_expect(seen, "a/a=3;");
    amps_stream_drop(stream);
    witness_end(seen);
}

#define STREAMS 200u

static void messages_for_many_streams_in_one_piece_all_arrive(void)
{
    static char  bytes[STREAMS * 64];
    amps_stream *streams[STREAMS];
    char         text[64];
    size_t       size = 0;
    witness     *seen = witness_start(0, NULL);
    for (unsigned index = 0; index < STREAMS; index++) {
        streams[index] = amps_stream_new(0);
        snprintf(text, sizeof text, "%u", index);
        CHECK_STATUS(witness_route(seen, text, &(amps_sink){.stream = streams[index]}), AMPS_OK);
        snprintf(text, sizeof text, "{\"c\":\"p\",\"sids\":\"%u\"}%u", index, index);
        size += put_frame(bytes + size, text);
    }
    peer_write(seen->wire.peers, bytes, size);
    witness_open(seen);
    for (unsigned index = 0; index < STREAMS; index++) {
        snprintf(text, sizeof text, "%u", index);
        take(streams[index], text);
        amps_stream_drop(streams[index]);
    }
    witness_end(seen);
}

/* ---- Bursts -----------------------------------------------------------------------------------
 */

static void what_has_arrived_is_delivered_in_bursts_and_in_order(void)
{
    static char bytes[64 << 10], expected[64 << 10];
    char        text[64];
    size_t      size = 0;
    witness    *seen = witness_start(2, two);
    for (unsigned index = 0; index < 1000; index++) {
        const char *to = index % 3 == 0 ? "a" : "b";
        snprintf(text, sizeof text, "{\"c\":\"p\",\"sids\":\"%s\"}%u", to, index);
        size += put_frame(bytes + size, text);
        snprintf(text, sizeof text, "%s/%s=%u;", to, to, index);
        strcat(expected, text);
    }
    peer_write(seen->wire.peers, bytes, size);
    witness_open(seen);
    witness_expect(seen, expected);
    CHECK(witness_now(seen, &seen->bursts) >= 1000 / AMPS_DELIVERIES_MAX);
    CHECK(witness_now(seen, &seen->bursts) < 100);
    witness_end(seen);
}

static void remove_other(witness *seen, const amps_delivery *delivery)
{
    if (strcmp(delivery->handler, "a") == 0) {
        witness_unroute(seen, "b");
    }
}

static void a_route_removed_during_a_burst_is_not_live(void)
{
    char        bytes[300];
    size_t      size = 0;
    const char *frames[] = {"{\"c\":\"p\",\"sids\":\"b\"}1", "{\"c\":\"p\",\"sids\":\"a\"}2",
                            "{\"c\":\"p\",\"sids\":\"b\"}3", "{\"c\":\"p\",\"sids\":\"b,a\"}4"};
    witness    *seen = witness_start(2, two);
    seen->on_delivery = remove_other;
    for (size_t index = 0; index < COUNT_OF(frames); index++) {
        size += put_frame(bytes + size, frames[index]);
    }
    peer_write(seen->wire.peers, bytes, size);
    witness_open(seen);
    witness_expect(seen, "b/b=1;a/a=2;a/a=4;");
    CHECK_NUMBER(witness_now(seen, &seen->dead), 2);
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"b,a\"}5"); /* and not found later */
    witness_expect(seen, "a/a=5;");
    CHECK_NUMBER(witness_now(seen, &seen->dead), 2);
    witness_end(seen);
}

/* ---- Bookmarks ---------------------------------------------------------------------------------
 */

/* A client whose route "s" notes bookmarks: for a stream, or a handler of that name. */
static witness *start_noting(amps_stream **stream, amps_bookmark_store **store,
                             amps_bookmark_sub **sub)
{
    static char name[] = "s";
    witness    *seen = witness_start(1, two);
    CHECK_STATUS(amps_bookmark_store_new(store), AMPS_OK);
    *sub = amps_bookmark_store_sub(*store, BYTES("s"));
    amps_sink sink = {.bookmarks = *sub, .bookmark_store = *store};
    if (stream != NULL) {
        sink.stream = *stream = amps_stream_new(0);
    } else {
        sink.handler = name;
    }
    CHECK_STATUS(witness_route(seen, "s", &sink), AMPS_OK);
    return seen;
}

static void say_marked(witness *seen, unsigned number, const char *key)
{
    char text[100];
    snprintf(text, sizeof text, "{\"c\":\"p\",\"sids\":\"s\",\"bm\":\"1|%u|\",\"k\":\"%s\"}%u",
             number, key, number);
    peer_say(seen->wire.peers, text);
}

static void recent_is(amps_bookmark_sub *sub, const char *expected)
{
    char   out[100];
    size_t size = amps_bookmark_most_recent(sub, out, sizeof out);
    CHECK_TEXT(((amps_slice){out, size}), expected);
}

static void end_noting(witness *seen, amps_bookmark_store *store)
{
    amps_bookmark_store_drop(store); /* the route holds it */
    witness_end(seen);
}

static amps_bookmark_sub *noting;

/* As the binding does it: first the question, then the handler, which discards. */
static void discard_here(witness *seen, const amps_delivery *delivery)
{
    const amps_message *message = &delivery->message;
    amps_slice          bookmark;
    bool                escaped;
    (void)seen;
    if (message->sub_id.size != 1 || message->sub_id.at[0] != 's') {
        return;
    }
    bool stale = message->is_again && amps_route_has_discarded(delivery->route, message);
    CHECK(stale == (message->body.size == 1 && message->is_again));
    CHECK_STATUS(amps_message_field(message, AMPS_FIELD_BOOKMARK, &bookmark, &escaped), AMPS_OK);
    CHECK_STATUS(amps_bookmark_discard(noting, bookmark), AMPS_OK);
}

static void a_copy_in_the_same_burst_is_known_as_discarded(void)
{
    amps_bookmark_store *store;
    witness             *seen = start_noting(NULL, &store, &noting);
    seen->on_delivery = discard_here;
    const unsigned numbers[] = {1, 2, 1, 3, 2};
    for (size_t index = 0; index < COUNT_OF(numbers); index++) {
        say_marked(seen, numbers[index], "k");
    }
    witness_open(seen);
    witness_expect(seen, "s/s=1;s/s=2;s/s=1;s/s=3;s/s=2;");
    recent_is(noting, "1|3|");
    end_noting(seen, store);
}

static void say_all(witness *seen, unsigned last)
{
    for (unsigned number = 1; number <= last; number++) {
        say_marked(seen, number, "k");
    }
}

static void had_before(amps_bookmark_sub *sub, const char *bookmark, bool is_discarded)
{
    uint64_t index;
    CHECK_STATUS(amps_bookmark_log(sub, amps_slice_of(bookmark), &index), AMPS_OK);
    if (is_discarded) {
        CHECK_STATUS(amps_bookmark_discard(sub, amps_slice_of(bookmark)), AMPS_OK);
    }
}

static void what_was_discarded_drops_out_of_a_burst(void)
{
    amps_bookmark_store *store;
    amps_bookmark_sub   *sub;
    witness             *seen = start_noting(NULL, &store, &sub);
    had_before(sub, "1|1|", true);
    had_before(sub, "1|2|", false);
    had_before(sub, "1|3|", true);
    had_before(sub, "1|4|", true);
    say_all(seen, 6);
    witness_open(seen);
    witness_expect(seen, "s/s=2;s/s=5;s/s=6;");
    amps_client_want(seen->client, AMPS_FOR_DUPLICATE, true);
    say_all(seen, 6);
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}.");
    witness_expect(seen, "had/s=1;s/s=2;had/s=3;had/s=4;s/s=5;s/s=6;a/a=.;");
    end_noting(seen, store);
}

/* What the server says of a place counts for the messages before it, however they were taken in. */
static void an_ack_comes_behind_the_messages_before_it(void)
{
    amps_bookmark_store *store;
    amps_bookmark_sub   *sub;
    witness             *seen = start_noting(NULL, &store, &sub);
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"s\",\"a\":\"completed\"}");
    say_all(seen, 3);
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"s\",\"a\":\"persisted\",\"bm\":\"9|9|\"}");
    say_marked(seen, 4, "k");
    witness_open(seen);
    witness_expect(seen, "s/s=1;s/s=2;s/s=3;s/s=4;");
    recent_is(sub, "");
    CHECK_STATUS(amps_bookmark_discard(sub, BYTES("1|1|")), AMPS_OK);
    CHECK_STATUS(amps_bookmark_discard(sub, BYTES("1|2|")), AMPS_OK);
    recent_is(sub, "1|2|");
    CHECK_STATUS(amps_bookmark_discard(sub, BYTES("1|3|")), AMPS_OK);
    recent_is(sub, "1|3|,9|9|");
    end_noting(seen, store);
}

static unsigned delivered;

static void count_and_discard(witness *seen, const amps_delivery *delivery)
{
    const amps_message *message = &delivery->message;
    (void)seen;
    CHECK_NUMBER(message->bookmark_index, ++delivered);
    CHECK_NUMBER(message->bookmark_tag, amps_bookmark_sub_tag(noting));
    CHECK_STATUS(amps_bookmark_discard_message(noting, message), AMPS_OK);
}

/* All in one piece, so that bursts fill up. */
static void say_in_one_piece(witness *seen, unsigned count)
{
    const size_t room = 100;
    char        *frames = malloc(count * room);
    size_t       size = 0;
    CHECK(frames != NULL);
    for (unsigned number = 1; number <= count; number++) {
        char text[80];
        snprintf(text, sizeof text, "{\"c\":\"p\",\"sids\":\"s\",\"bm\":\"1|%u|\"}%u", number,
                 number);
        size += put_frame(frames + size, text);
    }
    peer_write(seen->wire.peers, frames, size);
    free(frames);
}

static void bursts_that_are_full_are_noted_whole(void)
{
    char                 expected[40];
    amps_bookmark_store *store;
    const unsigned       count = 2 * AMPS_DELIVERIES_MAX + 3;
    witness             *seen = start_noting(NULL, &store, &noting);
    delivered = 0;
    seen->on_delivery = count_and_discard;
    witness_open(seen);
    say_in_one_piece(seen, count);
    witness_wait(seen, &seen->delivered, count);
    snprintf(expected, sizeof expected, "1|%u|", count);
    recent_is(noting, expected);
    CHECK_NUMBER(delivered, count);
    end_noting(seen, store);
}

static void what_was_never_there_before_is_not_asked_about(void)
{
    amps_bookmark_store *store;
    amps_bookmark_sub   *sub;
    amps_stream         *stream;
    amps_message         message;
    void                *block;
    witness             *seen = start_noting(&stream, &store, &sub);
    witness_open(seen);
    const unsigned numbers[] = {1, 2, 1};
    for (size_t index = 0; index < COUNT_OF(numbers); index++) {
        say_marked(seen, numbers[index], "");
        CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
        CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
        CHECK_NUMBER(message.bookmark_index, numbers[index]);
        CHECK(message.is_again == (index == 2));
        amps_block_free(block);
    }
    amps_stream_drop(stream);
    end_noting(seen, store);
}

/* All that the peer has said is through. */
static void settle(witness *seen)
{
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}.");
    witness_expect(seen, "a/a=.;");
}

static void what_is_replaced_in_a_stream_counts_as_discarded(void)
{
    amps_bookmark_store *store;
    amps_bookmark_sub   *sub;
    amps_stream         *stream;
    witness             *seen = start_noting(&stream, &store, &sub);
    amps_stream_conflate(stream);
    witness_open(seen);
    say_marked(seen, 1, "k");
    say_marked(seen, 2, "other");
    say_marked(seen, 3, "k");
    say_marked(seen, 4, "k");
    settle(seen);
    CHECK_NUMBER(amps_stream_depth(stream), 2);
    recent_is(sub, "1|1|");
    take(stream, "4");
    take(stream, "2");
    CHECK_STATUS(amps_bookmark_discard(sub, BYTES("1|2|")), AMPS_OK);
    recent_is(sub, "1|3|");
    amps_stream_drop(stream);
    end_noting(seen, store);
}

static void an_older_one_that_comes_again_discards_nothing(void)
{
    amps_bookmark_store *store;
    amps_bookmark_sub   *sub;
    amps_stream         *stream;
    witness             *seen = start_noting(&stream, &store, &sub);
    amps_stream_conflate(stream);
    witness_open(seen);
    say_marked(seen, 1, "k");
    settle(seen);
    take(stream, "1");
    say_marked(seen, 2, "k");
    say_marked(seen, 2, "k"); /* itself */
    say_marked(seen, 1, "k");
    settle(seen);
    CHECK(!amps_bookmark_is_discarded(sub, BYTES("1|1|")));
    CHECK(!amps_bookmark_is_discarded(sub, BYTES("1|2|")));
    amps_stream_drop(stream);
    end_noting(seen, store);
}

int main(void)
{
    RUN(a_stream_and_a_handler_each_get_their_own);
    RUN(a_full_stream_stops_the_reading_until_one_is_taken);
    RUN(a_full_stream_does_not_hold_up_an_awaited_ack);
    RUN(a_full_stream_nobody_empties_does_not_hold_up_closing);
    RUN(a_full_stream_does_not_hide_a_dead_connection);
    RUN(a_closed_stream_holds_up_nobody);
    RUN(messages_for_many_streams_in_one_piece_all_arrive);
    RUN(what_has_arrived_is_delivered_in_bursts_and_in_order);
    RUN(a_route_removed_during_a_burst_is_not_live);
    RUN(a_copy_in_the_same_burst_is_known_as_discarded);
    RUN(what_was_discarded_drops_out_of_a_burst);
    RUN(an_ack_comes_behind_the_messages_before_it);
    RUN(bursts_that_are_full_are_noted_whole);
    RUN(what_was_never_there_before_is_not_asked_about);
    RUN(what_is_replaced_in_a_stream_counts_as_discarded);
    RUN(an_older_one_that_comes_again_discards_nothing);
    return 0;
}
