/* amps_writer.h: the sending side of one connection, shared by all who send and its own thread.
 *
 * A lone command leaves at once, on the thread that sends it. In a burst the commands are gathered
 * and the writer thread sends them, hundreds to a system call; the last of a burst waits at most
 * AMPS_WRITER_NAP_US. One short lock; it is never held across a system call that may wait, nor
 * while Python is called, so it may be taken with the interpreter's lock held.
 *
 * Heartbeats leave from here, so that a slow handler does not cost the connection. */
#ifndef AMPS_WRITER_H
#define AMPS_WRITER_H

#include <stdatomic.h>

#include "amps_heartbeat.h"
#include "amps_send_buffer.h"
#include "amps_thread.h"

#define AMPS_WRITER_NAP_US     50u                 /* how long a burst's bytes are gathered */
#define AMPS_WRITER_HURRY_SIZE ((size_t)256 << 10) /* so many waiting bytes end the nap */
#define AMPS_CLOSE_FLUSH_MS    1000u /* closing waits so long for the last bytes to leave */
#define AMPS_CLOSE_LINGER_MS   100u  /* and so long for the other side to hang up */

typedef struct amps_writer {
    amps_mutex       lock;
    amps_cond        wake;    /* the writer thread sleeps here */
    amps_cond        changed; /* room, the right to send, the thread's end */
    amps_send_buffer buffer;
    int              fd;
    unsigned         connection; /* counts them, from 1 */
    amps_status      refuse;     /* AMPS_OK: open; else what every sender is told */
    amps_status      broken;     /* AMPS_OK, or how the connection was found dead here */
    int              error;      /* the errno of it */
    bool             running;    /* the writer thread exists */
    bool             awake;      /* and will look at the buffer without being woken */
    bool             napping;
    bool             sending; /* someone owns the socket's sending side */
    bool             away;    /* its owner is between two calls: it may be long */
    bool             reader_gone;
    unsigned         around;  /* senders of large frames who wait for the buffer to empty */
    unsigned         waiting; /* how many wait for `changed` */
    uint64_t         send_began;
    uint64_t         finish_by;
    uint64_t         wakes_at; /* the thread, if nobody wakes it */

    amps_heartbeat   heartbeat;
    _Atomic uint64_t last_received; /* kept by the reader */
    _Atomic bool     reader_waits;  /* it is in a receive, not in a handler */

    bool aside; /* others gather publishes, or may: collect fetches them, before anything else may
                 * follow. False: not all have room yet. Both with the lock held */
    bool (*collect)(void *context);
    bool behind; /* a store has publishes that are still to go to this connection, in order */
    void (*refill)(void *context); /* fetches some of them while there is room; the lock is held */
    void *store_context;           /* of both */

    uint64_t chores_at;            /* when its thread is to call the next; AMPS_FOREVER: not */
    void (*chores)(void *context); /* without the lock; they ask for their next time themselves */
    void *chores_context;

    amps_buffer kept;      /* publishes of connections lost, whole, that never left */
    size_t      kept_last; /* so many of them are of the one lost last */

    _Atomic bool watched; /* the bytes are shown before they leave, without the lock */
    void (*show)(void *context, amps_slice bytes);
    void *show_context;
} amps_writer;

void amps_writer_init(amps_writer *writer, size_t size_max); /* closed; AMPS_DISCONNECTED */
void amps_writer_fini(amps_writer *writer);                  /* the thread must be gone */

/* Opens it on a connected socket and starts the thread. The buffer must be empty. */
amps_status amps_writer_open(amps_writer *writer, int fd);

/* Room for one frame of at most `size` bytes. AMPS_OK: the lock is held, write to *at, then commit.
 * try: AMPS_AGAIN when that would have to wait. The other waits until the deadline. Both: the
 * reason when closed, AMPS_TOO_LARGE for a frame that must go around, AMPS_NO_MEMORY. */
amps_status amps_writer_try_begin(amps_writer *writer, size_t size, char **at);
/* soon: never waits, and may take a little more than the limit (the slack). */
amps_status amps_writer_begin_soon(amps_writer *writer, size_t size, char **at);
/* This one waits, perhaps in several calls: what was begun on one connection (*connection, at first
 * 0) is told AMPS_DISCONNECTED when there is another. */
