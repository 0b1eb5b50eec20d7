/* test_publish_store_file.c: the store in a file: reopened, shared, forked, full, failing, shrunk.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "amps_file.h"
#include "folder.h"
#include "peer.h"
#include "store.h"

static amps_publish_store *open_with(const char *name, amps_publish_store_options options)
{
    amps_publish_store *store;
    amps_failure        failure = {.text = ""};
    amps_status status = amps_publish_store_open(in_folder(name), &options, &failure, &store);
    if (status != AMPS_OK) {
        fprintf(stderr, "%s\n", failure.text);
    }
    CHECK_STATUS(status, AMPS_OK);
    return store;
}

static amps_publish_store *open_file(const char *name)
{
    return open_with(name, options_of(128, 100));
}

static amps_status refused(const char *name, const char *why)
{
    amps_publish_store_options options = options_of(128, 100);
    amps_publish_store        *store;
    amps_failure               failure = {.text = ""};
    amps_status status = amps_publish_store_open(in_folder(name), &options, &failure, &store);
    CHECK(status != AMPS_OK && strstr(failure.text, in_folder(name)) == failure.text);
    CHECK(strstr(failure.text, why) != NULL);
    return status;
}

static void close_store(amps_publish_store *store, bool truncate)
{
    CHECK_STATUS(amps_publish_store_close(store, truncate, NULL), AMPS_OK);
    amps_publish_store_drop(store);
}

static void case_32_numbers_go_on_above_all_that_were_ever_given(void)
{
    amps_publish_store_options options = options_of(128, 100);
    amps_publish_store        *store = open_file("numbers");
    add_many(store, 5);
    discard_up_to(store, BASE + 5);
    close_store(store, false);
    store = open_file("numbers");
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + 5);
    CHECK_NUMBER(add(store), BASE + 6);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 6, NULL), AMPS_OK);
    amps_publish_store_raise(store, BASE + 50);
    close_store(store, false);
    options.clock_sequence = 1; /* the clock was set back */
    store = open_with("numbers", options);
    CHECK_NUMBER(amps_publish_store_count(store), 0);
    CHECK_NUMBER(add(store), BASE + 51);
    close_store(store, false);
    options.clock_sequence = 5 * BASE;
    store = open_with("numbers", options);
    CHECK_NUMBER(amps_publish_store_lowest(store), BASE + 51);
    CHECK_NUMBER(add(store), 5 * BASE + 1);
    CHECK_NUMBER(check_whole(store), 2);
    close_store(store, false);
}

static void what_was_stored_comes_back_in_order_without_the_tombstones(void)
{
    amps_publish_store *store = open_file("order");
    add_many(store, 500);
    discard_up_to(store, BASE + 100);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 150, NULL), AMPS_OK);
    amps_publish_store_drop(store); /* closes it, too */
    store = open_file("order");
    CHECK_NUMBER(check_whole(store), 399);
    CHECK_NUMBER(read_above(store, BASE + 149), BASE + 151);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), BASE + 100);
    CHECK_STATUS(amps_publish_store_sync(store, NULL), AMPS_OK);
    amps_publish_store_drop(store);
}

static void what_is_no_store_is_refused(void)
{
    CHECK_STATUS(refused("no/folder", "No such file"), AMPS_STORE);
    write_bytes(in_folder("text"), "a letter to nobody", 18);
    CHECK_STATUS(refused("text", "too short"), AMPS_STORE);
    CHECK(holds_bytes(in_folder("text"), "a letter to nobody", 18));
    char foreign[5000];
    memset(foreign, 'x', sizeof foreign);
    write_bytes(in_folder("foreign"), foreign, sizeof foreign);
    CHECK_STATUS(refused("foreign", "not a publish store"), AMPS_STORE);
    CHECK(holds_bytes(in_folder("foreign"), foreign, sizeof foreign));
    write_bytes(in_folder("empty"), "", 0);
    amps_publish_store *store = open_file("empty");
    add_many(store, 3);
    close_store(store, false);
}

static void case_55_the_second_is_refused_until_the_first_is_dead(void)
{
    int  ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        amps_publish_store *store = open_file("shared");
        add_many(store, 7);
        CHECK(write(ready[1], "y", 1) == 1);
        for (;;) {
            pause();
        }
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    size_t size;
    char  *before = bytes_of(in_folder("shared"), &size);
    CHECK_STATUS(refused("shared", "another store has it open"), AMPS_STORE);
    CHECK(holds_bytes(in_folder("shared"), before, size));
    free(before);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    amps_publish_store *store = open_file("shared");
    CHECK_NUMBER(check_whole(store), 7);
    CHECK_STATUS(refused("shared", "another store has it open"), AMPS_STORE); /* same process */
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    amps_publish_store_drop(open_file("shared")); /* close gave the lock up */
    amps_publish_store_drop(store);
    close(ready[0]);
    close(ready[1]);
}

