/* test_publish_store.c: numbers, discarding, the end, many threads; here with memory alone. */
#include "amps_publish_store.h"

#include <sys/wait.h>

#include "peer.h"
#include "store.h"

static void numbers_begin_above_the_clock_and_follow_each_other(void)
{
    amps_publish_store_options options = options_of(2048, 10);
    amps_publish_store        *store;
    options.clock_sequence = 0;
    uint64_t before = (uint64_t)time(NULL) * 1000000000u;
    CHECK_STATUS(amps_publish_store_new(&options, &store), AMPS_OK);
    uint64_t first = amps_publish_store_next(store);
    CHECK(first > before && first <= before + 2000000001u);
    CHECK_NUMBER(amps_publish_store_last_assigned(store), first - 1);
    for (uint64_t step = 0; step < 100; step++) {
        CHECK_NUMBER(add(store), first + step);
    }
    CHECK_NUMBER(amps_publish_store_last_assigned(store), first + 99);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), 0);
    CHECK_NUMBER(check_whole(store), 100);
    amps_publish_store_drop(store);
}

static void only_the_next_number_is_taken(void)
{
    amps_publish_store *store = new_store();
    char                frame[FRAME_SIZE_MAX];
    const uint64_t      wrong[] = {0, BASE - 1, BASE, BASE + 2, UINT64_MAX};
    for (size_t index = 0; index < COUNT_OF(wrong); index++) {
        CHECK_STATUS(amps_publish_store_add(store, wrong[index], frame_for(9, frame), NULL),
                     AMPS_AGAIN);
    }
    CHECK_NUMBER(check_whole(store), 0);
    CHECK_NUMBER(add(store), BASE + 1);
    amps_publish_store_drop(store);
}

static void numbers_may_be_raised_never_lowered(void)
{
    amps_publish_store *store = new_store();
    add_many(store, 3);
    amps_publish_store_raise(store, BASE + 2);
    CHECK_NUMBER(add(store), BASE + 4);
    amps_publish_store_raise(store, BASE + 100);
    CHECK_NUMBER(amps_publish_store_last_assigned(store), BASE + 100);
    CHECK_NUMBER(add(store), BASE + 101);
    CHECK_NUMBER(read_above(store, BASE + 4), BASE + 101);
    CHECK_NUMBER(read_above(store, BASE + 50), BASE + 101);
    CHECK_NUMBER(check_whole(store), 5);
    amps_publish_store_drop(store);
}

static void no_store_is_held_and_dropped_in_peace(void)
{
    amps_publish_store_hold(NULL);
    amps_publish_store_drop(NULL);
}

static void after_the_last_number_there_is_none(void)
{
    amps_publish_store *store = new_store();
    amps_failure        failure;
    char                frame[FRAME_SIZE_MAX];
    amps_publish_store_raise(store, UINT64_MAX - 1);
    CHECK_NUMBER(add(store), UINT64_MAX);
    CHECK_NUMBER(amps_publish_store_next(store), 0);
    for (uint64_t sequence = 0; sequence < 2; sequence++) {
        CHECK_STATUS(amps_publish_store_add(store, sequence, frame_for(1, frame), &failure),
                     AMPS_STORE);
        CHECK(strstr(failure.text, "no sequence numbers left") != NULL);
    }
    CHECK_NUMBER(check_whole(store), 1);
    discard_up_to(store, UINT64_MAX);
    CHECK_NUMBER(check_whole(store), 0);
    amps_publish_store_drop(store);
}

static void discarding_takes_what_is_below_and_nothing_else(void)
{
    amps_publish_store *store = new_store();
    add_many(store, 10);
    discard_up_to(store, 0);
    discard_up_to(store, BASE);
    CHECK_NUMBER(check_whole(store), 10);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE);
    discard_up_to(store, BASE + 4);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + 5);
    CHECK_NUMBER(check_whole(store), 6);
    discard_up_to(store, BASE + 2);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + 4);
    CHECK_NUMBER(check_whole(store), 6);
    amps_publish_store_drop(store);
}

