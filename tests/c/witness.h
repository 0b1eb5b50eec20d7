/* witness.h: a client whose events are written down, and its peer at the other end.
 *
 * A handler is its name. Every delivery adds "name/sub id=body;" to the log; bodies longer than
 * SHOWN_MAX are written as their size. */
#ifndef WITNESS_H
#define WITNESS_H

#include "amps_memory.h"
#include "check.h"
#include "peer.h"

#define SHORT_MS  30u
#define SHOWN_MAX 40u
#define LOG_SIZE  (1u << 18)

typedef struct witness witness;
struct witness {
    amps_client *client;
    ends         wire;
    size_t       memory_before;
    amps_mutex   lock;
    amps_cond    changed;
    char         log[LOG_SIZE];
    size_t       log_size;
    size_t       delivered, dead, bursts, begun, disconnected, ended, released;
    amps_failure failure;                                              /* the last one */
    void (*on_delivery)(witness *seen, const amps_delivery *delivery); /* on the receive thread */
    void (*on_lost)(witness *seen);
    void (*on_bytes)(witness *seen, amps_slice bytes, bool outgoing); /* wanted by the test */
    void (*on_disconnected)(witness *seen);
    void (*on_acks)(witness *seen); /* they wait for the binding's hand */
};

/* ---- What the client tells --------------------------------------------------------------------
 */

static inline void witness_count(witness *seen, size_t *counter)
{
    amps_mutex_lock(&seen->lock);
    ++*counter;
    amps_cond_broadcast(&seen->changed);
    amps_mutex_unlock(&seen->lock);
}

static inline void witness_begins(void *context, void **thread)
{
    witness *seen = context;
    CHECK(*thread == NULL);
    *thread = seen;
    CHECK(amps_client_in_handler(seen->client));
    witness_count(seen, &seen->begun);
}

static inline void witness_log(witness *seen, const amps_delivery *delivery)
{
    const amps_message      *message = &delivery->message;
    static const char *const names[] = {NULL,     "gone", "broke", "last",
                                        "failed", "acks", "beats", "had"};
    const char              *name = names[delivery->audience];
    name = delivery->handler != NULL && delivery->audience == AMPS_FOR_ROUTE ? delivery->handler
                                                                             : name;
    char  *at = seen->log + seen->log_size;
    size_t room = sizeof seen->log - seen->log_size;
    int    size;
    if (message->body.size > SHOWN_MAX) {
        size = snprintf(at, room, "%s/%.*s=<%zu>;", name, (int)message->sub_id.size,
                        message->sub_id.at, message->body.size);
    } else {
        size = snprintf(at, room, "%s/%.*s=%.*s;", name, (int)message->sub_id.size,
                        message->sub_id.at, (int)message->body.size, message->body.at);
    }
    CHECK(size > 0 && (size_t)size < room);
    seen->log_size += (size_t)size;
}

/* One message of a burst, as the binding would hand it to its handler. */
static inline void witness_call(witness *seen, const amps_delivery *delivery)
{
    bool live = delivery->route == NULL || amps_route_is_live(delivery->route);
    if (live && seen->on_delivery != NULL) {
        seen->on_delivery(seen, delivery);
    }
    amps_mutex_lock(&seen->lock);
    if (live) {
        witness_log(seen, delivery);
    }
    *(live ? &seen->delivered : &seen->dead) += 1;
    amps_cond_broadcast(&seen->changed);
    amps_mutex_unlock(&seen->lock);
}

static inline void witness_deliver(void *context, void **thread, const amps_burst *burst)
{
    witness *seen = context;
    CHECK(*thread == seen);
    CHECK(burst->count > 0);
    CHECK(amps_client_in_handler(seen->client));
    witness_count(seen, &seen->bursts);
    for (size_t index = 0; index < burst->count && amps_burst_goes_on(burst); index++) {
        witness_call(seen, &burst->deliveries[index]);
    }
}

/* Before anybody may connect again. */
static inline void witness_lost(void *context, void **thread, const amps_failure *failure)
{
    witness *seen = context;
    CHECK(*thread == seen);
    amps_mutex_lock(&seen->lock);
    seen->failure = *failure;
    amps_mutex_unlock(&seen->lock);
    if (seen->on_lost != NULL) {
        seen->on_lost(seen);
    }
}

static inline void witness_disconnected(void *context, void **thread, const amps_failure *failure)
{
    witness *seen = context;
    CHECK(*thread == seen);
    amps_mutex_lock(&seen->lock);
    seen->failure = *failure;
    amps_mutex_unlock(&seen->lock);
    if (seen->on_disconnected != NULL) {
        seen->on_disconnected(seen);
    }
    witness_count(seen, &seen->disconnected);
}

static inline void witness_ends(void *context, void **thread)
{
    witness *seen = context;
    CHECK(*thread == seen);
    *thread = NULL;
    witness_count(seen, &seen->ended);
}

static inline void witness_filter(void *context, void **thread, amps_slice bytes, bool outgoing)
{
    witness *seen = context;
    CHECK(outgoing == (thread == NULL));
    CHECK(outgoing || *thread == seen);
    CHECK(bytes.size > 0);
    CHECK(amps_client_in_handler(seen->client));
    if (seen->on_bytes != NULL) {
        seen->on_bytes(seen, bytes, outgoing);
    }
}

