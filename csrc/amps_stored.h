/* amps_stored.h: publishes that go through a publish store: numbered and kept, then sent in order.
 *
 * The writer's lock makes one order of it all: a number is taken, the message kept and its frame
 * appended to the send buffer in one step. Where that cannot be (no connection, a full buffer, an
 * older message not sent yet) it is only kept, and the writer's thread sends what is kept as soon
 * as it can, in the order of the numbers. A replay after a logon is the same thing from number 0.
 *
 * In a burst, while the thread is awake, publishes need the store's lock alone: their frames are
 * gathered in a lane, which the thread collects. Whoever else sends collects it first.
 */
#ifndef AMPS_STORED_H
#define AMPS_STORED_H

#include "amps_header.h"
#include "amps_publish_store.h"
#include "amps_writer.h"

typedef struct amps_stored {
    amps_writer        *writer;
    amps_publish_store *store;   /* held; NULL: there is none */
    _Atomic uint64_t    sent;    /* the highest number that went to this connection */
    uint64_t            acked;   /* the highest that was acked on it */
    atomic_bool         is_used; /* there is a store; for a look without the lock */
    bool                follows; /* this connection takes publishes: it is logged on and replays */
    _Atomic(amps_publish_store *) open; /* the store, while the lane takes frames; both locks */
    amps_buffer                   lane; /* with the store's lock, as all that follows */
    char                         *scratch;
    size_t                        scratch_size;
    uint64_t                      texted; /* the number whose digits these are, or 0 */
    amps_slice                    text;
    char                          digits[AMPS_NUMBER_TEXT_MAX];
} amps_stored;

void amps_stored_init(amps_stored *stored, amps_writer *writer);
void amps_stored_fini(amps_stored *stored);

/* From now on publishes go through this store (NULL: through none). AMPS_ALREADY_CONNECTED while
 * the one before holds messages that this connection has taken and not persisted. */
amps_status amps_stored_set(amps_stored *stored, amps_publish_store *store);

/* Numbers, keeps and sends one. AMPS_OK: it is kept, *kept says more. AMPS_AGAIN: with `at_once`,
 * when that would have to wait for a lock or the disk. Else nothing was kept. The header's sequence
 * is set. */
amps_status amps_stored_publish(amps_stored *stored, amps_header *header, amps_slice body,
                                bool is_publish, bool at_once, amps_kept *kept);
/* The same for a header that amps_header_prepare made, without a sequence. `held`: the store that
 * the caller knows to last until this returns; it may have been replaced. */
amps_status amps_stored_publish_prepared(amps_stored *stored, amps_publish_store *held,
                                         amps_slice header, amps_slice body, bool at_once,
                                         amps_kept *kept);

/* A logon has come about: all that is kept is sent to this connection, from the first number.
 * Gives the highest number there is now. */
uint64_t amps_stored_follow(amps_stored *stored, uint64_t persisted);
void     amps_stored_forget(amps_stored *stored); /* there is another connection, or none */
/* Until this number has been handed to the connection. AMPS_OK, AMPS_AGAIN, or why it never will
 * be on this one. */
amps_status amps_stored_wait_sent(amps_stored *stored, uint64_t sequence, uint64_t deadline);

/* The receive thread's: a persisted ack has come. */
typedef enum amps_stored_word {
    AMPS_STORED_NOTHING, /* it is not about the store */
    AMPS_STORED_DONE,
    AMPS_STORED_REFUSED, /* its message is to be shown to who minds, and then discarded */
    AMPS_STORED_UNKNOWN, /* it is about a number that this connection was never sent */
    AMPS_STORED_FAILED   /* the store could not note it */
} amps_stored_word;

amps_stored_word amps_stored_hear(amps_stored *stored, const amps_header *header);
/* It was refused, and nobody minds. */
void amps_stored_discard_one(amps_stored *stored, const amps_header *header);

static inline bool amps_stored_is_used(const amps_stored *stored)
{
    return atomic_load_explicit(&stored->is_used, memory_order_relaxed);
}

#endif
