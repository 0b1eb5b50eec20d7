/* test_client_filter.c: the filter sees every byte once, in order, and may call back. */
#include <stdatomic.h>

#include "amps_header.h"
#include "check.h"
#include "peer.h"
#include "witness.h"

#define HALF  ((size_t)4096)
#define LARGE ((size_t)3 << 20) /* of a body: goes around the buffer, in many pieces */

/* What went one way: how much, and a number that depends on every byte and its place. */
typedef struct flow {
    size_t   size;
    uint64_t mix;
} flow;

static amps_mutex lock;
static flow       out_shown, in_shown;
static char      *large;

static void pass(flow *flowing, amps_slice bytes)
{
    for (size_t index = 0; index < bytes.size; index++) {
        flowing->mix = (flowing->mix ^ (unsigned char)bytes.at[index]) * 1099511628211u;
    }
    flowing->size += bytes.size;
}

static void record(witness *seen, amps_slice bytes, bool outgoing)
{
    (void)seen;
    amps_mutex_lock(&lock);
    pass(outgoing ? &out_shown : &in_shown, bytes);
    amps_mutex_unlock(&lock);
}

static witness *watched(size_t send_buffer_size,
                        void (*on_bytes)(witness *seen, amps_slice bytes, bool outgoing))
{
    witness *seen = witness_new(send_buffer_size);
    out_shown = in_shown = (flow){0, 0};
    seen->on_bytes = on_bytes;
    seen->wire = connect_pair();
    amps_client_want_filter(seen->client, true);
    witness_open(seen);
    return seen;
}

static amps_status publish(witness *seen, amps_slice body)
{
    amps_progress progress = {.prefix = NULL};
    amps_status   status = AMPS_AGAIN;
    amps_header   header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("publish"));
    amps_header_set(&header, AMPS_FIELD_TOPIC, BYTES("x"));
    while (status == AMPS_AGAIN) {
        status = amps_client_send(seen->client, &header, body, true, &progress, SHORT_MS);
    }
    return status;
}

/* ---- Every byte, once, in order ---------------------------------------------------------------*/

#define THREADS 3
#define EACH    3000

static void *publish_mixed(void *context)
{
    for (int turn = 1; turn <= EACH; turn++) {
        size_t size = turn % 1000 == 0 ? LARGE : (size_t)turn % 300;
        CHECK_STATUS(publish(context, (amps_slice){large, size}), AMPS_OK);
    }
    return NULL;
}

static void *read_to_the_end(void *context)
{
    static char bytes[1 << 16];
    static flow read;
    witness    *seen = context;
    size_t      got;
    read = (flow){0, 0};
    while ((got = peer_read_some(seen->wire.peers, bytes, sizeof bytes)) > 0) {
        pass(&read, (amps_slice){bytes, got});
    }
    return &read;
}

static void what_leaves_is_shown_byte_by_byte(size_t batch_size)
{
    void     *read;
    pthread_t threads[THREADS];
    witness  *seen = watched(HALF, record);
    pthread_t peer = start(read_to_the_end, seen);
    amps_client_set_heartbeat(seen->client, 1, 1000000);
    amps_client_set_batching(seen->client, batch_size, 1);
    for (int index = 0; index < THREADS; index++) {
        threads[index] = start(publish_mixed, seen);
    }
    for (int index = 0; index < THREADS; index++) {
        join(threads[index]);
    }
    amps_client_close(seen->client);
    CHECK_NUMBER(pthread_join(peer, &read), 0);
    CHECK(((flow *)read)->size > (size_t)THREADS * EACH / 1000 * LARGE);
    CHECK_NUMBER(out_shown.size, ((flow *)read)->size);
    CHECK(out_shown.mix == ((flow *)read)->mix);
    witness_end(seen);
}

static void every_byte_that_leaves_is_shown_once_and_in_order(void)
{
    what_leaves_is_shown_byte_by_byte(0);
}

static void batched_or_not(void) { what_leaves_is_shown_byte_by_byte(1000); }

static void every_byte_that_comes_is_shown_once_and_in_order(void)
{
    flow     said = {0, 0};
    char     frame[64];
    witness *seen = watched(0, record);
    CHECK_STATUS(witness_route(seen, "a", &(amps_sink){.handler = "a"}), AMPS_OK);
    for (int count = 0; count < 1000; count++) {
        size_t size = put_frame(frame, "{\"c\":\"p\",\"sids\":\"a\"}body");
        pass(&said, (amps_slice){frame, size});
        peer_write(seen->wire.peers, frame, size / 2); /* frames come in pieces, too */
        peer_write(seen->wire.peers, frame + size / 2, size - size / 2);
    }
    witness_wait(seen, &seen->delivered, 1000);
    amps_mutex_lock(&lock);
    CHECK_NUMBER(in_shown.size, said.size);
    CHECK(in_shown.mix == said.mix);
    amps_mutex_unlock(&lock);
    witness_end(seen);
}

