/* test_bookmark_opening.c: stores with a file: what they know again, refuse, prune, and cannot do.
 */
#include "bookmark_files.h"

#include <signal.h>
#include <sys/wait.h>

static amps_bookmark_store *store;
static amps_bookmark_sub   *sub;

static void reopen(void)
{
    if (store != NULL) {
        CHECK_STATUS(amps_bookmark_store_close(store, NULL), AMPS_OK);
        amps_bookmark_store_drop(store);
    }
    store = open_log("log");
    sub = sub_of(store, "s");
}

static void fresh(void)
{
    unlink(in_folder("log"));
    store = NULL;
    reopen();
}

static void done(void)
{
    amps_bookmark_store_drop(store);
    store = NULL;
}

/* ---- Known again (case 63) -------------------------------------------------------------------*/

static void a_torn_end_costs_one_discard(void)
{
    size_t size;
    fresh();
    new_one(sub, "A1");
    new_one(sub, "A2");
    new_one(sub, "A3");
    discard(sub, "A1");
    discard(sub, "A3");
    discard(sub, "A2");
    done();
    char *bytes = bytes_of(in_folder("log"), &size);
    write_bytes(in_folder("log"), bytes, size - 5);
    free(bytes);
    reopen();
    CHECK(amps_bookmark_store_trouble(store) == NULL);
    CHECK_NUMBER(files_named("corrupt"), 0);
    recent_is(sub, "A1");
    receive(sub, "A2", AMPS_BOOKMARK_AGAIN);
    receive(sub, "A3", AMPS_BOOKMARK_DISCARDED);
    new_one(sub, "A4");
    done();
}

static void everything_is_known_again(void)
{
    char text[TEXT_SIZE];
    fresh();
    begin(sub, "20260101T000000Z");
    amps_bookmark_sub *other = sub_of(store, "");
    CHECK_STATUS(amps_bookmark_recover(other, wire("A7,C3", text)), AMPS_OK);
    amps_bookmark_sub *third = sub_of(store, "purged");
    new_one(third, "A1");
    CHECK_STATUS(amps_bookmark_purge(third), AMPS_OK);
    new_one(sub, "opaque");
    new_one(sub, "B1");
    new_one(sub, "A9");
    persisted(sub, "Z1");
    new_one(sub, "A10");
    CHECK_STATUS(amps_bookmark_persisted_index(sub, 2), AMPS_OK);
    discard(sub, "A10");
    for (int turn = 0; turn < 3; turn++) {
        recent_is(sub, "20260101T000000Z");
        recent_is(sub_of(store, ""), "A7,C3");
        recent_is(sub_of(store, "purged"), "");
        receive(sub, "opaque", AMPS_BOOKMARK_AGAIN);
        receive(sub, "A10", AMPS_BOOKMARK_DISCARDED);
        receive(sub, "A8", AMPS_BOOKMARK_DISCARDED);
        if (turn == 1) {
            CHECK_STATUS(amps_bookmark_store_prune(store, NULL, NULL), AMPS_OK);
        }
        reopen();
    }
    discard(sub, "opaque");
    recent_is(sub, "opaque,20260101T000000Z"); /* nothing came since it was opened */
    new_one(sub, "A11");
    recent_is(sub, "opaque");
    discard(sub, "B1");
    recent_is(sub, "opaque,B1");
    discard(sub, "A9");
    recent_is(sub, "opaque,B1,A10,Z1");
    reopen();
    recent_is(sub, "opaque,B1,A10,Z1");
    done();
}

static void the_files_last_change_is_a_member_until_a_message_comes(void)
{
    char out[128];
    fresh();
    new_one(sub, "A1");
    discard(sub, "A1");
    done();
    CHECK_STATUS(amps_bookmark_store_open_log(in_folder("log"), true, NULL, &store), AMPS_OK);
    sub = sub_of(store, "s");
    size_t size = amps_bookmark_most_recent(sub, out, sizeof out);
    CHECK_NUMBER(size, strlen("101|1|,20260101T000000Z"));
    CHECK(memcmp(out, "101|1|,20", 9) == 0 && out[size - 1] == 'Z');
    recent_is(sub_of(store, "unknown"), "");
    new_one(sub, "A2");
    recent_is(sub, "A1");
    done();
}

