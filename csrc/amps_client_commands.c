/* amps_client_commands.c: commands and publishes out, routes and waits for what comes back. */
#include "amps_client.h"
#include "amps_frame.h"
#include "amps_memory.h"
#include "amps_unsent.h"

/* A publish made inside a handler may wait for room only so long: the thread that waits is the one
 * that would read what the server may insist on sending first. */
#define AMPS_HANDLER_ROOM_WAIT_MS 10000u

/* ---- Sending -------------------------------------------------------------------------------- */

uint64_t amps_client_next_id(amps_client *client)
{
    return atomic_fetch_add_explicit(&client->next_id, 1, memory_order_relaxed);
}

amps_status amps_client_try_send(amps_client *client, const amps_header *header, amps_slice body,
                                 bool is_publish, bool *due)
{
    char       *at;
    amps_status status = AMPS_FORKED;
    *due = false;
    if (AMPS_LIKELY(!amps_client_is_inherited(client))) {
        status = amps_writer_try_begin(&client->writer, amps_frame_size_max(header, body), &at);
    }
    if (AMPS_LIKELY(status == AMPS_OK)) {
        *due = amps_writer_commit(&client->writer, amps_frame_write(header, body, at), !is_publish);
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

bool amps_client_may_hold_up(amps_client *client)
{
    return atomic_load(&client->waits.count) == 0 && !amps_writer_is_broken(&client->writer);
}

/* Never waits, and may exceed the buffer's limit a little. */
static amps_status send_without_waiting(amps_client *client, const amps_header *header,
                                        amps_slice body, bool is_publish)
{
    char       *at;
    amps_status status =
        amps_writer_begin_soon(&client->writer, amps_frame_size_max(header, body), &at);
    if (status == AMPS_OK &&
        amps_writer_commit(&client->writer, amps_frame_write(header, body, at), !is_publish)) {
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
                                   amps_frame_size_max(header, body), deadline, &at);
        if (status == AMPS_OK &&
            amps_writer_commit(&client->writer, amps_frame_write(header, body, at), !is_publish)) {
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

void amps_client_begin_send(amps_client *client, amps_progress *progress)
{
    if (!amps_client_is_inherited(client)) {
        amps_mutex_lock(&client->writer.lock);
        progress->around.connection = client->writer.connection;
        amps_mutex_unlock(&client->writer.lock);
    }
}

size_t amps_client_count_kept(amps_client *client)
{
    return amps_client_is_inherited(client) ? 0 : amps_unsent_count(&client->writer);
}

amps_status amps_client_send_kept(amps_client *client, uint32_t wait_ms)
{
    return amps_client_is_inherited(client)
               ? AMPS_FORKED
               : amps_unsent_send(&client->writer, amps_clock_in_ms(wait_ms));
}

size_t amps_client_drop_kept(amps_client *client)
{
    return amps_client_is_inherited(client) ? 0 : amps_unsent_drop(&client->writer);
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

/* ---- Publishes with a store ------------------------------------------------------------------ */

amps_status amps_client_set_publish_store(amps_client *client, amps_publish_store *store)
{
    return amps_client_is_inherited(client) ? AMPS_FORKED : amps_stored_set(&client->stored, store);
}

amps_status amps_client_publish_stored(amps_client *client, amps_header *header, amps_slice body,
                                       bool is_publish, bool at_once, amps_kept *kept)
{
    return amps_client_is_inherited(client)
               ? AMPS_FORKED
               : amps_stored_publish(&client->stored, header, body, is_publish, at_once, kept);
}

amps_status amps_client_publish_prepared(amps_client *client, amps_publish_store *held,
                                         amps_slice header, amps_slice body, bool at_once,
                                         amps_kept *kept)
{
    return amps_client_is_inherited(client)
               ? AMPS_FORKED
               : amps_stored_publish_prepared(&client->stored, held, header, body, at_once, kept);
}

uint64_t amps_client_follow(amps_client *client, uint64_t persisted)
{
    return amps_stored_follow(&client->stored, persisted);
}

amps_status amps_client_wait_sent(amps_client *client, uint64_t sequence, uint32_t wait_ms)
{
    return amps_stored_wait_sent(&client->stored, sequence, amps_clock_in_ms(wait_ms));
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

void amps_client_lose_routes(amps_client *client, amps_status why)
{
    if (!amps_client_is_inherited(client)) {
        amps_routes_lose(&client->routes, why);
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

amps_waiter *amps_client_begin_wait(amps_client *client, amps_slice command_id, uint32_t ack_types,
                                    bool lasts)
{
    return amps_waits_begin(&client->waits, command_id, ack_types, lasts);
}

void amps_client_give_up_waits(amps_client *client)
{
    if (!amps_client_is_inherited(client)) {
        amps_waits_give_up(&client->waits, AMPS_CLOSED);
    }
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

void amps_client_end_batch(amps_client *client)
{
    if (!amps_client_is_inherited(client)) {
        amps_writer_end_batch(&client->writer);
    }
}

size_t amps_threads_wait(uint32_t wait_ms)
{
    return amps_thread_wait_all(amps_clock_in_ms(wait_ms));
}