static void case_33_discarding_above_all_raises_the_next_number(void)
{
    amps_publish_store *store = new_store();
    add_many(store, 3);
    discard_up_to(store, BASE + 500);
    CHECK_NUMBER(check_whole(store), 0);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + 500);
    CHECK_NUMBER(add(store), BASE + 501);
    amps_publish_store_drop(store);
}

static void case_41_acks_5_then_3_leave_5(void)
{
    amps_publish_store *store = new_store();
    add_many(store, 7);
    discard_up_to(store, BASE + 5);
    discard_up_to(store, BASE + 3);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + 5);
    CHECK_NUMBER(check_whole(store), 2);
    amps_publish_store_drop(store);
}

static void case_42_one_alone_is_discarded_and_the_lower_ones_stay(void)
{
    amps_publish_store *store = new_store();
    add_many(store, 5);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 3, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 3, NULL), AMPS_END);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 6, NULL), AMPS_END);
    CHECK_STATUS(amps_publish_store_discard_one(store, 0, NULL), AMPS_END);
    CHECK_NUMBER(read_above(store, BASE + 2), BASE + 4);
    CHECK_NUMBER(check_whole(store), 4);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), 0);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 2, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 1, NULL), AMPS_OK);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + 4);
    discard_up_to(store, BASE + 4);
    CHECK_NUMBER(check_whole(store), 1);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 5, NULL), AMPS_OK);
    CHECK_NUMBER(amps_publish_store_lowest(store), 0);
    CHECK_NUMBER(add(store), BASE + 6);
    amps_publish_store_drop(store);
}

static void a_frame_that_does_not_fit_says_how_large_it_is(void)
{
    amps_publish_store *store = new_store();
    char                frame[FRAME_SIZE_MAX], *out = malloc(99);
    uint64_t            sequence;
    size_t              size;
    CHECK(out != NULL);
    CHECK_STATUS(amps_publish_store_add(store, BASE + 1, (amps_slice){frame, 100}, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_add(store, BASE + 2, (amps_slice){NULL, 0}, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_read_after(store, 0, out, 99, &sequence, &size),
                 AMPS_TOO_LARGE);
    CHECK(sequence == BASE + 1 && size == 100);
    CHECK_STATUS(amps_publish_store_read_after(store, sequence, NULL, 0, &sequence, &size),
                 AMPS_OK);
    CHECK(sequence == BASE + 2 && size == 0);
    CHECK_STATUS(amps_publish_store_read_after(store, sequence, NULL, 0, &sequence, &size),
                 AMPS_END);
    CHECK_STATUS(amps_publish_store_read_after(store, UINT64_MAX, out, 99, &sequence, &size),
                 AMPS_END);
    CHECK_STATUS(amps_publish_store_add(store, BASE + 3, (amps_slice){frame, SIZE_MAX}, NULL),
                 AMPS_TOO_LARGE);
    CHECK_NUMBER(amps_publish_store_next(store), BASE + 3);
    free(out);
    amps_publish_store_drop(store);
}

static void options_out_of_their_limits_are_refused(void)
{
    const amps_publish_store_options strange[] = {
        options_of(63, 1), options_of(((size_t)1 << 30) + 1, 1), options_of(64, 0),
        options_of(2048, SIZE_MAX / 1024)};
    for (size_t index = 0; index < COUNT_OF(strange); index++) {
        amps_publish_store *store;
        CHECK_STATUS(amps_publish_store_new(&strange[index], &store), AMPS_STORE);
    }
    amps_publish_store_drop(store_of(64, 1));
    amps_publish_store_drop(store_of((size_t)1 << 30, 1));
}

/* ---- The end -------------------------------------------------------------------------------- */

static void after_the_end_nothing_is_taken_and_numbers_stay(void)
{
    amps_publish_store *store = new_store();
    char                out[FRAME_SIZE_MAX];
    uint64_t            sequence;
    size_t              size;
    add_many(store, 3);
    CHECK_STATUS(amps_publish_store_sync(store, NULL), AMPS_OK);
    for (int turn = 0; turn < 2; turn++) {
        CHECK_STATUS(amps_publish_store_close(store, turn == 0, NULL), AMPS_OK);
        CHECK_STATUS(try_add(store, &sequence, NULL), AMPS_CLOSED);
        CHECK_STATUS(amps_publish_store_discard_up_to(store, BASE + 3, NULL), AMPS_CLOSED);
        CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 3, NULL), AMPS_CLOSED);
        CHECK_STATUS(amps_publish_store_read_after(store, 0, out, sizeof out, &sequence, &size),
                     AMPS_CLOSED);
        CHECK_STATUS(amps_publish_store_wait_room(store, 0), AMPS_CLOSED);
        CHECK_STATUS(amps_publish_store_wait_persisted(store, BASE + 3, 0), AMPS_CLOSED);
        CHECK_STATUS(amps_publish_store_sync(store, NULL), AMPS_CLOSED);
        CHECK_NUMBER(amps_publish_store_count(store), 3);
        CHECK_NUMBER(amps_publish_store_lowest(store), BASE + 1);
        CHECK_NUMBER(amps_publish_store_last_assigned(store), BASE + 3);
    }
    amps_publish_store_drop(store);
}

