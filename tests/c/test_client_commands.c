/* test_client_commands.c: commands leave whole, acks find who waits, losses are counted. */
#include "amps_header.h"
#include "check.h"
#include "peer.h"
#include "witness.h"

#define HALF  ((size_t)4096)
#define LARGE ((size_t)8 << 20)

static const amps_slice no_body = {"", 0};

static amps_header publish_to(const char *topic)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("publish"));
    amps_header_set(&header, AMPS_FIELD_TOPIC, amps_slice_of(topic));
    return header;
}

static amps_header flush_as(const char *command_id)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("flush"));
    amps_header_set(&header, AMPS_FIELD_COMMAND_ID, amps_slice_of(command_id));
    return header;
}

static witness *started(size_t send_buffer_size)
{
    witness *seen = witness_new(send_buffer_size);
    seen->wire = connect_pair();
    witness_open(seen);
    return seen;
}

static amps_status publish(witness *seen, amps_slice body, amps_progress *progress,
                           uint32_t wait_ms)
{
    amps_header header = publish_to("x");
    return amps_client_send(seen->client, &header, body, true, progress, wait_ms);
}

static amps_status publish_once(witness *seen, amps_slice body)
{
    amps_progress progress = {.prefix = NULL};
    return publish(seen, body, &progress, PATIENCE_MS);
}

/* ---- Commands ---------------------------------------------------------------------------------
 */

static void commands_arrive_whole_and_in_order_by_every_way(void)
{
    bool        due = false;
    amps_status status = AMPS_AGAIN;
    amps_header header = publish_to("x\"y");
    amps_header flush = flush_as("7");
    witness    *seen = started(0);
    while (status == AMPS_AGAIN) { /* the lock may be held for a moment */
        status = amps_client_try_send(seen->client, &header, BYTES("1"), true, &due);
    }
    CHECK_STATUS(status, AMPS_OK);
    CHECK(due);
    amps_client_send_due(seen->client);
    CHECK_STATUS(publish_once(seen, BYTES("2")), AMPS_OK);
    CHECK_STATUS(publish_once(seen, (amps_slice){NULL, 0}), AMPS_OK);
    CHECK_STATUS(amps_client_send_soon(seen->client, &flush), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\\\"y\"}1");
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}2");
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}");
    peer_expect(seen->wire.peers, "{\"c\":\"flush\",\"cid\":\"7\"}");
    witness_end(seen);
}

static void ids_are_never_given_twice(void)
{
    witness *seen = witness_new(0);
    uint64_t before = amps_client_next_id(seen->client);
    for (int count = 0; count < 1000; count++) {
        uint64_t id = amps_client_next_id(seen->client);
        CHECK(id > before);
        before = id;
    }
    witness_end(seen);
}

static void without_a_connection_nothing_is_sent(void)
{
    bool        due = true;
    amps_header header = publish_to("x");
    witness    *seen = witness_new(0);
    for (int turn = 0; turn < 2; turn++) {
        amps_status expected = turn == 0 ? AMPS_DISCONNECTED : AMPS_CLOSED;
        if (turn == 1) {
            seen->wire = connect_pair();
            witness_open(seen);
            amps_client_close(seen->client);
        }
        CHECK_STATUS(amps_client_try_send(seen->client, &header, no_body, true, &due), expected);
        CHECK(!due);
        CHECK_STATUS(publish_once(seen, no_body), expected);
        CHECK_STATUS(amps_client_send_soon(seen->client, &header), expected);
    }
    witness_end(seen);
}

static void a_connection_without_memory_leaves_the_client_as_it_was(void)
{
    for (uint64_t n = 1; n < 5; n++) { /* the threads, the reader, its buffer */
        witness *seen = witness_new(0);
        seen->wire = connect_pair();
        amps_memory_fail_at(n, 0);
        CHECK_STATUS(amps_client_open(seen->client, seen->wire.ours), AMPS_NO_MEMORY);
        amps_memory_fail_at(0, 0);
        peer_expect_end(seen->wire.peers);
        CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
        CHECK_STATUS(publish_once(seen, no_body), AMPS_DISCONNECTED);
        close(seen->wire.peers);
        seen->wire = connect_pair();
        witness_open(seen);
        CHECK_STATUS(publish_once(seen, BYTES("now")), AMPS_OK);
        peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}now");
        witness_end(seen);
    }
}

