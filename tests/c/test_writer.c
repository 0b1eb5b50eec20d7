/* test_writer.c: who sends and when: lone frames, bursts, a full buffer, and every way to end. */
#include "amps_writer.h"

#include "amps_memory.h"
#include "check.h"
#include "peer.h"
#include "rig.h"

#define HALF ((size_t)4096)

/* ---- Alone and in bursts ----------------------------------------------------------------------*/

static void a_lone_frame_leaves_at_once_on_the_thread_that_sends_it(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    CHECK_STATUS(rig_try(&rigged, 100, &at), AMPS_OK);
    CHECK(amps_writer_commit(&rigged.writer, put_frame(at, "alone"), false));
    CHECK(!peer_sees(rigged.wire.peers, 0));
    amps_writer_send_due(&rigged.writer);
    CHECK(peer_sees(rigged.wire.peers, 0));
    peer_expect(rigged.wire.peers, "alone");
    rig_end(&rigged);
}

static void what_comes_while_another_sends_follows_without_a_further_call(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    CHECK_STATUS(rig_try(&rigged, 100, &at), AMPS_OK);
    CHECK(amps_writer_commit(&rigged.writer, put_frame(at, "first"), false));
    for (int turn = 0; turn < 3; turn++) {
        CHECK_STATUS(rig_try(&rigged, 100, &at), AMPS_OK);
        CHECK(!amps_writer_commit(&rigged.writer, put_frame(at, "more"), turn == 1));
    }
    amps_writer_send_due(&rigged.writer);
    peer_expect(rigged.wire.peers, "first");
    for (int turn = 0; turn < 3; turn++) {
        peer_expect(rigged.wire.peers, "more");
    }
    rig_end(&rigged);
}

#define THREADS     4u
#define EACH        25000u
#define FILLER_MAX  100u
#define NUMBERS     "%02u %06u "
#define NUMBERS_MAX 16

typedef struct sender {
    rig     *rigged;
    unsigned number;
} sender;

static void *send_many(void *context)
{
    sender *sending = context;
    char    payload[NUMBERS_MAX + FILLER_MAX];
    for (unsigned index = 0; index < EACH; index++) {
        int size = snprintf(payload, sizeof payload, NUMBERS, sending->number, index);
        memset(payload + size, 'f', index % FILLER_MAX);
        payload[(unsigned)size + index % FILLER_MAX] = '\0';
        rig_send(sending->rigged, payload);
    }
    return NULL;
}

/* Notes a frame as the next one of its thread. */
static void check_frame(amps_slice payload, unsigned next[THREADS])
{
    char     text[NUMBERS_MAX + FILLER_MAX] = "";
    unsigned number, index;
    CHECK(payload.size < sizeof text);
    memcpy(text, payload.at, payload.size);
    CHECK(sscanf(text, NUMBERS, &number, &index) == 2);
    CHECK(number < THREADS);
    CHECK_NUMBER(index, next[number]++);
    CHECK_NUMBER(payload.size, 10 + index % FILLER_MAX);
}

/* The last frames come although nobody calls any more: all senders may long be through. */
static void a_burst_of_four_threads_arrives_whole_and_in_order_to_its_last_frame(void)
{
    static char bytes[256 << 10];
    rig         rigged;
    pthread_t   threads[THREADS];
    sender      senders[THREADS];
    unsigned    next[THREADS] = {0};
    size_t      size = 0, reads = 0, frames = 0;
    rig_open(&rigged, AMPS_SEND_BUFFER_SIZE_DEFAULT);
    for (unsigned index = 0; index < THREADS; index++) {
        senders[index] = (sender){&rigged, index};
        threads[index] = start(send_many, &senders[index]);
    }
    while (frames < THREADS * EACH) {
        amps_slice payload;
        size_t     at = 0, frame;
        size_t     got = peer_read_some(rigged.wire.peers, bytes + size, sizeof bytes - size);
        CHECK(got > 0);
        size += got;
        reads++;
        while (amps_frame_find((amps_slice){bytes + at, size - at}, FILLER_MAX + NUMBERS_MAX,
                               &payload, &frame) == AMPS_OK) {
            check_frame(payload, next);
            at += frame;
            frames++;
        }
        memmove(bytes, bytes + at, size - at);
        size -= at;
    }
    for (unsigned index = 0; index < THREADS; index++) {
        join(threads[index]);
    }
    printf("# %zu frames in %zu reads\n", frames, reads);
    CHECK_NUMBER(size, 0);
    rig_end(&rigged);
}

/* ---- No room
 * -----------------------------------------------------------------------------------*/

