/* test_thread.c: locks, waits with deadlines, counted threads, and what a fork's child inherits. */
#include "amps_thread.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "amps_memory.h"
#include "check.h"
#include "peer.h"

#define SHORT_MS 20u

static void *try_lock(void *mutex)
{
    bool taken = amps_mutex_try(mutex);
    if (taken) {
        amps_mutex_unlock(mutex);
    }
    return taken ? mutex : NULL;
}

static bool another_thread_gets(amps_mutex *mutex)
{
    void     *taken;
    pthread_t thread = start(try_lock, mutex);
    CHECK_NUMBER(pthread_join(thread, &taken), 0);
    return taken != NULL;
}

static void only_a_free_mutex_is_taken_by_trying(void)
{
    amps_mutex mutex;
    amps_mutex_init(&mutex);
    CHECK(amps_mutex_try(&mutex));
    CHECK(!another_thread_gets(&mutex));
    amps_mutex_unlock(&mutex);
    CHECK(another_thread_gets(&mutex));
    amps_mutex_fini(&mutex);
}

static void the_clock_never_goes_back(void)
{
    uint64_t before = amps_clock_now();
    for (int turn = 0; turn < 10000; turn++) {
        uint64_t now = amps_clock_now();
        CHECK(now >= before);
        before = now;
    }
    CHECK(amps_clock_in_ms(UINT32_MAX) > before + (UINT32_MAX - 1000) * AMPS_MS);
}

static void the_time_of_day_is_the_systems(void)
{
    uint64_t before = (uint64_t)time(NULL), now = amps_clock_unix_s();
    CHECK(before > 1500000000u && now >= before && now <= (uint64_t)time(NULL));
}

static void a_wait_for_nothing_ends_at_its_deadline_and_holds_the_mutex(void)
{
    amps_mutex mutex;
    amps_cond  cond;
    amps_mutex_init(&mutex);
    amps_cond_init(&cond);
    amps_mutex_lock(&mutex);
    uint64_t deadline = amps_clock_in_ms(SHORT_MS);
    while (amps_cond_wait(&cond, &mutex, deadline)) {
    }
    CHECK(amps_clock_now() >= deadline);
    CHECK(!another_thread_gets(&mutex));
    CHECK(!amps_cond_wait(&cond, &mutex, deadline));
    CHECK(!amps_cond_wait(&cond, &mutex, 0));
    amps_mutex_unlock(&mutex);
    amps_cond_fini(&cond);
    amps_mutex_fini(&mutex);
}

typedef struct question {
    amps_mutex lock;
    amps_cond  changed;
    bool       asked;
    bool       answered;
} question;

static void *answer(void *context)
{
    question *asking = context;
    amps_mutex_lock(&asking->lock);
    while (!asking->asked) {
        CHECK(amps_cond_wait(&asking->changed, &asking->lock, AMPS_FOREVER));
    }
    asking->answered = true;
    amps_cond_signal(&asking->changed);
    amps_mutex_unlock(&asking->lock);
    return NULL;
}

static void a_signal_ends_the_wait_with_and_without_a_deadline(void)
{
    question asking = {.asked = false};
    amps_mutex_init(&asking.lock);
    amps_cond_init(&asking.changed);
    pthread_t thread = start(answer, &asking);
    uint64_t  deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_mutex_lock(&asking.lock);
    asking.asked = true;
    amps_cond_broadcast(&asking.changed);
    while (!asking.answered) {
        CHECK(amps_cond_wait(&asking.changed, &asking.lock, deadline));
    }
    amps_mutex_unlock(&asking.lock);
    join(thread);
    amps_cond_fini(&asking.changed);
    amps_mutex_fini(&asking.lock);
}

/* ---- Threads
 * -----------------------------------------------------------------------------------*/

typedef struct worker {
    tally    started;
    tally    may_end;
    sigset_t blocked;
    char     name[16];
} worker;

static void worker_init(worker *work)
{
    tally_init(&work->started);
    tally_init(&work->may_end);
}

static void worker_fini(worker *work)
{
    CHECK_NUMBER(amps_thread_wait_all(amps_clock_in_ms(PATIENCE_MS)), 0);
    tally_fini(&work->may_end);
    tally_fini(&work->started);
}

static void worker_main(void *context)
{
    worker *work = context;
    pthread_sigmask(SIG_SETMASK, NULL, &work->blocked);
    prctl(PR_GET_NAME, work->name);
    amps_thread_precise();
    tally_add(&work->started);
    tally_wait(&work->may_end, 1);
}

static void worker_start(worker *work, const char *name, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        CHECK_STATUS(amps_thread_start(name, worker_main, work), AMPS_OK);
        tally_wait(&work->started, index + 1); /* one after the other: they share the record */
    }
}

static void threads_are_counted_until_they_end(void)
{
    worker work;
    worker_init(&work);
    CHECK_NUMBER(amps_thread_live(), 0);
    worker_start(&work, "test", 3);
    CHECK_NUMBER(amps_thread_live(), 3);
    CHECK_NUMBER(amps_thread_wait_all(amps_clock_in_ms(SHORT_MS)), 3);
    tally_add(&work.may_end);
    CHECK_NUMBER(amps_thread_wait_all(AMPS_FOREVER), 0);
    CHECK_NUMBER(amps_thread_live(), 0);
    worker_fini(&work);
}

