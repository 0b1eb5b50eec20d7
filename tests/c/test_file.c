/* test_file.c: files as the stores need them, and what the system refuses, said in words. */
#include "amps_file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "amps_memory.h"
#include "folder.h"

static amps_file *opened(const char *name)
{
    amps_file   *file = NULL;
    amps_failure failure;
    CHECK_STATUS(amps_file_open(in_folder(name), &file, &failure), AMPS_OK);
    return file;
}

static uint64_t size_of(const amps_file *file)
{
    uint64_t size;
    CHECK_STATUS(amps_file_size(file, &size, NULL), AMPS_OK);
    return size;
}

static bool says(const amps_failure *failure, const char *path, const char *what)
{
    return failure->status == AMPS_STORE && strncmp(failure->text, path, strlen(path)) == 0 &&
           strstr(failure->text, what) != NULL;
}

static void what_is_written_is_read(void)
{
    amps_file *file = opened("written");
    CHECK_NUMBER(size_of(file), 0);
    CHECK_STATUS(amps_file_write(file, 3, BYTES("abc"), NULL), AMPS_OK);
    char read[6];
    CHECK_STATUS(amps_file_read(file, 0, read, 6, NULL), AMPS_OK);
    CHECK(memcmp(read, "\0\0\0abc", 6) == 0);
    CHECK_STATUS(amps_file_truncate(file, 4, NULL), AMPS_OK);
    CHECK_STATUS(amps_file_sync(file, NULL), AMPS_OK);
    CHECK_STATUS(amps_file_sync_name(file, NULL), AMPS_OK);
    char  *all;
    size_t size;
    CHECK_STATUS(amps_file_read_all(file, 4, &all, &size, NULL), AMPS_OK);
    CHECK(size == 4 && memcmp(all, "\0\0\0a", 4) == 0);
    amps_memory_free(all);
    amps_failure failure;
    CHECK_STATUS(amps_file_read(file, 0, read, 6, &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("written"), "it ends at byte 4"));
    CHECK_STATUS(amps_file_read_all(file, 3, &all, &size, &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("written"), "it has 4 bytes, 3 are the most"));
    uint64_t unix_s;
    CHECK_STATUS(amps_file_modified(file, &unix_s, NULL), AMPS_OK);
    CHECK(unix_s > 1500000000u);
    amps_file_close(file);
}

static void what_cannot_be_opened_says_why(void)
{
    amps_file   *file;
    amps_failure failure;
    CHECK_STATUS(amps_file_open(in_folder("no/where"), &file, &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("no/where"), "No such file") && failure.error == ENOENT);
    CHECK_STATUS(amps_file_open(folder, &file, &failure), AMPS_STORE);
    CHECK(says(&failure, folder, "directory") && failure.error == EISDIR);
    CHECK_STATUS(amps_file_open("", &file, &failure), AMPS_STORE);
    CHECK(mkfifo(in_folder("pipe"), 0600) == 0);
    CHECK_STATUS(amps_file_open(in_folder("pipe"), &file, &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("pipe"), "not a regular file"));
    CHECK_STATUS(amps_file_open("/dev/null", &file, &failure), AMPS_STORE);
}

static void who_comes_second_is_refused(void)
{
    amps_file   *file = opened("locked"), *other;
    amps_failure failure;
    CHECK_STATUS(amps_file_write(file, 0, BYTES("mine"), NULL), AMPS_OK);
    CHECK_STATUS(amps_file_open(in_folder("locked"), &other, &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("locked"), "another store has it open"));
    pid_t child = fork();
    if (child == 0) {
        amps_file *theirs;
        bool       refused = amps_file_open(in_folder("locked"), &theirs, NULL) == AMPS_STORE;
        amps_file_abandon(file); /* does not give up the lock of the parent */
        _exit(refused && amps_file_open(in_folder("locked"), &theirs, NULL) == AMPS_STORE ? 0 : 1);
    }
    int how;
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    CHECK_STATUS(amps_file_open(in_folder("locked"), &other, NULL), AMPS_STORE);
    amps_file_close(file);
    CHECK(holds_bytes(in_folder("locked"), "mine", 4));
    amps_file_close(opened("locked"));
}

