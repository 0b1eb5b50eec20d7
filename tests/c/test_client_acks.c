/* test_client_acks.c: acknowledgements reach the wire: at once, by the clock, before the end. */
#include "amps_client_acks.h"

#include <stdatomic.h>

#include "amps_bookmark.h"

#include "amps_memory.h"
#include "check.h"
#include "peer.h"
#include "store.h"
#include "witness.h"

#define QUICK_MS 20u
#define SLOW_MS  3600000u

static const char *const none[] = {NULL};

static witness *start_acking(void)
{
    witness *seen = witness_start(0, none);
    witness_open(seen);
    amps_client_open_acks(seen->client);
    return seen;
}

/* As the binding does it. */
static void ack(witness *seen, const char *bookmarks, const char *options)
{
    bool         due;
    amps_failure failure;
    CHECK_STATUS(amps_client_ack(seen->client, BYTES("Q"), amps_slice_of(bookmarks),
                                 amps_slice_of(options), BYTES(""), &due),
                 AMPS_OK);
    if (due) {
        CHECK_STATUS(amps_client_send_acks(seen->client, &failure), AMPS_OK);
    }
}

static void expect_ack(witness *seen, unsigned id, const char *rest)
{
    char expected[300];
    snprintf(expected, sizeof expected, "{\"c\":\"sow_delete\",\"cid\":\"%u\",\"t\":\"Q\",%s}", id,
             rest);
    peer_expect(seen->wire.peers, expected);
}

static void an_ack_leaves_at_once(void)
{
    witness *seen = start_acking();
    ack(seen, "1|1|", "");
    expect_ack(seen, 0, "\"bm\":\"1|1|\"");
    ack(seen, "1|2|", "cancel");
    expect_ack(seen, 1, "\"bm\":\"1|2|\",\"opts\":\"cancel\"");
    witness_end(seen);
}

static void a_batch_leaves_by_the_clock_of_the_writers_thread(void)
{
    witness *seen = start_acking();
    amps_client_set_ack_batching(seen->client, 10, QUICK_MS);
    for (unsigned turn = 0; turn < 5; turn++) {
        uint64_t began = amps_clock_now();
        ack(seen, "1|1|", "");
        ack(seen, "1|2|", "");
        expect_ack(seen, turn, "\"bm\":\"1|1|,1|2|\"");
        CHECK(amps_clock_now() >= began + QUICK_MS * AMPS_MS);
    }
    witness_end(seen);
}

static void a_shorter_time_counts_although_the_thread_sleeps_for_long(void)
{
    witness *seen = start_acking();
    amps_client_set_ack_batching(seen->client, 10, SLOW_MS);
    ack(seen, "1|1|", "");
    amps_client_set_ack_batching(seen->client, 10, QUICK_MS);
    CHECK(amps_client_flush_acks(seen->client));
    expect_ack(seen, 0, "\"bm\":\"1|1|\"");
    ack(seen, "1|2|", "");
    expect_ack(seen, 1, "\"bm\":\"1|2|\"");
    witness_end(seen);
}

static void what_is_gathered_leaves_before_a_close(void)
{
    witness *seen = start_acking();
    amps_client_set_ack_batching(seen->client, 10, SLOW_MS);
    ack(seen, "1|1|", "");
    amps_client_close(seen->client);
    expect_ack(seen, 0, "\"bm\":\"1|1|\"");
    peer_expect_end(seen->wire.peers);
    witness_end(seen);
}

static void a_message_says_itself_whether_it_is_from_a_queue(void)
{
    static const struct {
        const char *header;
        amps_status status;
    } messages[] = {
        {"{\"c\":\"p\",\"t\":\"Q\",\"bm\":\"1|1|\",\"lp\":\"x\"}", AMPS_OK},
        {"{\"c\":\"p\",\"t\":\"Q\",\"bm\":\"1|1|\",\"leaseperiod\":\"x\"}", AMPS_OK},
        {"{\"c\":\"p\",\"t\":\"Q\",\"bm\":\"1|1|\"}", AMPS_END},
        {"{\"c\":\"p\",\"t\":\"Q\",\"bm\":\"1|1|\",\"lp\":\"\"}", AMPS_END},
        {"{\"c\":\"p\",\"t\":\"Q\",\"lp\":\"x\"}", AMPS_END},
        {"{\"c\":\"p\",\"bm\":\"1|1|\",\"lp\":\"x\"}", AMPS_END},
        {"{\"c\":\"p\",\"t\":\"\",\"bm\":\"1|1|\",\"lp\":\"x\"}", AMPS_END},
        {"{", AMPS_END},
        {"", AMPS_END},
    };
    witness *seen = start_acking();
    for (size_t at = 0; at < COUNT_OF(messages); at++) {
        bool         due;
        amps_message message = {.header = amps_slice_of(messages[at].header)};
        CHECK_STATUS(amps_client_ack_message(seen->client, &message, BYTES(""), &due),
                     messages[at].status);
        CHECK(due == (messages[at].status == AMPS_OK));
        amps_client_drop_acks(seen->client);
    }
    witness_end(seen);
}