static void our_threads_take_no_signals_and_the_starter_still_does(void)
{
    worker   work;
    sigset_t mine;
    worker_init(&work);
    worker_start(&work, "test", 1);
    tally_add(&work.may_end);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    for (size_t index = 0; index < 4; index++) {
        int number = (const int[]){SIGINT, SIGTERM, SIGUSR1, SIGALRM}[index];
        CHECK(sigismember(&work.blocked, number) == 1);
        CHECK(sigismember(&mine, number) == 0);
    }
    worker_fini(&work);
}

static void a_long_name_is_cut_and_a_short_one_kept(void)
{
    const char *given[] = {"amps-reader", "exactly15letter", "sixteen--letters", ""};
    const char *kept[] = {"amps-reader", "exactly15letter", "sixteen--letter", ""};
    for (size_t index = 0; index < COUNT_OF(given); index++) {
        worker work;
        worker_init(&work);
        worker_start(&work, given[index], 1);
        CHECK_TEXT(amps_slice_of(work.name), kept[index]);
        tally_add(&work.may_end);
        worker_fini(&work);
    }
}

static void without_memory_no_thread_starts(void)
{
    size_t before = amps_memory_live();
    amps_memory_fail_at(1, 0);
    CHECK_STATUS(amps_thread_start("test", worker_main, NULL), AMPS_NO_MEMORY);
    CHECK_NUMBER(amps_thread_live(), 0);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_thread_the_system_refuses_is_an_outcome(void)
{
    const size_t   more_than_all_addresses = (size_t)1 << 47;
    size_t         before = amps_memory_live();
    pthread_attr_t usual, huge;
    CHECK_NUMBER(pthread_getattr_default_np(&usual), 0);
    CHECK_NUMBER(pthread_attr_init(&huge), 0);
    CHECK_NUMBER(pthread_attr_setstacksize(&huge, more_than_all_addresses), 0);
    CHECK_NUMBER(pthread_setattr_default_np(&huge), 0);
    CHECK_STATUS(amps_thread_start("test", worker_main, NULL), AMPS_SYSTEM);
    CHECK_NUMBER(pthread_setattr_default_np(&usual), 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&usual);
    CHECK_NUMBER(amps_thread_live(), 0);
    CHECK_NUMBER(amps_memory_live(), before);
}

/* ---- Fork
 * --------------------------------------------------------------------------------------*/

static void only_the_child_of_a_fork_has_another_generation_and_no_threads(void)
{
    worker work;
    worker_init(&work);
    unsigned before = amps_fork_generation();
    worker_start(&work, "test", 1);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        bool holds = amps_fork_generation() != before && amps_thread_live() == 0 &&
                     amps_thread_wait_all(AMPS_FOREVER) == 0;
        _exit(holds ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_NUMBER(WEXITSTATUS(status), 0);
    CHECK_NUMBER(amps_fork_generation(), before);
    CHECK_NUMBER(amps_thread_live(), 1);
    tally_add(&work.may_end);
    worker_fini(&work);
}

static int told;

static void note_fork(void) { told++; }

static void the_child_of_a_fork_is_told_before_all_else(void)
{
    int how;
    amps_fork_tell(note_fork);
    amps_fork_tell(note_fork);
    pid_t child = fork();
    if (child == 0) {
        _exit(told == 1 ? 0 : 1);
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    CHECK_NUMBER(told, 0);
}

/* ---- The latch ------------------------------------------------------------------------------- */

#define TURNS 20000

typedef struct counter {
    amps_latch latch;
    uint64_t   count; /* with the latch */
} counter;

static void *count_up(void *context)
{
    counter *counts = context;
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn % 2 == 0 || !amps_latch_try(&counts->latch)) {
            amps_latch_lock(&counts->latch);
        }
        counts->count++;
        amps_latch_unlock(&counts->latch);
    }
    return NULL;
}

static void a_latch_lets_in_one_at_a_time(void)
{
    counter   counts = {.count = 0};
    pthread_t threads[4];
    amps_latch_init(&counts.latch);
    amps_latch_lock(&counts.latch);
    CHECK(!amps_latch_try(&counts.latch));
    for (size_t at = 0; at < COUNT_OF(threads); at++) {
        threads[at] = start(count_up, &counts);
    }
    uint64_t until = amps_clock_in_ms(5); /* long enough for all of them to sleep */
    while (amps_clock_now() < until) {
    }
    CHECK_NUMBER(counts.count, 0);
    amps_latch_unlock(&counts.latch);
    for (size_t at = 0; at < COUNT_OF(threads); at++) {
        join(threads[at]);
    }
    CHECK_NUMBER(counts.count, COUNT_OF(threads) * TURNS);
    CHECK(amps_latch_try(&counts.latch));
    amps_latch_unlock(&counts.latch);
}

int main(void)
{
    RUN(a_latch_lets_in_one_at_a_time);
    RUN(only_a_free_mutex_is_taken_by_trying);
    RUN(the_clock_never_goes_back);
    RUN(the_time_of_day_is_the_systems);
    RUN(a_wait_for_nothing_ends_at_its_deadline_and_holds_the_mutex);
    RUN(a_signal_ends_the_wait_with_and_without_a_deadline);
    RUN(threads_are_counted_until_they_end);
    RUN(our_threads_take_no_signals_and_the_starter_still_does);
    RUN(a_long_name_is_cut_and_a_short_one_kept);
    RUN(without_memory_no_thread_starts);
    RUN(a_thread_the_system_refuses_is_an_outcome);
    RUN(only_the_child_of_a_fork_has_another_generation_and_no_threads);
    RUN(the_child_of_a_fork_is_told_before_all_else);
    return 0;
}