static void *send_one(void *context)
{
    return (void *)(uintptr_t)rig_say(context, long_publish(), amps_clock_in_ms(PATIENCE_MS));
}

static amps_status joined_status(pthread_t thread)
{
    void *status;
    CHECK_NUMBER(pthread_join(thread, &status), 0);
    return (amps_status)(uintptr_t)status;
}

static void a_full_buffer_makes_wait_until_the_deadline_or_the_peer_reads(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    size_t count = rig_fill(&rigged);
    CHECK(count >= 4);
    uint64_t deadline = amps_clock_in_ms(SHORT_MS);
    CHECK_STATUS(amps_writer_begin(&rigged.writer, &(unsigned){0}, HALF, deadline, &at),
                 AMPS_AGAIN);
    CHECK(amps_clock_now() >= deadline);
    CHECK_STATUS(amps_writer_begin(&rigged.writer, &(unsigned){0}, HALF, 0, &at), AMPS_AGAIN);
    CHECK_STATUS(amps_writer_try_begin(&rigged.writer, HALF, &at), AMPS_AGAIN);
    pthread_t thread = start(send_one, &rigged);
    for (size_t index = 0; index < count + 1; index++) {
        peer_expect(rigged.wire.peers, long_publish());
    }
    CHECK_STATUS(joined_status(thread), AMPS_OK);
    rig_end(&rigged);
}

static void a_destructors_frame_may_use_the_slack_and_no_more(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    rig_fill(&rigged);
    size_t soon = 0;
    while (amps_writer_begin_soon(&rigged.writer, 500, &at) == AMPS_OK) {
        CHECK(!amps_writer_commit(&rigged.writer, put_frame(at, "soon"), true));
        soon++;
    }
    CHECK(soon > 0 && soon <= (HALF + AMPS_SEND_BUFFER_SLACK) / (PREFIX_SIZE + 4));
    CHECK(rig_close(&rigged) > 0);
    close(rigged.wire.peers);
}

static void a_frame_larger_than_a_half_is_sent_elsewhere(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    CHECK_STATUS(rig_try(&rigged, HALF + 1, &at), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_writer_begin(&rigged.writer, &(unsigned){0}, SIZE_MAX, 0, &at),
                 AMPS_TOO_LARGE);
    CHECK_STATUS(rig_try(&rigged, HALF, &at), AMPS_OK);
    CHECK(amps_writer_commit(&rigged.writer, put_frame(at, "fits"), true));
    amps_writer_send_due(&rigged.writer);
    peer_expect(rigged.wire.peers, "fits");
    rig_end(&rigged);
}

static void a_lock_that_is_held_is_not_waited_for(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    amps_mutex_lock(&rigged.writer.lock);
    CHECK_STATUS(amps_writer_try_begin(&rigged.writer, 10, &at), AMPS_AGAIN);
    amps_mutex_unlock(&rigged.writer.lock);
    rig_end(&rigged);
}

/* ---- Ends
 * --------------------------------------------------------------------------------------*/

static void a_break_ends_every_wait_and_the_first_reason_stays(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    size_t    count = rig_fill(&rigged);
    pthread_t thread = start(send_one, &rigged);
    amps_writer_break(&rigged.writer, AMPS_BAD_FRAME, 0);
    amps_writer_break(&rigged.writer, AMPS_DISCONNECTED, EPIPE);
    CHECK_STATUS(joined_status(thread), AMPS_DISCONNECTED);
    CHECK_STATUS(rig_try(&rigged, 1, &at), AMPS_DISCONNECTED);
    CHECK_STATUS(amps_writer_begin_soon(&rigged.writer, 1, &at), AMPS_DISCONNECTED);
    CHECK_STATUS(rigged.writer.broken, AMPS_BAD_FRAME);
    size_t unsent = rig_close(&rigged);
    CHECK_NUMBER(count_frames(rigged.wire.peers) + unsent, count);
    CHECK(unsent > 0);
    close(rigged.wire.peers);
}

static void a_peer_that_is_gone_is_found_by_sending(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    close(rigged.wire.peers);
    rig_send(&rigged, PUBLISH "lost");
    CHECK_STATUS(rig_try(&rigged, 1, &at), AMPS_DISCONNECTED);
    CHECK_NUMBER(rigged.writer.error, EPIPE);
    CHECK_NUMBER(rig_close(&rigged), 1);
}

static void finishing_sends_all_that_waits_and_then_hangs_up(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    size_t count = rig_fill(&rigged);
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    CHECK_STATUS(rig_try(&rigged, 1, &at), AMPS_CLOSED);
    CHECK_STATUS(rig_say(&rigged, "late", amps_clock_in_ms(PATIENCE_MS)), AMPS_CLOSED);
    CHECK_NUMBER(count_frames(rigged.wire.peers), count); /* and sees the end */
    rig_end(&rigged);
}