static void a_prepared_header_is_sent_again_and_again(void)
{
    char        prepared[400], tight[10];
    amps_header header = publish_to("x\"y");
    witness    *seen = started(HALF);
    CHECK_NUMBER(amps_header_prepare(&header, tight, sizeof tight), 0);
    amps_slice ready = {prepared, amps_header_prepare(&header, prepared, sizeof prepared)};
    CHECK_TEXT(ready, "{\"c\":\"p\",\"t\":\"x\\\"y\"}");
    for (int turn = 0; turn < 3; turn++) {
        bool        due = false;
        amps_status status = AMPS_AGAIN;
        amps_slice  body = turn == 1 ? (amps_slice){NULL, 0} : BYTES("body");
        while (status == AMPS_AGAIN) {
            status = amps_client_try_publish(seen->client, ready, body, &due);
        }
        CHECK_STATUS(status, AMPS_OK);
        if (due) {
            amps_client_send_due(seen->client);
        }
        peer_expect(seen->wire.peers, turn == 1 ? "{\"c\":\"p\",\"t\":\"x\\\"y\"}"
                                                : "{\"c\":\"p\",\"t\":\"x\\\"y\"}body");
    }
    bool due = true;
    CHECK_STATUS(amps_client_try_publish(seen->client, ready, (amps_slice){"x", HALF}, &due),
                 AMPS_AGAIN);
    CHECK(!due);
    witness_end(seen);
}

/* ---- Large and many ---------------------------------------------------------------------------
 */

static void *publish_large(void *context)
{
    static char   body[LARGE];
    witness      *seen = context;
    amps_progress progress = {.prefix = NULL};
    amps_status   status = AMPS_AGAIN;
    memset(body, 'L', sizeof body);
    while (status == AMPS_AGAIN) {
        status = publish(seen, (amps_slice){body, sizeof body}, &progress, SHORT_MS);
    }
    return (void *)(uintptr_t)status;
}

static void expect_large(int fd)
{
    size_t size;
    size_t header = strlen("{\"c\":\"p\",\"t\":\"x\"}");
    char  *payload = peer_read_frame(fd, &size);
    CHECK_NUMBER(size, header + LARGE);
    for (size_t index = header; index < size; index++) {
        CHECK(payload[index] == 'L');
    }
    free(payload);
}

static void a_body_larger_than_the_buffer_arrives_whole(void)
{
    void     *status;
    witness  *seen = started(HALF);
    pthread_t thread = start(publish_large, seen);
    expect_large(seen->wire.peers);
    CHECK_NUMBER(pthread_join(thread, &status), 0);
    CHECK_STATUS((amps_status)(uintptr_t)status, AMPS_OK);
    witness_end(seen);
}

static void a_body_given_up_in_the_middle_still_arrives_whole(void)
{
    static char   body[LARGE];
    amps_progress progress = {.prefix = NULL};
    witness      *seen = started(HALF);
    memset(body, 'L', sizeof body);
    amps_slice all = {body, sizeof body};
    CHECK_STATUS(publish(seen, all, &progress, SHORT_MS), AMPS_AGAIN);
    CHECK(progress.around.sent > 0);
    amps_client_give_up(seen->client, all, true, &progress);
    amps_client_give_up(seen->client, all, true, &progress); /* once is enough */
    memset(body, 'z', sizeof body);
    CHECK_STATUS(publish_once(seen, BYTES("after")), AMPS_OK);
    expect_large(seen->wire.peers);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}after");
    CHECK_STATUS(publish_once(seen, BYTES("more")), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}more");
    witness_end(seen);
}

static void a_body_no_frame_can_hold_is_refused_unread(void)
{
    witness *seen = started(HALF);
    CHECK_STATUS(publish_once(seen, (amps_slice){"x", UINT32_MAX}), AMPS_TOO_LARGE);
    CHECK_STATUS(publish_once(seen, BYTES("next")), AMPS_OK);
    peer_expect(seen->wire.peers, "{\"c\":\"p\",\"t\":\"x\"}next");
    witness_end(seen);
}

