/* test_writer_batch.c: gathered publishes leave by size, by time, before others, and at the end. */
#include "amps_memory.h"
#include "amps_writer.h"
#include "check.h"
#include "peer.h"
#include "rig.h"

#define HALF  ((size_t)4096)
#define BATCH ((size_t)1000)
#define TIME  (20 * AMPS_MS)

static void batch(rig *rigged, size_t size, uint64_t timeout)
{
    amps_writer_set_batching(&rigged->writer, size, timeout);
}

static void open_batching(rig *rigged, size_t size, uint64_t timeout)
{
    rig_open(rigged, HALF);
    batch(rigged, size, timeout);
}

/* Sends a command that somebody waits for the answer of. */
static void command(rig *rigged, const char *payload)
{
    char *at;
    CHECK_STATUS(rig_try(rigged, PREFIX_SIZE + strlen(payload), &at), AMPS_OK);
    if (amps_writer_commit(&rigged->writer, put_frame(at, payload), true)) {
        amps_writer_send_due(&rigged->writer);
    }
}

static void publish(rig *rigged, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        rig_send(rigged, PUBLISH);
    }
}

static void expect_publishes(rig *rigged, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        peer_expect(rigged->wire.peers, PUBLISH);
    }
}

static void expect_silence(rig *rigged) { CHECK(!peer_sees(rigged->wire.peers, SHORT_MS)); }

static size_t fitting(void) { return BATCH / (PREFIX_SIZE + strlen(PUBLISH)); }

static void a_batch_leaves_when_one_more_would_not_fit(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, fitting());
    expect_silence(&rigged);
    publish(&rigged, 1);
    expect_publishes(&rigged, fitting());
    expect_silence(&rigged);
    batch(&rigged, 0, 0);
    expect_publishes(&rigged, 1);
    publish(&rigged, 1); /* no longer gathered */
    expect_publishes(&rigged, 1);
    rig_end(&rigged);
}

static void a_batch_leaves_when_its_time_is_up(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, TIME);
    for (int turn = 0; turn < 5; turn++) {
        uint64_t began = amps_clock_now();
        publish(&rigged, 3);
        expect_publishes(&rigged, 3);
        CHECK(amps_clock_now() >= began + TIME);
    }
    batch(&rigged, BATCH, 1000000 * AMPS_MS);
    publish(&rigged, 1);
    expect_silence(&rigged);
    batch(&rigged, BATCH, TIME);
    expect_publishes(&rigged, 1);
    rig_end(&rigged);
}

static void a_later_batch_has_its_own_time(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, TIME);
    publish(&rigged, 1);
    publish(&rigged, fitting());
    uint64_t began = amps_clock_now();
    expect_publishes(&rigged, fitting());
    command(&rigged, "flush");
    expect_publishes(&rigged, 1);
    peer_expect(rigged.wire.peers, "flush");
    publish(&rigged, 1);
    expect_publishes(&rigged, 1);
    CHECK(amps_clock_now() >= began + TIME);
    rig_end(&rigged);
}

static void any_other_command_follows_what_was_gathered_at_once(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, 3);
    command(&rigged, "subscribe");
    expect_publishes(&rigged, 3);
    peer_expect(rigged.wire.peers, "subscribe");
    rig_end(&rigged);
}

static void a_heartbeat_does_not_cut_a_batch(void)
{
    size_t size;
    rig    rigged;
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, 3);
    amps_writer_set_heartbeat(&rigged.writer, TIME, 1000000 * AMPS_MS);
    expect_publishes(&rigged, 3);
    char *beat = peer_read_frame(rigged.wire.peers, &size);
    CHECK(strstr(beat, "heartbeat") != NULL);
    free(beat);
    rig_end(&rigged);
}

static void a_large_frame_follows_what_was_gathered(void)
{
    static char header[PREFIX_SIZE + 2 * HALF];
    rig         rigged;
    size_t      size;
    amps_around progress = {0};
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, 3);
    memset(header, 'h', sizeof header);
    amps_frame_seal(header, 2 * HALF);
    CHECK_STATUS(amps_writer_send_around(&rigged.writer, (amps_slice){header, sizeof header},
                                         (amps_slice){NULL, 0}, &progress,
                                         amps_clock_in_ms(PATIENCE_MS)),
                 AMPS_OK);
    expect_publishes(&rigged, 3);
    free(peer_read_frame(rigged.wire.peers, &size));
    CHECK_NUMBER(size, 2 * HALF);
    rig_end(&rigged);
}

