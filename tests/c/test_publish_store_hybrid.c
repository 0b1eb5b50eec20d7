/* test_publish_store_hybrid.c: the newest in memory, the oldest in the file, as one store. */
#include <sys/wait.h>

#include "amps_file.h"
#include "amps_memory.h"
#include "folder.h"
#include "peer.h"
#include "store.h"

#define MEMORY_MAX 8192u

static amps_publish_store_options hybrid_options(void)
{
    amps_publish_store_options options = options_of(128, 200);
    options.memory_max = MEMORY_MAX;
    return options;
}

static amps_publish_store *open_with(const char *name, amps_publish_store_options options)
{
    amps_publish_store *store;
    amps_failure        failure = {.text = ""};
    amps_status         status =
        amps_publish_store_open_hybrid(in_folder(name), &options, &failure, &store);
    if (status != AMPS_OK) {
        fprintf(stderr, "%s\n", failure.text);
    }
    CHECK_STATUS(status, AMPS_OK);
    return store;
}

static amps_publish_store *open_hybrid(const char *name)
{
    return open_with(name, hybrid_options());
}

/* How many records the file alone has; the child opens a copy, the store is still at work. */
static uint64_t count_in_file(const char *name)
{
    amps_publish_store_options options = options_of(128, 200);
    amps_publish_store        *store;
    size_t                     size;
    char                      *bytes = bytes_of(in_folder(name), &size);
    write_bytes(in_folder("copy"), bytes, size);
    CHECK_STATUS(amps_publish_store_open(in_folder("copy"), &options, NULL, &store), AMPS_OK);
    uint64_t count = check_whole(store);
    amps_publish_store_drop(store);
    free(bytes);
    return count;
}

static void few_records_stay_in_memory_until_the_end(void)
{
    amps_publish_store *store = open_hybrid("few");
    add_many(store, 10);
    CHECK_NUMBER(count_in_file("few"), 0);
    CHECK_NUMBER(check_whole(store), 10);
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    CHECK_NUMBER(amps_publish_store_count(store), 10);
    CHECK_NUMBER(count_in_file("few"), 10);
    amps_publish_store_drop(store);
    store = open_hybrid("few");
    CHECK_NUMBER(check_whole(store), 10);
    CHECK(add(store) > BASE + 10);
    amps_publish_store_drop(store); /* the last drop moves them, too */
    CHECK_NUMBER(count_in_file("few"), 11);
}

static void too_many_move_until_the_low_mark_is_met(void)
{
    amps_publish_store_options options = hybrid_options();
    options.memory_low = 1000;
    amps_publish_store *half = open_hybrid("half"), *low = open_with("low", options);
    uint64_t            moved_half = 0, moved_low = 0;
    for (uint64_t turn = 0; moved_half == 0; turn++) {
        add(half);
        add(low);
        moved_half = count_in_file("half");
        moved_low = count_in_file("low");
        CHECK((moved_half == 0) == (moved_low == 0));
        CHECK(turn < MEMORY_MAX / 20);
    }
    CHECK(moved_low > moved_half);
    check_whole(half);
    check_whole(low);
    amps_publish_store_drop(half);
    amps_publish_store_drop(low);
}

static void case_59_10000_records_read_in_order_across_the_boundary(void)
{
    amps_publish_store *store = open_hybrid("many");
    add_many(store, 10000);
    CHECK_NUMBER(check_whole(store), 10000);
    uint64_t in_file = count_in_file("many");
    CHECK(in_file > 9000 && in_file < 10000);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + in_file, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + in_file + 1, NULL), AMPS_OK);
    CHECK_NUMBER(read_above(store, BASE + in_file - 1), BASE + in_file + 2);
    discard_up_to(store, BASE + in_file - 2);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + in_file - 1);
    CHECK_NUMBER(check_whole(store), 10000 - in_file);
    discard_up_to(store, BASE + in_file - 1);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + in_file + 2);
    discard_up_to(store, BASE + in_file + 2); /* now of memory alone */
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + in_file + 2);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + in_file + 3);
    CHECK_STATUS(amps_publish_store_wait_persisted(store, BASE + in_file + 2, 0), AMPS_OK);
    CHECK_STATUS(amps_publish_store_close(store, true, NULL), AMPS_OK);
    amps_publish_store_drop(store);
    store = open_hybrid("many");
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + in_file + 2);
    CHECK_NUMBER(check_whole(store), 10000 - in_file - 2);
    amps_publish_store_drop(store);
}

static void what_never_fits_in_memory_goes_to_the_file_behind_all_others(void)
{
    amps_publish_store_options options = hybrid_options();
    options.memory_max = 3000; /* every 64th frame has 5000 bytes */
    amps_publish_store *store = open_with("large", options);
    add_many(store, 300);
    CHECK_NUMBER(check_whole(store), 300);
    amps_publish_store_drop(store);
    options.memory_max = 0; /* all of it */
    store = open_with("large", options);
    CHECK_NUMBER(check_whole(store), 300);
    add_many(store, 10);
    CHECK_NUMBER(count_in_file("large"), 310);
    amps_publish_store_drop(store);
}

/* A crash takes what memory had; the numbers it had are not given again, whatever the clock says.
 */
