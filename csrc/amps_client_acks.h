/* amps_client_acks.h: acknowledging queue messages, for the binding: gathered, timed, sent.
 *
 * An acknowledgement is a sow_delete that names bookmarks. None of these calls waits for the server
 * or for room; what cannot leave now follows. They go through the publish store, if there is one.
 * When that is the binding's own, `by_hand`, it takes the commands from here and sends them itself;
 * when a timer or a function in C finds that to be done, it is called (`acks` of amps_events). */
#ifndef AMPS_CLIENT_ACKS_H
#define AMPS_CLIENT_ACKS_H

#include "amps.h"

/* Options (`cancel`, ...) make it go alone, at once, behind what waits of the topic. *due: call
 * amps_client_send_acks, without the interpreter's lock, or by hand. AMPS_OK; AMPS_END: nothing to
 * acknowledge; AMPS_TOO_LARGE, AMPS_NO_MEMORY; AMPS_DISCONNECTED: nobody would take it;
 * AMPS_FORKED.
 */
amps_status amps_client_ack(amps_client *client, amps_slice topic, amps_slice bookmarks,
                            amps_slice options, amps_slice sub_id, bool *due);
/* The same of a message as it was received; AMPS_END: it is not from a queue. */
amps_status amps_client_ack_message(amps_client *client, const amps_message *message,
                                    amps_slice options, bool *due);

/* What is ready. AMPS_OK: it has left, or somebody else is at it; AMPS_AGAIN: it follows;
 * AMPS_DISCONNECTED, AMPS_CLOSED: it cannot now; AMPS_STORE_FULL: it is tried again by and by; what
 * else the store says: the first of them is dropped, and the rest waits. */
amps_status amps_client_send_acks(amps_client *client, amps_failure *failure);
/* All batches become ready, and leave, if they can at once. True: nothing waits any more. */
bool amps_client_flush_acks(amps_client *client);
/* Waits, at most wait_ms, until what was ready has left. */
void amps_client_wait_acks(amps_client *client, uint32_t wait_ms);
/* How many bookmarks and commands wait. */
size_t amps_client_count_acks(amps_client *client);

/* By hand: true, this thread is to send; then next, sent, next, ... until that says false. retry:
 * not now, but in so many ms (0: never). */
typedef struct amps_ack_view {
    amps_slice topic;
    amps_slice bookmarks;
    amps_slice options; /* empty: none */
} amps_ack_view;

void amps_client_set_acks_by_hand(amps_client *client, bool by_hand);
bool amps_client_begin_acks(amps_client *client);
bool amps_client_next_ack(amps_client *client, amps_ack_view *ack);
void amps_client_sent_ack(amps_client *client);
void amps_client_retry_acks(amps_client *client, uint32_t in_ms);
/* A batch of a topic leaves with so many bookmarks (or the smallest backlog granted, if less), or
 * when it is that old; sizes up to 1: nothing is gathered. What waits is ready then. */
void amps_client_set_ack_batching(amps_client *client, size_t size, uint32_t timeout_ms);
/* Messages that functions in C have been given are acknowledged when these return. */
void amps_client_set_auto_ack(amps_client *client, bool is_auto);

/* This connection takes acknowledgements from now on; what was kept is to be flushed. */
void amps_client_open_acks(amps_client *client);
/* When a connection is lost they wait for the next one. */
void   amps_client_keep_acks(amps_client *client, bool keeps);
size_t amps_client_drop_acks(amps_client *client);

#endif
