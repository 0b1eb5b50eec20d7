/* amps_thread.c: the one room that knows pthreads and clocks. */
#include "amps_thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "amps_memory.h"

#define STACK_SIZE_MIN                                                                             \
    ((size_t)4 << 20) /* Python handlers run on it; some systems give 128 KiB                      \
                       */
#define LATCH_YIELDS   20
#define AMPS_TRY_SPINS 20 /* below a microsecond on all processors we know */

static pthread_mutex_t live_lock = PTHREAD_MUTEX_INITIALIZER;
static amps_cond       live_changed;
static size_t          live_threads;    /* live_lock */
static atomic_uint     fork_generation; /* 0: init_once has not run */
static void (*_Atomic told_of_fork)(void);
static pthread_once_t once = PTHREAD_ONCE_INIT;

uint64_t amps_clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t amps_clock_in_ms(uint32_t ms) { return amps_clock_now() + ms * AMPS_MS; }

uint64_t amps_clock_unix_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

static void must(int error)
{
    AMPS_ASSERT(error == 0);
    (void)error;
}

void amps_mutex_init(amps_mutex *mutex) { must(pthread_mutex_init(mutex, NULL)); }
void amps_mutex_fini(amps_mutex *mutex) { must(pthread_mutex_destroy(mutex)); }
void amps_mutex_lock(amps_mutex *mutex) { must(pthread_mutex_lock(mutex)); }
void amps_mutex_unlock(amps_mutex *mutex) { must(pthread_mutex_unlock(mutex)); }

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

bool amps_mutex_try(amps_mutex *mutex)
{
    for (int spin = 0; spin < AMPS_TRY_SPINS; spin++) {
        if (pthread_mutex_trylock(mutex) == 0) {
            return true;
        }
        pause_briefly();
    }
    return false;
}

void amps_latch_init(amps_latch *latch) { atomic_init(&latch->is_taken, false); }

/* Looks before it takes: looking leaves the memory with who has the latch. */
static bool look(amps_latch *latch)
{
    return !atomic_load_explicit(&latch->is_taken, memory_order_relaxed) && amps_latch_take(latch);
}

bool amps_latch_try_slowly(amps_latch *latch)
{
    for (int spin = 0; spin < AMPS_TRY_SPINS; spin++) {
        if (look(latch)) {
            return true;
        }
        pause_briefly();
    }
    return false;
}

void amps_latch_lock_slowly(amps_latch *latch)
{
    const struct timespec moment = {.tv_nsec = AMPS_LATCH_SLEEP_US * 1000L};
    for (int turn = 0; !amps_latch_try_slowly(latch); turn++) {
        if (turn < LATCH_YIELDS) {
            sched_yield();
        } else {
            nanosleep(&moment, NULL);
        }
    }
}

void amps_cond_init(amps_cond *cond)
{
#ifdef __APPLE__
    must(pthread_cond_init(cond, NULL));
#else
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(cond, &attributes));
    must(pthread_condattr_destroy(&attributes));
#endif
}

void amps_cond_fini(amps_cond *cond) { must(pthread_cond_destroy(cond)); }
void amps_cond_signal(amps_cond *cond) { must(pthread_cond_signal(cond)); }
void amps_cond_broadcast(amps_cond *cond) { must(pthread_cond_broadcast(cond)); }

static struct timespec as_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

