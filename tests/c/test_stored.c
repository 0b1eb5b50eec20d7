/* test_stored.c: publishes that are numbered and kept, then sent in order, over every obstacle. */
#include "amps_memory.h"
#include "stage.h"

/* ---- In order -------------------------------------------------------------------------------- */

static void what_is_published_is_numbered_kept_and_sent(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    CHECK_NUMBER(amps_stored_follow(&staged.stored, 0), BASE);
    CHECK_STATUS(amps_stored_wait_sent(&staged.stored, BASE, amps_clock_in_ms(PATIENCE_MS)),
                 AMPS_OK);
    amps_kept kept = publish(&staged, "hello");
    CHECK_NUMBER(kept.sequence, BASE + 1);
    CHECK(kept.is_sent);
    peer_expect(staged.rigged.wire.peers, "{\"c\":\"p\",\"t\":\"x\",\"s\":1001}hello");
    CHECK_NUMBER(amps_publish_store_count(staged.store), 1);
    close_stage(&staged);
}

static void a_prepared_header_gives_the_same_bytes(void)
{
    stage     staged;
    amps_kept kept;
    open_stage(&staged, SMALL);
    const amps_slice bodies[] = {BYTES(""), BYTES("hello"), {NULL, 0}};
    for (size_t at = 0; at < COUNT_OF(bodies); at++) {
        CHECK_STATUS(amps_stored_publish_prepared(&staged.stored, staged.store, BYTES(TOPIC),
                                                  bodies[at], false, &kept),
                     AMPS_OK);
        CHECK(!kept.is_sent && !kept.due);
    }
    amps_stored_follow(&staged.stored, 0);
    peer_expect(staged.rigged.wire.peers, "{\"c\":\"p\",\"t\":\"x\",\"s\":1001}");
    peer_expect(staged.rigged.wire.peers, "{\"c\":\"p\",\"t\":\"x\",\"s\":1002}hello");
    peer_expect(staged.rigged.wire.peers, "{\"c\":\"p\",\"t\":\"x\",\"s\":1003}");
    close_stage(&staged);
}

static void before_a_logon_it_is_only_kept_and_then_sent_in_order(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    for (int turn = 0; turn < 200; turn++) {
        CHECK(!publish(&staged, "a body of some bytes").is_sent);
    }
    CHECK(!peer_sees(staged.rigged.wire.peers, 0));
    CHECK_NUMBER(amps_stored_follow(&staged.stored, 0), BASE + 200);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 200);
    CHECK_STATUS(amps_stored_wait_sent(&staged.stored, BASE + 200, amps_clock_in_ms(PATIENCE_MS)),
                 AMPS_OK);
    CHECK(publish(&staged, "direct").is_sent);
    expect_sequences(staged.rigged.wire.peers, BASE + 201, BASE + 201);
    close_stage(&staged);
}

static void another_connection_is_sent_all_again(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    for (int turn = 0; turn < 3; turn++) {
        publish(&staged, "x");
        amps_stored_follow(&staged.stored, 0);
        expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 1 + (uint64_t)turn);
        amps_stored_forget(&staged.stored);
    }
    CHECK(!publish(&staged, "x").is_sent);
    close_stage(&staged);
}

static void a_full_buffer_costs_no_order(void)
{
    stage     staged;
    uint64_t  last = 0;
    char     *large = malloc(LARGE);
    amps_kept kept;
    CHECK(large != NULL);
    memset(large, '.', LARGE);
    open_stage(&staged, SMALL);
    amps_stored_follow(&staged.stored, 0);
    for (int turn = 0; turn < 3000; turn++) {
        size_t size = turn % 100 == 50 ? LARGE : (size_t)turn % 700;
        CHECK_STATUS(try_publish(&staged, (amps_slice){large, size}, &kept), AMPS_OK);
        last = kept.sequence;
    }
    CHECK_STATUS(amps_stored_wait_sent(&staged.stored, last, amps_clock_now()), AMPS_AGAIN);
    for (uint64_t expected = BASE + 1; expected <= last; expected++) {
        size_t size, turn = (size_t)(expected - BASE - 1);
        CHECK_NUMBER(next_sequence(staged.rigged.wire.peers, &size), expected);
        CHECK_NUMBER(size, turn % 100 == 50 ? LARGE : turn % 700);
    }
    CHECK_STATUS(amps_stored_wait_sent(&staged.stored, last, amps_clock_in_ms(PATIENCE_MS)),
                 AMPS_OK);
    CHECK(publish(&staged, "direct again").is_sent);
    free(large);
    close_stage(&staged);
}