static void publishes_that_never_left_are_counted_when_the_connection_is_lost(void)
{
    static const char body[1000];
    amps_slice        all = {body, sizeof body};
    size_t            sent = 0, arrived = 0;
    char              prefix[PREFIX_SIZE];
    witness          *seen = started(HALF);
    amps_progress     progress = {.prefix = NULL};
    while (publish(seen, all, &progress, SHORT_MS) == AMPS_OK) {
        sent++;
        progress = (amps_progress){.prefix = NULL};
    }
    shutdown(seen->wire.peers, SHUT_WR); /* our reader sees the end, our writer is in the middle */
    witness_wait(seen, &seen->disconnected, 1);
    CHECK(seen->failure.unsent > 0);
    while (peer_sees(seen->wire.peers, PATIENCE_MS) &&
           recv(seen->wire.peers, prefix, PREFIX_SIZE, MSG_WAITALL) == (ssize_t)PREFIX_SIZE) {
        char   payload[2000];
        size_t size = amps_load_u32(prefix);
        CHECK(size < sizeof payload);
        arrived += recv(seen->wire.peers, payload, size, MSG_WAITALL) == (ssize_t)size;
    }
    CHECK_NUMBER(arrived + seen->failure.unsent, sent);
    CHECK_STATUS(publish_once(seen, all), AMPS_DISCONNECTED);
    witness_end(seen);
}

/* ---- Acks -------------------------------------------------------------------------------------
 */

static amps_status wait_for(witness *seen, amps_waiter *waiter, uint32_t wait_ms, char *header)
{
    amps_message ack;
    amps_status  status = amps_client_wait(seen->client, waiter, wait_ms, &ack);
    header[0] = '\0';
    if (status == AMPS_OK) {
        memcpy(header, ack.header.at, ack.header.size);
        header[ack.header.size] = '\0';
        CHECK_NUMBER(ack.body.size + ack.record.size + ack.sub_id.size, 0);
    }
    return status;
}

static void only_the_ack_that_was_asked_for_ends_a_wait(void)
{
    static const char *const others[] = {
        "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"received\"}",
        "{\"c\":\"ack\",\"cid\":\"77\",\"a\":\"processed\"}", "{\"c\":\"ack\",\"cid\":\"7\"}",
        "{\"c\":\"ack\",\"a\":\"processed\"}", "{\"c\":\"p\",\"cid\":\"7\",\"a\":\"processed\"}"};
    static const char good[] = "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}";
    char              header[200];
    witness          *seen = started(0);
    amps_waiter      *waiter =
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_PROCESSED, false);
    amps_waiter *all =
        amps_client_begin_wait(seen->client, BYTES("all"), AMPS_ACK_PROCESSED, false);
    CHECK_STATUS(wait_for(seen, waiter, 0, header), AMPS_AGAIN);
    for (size_t index = 0; index < COUNT_OF(others); index++) {
        peer_say(seen->wire.peers, others[index]);
    }
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"all\",\"a\":\"processed\"}");
    CHECK_STATUS(wait_for(seen, all, PATIENCE_MS, header), AMPS_OK);
    CHECK_STATUS(wait_for(seen, waiter, SHORT_MS, header), AMPS_AGAIN);
    peer_say(seen->wire.peers, good);
    CHECK_STATUS(wait_for(seen, waiter, PATIENCE_MS, header), AMPS_OK);
    CHECK_TEXT(amps_slice_of(header), good);
    peer_say(seen->wire.peers, good); /* the first one stays */
    CHECK_STATUS(wait_for(seen, waiter, 0, header), AMPS_OK);
    amps_client_end_wait(seen->client, waiter);
    amps_client_end_wait(seen->client, all);
    witness_end(seen);
}

static void an_ack_finds_its_wait_though_its_id_is_escaped(void)
{
    char         header[200];
    witness     *seen = started(0);
    amps_waiter *waiter =
        amps_client_begin_wait(seen->client, BYTES("7\""), AMPS_ACK_PROCESSED, false);
    amps_waiter *other =
        amps_client_begin_wait(seen->client, BYTES("8"), AMPS_ACK_PROCESSED, false);
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"7\\\"\",\"a\":\"processed\"}");
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"8\",\"a\":\"processed\"}");
    CHECK_STATUS(wait_for(seen, other, PATIENCE_MS, header), AMPS_OK);
    CHECK_STATUS(wait_for(seen, waiter, 0, header), AMPS_OK);
    amps_client_end_wait(seen->client, waiter);
    amps_client_end_wait(seen->client, other);
    witness_end(seen);
}

