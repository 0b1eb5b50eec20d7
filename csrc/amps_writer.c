/* amps_writer.c: who sends, when, and the thread that does it in a burst. */
#include "amps_writer.h"

#include "amps_socket.h"

static const amps_slice nothing = {"", 0};

/* The writers whose bytes this thread is showing: showing one's may send on another. */
typedef struct showing {
    const amps_writer *writer;
    struct showing    *outer;
} showing;

static _Thread_local showing *innermost;

void amps_writer_init(amps_writer *writer, size_t size_max)
{
    memset(writer, 0, sizeof *writer);
    amps_mutex_init(&writer->lock);
    amps_cond_init(&writer->wake);
    amps_cond_init(&writer->changed);
    amps_send_buffer_init(&writer->buffer, size_max);
    amps_buffer_init(&writer->kept, SIZE_MAX); /* what had room in the buffer has room here */
    writer->fd = -1;
    writer->refuse = AMPS_DISCONNECTED;
    writer->chores_at = AMPS_FOREVER;
}

void amps_writer_fini(amps_writer *writer)
{
    AMPS_ASSERT(!writer->running && !writer->sending);
    amps_buffer_fini(&writer->kept);
    amps_send_buffer_fini(&writer->buffer);
    amps_cond_fini(&writer->changed);
    amps_cond_fini(&writer->wake);
    amps_mutex_fini(&writer->lock);
}

/* ---- Small steps, all with the lock held ---------------------------------------------------- */

static void tell_waiting(amps_writer *writer)
{
    if (writer->waiting > 0) {
        amps_cond_broadcast(&writer->changed);
    }
}

bool amps_writer_wait(amps_writer *writer, uint64_t deadline)
{
    writer->waiting++;
    bool in_time = amps_cond_wait(&writer->changed, &writer->lock, deadline);
    writer->waiting--;
    return in_time;
}

void amps_writer_wake(amps_writer *writer)
{
    writer->awake = true;
    amps_cond_signal(&writer->wake);
}

/* What was gathered goes now. */
static void end_batch(amps_writer *writer)
{
    bool any = writer->buffer.gathered > 0;
    amps_send_buffer_end_batch(&writer->buffer);
    if (AMPS_UNLIKELY(any) && !writer->sending) {
        amps_writer_wake(writer); /* else whoever sends sees to it when done */
    }
}

void amps_writer_mark_broken(amps_writer *writer, amps_status why, int error)
{
    if (writer->broken == AMPS_OK) {
        writer->broken = why;
        writer->error = error;
    }
    if (writer->refuse == AMPS_OK) {
        writer->refuse = AMPS_DISCONNECTED;
    }
    if (writer->aside) {
        writer->collect(writer->store_context); /* no more is gathered */
    }
    if (writer->fd >= 0) {
        amps_socket_shut(writer->fd);
    }
    amps_cond_signal(&writer->wake);
    amps_cond_broadcast(&writer->changed);
}

/* ---- Showing what is sent ------------------------------------------------------------------- */

bool amps_writer_is_showing(const amps_writer *writer)
{
    const showing *now = innermost;
    while (now != NULL && now->writer != writer) {
        now = now->outer;
    }
    return now != NULL;
}

static bool is_watched(const amps_writer *writer)
{
    return AMPS_UNLIKELY(atomic_load_explicit(&writer->watched, memory_order_relaxed));
}

/* Without the lock, by the owner of the right to send. */
static void show(amps_writer *writer, amps_slice bytes)
{
    if (bytes.size > 0) {
        showing now = {writer, innermost};
        innermost = &now;
        writer->show(writer->show_context, bytes);
        innermost = now.outer;
    }
}

/* What is to go next, and what of it is to be shown before. The lock is held. */
static amps_slice take_bytes(amps_writer *writer, amps_slice *unseen)
{
    amps_slice bytes = amps_send_buffer_take(&writer->buffer);
    *unseen = is_watched(writer) ? amps_send_buffer_show(&writer->buffer) : nothing;
    return bytes;
}

/* ---- The thread ----------------------------------------------------------------------------- */

