/* test_writer_large.c: frames larger than the buffer go around it, in order, and never in halves.
 */
#include "amps_memory.h"
#include "amps_writer.h"
#include "check.h"
#include "peer.h"
#include "rig.h"

#define HALF  ((size_t)4096)
#define LARGE ((size_t)8 << 20) /* of a body: more than any socket takes at once */

typedef struct large {
    char   header[64];
    size_t header_size;
    char  *body;
    size_t body_size;
} large;

/* A frame whose payload is the header text and then a body of `size` bytes, all different. */
static large large_of(const char *header, size_t size)
{
    large made = {.header_size = PREFIX_SIZE + strlen(header), .body_size = size};
    made.body = malloc(size + 1);
    CHECK(made.body != NULL);
    for (size_t index = 0; index < size; index++) {
        made.body[index] = (char)('a' + index % 23);
    }
    memcpy(made.header + PREFIX_SIZE, header, strlen(header));
    amps_frame_seal(made.header, strlen(header) + size);
    return made;
}

static amps_slice header_of(const large *made)
{
    return (amps_slice){made->header, made->header_size};
}

static amps_slice body_of(const large *made) { return (amps_slice){made->body, made->body_size}; }

static amps_status send_large(rig *rigged, const large *made, amps_around *progress,
                              uint64_t deadline)
{
    return amps_writer_send_around(&rigged->writer, header_of(made), body_of(made), progress,
                                   deadline);
}

static void expect_large(int fd, const large *made)
{
    size_t size;
    size_t in_header = made->header_size - PREFIX_SIZE;
    char  *payload = peer_read_frame(fd, &size);
    CHECK_NUMBER(size, in_header + made->body_size);
    CHECK(memcmp(payload, made->header + PREFIX_SIZE, in_header) == 0);
    CHECK(memcmp(payload + in_header, made->body, made->body_size) == 0);
    free(payload);
}

typedef struct errand {
    rig        *rigged;
    large      *made;
    amps_around progress;
} errand;

/* Sends it whole, coming back as often as need be. */
static void *send_whole(void *context)
{
    errand     *sent = context;
    amps_status status = AMPS_AGAIN;
    while (status == AMPS_AGAIN) {
        status = send_large(sent->rigged, sent->made, &sent->progress, amps_clock_in_ms(SHORT_MS));
    }
    return (void *)(uintptr_t)status;
}

static amps_status joined_status(pthread_t thread)
{
    void *status;
    CHECK_NUMBER(pthread_join(thread, &status), 0);
    return (amps_status)(uintptr_t)status;
}

static void a_large_frame_arrives_whole_between_its_neighbours(void)
{
    rig   rigged;
    large made = large_of(PUBLISH, LARGE);
    rig_open(&rigged, HALF);
    errand sent = {&rigged, &made, {0}};
    rig_send(&rigged, "before");
    pthread_t thread = start(send_whole, &sent);
    peer_expect(rigged.wire.peers, "before");
    expect_large(rigged.wire.peers, &made);
    CHECK_STATUS(joined_status(thread), AMPS_OK);
    rig_send(&rigged, "after");
    peer_expect(rigged.wire.peers, "after");
    rig_end(&rigged);
    free(made.body);
}

static void a_large_frame_waits_for_those_already_in_the_buffer(void)
{
    rig         rigged;
    large       made = large_of("large", LARGE);
    amps_around progress = {0};
    rig_open(&rigged, HALF);
    size_t count = rig_fill(&rigged);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    CHECK_NUMBER(progress.sent, 0);
    errand    sent = {&rigged, &made, progress};
    pthread_t thread = start(send_whole, &sent);
    for (size_t index = 0; index < count; index++) {
        peer_expect(rigged.wire.peers, long_publish());
    }
    expect_large(rigged.wire.peers, &made);
    CHECK_STATUS(joined_status(thread), AMPS_OK);
    rig_end(&rigged);
    free(made.body);
}