bool amps_cond_wait(amps_cond *cond, amps_mutex *mutex, uint64_t deadline)
{
    if (deadline == AMPS_FOREVER) {
        must(pthread_cond_wait(cond, mutex));
        return true;
    }
#ifdef __APPLE__
    uint64_t now = amps_clock_now();
    if (now >= deadline) {
        return false;
    }
    struct timespec left = as_timespec(deadline - now);
    int             error = pthread_cond_timedwait_relative_np(cond, mutex, &left);
#else
    struct timespec until = as_timespec(deadline);
    int             error = pthread_cond_timedwait(cond, mutex, &until);
#endif
    AMPS_ASSERT(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

typedef struct thread_start {
    char name[16];
    void (*body)(void *);
    void *context;
    int   counts; /* 1, or 0 for one aside */
} thread_start;

/* The child of a fork has none of our threads, and its copy of the lock may be held by one. */
static void in_child(void)
{
    atomic_fetch_add(&fork_generation, 1);
    amps_mutex_init(&live_lock);
    amps_cond_init(&live_changed);
    live_threads = 0;
    void (*told)(void) = atomic_load(&told_of_fork);
    if (told != NULL) {
        told();
    }
}

static void init_once(void)
{
    amps_cond_init(&live_changed);
    must(pthread_atfork(NULL, NULL, in_child));
    atomic_store(&fork_generation, 1);
}

static void count_live(int change)
{
    must(pthread_once(&once, init_once));
    amps_mutex_lock(&live_lock);
    live_threads += (size_t)change;
    amps_cond_broadcast(&live_changed);
    amps_mutex_unlock(&live_lock);
}

static void *thread_main(void *argument)
{
    thread_start start = *(thread_start *)argument;
    amps_memory_free(argument);
#ifdef __linux__
    prctl(PR_SET_NAME, start.name);
#endif
    start.body(start.context);
    count_live(-start.counts);
    return NULL;
}

/* Creates it with every signal blocked, so that Ctrl-C interrupts the program's own waits. */
static int create_detached(thread_start *start)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t         all, before;
    pthread_t        thread;
    pthread_attr_t   attributes;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&all, faults[i]); /* a crash is this thread's own: let faulthandler show it */
    }
    must(pthread_attr_init(&attributes));
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    size_t stack_size;
    must(pthread_attr_getstacksize(&attributes, &stack_size));
    if (stack_size < STACK_SIZE_MIN) {
        must(pthread_attr_setstacksize(&attributes, STACK_SIZE_MIN));
    }
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int error = pthread_create(&thread, &attributes, thread_main, start);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    must(pthread_attr_destroy(&attributes));
    return error;
}

static amps_status start_thread(const char *name, void (*body)(void *), void *context, int counts)
{
    thread_start *start = amps_memory_new_zeroed(sizeof *start);
    if (start == NULL) {
        return AMPS_NO_MEMORY;
    }
    size_t size = strlen(name);
    memcpy(start->name, name, size < sizeof start->name ? size : sizeof start->name - 1);
    start->body = body;
    start->context = context;
    start->counts = counts;
    count_live(counts);
    if (create_detached(start) != 0) {
        count_live(-counts);
        amps_memory_free(start);
        return AMPS_SYSTEM;
    }
    return AMPS_OK;
}

amps_status amps_thread_start(const char *name, void (*body)(void *), void *context)
{
    return start_thread(name, body, context, 1);
}

amps_status amps_thread_start_aside(const char *name, void (*body)(void *), void *context)
{
    return start_thread(name, body, context, 0);
}

void amps_thread_precise(void)
{
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1);
#endif
}

size_t amps_thread_live(void) { return amps_thread_wait_all(0); }

size_t amps_thread_wait_all(uint64_t deadline)
{
    must(pthread_once(&once, init_once));
    amps_mutex_lock(&live_lock);
    while (live_threads > 0 && amps_cond_wait(&live_changed, &live_lock, deadline)) {
    }
    size_t left = live_threads;
    amps_mutex_unlock(&live_lock);
    return left;
}

unsigned amps_fork_generation(void)
{
    unsigned generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
    if (AMPS_UNLIKELY(generation == 0)) {
        must(pthread_once(&once, init_once));
        generation = atomic_load_explicit(&fork_generation, memory_order_relaxed);
    }
    return generation;
}

void amps_fork_tell(void (*told)(void))
{
    must(pthread_once(&once, init_once));
    AMPS_ASSERT(atomic_load(&told_of_fork) == NULL || atomic_load(&told_of_fork) == told);
    atomic_store(&told_of_fork, told);
}