/* Sends once what waits; the lock is let go meanwhile. */
static void send_once(amps_writer *writer)
{
    size_t     sent = 0;
    int        error = 0;
    amps_slice unseen;
    amps_slice bytes = take_bytes(writer, &unseen);
    writer->sending = true;
    tell_waiting(writer); /* the back is empty again */
    amps_mutex_unlock(&writer->lock);
    show(writer, unseen);
    amps_status status = amps_socket_send(writer->fd, bytes, nothing, &sent, &error);
    if (status == AMPS_AGAIN) {
        amps_socket_wait_writable(writer->fd, amps_clock_in_ms(AMPS_WRITER_SLICE_MS));
    }
    amps_mutex_lock(&writer->lock);
    writer->sending = false;
    amps_send_buffer_sent(&writer->buffer, sent);
    if (status == AMPS_DISCONNECTED) {
        amps_writer_mark_broken(writer, status, error);
    }
    tell_waiting(writer);
}

/* After sending: gathers for a moment. When nothing came the burst is over. */
static void nap(amps_writer *writer)
{
    uint64_t until = amps_clock_now() + AMPS_WRITER_NAP_US * AMPS_US;
    writer->napping = true;
    amps_cond_wait(&writer->wake, &writer->lock, until);
    writer->napping = false;
    writer->awake = amps_send_buffer_has_due(&writer->buffer);
}

/* Ends a batch whose time is up; returns when the time of one will be. */
static uint64_t tick_batch(amps_writer *writer)
{
    uint64_t ends_at = amps_send_buffer_batch_ends_at(&writer->buffer);
    if (AMPS_UNLIKELY(ends_at != AMPS_FOREVER) && amps_clock_now() >= ends_at) {
        amps_send_buffer_end_batch(&writer->buffer);
        return AMPS_FOREVER;
    }
    return ends_at;
}

/* Of what is in the buffer, and what belongs there. */
static bool is_empty(const amps_writer *writer)
{
    return amps_send_buffer_is_empty(&writer->buffer) && !writer->aside;
}

static bool is_done(const amps_writer *writer)
{
    if (writer->broken != AMPS_OK || writer->reader_gone) {
        return true;
    }
    return writer->refuse != AMPS_OK &&
           ((is_empty(writer) && !writer->sending) || amps_clock_now() >= writer->finish_by);
}

/* Somebody else's work, which takes the lock itself. True: it was done, look at all anew. */
static bool do_chores(amps_writer *writer)
{
    if (AMPS_LIKELY(writer->chores_at == AMPS_FOREVER) || writer->refuse != AMPS_OK ||
        amps_clock_now() < writer->chores_at) {
        return false;
    }
    writer->chores_at = AMPS_FOREVER;
    amps_mutex_unlock(&writer->lock);
    writer->chores(writer->chores_context);
    amps_mutex_lock(&writer->lock);
    return true;
}

static void work(amps_writer *writer)
{
    while (!is_done(writer)) {
        if (do_chores(writer)) {
            continue;
        }
        uint64_t next = amps_writer_tick(writer);
        uint64_t batch_ends_at = tick_batch(writer);
        next = batch_ends_at < next ? batch_ends_at : next;
        next = writer->chores_at < next ? writer->chores_at : next;
        next = writer->refuse != AMPS_OK ? writer->finish_by : next;
        writer->wakes_at = next;
        if (writer->aside && writer->collect(writer->store_context)) {
            tell_waiting(writer);
        }
        if (AMPS_UNLIKELY(writer->behind) && writer->refuse == AMPS_OK) {
            writer->refill(writer->store_context);
        }
        if (writer->sending) { /* someone else does; it wakes us when it is done */
            amps_cond_wait(&writer->wake, &writer->lock, next);
        } else if (amps_send_buffer_has_due(&writer->buffer)) {
            send_once(writer);
        } else if (writer->awake) {
            nap(writer);
        } else {
            amps_cond_wait(&writer->wake, &writer->lock, next);
        }
    }
}