static void the_lock_ends_with_the_process(void)
{
    int   ready[2];
    pid_t child;
    char  byte;
    CHECK(pipe(ready) == 0);
    if ((child = fork()) == 0) {
        amps_file *file;
        bool       had = amps_file_open(in_folder("theirs"), &file, NULL) == AMPS_OK;
        CHECK(write(ready[1], had ? "y" : "n", 1) == 1);
        for (;;) {
            pause();
        }
    }
    CHECK(read(ready[0], &byte, 1) == 1 && byte == 'y');
    amps_file *file;
    CHECK_STATUS(amps_file_open(in_folder("theirs"), &file, NULL), AMPS_STORE);
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    amps_file_close(opened("theirs"));
    close(ready[0]);
    close(ready[1]);
}

static void half_an_append_is_cut_off_again(void)
{
    amps_file   *file = opened("log");
    uint64_t     end = 0;
    amps_failure failure;
    CHECK_STATUS(amps_file_append(file, &end, BYTES("first;"), NULL), AMPS_OK);
    amps_file_fail_at(1, false, ENOSPC);
    CHECK_STATUS(amps_file_append(file, &end, BYTES("second;"), &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("log"), "No space left") && failure.error == ENOSPC);
    CHECK(end == 6 && size_of(file) == 6);
    amps_file_fail_at(1, true, EIO); /* now it cannot even be cut */
    CHECK_STATUS(amps_file_append(file, &end, BYTES("second;"), &failure), AMPS_STORE);
    amps_file_fail_at(0, false, 0);
    CHECK(end == 6 && size_of(file) > 6);
    CHECK_STATUS(amps_file_append(file, &end, BYTES("third;"), NULL), AMPS_OK);
    CHECK(holds_bytes(in_folder("log"), "first;third;", 12));
    amps_file_close(file);
}

static void reserved_bytes_have_their_disk_and_read_zero(void)
{
    amps_file *file = opened("reserved");
    CHECK_STATUS(amps_file_write(file, 0, BYTES("head, and a tail to be dropped"), NULL), AMPS_OK);
    CHECK_STATUS(amps_file_reserve(file, 4, 100000, NULL), AMPS_OK);
    struct stat of_file;
    CHECK(stat(in_folder("reserved"), &of_file) == 0);
    CHECK(of_file.st_size == 100000 && of_file.st_blocks * 512 >= 100000);
    char bytes[8];
    CHECK_STATUS(amps_file_read(file, 0, bytes, sizeof bytes, NULL), AMPS_OK);
    CHECK(memcmp(bytes, "head\0\0\0", 8) == 0);
    amps_file_close(file);
}

static void a_system_that_cannot_reserve_is_made_to_by_writing(void)
{
    amps_file *file = opened("by writing");
    amps_file_fail_at(2, false, EOPNOTSUPP);
    CHECK_STATUS(amps_file_reserve(file, 0, 200001, NULL), AMPS_OK);
    amps_file_fail_at(0, false, 0);
    struct stat of_file;
    CHECK(stat(in_folder("by writing"), &of_file) == 0);
    CHECK(of_file.st_size == 200001 && of_file.st_blocks * 512 >= 200001);
    amps_file_close(file);
}

static void without_room_on_the_disk_the_size_stays(void)
{
    amps_file    *file = opened("no room");
    struct rlimit before, little = {.rlim_cur = 50000};
    amps_failure  failure;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    little.rlim_max = before.rlim_max;
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &little) == 0);
    CHECK_STATUS(amps_file_reserve(file, 0, 40000, NULL), AMPS_OK);
    CHECK_STATUS(amps_file_reserve(file, 40000, 60000, &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("no room"), "File too large") && failure.error == EFBIG);
    CHECK_NUMBER(size_of(file), 40000);
    CHECK_STATUS(amps_file_write(file, 49990, BYTES("more than fits"), &failure), AMPS_STORE);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    amps_file_close(file);
}