/* ---- Functions in C ------------------------------------------------------------------------- */

static void count_call(const amps_c_message *message, void *user_data)
{
    (void)message;
    atomic_fetch_add((atomic_uint *)user_data, 1);
}

static void a_function_in_c_acknowledges_by_returning(void)
{
    witness    *seen = witness_start(0, none);
    atomic_uint calls = 0;
    amps_sink   sink = {.function = count_call, .user_data = &calls, .topic = BYTES("Q")};
    CHECK_STATUS(witness_route(seen, "q", &sink), AMPS_OK);
    witness_open(seen);
    amps_client_open_acks(seen->client);
    amps_client_set_ack_batching(seen->client, 2, SLOW_MS);
    peer_say(seen->wire.peers,
             "{\"c\":\"p\",\"t\":\"Q\",\"sids\":\"q\",\"bm\":\"9\",\"lp\":\"x\"}");
    while (atomic_load(&calls) == 0) {
    }
    amps_client_set_auto_ack(seen->client, true);
    for (int count = 0; count < 2; count++) {
        peer_say(seen->wire.peers, "{\"c\":\"p\",\"t\":\"Q\",\"sids\":\"q\",\"bm\":\"1\"}");
        peer_say(seen->wire.peers,
                 count == 0
                     ? "{\"c\":\"p\",\"t\":\"Q\",\"sids\":\"q\",\"bm\":\"1|1|\",\"lp\":\"x\"}"
                     : "{\"c\":\"p\",\"t\":\"Q\",\"sids\":\"q\",\"bm\":\"1|2|\",\"lp\":\"x\"}");
    }
    expect_ack(seen, 0, "\"bm\":\"1|1|,1|2|\"");
    CHECK_NUMBER(atomic_load(&calls), 5);
    witness_end(seen);
}

/* ---- Stores --------------------------------------------------------------------------------- */

static void acks_go_through_a_store(void)
{
    witness            *seen = start_acking();
    amps_publish_store *store = new_store();
    CHECK_STATUS(amps_client_set_publish_store(seen->client, store), AMPS_OK);
    amps_client_follow(seen->client, 0);
    amps_client_set_ack_batching(seen->client, 10, QUICK_MS);
    ack(seen, "1|1|", "");
    expect_ack(seen, 0, "\"bm\":\"1|1|\",\"s\":1001,\"a\":\"persisted\"");
    CHECK_NUMBER(amps_publish_store_count(store), 1);
    amps_publish_store_drop(store);
    witness_end(seen);
}

static void send_by_hand(witness *seen)
{
    amps_ack_view view;
    if (amps_client_begin_acks(seen->client)) {
        while (amps_client_next_ack(seen->client, &view)) {
            amps_mutex_lock(&seen->lock);
            seen->log_size +=
                (size_t)snprintf(seen->log + seen->log_size, 100, "%.*s=%.*s/%.*s;",
                                 (int)view.topic.size, view.topic.at, (int)view.bookmarks.size,
                                 view.bookmarks.at, (int)view.options.size, view.options.at);
            amps_cond_broadcast(&seen->changed);
            amps_mutex_unlock(&seen->lock);
            amps_client_sent_ack(seen->client);
        }
    }
}

static void by_hand_they_are_called_for_on_a_thread_of_their_own(void)
{
    bool     due;
    witness *seen = start_acking();
    seen->on_acks = send_by_hand;
    amps_client_set_acks_by_hand(seen->client, true);
    amps_client_set_ack_batching(seen->client, 2, QUICK_MS);
    for (int turn = 0; turn < 3; turn++) { /* the clock calls; then what is full, by who adds */
        CHECK_STATUS(
            amps_client_ack(seen->client, BYTES("Q"), BYTES("1"), BYTES(""), BYTES(""), &due),
            AMPS_OK);
        witness_expect(seen, "Q=1/;");
        CHECK_STATUS(amps_client_ack(seen->client, BYTES("Q"), BYTES("1,2"), BYTES("expire"),
                                     BYTES(""), &due),
                     AMPS_OK);
        CHECK(due);
        amps_failure failure;
        CHECK_STATUS(amps_client_send_acks(seen->client, &failure), AMPS_AGAIN);
        witness_expect(seen, "Q=1,2/expire;");
    }
    witness_end(seen);
}

