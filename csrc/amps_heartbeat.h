/* amps_heartbeat.h: when a sign of life is due, and when the other side has given none for too
 * long.
 *
 * Arithmetic alone: whoever asks brings the time. Nanoseconds throughout. */
#ifndef AMPS_HEARTBEAT_H
#define AMPS_HEARTBEAT_H

#include "amps_send_buffer.h"

#define AMPS_HEARTBEAT_LOOK_AGAIN ((uint64_t)100000000) /* while the reader is in a handler */

typedef struct amps_heartbeat {
    uint64_t interval; /* 0: there is none */
    uint64_t timeout;
    uint64_t next; /* when ours is due */
} amps_heartbeat;

typedef enum amps_heartbeat_word {
    AMPS_HEARTBEAT_ALIVE,
    AMPS_HEARTBEAT_DUE,
    AMPS_HEARTBEAT_SILENT /* for longer than the timeout, and nobody was kept from hearing it */
} amps_heartbeat_word;

/* *ask_at: when to ask again. */
amps_heartbeat_word amps_heartbeat_ask(const amps_heartbeat *heartbeat, uint64_t now,
                                       uint64_t silent_since, bool listens, uint64_t *ask_at);

/* Ours, behind what waits to be sent; the next is due an interval from now. Without room there is
 * none: the bytes that fill it are as good a sign of life. */
void amps_heartbeat_give(amps_heartbeat *heartbeat, amps_send_buffer *buffer, uint64_t now);

#endif
