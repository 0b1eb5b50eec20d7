/* test_client.c: a connection is born, told about, closed from anywhere, and leaves nothing. */
#include <dirent.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "check.h"
#include "peer.h"
#include "witness.h"

static const char *const two[] = {"a", "b"};
#define FOR_A "{\"c\":\"p\",\"sids\":\"a\"}"

static size_t descriptors(void)
{
    size_t count = 0;
    DIR   *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static witness *started(void)
{
    witness *seen = witness_start(2, two);
    witness_open(seen);
    return seen;
}

/* ---- Birth and death --------------------------------------------------------------------------
 */

static void a_client_that_never_connects_leaves_nothing(void)
{
    witness *seen = witness_new(0);
    CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
    CHECK(!amps_client_in_handler(seen->client));
    amps_client_close(seen->client);
    CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
    CHECK_STATUS(amps_client_wait_gone(seen->client, 0), AMPS_OK);
    CHECK_STATUS(amps_client_wait_closed(seen->client, 0), AMPS_OK);
    amps_client_drop(seen->client);
    witness_free(seen);
    amps_client_drop(NULL);
}

static void without_memory_there_is_no_client(void)
{
    size_t before = settled_memory();
    amps_memory_fail_at(1, 0);
    CHECK(amps_client_new(&witness_events, NULL, 0) == NULL);
    CHECK_NUMBER(settled_memory(), before);
}

static void a_connection_is_closed_once_and_for_all_to_see(void)
{
    witness *seen = started();
    CHECK_STATUS(amps_client_state(seen->client), AMPS_OK);
    CHECK_STATUS(amps_client_wait_gone(seen->client, 0), AMPS_AGAIN);
    CHECK_STATUS(amps_client_wait_closed(seen->client, SHORT_MS), AMPS_AGAIN);
    amps_client_close(seen->client);
    amps_client_close(seen->client);
    CHECK_STATUS(amps_client_state(seen->client), AMPS_CLOSED);
    peer_expect_end(seen->wire.peers);
    CHECK_STATUS(amps_client_wait_gone(seen->client, PATIENCE_MS), AMPS_OK);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    CHECK_STATUS(seen->failure.status, AMPS_CLOSED);
    CHECK_TEXT(amps_slice_of(seen->failure.text), "closed by this program");
    CHECK_NUMBER(seen->failure.unsent, 0);
    CHECK_STATUS(amps_client_state(seen->client), AMPS_CLOSED);
    witness_end(seen);
}

static void a_second_connection_is_refused_and_its_socket_closed(void)
{
    witness *seen = started();
    ends     other = connect_pair();
    CHECK_STATUS(amps_client_open(seen->client, other.ours), AMPS_ALREADY_CONNECTED);
    peer_expect_end(other.peers);
    close(other.peers);
    peer_say(seen->wire.peers, FOR_A "still here");
    witness_expect(seen, "a/a=still here;");
    witness_end(seen);
}

static void a_server_that_hangs_up_is_told_with_its_reason(void)
{
    witness *seen = started();
    peer_say(seen->wire.peers, FOR_A "last");
    close(seen->wire.peers);
    seen->wire.peers = -1;
    witness_wait(seen, &seen->disconnected, 1);
    witness_expect(seen, "a/a=last;");
    CHECK_STATUS(seen->failure.status, AMPS_DISCONNECTED);
    CHECK_TEXT(amps_slice_of(seen->failure.text), "the server closed the connection");
    CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    witness_end(seen);
}

static void a_reset_is_told_as_the_system_says_it(void)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    witness            *seen = witness_new(0);
    seen->wire = connect_tcp();
    witness_open(seen);
    setsockopt(seen->wire.peers, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(seen->wire.peers);
    seen->wire.peers = -1;
    witness_wait(seen, &seen->disconnected, 1);
    CHECK_STATUS(seen->failure.status, AMPS_DISCONNECTED);
    CHECK_NUMBER(seen->failure.error, ECONNRESET);
    CHECK_TEXT(amps_slice_of(seen->failure.text), "Connection reset by peer");
    witness_end(seen);
}

static void dropping_closes_what_is_open(void)
{
    witness *seen = started();
    amps_client_drop(seen->client);
    peer_expect_end(seen->wire.peers);
    witness_wait(seen, &seen->released, 1);
    CHECK_STATUS(seen->failure.status, AMPS_CLOSED);
    witness_free(seen);
}

static void many_lives_leave_no_thread_descriptor_or_memory(void)
{
    witness *seen = witness_start(2, two);
    close(seen->wire.ours);
    close(seen->wire.peers);
    size_t before = descriptors();
    for (size_t turn = 0; turn < 200; turn++) {
        seen->wire = connect_pair();
        witness_open(seen);
        peer_say(seen->wire.peers, FOR_A "x");
        witness_expect(seen, "a/a=x;");
        amps_client_close(seen->client);
        close(seen->wire.peers);
        CHECK_STATUS(amps_client_wait_gone(seen->client, PATIENCE_MS), AMPS_OK);
    }
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    CHECK_NUMBER(amps_threads_wait(PATIENCE_MS), 0);
    CHECK_NUMBER(descriptors(), before);
    seen->wire.peers = -1;
    witness_end(seen);
}

/* ---- From handlers and other threads ----------------------------------------------------------
 */

static void close_here(witness *seen, const amps_delivery *delivery)
{
    (void)delivery;
    CHECK(amps_client_in_handler(seen->client));
    amps_client_close(seen->client);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_IN_HANDLER);
    CHECK_STATUS(amps_client_wait_gone(seen->client, 0), AMPS_AGAIN);
}

