/* test_client_session.c: a session against a server, with the n-th request of memory refused.
 *
 * For every n up to the last request of the session: it ends with an error, nothing is lost without
 * one, nothing hangs and nothing is left. What the core learns to do gets a step of its own here.
 */
#include "amps_header.h"
#include "check.h"
#include "peer.h"
#include "witness.h"

#define HALF         ((size_t)4096)    /* of the send buffer */
#define LARGE        ((size_t)1 << 20) /* larger than any buffer starts with */
#define REQUESTS_MAX 500u              /* far more than one session makes */
#define DELIVERIES   2u                /* to each subscription */

/* ---- The server: answers each command, and delivers what is published ---------------------------
 */

/* The text of a header field; empty when it is not there. */
static void text_of(const char *payload, const char *key, char out[32])
{
    char name[32];
    snprintf(name, sizeof name, "\"%s\":\"", key);
    const char *at = strstr(payload, name);
    at = at != NULL ? at + strlen(name) : "";
    size_t size = strcspn(at, "\"");
    CHECK(size < 32);
    memcpy(out, at, size);
    out[size] = '\0';
}

static bool tell(int peer, const char *at, size_t size)
{
    ssize_t sent = 1;
    for (size_t done = 0; done < size && sent > 0; done += (size_t)sent) {
        sent = send(peer, at + done, size - done, MSG_NOSIGNAL);
    }
    return sent > 0;
}

static bool tell_frame(int peer, const char *payload)
{
    char bytes[300];
    return tell(peer, bytes, put_frame(bytes, payload));
}

static bool deliver(int peer, const char *payload, size_t size)
{
    static const char header[] = "{\"c\":\"p\",\"t\":\"x\",\"sids\":\"h,s\"}";
    const char       *body = strchr(payload, '}') + 1;
    size_t            body_size = size - (size_t)(body - payload);
    char              prefix[PREFIX_SIZE];
    amps_frame_seal(prefix, strlen(header) + body_size);
    return tell(peer, prefix, sizeof prefix) && tell(peer, header, strlen(header)) &&
           tell(peer, body, body_size);
}

static bool answer(int peer, const char *payload, size_t size)
{
    char verb[32], command_id[32], text[200];
    text_of(payload, "c", verb);
    text_of(payload, "cid", command_id);
    if (strcmp(verb, "p") == 0 || strcmp(verb, "publish") == 0) {
        return deliver(peer, payload, size);
    }
    snprintf(text, sizeof text,
             "{\"c\":\"ack\",\"cid\":\"%s\",\"a\":\"processed\",\"status\":\"success\"}",
             command_id);
    bool sent = tell_frame(peer, text);
    if (strcmp(verb, "sow") == 0) {
        sent = sent && tell_frame(peer, "{\"c\":\"group_begin\",\"query_id\":\"q\"}") &&
               tell_frame(peer, "{\"c\":\"sow\",\"query_id\":\"q\"}{\"l\":3}one{\"l\":3}two") &&
               tell_frame(peer, "{\"c\":\"group_end\",\"query_id\":\"q\"}");
    }
    return sent;
}

/* All of it, or false: the client has gone. */
static bool hear(int peer, char *at, size_t size)
{
    return size == 0 || recv(peer, at, size, MSG_WAITALL) == (ssize_t)size;
}

static void serve_one(int peer, char *payload)
{
    char prefix[PREFIX_SIZE];
    while (hear(peer, prefix, sizeof prefix)) {
        size_t size = amps_load_u32(prefix);
        CHECK(size < 2 * LARGE);
        if (!hear(peer, payload, size)) {
            break;
        }
        payload[size] = '\0';
        if (!answer(peer, payload, size)) {
            break;
        }
    }
    close(peer);
}

/* One connection after the other, until nobody listens any more. */
static void *serve(void *context)
{
    const listener *listening = context;
    char           *payload = malloc(2 * LARGE + 1);
    CHECK(payload != NULL);
    for (int peer; (peer = accept(listening->fd, NULL, NULL)) >= 0;) {
        serve_one(peer, payload);
    }
    free(payload);
    return NULL;
}

/* ---- The client's side -------------------------------------------------------------------------
 */

typedef struct session {
    witness     *seen;
    uint16_t     port;
    amps_stream *subscription, *query;
} session;

typedef amps_status (*step)(session *lived);

static amps_status patiently(session *lived, const amps_header *header, amps_slice body,
                             bool is_publish)
{
    amps_progress progress = {.prefix = NULL};
    return amps_client_send(lived->seen->client, header, body, is_publish, &progress, PATIENCE_MS);
}