/* ---- Many at once ---------------------------------------------------------------------------- */

#define PUBLISHERS  4u
#define EACH        2000u
#define KEPT_BEFORE 3000u

static void *publish_its_share(void *context)
{
    static const char filler[] = "................................................................";
    for (unsigned turn = 0; turn < EACH; turn++) {
        amps_kept kept;
        CHECK_STATUS(try_publish(context, (amps_slice){filler, turn % sizeof filler}, &kept),
                     AMPS_OK);
        if (!kept.is_sent) {
            amps_stored_wait_sent(&((stage *)context)->stored, kept.sequence,
                                  amps_clock_in_ms(SHORT_MS));
        }
    }
    return NULL;
}

static void case_46_threads_publish_during_a_replay_and_the_order_is_kept(void)
{
    stage     staged;
    pthread_t threads[PUBLISHERS];
    open_stage(&staged, SMALL);
    for (unsigned turn = 0; turn < KEPT_BEFORE; turn++) {
        publish(&staged, "before");
    }
    for (unsigned at = 0; at < PUBLISHERS; at++) {
        threads[at] = start(publish_its_share, &staged);
    }
    amps_stored_follow(&staged.stored, 0);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + KEPT_BEFORE + PUBLISHERS * EACH);
    for (unsigned at = 0; at < PUBLISHERS; at++) {
        join(threads[at]);
    }
    CHECK_NUMBER(amps_publish_store_count(staged.store), KEPT_BEFORE + PUBLISHERS * EACH);
    close_stage(&staged);
}

static void *discard_every_other(void *context)
{
    for (uint64_t sequence = BASE + 2; sequence < BASE + KEPT_BEFORE; sequence += 2) {
        amps_publish_store_discard_one(((stage *)context)->store, sequence, NULL);
    }
    return NULL;
}

/* Small and large ones in turn: what is found may be gone, and the next larger than its room. */
static void records_that_go_while_they_wait_stop_nothing(void)
{
    stage     staged;
    amps_kept kept;
    size_t    size;
    char      filler[900];
    memset(filler, '.', sizeof filler);
    open_stage(&staged, SMALL);
    for (unsigned turn = 0; turn < KEPT_BEFORE; turn++) {
        CHECK_STATUS(try_publish(&staged, (amps_slice){filler, turn * 61 % sizeof filler}, &kept),
                     AMPS_OK);
    }
    pthread_t thread = start(discard_every_other, &staged);
    amps_stored_follow(&staged.stored, 0);
    for (uint64_t last = BASE; last < BASE + KEPT_BEFORE;) {
        uint64_t next = next_sequence(staged.rigged.wire.peers, &size);
        CHECK(next > last && next <= last + 2);
        last = next;
    }
    join(thread);
    CHECK_STATUS(
        amps_stored_wait_sent(&staged.stored, BASE + KEPT_BEFORE, amps_clock_in_ms(PATIENCE_MS)),
        AMPS_OK);
    close_stage(&staged);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

static void who_is_in_a_hurry_does_not_wait_for_the_lock(void)
{
    stage       staged;
    amps_kept   kept;
    amps_header header = publish_header();
    open_stage(&staged, SMALL);
    amps_mutex_lock(&staged.rigged.writer.lock);
    CHECK_STATUS(amps_stored_publish(&staged.stored, &header, BYTES("x"), true, true, &kept),
                 AMPS_AGAIN);
    CHECK_STATUS(amps_stored_publish_prepared(&staged.stored, staged.store, BYTES(TOPIC),
                                              BYTES("x"), true, &kept),
                 AMPS_AGAIN);
    amps_mutex_unlock(&staged.rigged.writer.lock);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 0);
    close_stage(&staged);
}

typedef struct waiting {
    stage      *staged;
    amps_status status;
} waiting;