/* Lets the other side read to the end and hang up, so that no last byte is lost to a reset. */
static void hang_up(amps_writer *writer)
{
    if (writer->broken == AMPS_OK && !writer->reader_gone) {
        uint64_t until = amps_clock_in_ms(AMPS_CLOSE_LINGER_MS);
        amps_socket_end_sending(writer->fd);
        while (!writer->reader_gone && amps_clock_now() < until) {
            amps_cond_wait(&writer->wake, &writer->lock, until);
        }
    }
    amps_socket_shut(writer->fd);
}

static void writer_main(void *context)
{
    amps_writer *writer = context;
    amps_thread_precise();
    amps_mutex_lock(&writer->lock);
    work(writer);
    hang_up(writer);
    writer->running = false;
    amps_cond_broadcast(&writer->changed);
    amps_mutex_unlock(&writer->lock); /* from here on the writer may be gone */
}

/* ---- Opening and closing -------------------------------------------------------------------- */

amps_status amps_writer_open(amps_writer *writer, int fd)
{
    amps_mutex_lock(&writer->lock);
    AMPS_ASSERT(!writer->running && !writer->sending);
    writer->connection++;
    writer->around = 0; /* who still waits for the one before will notice */
    writer->broken = AMPS_OK;
    writer->error = 0;
    writer->awake = false;
    writer->reader_gone = false;
    writer->heartbeat.interval = 0;
    writer->behind = false;
    writer->chores_at = AMPS_FOREVER;
    AMPS_ASSERT(!writer->aside);
    atomic_store(&writer->last_received, amps_clock_now());
    atomic_store(&writer->reader_waits, false);
    amps_status status = amps_thread_start("amps-writer", writer_main, writer);
    writer->running = status == AMPS_OK;
    writer->fd = status == AMPS_OK ? fd : -1;
    writer->refuse = status == AMPS_OK ? AMPS_OK : AMPS_DISCONNECTED;
    amps_mutex_unlock(&writer->lock);
    return status;
}

void amps_writer_break(amps_writer *writer, amps_status why, int error)
{
    amps_mutex_lock(&writer->lock);
    amps_writer_mark_broken(writer, why, error);
    amps_mutex_unlock(&writer->lock);
}

void amps_writer_break_held(amps_writer *writer, amps_status why)
{
    amps_writer_mark_broken(writer, why, 0);
}

bool amps_writer_is_broken(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    bool broken = writer->broken != AMPS_OK;
    amps_mutex_unlock(&writer->lock);
    return broken;
}

bool amps_writer_is_open(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    bool open = writer->refuse == AMPS_OK;
    amps_mutex_unlock(&writer->lock);
    return open;
}

void amps_writer_finish(amps_writer *writer, amps_status why)
{
    amps_mutex_lock(&writer->lock);
    if (writer->refuse == AMPS_OK) {
        writer->refuse = why;
        writer->finish_by = amps_clock_in_ms(AMPS_CLOSE_FLUSH_MS);
        amps_send_buffer_end_batch(&writer->buffer);
        amps_writer_wake(writer);
        amps_cond_broadcast(&writer->changed);
    }
    amps_mutex_unlock(&writer->lock);
}

size_t amps_writer_close(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    writer->reader_gone = true;
    if (writer->refuse == AMPS_OK) {
        writer->refuse = AMPS_DISCONNECTED;
    }
    if (writer->fd >= 0) { /* nobody waits any longer for it to take bytes */
        amps_socket_shut(writer->fd);
    }
    amps_cond_signal(&writer->wake);
    amps_cond_broadcast(&writer->changed);
    while (writer->running || (writer->sending && !writer->away)) {
        amps_writer_wait(writer, AMPS_FOREVER);
    }
    writer->sending = false; /* an owner who is away finds another state when it comes back */
    writer->away = false;
    size_t unsent = amps_send_buffer_unsent_publishes(&writer->buffer);
    bool   is_lost = writer->refuse != AMPS_CLOSED;
    writer->kept_last = is_lost ? amps_send_buffer_keep_unsent(&writer->buffer, &writer->kept) : 0;
    amps_send_buffer_clear(&writer->buffer);
    writer->fd = -1;
    amps_mutex_unlock(&writer->lock);
    return unsent;
}

/* ---- Sending -------------------------------------------------------------------------------- */