static void the_child_of_a_fork_leaves_the_file_alone(void)
{
    amps_publish_store *store = open_file("forked");
    add_many(store, 3);
    size_t size;
    char  *before = bytes_of(in_folder("forked"), &size);
    pid_t  child = fork();
    if (child == 0) {
        bool is_refused =
            amps_publish_store_add(store, BASE + 4, BYTES("x"), NULL) == AMPS_FORKED &&
            amps_publish_store_discard_up_to(store, BASE + 3, NULL) == AMPS_FORKED &&
            amps_publish_store_sync(store, NULL) == AMPS_FORKED &&
            amps_publish_store_close(store, true, NULL) == AMPS_FORKED;
        amps_publish_store_raise(store, BASE + 9);
        char *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        amps_publish_store_drop(store);
        memset(own, 1, size); /* where the parent has its map, most likely: it is the child's */
        _exit(is_refused ? 0 : 1);
    }
    int how;
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    CHECK(holds_bytes(in_folder("forked"), before, size));
    CHECK_STATUS(refused("forked", "another store has it open"), AMPS_STORE);
    add(store);
    CHECK_NUMBER(check_whole(store), 4);
    close_store(store, false);
    free(before);
}

/* A grandchild that was forked off, may have let go of the store, and lives on. */
static void open_and_fork(int out, bool lets_go)
{
    amps_publish_store *store = open_file("orphaned");
    add_many(store, 3);
    if (fork() == 0) {
        if (lets_go) {
            amps_publish_store_drop(store);
        }
        pid_t own = getpid();
        CHECK(write(out, &own, sizeof own) == sizeof own);
    }
    for (;;) {
        pause();
    }
}

static void the_lock_ends_with_the_process_whoever_was_forked_off(void)
{
    for (int turn = 0; turn < 2; turn++) {
        int   pipe_ends[2];
        pid_t grandchild;
        CHECK(pipe(pipe_ends) == 0);
        pid_t child = fork();
        if (child == 0) {
            open_and_fork(pipe_ends[1], turn == 0);
        }
        CHECK(read(pipe_ends[0], &grandchild, sizeof grandchild) == sizeof grandchild);
        CHECK_STATUS(refused("orphaned", "another store has it open"), AMPS_STORE);
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        amps_publish_store *store = open_file("orphaned");
        CHECK_NUMBER(check_whole(store), 3);
        discard_up_to(store, UINT32_MAX);
        close_store(store, false);
        unlink(in_folder("orphaned"));
        CHECK(kill(grandchild, SIGKILL) == 0);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
    }
}

static void case_50_a_file_grows_only_with_consent(void)
{
    amps_publish_store_options options = options_of(128, 100);
    options.asks_before_growing = true;
    amps_publish_store *store = open_with("consent", options);
    uint64_t            sequence;
    amps_status         status;
    while ((status = try_add(store, &sequence, NULL)) == AMPS_OK) {
    }
    CHECK_STATUS(status, AMPS_STORE_FULL);
    CHECK_NUMBER(amps_publish_store_next(store), sequence);
    CHECK_NUMBER(amps_publish_store_wants(store), 25600);
    CHECK_NUMBER(amps_publish_store_size(store), 4096 + 12800);
    amps_publish_store_allow(store, 25600);
    CHECK_STATUS(amps_publish_store_wait_room(store, 0), AMPS_OK);
    CHECK_NUMBER(add(store), sequence);
    CHECK_NUMBER(amps_publish_store_size(store), 4096 + 25600);
    close_store(store, false);
    store = open_with("consent", options); /* what it has it may use */
    CHECK_NUMBER(amps_publish_store_wants(store), 38400);
    add(store);
    check_whole(store);
    close_store(store, false);
}

static void case_54_a_full_disk_is_an_outcome_and_passes(void)
{
    amps_publish_store *store = open_file("full");
    amps_failure        failure;
    uint64_t            sequence, failed_at = 0;
    while (failed_at == 0) { /* ends with the first growth */
        amps_file_fail_at(3, true, ENOSPC);
        if (try_add(store, &sequence, &failure) == AMPS_STORE) {
            failed_at = sequence;
        }
        amps_file_fail_at(0, false, 0);
    }
    CHECK(strstr(failure.text, "No space left on device") != NULL && failure.error == ENOSPC);
    CHECK(strstr(failure.text, in_folder("full")) == failure.text);
    CHECK_NUMBER(add(store), failed_at);
    CHECK_NUMBER(check_whole(store), failed_at - BASE);
    close_store(store, false);
    store = open_file("full");
    CHECK_NUMBER(check_whole(store), failed_at - BASE);
    close_store(store, false);
}

