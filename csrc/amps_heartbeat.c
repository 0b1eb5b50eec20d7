/* amps_heartbeat.c: the times of both sides' signs of life, and the frame of ours. */
#include "amps_heartbeat.h"

#include "amps_frame.h"

static const char beat[] = "{\"c\":\"heartbeat\",\"opts\":\"beat\"}";

amps_heartbeat_word amps_heartbeat_ask(const amps_heartbeat *heartbeat, uint64_t now,
                                       uint64_t silent_since, bool listens, uint64_t *ask_at)
{
    uint64_t silent_at = silent_since + heartbeat->timeout;
    bool     is_due = now >= heartbeat->next;
    uint64_t next = is_due ? now + heartbeat->interval : heartbeat->next;
    if (silent_at <= now && listens) {
        *ask_at = now;
        return AMPS_HEARTBEAT_SILENT;
    }
    if (silent_at <= now) {
        silent_at = now + AMPS_HEARTBEAT_LOOK_AGAIN;
    }
    *ask_at = silent_at < next ? silent_at : next;
    return is_due ? AMPS_HEARTBEAT_DUE : AMPS_HEARTBEAT_ALIVE;
}

void amps_heartbeat_give(amps_heartbeat *heartbeat, amps_send_buffer *buffer, uint64_t now)
{
    const size_t size = sizeof beat - 1;
    char        *at;
    if (amps_send_buffer_reserve_slack(buffer, AMPS_FRAME_PREFIX_SIZE + size, &at) == AMPS_OK) {
        amps_frame_seal(at, size);
        memcpy(at + AMPS_FRAME_PREFIX_SIZE, beat, size);
        amps_send_buffer_commit(buffer, AMPS_FRAME_PREFIX_SIZE + size);
    }
    heartbeat->next = now + heartbeat->interval;
}