static void look_at_the_wire(witness *seen, amps_slice bytes, bool outgoing)
{
    record(seen, bytes, outgoing);
    CHECK(!outgoing || !peer_sees(seen->wire.peers, 0));
    CHECK(outgoing || witness_now(seen, &seen->delivered) == 0);
}

static void bytes_are_shown_before_they_are_sent_and_before_they_are_looked_at(void)
{
    witness *seen = watched(0, look_at_the_wire);
    CHECK_STATUS(witness_route(seen, "a", &(amps_sink){.handler = "a"}), AMPS_OK);
    CHECK_STATUS(publish(seen, BYTES("body")), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}body");
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}1");
    witness_wait(seen, &seen->delivered, 1);
    CHECK(out_shown.size > 0 && in_shown.size > 0);
    witness_end(seen);
}

static void nobody_is_shown_what_nobody_wants(void)
{
    witness *seen = watched(0, record);
    amps_client_want_filter(seen->client, false);
    CHECK_STATUS(publish(seen, BYTES("1")), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}1");
    CHECK_NUMBER(out_shown.size, 0);
    amps_client_want_filter(seen->client, true);
    CHECK_STATUS(publish(seen, BYTES("2")), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}2");
    CHECK_NUMBER(out_shown.size, PREFIX_SIZE + strlen("{\"c\":\"p\",\"t\":\"x\"}2"));
    witness_end(seen);
}

static void the_rest_of_a_frame_given_up_is_not_shown_again(void)
{
    size_t        size;
    amps_progress progress = {.prefix = NULL};
    amps_header   header = {.present = 0};
    witness      *seen = watched(HALF, record);
    amps_slice    body = {large, LARGE};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("publish"));
    CHECK_STATUS(amps_client_send(seen->client, &header, body, true, &progress, SHORT_MS),
                 AMPS_AGAIN);
    CHECK(progress.around.sent > 0);
    amps_client_give_up(seen->client, body, true, &progress);
    free(peer_read_frame(seen->wire.peers, &size));
    CHECK_STATUS(publish(seen, BYTES("2")), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}2");
    CHECK_NUMBER(out_shown.size, 2 * PREFIX_SIZE + size + strlen("{\"c\":\"p\",\"t\":\"x\"}2"));
    witness_end(seen);
}

/* ---- It calls back ----------------------------------------------------------------------------*/

static bool says(amps_slice bytes, const char *text)
{
    return memmem(bytes.at, bytes.size, text, strlen(text)) != NULL;
}

static void answer_asks(witness *seen, amps_slice bytes, bool outgoing)
{
    if (outgoing && says(bytes, "ask")) {
        CHECK_STATUS(publish(seen, BYTES("said")), AMPS_OK);
    }
}

static void what_the_filter_publishes_follows_what_it_saw(void)
{
    size_t   size;
    witness *seen = watched(HALF, answer_asks);
    for (int turn = 0; turn < 200; turn++) { /* by this thread, then by the writer's */
        CHECK_STATUS(publish(seen, BYTES("ask")), AMPS_OK);
        peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}ask");
        peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}said");
    }
    memcpy(large, "ask", 3);
    pthread_t thread = start(publish_mixed, seen);
    for (int count = 0; count < EACH + EACH / 1000; count++) { /* those of 0 to 2 bytes ask not */
        char *payload = peer_read_frame(seen->wire.peers, &size);
        free(payload);
    }
    amps_client_want_filter(seen->client, false);
    pthread_t peer = start(read_to_the_end, seen);
    join(thread);
    amps_client_close(seen->client);
    join(peer);
    witness_end(seen);
}

static atomic_size_t taken_in;

static void publish_until_refused(witness *seen, amps_slice bytes, bool outgoing)
{
    static _Atomic bool once;
    if (outgoing && says(bytes, "begin") && !atomic_exchange(&once, true)) {
        amps_status status = AMPS_OK;
        while ((status = publish(seen, (amps_slice){large, 1000})) == AMPS_OK) {
            atomic_fetch_add(&taken_in, 1);
        }
        CHECK_STATUS(status, AMPS_NO_ROOM); /* at once: it is for this thread to make room */
        CHECK_STATUS(publish(seen, (amps_slice){large, LARGE}), AMPS_NO_ROOM);
    }
}

static void a_filter_never_waits_for_room(void)
{
    size_t   size;
    uint64_t began = amps_clock_now();
    witness *seen = watched(HALF, publish_until_refused);
    CHECK_STATUS(publish(seen, BYTES("begin")), AMPS_OK);
    CHECK(taken_in >= 4);
    CHECK(amps_clock_now() < began + 5000 * AMPS_MS);
    for (size_t count = 0; count < taken_in + 1; count++) {
        free(peer_read_frame(seen->wire.peers, &size));
    }
    witness_end(seen);
}

