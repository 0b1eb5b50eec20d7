/* test_stored_lane.c: the lane of a burst: whatever comes between, all of it, once and in order. */
#include "amps_memory.h"
#include "stage.h"

#define BURST   3000
#define MARK    "{\"c\":\"mark\"}"
#define PLENTY  ((size_t)1 << 20)
#define THREADS 3

static amps_kept publish_body(stage *staged, amps_slice body)
{
    amps_kept kept;
    CHECK_STATUS(amps_stored_publish_prepared(&staged->stored, staged->store, BYTES(TOPIC), body,
                                              false, &kept),
                 AMPS_OK);
    if (kept.due) {
        amps_writer_send_due(&staged->rigged.writer);
    }
    return kept;
}

static amps_kept publish_prepared(stage *staged)
{
    return publish_body(staged, BYTES("a body of some bytes"));
}

static bool is_open(stage *staged) { return atomic_load(&staged->stored.open) != NULL; }

/* Publishes, with the thread awake as in a burst, until the lane is open. */
static void begin_burst(stage *staged)
{
    amps_writer *writer = &staged->rigged.writer;
    uint64_t     deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_stored_follow(&staged->stored, 0);
    CHECK_STATUS(amps_stored_wait_sent(&staged->stored, UINT64_MAX, deadline), AMPS_OK);
    do {
        amps_mutex_lock(&writer->lock);
        writer->awake = true;
        amps_cond_signal(&writer->wake);
        amps_mutex_unlock(&writer->lock);
        publish_prepared(staged);
        CHECK(amps_clock_now() < deadline);
    } while (!is_open(staged));
}

static uint64_t last_of(stage *staged) { return amps_publish_store_last_assigned(staged->store); }

static void send_mark(stage *staged)
{
    const size_t size = AMPS_FRAME_PREFIX_SIZE + sizeof MARK - 1;
    unsigned     connection = 0;
    char        *at;
    CHECK_STATUS(amps_writer_begin(&staged->rigged.writer, &connection, size,
                                   amps_clock_in_ms(PATIENCE_MS), &at),
                 AMPS_OK);
    amps_frame_seal(at, sizeof MARK - 1);
    memcpy(at + AMPS_FRAME_PREFIX_SIZE, MARK, sizeof MARK - 1);
    if (amps_writer_commit(&staged->rigged.writer, size, true)) {
        amps_writer_send_due(&staged->rigged.writer);
    }
}

static void what_is_sent_in_a_burst_stays_behind_what_came_before(void)
{
    stage    staged;
    uint64_t last = BASE;
    size_t   size;
    open_stage(&staged, PLENTY);
    begin_burst(&staged);
    for (int mark = 0; mark < 50; mark++) {
        for (int turn = 0; turn < mark; turn++) {
            publish_prepared(&staged);
        }
        uint64_t before = last_of(&staged);
        send_mark(&staged);
        expect_sequences(staged.rigged.wire.peers, last + 1, before);
        char *payload = peer_read_frame(staged.rigged.wire.peers, &size);
        CHECK(size == sizeof MARK - 1 && memcmp(payload, MARK, size) == 0);
        free(payload);
        last = before;
    }
    close_stage(&staged);
}

static void the_end_of_a_burst_leaves_without_another(void)
{
    stage staged;
    open_stage(&staged, PLENTY);
    begin_burst(&staged);
    for (int turn = 0; turn < BURST; turn++) {
        CHECK(publish_prepared(&staged).is_sent);
    }
    expect_sequences(staged.rigged.wire.peers, BASE + 1, last_of(&staged));
    for (uint64_t deadline = amps_clock_in_ms(PATIENCE_MS); is_open(&staged);) {
        CHECK(amps_clock_now() < deadline); /* the thread sleeps only when nothing is gathered */
    }
    close_stage(&staged);
}

static void a_full_lane_is_no_loss(void)
{
    static const char body[4000];
    stage             staged;
    amps_kept         kept;
    open_stage(&staged, PLENTY);
    begin_burst(&staged);
    do { /* nobody reads: the system's buffers fill up, then ours */
        kept = publish_body(&staged, (amps_slice){body, sizeof body});
    } while (kept.is_sent);
    publish_prepared(&staged);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, last_of(&staged));
    close_stage(&staged);
}

static void a_close_sends_what_was_gathered(void)
{
    stage staged;
    open_stage(&staged, PLENTY);
    begin_burst(&staged);
    for (int turn = 0; turn < 100; turn++) {
        publish_prepared(&staged);
    }
    amps_writer_finish(&staged.rigged.writer, AMPS_CLOSED);
    amps_kept kept = publish_prepared(&staged);
    read_up_to(staged.rigged.wire.peers, kept.is_sent ? kept.sequence : kept.sequence - 1);
    close_stage(&staged);
}

static void what_a_lost_connection_had_gathered_is_kept(void)
{
    stage staged;
    open_stage(&staged, PLENTY);
    begin_burst(&staged);
    amps_writer_break(&staged.rigged.writer, AMPS_DISCONNECTED, 0);
    amps_kept kept = publish_prepared(&staged);
    CHECK(!kept.is_sent && !is_open(&staged));
    amps_stored_forget(&staged.stored);
    CHECK_NUMBER(amps_publish_store_count(staged.store), kept.sequence - BASE);
    CHECK_NUMBER(staged.stored.lane.size, 0);
    close_stage(&staged);
}

