/* amps_client_acks.c: acknowledgements of queue messages, from the program to the wire. */
#include "amps_client_acks.h"

#include <stdio.h>

#include "amps_client.h"

#define TOPIC_ESCAPED_MAX 1024u /* bytes of a topic that came with escapes */
#define RETRY_MS          10u   /* the send buffer is full: it is tried again after so long */
#define STORE_RETRY_MS    1000u /* the store may not grow: its owner is asked again after so long */

static const amps_slice nothing = {"", 0};

/* ---- Sending -------------------------------------------------------------------------------- */

/* An id that no program's id is in the way of. */
static amps_slice new_id(amps_client *client, char out[AMPS_NUMBER_TEXT_MAX])
{
    amps_slice id;
    do {
        id = amps_number_text(amps_client_next_id(client), out);
    } while (amps_routes_has(&client->routes, AMPS_ID_OF_COMMAND, id) ||
             amps_routes_has(&client->routes, AMPS_ID_OF_SUBSCRIPTION, id));
    return id;
}

static amps_slice slice_of(const amps_buffer *buffer)
{
    return (amps_slice){buffer->at, buffer->size};
}

static amps_status send_plainly(amps_client *client, const amps_header *header)
{
    amps_writer *writer = &client->writer;
    char        *at;
    amps_mutex_lock(&writer->lock);
    amps_status status =
        writer->connection == client->acks_connection
            ? amps_writer_reserve(writer, amps_frame_size_max(header, nothing), &at)
            : AMPS_DISCONNECTED;
    if (status != AMPS_OK) {
        amps_mutex_unlock(&writer->lock);
        return status == AMPS_TOO_LARGE ? AMPS_AGAIN : status; /* a large one is on its way */
    }
    bool gathers = writer->buffer.batch_size > 0; /* publishes; this is not one of them */
    if (amps_writer_commit(writer, amps_frame_write(header, nothing, at), gathers)) {
        amps_writer_send_due(writer);
    }
    return AMPS_OK;
}

static amps_status send_stored(amps_client *client, amps_header *header, amps_failure *failure)
{
    amps_kept   kept;
    amps_status status = amps_stored_publish(&client->stored, header, nothing, false, false, &kept);
    if (status == AMPS_CLOSED) { /* the store: a connection that is closed takes part no more */
        status = AMPS_STORE;
        kept.failure = (amps_failure){.status = AMPS_CLOSED};
        snprintf(kept.failure.text, sizeof kept.failure.text, "it is closed");
    }
    if (status == AMPS_STORE) {
        *failure = kept.failure;
    }
    if (status == AMPS_OK && kept.due) {
        amps_writer_send_due(&client->writer);
    }
    return status;
}

static amps_status send_command(amps_client *client, const amps_ack_command *command,
                                amps_failure *failure)
{
    char        digits[AMPS_NUMBER_TEXT_MAX];
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_COMMAND, amps_slice_of("sow_delete"));
    amps_header_set(&header, AMPS_FIELD_COMMAND_ID, new_id(client, digits));
    amps_header_set(&header, AMPS_FIELD_TOPIC, slice_of(&command->topic));
    amps_header_set(&header, AMPS_FIELD_BOOKMARK, slice_of(&command->list));
    if (command->options.size > 0) {
        amps_header_set(&header, AMPS_FIELD_OPTIONS, slice_of(&command->options));
    }
    if (!amps_stored_is_used(&client->stored)) {
        return send_plainly(client, &header);
    }
    amps_header_set(&header, AMPS_FIELD_ACK_TYPE, amps_slice_of("persisted"));
    return send_stored(client, &header, failure);
}

static void do_chores_in(amps_client *client, uint32_t ms)
{
    amps_writer_do_chores_at(&client->writer, amps_clock_in_ms(ms));
}

/* Has one that was told this gone, or can it later, or on the next connection? */
static bool is_passing(amps_status status)
{
    return status == AMPS_OK || status == AMPS_AGAIN || status == AMPS_DISCONNECTED ||
           status == AMPS_CLOSED || status == AMPS_STORE_FULL;
}