/* Sends a command and waits for its answer. */
static amps_status ask(session *lived, amps_header *header, const char *verb, const char *id)
{
    amps_message ack;
    amps_client *client = lived->seen->client;
    amps_waiter *waiter =
        amps_client_begin_wait(client, amps_slice_of(id), AMPS_ACK_PROCESSED, false);
    if (waiter == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_header_set(header, AMPS_FIELD_COMMAND, amps_slice_of(verb));
    amps_header_set(header, AMPS_FIELD_COMMAND_ID, amps_slice_of(id));
    amps_header_set(header, AMPS_FIELD_TOPIC, BYTES("x"));
    amps_header_set(header, AMPS_FIELD_ACK_TYPE, BYTES("processed"));
    amps_status status = patiently(lived, header, BYTES(""), false);
    if (status == AMPS_OK) {
        status = amps_client_wait(client, waiter, PATIENCE_MS, &ack);
    }
    amps_client_end_wait(client, waiter);
    return status;
}

static amps_status route(session *lived, const char *id, const char *sub_id, const amps_sink *sink)
{
    const amps_slice ids[] = {amps_slice_of(id), amps_slice_of(sub_id)};
    return amps_client_add_route(lived->seen->client, ids, COUNT_OF(ids), sink);
}

static amps_status connects(session *lived)
{
    const amps_address address = {.host = BYTES("127.0.0.1"), .port = lived->port, .linger_s = -1};
    amps_dial         *dial = amps_dial_new(&address);
    int                fd = -1;
    if (dial == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_status status = amps_dial_step(dial, PATIENCE_MS, &fd);
    amps_dial_free(dial);
    return status == AMPS_OK ? amps_client_open(lived->seen->client, fd) : status;
}

static amps_status logs_on(session *lived)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_CLIENT_NAME, BYTES("session"));
    return ask(lived, &header, "logon", "1");
}

static amps_status subscribes(session *lived, const char *id, const char *sub_id,
                              const amps_sink *sink)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_SUB_ID, amps_slice_of(sub_id));
    amps_status status = route(lived, id, sub_id, sink);
    return status == AMPS_OK ? ask(lived, &header, "subscribe", id) : status;
}

static amps_status subscribes_with_a_handler(session *lived)
{
    static const char name[] = "handler";
    const amps_sink   sink = {.handler = (void *)(uintptr_t)name, .verb = AMPS_COMMAND_SUBSCRIBE};
    return subscribes(lived, "2", "h", &sink);
}

static amps_status subscribes_with_a_stream(session *lived)
{
    lived->subscription = amps_stream_new(0);
    const amps_sink sink = {.stream = lived->subscription, .verb = AMPS_COMMAND_SUBSCRIBE};
    return lived->subscription != NULL ? subscribes(lived, "3", "s", &sink) : AMPS_NO_MEMORY;
}

static amps_status publishes(session *lived, amps_slice body)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("p"));
    amps_header_set(&header, AMPS_FIELD_TOPIC, BYTES("x"));
    return patiently(lived, &header, body, true);
}

static amps_status publishes_small(session *lived) { return publishes(lived, BYTES("small")); }

static amps_status publishes_large(session *lived)
{
    static char body[LARGE];
    memset(body, '.', sizeof body);
    return publishes(lived, (amps_slice){body, sizeof body});
}

/* Waits for the handler's messages, or for the end of the connection. */
static amps_status receives_in_the_handler(session *lived)
{
    witness    *seen = lived->seen;
    uint64_t    deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_status status = AMPS_OK;
    amps_mutex_lock(&seen->lock);
    while (seen->delivered < DELIVERIES && seen->disconnected == 0) {
        CHECK(amps_cond_wait(&seen->changed, &seen->lock, deadline));
    }
    if (seen->delivered < DELIVERIES) {
        status = seen->failure.status;
    }
    amps_mutex_unlock(&seen->lock);
    return status;
}

/* Takes one message; its size goes to *size. */
static amps_status receive(amps_stream *stream, size_t *size)
{
    amps_message message = {.body = {NULL, 0}};
    void        *block = NULL;
    amps_status  status = amps_stream_wait(stream, PATIENCE_MS);
    if (status == AMPS_OK) {
        status = amps_stream_take(stream, &message, &block);
        *size = message.body.size;
        amps_block_free(block);
    }
    return status;
}

