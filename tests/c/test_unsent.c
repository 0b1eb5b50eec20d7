/* test_unsent.c: publishes that did not leave before a loss are kept, and sent on the next one. */
#include "amps_memory.h"
#include "amps_unsent.h"
#include "check.h"
#include "peer.h"
#include "rig.h"

#define HALF ((size_t)4096)

/* A rig whose connection is lost with so many publishes gathered. */
static void lose_with(rig *rigged, size_t count)
{
    rig_open(rigged, HALF);
    amps_writer_set_batching(&rigged->writer, HALF, 0);
    for (size_t index = 0; index < count; index++) {
        rig_send(rigged, PUBLISH);
    }
    amps_writer_break(&rigged->writer, AMPS_DISCONNECTED, 0);
    CHECK_NUMBER(amps_writer_close(&rigged->writer), count);
}

static void reopen(rig *rigged)
{
    close(rigged->wire.ours);
    close(rigged->wire.peers);
    rigged->wire = connect_pair();
    CHECK_STATUS(amps_writer_open(&rigged->writer, rigged->wire.ours), AMPS_OK);
}

static void what_was_gathered_at_a_loss_is_sent_on_the_next_connection(void)
{
    rig rigged;
    lose_with(&rigged, 3);
    CHECK_NUMBER(rigged.writer.kept_last, 3);
    CHECK_NUMBER(amps_unsent_count(&rigged.writer), 3);
    CHECK_STATUS(amps_unsent_send(&rigged.writer, amps_clock_now()), AMPS_DISCONNECTED);
    reopen(&rigged);
    CHECK_STATUS(amps_unsent_send(&rigged.writer, amps_clock_in_ms(PATIENCE_MS)), AMPS_OK);
    CHECK_NUMBER(amps_unsent_count(&rigged.writer), 0);
    for (int index = 0; index < 3; index++) {
        peer_expect(rigged.wire.peers, PUBLISH);
    }
    rig_end(&rigged);
}

static void more_than_the_buffer_holds_goes_in_steps_and_a_second_loss_loses_nothing(void)
{
    rig rigged;
    lose_with(&rigged, 2);
    amps_mutex_lock(&rigged.writer.lock);
    for (int index = 0; index < 4000; index++) {
        char        frame[64];
        const char *payload = PUBLISH;
        amps_buffer_add(&rigged.writer.kept, (amps_slice){frame, put_frame(frame, payload)});
    }
    amps_mutex_unlock(&rigged.writer.lock);
    reopen(&rigged); /* a peer that reads nothing */
    amps_writer_break(&rigged.writer, AMPS_DISCONNECTED, 0);
    CHECK_STATUS(amps_unsent_send(&rigged.writer, amps_clock_in_ms(SHORT_MS)), AMPS_DISCONNECTED);
    amps_writer_close(&rigged.writer);
    CHECK_NUMBER(amps_unsent_count(&rigged.writer), 4002);
    reopen(&rigged);
    CHECK_STATUS(amps_unsent_send(&rigged.writer, amps_clock_in_ms(PATIENCE_MS)), AMPS_OK);
    for (int index = 0; index < 4002; index++) {
        peer_expect(rigged.wire.peers, PUBLISH);
    }
    rig_end(&rigged);
}

static void what_the_program_closed_is_not_kept(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    rig_close(&rigged);
    close(rigged.wire.peers);
    rig_open(&rigged, HALF);
    amps_writer_set_batching(&rigged.writer, HALF, 0);
    rig_send(&rigged, PUBLISH);
    amps_writer_break(&rigged.writer, AMPS_CLOSED, 0);
    rigged.writer.refuse = AMPS_CLOSED;
    CHECK_NUMBER(amps_writer_close(&rigged.writer), 1);
    CHECK_NUMBER(amps_unsent_count(&rigged.writer), 0);
    rig_close(&rigged);
    close(rigged.wire.peers);
}

static void those_dropped_are_counted_and_gone(void)
{
    rig rigged;
    lose_with(&rigged, 5);
    CHECK_NUMBER(amps_unsent_drop(&rigged.writer), 5);
    CHECK_NUMBER(amps_unsent_drop(&rigged.writer), 0);
    rig_close(&rigged);
    close(rigged.wire.peers);
}

int main(void)
{
    RUN(what_was_gathered_at_a_loss_is_sent_on_the_next_connection);
    RUN(more_than_the_buffer_holds_goes_in_steps_and_a_second_loss_loses_nothing);
    RUN(what_the_program_closed_is_not_kept);
    RUN(those_dropped_are_counted_and_gone);
    return 0;
}