/* ---- Obstacles ------------------------------------------------------------------------------ */

static void a_full_buffer_holds_up_nobody_and_loses_nothing(void)
{
    char         bookmark[AMPS_BOOKMARK_SIZE_MAX + 1];
    const size_t count = 20000;
    amps_failure failure;
    witness     *seen = witness_new(4096);
    seen->wire = connect_pair();
    witness_open(seen);
    amps_client_open_acks(seen->client);
    for (size_t number = 0; number < count; number++) {
        bool due;
        snprintf(bookmark, sizeof bookmark, "%0200zu", number);
        CHECK_STATUS(amps_client_ack(seen->client, BYTES("Q"), amps_slice_of(bookmark), BYTES(""),
                                     BYTES(""), &due),
                     AMPS_OK);
        CHECK(due);
        amps_client_send_acks(seen->client, &failure);
    }
    CHECK(amps_client_count_acks(seen->client) > 0);
    for (size_t number = 0; number < count; number++) {
        size_t size;
        char  *frame = peer_read_frame(seen->wire.peers, &size);
        snprintf(bookmark, sizeof bookmark, "%0200zu", number);
        CHECK(strstr(frame, bookmark) != NULL);
        free(frame);
    }
    witness_end(seen);
}

static void on_a_later_connection_nothing_is_sent_that_was_begun_before(void)
{
    bool         due;
    amps_failure failure;
    witness     *seen = witness_start(0, none);
    amps_client_keep_acks(seen->client, true);
    witness_open(seen);
    amps_client_open_acks(seen->client);
    shutdown(seen->wire.peers, SHUT_RDWR);
    CHECK_STATUS(amps_client_wait_gone(seen->client, PATIENCE_MS), AMPS_OK);
    close(seen->wire.peers);
    seen->wire = connect_pair();
    witness_open(seen);
    CHECK_STATUS(amps_client_ack(seen->client, BYTES("Q"), BYTES("1"), BYTES(""), BYTES(""), &due),
                 AMPS_OK);
    CHECK(!due);
    CHECK(!amps_client_flush_acks(seen->client));
    CHECK_STATUS(amps_client_send_acks(seen->client, &failure), AMPS_OK);
    CHECK(!peer_sees(seen->wire.peers, QUICK_MS));
    amps_client_open_acks(seen->client);
    CHECK(amps_client_flush_acks(seen->client));
    expect_ack(seen, 0, "\"bm\":\"1\"");
    witness_end(seen);
}

#define ADDERS 3u
#define EACH   2000u

static void *ack_many(void *context)
{
    witness *seen = context;
    for (unsigned count = 0; count < EACH; count++) {
        char bookmark[32];
        snprintf(bookmark, sizeof bookmark, "%p%u", (void *)&bookmark, count);
        ack(seen, bookmark, count % 100 == 0 ? "cancel" : "");
    }
    return NULL;
}

static void threads_acknowledge_while_the_clock_ticks(void)
{
    pthread_t threads[ADDERS];
    size_t    got = 0;
    witness  *seen = start_acking();
    amps_client_set_ack_batching(seen->client, 10, 1);
    for (size_t at = 0; at < ADDERS; at++) {
        threads[at] = start(ack_many, seen);
    }
    while (got < ADDERS * EACH) {
        size_t size;
        char  *frame = peer_read_frame(seen->wire.peers, &size);
        got++;
        for (const char *at = strstr(frame, "\"bm\""); at < frame + size; at++) {
            got += *at == ',' && at[1] != '"';
        }
        free(frame);
    }
    for (size_t at = 0; at < ADDERS; at++) {
        join(threads[at]);
    }
    CHECK_NUMBER(got, ADDERS * EACH);
    witness_end(seen);
}

int main(void)
{
    RUN(an_ack_leaves_at_once);
    RUN(a_batch_leaves_by_the_clock_of_the_writers_thread);
    RUN(a_shorter_time_counts_although_the_thread_sleeps_for_long);
    RUN(what_is_gathered_leaves_before_a_close);
    RUN(a_message_says_itself_whether_it_is_from_a_queue);
    RUN(a_function_in_c_acknowledges_by_returning);
    RUN(acks_go_through_a_store);
    RUN(by_hand_they_are_called_for_on_a_thread_of_their_own);
    RUN(a_full_buffer_holds_up_nobody_and_loses_nothing);
    RUN(on_a_later_connection_nothing_is_sent_that_was_begun_before);
    RUN(threads_acknowledge_while_the_clock_ticks);
    return 0;
}
