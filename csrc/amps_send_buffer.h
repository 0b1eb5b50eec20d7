/* amps_send_buffer.h: the frames that wait to be sent, and when they should go.
 *
 * Two halves: commands are appended to the back while the front is being sent; when the front is
 * through, they change places. No thread, lock, clock or socket: the caller brings them (time is an
 * argument), so that all of it can be tested by arithmetic. */
#ifndef AMPS_SEND_BUFFER_H
#define AMPS_SEND_BUFFER_H

#include "amps_buffer.h"

#define AMPS_SEND_BUFFER_SIZE_DEFAULT ((size_t)1 << 20) /* bytes per half */
#define AMPS_SEND_BUFFER_SIZE_MAX     ((size_t)1 << 30)
#define AMPS_SEND_BUFFER_SLACK        ((size_t)4096) /* on top, for what must not wait */

/* Two sends by publishers closer together than this, twice running, are a burst: the writer thread
 * takes over and gathers. Above it every publish leaves at once, on its own thread. */
#define AMPS_BURST_GAP_NS ((uint64_t)10000)
#define AMPS_BURST_RUN    2u

typedef struct amps_send_buffer {
    amps_buffer back;
    amps_buffer front;
    size_t      front_sent;
    size_t      front_shown;    /* of it, to who watches what is sent */
    size_t      rest_publishes; /* the front is the rest of one frame, holding so many publishes */
    bool        front_is_rest;
    size_t      size_max;      /* of one half */
    uint64_t    last_send_end; /* when a publisher last finished sending by itself */
    unsigned    run;           /* how many such sends followed each other closely */
    size_t      batch_size;    /* publishes are gathered up to so many bytes; 0: they are not */
    uint64_t    batch_timeout; /* and for so long; 0: however long it takes */
    size_t      gathered;      /* so many bytes at the end of the back are not to go yet */
    uint64_t    gathered_until;
} amps_send_buffer;

void amps_send_buffer_init(amps_send_buffer *buffer, size_t size_max);
void amps_send_buffer_fini(amps_send_buffer *buffer);
void amps_send_buffer_clear(amps_send_buffer *buffer); /* forgets all bytes, keeps the memory */

/* Room for one frame of at most `size` bytes at the back. AMPS_OK, AMPS_AGAIN (full: wait until the
 * front is through), AMPS_TOO_LARGE (larger than a whole half: send it around the buffer),
 * AMPS_NO_MEMORY. */
amps_status amps_send_buffer_reserve(amps_send_buffer *buffer, size_t size, char **at);
amps_status amps_send_buffer_reserve_slack(amps_send_buffer *buffer, size_t size, char **at);
void        amps_send_buffer_commit(amps_send_buffer *buffer, size_t size); /* all is due then */

/* All of `bytes` follows what is at the back, and is due; then it is empty. AMPS_AGAIN: not all has
 * room, and nothing was changed. */
amps_status amps_send_buffer_join(amps_send_buffer *buffer, amps_buffer *bytes);

/* From now on publishes committed in this way are only gathered, as long as those gathered fit into
 * `size` bytes (at most a half's) and none is older than `timeout`. All that waits now is due. */
void amps_send_buffer_set_batching(amps_send_buffer *buffer, size_t size, uint64_t timeout);
/* True: it is the first of a batch that has a timeout, whose time begins now. */
bool     amps_send_buffer_commit_publish(amps_send_buffer *buffer, size_t size);
void     amps_send_buffer_batch_begins(amps_send_buffer *buffer, uint64_t now);
uint64_t amps_send_buffer_batch_ends_at(const amps_send_buffer *buffer); /* UINT64_MAX: never */
void     amps_send_buffer_end_batch(amps_send_buffer *buffer);           /* all is due */

bool       amps_send_buffer_has_due(const amps_send_buffer *buffer); /* take would give something */
bool       amps_send_buffer_is_empty(const amps_send_buffer *buffer);
amps_slice amps_send_buffer_take(amps_send_buffer *buffer); /* what goes next; empty: nothing */
amps_slice amps_send_buffer_show(amps_send_buffer *buffer); /* what of it was not shown yet */
void       amps_send_buffer_sent(amps_send_buffer *buffer, size_t size); /* so much of it went */

/* Puts what is left of a frame that was being sent around the buffer in front of everything else,
 * larger than a half if need be. `first` then `second`; `is_publish` says what was cut. AMPS_OK or
 * AMPS_NO_MEMORY. The front must be through. */
amps_status amps_send_buffer_put_rest(amps_send_buffer *buffer, amps_slice first, amps_slice second,
                                      bool is_publish);

/* May the publisher whose frame just arrived in an otherwise empty buffer send it itself? */
bool amps_send_buffer_goes_at_once(const amps_send_buffer *buffer, uint64_t now);
/* Something was received since: question and answer, however quick, are no burst. */
void amps_send_buffer_was_answered(amps_send_buffer *buffer);
void amps_send_buffer_went_at_once(amps_send_buffer *buffer, uint64_t began, uint64_t ended);

/* How many publishes have not wholly left. A frame that was cut counts. */
size_t amps_send_buffer_unsent_publishes(const amps_send_buffer *buffer);

/* Copies them, whole and in order, in front of what `kept` has; a frame of which only the rest is
 * here cannot be. Returns how many. 0, and nothing is copied, without memory. */
size_t amps_send_buffer_keep_unsent(const amps_send_buffer *buffer, amps_buffer *kept);

#endif