amps_status amps_writer_reserve(amps_writer *writer, size_t size, char **at)
{
    if (AMPS_UNLIKELY(writer->refuse != AMPS_OK)) {
        return writer->refuse;
    }
    if (AMPS_UNLIKELY(writer->around > 0)) {
        return size > writer->buffer.size_max ? AMPS_TOO_LARGE : AMPS_AGAIN;
    }
    if (AMPS_UNLIKELY(writer->aside && !writer->collect(writer->store_context))) {
        return AMPS_AGAIN;
    }
    amps_status status = amps_send_buffer_reserve(&writer->buffer, size, at);
    if (AMPS_UNLIKELY(status == AMPS_AGAIN)) {
        end_batch(writer);
    }
    return status;
}

amps_status amps_writer_try_begin(amps_writer *writer, size_t size, char **at)
{
    if (AMPS_UNLIKELY(!amps_mutex_try(&writer->lock))) {
        return AMPS_AGAIN;
    }
    amps_status status = amps_writer_reserve(writer, size, at);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        amps_mutex_unlock(&writer->lock);
    }
    return status;
}

amps_status amps_writer_begin_soon(amps_writer *writer, size_t size, char **at)
{
    amps_mutex_lock(&writer->lock);
    amps_status status = writer->refuse;
    if (status == AMPS_OK) {
        (void)(writer->aside && writer->collect(writer->store_context));
        status = amps_send_buffer_reserve_slack(&writer->buffer, size, at);
    }
    if (status != AMPS_OK) {
        amps_mutex_unlock(&writer->lock);
    }
    return status;
}

/* Is what was begun on a connection still on it? The first look decides which one that is. */
static bool is_same_connection(const amps_writer *writer, unsigned *connection)
{
    if (*connection == 0) {
        *connection = writer->connection;
    }
    return *connection == writer->connection;
}

amps_status amps_writer_begin(amps_writer *writer, unsigned *connection, size_t size,
                              uint64_t deadline, char **at)
{
    bool        in_time = true;
    amps_status status = AMPS_AGAIN;
    amps_mutex_lock(&writer->lock);
    for (;;) {
        status = is_same_connection(writer, connection) ? amps_writer_reserve(writer, size, at)
                                                        : AMPS_DISCONNECTED;
        if (status != AMPS_AGAIN || !in_time) {
            break;
        }
        if (!writer->awake || writer->napping) {
            amps_writer_wake(writer);
        }
        in_time = amps_writer_wait(writer, deadline);
    }
    if (status != AMPS_OK) {
        amps_mutex_unlock(&writer->lock);
    }
    return status;
}

/* False: it was gathered, and nothing has to be sent for it. */
static bool commit_to_batch(amps_writer *writer, size_t size)
{
    if (amps_send_buffer_commit_publish(&writer->buffer, size)) {
        amps_send_buffer_batch_begins(&writer->buffer, amps_clock_now());
        if (writer->buffer.gathered_until < writer->wakes_at) {
            amps_cond_signal(&writer->wake); /* to sleep on, but not as long */
        }
    }
    return amps_send_buffer_has_due(&writer->buffer);
}

bool amps_writer_commit(amps_writer *writer, size_t size, bool urgent)
{
    bool due = false;
    if (AMPS_LIKELY(writer->buffer.batch_size == 0) || urgent) {
        amps_send_buffer_commit(&writer->buffer, size);
    } else if (!commit_to_batch(writer, size)) {
        amps_mutex_unlock(&writer->lock);
        return false;
    }
    if (writer->awake) {
        if (writer->napping && (urgent || writer->buffer.back.size > AMPS_WRITER_HURRY_SIZE)) {
            amps_cond_signal(&writer->wake);
        }
    } else if (!writer->sending) {
        writer->send_began = amps_clock_now();
        if (atomic_load(&writer->last_received) > writer->buffer.last_send_end) {
            amps_send_buffer_was_answered(&writer->buffer);
        }
        due = urgent || amps_send_buffer_goes_at_once(&writer->buffer, writer->send_began);
        writer->sending = due;
        if (!due) {
            amps_writer_wake(writer);
        }
    } /* else: whoever sends sees to it when done */
    amps_mutex_unlock(&writer->lock);
    return due;
}