static void closing_in_a_handler_calls_no_further_one(void)
{
    char     bytes[500];
    size_t   size = 0;
    witness *seen = witness_start(2, two);
    seen->on_delivery = close_here;
    for (int count = 0; count < 10; count++) {
        size += put_frame(bytes + size, FOR_A "x");
    }
    peer_write(seen->wire.peers, bytes, size);
    witness_open(seen);
    peer_expect_end(seen->wire.peers);
    close(seen->wire.peers);
    seen->wire.peers = -1;
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    witness_expect(seen, "a/a=x;");
    CHECK_STATUS(seen->failure.status, AMPS_CLOSED);
    witness_end(seen);
}

static void drop_here(witness *seen, const amps_delivery *delivery)
{
    (void)delivery;
    amps_client_drop(seen->client);
}

static void dropping_in_a_handler_is_safe(void)
{
    witness *seen = witness_start(2, two);
    seen->on_delivery = drop_here;
    peer_say(seen->wire.peers, FOR_A "x");
    witness_open(seen);
    peer_expect_end(seen->wire.peers);
    witness_free(seen);
}

static tally handler_is_in, handler_may_go;

static void stay_here(witness *seen, const amps_delivery *delivery)
{
    (void)seen;
    (void)delivery;
    tally_add(&handler_is_in);
    tally_wait(&handler_may_go, 1);
}

static void closing_waits_for_the_handler_under_way_but_not_for_long(void)
{
    tally_init(&handler_is_in);
    tally_init(&handler_may_go);
    witness *seen = started();
    seen->on_delivery = stay_here;
    peer_say(seen->wire.peers, FOR_A "x");
    peer_say(seen->wire.peers, FOR_A "y");
    tally_wait(&handler_is_in, 1);
    amps_client_close(seen->client);
    peer_expect_end(seen->wire.peers);
    CHECK_STATUS(amps_client_wait_gone(seen->client, SHORT_MS), AMPS_AGAIN);
    CHECK_STATUS(amps_client_wait_closed(seen->client, 0), AMPS_AGAIN);
    tally_add(&handler_may_go);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    witness_expect(seen, "a/a=x;");
    witness_end(seen);
    tally_fini(&handler_may_go);
    tally_fini(&handler_is_in);
}

static void *wait_closed(void *client)
{
    return (void *)(uintptr_t)amps_client_wait_closed(client, PATIENCE_MS);
}

static void closing_on_one_thread_ends_the_wait_on_another(void)
{
    void     *status;
    witness  *seen = started();
    pthread_t thread = start(wait_closed, seen->client);
    amps_client_close(seen->client);
    CHECK_NUMBER(pthread_join(thread, &status), 0);
    CHECK_STATUS((amps_status)(uintptr_t)status, AMPS_OK);
    witness_end(seen);
}

#define LIVES 20

static atomic_uint lives; /* connections made so far */

