/* amps_stream.h: messages waiting for someone who asks for them, bounded. The receive thread's
 * side; the taker's side is in amps.h.
 *
 * The receive thread copies each message into blocks that only it writes, and publishes what it
 * copied once per piece of network traffic: one lock for hundreds of messages. The taker reads
 * published messages without any lock. A block holds only messages of this stream, so that one kept
 * message never keeps a large receive buffer alive. */
#ifndef AMPS_STREAM_H
#define AMPS_STREAM_H

#include "amps_bookmark.h"
#include "amps_thread.h"

#define AMPS_STREAM_BLOCK_SIZE_MIN ((size_t)4 << 10)
#define AMPS_STREAM_BLOCK_SIZE_MAX ((size_t)64 << 10)
/* From this size on a message's bytes lie apart and become the taker's own: no further copy. */
#define AMPS_STREAM_APART_SIZE     ((size_t)16 << 10)

void amps_stream_hold(amps_stream *stream); /* one more reference */
/* Messages are of a queue: none of them takes the place of another. Before anybody could wish so.
 */
void amps_stream_keep_each(amps_stream *stream);

/* Copies a message in; not yet seen by the taker. AMPS_OK, AMPS_NO_MEMORY. A closed or ended stream
 * takes it and forgets it. One that conflates may have it take an older one's place. */
amps_status amps_stream_put(amps_stream *stream, const amps_message *message);

/* A message that nobody will take any more: a newer one has taken its place. */
typedef struct amps_replaced {
    uint64_t bookmark_index;
    size_t   bookmark_size; /* 0: it had none */
    char     bookmark[AMPS_BOOKMARK_SIZE_MAX];
} amps_replaced;

/* From now on it remembers what the last put has replaced. Before anything is put. */
void amps_stream_watch_replaced(amps_stream *stream);
/* That, once, until the next put; NULL: nothing. */
const amps_replaced *amps_stream_replaced(amps_stream *stream);

/* Ends it with AMPS_BROKEN_OFF and keeps this ack for whoever asks why. Without memory for that the
 * outcome is AMPS_NO_MEMORY. */
void amps_stream_break_off(amps_stream *stream, amps_slice ack);

/* Is there anything not yet published? Publishing wakes a taker that waits. */
bool amps_stream_is_dirty(const amps_stream *stream);
void amps_stream_publish(amps_stream *stream);

/* May this message be put without exceeding the limit? It may always when it replaces another. If
 * not, publish and wait for room: true, there is room now (or no need for it: closed). */
bool amps_stream_has_room(amps_stream *stream, const amps_message *message);
bool amps_stream_is_full(const amps_stream *stream);
bool amps_stream_wait_room(amps_stream *stream, uint64_t deadline);

#endif