void amps_writer_send_due(amps_writer *writer)
{
    size_t     sent = 0;
    int        error = 0;
    amps_slice unseen;
    amps_mutex_lock(&writer->lock);
    AMPS_ASSERT(writer->sending);
    amps_slice bytes = take_bytes(writer, &unseen);
    amps_mutex_unlock(&writer->lock);
    show(writer, unseen);
    amps_status status = amps_socket_send(writer->fd, bytes, nothing, &sent, &error);
    uint64_t    ended = amps_clock_now();
    amps_mutex_lock(&writer->lock);
    writer->sending = false;
    amps_send_buffer_sent(&writer->buffer, sent);
    amps_send_buffer_went_at_once(&writer->buffer, writer->send_began, ended);
    if (status == AMPS_DISCONNECTED) {
        amps_writer_mark_broken(writer, status, error);
    } else if (amps_send_buffer_has_due(&writer->buffer) || writer->awake ||
               writer->refuse != AMPS_OK) {
        amps_writer_wake(writer); /* it may have looked meanwhile and left the sending to us */
    }
    tell_waiting(writer);
    amps_mutex_unlock(&writer->lock);
}

/* ---- What a store refills it with ------------------------------------------------------------ */

bool amps_writer_may_gather(const amps_writer *writer)
{
    return writer->awake && writer->refuse == AMPS_OK && writer->around == 0 && !writer->behind &&
           writer->buffer.batch_size == 0;
}

void amps_writer_fall_behind(amps_writer *writer)
{
    writer->behind = true;
    amps_writer_wake(writer);
}

void amps_writer_caught_up(amps_writer *writer)
{
    writer->behind = false;
    tell_waiting(writer);
}

amps_status amps_writer_put_large(amps_writer *writer, amps_slice frame)
{
    bool is_quiet = !writer->sending && writer->around == 0 && is_empty(writer);
    return is_quiet ? amps_send_buffer_put_rest(&writer->buffer, frame, nothing, true) : AMPS_AGAIN;
}

/* ---- Around the buffer ---------------------------------------------------------------------- */

/* Waits for the right to send with nothing in front. The lock is held. */
static amps_status acquire_sending(amps_writer *writer, amps_around *progress, uint64_t deadline)
{
    if (!progress->queued && is_same_connection(writer, &progress->connection)) {
        progress->queued = true;
        writer->around++;
        end_batch(writer);
    }
    while (is_same_connection(writer, &progress->connection) && writer->refuse == AMPS_OK) {
        if (!writer->sending && is_empty(writer)) {
            writer->sending = true;
            progress->owns = true;
            return AMPS_OK;
        }
        amps_writer_wake(writer);
        if (!amps_writer_wait(writer, deadline)) {
            return AMPS_AGAIN;
        }
    }
    bool is_same = is_same_connection(writer, &progress->connection);
    return is_same ? writer->refuse : AMPS_DISCONNECTED;
}

/* The owner comes back for the next part, unless the connection was taken down meanwhile: then the
 * right to send is gone. The lock is held. */
static amps_status return_to_sending(amps_writer *writer, amps_around *progress)
{
    if (is_same_connection(writer, &progress->connection) && !writer->reader_gone) {
        writer->away = false;
        return AMPS_OK;
    }
    progress->owns = false;
    return AMPS_DISCONNECTED;
}

static void leave(amps_writer *writer, amps_around *progress)
{
    if (is_same_connection(writer, &progress->connection)) {
        writer->sending = writer->sending && !progress->owns;
        writer->around -= progress->queued ? 1 : 0;
        amps_writer_wake(writer);
        tell_waiting(writer);
    }
    *progress = (amps_around){0};
}

static amps_slice after(amps_slice bytes, size_t skip)
{
    skip = skip < bytes.size ? skip : bytes.size;
    return (amps_slice){bytes.at + skip, bytes.size - skip};
}

/* What of a frame that goes around the buffer was neither shown nor sent. */
static void show_around(amps_writer *writer, amps_slice header, amps_slice body,
                        amps_around *progress)
{
    size_t from = progress->shown > progress->sent ? progress->shown : progress->sent;
    progress->shown = header.size + body.size;
    show(writer, after(header, from));
    show(writer, after(body, from > header.size ? from - header.size : 0));
}