/* True: every call tells the child of a fork that the store is not its own. */
static bool is_not_ours(amps_publish_store *store)
{
    char     out[8];
    uint64_t sequence;
    size_t   size;
    return amps_publish_store_add(store, BASE + 4, BYTES("frame"), NULL) == AMPS_FORKED &&
           amps_publish_store_discard_up_to(store, BASE + 3, NULL) == AMPS_FORKED &&
           amps_publish_store_discard_one(store, BASE + 3, NULL) == AMPS_FORKED &&
           amps_publish_store_read_after(store, 0, out, 8, &sequence, &size) == AMPS_FORKED &&
           amps_publish_store_wait_room(store, 1) == AMPS_FORKED &&
           amps_publish_store_wait_persisted(store, 9, 1) == AMPS_FORKED &&
           amps_publish_store_sync(store, NULL) == AMPS_FORKED &&
           amps_publish_store_close(store, true, NULL) == AMPS_FORKED &&
           amps_publish_store_count(store) == 0 && amps_publish_store_size(store) == 0 &&
           amps_publish_store_next(store) == 0 && amps_publish_store_wants(store) == 0;
}

static void the_child_of_a_fork_is_refused(void)
{
    amps_publish_store *store = new_store();
    add_many(store, 3);
    pid_t child = fork();
    if (child == 0) {
        size_t live = amps_memory_live();
        bool   refused = is_not_ours(store);
        amps_publish_store_allow(store, 7);
        amps_publish_store_raise(store, 7);
        amps_publish_store_set_asks(store, true);
        amps_publish_store_drop(store);
        _exit(refused && amps_memory_live() < live ? 0 : 1);
    }
    int how;
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    CHECK_NUMBER(check_whole(store), 3);
    amps_publish_store_drop(store);
}

static void whoever_holds_it_keeps_it(void)
{
    size_t              before = amps_memory_live();
    amps_publish_store *store = new_store();
    add(store);
    amps_publish_store_hold(store);
    amps_publish_store_drop(store);
    CHECK_NUMBER(check_whole(store), 1);
    amps_publish_store_drop(store);
    amps_publish_store_drop(NULL);
    CHECK_NUMBER(amps_memory_live(), before);
}

/* ---- Many at once --------------------------------------------------------------------------- */

#define WRITERS   3
#define EACH_ADDS 3000

static void *add_its_share(void *store)
{
    for (int turn = 0; turn < EACH_ADDS; turn++) {
        add(store);
    }
    return NULL;
}

