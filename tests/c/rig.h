/* rig.h: a writer at one end of a connection, and its peer at the other. */
#ifndef RIG_H
#define RIG_H

#include "amps_writer.h"
#include "check.h"
#include "peer.h"

#define SHORT_MS  30u
#define LONG_SIZE ((size_t)999)
#define PUBLISH   "{\"c\":\"p\",\"t\":\"x\"}"

typedef struct rig {
    amps_writer writer;
    ends        wire;
    size_t      memory_before;
} rig;

static inline void rig_open(rig *rigged, size_t size_max)
{
    rigged->memory_before = settled_memory();
    rigged->wire = connect_pair();
    amps_writer_init(&rigged->writer, size_max);
    CHECK_STATUS(amps_writer_open(&rigged->writer, rigged->wire.ours), AMPS_OK);
}

/* Closes and takes everything down but the peer's end; gives how many publishes did not leave. */
static inline size_t rig_close(rig *rigged)
{
    size_t unsent = amps_writer_close(&rigged->writer);
    amps_writer_fini(&rigged->writer);
    close(rigged->wire.ours);
    CHECK_NUMBER(settled_memory(), rigged->memory_before);
    return unsent;
}

/* The same, when everything must have left. */
static inline void rig_end(rig *rigged)
{
    CHECK_NUMBER(rig_close(rigged), 0);
    close(rigged->wire.peers);
}

/* Begins without waiting for room; the lock may be held for a moment, then it tries again. */
static inline amps_status rig_try(rig *rigged, size_t size, char **at)
{
    uint64_t    deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_status status = AMPS_AGAIN;
    while (status == AMPS_AGAIN && amps_clock_now() < deadline) {
        status = amps_writer_try_begin(&rigged->writer, size, at);
    }
    return status;
}

/* Sends one frame, waiting for room until the deadline. */
static inline amps_status rig_say(rig *rigged, const char *payload, uint64_t deadline)
{
    char       *at;
    size_t      size = strlen(payload);
    amps_status status =
        amps_writer_begin(&rigged->writer, &(unsigned){0}, PREFIX_SIZE + size + 10, deadline, &at);
    if (status == AMPS_OK && amps_writer_commit(&rigged->writer, put_frame(at, payload), false)) {
        amps_writer_send_due(&rigged->writer);
    }
    return status;
}

static inline void rig_send(rig *rigged, const char *payload)
{
    CHECK_STATUS(rig_say(rigged, payload, amps_clock_in_ms(PATIENCE_MS)), AMPS_OK);
}

/* A publish of LONG_SIZE bytes; what is filled with these has no room for one more. */
static inline const char *long_publish(void)
{
    static _Thread_local char payload[LONG_SIZE + 1] = PUBLISH;
    memset(payload + strlen(PUBLISH), '.', LONG_SIZE - strlen(PUBLISH));
    return payload;
}

/* Publishes until nothing moves any more; gives how many were taken. */
static inline size_t rig_fill(rig *rigged)
{
    size_t count = 0;
    while (rig_say(rigged, long_publish(), amps_clock_in_ms(SHORT_MS)) == AMPS_OK) {
        count++;
    }
    return count;
}

/* Reads whole frames until the end of the bytes, which may cut the last; gives how many. */
static inline size_t count_frames(int fd)
{
    static char bytes[1 << 20];
    size_t      count = 0, size = 0, got;
    while ((got = peer_read_some(fd, bytes + size, sizeof bytes - size)) > 0) {
        amps_slice payload;
        size_t     start_at = 0, frame;
        size += got;
        while (amps_frame_find((amps_slice){bytes + start_at, size - start_at}, sizeof bytes,
                               &payload, &frame) == AMPS_OK) {
            start_at += frame;
            count++;
        }
        memmove(bytes, bytes + start_at, size - start_at);
        size -= start_at;
    }
    return count;
}

#endif