static void another_store_waits_until_all_is_persisted(void)
{
    stage staged;
    open_stage(&staged, PLENTY);
    amps_publish_store *other = new_store();
    begin_burst(&staged);
    CHECK_STATUS(amps_stored_set(&staged.stored, other), AMPS_ALREADY_CONNECTED);
    uint64_t last = publish_prepared(&staged).sequence;
    expect_sequences(staged.rigged.wire.peers, BASE + 1, last);
    CHECK_STATUS(amps_publish_store_discard_up_to(staged.store, last, NULL), AMPS_OK);
    CHECK_STATUS(amps_stored_set(&staged.stored, other), AMPS_OK);
    CHECK(!is_open(&staged));
    amps_publish_store_drop(staged.store);
    staged.store = other;
    begin_burst(&staged);
    amps_kept kept; /* by one who still knows the store before: it is none of this lane's */
    CHECK_STATUS(
        amps_stored_publish_prepared(&staged.stored, NULL, BYTES(TOPIC), BYTES("x"), false, &kept),
        AMPS_OK);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, kept.sequence);
    close_stage(&staged);
}

static void a_store_that_may_not_grow_gives_no_number_to_the_lane(void)
{
    stage     staged;
    amps_kept kept;
    open_stage(&staged, PLENTY);
    amps_publish_store_set_asks(staged.store, true);
    amps_stored_follow(&staged.stored, 0);
    amps_status status = AMPS_OK;
    while (status == AMPS_OK) {
        status = amps_stored_publish_prepared(&staged.stored, staged.store, BYTES(TOPIC),
                                              BYTES("a body of some bytes"), false, &kept);
        if (status == AMPS_OK && kept.due) {
            amps_writer_send_due(&staged.rigged.writer);
        }
    }
    CHECK_STATUS(status, AMPS_STORE_FULL);
    uint64_t last = last_of(&staged);
    CHECK_NUMBER(amps_publish_store_count(staged.store), last - BASE);
    amps_publish_store_set_asks(staged.store, false);
    CHECK_NUMBER(publish_prepared(&staged).sequence, last + 1);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, last + 1);
    close_stage(&staged);
}

/* ---- Threads --------------------------------------------------------------------------------- */

static void *publish_many(void *context)
{
    for (int turn = 0; turn < BURST; turn++) {
        publish_prepared(context);
    }
    return NULL;
}

static void *send_marks(void *context)
{
    for (int turn = 0; turn < BURST / 30; turn++) {
        send_mark(context);
    }
    return NULL;
}

/* All publishes in order, and so many marks; what was read is discarded. */
static void read_all(stage *staged, uint64_t publishes, int marks)
{
    uint64_t expected = BASE + 1;
    size_t   size, header_size;
    while (expected <= publishes + BASE || marks > 0) {
        char       *payload = peer_read_frame(staged->rigged.wire.peers, &size);
        amps_header header;
        uint64_t    sequence;
        CHECK_STATUS(amps_header_parse((amps_slice){payload, size}, &header, &header_size),
                     AMPS_OK);
        if (amps_header_number(&header, AMPS_FIELD_SEQUENCE, UINT64_MAX, &sequence)) {
            CHECK_NUMBER(sequence, expected++);
            if (sequence % 64 == 0) {
                amps_publish_store_discard_up_to(staged->store, sequence, NULL);
            }
        } else {
            marks--;
        }
        free(payload);
    }
}

static void case_46_threads_gather_send_and_are_acked_and_the_order_is_kept(void)
{
    for (size_t turn = 0; turn < 2; turn++) {
        stage     staged;
        pthread_t threads[THREADS + 1];
        open_stage(&staged, turn == 0 ? PLENTY : SMALL);
        amps_stored_follow(&staged.stored, 0);
        for (int at = 0; at <= THREADS; at++) {
            threads[at] = start(at < THREADS ? publish_many : send_marks, &staged);
        }
        read_all(&staged, THREADS * BURST, BURST / 30);
        for (int at = 0; at <= THREADS; at++) {
            join(threads[at]);
        }
        CHECK_NUMBER(last_of(&staged), BASE + THREADS * BURST);
        close_stage(&staged);
    }
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static void whichever_request_for_memory_fails_what_was_kept_is_sent(void)
{
    for (uint64_t n = 1;; n++) {
        stage     staged;
        amps_kept kept;
        uint64_t  refused = 0;
        open_stage(&staged, PLENTY);
        amps_stored_follow(&staged.stored, 0);
        amps_memory_fail_at(n, 0);
        for (int turn = 0; turn < BURST; turn++) {
            amps_status status =
                amps_stored_publish_prepared(&staged.stored, staged.store, BYTES(TOPIC),
                                             BYTES("a body of some bytes"), false, &kept);
            CHECK(status == AMPS_OK || status == AMPS_NO_MEMORY);
            refused += status != AMPS_OK;
            if (status == AMPS_OK && kept.due) {
                amps_writer_send_due(&staged.rigged.writer);
            }
        }
        int has_failed = amps_memory_has_failed();
        amps_memory_fail_at(0, 0);
        CHECK_NUMBER(last_of(&staged), BASE + BURST - refused);
        read_up_to(staged.rigged.wire.peers, last_of(&staged));
        close_stage(&staged);
        if (!has_failed) {
            break;
        }
    }
}

int main(void)
{
    RUN(what_is_sent_in_a_burst_stays_behind_what_came_before);
    RUN(the_end_of_a_burst_leaves_without_another);
    RUN(a_full_lane_is_no_loss);
    RUN(a_close_sends_what_was_gathered);
    RUN(what_a_lost_connection_had_gathered_is_kept);
    RUN(another_store_waits_until_all_is_persisted);
    RUN(a_store_that_may_not_grow_gives_no_number_to_the_lane);
    RUN(case_46_threads_gather_send_and_are_acked_and_the_order_is_kept);
    RUN(whichever_request_for_memory_fails_what_was_kept_is_sent);
    return 0;
}
