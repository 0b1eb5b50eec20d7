/* amps_writer_heartbeat.c: signs of life, sent by the writer's thread and missed by it. */
#include "amps_writer.h"

/* Does what the clock asks for; returns when it will ask next. */
uint64_t amps_writer_tick(amps_writer *writer)
{
    if (writer->heartbeat.interval == 0 || writer->refuse != AMPS_OK) {
        return AMPS_FOREVER;
    }
    uint64_t            now = amps_clock_now(), ask_at;
    bool                listens = atomic_load(&writer->reader_waits); /* first: it is set last */
    uint64_t            silent_since = atomic_load(&writer->last_received);
    amps_heartbeat_word word =
        amps_heartbeat_ask(&writer->heartbeat, now, silent_since, listens, &ask_at);
    if (word == AMPS_HEARTBEAT_SILENT) {
        amps_writer_mark_broken(writer, AMPS_HEARTBEAT_LOST, 0);
    } else if (word == AMPS_HEARTBEAT_DUE) {
        amps_heartbeat_give(&writer->heartbeat, &writer->buffer, now);
    }
    return ask_at;
}

void amps_writer_set_heartbeat(amps_writer *writer, uint64_t interval, uint64_t timeout)
{
    amps_mutex_lock(&writer->lock);
    uint64_t now = amps_clock_now();
    writer->heartbeat = (amps_heartbeat){interval, timeout, now + interval};
    atomic_store(&writer->last_received, now);
    amps_writer_wake(writer);
    amps_mutex_unlock(&writer->lock);
}

void amps_writer_answer_heartbeat(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    amps_heartbeat *heartbeat = &writer->heartbeat;
    uint64_t        now = amps_clock_now();
    if (heartbeat->interval != 0 && writer->refuse == AMPS_OK &&
        now + heartbeat->interval / 2 >= heartbeat->next) {
        amps_heartbeat_give(heartbeat, &writer->buffer, now);
        amps_writer_wake(writer);
    }
    amps_mutex_unlock(&writer->lock);
}