static void sizes_that_no_file_can_have_are_refused(void)
{
    amps_file *file = opened("vast");
    CHECK_STATUS(amps_file_reserve(file, 0, UINT64_MAX, NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_write(file, UINT64_MAX - 1, BYTES("abc"), NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_truncate(file, UINT64_MAX, NULL), AMPS_STORE);
    CHECK_NUMBER(size_of(file), 0);
    amps_file_close(file);
}

static void a_map_is_the_file_and_grows_with_it(void)
{
    amps_file *file = opened("mapped");
    char      *at;
    CHECK_STATUS(amps_file_reserve(file, 0, 8192, NULL), AMPS_OK);
    CHECK_STATUS(amps_file_map(file, 8192, &at, NULL), AMPS_OK);
    memcpy(at, "one", 3);
    CHECK_STATUS(amps_file_reserve(file, 8192, (size_t)1 << 22, NULL), AMPS_OK);
    CHECK_STATUS(amps_file_map(file, (size_t)1 << 22, &at, NULL), AMPS_OK);
    CHECK(memcmp(at, "one", 3) == 0);
    memcpy(at + (1 << 22) - 3, "end", 3);
    char bytes[3];
    CHECK_STATUS(amps_file_read(file, ((uint64_t)1 << 22) - 3, bytes, 3, NULL), AMPS_OK);
    CHECK(memcmp(bytes, "end", 3) == 0);
    amps_file_fail_at(1, false, ENOMEM);
    CHECK_STATUS(amps_file_map(file, (size_t)1 << 23, &at, NULL), AMPS_STORE);
    CHECK(memcmp(at, "one", 3) == 0);
    CHECK_STATUS(amps_file_sync(file, NULL), AMPS_OK);
    amps_file_close(file);
}

static void a_renamed_file_takes_the_place_and_keeps_its_lock(void)
{
    amps_file *old = opened("kept"), *new = opened("kept.new"), *other;
    CHECK_STATUS(amps_file_write(old, 0, BYTES("old"), NULL), AMPS_OK);
    CHECK_STATUS(amps_file_write(new, 0, BYTES("new"), NULL), AMPS_OK);
    CHECK_STATUS(amps_file_rename(new, in_folder("kept"), NULL), AMPS_OK);
    CHECK(strcmp(amps_file_path(new), in_folder("kept")) == 0);
    amps_file_close(old);
    CHECK(holds_bytes(in_folder("kept"), "new", 3));
    CHECK_STATUS(amps_file_open(in_folder("kept"), &other, NULL), AMPS_STORE);
    amps_failure failure;
    CHECK_STATUS(amps_file_rename(new, in_folder("no/where"), &failure), AMPS_STORE);
    CHECK(says(&failure, in_folder("kept"), "cannot rename it"));
    amps_file_close(new);
    CHECK(access(in_folder("kept.new"), F_OK) != 0);
}

/* All that a store asks of the system, in one row. */
static bool everything(void)
{
    amps_file *file;
    char      *at, *all;
    size_t     size;
    uint64_t   end = 4, unix_s;
    if (amps_file_open(in_folder("all"), &file, NULL) != AMPS_OK) {
        return false;
    }
    bool done = amps_file_reserve(file, 0, 4, NULL) == AMPS_OK &&
                amps_file_map(file, 4, &at, NULL) == AMPS_OK &&
                amps_file_append(file, &end, BYTES("more"), NULL) == AMPS_OK &&
                amps_file_modified(file, &unix_s, NULL) == AMPS_OK &&
                amps_file_sync(file, NULL) == AMPS_OK &&
                amps_file_rename(file, in_folder("other"), NULL) == AMPS_OK;
    if (done && amps_file_read_all(file, 8, &all, &size, NULL) == AMPS_OK) {
        CHECK(size == 8);
        amps_memory_free(all);
    } else {
        done = false;
    }
    amps_file_close(file);
    return done;
}

static void whichever_request_fails_nothing_leaks(void)
{
    size_t before = amps_memory_live();
    for (uint64_t n = 1;; n++) {
        amps_file_fail_at(n, false, EIO);
        bool done = everything();
        amps_file_fail_at(0, false, 0);
        CHECK_NUMBER(amps_memory_live(), before);
        if (done) {
            CHECK(n > 10);
            break;
        }
    }
    for (uint64_t n = 1;; n++) {
        amps_memory_fail_at(n, 0);
        bool done = everything();
        amps_memory_fail_at(0, 0);
        CHECK_NUMBER(amps_memory_live(), before);
        if (done) {
            CHECK(n > 4);
            break;
        }
    }
}

int main(void)
{
    folder_make();
    RUN(what_is_written_is_read);
    RUN(what_cannot_be_opened_says_why);
    RUN(who_comes_second_is_refused);
    RUN(the_lock_ends_with_the_process);
    RUN(half_an_append_is_cut_off_again);
    RUN(reserved_bytes_have_their_disk_and_read_zero);
    RUN(a_system_that_cannot_reserve_is_made_to_by_writing);
    RUN(without_room_on_the_disk_the_size_stays);
    RUN(sizes_that_no_file_can_have_are_refused);
    RUN(a_map_is_the_file_and_grows_with_it);
    RUN(a_renamed_file_takes_the_place_and_keeps_its_lock);
    RUN(whichever_request_fails_nothing_leaks);
    folder_remove();
    return 0;
}
