/* amps_client.c: the life of a connection, and sending on it. */
#include <stdatomic.h>
#include <stdio.h>

#include "amps_frame.h"
#include "amps_header.h"
#include "amps_inside.h"
#include "amps_memory.h"
#include "amps_reader.h"
#include "amps_socket.h"
#include "amps_waits.h"

/* A publish made inside a handler may wait for room only so long: the thread that waits is the one
 * that would read what the server may insist on sending first. */
#define AMPS_HANDLER_ROOM_WAIT_MS 10000u

/* A connection whose end is being told; it lies on its receive thread's stack. */
typedef struct amps_telling {
    struct amps_telling *next;
    uint64_t             connection;
} amps_telling;

struct amps_client {
    atomic_uint      refs; /* the handle's, and one for each receive thread */
    unsigned         fork_generation;
    amps_events      events;
    void            *events_context;
    amps_writer      writer;
    amps_routes      routes;
    atomic_uint      wants; /* a bit for each amps_audience */
    amps_waits       waits;
    _Atomic uint64_t next_id;

    amps_mutex    lock;
    amps_cond     changed;
    amps_status   state;  /* AMPS_OK: connected */
    amps_reader  *reader; /* NULL: nothing is left of the last connection */
    int           fd;
    unsigned      readers; /* receive threads that have not left */
    uint64_t      connections;
    amps_telling *telling;
};

static _Thread_local amps_client *receiving_for; /* this is a receive thread of that client */

/* ---- Birth and death ------------------------------------------------------------------------ */

/* Within what the length of a frame can say: a frame that fits the buffer fits its prefix. */
static size_t buffer_size(size_t wanted)
{
    size_t size = wanted > 0 ? wanted : AMPS_SEND_BUFFER_SIZE_DEFAULT;
    return size < AMPS_SEND_BUFFER_SIZE_MAX ? size : AMPS_SEND_BUFFER_SIZE_MAX;
}

static void on_show(void *context, amps_slice bytes)
{
    amps_client *client = context;
    amps_inside  inside;
    amps_client_enter_handler(client, &inside);
    client->events.filter(client->events_context, NULL, bytes, true);
    amps_client_leave_handler(&inside);
}

