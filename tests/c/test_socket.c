/* test_socket.c: a connected socket, full, empty, shut, and whose peer is gone. */
#include "amps_socket.h"

#include "check.h"
#include "peer.h"

#define SHORT_MS 50u

static void hang_up(ends both)
{
    close(both.ours);
    close(both.peers);
}

/* Fills the socket; gives how many bytes that took. */
static size_t fill(int fd)
{
    static char bytes[64 << 10];
    size_t      total = 0, sent = 0;
    int         error = 0;
    amps_slice  piece = {bytes, sizeof bytes};
    amps_status status = AMPS_OK;
    while ((status = amps_socket_send(fd, piece, BYTES(""), &sent, &error)) == AMPS_OK) {
        CHECK(sent > 0);
        total += sent;
    }
    CHECK_STATUS(status, AMPS_AGAIN);
    return total;
}

static void two_pieces_arrive_as_one(void)
{
    char   got[12];
    size_t sent = 0;
    int    error = 0;
    ends   both = connect_tcp();
    CHECK_STATUS(amps_socket_send(both.ours, BYTES("first,"), BYTES("second"), &sent, &error),
                 AMPS_OK);
    CHECK_NUMBER(sent, 12);
    peer_read(both.peers, got, 12);
    CHECK_TEXT(((amps_slice){got, 12}), "first,second");
    hang_up(both);
}

static void a_full_socket_says_so_until_the_peer_reads(void)
{
    static char bytes[64 << 10];
    ends        both = connect_pair();
    size_t      waiting = fill(both.ours);
    uint64_t    deadline = amps_clock_in_ms(SHORT_MS);
    CHECK(!amps_socket_wait_writable(both.ours, deadline));
    CHECK(amps_clock_now() >= deadline);
    CHECK(!amps_socket_wait_writable(both.ours, 0));
    while (waiting > 0) {
        waiting -= peer_read_some(both.peers, bytes, sizeof bytes);
    }
    CHECK(amps_socket_wait_writable(both.ours, AMPS_FOREVER));
    CHECK(fill(both.ours) > 0);
    hang_up(both);
}

static void a_peer_that_is_gone_is_an_outcome_and_no_signal(void)
{
    ends   both = connect_pair();
    size_t sent = 0, received = 0;
    int    error = 0;
    char   byte;
    close(both.peers);
    CHECK_STATUS(amps_socket_send(both.ours, BYTES("x"), BYTES(""), &sent, &error),
                 AMPS_DISCONNECTED);
    CHECK_NUMBER(error, EPIPE);
    CHECK_NUMBER(sent, 0);
    CHECK_STATUS(amps_socket_receive(both.ours, &byte, 1, &received, &error), AMPS_END);
    close(both.ours);
}

static void a_reset_is_told_with_its_error(void)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    ends                both = connect_tcp();
    size_t              received = 0;
    int                 error = 0;
    char                byte;
    CHECK_NUMBER(setsockopt(both.peers, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(both.peers);
    CHECK_STATUS(amps_socket_receive(both.ours, &byte, 1, &received, &error), AMPS_DISCONNECTED);
    CHECK_NUMBER(error, ECONNRESET);
    close(both.ours);
}

static void bytes_come_before_the_end(void)
{
    char   got[10];
    size_t received = 0;
    int    error = 0;
    ends   both = connect_tcp();
    peer_write(both.peers, "last", 4);
    amps_socket_end_sending(both.peers);
    CHECK_STATUS(amps_socket_receive(both.ours, got, sizeof got, &received, &error), AMPS_OK);
    CHECK_TEXT(((amps_slice){got, received}), "last");
    CHECK_STATUS(amps_socket_receive(both.ours, got, sizeof got, &received, &error), AMPS_END);
    hang_up(both);
}

static void *receive_once(void *fd)
{
    char        byte;
    size_t      received = 0;
    int         error = 0;
    amps_status status = amps_socket_receive(*(int *)fd, &byte, 1, &received, &error);
    return (void *)(uintptr_t)status;
}

static void shutting_ends_a_receive_on_another_thread(void)
{
    void     *status;
    ends      both = connect_tcp();
    pthread_t thread = start(receive_once, &both.ours);
    amps_socket_shut(both.ours);
    CHECK_NUMBER(pthread_join(thread, &status), 0);
    CHECK_STATUS((amps_status)(uintptr_t)status, AMPS_END);
    peer_expect_end(both.peers);
    hang_up(both);
}

static void closing_at_once_lets_nobody_linger(void)
{
    struct linger linger;
    socklen_t     size = sizeof linger;
    for (int may_linger = 0; may_linger < 2; may_linger++) {
        ends both = connect_tcp();
        linger = (struct linger){.l_onoff = 1, .l_linger = 1};
        CHECK_NUMBER(setsockopt(both.ours, SOL_SOCKET, SO_LINGER, &linger, size), 0);
        int same = dup(both.ours);
        amps_socket_close(both.ours, may_linger == 1);
        CHECK_NUMBER(getsockopt(same, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
        CHECK_NUMBER(linger.l_onoff != 0, may_linger);
        close(both.peers);
        close(same);
    }
}

int main(void)
{
    RUN(closing_at_once_lets_nobody_linger);
    RUN(two_pieces_arrive_as_one);
    RUN(a_full_socket_says_so_until_the_peer_reads);
    RUN(a_peer_that_is_gone_is_an_outcome_and_no_signal);
    RUN(a_reset_is_told_with_its_error);
    RUN(bytes_come_before_the_end);
    RUN(shutting_ends_a_receive_on_another_thread);
    return 0;
}