/* Reads to the end of the tail that others add to, in rising order. */
static void *read_along(void *store)
{
    uint64_t last = 0;
    while (last < BASE + WRITERS * EACH_ADDS) {
        uint64_t next = read_above(store, last);
        last = next != 0 ? next : last;
    }
    return NULL;
}

/* Never the last ones, so that the reader comes to them, and none that is not there yet. */
static void *discard_along(void *store)
{
    const uint64_t until = BASE + WRITERS * EACH_ADDS - 50;
    while (amps_publish_store_last_persisted(store) < until) {
        uint64_t lowest = amps_publish_store_lowest(store);
        uint64_t last = amps_publish_store_last_assigned(store);
        uint64_t up_to = lowest + 10 < last ? lowest + 10 : last;
        if (lowest % 3 == 0) {
            amps_publish_store_discard_one(store, lowest + 5, NULL);
        }
        if (lowest != 0) {
            discard_up_to(store, up_to < until ? up_to : until);
        }
    }
    return NULL;
}

static void threads_add_read_and_discard_at_once(void)
{
    amps_publish_store *store = new_store();
    pthread_t           threads[WRITERS];
    for (int index = 0; index < WRITERS; index++) {
        threads[index] = start(add_its_share, store);
    }
    pthread_t reads = start(read_along, store), discards = start(discard_along, store);
    for (int index = 0; index < WRITERS; index++) {
        join(threads[index]);
    }
    join(discards);
    join(reads);
    CHECK_NUMBER(amps_publish_store_last_assigned(store), BASE + WRITERS * EACH_ADDS);
    CHECK(check_whole(store) <= 100);
    CHECK_NUMBER(read_above(store, BASE + WRITERS * EACH_ADDS - 1), BASE + WRITERS * EACH_ADDS);
    amps_publish_store_drop(store);
}

static void without_memory_nothing_is_stored_and_it_stays_usable(void)
{
    size_t before = amps_memory_live();
    for (uint64_t n = 1;; n++) {
        amps_publish_store_options options = options_of(2048, 10);
        amps_publish_store        *store;
        uint64_t                   refused = 0, sequence;
        amps_memory_fail_at(n, 0);
        amps_status status = amps_publish_store_new(&options, &store);
        if (status == AMPS_OK) {
            for (int turn = 0; turn < 1000; turn++) {
                refused += try_add(store, &sequence, NULL) != AMPS_OK;
            }
            amps_memory_fail_at(0, 0);
            CHECK_NUMBER(check_whole(store), 1000 - refused);
            CHECK_NUMBER(add(store), BASE + 1000 - refused + 1);
            amps_publish_store_drop(store);
        }
        CHECK_NUMBER(amps_memory_live(), before);
        CHECK(n > 1 || status == AMPS_NO_MEMORY);
        if (n > 1 && refused == 0) {
            CHECK(n > 3);
            return;
        }
    }
}

int main(void)
{
    RUN(numbers_begin_above_the_clock_and_follow_each_other);
    RUN(only_the_next_number_is_taken);
    RUN(numbers_may_be_raised_never_lowered);
    RUN(no_store_is_held_and_dropped_in_peace);
    RUN(after_the_last_number_there_is_none);
    RUN(discarding_takes_what_is_below_and_nothing_else);
    RUN(case_33_discarding_above_all_raises_the_next_number);
    RUN(case_41_acks_5_then_3_leave_5);
    RUN(case_42_one_alone_is_discarded_and_the_lower_ones_stay);
    RUN(a_frame_that_does_not_fit_says_how_large_it_is);
    RUN(options_out_of_their_limits_are_refused);
    RUN(after_the_end_nothing_is_taken_and_numbers_stay);
    RUN(the_child_of_a_fork_is_refused);
    RUN(whoever_holds_it_keeps_it);
    RUN(threads_add_read_and_discard_at_once);
    RUN(without_memory_nothing_is_stored_and_it_stays_usable);
    return 0;
}
