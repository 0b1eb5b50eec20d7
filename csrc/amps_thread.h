/* amps_thread.h: mutex, condition, thread, clock, and whether this process is a fork's child.
 *
 * Time is the monotonic clock in nanoseconds. A deadline is an instant on it; AMPS_FOREVER never
 * comes. Our threads take no signals: those are the program's. */
#ifndef AMPS_THREAD_H
#define AMPS_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "amps_base.h"

#define AMPS_FOREVER UINT64_MAX
#define AMPS_MS      ((uint64_t)1000000)
#define AMPS_US      ((uint64_t)1000)

typedef pthread_mutex_t amps_mutex;
typedef pthread_cond_t  amps_cond;

uint64_t amps_clock_now(void);
uint64_t amps_clock_in_ms(uint32_t ms); /* now + ms */
uint64_t amps_clock_unix_s(void);       /* the time of day: seconds since 1970; may be set back */

/* These cannot fail with the attributes we use; a failure is a bug of ours. */
void amps_mutex_init(amps_mutex *mutex);
void amps_mutex_fini(amps_mutex *mutex);
void amps_mutex_lock(amps_mutex *mutex);
void amps_mutex_unlock(amps_mutex *mutex);

/* Tries for about the length of a short critical section (well below a microsecond) before it says
 * false. For callers that hold the interpreter's lock and would rather not give it up. */
bool amps_mutex_try(amps_mutex *mutex);

/* A lock for what takes well below a microsecond, most often the same thread's: to let it go is a
 * store, half of what a mutex costs. Who finds it taken looks again, gives its turn to others, and
 * then sleeps between two looks; nobody is first in a queue. So a disk may be waited for under it,
 * but no other thread. */
typedef struct amps_latch {
    atomic_bool is_taken;
} amps_latch;

#define AMPS_LATCH_SLEEP_US 50u

void amps_latch_init(amps_latch *latch);
void amps_latch_lock_slowly(amps_latch *latch);
bool amps_latch_try_slowly(amps_latch *latch);

static inline bool amps_latch_take(amps_latch *latch)
{
    return !atomic_exchange_explicit(&latch->is_taken, true, memory_order_acquire);
}

static inline void amps_latch_lock(amps_latch *latch)
{
    if (AMPS_UNLIKELY(!amps_latch_take(latch))) {
        amps_latch_lock_slowly(latch);
    }
}

/* As amps_mutex_try. */
static inline bool amps_latch_try(amps_latch *latch)
{
    return AMPS_LIKELY(amps_latch_take(latch)) || amps_latch_try_slowly(latch);
}

static inline void amps_latch_unlock(amps_latch *latch)
{
    atomic_store_explicit(&latch->is_taken, false, memory_order_release);
}

void amps_cond_init(amps_cond *cond);
void amps_cond_fini(amps_cond *cond);
void amps_cond_signal(amps_cond *cond);
void amps_cond_broadcast(amps_cond *cond);

/* Waits, with the mutex held, until signalled or the deadline; false: the deadline came. May wake
 * for nothing: look at what you wait for. */
bool amps_cond_wait(amps_cond *cond, amps_mutex *mutex, uint64_t deadline);

/* Starts a thread that nobody joins; it must keep alive what it uses. AMPS_OK, AMPS_NO_MEMORY
 * or AMPS_SYSTEM (no thread to be had). `name` is cut to 15 characters. */
amps_status amps_thread_start(const char *name, void (*body)(void *), void *context);

/* The same for one that calls nobody and keeps nothing of ours busy: it is not counted, and an exit
 * does not wait for it. */
amps_status amps_thread_start_aside(const char *name, void (*body)(void *), void *context);

/* Lets this thread's short waits end when they should, not up to 50 us later. */
void amps_thread_precise(void);

/* How many of our threads have not ended yet. */
size_t amps_thread_live(void);

/* Waits until there are none, or until the deadline; gives how many are left. */
size_t amps_thread_wait_all(uint64_t deadline);

/* A number that changes in the child of a fork: compare with the one kept at birth. */
unsigned amps_fork_generation(void);

/* Runs this in the child of every fork from now on, before fork returns there: only what a signal
 * handler may do. There is one; the same again changes nothing. */
void amps_fork_tell(void (*in_child)(void));

#endif