static void a_batch_larger_than_the_buffer_leaves_when_that_is_full(void)
{
    rig rigged;
    open_batching(&rigged, 100 * HALF, 0);
    for (int count = 0; count < 40; count++) {
        rig_send(&rigged, long_publish());
    }
    for (int count = 0; count < 36; count++) {
        peer_expect(rigged.wire.peers, long_publish());
    }
    expect_silence(&rigged);
    batch(&rigged, 0, 0);
    for (int count = 0; count < 4; count++) {
        peer_expect(rigged.wire.peers, long_publish());
    }
    rig_end(&rigged);
}

static void finishing_sends_what_was_gathered(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, 3);
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    expect_publishes(&rigged, 3);
    peer_expect_end(rigged.wire.peers);
    rig_end(&rigged);
}

static void a_lost_connection_counts_what_was_gathered(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, 3);
    amps_writer_break(&rigged.writer, AMPS_DISCONNECTED, 0);
    CHECK_NUMBER(rig_close(&rigged), 3);
    peer_expect_end(rigged.wire.peers);
    close(rigged.wire.peers);
}

static void batching_stays_for_the_next_connection(void)
{
    rig rigged;
    open_batching(&rigged, BATCH, 0);
    publish(&rigged, 3);
    CHECK_NUMBER(amps_writer_close(&rigged.writer), 3);
    close(rigged.wire.ours);
    close(rigged.wire.peers);
    rigged.wire = connect_pair();
    CHECK_STATUS(amps_writer_open(&rigged.writer, rigged.wire.ours), AMPS_OK);
    publish(&rigged, 2);
    expect_silence(&rigged);
    command(&rigged, "flush");
    expect_publishes(&rigged, 2);
    peer_expect(rigged.wire.peers, "flush");
    rig_end(&rigged);
}

/* ---- Many threads -----------------------------------------------------------------------------*/

#define THREADS 4
#define EACH    20000

typedef struct errand {
    rig *rigged;
    char name;
} errand;

static void *publish_numbers(void *context)
{
    const errand *sent = context;
    for (int number = 0; number < EACH; number++) {
        char payload[64];
        snprintf(payload, sizeof payload, "%c%d", sent->name, number);
        if (number % 1000 == 999) {
            batch(sent->rigged, number % 2000 == 999 ? 500 : BATCH, AMPS_MS);
        }
        rig_send(sent->rigged, payload);
    }
    return NULL;
}

static void batches_of_many_threads_keep_each_ones_order(void)
{
    rig       rigged;
    pthread_t threads[THREADS];
    errand    errands[THREADS];
    long      next[THREADS] = {0};
    open_batching(&rigged, BATCH, AMPS_MS);
    for (int index = 0; index < THREADS; index++) {
        errands[index] = (errand){&rigged, (char)('a' + index)};
        threads[index] = start(publish_numbers, &errands[index]);
    }
    for (long count = 0; count < (long)THREADS * EACH; count++) { /* the last go by their time */
        size_t size;
        char  *payload = peer_read_frame(rigged.wire.peers, &size);
        int    who = payload[0] - 'a';
        CHECK(who >= 0 && who < THREADS);
        CHECK_NUMBER(strtol(payload + 1, NULL, 10), next[who]);
        next[who]++;
        free(payload);
    }
    for (int index = 0; index < THREADS; index++) {
        join(threads[index]);
    }
    rig_end(&rigged);
}

int main(void)
{
    RUN(a_batch_leaves_when_one_more_would_not_fit);
    RUN(a_batch_leaves_when_its_time_is_up);
    RUN(a_later_batch_has_its_own_time);
    RUN(any_other_command_follows_what_was_gathered_at_once);
    RUN(a_heartbeat_does_not_cut_a_batch);
    RUN(a_large_frame_follows_what_was_gathered);
    RUN(a_batch_larger_than_the_buffer_leaves_when_that_is_full);
    RUN(finishing_sends_what_was_gathered);
    RUN(a_lost_connection_counts_what_was_gathered);
    RUN(batching_stays_for_the_next_connection);
    RUN(batches_of_many_threads_keep_each_ones_order);
    return 0;
}
