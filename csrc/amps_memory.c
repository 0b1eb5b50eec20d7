/* amps_memory.c: where all of the core's memory comes from. */
#include "amps_memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "amps_base.h"

static _Atomic size_t   blocks_live;
static _Atomic uint64_t requests_left; /* until one fails; 0: none will */
static _Atomic int      failing_forever;
static _Atomic int      has_failed;

/* Counts one request off; true when it is the one that must fail. */
static bool count_off(void)
{
    uint64_t left = atomic_load_explicit(&requests_left, memory_order_relaxed);
    while (left != 0) {
        bool     last = left == 1;
        uint64_t next = last && atomic_load(&failing_forever) ? 1 : left - 1;
        if (atomic_compare_exchange_weak(&requests_left, &left, next)) {
            if (last) {
                atomic_store(&has_failed, 1);
            }
            return last;
        }
    }
    return false;
}

static bool must_fail(void)
{
    return AMPS_UNLIKELY(atomic_load_explicit(&requests_left, memory_order_relaxed) != 0) &&
           count_off();
}

static void *counted(void *at)
{
    if (AMPS_LIKELY(at != NULL)) {
        atomic_fetch_add_explicit(&blocks_live, 1, memory_order_relaxed);
    }
    return at;
}

void *amps_memory_new(size_t size)
{
    return must_fail() ? NULL : counted(malloc(size != 0 ? size : 1));
}

void *amps_memory_new_zeroed(size_t size)
{
    return must_fail() ? NULL : counted(calloc(1, size != 0 ? size : 1));
}

void *amps_memory_resize(void *at, size_t size)
{
    if (at == NULL) {
        return amps_memory_new(size);
    }
    return must_fail() ? NULL : realloc(at, size != 0 ? size : 1);
}

void amps_memory_free(void *at)
{
    if (at != NULL) {
        atomic_fetch_sub_explicit(&blocks_live, 1, memory_order_relaxed);
        free(at);
    }
}

void amps_memory_fail_at(uint64_t n, int forever)
{
    atomic_store(&failing_forever, forever);
    atomic_store(&has_failed, 0);
    atomic_store(&requests_left, n);
}

int amps_memory_has_failed(void) { return atomic_load(&has_failed); }

size_t amps_memory_live(void) { return atomic_load_explicit(&blocks_live, memory_order_relaxed); }
