/* amps_acks.h: acknowledgements of queue messages on their way: gathered by topic, then sent in
 * order.
 *
 * A batch of a topic is the list of its bookmarks as it will stand in one sow_delete. It is full
 * when it holds the batch size, or what the topic's subscriptions were granted, if that is less;
 * or when its time is up: the caller brings the clock. A full one becomes a command in a queue; one
 * thread at a time sends from there, whoever comes meanwhile leaves it to that one. One short lock.
 * Adding costs no memory once a batch has had its size. */
#ifndef AMPS_ACKS_H
#define AMPS_ACKS_H

#include <stdatomic.h>

#include "amps_buffer.h"
#include "amps_routes.h"

#define AMPS_ACKS_TOPICS_MAX   256u               /* batches open at once; then the oldest goes */
#define AMPS_ACKS_LIST_MAX     ((size_t)64 << 10) /* bytes of bookmarks in one command */
#define AMPS_ACKS_SPARE_MAX    4u                 /* commands whose memory is kept for the next */
#define AMPS_ACKS_FRAME_SLACK  ((size_t)1024)     /* of a frame: all but topic, list and options */
#define AMPS_ACKS_ESCAPED_RATE 6u                 /* a byte may become so many on the wire */

/* One sow_delete; its parts are plain text. */
typedef struct amps_ack_command {
    struct amps_ack_command *next;
    amps_buffer              topic;
    amps_buffer              list;
    amps_buffer              options;
} amps_ack_command;

typedef struct amps_ack_batch amps_ack_batch;

typedef struct amps_acks {
    amps_mutex         lock;
    amps_cond          changed; /* whoever was sending is not any more */
    amps_routes       *routes;
    size_t             command_max; /* bytes of topic, list and options together */
    size_t             batch_size;
    uint64_t           timeout; /* ns; 0: batches do not grow old */
    amps_ack_batch    *batches; /* the one used last in front */
    size_t             topics;  /* how many these are */
    amps_ack_command  *first;   /* ready to be sent, in order */
    amps_ack_command **last;    /* where the next one is linked */
    amps_ack_command  *spare;
    size_t             spares;
    uint64_t           tick_at;    /* somebody has been asked to tick then */
    bool               is_open;    /* there is a connection that takes them */
    bool               keeps;      /* without one they wait for it */
    bool               is_claimed; /* a thread is sending */
    atomic_size_t waiting; /* bookmarks in batches, and commands: for a look without the lock */
    atomic_bool   is_auto; /* messages are acknowledged when their handler has returned */
} amps_acks;

void amps_acks_init(amps_acks *acks, amps_routes *routes, size_t frame_max);
void amps_acks_fini(amps_acks *acks);

/* What the caller is to do next. */
typedef struct amps_acks_todo {
    bool     send;    /* something is ready */
    uint64_t tick_at; /* 0, or when amps_acks_tick is to be called at the latest */
} amps_acks_todo;

/* Bookmarks of messages on one topic, separated by commas. A bookmark that waits already is
 * dropped. With options they go alone, right after what waits of that topic. `sub_id`, if any, is
 * that of the subscription they came by; `now` may be 0: the clock is looked at when it matters.
 * AMPS_OK; AMPS_END: there is no bookmark in it; AMPS_TOO_LARGE: one of them is, or the topic;
 * AMPS_DISCONNECTED: they would be dropped; AMPS_NO_MEMORY. */
amps_status amps_acks_add(amps_acks *acks, amps_slice topic, amps_slice bookmarks,
                          amps_slice options, amps_slice sub_id, uint64_t now,
                          amps_acks_todo *todo);

/* Sizes up to 1 mean that nothing is gathered. All that waits becomes ready. */
void amps_acks_set_batching(amps_acks *acks, size_t size, uint64_t timeout, amps_acks_todo *todo);
/* All batches become ready; without memory they go on waiting. */
void amps_acks_end_batches(amps_acks *acks, amps_acks_todo *todo);
/* Those whose time is up do. */
void amps_acks_tick(amps_acks *acks, uint64_t now, amps_acks_todo *todo);

/* A connection takes them from now on; or none does. */
void   amps_acks_open(amps_acks *acks);
void   amps_acks_shut(amps_acks *acks);
void   amps_acks_set_keeps(amps_acks *acks, bool keeps);
size_t amps_acks_drop(amps_acks *acks); /* all of them; returns how many bookmarks or commands */

/* Sending. False: somebody else is at it. Then next gives the command that is to be sent, until it
 * gives NULL, which ends it; `sent` is to be called between two of them, pause ends it early. */
bool                    amps_acks_claim(amps_acks *acks);
const amps_ack_command *amps_acks_next(amps_acks *acks);
void                    amps_acks_sent(amps_acks *acks);
void                    amps_acks_pause(amps_acks *acks);
/* Until nothing is ready and nobody sends, or no connection takes any, or the deadline. True: that
 * nothing is ready. */
bool amps_acks_wait(amps_acks *acks, uint64_t deadline);

static inline size_t amps_acks_waiting(const amps_acks *acks)
{
    return atomic_load_explicit(&acks->waiting, memory_order_relaxed);
}

#endif
