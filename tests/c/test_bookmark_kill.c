/* test_bookmark_kill.c: programs killed at random moments, while they prune, too (case 72).
 *
 * The program says of every discard that returned; whatever the next one finds in the file, it is
 * all of that, and nothing more. AMPS_TEST_SEED repeats the moments. */
#include "bookmark_files.h"

#include <signal.h>
#include <sys/wait.h>

#define KILLS 60

/* Odd numbers are discarded at once, even ones ten messages later, but for every twentieth. */
_Noreturn static void live(int out)
{
    amps_bookmark_store *store = open_log("log");
    amps_bookmark_sub   *sub = sub_of(store, "s");
    char                 text[32];
    uint64_t             index;
    for (int i = 1;; i++) {
        int done = i % 2 == 1 ? i : i - 10;
        snprintf(text, sizeof text, "A%d", i);
        amps_bookmark_receive(sub, wire(text, (char[TEXT_SIZE]){0}), &index);
        if (done > 0 && done % 20 != 0) {
            snprintf(text, sizeof text, "A%d", done);
            discard(sub, text);
            CHECK(write(out, &done, sizeof done) == sizeof done);
        }
        if (i % 50 == 0) {
            CHECK_STATUS(amps_bookmark_store_prune(store, NULL, NULL), AMPS_OK);
        }
    }
}

static int read_to_end(int in, int last)
{
    int done;
    while (read(in, &done, sizeof done) == sizeof done) {
        last = done > last ? done : last;
    }
    close(in);
    return last;
}

static void whenever_it_is_killed_what_returned_is_known(void)
{
    const char *chosen = getenv("AMPS_TEST_SEED");
    uint64_t    random = chosen != NULL ? strtoull(chosen, NULL, 10) : (uint64_t)getpid() + 1;
    printf("AMPS_TEST_SEED=%llu\n", (unsigned long long)random);
    fflush(stdout);
    for (int turn = 0; turn < KILLS; turn++) {
        int ends[2], last = 0;
        CHECK(pipe(ends) == 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            live(ends[1]);
        }
        close(ends[1]);
        for (uint64_t left = check_random(&random) % 400; left > 0; left--) {
            CHECK(read(ends[0], &last, sizeof last) == sizeof last);
        }
        CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
        last = read_to_end(ends[0], last);
        amps_bookmark_store *store = open_log("log");
        amps_bookmark_sub   *sub = sub_of(store, "s");
        char                 text[32];
        CHECK(amps_bookmark_store_trouble(store) == NULL);
        for (int i = 1; i <= last - 12; i++) {
            snprintf(text, sizeof text, "A%d", i);
            receive(sub, text, i % 20 == 0 ? AMPS_BOOKMARK_AGAIN : AMPS_BOOKMARK_DISCARDED);
        }
        if (last > 12) {
            snprintf(text, sizeof text, "A%d", last);
            receive(sub, text, AMPS_BOOKMARK_DISCARDED);
            if (last > 40) {
                recent_is(sub, "A19"); /* the twentieth holds it back */
            }
        }
        amps_bookmark_store_drop(store);
        remove_named("log");
    }
}

int main(void)
{
    folder_make_in_memory();
    RUN(whenever_it_is_killed_what_returned_is_known);
    folder_remove();
    return 0;
}