static void connect_again(witness *seen)
{
    close(seen->wire.peers);
    seen->wire = (ends){-1, -1};
    if (atomic_fetch_add(&lives, 1) + 1 < LIVES) {
        ends next = connect_pair();
        seen->wire = next; /* before its own thread may want it */
        CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
        CHECK_STATUS(amps_client_open(seen->client, next.ours), AMPS_OK);
        peer_say(next.peers, FOR_A "x"); /* and this life ends, too */
        shutdown(next.peers, SHUT_WR);
    }
}

static void a_lost_connection_may_be_replaced_where_its_loss_is_told(void)
{
    witness *seen = witness_start(2, two);
    seen->on_disconnected = connect_again;
    peer_say(seen->wire.peers, FOR_A "x");
    shutdown(seen->wire.peers, SHUT_WR);
    witness_open(seen);
    witness_wait(seen, &seen->disconnected, LIVES);
    CHECK_NUMBER(seen->delivered, LIVES);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    witness_end(seen);
}

/* The second connection comes and goes while the end of the first is still being told. */
static void connect_and_close(witness *seen)
{
    if (atomic_fetch_add(&lives, 1) == 0) {
        close(seen->wire.peers);
        seen->wire = connect_pair();
        CHECK(amps_client_is_lost(seen->client, 1));
        CHECK_STATUS(amps_client_open(seen->client, seen->wire.ours), AMPS_OK);
        CHECK(amps_client_is_lost(seen->client, 1) && !amps_client_is_lost(seen->client, 2));
        CHECK_STATUS(amps_client_wait_settled(seen->client, 2, 0), AMPS_AGAIN);
        amps_client_close(seen->client);
        CHECK(amps_client_is_lost(seen->client, 2));
        close(seen->wire.peers);
        seen->wire = (ends){-1, -1};
        CHECK_STATUS(amps_client_wait_settled(seen->client, 2, PATIENCE_MS), AMPS_OK);
        CHECK_STATUS(amps_client_wait_settled(seen->client, 1, 0), AMPS_AGAIN);
    }
}

static void each_end_is_settled_for_itself(void)
{
    witness *seen = started();
    seen->on_disconnected = connect_and_close;
    CHECK_STATUS(amps_client_wait_settled(seen->client, 1, 0), AMPS_AGAIN);
    int peers = seen->wire.peers;
    atomic_store(&lives, 0); /* and what was read before it may be written after it */
    shutdown(peers, SHUT_WR);
    CHECK_STATUS(amps_client_wait_settled(seen->client, 1, PATIENCE_MS), AMPS_OK);
    CHECK_STATUS(amps_client_wait_closed(seen->client, PATIENCE_MS), AMPS_OK);
    CHECK_NUMBER(seen->disconnected, 2);
    witness_end(seen);
}

static void nobody_can_connect_yet(witness *seen)
{
    ends other = connect_pair();
    CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
    CHECK_STATUS(amps_client_wait_gone(seen->client, 0), AMPS_AGAIN);
    CHECK_STATUS(amps_client_open(seen->client, other.ours), AMPS_ALREADY_CONNECTED);
    amps_client_close(seen->client);
    close(other.peers);
    seen->delivered++;
}

static void a_loss_is_told_before_anybody_may_connect_again(void)
{
    witness *seen = started();
    seen->on_lost = nobody_can_connect_yet;
    shutdown(seen->wire.peers, SHUT_WR);
    witness_wait(seen, &seen->disconnected, 1);
    CHECK_NUMBER(seen->delivered, 1);
    CHECK_STATUS(amps_client_wait_gone(seen->client, PATIENCE_MS), AMPS_OK);
    CHECK_STATUS(seen->failure.status, AMPS_CLOSED); /* closed meanwhile: no loss to mend */
    CHECK_STATUS(amps_client_state(seen->client), AMPS_CLOSED);
    witness_end(seen);
}

/* ---- Heartbeats -------------------------------------------------------------------------------
 */

static void a_silent_server_is_given_up(void)
{
    witness *seen = started();
    amps_client_set_heartbeat(seen->client, SHORT_MS, 2 * SHORT_MS);
    witness_wait(seen, &seen->disconnected, 1);
    CHECK_STATUS(seen->failure.status, AMPS_HEARTBEAT_LOST);
    CHECK_TEXT(amps_slice_of(seen->failure.text), "no sign of life, not even a heartbeat");
    CHECK_STATUS(amps_client_state(seen->client), AMPS_DISCONNECTED);
    peer_expect(seen->wire.peers, "{\"c\":\"heartbeat\",\"opts\":\"beat\"}");
    witness_end(seen);
}