static void a_reposition_is_known_again(void)
{
    fresh();
    new_one(sub, "A5");
    discard(sub, "A5");
    begin(sub, "0");
    reopen();
    recent_is(sub, "0");
    new_one(sub, "A1");
    begin(sub, "0|1|");
    CHECK_STATUS(amps_bookmark_completed(sub, BYTES("x9")), AMPS_OK);
    reopen();
    recent_is(sub, "x9");
    done();
}

/* ---- Killed ----------------------------------------------------------------------------------*/

static void a_kill_loses_no_discard_that_returned(void)
{
    int pipe_ends[2];
    unlink(in_folder("log"));
    CHECK(pipe(pipe_ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        char name[16];
        store = open_log("log");
        sub = sub_of(store, "s");
        for (int i = 1;; i++) {
            snprintf(name, sizeof name, "A%d", i);
            new_one(sub, name);
            discard(sub, name);
            CHECK(write(pipe_ends[1], &i, sizeof i) == sizeof i);
        }
    }
    int last = 0, got;
    for (int i = 0; i < 60000; i++) {
        CHECK(read(pipe_ends[0], &last, sizeof last) == sizeof last);
    }
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    close(pipe_ends[1]);
    while (read(pipe_ends[0], &got, sizeof got) == sizeof got) {
        last = got;
    }
    close(pipe_ends[0]);
    store = NULL;
    reopen();
    char name[16];
    snprintf(name, sizeof name, "A%d", last);
    receive(sub, name, AMPS_BOOKMARK_DISCARDED);
    snprintf(name, sizeof name, "A%d", last + 2);
    receive(sub, name, AMPS_BOOKMARK_NEW);
    done();
}

static void a_child_of_a_fork_writes_nothing(void)
{
    size_t size;
    fresh();
    new_one(sub, "A1");
    discard(sub, "A1");
    char *bytes = bytes_of(in_folder("log"), &size);
    pid_t child = fork();
    if (child == 0) {
        bool good = amps_bookmark_discard(sub, BYTES("101|1|")) == AMPS_FORKED &&
                    amps_bookmark_store_prune(store, NULL, NULL) == AMPS_FORKED &&
                    amps_bookmark_purge(sub) == AMPS_FORKED;
        amps_bookmark_store_drop(store);
        _exit(good ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(holds_bytes(in_folder("log"), bytes, size));
    free(bytes);
    is_refused(false, "log", "another store has it open");
    new_one(sub, "A2");
    done();
}

/* ---- Refused ---------------------------------------------------------------------------------*/

static void files_of_others_are_refused_and_stay(void)
{
    fresh();
    is_refused(false, "log", "another store has it open");
    new_one(sub, "A1");
    done();
    write_at(in_folder("log"), 8, "\x02", 1);
    is_refused(false, "log", "version is 2");
    write_at(in_folder("log"), 8, "\x01", 1);
    write_at(in_folder("log"), 12, "\x01\x02\x03\x04", 4);
    is_refused(false, "log", "byte order");
    write_at(in_folder("log"), 12, "\x04\x03\x02\x01", 4);
    write_at(in_folder("log"), 40, "x", 1);
    is_refused(false, "log", "damaged");
    write_bytes(in_folder("log"), "hello", 5);
    is_refused(false, "log", "no log of bookmarks");
    is_refused(true, "log", "no file of most recent bookmarks");
    amps_bookmark_store *ring = open_ring("ring");
    amps_bookmark_store_drop(ring);
    is_refused(false, "ring", "no log of bookmarks");
    write_bytes(in_folder("log"), "", 0);
    reopen();
    done();
    CHECK_STATUS(amps_bookmark_store_open_log("/no/such/folder/log", false, NULL, &store),
                 AMPS_STORE);
    CHECK_STATUS(amps_bookmark_store_open_ring("/", NULL, &store), AMPS_STORE);
    store = NULL;
    unlink(in_folder("ring"));
}

/* ---- Pruned (case 72) ------------------------------------------------------------------------*/

static void pruning_makes_it_small_and_changes_no_answer(void)
{
    size_t size;
    char   name[16];
    fresh();
    new_one(sub, "B1");
    for (int i = 1; i <= 20000; i++) {
        snprintf(name, sizeof name, "A%d", i);
        new_one(sub, name);
        discard(sub, name);
    }
    discard(sub, "B1");
    new_one(sub, "B2");
    new_one(sub, "A20001");
    discard(sub, "A20001");
    recent_is(sub, "B1,A20000");
    CHECK_STATUS(amps_bookmark_store_prune(store, in_folder("other.tmp"), NULL), AMPS_OK);
    CHECK_NUMBER(files_named("tmp"), 0);
    recent_is(sub, "B1,A20000");
    new_one(sub, "B3");
    discard(sub, "B3");
    is_refused(false, "log", "another store has it open");
    reopen();
    free(bytes_of(in_folder("log"), &size));
    CHECK(size > 50000); /* it is open, with room */
    recent_is(sub, "B1,A20000");
    receive(sub, "A20001", AMPS_BOOKMARK_DISCARDED);
    receive(sub, "B3", AMPS_BOOKMARK_DISCARDED);
    receive(sub, "B2", AMPS_BOOKMARK_AGAIN);
    done();
    free(bytes_of(in_folder("log"), &size));
    CHECK(size < 1000);
}

static void whatever_fails_in_pruning_there_is_one_whole_log(void)
{
    for (uint64_t n = 1; n < 40; n++) {
        amps_failure failure;
        fresh();
        new_one(sub, "B1");
        new_one(sub, "A1");
        discard(sub, "B1");
        write_bytes(in_folder("log.tmp"), "left over", 9);
        amps_file_fail_at(n, true, ENOSPC);
        amps_status status = amps_bookmark_store_prune(store, NULL, &failure);
        amps_file_fail_at(0, false, 0);
        CHECK(status == AMPS_OK || (status == AMPS_STORE && failure.text[0] == '/'));
        discard(sub, "A1");
        recent_is(sub, "B1,A1");
        reopen();
        recent_is(sub, "B1,A1");
        receive(sub, "A1", AMPS_BOOKMARK_DISCARDED);
        done();
        if (n == 39) {
            CHECK_STATUS(status, AMPS_OK);
        }
    }
    unlink(in_folder("log.tmp"));
}

/* ---- A full disk (case 73) -------------------------------------------------------------------*/

static size_t       problems;
static amps_failure last_problem;

static void on_problem(void *context, const amps_failure *failure)
{
    (void)context;
    problems++;
    last_problem = *failure;
}

static void a_full_disk_is_told_once_and_costs_only_duplicates(void)
{
    char name[16];
    problems = 0;
    fresh();
    amps_bookmark_store_set_events(store, &(amps_bookmark_events){.problem = on_problem});
    new_one(sub, "A1");
    discard(sub, "A1");
    amps_file_fail_at(1, true, ENOSPC);
    for (int i = 2; i <= 1000; i++) {
        snprintf(name, sizeof name, "A%d", i);
        new_one(sub, name);
        if (i != 7) {
            discard(sub, name);
        }
    }
    CHECK_STATUS(amps_bookmark_begin(sub_of(store, "t"), BYTES("0")), AMPS_STORE);
    recent_is(sub, "A6");
    CHECK_NUMBER(problems, 1);
    CHECK(last_problem.status == AMPS_STORE && last_problem.error == ENOSPC);
    /* killed now, it would know the first ones only: those that asked nothing of the disk */
    size_t size;
    char  *bytes = bytes_of(in_folder("log"), &size);
    write_bytes(in_folder("copy"), bytes, size);
    free(bytes);
    amps_file_fail_at(0, false, 0);
    amps_bookmark_store *killed = open_log("copy");
    recent_is(sub_of(killed, "s"), "A6");
    receive(sub_of(killed, "s"), "A7", AMPS_BOOKMARK_AGAIN);
    receive(sub_of(killed, "s"), "A100", AMPS_BOOKMARK_NEW);
    amps_bookmark_store_drop(killed);
    unlink(in_folder("copy"));
    reopen(); /* closing found the room again */
    recent_is(sub, "A6");
    receive(sub, "A7", AMPS_BOOKMARK_AGAIN);
    receive(sub, "A8", AMPS_BOOKMARK_DISCARDED);
    recent_is(sub_of(store, "t"), "0");
    done();
}

/* In the middle of a page: that is seen only when the size is asked for, now and then. */
static void a_file_cut_by_another_is_told_and_no_crash(void)
{
    static const off_t left[] = {0, 10};
    for (size_t i = 0; i < COUNT_OF(left); i++) {
        char     name[16] = "A1";
        unsigned count = 1;
        problems = 0;
        fresh();
        amps_bookmark_store_set_events(store, &(amps_bookmark_events){.problem = on_problem});
        new_one(sub, "A1");
        CHECK(truncate(in_folder("log"), left[i]) == 0);
        discard(sub, "A1");
        CHECK_NUMBER(problems, left[i] == 0);
        while (problems == 0) {
            snprintf(name, sizeof name, "A%u", ++count);
            new_one(sub, name);
            discard(sub, name);
            CHECK(count <= 64);
        }
        CHECK_NUMBER(problems, 1);
        CHECK(strstr(last_problem.text, "cut") != NULL);
        recent_is(sub, name);
        discard(sub, name); /* and goes on in memory */
        new_one(sub, "B1");
        discard(sub, "B1");
        CHECK_NUMBER(problems, 1);
        done();
        unlink(in_folder("log"));
    }
}

/* The page that a record goes on in is gone: nothing of it counts, and opening it again says so. */
static void a_file_cut_at_a_page_ends_there(void)
{
    char     name[16];
    unsigned count = 0;
    problems = 0;
    fresh();
    amps_bookmark_store_set_events(store, &(amps_bookmark_events){.problem = on_problem});
    new_one(sub, "A1");
    CHECK(truncate(in_folder("log"), 1 << 16) == 0);
    while (problems == 0) {
        snprintf(name, sizeof name, "A%u", ++count);
        receive(sub, name, count == 1 ? AMPS_BOOKMARK_AGAIN : AMPS_BOOKMARK_NEW);
        discard(sub, name);
        CHECK(count < (1 << 16) / 64);
    }
    CHECK(strstr(last_problem.text, "cut") != NULL);
    recent_is(sub, name);
    done();
    reopen();
    CHECK(amps_bookmark_oldest(sub) == 0);
    receive(sub, "A1", AMPS_BOOKMARK_DISCARDED);
    done();
}

int main(void)
{
    folder_make();
    RUN(a_torn_end_costs_one_discard);
    RUN(everything_is_known_again);
    RUN(the_files_last_change_is_a_member_until_a_message_comes);
    RUN(a_reposition_is_known_again);
    RUN(a_kill_loses_no_discard_that_returned);
    RUN(a_child_of_a_fork_writes_nothing);
    RUN(files_of_others_are_refused_and_stay);
    RUN(pruning_makes_it_small_and_changes_no_answer);
    RUN(whatever_fails_in_pruning_there_is_one_whole_log);
    RUN(a_full_disk_is_told_once_and_costs_only_duplicates);
    RUN(a_file_cut_by_another_is_told_and_no_crash);
    RUN(a_file_cut_at_a_page_ends_there);
    folder_remove();
    return 0;
}