amps_status amps_writer_begin(amps_writer *writer, unsigned *connection, size_t size,
                              uint64_t deadline, char **at);

/* Counts the frame in and lets the lock go. True: this thread has to send it now, by
 * amps_writer_send_due; nobody else can until it does. `urgent`: somebody waits for the answer;
 * what is not may be gathered in a batch. */
bool amps_writer_commit(amps_writer *writer, size_t size, bool urgent);
void amps_writer_send_due(amps_writer *writer);

/* For who numbers what is sent, and works with the lock held (the numbered may be gathered by
 * others for as long as may_gather; they are collected before the thread sleeps): room as by
 * try_begin, but the lock stays as it is. put_large: a frame that exceeds the buffer, copied in
 * front of what comes next; AMPS_AGAIN while anything else is on its way. fall_behind: from now on
 * the thread refills. wait: until something changed, or false at the deadline. */
amps_status amps_writer_reserve(amps_writer *writer, size_t size, char **at);
amps_status amps_writer_put_large(amps_writer *writer, amps_slice frame);
bool        amps_writer_may_gather(const amps_writer *writer);
void        amps_writer_fall_behind(amps_writer *writer);
void        amps_writer_caught_up(amps_writer *writer);
bool        amps_writer_wait(amps_writer *writer, uint64_t deadline);

/* A frame too large for the buffer goes around it, uncopied: call until it is no AMPS_AGAIN, or
 * give it up (what was begun is then finished from a copy). Starts with a zeroed progress. */
amps_status amps_writer_send_around(amps_writer *writer, amps_slice header, amps_slice body,
                                    amps_around *progress, uint64_t deadline);
amps_status amps_writer_give_up(amps_writer *writer, amps_slice header, amps_slice body,
                                bool is_publish, amps_around *progress);

/* Is this thread inside `show`? Then it holds the right to send, and must not wait for it. */
bool amps_writer_is_showing(const amps_writer *writer);

/* Publishes are gathered up to so many bytes and ns (amps_send_buffer_set_batching); a size of 0
 * ends it. It stays for the connections to come. */
void amps_writer_set_batching(amps_writer *writer, size_t size, uint64_t timeout);
void amps_writer_end_batch(amps_writer *writer); /* what was gathered leaves */

/* The thread of the open connection calls the chores at this time at the latest. */
void amps_writer_do_chores_at(amps_writer *writer, uint64_t at);

/* Interval and timeout in ns, from now on; 0 ends it. */
void amps_writer_set_heartbeat(amps_writer *writer, uint64_t interval, uint64_t timeout);
/* The server sent a heartbeat: answer it, unless that was done within half an interval. */
void amps_writer_answer_heartbeat(amps_writer *writer);

/* What the room of heartbeats shares with this one, with the lock held: wakes the thread; marks the
 * connection; does what the clock asks of heartbeats, and returns when it will ask next. */
#define AMPS_WRITER_SLICE_MS 100u /* a wait for the socket looks up so often */
void     amps_writer_wake(amps_writer *writer);
void     amps_writer_mark_broken(amps_writer *writer, amps_status why, int error);
uint64_t amps_writer_tick(amps_writer *writer);

/* Found dead: senders are told `why` from now on, and the socket is shut. The first reason stays.
 */
void amps_writer_break(amps_writer *writer, amps_status why, int error);
void amps_writer_break_held(amps_writer *writer, amps_status why); /* with the lock held */
bool amps_writer_is_broken(amps_writer *writer);
bool amps_writer_is_open(amps_writer *writer); /* takes commands */
/* No new commands; what waits is sent, the other side hangs up, or time is up: then the socket is
 * shut. Returns at once. */
void amps_writer_finish(amps_writer *writer, amps_status why);
/* The reader's last word: waits for the thread and all senders to leave the socket alone, empties
 * the buffer and returns how many publishes in it never left. After a loss they are in `kept`. */
size_t amps_writer_close(amps_writer *writer);

#endif
