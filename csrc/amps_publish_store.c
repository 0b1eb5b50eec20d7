/* amps_publish_store.c: numbers, consent and waits, over records in memory. */
#include "amps_publish_store.h"

#include <stdatomic.h>
#include <stdio.h>

#include "amps_memory.h"
#include "amps_memory_records.h"
#include "amps_thread.h"

#define NUMBERS_PER_SECOND 1000000000u /* of the clock: no publisher is faster than that */

struct amps_publish_store {
    atomic_uint         references;
    unsigned            born; /* the fork generation */
    amps_mutex          lock;
    amps_cond           changed;
    amps_memory_records memory;
    uint64_t            persisted;
    _Atomic uint64_t    assigned; /* written with the lock held */
    size_t              unit;     /* bytes that it grows by */
    size_t              capacity;
    size_t              allowed;
    size_t              wanted;     /* by the add that was refused last; 0: none was */
    uint64_t            changes;    /* that may have made room */
    uint64_t            refused_at; /* the count of changes then */
    unsigned            waiting;
    bool                asks;
    bool                closed;
};

/* ---- Its life ------------------------------------------------------------------------------- */

static bool valid(const amps_publish_store_options *options)
{
    size_t unit;
    return options->block_size >= AMPS_STORE_BLOCK_SIZE_MIN &&
           options->block_size <= AMPS_STORE_BLOCK_SIZE_MAX && options->blocks_per_growth != 0 &&
           !__builtin_mul_overflow(options->block_size, options->blocks_per_growth, &unit);
}

static uint64_t first_base(const amps_publish_store_options *options)
{
    return options->clock_sequence != 0 ? options->clock_sequence
                                        : amps_clock_unix_s() * NUMBERS_PER_SECOND;
}

amps_status amps_publish_store_new(const amps_publish_store_options *options,
                                   amps_publish_store              **out)
{
    if (!valid(options)) {
        return AMPS_STORE;
    }
    amps_publish_store *store = amps_memory_new_zeroed(sizeof *store);
    if (store == NULL) {
        return AMPS_NO_MEMORY;
    }
    atomic_init(&store->references, 1);
    store->born = amps_fork_generation();
    amps_mutex_init(&store->lock);
    amps_cond_init(&store->changed);
    store->unit = options->block_size * options->blocks_per_growth;
    store->capacity = store->allowed = store->unit;
    amps_memory_records_init(&store->memory, store->unit);
    atomic_init(&store->assigned, first_base(options));
    store->asks = options->asks_before_growing;
    *out = store;
    return AMPS_OK;
}

static bool is_forked(const amps_publish_store *store)
{
    return AMPS_UNLIKELY(store->born != amps_fork_generation());
}

void amps_publish_store_hold(amps_publish_store *store)
{
    atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
}

/* In a fork's child another thread may have been at work in here: then all stays as it is. */
static bool may_be_freed(amps_publish_store *store)
{
    if (!is_forked(store)) {
        return true;
    }
    bool untouched = amps_mutex_try(&store->lock);
    if (untouched) {
        amps_mutex_unlock(&store->lock);
    }
    return untouched;
}