static void a_slow_handler_does_not_cost_the_connection(void)
{
    tally_init(&handler_is_in);
    tally_init(&handler_may_go);
    witness *seen = started();
    seen->on_delivery = stay_here;
    amps_client_set_heartbeat(seen->client, SHORT_MS, 10 * SHORT_MS);
    peer_say(seen->wire.peers, FOR_A "slow");
    tally_wait(&handler_is_in, 1);
    uint64_t until = amps_clock_in_ms(20 * SHORT_MS);
    while (amps_clock_now() < until) { /* the server goes on beating, and hears us */
        peer_say(seen->wire.peers, "{\"c\":\"heartbeat\",\"opts\":\"beat\"}");
        peer_expect(seen->wire.peers, "{\"c\":\"heartbeat\",\"opts\":\"beat\"}");
    }
    peer_say(seen->wire.peers, FOR_A "next");
    tally_add(&handler_may_go);
    witness_expect(seen, "a/a=slow;a/a=next;");
    CHECK_STATUS(amps_client_state(seen->client), AMPS_OK);
    amps_client_set_heartbeat(seen->client, 0, 0);
    witness_end(seen);
    tally_fini(&handler_may_go);
    tally_fini(&handler_is_in);
}

/* ---- Fork -------------------------------------------------------------------------------------
 */

static bool child_is_refused(witness *seen)
{
    static const amps_header flush = {.present = 0};
    bool                     due;
    amps_progress            progress = {.prefix = NULL};
    ends                     other = connect_pair();
    bool                     refused =
        amps_client_is_inherited(seen->client) && amps_client_state(seen->client) == AMPS_FORKED &&
        amps_client_open(seen->client, other.ours) == AMPS_FORKED &&
        amps_client_try_send(seen->client, &flush, BYTES(""), false, &due) == AMPS_FORKED &&
        amps_client_send(seen->client, &flush, BYTES(""), false, &progress, PATIENCE_MS) ==
            AMPS_FORKED &&
        amps_client_send_soon(seen->client, &flush) == AMPS_FORKED && !witness_unroute(seen, "a") &&
        amps_client_wait_gone(seen->client, PATIENCE_MS) == AMPS_OK &&
        amps_client_wait_closed(seen->client, PATIENCE_MS) == AMPS_OK;
    amps_client_remove_routes(seen->client, AMPS_CLOSED);
    amps_client_close(seen->client);
    amps_client_drop(seen->client);
    return refused;
}

static void the_child_of_a_fork_is_refused_and_the_parent_goes_on(void)
{
    witness *seen = started();
    witness_wait(seen, &seen->begun, 1);
    CHECK(!amps_client_is_inherited(seen->client));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(child_is_refused(seen) ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_NUMBER(WEXITSTATUS(status), 0);
    peer_say(seen->wire.peers, FOR_A "parent");
    witness_expect(seen, "a/a=parent;");
    witness_end(seen);
}

int main(void)
{
    RUN(a_client_that_never_connects_leaves_nothing);
    RUN(without_memory_there_is_no_client);
    RUN(a_connection_is_closed_once_and_for_all_to_see);
    RUN(a_second_connection_is_refused_and_its_socket_closed);
    RUN(a_server_that_hangs_up_is_told_with_its_reason);
    RUN(a_reset_is_told_as_the_system_says_it);
    RUN(dropping_closes_what_is_open);
    RUN(many_lives_leave_no_thread_descriptor_or_memory);
    RUN(closing_in_a_handler_calls_no_further_one);
    RUN(dropping_in_a_handler_is_safe);
    RUN(closing_waits_for_the_handler_under_way_but_not_for_long);
    RUN(closing_on_one_thread_ends_the_wait_on_another);
    RUN(a_lost_connection_may_be_replaced_where_its_loss_is_told);
    RUN(each_end_is_settled_for_itself);
    RUN(a_silent_server_is_given_up);
    RUN(a_slow_handler_does_not_cost_the_connection);
    RUN(the_child_of_a_fork_is_refused_and_the_parent_goes_on);
    RUN(a_loss_is_told_before_anybody_may_connect_again);
    return 0;
}