/* Without the lock: only the owner of the right to send is here. */
static amps_status pour(amps_writer *writer, amps_slice header, amps_slice body,
                        amps_around *progress, uint64_t deadline, int *error)
{
    size_t total = header.size + body.size;
    while (progress->sent < total) {
        if (is_watched(writer)) {
            show_around(writer, header, body, progress);
        }
        size_t      sent = 0;
        size_t      in_body = progress->sent > header.size ? progress->sent - header.size : 0;
        amps_status status = amps_socket_send(writer->fd, after(header, progress->sent),
                                              after(body, in_body), &sent, error);
        progress->sent += sent;
        if (status == AMPS_DISCONNECTED) {
            return status;
        }
        bool is_full = status == AMPS_AGAIN;
        if (is_full && !amps_socket_wait_writable(writer->fd, deadline)) {
            return AMPS_AGAIN;
        }
        if (progress->sent < total && amps_clock_now() >= deadline) {
            return AMPS_AGAIN;
        }
    }
    return AMPS_OK;
}

amps_status amps_writer_send_around(amps_writer *writer, amps_slice header, amps_slice body,
                                    amps_around *progress, uint64_t deadline)
{
    int error = 0;
    amps_mutex_lock(&writer->lock);
    amps_status status = progress->owns ? return_to_sending(writer, progress)
                                        : acquire_sending(writer, progress, deadline);
    if (status == AMPS_OK) {
        amps_mutex_unlock(&writer->lock);
        status = pour(writer, header, body, progress, deadline, &error);
        amps_mutex_lock(&writer->lock);
        if (status == AMPS_DISCONNECTED) {
            amps_writer_mark_broken(writer, status, error);
        } else if (writer->broken != AMPS_OK) {
            status = AMPS_DISCONNECTED;
        }
    }
    if (status != AMPS_AGAIN) {
        leave(writer, progress);
    } else if (progress->owns) {
        writer->away = true;
        amps_cond_broadcast(&writer->changed);
    }
    amps_mutex_unlock(&writer->lock);
    return status;
}

amps_status amps_writer_give_up(amps_writer *writer, amps_slice header, amps_slice body,
                                bool is_publish, amps_around *progress)
{
    amps_status status = AMPS_OK;
    amps_mutex_lock(&writer->lock);
    if (progress->owns && return_to_sending(writer, progress) == AMPS_OK && progress->sent > 0 &&
        writer->broken == AMPS_OK) {
        size_t in_body = progress->sent > header.size ? progress->sent - header.size : 0;
        status = amps_send_buffer_put_rest(&writer->buffer, after(header, progress->sent),
                                           after(body, in_body), is_publish);
        if (status != AMPS_OK) { /* half a frame can be followed by nothing */
            amps_writer_mark_broken(writer, status, 0);
        } else if (progress->shown > 0) {
            amps_send_buffer_show(&writer->buffer); /* it was, by its owner */
        }
    }
    leave(writer, progress);
    amps_mutex_unlock(&writer->lock);
    return status;
}

/* ---- Batches -------------------------------------------------------------------------------- */

void amps_writer_set_batching(amps_writer *writer, size_t size, uint64_t timeout)
{
    amps_mutex_lock(&writer->lock);
    end_batch(writer);
    amps_send_buffer_set_batching(&writer->buffer, size, timeout);
    amps_mutex_unlock(&writer->lock);
}

void amps_writer_end_batch(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    end_batch(writer);
    amps_mutex_unlock(&writer->lock);
}

/* ---- Chores --------------------------------------------------------------------------------- */

void amps_writer_do_chores_at(amps_writer *writer, uint64_t at)
{
    amps_mutex_lock(&writer->lock);
    if (at < writer->chores_at) {
        writer->chores_at = at;
        if (at < writer->wakes_at) {
            amps_cond_signal(&writer->wake); /* to sleep on, but not as long */
        }
    }
    amps_mutex_unlock(&writer->lock);
}
