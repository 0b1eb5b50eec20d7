/* test_reader_bytes.c: frames come out of any pieces, and what is no frame ends the connection. */
#include "amps_reader.h"

#include "check.h"
#include "peer.h"
#include "witness.h"

#define LARGE ((size_t)8 << 20)

static const char *const two[] = {"a", "b"};

static witness *started(void)
{
    witness *seen = witness_start(2, two);
    witness_open(seen);
    return seen;
}

/* ---- Pieces -----------------------------------------------------------------------------------
 */

static const char session_log[] = "a/a=one;b/=;b/=two;a/a=;b/b=three;";

static size_t put_session(char *out)
{
    size_t size = put_frame(out, "{\"c\":\"p\",\"sids\":\"a\"}one");
    size += put_frame(out + size, "{\"c\":\"sow\",\"query_id\":\"b\"}{\"l\":0}{\"l\":3}two");
    size += put_frame(out + size, "");
    size += put_frame(out + size, "{\"c\":\"p\",\"sids\":\"a\"}");
    return size + put_frame(out + size, "{\"c\":\"p\",\"sids\":\"b\"}three");
}

static void frames_split_at_every_byte_come_out_whole(void)
{
    char     bytes[300];
    size_t   size = put_session(bytes);
    witness *seen = started();
    for (size_t at = 1; at < size; at++) {
        peer_write(seen->wire.peers, bytes, at);
        wait_taken(seen->wire.ours);
        peer_write(seen->wire.peers, bytes + at, size - at);
        witness_expect(seen, session_log);
    }
    witness_end(seen);
}

static void frames_byte_by_byte_come_out_whole(void)
{
    char     bytes[300];
    size_t   size = put_session(bytes);
    witness *seen = started();
    for (size_t at = 0; at < size; at++) {
        peer_write(seen->wire.peers, bytes + at, 1);
        wait_taken(seen->wire.ours);
    }
    witness_expect(seen, session_log);
    witness_end(seen);
}

/* The log of many sessions in pieces of a size that never fits. */
static void frames_in_awkward_pieces_come_out_whole(void)
{
    const size_t pieces[] = {3, 7, 61, 1021, 65521};
    static char  bytes[300 * 300];
    static char  log[300 * sizeof session_log];
    for (size_t index = 0; index < COUNT_OF(pieces); index++) {
        size_t   size = 0;
        witness *seen = started();
        log[0] = '\0';
        for (int turn = 0; turn < 300; turn++) {
            size += put_session(bytes + size);
            strcat(log, session_log);
        }
        for (size_t at = 0; at < size; at += pieces[index]) {
            size_t left = size - at;
            peer_write(seen->wire.peers, bytes + at, left < pieces[index] ? left : pieces[index]);
        }
        witness_expect(seen, log);
        witness_end(seen);
    }
}

/* ---- Large frames -----------------------------------------------------------------------------
 */

static void check_large(witness *seen, const amps_delivery *delivery)
{
    amps_slice body = delivery->message.body;
    (void)seen;
    for (size_t index = 0; index < body.size; index++) {
        CHECK(body.at[index] == (char)('a' + index % 23));
    }
}

static void say_large(int fd, size_t size)
{
    static const char header[] = "{\"c\":\"p\",\"sids\":\"a\"}";
    char             *frame = malloc(PREFIX_SIZE + sizeof header + size);
    CHECK(frame != NULL);
    amps_frame_seal(frame, strlen(header) + size);
    memcpy(frame + PREFIX_SIZE, header, strlen(header));
    char *body = frame + PREFIX_SIZE + strlen(header);
    for (size_t index = 0; index < size; index++) {
        body[index] = (char)('a' + index % 23);
    }
    peer_write(fd, frame, PREFIX_SIZE + strlen(header) + size);
    free(frame);
}

static void a_large_frame_comes_out_whole_again_and_again(void)
{
    witness *seen = started();
    seen->on_delivery = check_large;
    for (int turn = 0; turn < 3; turn++) {
        char expected[100];
        snprintf(expected, sizeof expected, "a/a=<%zu>;a/a=a;", LARGE + (size_t)turn);
        say_large(seen->wire.peers, LARGE + (size_t)turn);
        say_large(seen->wire.peers, 1);
        witness_expect(seen, expected);
    }
    witness_end(seen);
}