void amps_publish_store_drop(amps_publish_store *store)
{
    if (store == NULL ||
        atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (may_be_freed(store)) {
        amps_memory_records_fini(&store->memory);
        if (!is_forked(store)) {
            amps_cond_fini(&store->changed);
            amps_mutex_fini(&store->lock);
        }
        amps_memory_free(store);
    }
}

/* Takes the lock, unless the store is another process's or closed. */
static amps_status enter(amps_publish_store *store)
{
    if (is_forked(store)) {
        return AMPS_FORKED;
    }
    amps_mutex_lock(&store->lock);
    if (AMPS_UNLIKELY(store->closed)) {
        amps_mutex_unlock(&store->lock);
        return AMPS_CLOSED;
    }
    return AMPS_OK;
}

/* With the lock held: what a waiter looks at is different now. */
static void note_change(amps_publish_store *store)
{
    store->changes++;
    if (store->waiting > 0) {
        amps_cond_broadcast(&store->changed);
    }
}

amps_status amps_publish_store_close(amps_publish_store *store, bool truncate,
                                     amps_failure *failure)
{
    (void)truncate, (void)failure;
    amps_status status = enter(store);
    if (status == AMPS_OK) {
        store->closed = true;
        note_change(store);
        amps_mutex_unlock(&store->lock);
    }
    return status == AMPS_CLOSED ? AMPS_OK : status;
}

amps_status amps_publish_store_sync(amps_publish_store *store, amps_failure *failure)
{
    (void)failure;
    amps_status status = enter(store);
    if (status == AMPS_OK) {
        amps_mutex_unlock(&store->lock);
    }
    return status;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static uint64_t assigned(const amps_publish_store *store)
{
    return atomic_load_explicit(&store->assigned, memory_order_relaxed);
}

static void assign(amps_publish_store *store, uint64_t sequence)
{
    atomic_store_explicit(&store->assigned, sequence, memory_order_relaxed);
}

uint64_t amps_publish_store_next(amps_publish_store *store)
{
    return is_forked(store) ? 0 : assigned(store) + 1; /* 2^64 - 1 is followed by 0 */
}

static void raise_to(amps_publish_store *store, uint64_t sequence)
{
    if (sequence > assigned(store)) {
        assign(store, sequence);
    }
}

void amps_publish_store_raise(amps_publish_store *store, uint64_t sequence)
{
    if (enter(store) == AMPS_OK) {
        raise_to(store, sequence);
        amps_mutex_unlock(&store->lock);
    }
}

/* ---- Adding --------------------------------------------------------------------------------- */

static amps_status refuse(amps_failure *failure, const char *text)
{
    if (failure != NULL) {
        *failure = (amps_failure){.status = AMPS_STORE};
        snprintf(failure->text, sizeof failure->text, "%s", text);
    }
    return AMPS_STORE;
}

static size_t added(size_t one, size_t other)
{
    return one <= SIZE_MAX - other ? one + other : SIZE_MAX;
}

/* May the capacity be `needed`? Then it is that, in whole units. */
static amps_status grow(amps_publish_store *store, size_t needed)
{
    size_t units = (needed - store->capacity - 1) / store->unit + 1;
    size_t more = units <= SIZE_MAX / store->unit ? units * store->unit : SIZE_MAX;
    size_t total = added(store->capacity, more);
    if (store->asks && total > store->allowed) {
        store->wanted = total;
        store->refused_at = store->changes;
        return AMPS_STORE_FULL;
    }
    store->capacity = total;
    return AMPS_OK;
}

static amps_status add_to_memory(amps_publish_store *store, uint64_t sequence, amps_slice frame)
{
    size_t needed = added(store->memory.used, amps_memory_records_cost(frame.size));
    if (AMPS_UNLIKELY(needed > store->capacity)) {
        amps_status status = grow(store, needed);
        if (status != AMPS_OK) {
            return status;
        }
    }
    return amps_memory_records_add(&store->memory, sequence, frame);
}

amps_status amps_publish_store_add(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                                   amps_failure *failure)
{
    if (AMPS_UNLIKELY(frame.size > AMPS_MEMORY_RECORD_SIZE_MAX)) {
        return AMPS_TOO_LARGE;
    }
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    if (AMPS_UNLIKELY(assigned(store) == UINT64_MAX)) {
        status = refuse(failure, "the publish store has no sequence numbers left");
    } else if (sequence != assigned(store) + 1) {
        status = AMPS_AGAIN;
    } else {
        status = add_to_memory(store, sequence, frame);
    }
    if (AMPS_LIKELY(status == AMPS_OK)) {
        assign(store, sequence);
    }
    amps_mutex_unlock(&store->lock);
    return status;
}

size_t amps_publish_store_wants(amps_publish_store *store)
{
    if (is_forked(store)) {
        return 0;
    }
    amps_mutex_lock(&store->lock);
    size_t wanted = store->wanted != 0 ? store->wanted : added(store->capacity, store->unit);
    amps_mutex_unlock(&store->lock);
    return wanted;
}

void amps_publish_store_allow(amps_publish_store *store, size_t total_size)
{
    if (enter(store) == AMPS_OK) {
        if (total_size > store->allowed) {
            store->allowed = total_size;
            note_change(store);
        }
        amps_mutex_unlock(&store->lock);
    }
}

void amps_publish_store_set_asks(amps_publish_store *store, bool asks)
{
    if (enter(store) == AMPS_OK) {
        store->asks = asks;
        note_change(store);
        amps_mutex_unlock(&store->lock);
    }
}

/* ---- Waiting -------------------------------------------------------------------------------- */

static bool wait_for_change(amps_publish_store *store, uint64_t deadline)
{
    store->waiting++;
    bool in_time = amps_cond_wait(&store->changed, &store->lock, deadline);
    store->waiting--;
    return in_time;
}

amps_status amps_publish_store_wait_room(amps_publish_store *store, uint32_t wait_ms)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    uint64_t seen = store->refused_at;
    while (store->changes == seen && !store->closed && wait_for_change(store, deadline)) {
    }
    status = store->closed ? AMPS_CLOSED : store->changes != seen ? AMPS_OK : AMPS_AGAIN;
    amps_mutex_unlock(&store->lock);
    return status;
}

/* With the lock held; 0: empty. What is dead at the front has been let go. */
static uint64_t lowest(amps_publish_store *store)
{
    amps_memory_record *front = amps_memory_records_front(&store->memory);
    return front != NULL ? front->sequence : 0;
}

static bool is_persisted(amps_publish_store *store, uint64_t sequence)
{
    uint64_t least = lowest(store);
    return least == 0 || least > sequence;
}

amps_status amps_publish_store_wait_persisted(amps_publish_store *store, uint64_t sequence,
                                              uint32_t wait_ms)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    while (!is_persisted(store, sequence) && !store->closed && wait_for_change(store, deadline)) {
    }
    status = is_persisted(store, sequence) ? AMPS_OK : store->closed ? AMPS_CLOSED : AMPS_AGAIN;
    amps_mutex_unlock(&store->lock);
    return status;
}

