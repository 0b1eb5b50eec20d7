/* test_writer_turns.c: whose turn it is to send: several want to, or answers come back. */
#include <sched.h>

#include "amps_writer.h"
#include "check.h"
#include "peer.h"
#include "rig.h"

#define HALF   ((size_t)4096)
#define YIELDS 2000 /* enough for a woken thread to look and fall asleep again */

static void *fill_and_go_on(void *context)
{
    rig *rigged = context;
    for (int count = 0; count < 8; count++) { /* twice what the buffer holds */
        rig_send(rigged, long_publish());
    }
    return NULL;
}

static bool somebody_waits(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    bool waits = writer->waiting > 0;
    amps_mutex_unlock(&writer->lock);
    return waits;
}

static void who_waits_beside_a_sender_goes_on_when_that_one_has_sent(void)
{
    rig   rigged;
    char *at;
    rig_open(&rigged, HALF);
    CHECK_STATUS(rig_try(&rigged, 100, &at), AMPS_OK);
    CHECK(amps_writer_commit(&rigged.writer, put_frame(at, "first"), false));
    pthread_t other = start(fill_and_go_on, &rigged);
    uint64_t  deadline = amps_clock_in_ms(PATIENCE_MS);
    while (!somebody_waits(&rigged.writer) && amps_clock_now() < deadline) {
        sched_yield();
    }
    CHECK(somebody_waits(&rigged.writer));
    for (int turn = 0; turn < YIELDS; turn++) {
        sched_yield();
    }
    amps_writer_send_due(&rigged.writer);
    peer_expect(rigged.wire.peers, "first");
    for (int count = 0; count < 8; count++) {
        peer_expect(rigged.wire.peers, long_publish());
    }
    join(other);
    rig_end(&rigged);
}

/* How many of ten frames in close succession left on this thread. */
static int sent_here(rig *rigged, bool answered)
{
    int count = 0;
    for (int turn = 0; turn < 10; turn++) {
        char *at;
        if (answered) {
            atomic_store(&rigged->writer.last_received, amps_clock_now());
        }
        CHECK_STATUS(rig_try(rigged, 100, &at), AMPS_OK);
        if (amps_writer_commit(&rigged->writer, put_frame(at, "ping"), false)) {
            amps_writer_send_due(&rigged->writer);
            count++;
        }
        peer_expect(rigged->wire.peers, "ping");
    }
    return count;
}

static void question_and_answer_are_no_burst_however_quick(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    CHECK_NUMBER(sent_here(&rigged, true), 10);
    rig_end(&rigged);
}

int main(void)
{
    RUN(who_waits_beside_a_sender_goes_on_when_that_one_has_sent);
    RUN(question_and_answer_are_no_burst_however_quick);
    return 0;
}