static void frames_around_the_size_of_a_piece_come_out_whole(void)
{
    witness *seen = started();
    seen->on_delivery = check_large;
    for (size_t size = AMPS_READER_PIECE_SIZE - 40; size < AMPS_READER_PIECE_SIZE + 5; size++) {
        char expected[100];
        snprintf(expected, sizeof expected, "a/a=<%zu>;a/a=<50>;", size);
        say_large(seen->wire.peers, size);
        say_large(seen->wire.peers, 50);
        witness_expect(seen, expected);
    }
    witness_end(seen);
}

/* A claim costs the claimant its bytes, not us our memory. */
static void a_claim_of_a_large_frame_takes_no_memory(void)
{
    char     prefix[PREFIX_SIZE];
    witness *seen = started();
    witness_wait(seen, &seen->begun, 1);
    amps_memory_fail_at(1, 1);
    amps_frame_seal(prefix, AMPS_FRAME_SIZE_MAX);
    peer_write(seen->wire.peers, prefix, PREFIX_SIZE);
    peer_write(seen->wire.peers, "{\"c\":\"p\"", 8);
    wait_taken(seen->wire.ours);
    shutdown(seen->wire.peers, SHUT_WR);
    witness_wait(seen, &seen->disconnected, 1);
    amps_memory_fail_at(0, 0);
    CHECK_TEXT(amps_slice_of(seen->failure.text), "the server closed the connection");
    witness_end(seen);
}

static void a_large_frame_without_memory_ends_the_connection(void)
{
    witness *seen = started();
    witness_wait(seen, &seen->begun, 1);
    amps_memory_fail_at(2, 0);
    char prefix[PREFIX_SIZE], bytes[4096] = "{\"c\":\"p\",\"sids\":\"a\"}";
    amps_frame_seal(prefix, LARGE);
    peer_write(seen->wire.peers, prefix, PREFIX_SIZE);
    while (send(seen->wire.peers, bytes, sizeof bytes, MSG_NOSIGNAL) > 0) {
    }
    witness_wait(seen, &seen->disconnected, 1);
    amps_memory_fail_at(0, 0);
    CHECK_STATUS(seen->failure.status, AMPS_NO_MEMORY);
    CHECK_TEXT(amps_slice_of(seen->failure.text), "out of memory");
    witness_end(seen);
}

/* ---- What is no frame -------------------------------------------------------------------------
 */

typedef struct bad {
    amps_slice  bytes;
    amps_status status;
    const char *says; /* must be in the text */
} bad;

static const bad bad_frames[] = {
    {BYTES("\xff\xff\xff\xff"), AMPS_FRAME_TOO_LARGE, "4294967295 bytes"},
    {BYTES("\x10\0\0\x01{\"c\":\"p\"}"), AMPS_FRAME_TOO_LARGE, "268435457 bytes"},
    {BYTES("HTTP/1.1 400 Bad Request"), AMPS_FRAME_TOO_LARGE, "1213486160 bytes"},
    {BYTES("\0\0\0\1x"), AMPS_BAD_FRAME, "1 bytes"},
    {BYTES("\0\0\0\1{"), AMPS_BAD_FRAME, ": {"},
    {BYTES("\0\0\0\7{\"c\":\"p"), AMPS_BAD_FRAME, ": {\"c\":\"p"},
    {BYTES("\0\0\0\5\0\1\x7f\xff\n"), AMPS_BAD_FRAME, ": ....."},
    {BYTES("\0\0\0\x0c[\"c\",\"pppp\"]"), AMPS_BAD_FRAME, "no readable header"},
    {BYTES("\0\0\0\x17{\"c\":\"sow\",\"l\":5}abcd   "), AMPS_BAD_FRAME, "23 bytes"},
    {BYTES("\0\0\0\x16{\"c\":\"sow\"}{\"l\":99}abc"), AMPS_BAD_FRAME, "or records"},
    {BYTES("\0\0\0\x0e{\"c\":\"sow\"}abc"), AMPS_BAD_FRAME, "or records"},
    {BYTES("\0\0\0\x0d{\"c\":\"sow\"}{}"), AMPS_BAD_FRAME, "or records"},
    {BYTES("\0\0\0\x14{\"c\":\"sow\"}{\"l\":-1}x"), AMPS_BAD_FRAME, "or records"},
};

