/* test_writer_heartbeat.c: signs of life leave in time, and silence is told from a busy reader. */
#include "amps_writer.h"
#include "check.h"
#include "peer.h"
#include "rig.h"

#define HALF        ((size_t)4096)
#define BEAT        "{\"c\":\"heartbeat\",\"opts\":\"beat\"}"
#define INTERVAL_MS 20u
#define TIMEOUT_MS  60u
#define NEVER_MS    3600000u

static void set(rig *rigged, uint64_t interval_ms, uint64_t timeout_ms)
{
    amps_writer_set_heartbeat(&rigged->writer, interval_ms * AMPS_MS, timeout_ms * AMPS_MS);
}

static void reader_waits(rig *rigged, bool waits)
{
    atomic_store(&rigged->writer.reader_waits, waits);
}

static void beats_leave_at_the_interval_and_no_faster(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    uint64_t began = amps_clock_now();
    set(&rigged, INTERVAL_MS, NEVER_MS);
    for (int beat = 0; beat < 5; beat++) {
        peer_expect(rigged.wire.peers, BEAT);
    }
    CHECK(amps_clock_now() >= began + 5 * INTERVAL_MS * AMPS_MS);
    rig_end(&rigged);
}

static void without_an_interval_there_are_no_beats_and_no_answers(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    amps_writer_answer_heartbeat(&rigged.writer);
    CHECK(!peer_sees(rigged.wire.peers, 2 * INTERVAL_MS));
    set(&rigged, INTERVAL_MS, NEVER_MS);
    peer_expect(rigged.wire.peers, BEAT);
    set(&rigged, 0, 0);
    while (peer_sees(rigged.wire.peers, 5 * INTERVAL_MS)) { /* one may have been on its way */
        peer_expect(rigged.wire.peers, BEAT);
        CHECK(!peer_sees(rigged.wire.peers, 5 * INTERVAL_MS));
    }
    amps_writer_answer_heartbeat(&rigged.writer);
    CHECK(!peer_sees(rigged.wire.peers, 2 * INTERVAL_MS));
    rig_end(&rigged);
}

static void beats_do_not_disturb_frames(void)
{
    rig    rigged;
    size_t beats = 0;
    rig_open(&rigged, HALF);
    set(&rigged, 1, NEVER_MS);
    for (unsigned count = 0; count < 300; count++) {
        bool came = false;
        rig_send(&rigged, "frame");
        while (!came) {
            size_t size;
            char  *payload = peer_read_frame(rigged.wire.peers, &size);
            came = strcmp(payload, "frame") == 0;
            CHECK(came || strcmp(payload, BEAT) == 0);
            beats += !came;
            free(payload);
        }
    }
    while (beats == 0) {
        peer_expect(rigged.wire.peers, BEAT);
        beats++;
    }
    rig_end(&rigged);
}

static void silence_breaks_the_connection_when_the_reader_waits(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    reader_waits(&rigged, true);
    uint64_t began = amps_clock_now();
    set(&rigged, NEVER_MS, TIMEOUT_MS);
    peer_expect_end(rigged.wire.peers);
    CHECK(amps_clock_now() >= began + TIMEOUT_MS * AMPS_MS);
    CHECK_STATUS(rig_say(&rigged, "late", 0), AMPS_DISCONNECTED);
    rig_close(&rigged);
    CHECK_STATUS(rigged.writer.broken, AMPS_HEARTBEAT_LOST);
    close(rigged.wire.peers);
}

static void silence_is_forgiven_while_the_reader_is_in_a_handler(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    uint64_t began = amps_clock_now();
    set(&rigged, INTERVAL_MS, TIMEOUT_MS);
    while (amps_clock_now() < began + 5 * TIMEOUT_MS * AMPS_MS) {
        peer_expect(rigged.wire.peers, BEAT);
    }
    reader_waits(&rigged, true); /* back, and still nothing comes */
    count_frames(rigged.wire.peers);
    rig_close(&rigged);
    CHECK_STATUS(rigged.writer.broken, AMPS_HEARTBEAT_LOST);
    close(rigged.wire.peers);
}

static void whatever_is_received_is_a_sign_of_life(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    reader_waits(&rigged, true);
    uint64_t began = amps_clock_now();
    set(&rigged, 1, 20 * TIMEOUT_MS);
    while (amps_clock_now() < began + 30 * TIMEOUT_MS * AMPS_MS) {
        peer_expect(rigged.wire.peers, BEAT);
        atomic_store(&rigged.writer.last_received, amps_clock_now());
    }
    rig_send(&rigged, "alive");
    rig_close(&rigged);
    CHECK_STATUS(rigged.writer.broken, AMPS_OK);
    close(rigged.wire.peers);
}

static void silence_is_noticed_while_the_peer_does_not_read(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    rig_fill(&rigged);
    reader_waits(&rigged, true);
    set(&rigged, INTERVAL_MS, TIMEOUT_MS);
    CHECK_NUMBER(amps_thread_wait_all(amps_clock_in_ms(PATIENCE_MS)), 0);
    CHECK(rig_close(&rigged) > 0);
    CHECK_STATUS(rigged.writer.broken, AMPS_HEARTBEAT_LOST);
    close(rigged.wire.peers);
}

static void an_answer_leaves_at_most_once_in_half_an_interval(void)
{
    const uint64_t interval_ms = 1000;
    rig            rigged;
    rig_open(&rigged, HALF);
    uint64_t began = amps_clock_now();
    set(&rigged, interval_ms, NEVER_MS);
    while (!peer_sees(rigged.wire.peers, 1)) {
        amps_writer_answer_heartbeat(&rigged.writer);
        CHECK(amps_clock_now() < began + PATIENCE_MS * AMPS_MS);
    }
    CHECK(amps_clock_now() >= began + interval_ms / 2 * AMPS_MS);
    peer_expect(rigged.wire.peers, BEAT);
    for (int turn = 0; turn < 100; turn++) {
        amps_writer_answer_heartbeat(&rigged.writer);
    }
    CHECK(!peer_sees(rigged.wire.peers, (int)SHORT_MS));
    rig_end(&rigged);
}

static void a_closing_writer_beats_no_more(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    set(&rigged, 1, NEVER_MS);
    peer_expect(rigged.wire.peers, BEAT);
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    amps_writer_answer_heartbeat(&rigged.writer);
    count_frames(rigged.wire.peers); /* it ends */
    rig_end(&rigged);
}

int main(void)
{
    RUN(beats_leave_at_the_interval_and_no_faster);
    RUN(without_an_interval_there_are_no_beats_and_no_answers);
    RUN(beats_do_not_disturb_frames);
    RUN(silence_breaks_the_connection_when_the_reader_waits);
    RUN(silence_is_forgiven_while_the_reader_is_in_a_handler);
    RUN(whatever_is_received_is_a_sign_of_life);
    RUN(silence_is_noticed_while_the_peer_does_not_read);
    RUN(an_answer_leaves_at_most_once_in_half_an_interval);
    RUN(a_closing_writer_beats_no_more);
    return 0;
}