/* One that cannot be sent ever is dropped, if that is wished, by whoever will tell of it. */
static amps_status send_ready(amps_client *client, bool drops, amps_failure *failure)
{
    const amps_ack_command *command;
    amps_status             status = AMPS_OK;
    if (!amps_acks_claim(&client->acks)) {
        return AMPS_OK;
    }
    while (status == AMPS_OK && (command = amps_acks_next(&client->acks)) != NULL) {
        status = send_command(client, command, failure);
        if (status == AMPS_OK || (drops && !is_passing(status))) {
            amps_acks_sent(&client->acks);
        }
        if (status != AMPS_OK) {
            amps_acks_pause(&client->acks);
        }
    }
    if (status == AMPS_AGAIN || !is_passing(status)) {
        do_chores_in(client, RETRY_MS); /* also for those behind one that was dropped */
    } else if (status == AMPS_STORE_FULL) {
        do_chores_in(client, STORE_RETRY_MS);
    }
    return status;
}

amps_status amps_client_send_acks(amps_client *client, amps_failure *failure)
{
    if (amps_client_is_inherited(client)) {
        return AMPS_FORKED;
    }
    if (atomic_load(&client->acks_by_hand)) {
        do_chores_in(client, 0);
        return AMPS_AGAIN;
    }
    return send_ready(client, true, failure);
}

/* ---- By hand -------------------------------------------------------------------------------- */

void amps_client_set_acks_by_hand(amps_client *client, bool by_hand)
{
    atomic_store(&client->acks_by_hand, by_hand);
}

bool amps_client_begin_acks(amps_client *client) { return amps_acks_claim(&client->acks); }

bool amps_client_next_ack(amps_client *client, amps_ack_view *ack)
{
    const amps_ack_command *command = amps_acks_next(&client->acks);
    if (command != NULL) {
        *ack = (amps_ack_view){slice_of(&command->topic), slice_of(&command->list),
                               slice_of(&command->options)};
    }
    return command != NULL;
}

void amps_client_sent_ack(amps_client *client) { amps_acks_sent(&client->acks); }

void amps_client_retry_acks(amps_client *client, uint32_t in_ms)
{
    amps_acks_pause(&client->acks);
    if (in_ms > 0) {
        do_chores_in(client, in_ms);
    }
}

static void call_for_hand(void *context)
{
    amps_client *client = context;
    atomic_store(&client->acks_helped, false); /* what comes from now on calls again */
    client->events.acks(client->events_context);
    amps_client_release(client);
}

/* On the writer's thread, without its lock: it must not wait for the interpreter. */
static void call_helper(amps_client *client)
{
    if (atomic_exchange(&client->acks_helped, true)) {
        return;
    }
    atomic_fetch_add(&client->refs, 1);
    if (amps_thread_start("amps-acks", call_for_hand, client) != AMPS_OK) {
        atomic_fetch_sub(&client->refs, 1); /* not the last: the writer's client has one */
        atomic_store(&client->acks_helped, false);
        do_chores_in(client, STORE_RETRY_MS);
    }
}

/* ---- The writer's thread brings the clock --------------------------------------------------- */

static void follow(amps_client *client, const amps_acks_todo *todo)
{
    if (todo->tick_at != 0) {
        amps_writer_do_chores_at(&client->writer, todo->tick_at);
    }
}

static void do_chores(void *context)
{
    amps_client   *client = context;
    amps_acks_todo todo;
    amps_failure   failure;
    amps_acks_tick(&client->acks, amps_clock_now(), &todo);
    follow(client, &todo);
    if (!todo.send) {
        return;
    }
    amps_status status =
        atomic_load(&client->acks_by_hand) ? AMPS_STORE : send_ready(client, false, &failure);
    if (status == AMPS_STORE_FULL || !is_passing(status)) {
        call_helper(client); /* the binding asks or tells somebody, or does it itself */
    }
}

void amps_client_init_acks(amps_client *client)
{
    amps_acks_init(&client->acks, &client->routes, client->writer.buffer.size_max);
    client->writer.chores = do_chores;
    client->writer.chores_context = client;
}

/* ---- Acknowledging -------------------------------------------------------------------------- */

amps_status amps_client_ack(amps_client *client, amps_slice topic, amps_slice bookmarks,
                            amps_slice options, amps_slice sub_id, bool *due)
{
    amps_acks_todo todo = {0};
    *due = false;
    if (AMPS_UNLIKELY(amps_client_is_inherited(client))) {
        return AMPS_FORKED;
    }
    amps_status status = amps_acks_add(&client->acks, topic, bookmarks, options, sub_id, 0, &todo);
    *due = todo.send;
    follow(client, &todo);
    return status;
}

