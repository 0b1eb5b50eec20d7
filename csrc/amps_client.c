/* amps_client.c: the life of a client and of its connections. */
#include "amps_client.h"

#include <stdio.h>

#include "amps_inside.h"
#include "amps_memory.h"
#include "amps_socket.h"

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
    amps_stored_init(&client->stored, &client->writer);
    client->writer.show = on_show;
    client->writer.show_context = client;
    amps_routes_init(&client->routes);
    amps_waits_init(&client->waits);
    amps_client_init_acks(client);
    return client;
}

void amps_client_release(amps_client *client)
{
    if (atomic_fetch_sub(&client->refs, 1) > 1) {
        return;
    }
    AMPS_ASSERT(client->reader == NULL);
    amps_events events = client->events;
    void       *context = client->events_context;
    amps_acks_fini(&client->acks);
    amps_routes_fini(&client->routes);
    amps_waits_fini(&client->waits);
    amps_stored_fini(&client->stored);
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
    amps_client_release(client);
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

/* The store first, then who waits. */
static bool on_ack(void *context, const amps_header *header, uint32_t types,
                   const amps_message *message, bool *is_trouble)
{
    amps_client     *client = context;
    amps_stored_word word = AMPS_STORED_NOTHING;
    if ((types & AMPS_ACK_PERSISTED) != 0) {
        word = amps_stored_hear(&client->stored, header);
    }
    if (word == AMPS_STORED_REFUSED &&
        (atomic_load(&client->wants) & 1u << AMPS_FOR_FAILED_WRITE) == 0) {
        amps_stored_discard_one(&client->stored, header);
    }
    *is_trouble = word == AMPS_STORED_UNKNOWN || word == AMPS_STORED_FAILED;
    return amps_waits_tell(&client->waits, header, message) || word == AMPS_STORED_DONE;
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
    amps_acks_shut(&client->acks);
    failure->unsent = amps_writer_close(&client->writer);
    amps_stored_forget(&client->stored);
    failure->kept = client->writer.kept_last;
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
    amps_client_release(client);
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
                                     .handled = amps_client_handled,
                                     .ended = on_ended,
                                     .gone = on_gone,
                                     .enter = on_enter,
                                     .leave = amps_client_leave_handler};
    amps_stored_forget(&client->stored);
    amps_status status = amps_writer_open(&client->writer, fd);
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
    amps_client_leave_acks(client);
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

void amps_client_break(amps_client *client)
{
    if (!amps_client_is_inherited(client)) {
        amps_mutex_lock(&client->lock);
        if (client->reader != NULL) {
            amps_writer_break(&client->writer, AMPS_DISCONNECTED, 0);
        }
        amps_mutex_unlock(&client->lock);
    }
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