static inline void witness_acks(void *context)
{
    witness *seen = context;
    if (seen->on_acks != NULL) {
        seen->on_acks(seen);
    }
}

static inline void witness_released(void *context)
{
    witness *seen = context;
    witness_count(seen, &seen->released);
}

static const amps_events witness_events = {witness_begins,       witness_deliver, witness_lost,
                                           witness_disconnected, witness_ends,    witness_filter,
                                           witness_acks,         witness_released};

/* ---- Waiting for it ---------------------------------------------------------------------------
 */

static inline void witness_wait(witness *seen, const size_t *counter, size_t count)
{
    uint64_t deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_mutex_lock(&seen->lock);
    while (*counter < count) {
        CHECK(amps_cond_wait(&seen->changed, &seen->lock, deadline));
    }
    amps_mutex_unlock(&seen->lock);
}

static inline size_t witness_now(witness *seen, const size_t *counter)
{
    amps_mutex_lock(&seen->lock);
    size_t count = *counter;
    amps_mutex_unlock(&seen->lock);
    return count;
}

/* Waits until so much has been written down, checks that it is this, and begins anew. */
static inline void witness_expect(witness *seen, const char *log)
{
    witness_wait(seen, &seen->log_size, strlen(log));
    amps_mutex_lock(&seen->lock);
    CHECK_TEXT(((amps_slice){seen->log, seen->log_size}), log);
    seen->log_size = 0;
    amps_mutex_unlock(&seen->lock);
}

/* What the peer says, and what is written down for it. */
typedef struct exchange {
    const char *frame;
    const char *log;
} exchange;

/* A handler "a" must be there: it is told when all before it is through. */
static inline void check_exchanges(witness *seen, const exchange *exchanges, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        peer_say(seen->wire.peers, exchanges[index].frame);
        peer_say(seen->wire.peers,
                 "{\"c\":\"p\",\"sub_id\":\"a\"}."); /* all before it is through */
        char expected[200];
        snprintf(expected, sizeof expected, "%sa/a=.;", exchanges[index].log);
        witness_expect(seen, expected);
    }
}

/* The next message of a stream is this. */
static inline void take(amps_stream *stream, const char *body)
{
    amps_message message;
    void        *block;
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_OK);
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_OK);
    CHECK_TEXT(message.body, body);
    amps_block_free(block);
}

/* ---- Its life ---------------------------------------------------------------------------------
 */

static inline witness *witness_new(size_t send_buffer_size)
{
    witness *seen = calloc(1, sizeof *seen);
    CHECK(seen != NULL);
    amps_mutex_init(&seen->lock);
    amps_cond_init(&seen->changed);
    seen->wire = (ends){-1, -1};
    seen->memory_before = settled_memory();
    seen->client = amps_client_new(&witness_events, seen, send_buffer_size);
    CHECK(seen->client != NULL);
    return seen;
}

static inline void witness_open(witness *seen)
{
    CHECK_STATUS(amps_client_open(seen->client, seen->wire.ours), AMPS_OK);
}

/* By this id, whatever it is the id of. */
static inline amps_status witness_route(witness *seen, const char *id, const amps_sink *sink)
{
    const amps_slice ids[] = {amps_slice_of(id), amps_slice_of(id)};
    return amps_client_add_route(seen->client, ids, COUNT_OF(ids), sink);
}

static inline bool witness_unroute(witness *seen, const char *id)
{
    amps_sink sink;
    return amps_client_remove_route(seen->client, AMPS_ID_OF_SUBSCRIPTION, amps_slice_of(id),
                                    &sink);
}

/* Connected, with handlers named like their ids. */
static inline witness *witness_start(size_t handler_count, const char *const *handlers)
{
    witness *seen = witness_new(0);
    for (size_t index = 0; index < handler_count; index++) {
        void           *name = (void *)(uintptr_t)handlers[index];
        const amps_sink sink = {.handler = name, .ack_types = AMPS_ACK_STATS};
        CHECK_STATUS(witness_route(seen, handlers[index], &sink), AMPS_OK);
    }
    seen->wire = connect_pair();
    return seen;
}

/* After the client has been dropped: its memory and threads are gone, the witness with it. */
static inline void witness_free(witness *seen)
{
    witness_wait(seen, &seen->released, 1);
    CHECK_NUMBER(settled_memory(), seen->memory_before);
    CHECK_NUMBER(seen->released, 1);
    CHECK_NUMBER(seen->begun, seen->ended);
    CHECK_NUMBER(seen->begun, seen->disconnected);
    if (seen->wire.peers >= 0) {
        close(seen->wire.peers);
    }
    amps_cond_fini(&seen->changed);
    amps_mutex_fini(&seen->lock);
    free(seen);
}

/* Closes it however far it came. */
static inline void witness_end(witness *seen)
{
    amps_client_close(seen->client);
    if (seen->wire.peers >= 0) {
        shutdown(seen->wire.peers, SHUT_RDWR); /* nobody waits for the peer to hang up */
    }
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    amps_client_drop(seen->client);
    witness_free(seen);
}

#endif