/* A message is from a queue when it has a lease, or came by a subscription that has a backlog. */
static bool is_of_queue(amps_client *client, const amps_header *header, amps_slice sub_id)
{
    uint32_t backlog;
    if (AMPS_LIKELY(amps_header_has(header, AMPS_FIELD_LEASE_PERIOD) &&
                    header->value[AMPS_FIELD_LEASE_PERIOD].size > 0)) {
        return true;
    }
    return sub_id.size > 0 && amps_routes_granted(&client->routes, sub_id, &backlog);
}

amps_status amps_client_ack_message(amps_client *client, const amps_message *message,
                                    amps_slice options, bool *due)
{
    char        topic_decoded[TOPIC_ESCAPED_MAX], decoded[AMPS_BOOKMARK_SIZE_MAX];
    amps_header header;
    amps_slice  topic, bookmark;
    size_t      size;
    *due = false;
    if (AMPS_UNLIKELY(amps_client_is_inherited(client))) {
        return AMPS_FORKED;
    }
    if (amps_header_parse(message->header, &header, &size) != AMPS_OK ||
        !is_of_queue(client, &header, message->sub_id)) {
        return AMPS_END;
    }
    amps_status status =
        amps_header_text(&header, AMPS_FIELD_TOPIC, topic_decoded, sizeof topic_decoded, &topic);
    if (status == AMPS_OK) {
        status = amps_header_text(&header, AMPS_FIELD_BOOKMARK, decoded, sizeof decoded, &bookmark);
    }
    if (status != AMPS_OK || topic.size == 0) {
        return status != AMPS_OK ? status : AMPS_END;
    }
    return amps_client_ack(client, topic, bookmark, options, message->sub_id, due);
}

void amps_client_handled(void *context, const amps_message *message)
{
    amps_client *client = context;
    amps_failure failure;
    bool         due = false;
    if (!atomic_load_explicit(&client->acks.is_auto, memory_order_relaxed)) {
        return;
    }
    amps_client_ack_message(client, message, nothing, &due); /* what cannot be comes again */
    if (due) {
        amps_status status =
            atomic_load(&client->acks_by_hand) ? AMPS_STORE : send_ready(client, false, &failure);
        if (status == AMPS_STORE_FULL || !is_passing(status)) {
            do_chores_in(client, 0); /* that thread calls the binding */
        }
    }
}

/* ---- Settings ------------------------------------------------------------------------------- */

void amps_client_set_ack_batching(amps_client *client, size_t size, uint32_t timeout_ms)
{
    amps_acks_todo todo;
    if (!amps_client_is_inherited(client)) {
        amps_acks_set_batching(&client->acks, size, timeout_ms * AMPS_MS, &todo);
    }
}

void amps_client_set_auto_ack(amps_client *client, bool is_auto)
{
    atomic_store(&client->acks.is_auto, is_auto);
}

bool amps_client_flush_acks(amps_client *client)
{
    amps_acks_todo todo;
    amps_failure   failure;
    if (amps_client_is_inherited(client) || amps_acks_waiting(&client->acks) == 0) {
        return true;
    }
    amps_acks_end_batches(&client->acks, &todo);
    if (todo.send && !atomic_load(&client->acks_by_hand)) {
        amps_client_send_acks(client, &failure);
    }
    return amps_acks_waiting(&client->acks) == 0;
}

void amps_client_leave_acks(amps_client *client) { amps_client_flush_acks(client); }

void amps_client_wait_acks(amps_client *client, uint32_t wait_ms)
{
    if (!amps_client_is_inherited(client)) {
        amps_acks_wait(&client->acks, amps_clock_in_ms(wait_ms));
    }
}

size_t amps_client_count_acks(amps_client *client)
{
    return amps_client_is_inherited(client) ? 0 : amps_acks_waiting(&client->acks);
}

void amps_client_open_acks(amps_client *client)
{
    amps_mutex_lock(&client->writer.lock);
    client->acks_connection = client->writer.connection;
    amps_mutex_unlock(&client->writer.lock);
    amps_acks_open(&client->acks);
}

void amps_client_keep_acks(amps_client *client, bool keeps)
{
    amps_acks_set_keeps(&client->acks, keeps);
}

size_t amps_client_drop_acks(amps_client *client)
{
    return amps_client_is_inherited(client) ? 0 : amps_acks_drop(&client->acks);
}