static void a_failure_ends_a_wait_whatever_its_type(void)
{
    static const char failure[] =
        "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"received\",\"status\":\"failure\"}";
    char         header[200];
    witness     *seen = started(0);
    amps_waiter *waiter =
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_COMPLETED, false);
    peer_say(seen->wire.peers,
             "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"received\",\"status\":\"success\"}");
    peer_say(seen->wire.peers, failure);
    CHECK_STATUS(wait_for(seen, waiter, PATIENCE_MS, header), AMPS_OK);
    CHECK_TEXT(amps_slice_of(header), failure);
    amps_client_end_wait(seen->client, waiter);
    witness_end(seen);
}

static void two_may_wait_for_one_ack_and_end_in_any_order(void)
{
    char         header[200];
    witness     *seen = started(0);
    amps_waiter *waiters[] = {
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_PROCESSED, false),
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_STATS | AMPS_ACK_PROCESSED,
                               false),
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_STATS, false)};
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}");
    CHECK_STATUS(wait_for(seen, waiters[0], PATIENCE_MS, header), AMPS_OK);
    CHECK_STATUS(wait_for(seen, waiters[1], PATIENCE_MS, header), AMPS_OK);
    CHECK_STATUS(wait_for(seen, waiters[2], 0, header), AMPS_AGAIN);
    amps_client_end_wait(seen->client, waiters[1]);
    amps_client_end_wait(seen->client, waiters[0]);
    amps_client_end_wait(seen->client, waiters[2]);
    witness_end(seen);
}

static void a_lost_or_closed_connection_ends_every_wait(void)
{
    for (int closed = 0; closed < 2; closed++) {
        char         header[200];
        witness     *seen = started(0);
        amps_waiter *waiter =
            amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_PROCESSED, false);
        if (closed == 1) {
            amps_client_close(seen->client);
        } else {
            shutdown(seen->wire.peers, SHUT_WR);
        }
        CHECK_STATUS(wait_for(seen, waiter, PATIENCE_MS, header),
                     closed == 1 ? AMPS_CLOSED : AMPS_DISCONNECTED);
        amps_client_end_wait(seen->client, waiter);
        witness_end(seen);
    }
}

static void an_ack_without_memory_ends_the_wait_all_the_same(void)
{
    char         header[200];
    witness     *seen = started(0);
    amps_waiter *waiter =
        amps_client_begin_wait(seen->client, BYTES("7"), AMPS_ACK_PROCESSED, false);
    witness_wait(seen, &seen->begun, 1);
    amps_memory_fail_at(1, 0);
    CHECK(amps_client_begin_wait(seen->client, BYTES("8"), AMPS_ACK_PROCESSED, false) == NULL);
    amps_memory_fail_at(1, 0);
    peer_say(seen->wire.peers, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}");
    CHECK_STATUS(wait_for(seen, waiter, PATIENCE_MS, header), AMPS_NO_MEMORY);
    amps_client_end_wait(seen->client, waiter);
    witness_end(seen);
}

int main(void)
{
    RUN(commands_arrive_whole_and_in_order_by_every_way);
    RUN(ids_are_never_given_twice);
    RUN(without_a_connection_nothing_is_sent);
    RUN(a_body_larger_than_the_buffer_arrives_whole);
    RUN(a_body_no_frame_can_hold_is_refused_unread);
    RUN(publishes_that_never_left_are_counted_when_the_connection_is_lost);
    RUN(only_the_ack_that_was_asked_for_ends_a_wait);
    RUN(a_failure_ends_a_wait_whatever_its_type);
    RUN(two_may_wait_for_one_ack_and_end_in_any_order);
    RUN(a_lost_or_closed_connection_ends_every_wait);
    RUN(an_ack_without_memory_ends_the_wait_all_the_same);
    RUN(a_connection_without_memory_leaves_the_client_as_it_was);
    RUN(a_body_given_up_in_the_middle_still_arrives_whole);
    RUN(a_prepared_header_is_sent_again_and_again);
    RUN(an_ack_finds_its_wait_though_its_id_is_escaped);
    return 0;
}