static void finishing_waits_for_the_sender_under_way_and_then_hangs_up_at_once(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    CHECK_STATUS(rig_try(&rigged, 100, &at), AMPS_OK);
    CHECK(amps_writer_commit(&rigged.writer, put_frame(at, "last"), false));
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    CHECK(!peer_sees(rigged.wire.peers, (int)SHORT_MS));
    uint64_t began = amps_clock_now();
    amps_writer_send_due(&rigged.writer);
    peer_expect(rigged.wire.peers, "last");
    peer_expect_end(rigged.wire.peers);
    CHECK(amps_clock_now() < began + AMPS_CLOSE_FLUSH_MS * AMPS_MS / 2);
    rig_end(&rigged);
}

static void finishing_gives_a_peer_that_does_not_read_a_second(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    size_t   count = rig_fill(&rigged);
    uint64_t began = amps_clock_now();
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    CHECK_NUMBER(amps_thread_wait_all(amps_clock_in_ms(PATIENCE_MS)), 0);
    CHECK(amps_clock_now() >= began + AMPS_CLOSE_FLUSH_MS * AMPS_MS);
    size_t unsent = rig_close(&rigged);
    CHECK(unsent > 0);
    CHECK_NUMBER(count_frames(rigged.wire.peers) + unsent, count);
    close(rigged.wire.peers);
}

static void a_closed_writer_can_be_opened_again_and_has_forgotten(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    rig_fill(&rigged);
    CHECK(amps_writer_close(&rigged.writer) > 0);
    CHECK_STATUS(rig_try(&rigged, 1, &at), AMPS_DISCONNECTED);
    CHECK_NUMBER(amps_writer_close(&rigged.writer), 0);
    close(rigged.wire.ours);
    close(rigged.wire.peers);
    rigged.wire = connect_pair();
    CHECK_STATUS(amps_writer_open(&rigged.writer, rigged.wire.ours), AMPS_OK);
    rig_send(&rigged, "again");
    peer_expect(rigged.wire.peers, "again");
    rig_end(&rigged);
}

static void a_writer_without_memory_stays_closed(void)
{
    size_t      before = settled_memory();
    amps_writer writer;
    char       *at;
    ends        wire = connect_pair();
    amps_writer_init(&writer, HALF);
    CHECK_STATUS(amps_writer_try_begin(&writer, 1, &at), AMPS_DISCONNECTED);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_writer_open(&writer, wire.ours), AMPS_NO_MEMORY);
    CHECK_STATUS(amps_writer_try_begin(&writer, 1, &at), AMPS_DISCONNECTED);
    amps_writer_fini(&writer);
    CHECK_NUMBER(settled_memory(), before);
    close(wire.ours);
    close(wire.peers);
}

static void a_frame_without_memory_is_refused_and_the_next_goes(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(rig_try(&rigged, 10, &at), AMPS_NO_MEMORY);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_writer_begin(&rigged.writer, &(unsigned){0}, 10, 0, &at), AMPS_NO_MEMORY);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_writer_begin_soon(&rigged.writer, 10, &at), AMPS_NO_MEMORY);
    rig_send(&rigged, "next");
    peer_expect(rigged.wire.peers, "next");
    rig_end(&rigged);
}

int main(void)
{
    RUN(a_lone_frame_leaves_at_once_on_the_thread_that_sends_it);
    RUN(what_comes_while_another_sends_follows_without_a_further_call);
    RUN(a_burst_of_four_threads_arrives_whole_and_in_order_to_its_last_frame);
    RUN(a_full_buffer_makes_wait_until_the_deadline_or_the_peer_reads);
    RUN(a_destructors_frame_may_use_the_slack_and_no_more);
    RUN(a_frame_larger_than_a_half_is_sent_elsewhere);
    RUN(a_lock_that_is_held_is_not_waited_for);
    RUN(a_break_ends_every_wait_and_the_first_reason_stays);
    RUN(a_peer_that_is_gone_is_found_by_sending);
    RUN(finishing_sends_all_that_waits_and_then_hangs_up);
    RUN(finishing_gives_a_peer_that_does_not_read_a_second);
    RUN(a_closed_writer_can_be_opened_again_and_has_forgotten);
    RUN(a_frame_without_memory_is_refused_and_the_next_goes);
    RUN(finishing_waits_for_the_sender_under_way_and_then_hangs_up_at_once);
    RUN(a_writer_without_memory_stays_closed);
    return 0;
}
