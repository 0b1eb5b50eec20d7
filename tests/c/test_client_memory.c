/* test_client_memory.c: a whole life with the n-th request of memory refused, for every n. */
#include "amps_header.h"
#include "check.h"
#include "peer.h"
#include "witness.h"

#define HALF         ((size_t)4096)
#define LARGE        ((size_t)4 << 20)
#define REQUESTS_MAX 50u /* more than one life makes */

static const char *const one[] = {"a"};

static void send_some(witness *seen, bool *whole)
{
    static char   body[LARGE];
    amps_header   header = {.present = 0};
    amps_progress progress = {.prefix = NULL};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("publish"));
    amps_header_set(&header, AMPS_FIELD_TOPIC, BYTES("x"));
    amps_status status =
        amps_client_send(seen->client, &header, BYTES("small"), true, &progress, SHORT_MS);
    *whole = *whole && status == AMPS_OK;
    progress = (amps_progress){.prefix = NULL};
    amps_slice all = {body, sizeof body};
    status = amps_client_send(seen->client, &header, all, true, &progress, SHORT_MS);
    *whole = *whole && status == AMPS_AGAIN;
    if (status == AMPS_AGAIN) {
        amps_client_give_up(seen->client, all, true, &progress);
    }
}

/* As far as it gets: the other side may be gone, that is one of the outcomes. */
static void send_all(int peer, const char *at, size_t size)
{
    ssize_t sent = 1;
    for (size_t done = 0; done < size && sent > 0; done += (size_t)sent) {
        sent = send(peer, at + done, size - done, MSG_NOSIGNAL);
    }
}

/* What the server says in one piece: for the handler, for the stream, for who waits, and large. */
static void say_some(int peer)
{
    char  bytes[500];
    char *large = malloc(LARGE);
    CHECK(large != NULL);
    size_t size = put_frame(bytes, "{\"c\":\"p\",\"sids\":\"a,s\"}1");
    size += put_frame(bytes + size, "{\"c\":\"sow\",\"query_id\":\"s\"}{\"l\":1}2");
    size += put_frame(bytes + size, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}");
    memset(large, ' ', LARGE);
    memcpy(large + PREFIX_SIZE, "{\"c\":\"p\",\"sids\":\"s,a\"}", 22);
    amps_frame_seal(large, LARGE - PREFIX_SIZE);
    send_all(peer, bytes, size);
    send_all(peer, large, LARGE);
    send_all(peer, bytes, PREFIX_SIZE + strlen("{\"c\":\"p\",\"sids\":\"a,s\"}1"));
    free(large);
    shutdown(peer, SHUT_WR);
}

static void drain(amps_stream *stream)
{
    amps_message message;
    void        *block;
    while (amps_stream_take(stream, &message, &block) == AMPS_OK) {
        amps_block_free(block);
    }
}

/* A connection from its opening to its loss. */
static void live_once(witness *seen, bool *whole)
{
    amps_message ack;
    amps_waiter *waiter =
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_PROCESSED, false);
    seen->wire = connect_pair();
    bool open = amps_client_open(seen->client, seen->wire.ours) == AMPS_OK;
    if (open) {
        send_some(seen, whole);
        say_some(seen->wire.peers);
        witness_wait(seen, &seen->disconnected, 1);
        *whole = *whole && seen->failure.status == AMPS_DISCONNECTED;
    }
    amps_status status = AMPS_NO_MEMORY;
    if (waiter != NULL) {
        status = amps_client_wait(seen->client, waiter, open ? PATIENCE_MS : 0, &ack);
        amps_client_end_wait(seen->client, waiter);
    }
    *whole = *whole && open && status == AMPS_OK;
}

/* True: nothing was refused. */
static bool live_with_refusal_at(uint64_t n)
{
    bool     whole = true;
    witness *seen = witness_new(HALF);
    amps_memory_fail_at(n, 0);
    amps_stream *stream = amps_stream_new(0);
    whole = witness_route(seen, "a", &(amps_sink){.handler = (void *)(uintptr_t)one[0]}) == AMPS_OK;
    whole = whole && stream != NULL &&
            witness_route(seen, "s", &(amps_sink){.stream = stream}) == AMPS_OK;
    live_once(seen, &whole);
    amps_memory_fail_at(0, 0);
    if (stream != NULL) {
        drain(stream);
        amps_stream_drop(stream);
    }
    whole = whole && seen->delivered == 3;
    witness_end(seen); /* checks that nothing is left */
    return whole;
}

static void whatever_request_is_refused_the_client_ends_in_order(void)
{
    size_t refused = 0;
    for (uint64_t n = 1; n <= REQUESTS_MAX; n++) {
        refused += !live_with_refusal_at(n);
    }
    printf("# %zu requests mattered\n", refused);
    CHECK(refused >= 10);
    CHECK(refused < REQUESTS_MAX);
    CHECK(live_with_refusal_at(REQUESTS_MAX)); /* the last ones refuse nothing any more */
}

static void with_no_memory_at_all_from_some_request_on_it_ends_in_order(void)
{
    for (uint64_t n = 1; n <= 20; n++) {
        bool     whole = true;
        witness *seen = witness_new(HALF);
        amps_memory_fail_at(n, 1);
        live_once(seen, &whole);
        amps_memory_fail_at(0, 0);
        witness_end(seen);
    }
}

int main(void)
{
    RUN(whatever_request_is_refused_the_client_ends_in_order);
    RUN(with_no_memory_at_all_from_some_request_on_it_ends_in_order);
    return 0;
}