static amps_status receives_from_the_stream(session *lived)
{
    size_t      size = 0;
    amps_status status = receive(lived->subscription, &size);
    CHECK(status != AMPS_OK || size == strlen("small"));
    status = status == AMPS_OK ? receive(lived->subscription, &size) : status;
    CHECK(status != AMPS_OK || size == LARGE);
    return status;
}

static amps_status queries(session *lived)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_QUERY_ID, BYTES("q"));
    lived->query = amps_stream_new(0);
    if (lived->query == NULL) {
        return AMPS_NO_MEMORY;
    }
    const amps_sink sink = {.stream = lived->query, .verb = AMPS_COMMAND_SOW};
    amps_status     status = route(lived, "4", "q", &sink);
    return status == AMPS_OK ? ask(lived, &header, "sow", "4") : status;
}

/* A whole result: two markers and two records, then the end. */
static amps_status receives_the_result(session *lived)
{
    size_t      size, count = 0;
    amps_status status;
    while ((status = receive(lived->query, &size)) == AMPS_OK) {
        count++;
    }
    CHECK(status != AMPS_END || count == 4);
    return status == AMPS_END ? AMPS_OK : status;
}

static amps_status flushes(session *lived)
{
    amps_header header = {.present = 0};
    return ask(lived, &header, "flush", "5");
}

/* What is the client's own wish is no error, even when the connection broke first. */
static amps_status closes(session *lived)
{
    amps_client_close(lived->seen->client);
    return amps_client_wait_closed(lived->seen->client, PATIENCE_MS);
}

static const step steps[] = {
    connects,
    logs_on,
    subscribes_with_a_handler,
    subscribes_with_a_stream,
    publishes_small,
    publishes_large,
    receives_in_the_handler,
    receives_from_the_stream,
    queries,
    receives_the_result,
    flushes,
    closes,
};

/* ---- The stories -------------------------------------------------------------------------------
 */

/* As the binding does: streams end with the connection. */
static void end_streams(witness *seen)
{
    amps_client_remove_routes(seen->client, seen->failure.status);
}

/* Lives it up to its first failure; gives that. */
static amps_status live(uint16_t port, uint64_t n, int forever, bool *refused)
{
    session     lived = {.seen = witness_new(HALF), .port = port};
    amps_status status = AMPS_OK;
    lived.seen->on_lost = end_streams;
    amps_memory_fail_at(n, forever);
    for (size_t index = 0; index < COUNT_OF(steps) && status == AMPS_OK; index++) {
        status = steps[index](&lived);
    }
    *refused = amps_memory_has_failed();
    amps_memory_fail_at(0, 0);
    amps_stream_drop(lived.subscription);
    amps_stream_drop(lived.query);
    witness_end(lived.seen); /* checks that nothing is left */
    return status;
}

static listener  listening;
static pthread_t server;

static void a_session_with_all_the_memory_it_wants_succeeds(void)
{
    bool refused;
    CHECK_STATUS(live(listening.port, 0, 0, &refused), AMPS_OK);
    CHECK(!refused);
}

static void whichever_request_is_refused_the_session_ends_with_an_error(void)
{
    uint64_t n = 0;
    size_t   survived = 0;
    bool     refused = true;
    while (refused) {
        amps_status status = live(listening.port, ++n, 0, &refused);
        CHECK(refused || status == AMPS_OK);
        CHECK(n < REQUESTS_MAX);
        if (refused && status == AMPS_OK) {
            printf("# request %u was refused, and the session did not fail\n", (unsigned)n);
            survived++;
        }
    }
    printf("# %u requests\n", (unsigned)n - 1);
    CHECK(n > 20);
    CHECK_NUMBER(survived, 0);
}

static void without_memory_from_some_request_on_the_session_ends_with_an_error(void)
{
    bool refused = true;
    for (uint64_t n = 1; refused; n++) {
        amps_status status = live(listening.port, n, 1, &refused);
        CHECK(refused ? status != AMPS_OK : status == AMPS_OK);
        CHECK(n < REQUESTS_MAX);
    }
}

int main(void)
{
    listening = listen_on(false, 1);
    server = start(serve, &listening);
    RUN(a_session_with_all_the_memory_it_wants_succeeds);
    RUN(whichever_request_is_refused_the_session_ends_with_an_error);
    RUN(without_memory_from_some_request_on_the_session_ends_with_an_error);
    shutdown(listening.fd, SHUT_RDWR);
    join(server);
    close(listening.fd);
    return 0;
}
