/* amps_writer_heartbeat.c: signs of life, sent by the writer's thread and missed by it. */
#include "amps_frame.h"
#include "amps_writer.h"

static amps_status add_beat(amps_writer *writer)
{
    static const char beat[] = "{\"c\":\"heartbeat\",\"opts\":\"beat\"}";
    const size_t      size = sizeof beat - 1;
    char             *at;
    amps_status       status =
        amps_send_buffer_reserve_slack(&writer->buffer, AMPS_FRAME_PREFIX_SIZE + size, &at);
    if (status == AMPS_OK) {
        amps_frame_seal(at, size);
        memcpy(at + AMPS_FRAME_PREFIX_SIZE, beat, size);
        amps_send_buffer_commit(&writer->buffer, AMPS_FRAME_PREFIX_SIZE + size);
    }
    writer->next_beat = amps_clock_now() + writer->beat_interval;
    return status; /* no room: the bytes that fill it are as good a sign of life */
}

/* Does what the clock asks for; returns when it will ask next. */
uint64_t amps_writer_tick(amps_writer *writer)
{
    if (writer->beat_interval == 0 || writer->refuse != AMPS_OK) {
        return AMPS_FOREVER;
    }
    uint64_t now = amps_clock_now();
    bool     reader_waits = atomic_load(&writer->reader_waits); /* first: it sets this last */
    uint64_t silent_since = atomic_load(&writer->last_received);
    if (now >= silent_since + writer->beat_timeout && reader_waits) {
        amps_writer_mark_broken(writer, AMPS_HEARTBEAT_LOST, 0);
        return now;
    }
    if (now >= writer->next_beat) {
        add_beat(writer);
    }
    uint64_t silent_at = silent_since + writer->beat_timeout;
    if (silent_at <= now) { /* the reader is in a handler: look again soon */
        silent_at = now + AMPS_WRITER_SLICE_MS * AMPS_MS;
    }
    return silent_at < writer->next_beat ? silent_at : writer->next_beat;
}

void amps_writer_set_heartbeat(amps_writer *writer, uint64_t interval, uint64_t timeout)
{
    amps_mutex_lock(&writer->lock);
    writer->beat_interval = interval;
    writer->beat_timeout = timeout;
    writer->next_beat = amps_clock_now() + interval;
    atomic_store(&writer->last_received, amps_clock_now());
    amps_writer_wake(writer);
    amps_mutex_unlock(&writer->lock);
}

void amps_writer_answer_heartbeat(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    uint64_t half = writer->beat_interval / 2;
    if (writer->beat_interval != 0 && writer->refuse == AMPS_OK &&
        amps_clock_now() + half >= writer->next_beat) {
        add_beat(writer);
        amps_writer_wake(writer);
    }
    amps_mutex_unlock(&writer->lock);
}