static void close_it(witness *seen, amps_slice bytes, bool outgoing)
{
    (void)bytes;
    amps_client_close(seen->client);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_IN_HANDLER);
    witness_count(seen, outgoing ? &out_shown.size : &in_shown.size);
}

static void a_filter_may_close_the_client_either_way(void)
{
    for (int incoming = 0; incoming < 2; incoming++) {
        witness *seen = watched(0, close_it);
        if (incoming == 0) {
            CHECK_STATUS(publish(seen, BYTES("1")), AMPS_OK);
            peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}1");
        } else {
            peer_say(seen->wire.peers, "{\"c\":\"p\"}");
        }
        witness_wait(seen, incoming == 0 ? &out_shown.size : &in_shown.size, 1);
        witness_wait(seen, &seen->disconnected, 1);
        CHECK_STATUS(seen->failure.status, AMPS_CLOSED);
        witness_end(seen);
    }
}

static witness *first, *second;

static void call_each_other(witness *seen, amps_slice bytes, bool outgoing)
{
    if (outgoing && says(bytes, "ask")) {
        CHECK_STATUS(publish(second, BYTES("next")), AMPS_OK);
    } else if (outgoing && seen == second) {
        CHECK(amps_client_in_handler(first->client));
        CHECK_STATUS(amps_client_wait_closed(first->client, PATIENCE_MS), AMPS_IN_HANDLER);
        CHECK_STATUS(publish(first, BYTES("back")), AMPS_OK);
    }
}

static void filters_of_two_clients_may_meet_on_one_thread(void)
{
    witness *both[2];
    for (int index = 0; index < 2; index++) {
        both[index] = witness_new(0);
        both[index]->on_bytes = call_each_other;
        both[index]->wire = connect_pair();
        both[index]->memory_before = both[0]->memory_before;
        amps_client_want_filter(both[index]->client, true);
    }
    first = both[0];
    second = both[1];
    witness_open(first);
    witness_open(second);
    CHECK_STATUS(publish(first, BYTES("ask")), AMPS_OK);
    peer_expect(second->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}next");
    peer_expect(first->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}ask");
    peer_expect(first->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}back");
    for (int index = 0; index < 2; index++) {
        shutdown(both[index]->wire.peers, SHUT_RDWR);
        amps_client_drop(both[index]->client);
    }
    witness_free(first);
    witness_free(second);
}

/* ---- Wanted and not, all the time -------------------------------------------------------------*/

static void *publish_all(void *context)
{
    for (int turn = 0; turn < EACH; turn++) {
        CHECK_STATUS(publish(context, BYTES("body")), AMPS_OK);
    }
    return NULL;
}

static void it_may_be_wanted_and_not_at_any_time(void)
{
    void     *read;
    witness  *seen = watched(HALF, record);
    pthread_t peer = start(read_to_the_end, seen);
    pthread_t thread = start(publish_all, seen);
    for (int turn = 0; turn < EACH; turn++) {
        amps_client_want_filter(seen->client, turn % 2 == 0);
        peer_say(seen->wire.peers, "{\"c\":\"p\"}");
    }
    join(thread);
    amps_client_close(seen->client);
    CHECK_NUMBER(pthread_join(peer, &read), 0);
    CHECK(out_shown.size <= ((flow *)read)->size);
    witness_end(seen);
}

static void a_dropped_client_shows_to_its_last_byte_and_is_gone(void)
{
    void    *read;
    witness *seen = watched(0, record);
    amps_client_set_batching(seen->client, HALF, 0);
    CHECK_STATUS(publish(seen, BYTES("last")), AMPS_OK);
    amps_client_drop(seen->client);
    pthread_t peer = start(read_to_the_end, seen);
    CHECK_NUMBER(pthread_join(peer, &read), 0);
    witness_free(seen);
    CHECK_NUMBER(out_shown.size, ((flow *)read)->size);
    CHECK(out_shown.size > 0);
}

int main(void)
{
    amps_mutex_init(&lock);
    large = calloc(1, LARGE);
    CHECK(large != NULL);
    for (size_t index = 0; index < LARGE; index++) {
        large[index] = (char)('a' + index % 23);
    }
    RUN(every_byte_that_leaves_is_shown_once_and_in_order);
    RUN(batched_or_not);
    RUN(every_byte_that_comes_is_shown_once_and_in_order);
    RUN(bytes_are_shown_before_they_are_sent_and_before_they_are_looked_at);
    RUN(nobody_is_shown_what_nobody_wants);
    RUN(the_rest_of_a_frame_given_up_is_not_shown_again);
    RUN(what_the_filter_publishes_follows_what_it_saw);
    RUN(a_filter_never_waits_for_room);
    RUN(a_filter_may_close_the_client_either_way);
    RUN(filters_of_two_clients_may_meet_on_one_thread);
    RUN(it_may_be_wanted_and_not_at_any_time);
    RUN(a_dropped_client_shows_to_its_last_byte_and_is_gone);
    free(large);
    amps_mutex_fini(&lock);
    return 0;
}