static void case_60_numbers_lost_with_memory_are_not_given_again(void)
{
    pid_t child = fork();
    if (child == 0) {
        amps_publish_store *store = open_hybrid("crashed");
        add_many(store, 500);
        discard_up_to(store, BASE + 20);
        add_many(store, 1);
        _exit(0); /* no close */
    }
    int how;
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    amps_publish_store *store = open_hybrid("crashed");
    uint64_t            left = check_whole(store);
    CHECK(left > 300 && left < 481);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + 21);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + 20);
    CHECK(add(store) > BASE + 501);
    amps_publish_store_drop(store);
}

static void consent_concerns_the_file_and_the_end_asks_nobody(void)
{
    amps_publish_store_options options = hybrid_options();
    options.asks_before_growing = true;
    amps_publish_store *store = open_with("consent", options);
    uint64_t            sequence, count = 0;
    amps_status         status;
    while ((status = try_add(store, &sequence, NULL)) == AMPS_OK) {
        count++;
    }
    CHECK_STATUS(status, AMPS_STORE_FULL);
    CHECK_NUMBER(amps_publish_store_wants(store), 2 * 25600);
    CHECK_NUMBER(check_whole(store), count);
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    amps_publish_store_drop(store);
    store = open_hybrid("consent");
    CHECK_NUMBER(check_whole(store), count);
    amps_publish_store_drop(store);
}

static void an_end_that_cannot_move_the_rest_can_be_tried_again(void)
{
    amps_publish_store *store = open_hybrid("full");
    amps_failure        failure;
    add_many(store, 20);
    amps_file_fail_at(1, true, ENOSPC);
    CHECK_STATUS(amps_publish_store_close(store, false, &failure), AMPS_STORE);
    CHECK(failure.error == ENOSPC);
    amps_file_fail_at(0, false, 0);
    CHECK_NUMBER(check_whole(store), 20);
    add(store);
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    amps_publish_store_drop(store);
    store = open_hybrid("full");
    CHECK_NUMBER(check_whole(store), 21);
    amps_publish_store_drop(store);
}

/* Adds, discards, buries and closes while something fails; what was said to be stored is there. */
static bool session(void)
{
    amps_publish_store_options options = hybrid_options();
    amps_publish_store        *store;
    uint64_t                   sequence, failed = 0, added = 0, discarded = 0, buried = 0;
    unlink(in_folder("session"));
    if (amps_publish_store_open_hybrid(in_folder("session"), &options, NULL, &store) != AMPS_OK) {
        return false;
    }
    for (int turn = 0; turn < 150; turn++) {
        amps_status status = try_add(store, &sequence, NULL);
        CHECK(status == AMPS_OK || status == AMPS_STORE || status == AMPS_NO_MEMORY);
        added += status == AMPS_OK;
        failed += status != AMPS_OK;
    }
    discarded = amps_publish_store_discard_up_to(store, BASE + 9, NULL) == AMPS_OK ? 9 : 0;
    buried = amps_publish_store_discard_one(store, BASE + 30, NULL) == AMPS_OK ? 1 : 0;
    failed += discarded == 0 || buried == 0;
    CHECK_NUMBER(amps_publish_store_count(store), added - discarded - buried);
    bool closed = amps_publish_store_close(store, false, NULL) == AMPS_OK;
    amps_file_fail_at(0, false, 0);
    amps_memory_fail_at(0, 0);
    CHECK_NUMBER(amps_publish_store_last_assigned(store), BASE + added);
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    amps_publish_store_drop(store);
    store = open_hybrid("session");
    CHECK_NUMBER(check_whole(store), added - discarded - buried);
    amps_publish_store_drop(store);
    return failed == 0 && closed;
}

static void whatever_fails_nothing_that_was_stored_is_lost(void)
{
    size_t before = amps_memory_live();
    for (int way = 0; way < 2; way++) {
        bool     done = false;
        uint64_t n = 0;
        while (!done) {
            n++;
            amps_memory_fail_at(way == 0 ? n : 0, 0);
            amps_file_fail_at(way == 1 ? n : 0, false, EIO);
            done = session();
            amps_memory_fail_at(0, 0);
            amps_file_fail_at(0, false, 0);
            CHECK_NUMBER(amps_memory_live(), before);
        }
        CHECK(n > 8);
    }
}

#define EACH_ADDS 2000

static void *add_its_share(void *store)
{
    add_many(store, EACH_ADDS);
    return NULL;
}

static void threads_add_while_the_oldest_move_and_go(void)
{
    amps_publish_store *store = open_hybrid("busy");
    pthread_t           one = start(add_its_share, store), other = start(add_its_share, store);
    uint64_t            last = BASE;
    while (last < BASE + 2 * EACH_ADDS) {
        uint64_t next = read_above(store, last);
        if (next != 0) {
            CHECK_NUMBER(next, last + 1);
            last = next;
        }
        if (next % 16 == 0 && next > BASE + 100) {
            discard_up_to(store, next - 100);
        }
    }
    join(one);
    join(other);
    check_whole(store);
    amps_publish_store_drop(store);
}

int main(void)
{
    folder_make();
    RUN(few_records_stay_in_memory_until_the_end);
    RUN(too_many_move_until_the_low_mark_is_met);
    RUN(case_59_10000_records_read_in_order_across_the_boundary);
    RUN(what_never_fits_in_memory_goes_to_the_file_behind_all_others);
    RUN(case_60_numbers_lost_with_memory_are_not_given_again);
    RUN(consent_concerns_the_file_and_the_end_asks_nobody);
    RUN(an_end_that_cannot_move_the_rest_can_be_tried_again);
    RUN(whatever_fails_nothing_that_was_stored_is_lost);
    RUN(threads_add_while_the_oldest_move_and_go);
    folder_remove();
    return 0;
}