static void *wait_for_the_last(void *context)
{
    waiting *waits = context;
    waits->status =
        amps_stored_wait_sent(&waits->staged->stored, UINT64_MAX, amps_clock_in_ms(PATIENCE_MS));
    return NULL;
}

static void who_waits_hears_of_every_end(void)
{
    for (int end = 0; end < 3; end++) {
        stage     staged;
        char      body[1000];
        amps_kept kept;
        memset(body, '.', sizeof body);
        open_stage(&staged, SMALL);
        amps_stored_follow(&staged.stored, 0);
        do {
            CHECK_STATUS(try_publish(&staged, (amps_slice){body, sizeof body}, &kept), AMPS_OK);
        } while (amps_stored_wait_sent(&staged.stored, kept.sequence, amps_clock_in_ms(SHORT_MS)) ==
                 AMPS_OK);
        waiting   waits = {&staged, AMPS_OK};
        pthread_t thread = start(wait_for_the_last, &waits);
        if (end == 0) {
            amps_writer_break(&staged.rigged.writer, AMPS_DISCONNECTED, 0);
        } else if (end == 1) {
            amps_writer_finish(&staged.rigged.writer, AMPS_CLOSED);
        } else {
            read_up_to(staged.rigged.wire.peers, kept.sequence);
        }
        join(thread);
        CHECK_STATUS(waits.status, end == 0 ? AMPS_DISCONNECTED : end == 1 ? AMPS_CLOSED : AMPS_OK);
        close_stage(&staged);
    }
}

static void where_nothing_follows_there_is_nothing_to_wait_for(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    publish(&staged, "x");
    CHECK_STATUS(amps_stored_wait_sent(&staged.stored, BASE + 1, amps_clock_in_ms(PATIENCE_MS)),
                 AMPS_DISCONNECTED);
    close_stage(&staged);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A story of small and large ones, kept first and then sent; gives how many were refused. */
static uint64_t tell_with(stage *staged, const char *large)
{
    uint64_t  refused = 0;
    amps_kept kept;
    for (int turn = 0; turn < 12; turn++) {
        if (turn == 6) {
            amps_stored_follow(&staged->stored, 0);
        }
        size_t      size = turn % 3 == 1 ? LARGE : 10;
        amps_status status = try_publish(staged, (amps_slice){large, size}, &kept);
        CHECK(status == AMPS_OK || status == AMPS_NO_MEMORY);
        refused += status != AMPS_OK;
    }
    return refused;
}

/* Whoever is refused hears of it; what was kept is sent, unless the connection had to end. */
static void whichever_request_for_memory_fails_nothing_that_was_kept_is_lost(void)
{
    char *large = malloc(LARGE);
    CHECK(large != NULL);
    memset(large, '.', LARGE);
    size_t before = settled_memory();
    for (uint64_t n = 1;; n++) {
        stage staged;
        open_stage(&staged, SMALL);
        amps_memory_fail_at(n, 0);
        uint64_t refused = tell_with(&staged, large);
        CHECK_NUMBER(amps_publish_store_count(staged.store), 12 - refused);
        uint64_t last = amps_publish_store_last_assigned(staged.store);
        CHECK_NUMBER(last, BASE + 12 - refused);
        read_up_to(staged.rigged.wire.peers, last);
        int has_failed = amps_memory_has_failed();
        amps_memory_fail_at(0, 0);
        close_stage(&staged);
        CHECK_NUMBER(settled_memory(), before);
        if (!has_failed) {
            break;
        }
    }
    free(large);
}

int main(void)
{
    RUN(what_is_published_is_numbered_kept_and_sent);
    RUN(a_prepared_header_gives_the_same_bytes);
    RUN(before_a_logon_it_is_only_kept_and_then_sent_in_order);
    RUN(another_connection_is_sent_all_again);
    RUN(a_full_buffer_costs_no_order);
    RUN(case_46_threads_publish_during_a_replay_and_the_order_is_kept);
    RUN(records_that_go_while_they_wait_stop_nothing);
    RUN(who_is_in_a_hurry_does_not_wait_for_the_lock);
    RUN(who_waits_hears_of_every_end);
    RUN(where_nothing_follows_there_is_nothing_to_wait_for);
    RUN(whichever_request_for_memory_fails_nothing_that_was_kept_is_lost);
    return 0;
}