static void others_wait_while_a_large_frame_is_under_way(void)
{
    rig   rigged;
    char *at;
    large made = large_of("large", LARGE);
    rig_open(&rigged, HALF);
    errand sent = {&rigged, &made, {0}};
    CHECK_STATUS(send_large(&rigged, &made, &sent.progress, amps_clock_in_ms(SHORT_MS)),
                 AMPS_AGAIN);
    CHECK(sent.progress.sent > 0);
    CHECK_STATUS(amps_writer_try_begin(&rigged.writer, 10, &at), AMPS_AGAIN);
    CHECK_STATUS(rig_say(&rigged, "late", amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    CHECK_STATUS(amps_writer_begin_soon(&rigged.writer, 10, &at), AMPS_OK); /* never in between */
    CHECK(!amps_writer_commit(&rigged.writer, put_frame(at, "soon"), true));
    pthread_t thread = start(send_whole, &sent);
    expect_large(rigged.wire.peers, &made);
    CHECK_STATUS(joined_status(thread), AMPS_OK);
    peer_expect(rigged.wire.peers, "soon");
    rig_send(&rigged, "late");
    peer_expect(rigged.wire.peers, "late");
    rig_end(&rigged);
    free(made.body);
}

#define THREADS 3
#define EACH    20

static void *send_mixed(void *context)
{
    errand *sent = context;
    for (int turn = 0; turn < EACH; turn++) {
        rig_send(sent->rigged, "small");
        CHECK_STATUS((amps_status)(uintptr_t)send_whole(sent), AMPS_OK);
    }
    return NULL;
}

static void large_and_small_frames_of_many_threads_stay_whole(void)
{
    rig       rigged;
    pthread_t threads[THREADS];
    errand    errands[THREADS];
    large     made = large_of("large", 300000);
    size_t    small = 0, big = 0;
    rig_open(&rigged, HALF);
    for (int index = 0; index < THREADS; index++) {
        errands[index] = (errand){&rigged, &made, {0}};
        threads[index] = start(send_mixed, &errands[index]);
    }
    while (small + big < 2 * THREADS * EACH) {
        size_t size;
        char  *payload = peer_read_frame(rigged.wire.peers, &size);
        bool   is_small = size == 5 && memcmp(payload, "small", 5) == 0;
        bool   is_large = size == 300005 && memcmp(payload + 5, made.body, made.body_size) == 0;
        CHECK(is_small || is_large);
        small += is_small;
        big += is_large;
        CHECK(big <= small); /* each thread sends the small one first */
        free(payload);
    }
    CHECK_NUMBER(small, big);
    for (int index = 0; index < THREADS; index++) {
        join(threads[index]);
    }
    rig_end(&rigged);
    free(made.body);
}

/* ---- Given up
 * ----------------------------------------------------------------------------------*/

static amps_status give_up(rig *rigged, const large *made, amps_around *progress)
{
    return amps_writer_give_up(&rigged->writer, header_of(made), body_of(made), true, progress);
}

static void a_large_frame_given_up_before_it_began_never_arrives(void)
{
    rig         rigged;
    large       made = large_of("large", LARGE);
    amps_around progress = {0};
    rig_open(&rigged, HALF);
    size_t count = rig_fill(&rigged);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    CHECK_STATUS(give_up(&rigged, &made, &progress), AMPS_OK);
    for (size_t index = 0; index < count; index++) {
        peer_expect(rigged.wire.peers, long_publish());
    }
    rig_send(&rigged, "after");
    peer_expect(rigged.wire.peers, "after");
    rig_end(&rigged);
    free(made.body);
}

static void what_was_begun_arrives_whole_although_it_was_given_up(void)
{
    rig rigged;
    rig_open(&rigged, HALF);
    for (int turn = 0; turn < 3; turn++) {
        large       made = large_of("large", LARGE);
        amps_around progress = {0};
        CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
        CHECK(progress.sent > 0);
        amps_slice body = body_of(&made);
        char      *copy = exactly(body); /* the caller's own bytes go away at once */
        large      gone = made;
        gone.body = copy;
        CHECK_STATUS(give_up(&rigged, &gone, &progress), AMPS_OK);
        memset(copy, 'z', body.size);
        free(copy);
        rig_send(&rigged, "after");
        expect_large(rigged.wire.peers, &made);
        peer_expect(rigged.wire.peers, "after");
        rig_send(&rigged, "more");
        peer_expect(rigged.wire.peers, "more");
        free(made.body);
    }
    rig_end(&rigged);
}

static void a_rest_that_never_left_counts_as_one_publish(void)
{
    rig         rigged;
    large       made = large_of(PUBLISH, LARGE);
    amps_around progress = {0};
    rig_open(&rigged, HALF);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    CHECK_STATUS(give_up(&rigged, &made, &progress), AMPS_OK);
    rig_send(&rigged, PUBLISH);
    amps_writer_break(&rigged.writer, AMPS_DISCONNECTED, 0);
    CHECK_NUMBER(rig_close(&rigged), 2);
    close(rigged.wire.peers);
    free(made.body);
}

static void a_rest_without_memory_breaks_the_connection(void)
{
    rig         rigged;
    char       *at;
    large       made = large_of(PUBLISH, LARGE);
    amps_around progress = {0};
    rig_open(&rigged, HALF);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(give_up(&rigged, &made, &progress), AMPS_NO_MEMORY);
    CHECK_STATUS(rig_try(&rigged, 1, &at), AMPS_DISCONNECTED);
    CHECK_STATUS(rigged.writer.broken, AMPS_NO_MEMORY);
    rig_close(&rigged);
    CHECK_NUMBER(count_frames(rigged.wire.peers), 0);
    close(rigged.wire.peers);
    free(made.body);
}

static void a_header_may_be_large_and_the_body_nothing(void)
{
    rig         rigged;
    static char header[2 << 20];
    amps_around progress = {0};
    size_t      size;
    rig_open(&rigged, HALF);
    memset(header, 'h', sizeof header);
    amps_frame_seal(header, sizeof header - PREFIX_SIZE);
    amps_slice all = {header, sizeof header};
    CHECK_STATUS(amps_writer_send_around(&rigged.writer, all, (amps_slice){NULL, 0}, &progress,
                                         amps_clock_in_ms(SHORT_MS)),
                 AMPS_AGAIN);
    CHECK_STATUS(amps_writer_give_up(&rigged.writer, all, (amps_slice){NULL, 0}, true, &progress),
                 AMPS_OK);
    char *payload = peer_read_frame(rigged.wire.peers, &size);
    CHECK_NUMBER(size, sizeof header - PREFIX_SIZE);
    CHECK(memcmp(payload, header + PREFIX_SIZE, size) == 0);
    free(payload);
    rig_end(&rigged);
}

/* ---- The connection ends ----------------------------------------------------------------------*/

static void a_break_in_the_middle_is_told_to_whoever_sends(void)
{
    rig   rigged;
    large made = large_of("large", LARGE);
    rig_open(&rigged, HALF);
    errand    sent = {&rigged, &made, {0}};
    pthread_t thread = start(send_whole, &sent);
    CHECK(peer_sees(rigged.wire.peers, PATIENCE_MS));
    amps_writer_break(&rigged.writer, AMPS_HEARTBEAT_LOST, 0);
    CHECK_STATUS(joined_status(thread), AMPS_DISCONNECTED);
    CHECK_NUMBER(rig_close(&rigged), 0);
    close(rigged.wire.peers);
    free(made.body);
}

static void a_peer_gone_in_the_middle_is_told_to_whoever_sends(void)
{
    rig   rigged;
    large made = large_of("large", LARGE);
    rig_open(&rigged, HALF);
    errand    sent = {&rigged, &made, {0}};
    pthread_t thread = start(send_whole, &sent);
    CHECK(peer_sees(rigged.wire.peers, PATIENCE_MS));
    close(rigged.wire.peers);
    CHECK_STATUS(joined_status(thread), AMPS_DISCONNECTED);
    CHECK_NUMBER(rig_close(&rigged), 0);
    free(made.body);
}

static void finishing_ends_a_wait_for_the_right_to_send(void)
{
    rig   rigged;
    large made = large_of("large", LARGE);
    rig_open(&rigged, HALF);
    rig_fill(&rigged);
    errand    sent = {&rigged, &made, {0}};
    pthread_t thread = start(send_whole, &sent);
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    CHECK_STATUS(joined_status(thread), AMPS_CLOSED);
    CHECK(rig_close(&rigged) > 0);
    close(rigged.wire.peers);
    free(made.body);
}

static void a_sender_who_waited_on_a_lost_connection_is_not_carried_to_the_next(void)
{
    rig         rigged;
    large       made = large_of("large", LARGE);
    amps_around progress = {0};
    rig_open(&rigged, HALF);
    rig_fill(&rigged);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    amps_writer_break(&rigged.writer, AMPS_DISCONNECTED, 0);
    amps_writer_close(&rigged.writer);
    close(rigged.wire.ours);
    close(rigged.wire.peers);
    rigged.wire = connect_pair();
    CHECK_STATUS(amps_writer_open(&rigged.writer, rigged.wire.ours), AMPS_OK);
    CHECK_STATUS(rig_say(&rigged, "logon", amps_clock_in_ms(SHORT_MS)), AMPS_OK);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)),
                 AMPS_DISCONNECTED);
    peer_expect(rigged.wire.peers, "logon");
    rig_end(&rigged);
    free(made.body);
}