static void synced_stores_take_back_what_did_not_reach_the_disk(void)
{
    amps_publish_store_options options = options_of(128, 100);
    options.sync_on_store = true;
    amps_publish_store *store = open_with("synced", options);
    amps_failure        failure;
    uint64_t            sequence;
    add_many(store, 5);
    amps_file_fail_at(2, false, EIO); /* the first asks for the size, the second syncs */
    CHECK_STATUS(try_add(store, &sequence, &failure), AMPS_STORE);
    CHECK(failure.error == EIO);
    CHECK_NUMBER(check_whole(store), 5);
    size_t size;
    char  *bytes = bytes_of(in_folder("synced"), &size);
    write_bytes(in_folder("killed"), bytes, size); /* as if the process were killed here */
    free(bytes);
    amps_publish_store *killed = open_file("killed");
    CHECK_NUMBER(check_whole(killed), 5);
    close_store(killed, false);
    CHECK_NUMBER(add(store), sequence);
    amps_file_fail_at(1, false, EIO);
    CHECK_STATUS(amps_publish_store_sync(store, &failure), AMPS_STORE);
    close_store(store, false);
    store = open_with("synced", options);
    CHECK_NUMBER(check_whole(store), 6);
    close_store(store, false);
}

static void a_discard_that_fails_keeps_the_records(void)
{
    amps_publish_store *store = open_file("kept");
    amps_failure        failure;
    add_many(store, 5);
    amps_file_fail_at(1, false, EIO);
    CHECK_STATUS(amps_publish_store_discard_up_to(store, BASE + 3, &failure), AMPS_STORE);
    CHECK(failure.error == EIO);
    amps_file_fail_at(1, false, EIO);
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + 3, &failure), AMPS_STORE);
    CHECK_NUMBER(check_whole(store), 5);
    CHECK_NUMBER(amps_publish_store_last_persisted(store), 0);
    discard_up_to(store, BASE + 3);
    CHECK_NUMBER(check_whole(store), 2);
    close_store(store, false);
}

static void a_file_cut_off_underneath_fails_and_crashes_nothing(void)
{
    amps_publish_store *store = open_file("cut");
    amps_failure        failure = {.text = ""};
    uint64_t            sequence;
    size_t              size;
    char                out[FRAME_SIZE_MAX];
    add_many(store, 20);
    CHECK(truncate(in_folder("cut"), 100) == 0);
    CHECK_STATUS(try_add(store, &sequence, &failure), AMPS_STORE);
    CHECK(strstr(failure.text, "shorter") != NULL);
    CHECK_STATUS(amps_publish_store_read_after(store, 0, out, sizeof out, &sequence, &size),
                 AMPS_STORE);
    CHECK_STATUS(amps_publish_store_discard_up_to(store, BASE + 3, NULL), AMPS_STORE);
    amps_publish_store_raise(store, BASE + 100);
    CHECK_NUMBER(amps_publish_store_count(store), 20);
    CHECK_STATUS(amps_publish_store_close(store, true, &failure), AMPS_STORE);
    CHECK_STATUS(amps_publish_store_close(store, true, NULL), AMPS_OK); /* it is closed */
    amps_publish_store_drop(store);
    CHECK_STATUS(refused("cut", "too short"), AMPS_STORE);
}

static void case_58_only_an_empty_file_is_shrunk_at_the_end(void)
{
    amps_publish_store *store = open_file("shrunk");
    struct stat         of_file;
    add_many(store, 200);
    size_t grown = amps_publish_store_size(store);
    CHECK(grown > 4096 + 12800);
    close_store(store, true);
    CHECK(stat(in_folder("shrunk"), &of_file) == 0 && (size_t)of_file.st_size == grown);
    store = open_file("shrunk");
    discard_up_to(store, BASE + 200);
    close_store(store, false);
    CHECK(stat(in_folder("shrunk"), &of_file) == 0 && (size_t)of_file.st_size == grown);
    store = open_file("shrunk");
    CHECK_STATUS(amps_publish_store_close(store, true, NULL), AMPS_OK);
    CHECK(stat(in_folder("shrunk"), &of_file) == 0 && of_file.st_size == 4096 + 12800);
    CHECK_NUMBER(amps_publish_store_last_assigned(store), BASE + 200);
    amps_publish_store_drop(store);
    store = open_file("shrunk");
    CHECK_NUMBER(add(store), BASE + 201);
    close_store(store, true);
}

