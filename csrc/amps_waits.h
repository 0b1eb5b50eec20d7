/* amps_waits.h: who waits for the acks of a command: begun before it is sent, told by the receive
 * thread, ended by whoever waited.
 *
 * One lock, held for a look or a change and while a thread sleeps on it. */
#ifndef AMPS_WAITS_H
#define AMPS_WAITS_H

#include <stdatomic.h>

#include "amps_header.h"
#include "amps_thread.h"

typedef struct amps_waits {
    amps_mutex   lock;
    amps_cond    changed;
    amps_waiter *waiters;
    atomic_uint  count;
} amps_waits;

void amps_waits_init(amps_waits *waits);
void amps_waits_fini(amps_waits *waits); /* nobody waits */

/* For acks of these types; NULL: out of memory. One that lasts is not given up when a connection is
 * lost: its command will be sent on the next. */
amps_waiter *amps_waits_begin(amps_waits *waits, amps_slice command_id, uint32_t ack_types,
                              bool lasts);
/* AMPS_OK: *ack is the ack, alive until the end. AMPS_AGAIN: not yet. Else: why never. */
amps_status amps_waits_wait(amps_waits *waits, amps_waiter *waiter, uint64_t deadline,
                            amps_message *ack);
void        amps_waits_end(amps_waits *waits, amps_waiter *waiter);

/* An ack has come. True: it is about a command that somebody waits for, whatever its type; a
 * failure ends the wait whatever its type. */
bool amps_waits_tell(amps_waits *waits, const amps_header *header, const amps_message *message);
/* No ack will come any more: all who wait hear why. */
void amps_waits_give_up(amps_waits *waits, amps_status why);

#endif