static void closing_does_not_wait_for_an_owner_who_is_away(void)
{
    rig         rigged;
    large       made = large_of("large", LARGE);
    amps_around progress = {0};
    rig_open(&rigged, HALF);
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)), AMPS_AGAIN);
    CHECK(progress.owns);
    amps_writer_finish(&rigged.writer, AMPS_CLOSED);
    CHECK_NUMBER(amps_writer_close(&rigged.writer), 0); /* on the owner's own thread */
    CHECK_STATUS(send_large(&rigged, &made, &progress, amps_clock_in_ms(SHORT_MS)),
                 AMPS_DISCONNECTED);
    rig_close(&rigged);
    close(rigged.wire.peers);
    free(made.body);
}

int main(void)
{
    RUN(a_large_frame_arrives_whole_between_its_neighbours);
    RUN(a_large_frame_waits_for_those_already_in_the_buffer);
    RUN(others_wait_while_a_large_frame_is_under_way);
    RUN(large_and_small_frames_of_many_threads_stay_whole);
    RUN(a_large_frame_given_up_before_it_began_never_arrives);
    RUN(a_rest_that_never_left_counts_as_one_publish);
    RUN(a_rest_without_memory_breaks_the_connection);
    RUN(a_break_in_the_middle_is_told_to_whoever_sends);
    RUN(a_peer_gone_in_the_middle_is_told_to_whoever_sends);
    RUN(finishing_ends_a_wait_for_the_right_to_send);
    RUN(a_header_may_be_large_and_the_body_nothing);
    RUN(what_was_begun_arrives_whole_although_it_was_given_up);
    RUN(closing_does_not_wait_for_an_owner_who_is_away);
    RUN(a_sender_who_waited_on_a_lost_connection_is_not_carried_to_the_next);
    return 0;
}