static void at_once_nothing_waits_for_growth_or_for_the_disk(void)
{
    amps_publish_store_options options = options_of(128, 100);
    amps_publish_store        *store = open_with("prompt", options);
    uint64_t                   sequence, stored = 0;
    while (try_at_once(store, &sequence) == AMPS_OK) { /* ends where the file would grow */
        stored++;
    }
    CHECK(stored > 10);
    CHECK_STATUS(try_at_once(store, &sequence), AMPS_MORE);
    CHECK_NUMBER(check_whole(store), stored);
    CHECK_NUMBER(add(store), sequence); /* grows, with the number that was not used */
    CHECK_STATUS(try_at_once(store, &sequence), AMPS_OK);
    close_store(store, false);
    CHECK_NUMBER(sequence, BASE + stored + 2);
    options.sync_on_store = true;
    store = open_with("prompt", options);
    CHECK_STATUS(try_at_once(store, &sequence), AMPS_MORE);
    CHECK_NUMBER(check_whole(store), stored + 2);
    close_store(store, false);
}

static void begun_and_cancelled_nothing_is_stored(void)
{
    amps_publish_store *store = open_file("begun");
    uint64_t            sequence;
    CHECK_STATUS(amps_publish_store_begin(store, false, &sequence), AMPS_OK);
    CHECK_STATUS(amps_publish_store_begin(store, true, &sequence), AMPS_MORE); /* it is locked */
    amps_publish_store_unlock(store);
    CHECK_NUMBER(check_whole(store), 0);
    CHECK_NUMBER(add(store), sequence);
    CHECK_STATUS(amps_publish_store_close(store, false, NULL), AMPS_OK);
    CHECK_STATUS(amps_publish_store_begin(store, false, &sequence), AMPS_CLOSED);
    amps_publish_store_drop(store);
}

/* ---- Many at once --------------------------------------------------------------------------- */

#define WRITERS   2
#define EACH_ADDS 1500

static void *add_its_share(void *store)
{
    add_many(store, EACH_ADDS);
    return NULL;
}

static void *discard_and_sync(void *store)
{
    while (amps_publish_store_last_persisted(store) < BASE + WRITERS * EACH_ADDS) {
        uint64_t lowest = amps_publish_store_lowest(store);
        if (lowest != 0) {
            read_above(store, lowest - 1);
            amps_publish_store_discard_one(store, lowest + 2, NULL);
            discard_up_to(store, lowest);
        }
        if (lowest % 50 == 0) {
            CHECK_STATUS(amps_publish_store_sync(store, NULL), AMPS_OK);
        }
    }
    return NULL;
}

static void threads_add_read_discard_and_sync_at_once(void)
{
    amps_publish_store *store = open_file("busy");
    pthread_t           threads[WRITERS];
    for (int index = 0; index < WRITERS; index++) {
        threads[index] = start(add_its_share, store);
    }
    for (int index = 0; index < WRITERS; index++) {
        join(threads[index]);
    }
    add(store);
    pthread_t discards = start(discard_and_sync, store), adds = start(add_its_share, store);
    CHECK_STATUS(amps_publish_store_wait_persisted(store, BASE + WRITERS * EACH_ADDS, PATIENCE_MS),
                 AMPS_OK);
    join(discards);
    join(adds);
    check_whole(store);
    close_store(store, true);
}

int main(void)
{
    folder_make();
    RUN(case_32_numbers_go_on_above_all_that_were_ever_given);
    RUN(what_was_stored_comes_back_in_order_without_the_tombstones);
    RUN(what_is_no_store_is_refused);
    RUN(case_55_the_second_is_refused_until_the_first_is_dead);
    RUN(the_child_of_a_fork_leaves_the_file_alone);
    RUN(the_lock_ends_with_the_process_whoever_was_forked_off);
    RUN(case_50_a_file_grows_only_with_consent);
    RUN(case_54_a_full_disk_is_an_outcome_and_passes);
    RUN(synced_stores_take_back_what_did_not_reach_the_disk);
    RUN(a_discard_that_fails_keeps_the_records);
    RUN(a_file_cut_off_underneath_fails_and_crashes_nothing);
    RUN(case_58_only_an_empty_file_is_shrunk_at_the_end);
    RUN(at_once_nothing_waits_for_growth_or_for_the_disk);
    RUN(begun_and_cancelled_nothing_is_stored);
    RUN(threads_add_read_discard_and_sync_at_once);
    folder_remove();
    return 0;
}