static void what_is_no_frame_ends_the_connection_and_is_shown(void)
{
    for (size_t index = 0; index < COUNT_OF(bad_frames); index++) {
        const bad *sent = &bad_frames[index];
        witness   *seen = started();
        char       bytes[200];
        size_t     size = put_frame(bytes, "{\"c\":\"p\",\"sids\":\"a\"}good");
        memcpy(bytes + size, sent->bytes.at, sent->bytes.size);
        size += sent->bytes.size;
        size += put_frame(bytes + size, "");
        peer_write(seen->wire.peers, bytes, size); /* all at once: it may hang up any moment */
        peer_expect_end(seen->wire.peers);
        witness_wait(seen, &seen->disconnected, 1);
        CHECK_STATUS(seen->failure.status, sent->status);
        CHECK(strstr(seen->failure.text, sent->says) != NULL);
        witness_expect(seen, "a/a=good;");
        CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
        witness_end(seen);
    }
}

static void records_before_a_bad_one_are_delivered(void)
{
    witness *seen = started();
    peer_say(seen->wire.peers, "{\"c\":\"sow\",\"query_id\":\"b\"}{\"l\":3}abc{\"l\":4}def");
    witness_wait(seen, &seen->disconnected, 1);
    CHECK_STATUS(seen->failure.status, AMPS_BAD_FRAME);
    witness_expect(seen, "b/=abc;");
    witness_end(seen);
}

static void an_end_in_the_middle_of_a_frame_is_an_end(void)
{
    char   bytes[300];
    size_t size = put_frame(bytes, "{\"c\":\"p\",\"sids\":\"a\"}cut");
    for (size_t at = 0; at < size; at++) {
        witness *seen = started();
        peer_write(seen->wire.peers, bytes, at);
        shutdown(seen->wire.peers, SHUT_WR);
        witness_wait(seen, &seen->disconnected, 1);
        CHECK_STATUS(seen->failure.status, AMPS_DISCONNECTED);
        CHECK_TEXT(amps_slice_of(seen->failure.text), "the server closed the connection");
        CHECK_NUMBER(seen->delivered, 0);
        witness_end(seen);
    }
}

static void random_bytes_never_do_worse_than_disconnect(void)
{
    uint64_t state = 42;
    for (int turn = 0; turn < 300; turn++) {
        char   bytes[600];
        size_t size = put_session(bytes);
        for (int count = 0; count < 3; count++) {
            bytes[check_random(&state) % size] = (char)check_random(&state);
        }
        witness *seen = started();
        amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
        send(seen->wire.peers, bytes, size, MSG_NOSIGNAL);
        shutdown(seen->wire.peers, SHUT_WR);
        witness_wait(seen, &seen->disconnected, 1);
        CHECK(seen->failure.text[0] != '\0');
        witness_end(seen);
    }
}

int main(void)
{
    RUN(frames_split_at_every_byte_come_out_whole);
    RUN(frames_byte_by_byte_come_out_whole);
    RUN(frames_in_awkward_pieces_come_out_whole);
    RUN(a_large_frame_comes_out_whole_again_and_again);
    RUN(frames_around_the_size_of_a_piece_come_out_whole);
    RUN(a_claim_of_a_large_frame_takes_no_memory);
    RUN(a_large_frame_without_memory_ends_the_connection);
    RUN(what_is_no_frame_ends_the_connection_and_is_shown);
    RUN(records_before_a_bad_one_are_delivered);
    RUN(an_end_in_the_middle_of_a_frame_is_an_end);
    RUN(random_bytes_never_do_worse_than_disconnect);
    return 0;
}