/* ---- Discarding ----------------------------------------------------------------------------- */

/* Nothing dead stays at the front. */
static void drop_dead(amps_memory_records *records)
{
    for (amps_memory_record *front = amps_memory_records_front(records);
         front != NULL && front->dead; front = amps_memory_records_front(records)) {
        amps_memory_records_drop_front(records);
    }
}

amps_status amps_publish_store_discard_up_to(amps_publish_store *store, uint64_t sequence,
                                             amps_failure *failure)
{
    (void)failure;
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    if (sequence > store->persisted) {
        amps_memory_records_drop_up_to(&store->memory, sequence);
        drop_dead(&store->memory);
        store->persisted = sequence;
        raise_to(store, sequence);
        note_change(store);
    }
    amps_mutex_unlock(&store->lock);
    return status;
}

amps_status amps_publish_store_discard_one(amps_publish_store *store, uint64_t sequence,
                                           amps_failure *failure)
{
    (void)failure;
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    amps_memory_record *record = amps_memory_records_find(&store->memory, sequence);
    if (record == NULL) {
        status = AMPS_END;
    } else {
        amps_memory_records_kill(&store->memory, record);
        drop_dead(&store->memory);
        note_change(store);
    }
    amps_mutex_unlock(&store->lock);
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

amps_status amps_publish_store_read_after(amps_publish_store *store, uint64_t after, char *out,
                                          size_t out_size, uint64_t *sequence, size_t *size)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    amps_memory_record *record = amps_memory_records_above(&store->memory, after);
    if (record == NULL) {
        status = AMPS_END;
    } else {
        *sequence = record->sequence;
        *size = record->size;
        status = record->size <= out_size ? AMPS_OK : AMPS_TOO_LARGE;
        if (status == AMPS_OK && record->size != 0) {
            memcpy(out, record->bytes, record->size);
        }
    }
    amps_mutex_unlock(&store->lock);
    return status;
}

/* One number of the store, read with its lock held. */
#define NUMBER_OF(type, name, expression)                                                          \
    type amps_publish_store_##name(amps_publish_store *store)                                      \
    {                                                                                              \
        if (is_forked(store)) {                                                                    \
            return 0;                                                                              \
        }                                                                                          \
        amps_mutex_lock(&store->lock);                                                             \
        type number = (expression);                                                                \
        amps_mutex_unlock(&store->lock);                                                           \
        return number;                                                                             \
    }

NUMBER_OF(uint64_t, count, store->memory.count)
NUMBER_OF(uint64_t, lowest, lowest(store))
NUMBER_OF(uint64_t, last_persisted, store->persisted)
NUMBER_OF(uint64_t, last_assigned, assigned(store))
NUMBER_OF(size_t, size, store->memory.held)