amps_client *amps_client_new(const amps_events *events, void *context, size_t send_buffer_size)
{
    amps_client *client = amps_memory_new_zeroed(sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    atomic_init(&client->refs, 1);
    client->fork_generation = amps_fork_generation();
    client->events = *events;
    client->events_context = context;
    client->state = AMPS_DISCONNECTED;
    client->fd = -1;
    amps_mutex_init(&client->lock);
    amps_cond_init(&client->changed);
    amps_writer_init(&client->writer, buffer_size(send_buffer_size));
    client->writer.show = on_show;
    client->writer.show_context = client;
    amps_routes_init(&client->routes);
    amps_waits_init(&client->waits);
    return client;
}

static void release(amps_client *client)
{
    if (atomic_fetch_sub(&client->refs, 1) > 1) {
        return;
    }
    AMPS_ASSERT(client->reader == NULL);
    amps_events events = client->events;
    void       *context = client->events_context;
    amps_routes_fini(&client->routes);
    amps_waits_fini(&client->waits);
    amps_writer_fini(&client->writer);
    amps_cond_fini(&client->changed);
    amps_mutex_fini(&client->lock);
    amps_memory_free(client);
    events.release(context);
}

void amps_client_drop(amps_client *client)
{
    if (client == NULL) {
        return;
    }
    if (amps_client_is_inherited(client)) { /* locks may be held by threads that are not here */
        if (client->fd >= 0) {
            amps_socket_close(client->fd, true); /* the socket's options are the parent's, too */
            client->fd = -1;
        }
        return;
    }
    amps_client_close(client);
    release(client);
}

bool amps_client_is_inherited(const amps_client *client)
{
    return client->fork_generation != amps_fork_generation();
}

bool amps_client_in_handler(const amps_client *client)
{
    return amps_inside_of(client) || amps_writer_is_showing(&client->writer);
}

/* ---- The receive thread reports ------------------------------------------------------------- */

static bool on_ack(void *context, const amps_header *header, const amps_message *message)
{
    amps_client *client = context;
    return amps_waits_tell(&client->waits, header, message);
}

/* Says how it ended, if the reader did not say so itself. */
static void explain(const amps_writer *writer, amps_failure *failure)
{
    bool is_vague = failure->status == AMPS_END || failure->status == AMPS_DISCONNECTED;
    if (is_vague && writer->broken != AMPS_OK) {
        failure->status = writer->broken;
        failure->error = writer->error;
    }
    if (failure->text[0] != '\0') {
        return;
    }
    if (failure->status == AMPS_END) {
        snprintf(failure->text, sizeof failure->text, "the server closed the connection");
    } else if (failure->error != 0) {
        char reason[128];
        snprintf(failure->text, sizeof failure->text, "%s",
                 amps_error_text(failure->error, reason, sizeof reason));
    } else {
        snprintf(failure->text, sizeof failure->text, "%s", amps_status_text(failure->status));
    }
}

/* Nothing is left of the connection: it may be opened again. */
static void let_go(amps_client *client, amps_failure *failure)
{
    amps_mutex_lock(&client->lock);
    if (client->state == AMPS_CLOSED) { /* while `lost` was told, the program closed it */
        failure->status = AMPS_CLOSED;
    }
    client->reader = NULL;
    amps_waits_give_up(&client->waits, client->state);
    amps_cond_broadcast(&client->changed);
    amps_mutex_unlock(&client->lock);
}

/* Takes the descriptor away, and says how it ended for the program: a close of its own counts for
 * more than what was found at the same time. */
static int settle(amps_client *client, amps_failure *failure)
{
    amps_mutex_lock(&client->lock);
    int fd = client->fd;
    client->fd = -1;
    if (client->state == AMPS_CLOSED) {
        failure->status = AMPS_CLOSED;
    }
    client->state = failure->status == AMPS_CLOSED ? AMPS_CLOSED : AMPS_DISCONNECTED;
    amps_mutex_unlock(&client->lock);
    return fd;
}

static void begin_telling(amps_client *client, amps_telling *telling)
{
    amps_mutex_lock(&client->lock);
    *telling = (amps_telling){.next = client->telling, .connection = client->connections};
    client->telling = telling;
    amps_mutex_unlock(&client->lock);
}

/* All has been told that there was to tell. A later connection may have come and gone meanwhile. */
static void end_telling(amps_client *client, const amps_telling *telling)
{
    amps_mutex_lock(&client->lock);
    amps_telling **link = &client->telling;
    while (*link != telling) {
        link = &(*link)->next;
    }
    *link = telling->next;
    amps_cond_broadcast(&client->changed);
    amps_mutex_unlock(&client->lock);
}

static void on_ended(void *context, amps_failure *failure, void **thread)
{
    amps_client *client = context;
    amps_telling telling;
    begin_telling(client, &telling);
    failure->unsent = amps_writer_close(&client->writer);
    explain(&client->writer, failure);
    if (failure->status == AMPS_END) {
        failure->status = AMPS_DISCONNECTED;
    }
    int fd = settle(client, failure);
    amps_socket_close(fd, failure->status == AMPS_CLOSED);
    client->events.lost(client->events_context, thread, failure);
    let_go(client, failure);
    client->events.disconnected(client->events_context, thread, failure);
    end_telling(client, &telling);
}

static void on_gone(void *context)
{
    amps_client *client = context;
    amps_mutex_lock(&client->lock);
    client->readers--;
    amps_cond_broadcast(&client->changed);
    amps_mutex_unlock(&client->lock);
    release(client);
}

static void on_enter(void *context, amps_inside *inside)
{
    receiving_for = context;
    amps_client_enter_handler(context, inside);
}

/* ---- Opening and closing -------------------------------------------------------------------- */

static amps_status start_threads(amps_client *client, int fd)
{
    const amps_reader_setup setup = {.fd = fd,
                                     .routes = &client->routes,
                                     .writer = &client->writer,
                                     .events = &client->events,
                                     .events_context = client->events_context,
                                     .wants = &client->wants,
                                     .waiting = &client->waits.count,
                                     .client = client,
                                     .ack = on_ack,
                                     .ended = on_ended,
                                     .gone = on_gone,
                                     .enter = on_enter,
                                     .leave = amps_client_leave_handler};
    amps_status             status = amps_writer_open(&client->writer, fd);
    if (status != AMPS_OK) {
        return status;
    }
    atomic_fetch_add(&client->refs, 1);
    client->readers++;
    client->connections++;
    client->fd = fd;
    client->state = AMPS_OK;
    status = amps_reader_start(&setup, &client->reader);
    if (status != AMPS_OK) {
        atomic_fetch_sub(&client->refs, 1);
        client->readers--;
        client->fd = -1;
        client->state = AMPS_DISCONNECTED;
        amps_writer_close(&client->writer);
    }
    return status;
}

amps_status amps_client_open(amps_client *client, int fd)
{
    amps_status status = AMPS_FORKED;
    if (!amps_client_is_inherited(client)) {
        amps_mutex_lock(&client->lock);
        status = client->reader != NULL ? AMPS_ALREADY_CONNECTED : start_threads(client, fd);
        amps_mutex_unlock(&client->lock);
    }
    if (status != AMPS_OK) {
        amps_socket_close(fd, false);
    }
    return status;
}

amps_status amps_client_state(amps_client *client)
{
    if (amps_client_is_inherited(client)) {
        return AMPS_FORKED;
    }
    amps_mutex_lock(&client->lock);
    amps_status status = client->state;
    amps_mutex_unlock(&client->lock);
    return status;
}

void amps_client_close(amps_client *client)
{
    if (amps_client_is_inherited(client)) {
        return;
    }
    amps_mutex_lock(&client->lock);
    if (client->reader != NULL) {
        client->state = AMPS_CLOSED;
        amps_reader_hush(client->reader);
        amps_waits_give_up(&client->waits, client->state);
        amps_cond_broadcast(&client->changed);
        amps_writer_finish(&client->writer, AMPS_CLOSED); /* this connection, not the next */
    }
    amps_mutex_unlock(&client->lock);
}

static amps_status wait_until(amps_client *client, bool (*holds)(const amps_client *),
                              uint32_t     wait_ms)
{
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    bool     in_time = true;
    amps_mutex_lock(&client->lock);
    while (in_time && !holds(client)) {
        in_time = amps_cond_wait(&client->changed, &client->lock, deadline);
    }
    amps_status status = holds(client) ? AMPS_OK : AMPS_AGAIN;
    amps_mutex_unlock(&client->lock);
    return status;
}

static bool is_gone(const amps_client *client) { return client->reader == NULL; }
static bool is_closed(const amps_client *client)
{
    return client->reader == NULL && client->readers == 0;
}

amps_status amps_client_wait_gone(amps_client *client, uint32_t wait_ms)
{
    return amps_client_is_inherited(client) ? AMPS_OK : wait_until(client, is_gone, wait_ms);
}

amps_status amps_client_wait_closed(amps_client *client, uint32_t wait_ms)
{
    if (receiving_for == client || amps_writer_is_showing(&client->writer)) {
        return AMPS_IN_HANDLER; /* the end waits for what this thread is doing */
    }
    return amps_client_is_inherited(client) ? AMPS_OK : wait_until(client, is_closed, wait_ms);
}

uint64_t amps_client_connection(amps_client *client)
{
    amps_mutex_lock(&client->lock);
    uint64_t connection = client->connections;
    amps_mutex_unlock(&client->lock);
    return connection;
}

bool amps_client_is_lost(amps_client *client, uint64_t connection)
{
    amps_mutex_lock(&client->lock);
    bool lost = client->connections != connection || client->state != AMPS_OK;
    amps_mutex_unlock(&client->lock);
    return lost || !amps_writer_is_open(&client->writer);
}

static bool is_settled(const amps_client *client, uint64_t connection)
{
    const amps_telling *telling = client->telling;
    while (telling != NULL && telling->connection != connection) {
        telling = telling->next;
    }
    return telling == NULL && (client->reader == NULL || client->connections != connection);
}

amps_status amps_client_wait_settled(amps_client *client, uint64_t connection, uint32_t wait_ms)
{
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    bool     in_time = true;
    amps_mutex_lock(&client->lock);
    while (in_time && !is_settled(client, connection)) {
        in_time = amps_cond_wait(&client->changed, &client->lock, deadline);
    }
    amps_status status = is_settled(client, connection) ? AMPS_OK : AMPS_AGAIN;
    amps_mutex_unlock(&client->lock);
    return status;
}

/* ---- Sending -------------------------------------------------------------------------------- */

uint64_t amps_client_next_id(amps_client *client)
{
    return atomic_fetch_add_explicit(&client->next_id, 1, memory_order_relaxed);
}

/* Writes a whole frame to `at`, which holds its upper bound, and gives its size. */
static size_t write_frame(char *at, const amps_header *header, amps_slice body)
{
    size_t header_size = amps_header_write(header, at + AMPS_FRAME_PREFIX_SIZE);
    if (body.size > 0) {
        memcpy(at + AMPS_FRAME_PREFIX_SIZE + header_size, body.at, body.size);
    }
    amps_frame_seal(at, header_size + body.size);
    return AMPS_FRAME_PREFIX_SIZE + header_size + body.size;
}

static size_t frame_size_max(const amps_header *header, amps_slice body)
{
    return AMPS_FRAME_PREFIX_SIZE + amps_header_size_max(header) + body.size;
}

amps_status amps_client_try_send(amps_client *client, const amps_header *header, amps_slice body,
                                 bool is_publish, bool *due)
{
    char       *at;
    amps_status status = AMPS_FORKED;
    *due = false;
    if (AMPS_LIKELY(!amps_client_is_inherited(client))) {
        status = amps_writer_try_begin(&client->writer, frame_size_max(header, body), &at);
    }
    if (AMPS_LIKELY(status == AMPS_OK)) {
        *due = amps_writer_commit(&client->writer, write_frame(at, header, body), !is_publish);
    }
    return status == AMPS_TOO_LARGE ? AMPS_AGAIN : status; /* the large go the long way */
}

amps_status amps_client_try_publish(amps_client *client, amps_slice header, amps_slice body,
                                    bool *due)
{
    const size_t size = AMPS_FRAME_PREFIX_SIZE + header.size + body.size;
    char        *at;
    amps_status  status = AMPS_FORKED;
    *due = false;
    if (AMPS_LIKELY(!amps_client_is_inherited(client))) {
        status = amps_writer_try_begin(&client->writer, size, &at);
    }
    if (AMPS_LIKELY(status == AMPS_OK)) {
        amps_frame_seal(at, size - AMPS_FRAME_PREFIX_SIZE);
        memcpy(at + AMPS_FRAME_PREFIX_SIZE, header.at, header.size);
        if (body.size > 0) {
            memcpy(at + AMPS_FRAME_PREFIX_SIZE + header.size, body.at, body.size);
        }
        *due = amps_writer_commit(&client->writer, size, false);
    }
    return status == AMPS_TOO_LARGE ? AMPS_AGAIN : status;
}

void amps_client_send_due(amps_client *client) { amps_writer_send_due(&client->writer); }

/* Never waits, and may exceed the buffer's limit a little. */
static amps_status send_without_waiting(amps_client *client, const amps_header *header,
                                        amps_slice body, bool is_publish)
{
    char       *at;
    amps_status status = amps_writer_begin_soon(&client->writer, frame_size_max(header, body), &at);
    if (status == AMPS_OK &&
        amps_writer_commit(&client->writer, write_frame(at, header, body), !is_publish)) {
        amps_writer_send_due(&client->writer);
    }
    return status;
}

amps_status amps_client_send_soon(amps_client *client, const amps_header *header)
{
    const amps_slice no_body = {"", 0};
    return amps_client_is_inherited(client) ? AMPS_FORKED
                                            : send_without_waiting(client, header, no_body, false);
}

/* Length and header of a frame whose body goes from the caller's memory to the socket. */
static amps_status make_prefix(const amps_header *header, amps_slice body, amps_progress *progress)
{
    if (progress->prefix != NULL) {
        return AMPS_OK;
    }
    size_t size_max = AMPS_FRAME_PREFIX_SIZE + amps_header_size_max(header);
    if (size_max + body.size - AMPS_FRAME_PREFIX_SIZE > AMPS_SEND_FRAME_SIZE_MAX) {
        return AMPS_TOO_LARGE;
    }
    char *prefix = amps_memory_new(size_max);
    if (prefix == NULL) {
        return AMPS_NO_MEMORY;
    }
    size_t header_size = amps_header_write(header, prefix + AMPS_FRAME_PREFIX_SIZE);
    amps_frame_seal(prefix, header_size + body.size);
    progress->prefix = prefix;
    progress->prefix_size = AMPS_FRAME_PREFIX_SIZE + header_size;
    return AMPS_OK;
}

static amps_status send_around(amps_client *client, const amps_header *header, amps_slice body,
                               amps_progress *progress, uint64_t deadline)
{
    amps_status status = make_prefix(header, body, progress);
    if (status == AMPS_OK) {
        amps_slice prefix = {progress->prefix, progress->prefix_size};
        status =
            amps_writer_send_around(&client->writer, prefix, body, &progress->around, deadline);
    }
    if (status != AMPS_AGAIN) {
        amps_memory_free(progress->prefix);
        progress->prefix = NULL;
    }
    return status;
}

/* How long this thread may wait for room in all. */
static uint64_t patience(const amps_client *client)
{
    return amps_client_in_handler(client) ? amps_clock_in_ms(AMPS_HANDLER_ROOM_WAIT_MS)
                                          : AMPS_FOREVER;
}

amps_status amps_client_send(amps_client *client, const amps_header *header, amps_slice body,
                             bool is_publish, amps_progress *progress, uint32_t wait_ms)
{
    if (amps_client_is_inherited(client)) {
        return AMPS_FORKED;
    }
    if (AMPS_UNLIKELY(amps_writer_is_showing(&client->writer))) {
        amps_status status = send_without_waiting(client, header, body, is_publish);
        return status == AMPS_AGAIN ? AMPS_NO_ROOM
                                    : status; /* it is for this thread to make room */
    }
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    if (progress->give_up_at == 0) {
        progress->give_up_at = patience(client);
    }
    amps_status status = AMPS_TOO_LARGE;
    if (progress->prefix == NULL) {
        char *at;
        status = amps_writer_begin(&client->writer, &progress->around.connection,
                                   frame_size_max(header, body), deadline, &at);
        if (status == AMPS_OK &&
            amps_writer_commit(&client->writer, write_frame(at, header, body), !is_publish)) {
            amps_writer_send_due(&client->writer);
        }
    }
    if (status == AMPS_TOO_LARGE) {
        status = send_around(client, header, body, progress, deadline);
    }
    if (status == AMPS_AGAIN && amps_clock_now() >= progress->give_up_at) {
        bool begun = progress->around.sent > 0; /* then the rest follows from a copy */
        amps_client_give_up(client, body, is_publish, progress);
        status = begun ? AMPS_OK : AMPS_NO_ROOM;
    }
    return status;
}

void amps_client_give_up(amps_client *client, amps_slice body, bool is_publish,
                         amps_progress *progress)
{
    if (progress->prefix != NULL) {
        amps_slice prefix = {progress->prefix, progress->prefix_size};
        amps_writer_give_up(&client->writer, prefix, body, is_publish, &progress->around);
        amps_memory_free(progress->prefix);
        progress->prefix = NULL;
    }
}

/* ---- Routes and waits ----------------------------------------------------------------------- */

amps_status amps_client_add_route(amps_client *client, const amps_slice *ids, size_t count,
                                  const amps_sink *sink)
{
    return amps_routes_add(&client->routes, ids, count, sink);
}

bool amps_client_has_route(amps_client *client, amps_id_kind kind, amps_slice id)
{
    return !amps_client_is_inherited(client) && amps_routes_has(&client->routes, kind, id);
}

bool amps_client_remove_route(amps_client *client, amps_id_kind kind, amps_slice id,
                              amps_sink *sink)
{
    return !amps_client_is_inherited(client) && amps_routes_remove(&client->routes, kind, id, sink);
}

bool amps_client_remove_stream(amps_client *client, amps_slice id, const amps_stream *stream)
{
    return !amps_client_is_inherited(client) &&
           amps_routes_remove_stream(&client->routes, id, stream);
}

void amps_client_remove_routes(amps_client *client, amps_status why)
{
    if (!amps_client_is_inherited(client)) {
        amps_routes_remove_all(&client->routes, why);
    }
}

void amps_client_want(amps_client *client, amps_audience audience, bool wanted)
{
    if (wanted) {
        atomic_fetch_or(&client->wants, 1u << audience);
    } else {
        atomic_fetch_and(&client->wants, ~(1u << audience));
    }
}

void amps_client_want_filter(amps_client *client, bool wanted)
{
    atomic_store(&client->writer.watched, wanted);
}

amps_waiter *amps_client_begin_wait(amps_client *client, amps_slice command_id, uint32_t ack_types)
{
    return amps_waits_begin(&client->waits, command_id, ack_types);
}

amps_status amps_client_wait(amps_client *client, amps_waiter *waiter, uint32_t wait_ms,
                             amps_message *ack)
{
    return amps_client_is_inherited(client)
               ? AMPS_FORKED
               : amps_waits_wait(&client->waits, waiter, amps_clock_in_ms(wait_ms), ack);
}

void amps_client_end_wait(amps_client *client, amps_waiter *waiter)
{
    if (!amps_client_is_inherited(client)) {
        amps_waits_end(&client->waits, waiter);
    }
}

void amps_client_set_heartbeat(amps_client *client, uint32_t interval_ms, uint32_t timeout_ms)
{
    amps_writer_set_heartbeat(&client->writer, interval_ms * AMPS_MS, timeout_ms * AMPS_MS);
}

void amps_client_set_batching(amps_client *client, size_t size, uint32_t timeout_ms)
{
    if (!amps_client_is_inherited(client)) {
        amps_writer_set_batching(&client->writer, size, timeout_ms * AMPS_MS);
    }
}

size_t amps_threads_wait(uint32_t wait_ms)
{
    return amps_thread_wait_all(amps_clock_in_ms(wait_ms));
}
