/* test_map_watch.c: bytes that a file no longer has, under a map that is watched, and one that is
 * not; signals that are for others. */
#include "amps_map_watch.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "folder.h"

#define PAGE  ((size_t)4096)
#define PAGES ((size_t)4)

static sigjmp_buf   out_of_it;
static sig_atomic_t passed_on;

static void note(int number)
{
    (void)number;
    passed_on++;
}

static void note_and_leave(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    passed_on++;
    if (info->si_code > 0) {
        siglongjmp(out_of_it, 1);
    }
}

/* Four pages of a file that is cut off after the first. */
static char *cut_off(const char *name)
{
    FILE *file = fopen(in_folder(name), "w+");
    CHECK(file != NULL && ftruncate(fileno(file), PAGES * PAGE) == 0);
    char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    CHECK(at != MAP_FAILED && ftruncate(fileno(file), PAGE) == 0);
    fclose(file);
    return at;
}

static amps_map_watch *watched(char *at)
{
    amps_map_watch *watch = amps_map_watch_new();
    CHECK(watch != NULL && !amps_map_watch_is_lost(watch));
    amps_map_watch_move(watch, at, PAGES * PAGE);
    return watch;
}

/* First of all: the handler that is there before. */
static void a_signal_for_others_goes_to_others(void)
{
    struct sigaction theirs = {.sa_sigaction = note_and_leave, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGBUS, &theirs, NULL) == 0);
    char           *mine = cut_off("mine"), *foreign = cut_off("foreign");
    amps_map_watch *watch = watched(mine);
    CHECK(raise(SIGBUS) == 0);
    CHECK_NUMBER(passed_on, 1);
    if (sigsetjmp(out_of_it, 1) == 0) {
        foreign[PAGE] = 'x';
        CHECK(!"it was written");
    }
    CHECK_NUMBER(passed_on, 2);
    CHECK(!amps_map_watch_is_lost(watch));
    amps_map_watch_free(watch);
    if (sigsetjmp(out_of_it, 1) == 0) {
        mine[PAGE] = 'x'; /* nobody watches it any longer */
        CHECK(!"it was written");
    }
    CHECK_NUMBER(passed_on, 3);
}

static void what_is_gone_is_told_and_the_thread_goes_on(void)
{
    char           *one = cut_off("one"), *other = cut_off("other");
    amps_map_watch *watch = watched(one), *another = watched(other);
    one[PAGE - 1] = 'a';
    CHECK(!amps_map_watch_is_lost(watch));
    one[PAGES * PAGE - 1] = 'z';
    CHECK(amps_map_watch_is_lost(watch) && !amps_map_watch_is_lost(another));
    one[2 * PAGE] = 'y'; /* each page by itself */
    CHECK(one[PAGE - 1] == 'a' && one[2 * PAGE] == 'y' && one[PAGES * PAGE - 1] == 'z');
    CHECK(other[PAGE] == 0); /* to read is to touch */
    CHECK(amps_map_watch_is_lost(another));
    CHECK_NUMBER(passed_on, 3);
    amps_map_watch_free(watch);
    amps_map_watch_free(another);
}

static void a_watch_is_used_again_and_knows_nothing_of_before(void)
{
    amps_map_watch *all[AMPS_MAP_WATCHES_MAX];
    for (size_t i = 0; i < AMPS_MAP_WATCHES_MAX; i++) {
        all[i] = watched(NULL);
    }
    CHECK(amps_map_watch_new() == NULL);
    for (size_t i = 0; i < AMPS_MAP_WATCHES_MAX; i++) {
        amps_map_watch_free(all[i]);
    }
    amps_map_watch_free(NULL);
}

/* In a child whose signal was the system's own, or a plain handler's, before the first watch. */
static int fate_of(void (*handler)(int))
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct sigaction action = {.sa_handler = handler};
        sigaction(SIGBUS, &action, NULL);
        amps_map_watch_free(amps_map_watch_new());
        raise(SIGBUS);
        _exit(passed_on == 1 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void without_another_handler_it_is_the_end_as_it_always_was(void)
{
    int end = fate_of(SIG_DFL);
    CHECK(WIFSIGNALED(end) && WTERMSIG(end) == SIGBUS);
    CHECK_NUMBER(fate_of(note), 0);
}

int main(void)
{
    RUN(without_another_handler_it_is_the_end_as_it_always_was);
    RUN(a_signal_for_others_goes_to_others);
    RUN(what_is_gone_is_told_and_the_thread_goes_on);
    RUN(a_watch_is_used_again_and_knows_nothing_of_before);
    return 0;
}
