/* amps_publish_store.c: numbers, consent and waits, over records in memory, a file, or both. */
#include "amps_publish_store.h"

#include <stdatomic.h>
#include <stdio.h>

#include "amps_file_records.h"
#include "amps_memory.h"
#include "amps_memory_records.h"
#include "amps_thread.h"

#define NUMBERS_PER_SECOND 1000000000u /* of the clock: no publisher is faster than that */
#define NUMBERS_AHEAD      1024u /* a hybrid notes in its file that so many more may be given */

struct amps_publish_store {
    atomic_uint        references;
    unsigned           born; /* the fork generation */
    amps_latch         lock;
    amps_mutex         watch; /* taken after the lock, for as long as it takes to begin to wait */
    amps_cond          changed;
    amps_mutex         disk; /* taken after the lock, or alone: the file is synced, grows, closes */
    bool               file_is_open; /* written with both, read with either */
    amps_file_records *file;         /* NULL: memory only */
    amps_memory_records memory;      /* of a hybrid: all are above those in the file */
    bool                is_hybrid;
    size_t              memory_max;
    size_t              memory_low;
    bool                syncs;
    uint64_t            persisted;
    _Atomic uint64_t    assigned; /* written with the lock held */
    uint64_t            noted;    /* in the file of a hybrid: no number given is above */
    size_t              blocks_per_growth;
    size_t              unit;     /* bytes that it grows by */
    size_t              capacity; /* without a file */
    size_t              allowed;
    size_t              wanted;     /* by the add that was refused last; 0: none was */
    uint64_t            changes;    /* that may have made room */
    uint64_t            refused_at; /* the count of changes then */
    unsigned            waiting;
    bool                asks;
    bool                closed;
};

/* ---- Its life ------------------------------------------------------------------------------- */

static amps_status refuse(amps_failure *failure, const char *what, const char *why)
{
    if (failure != NULL) {
        *failure = (amps_failure){.status = AMPS_STORE};
        snprintf(failure->text, sizeof failure->text, "%s: %s", what, why);
    }
    return AMPS_STORE;
}

static bool are_valid(const amps_publish_store_options *options)
{
    size_t unit;
    return options->block_size >= AMPS_STORE_BLOCK_SIZE_MIN &&
           options->block_size <= AMPS_STORE_BLOCK_SIZE_MAX && options->blocks_per_growth != 0 &&
           !__builtin_mul_overflow(options->block_size, options->blocks_per_growth, &unit);
}

static amps_publish_store *new_store(const amps_publish_store_options *options)
{
    amps_publish_store *store = amps_memory_new_zeroed(sizeof *store);
    if (store == NULL) {
        return NULL;
    }
    atomic_init(&store->references, 1);
    store->born = amps_fork_generation();
    amps_latch_init(&store->lock);
    amps_mutex_init(&store->watch);
    amps_mutex_init(&store->disk);
    amps_cond_init(&store->changed);
    store->blocks_per_growth = options->blocks_per_growth;
    store->unit = options->block_size * options->blocks_per_growth;
    store->capacity = store->allowed = store->unit;
    amps_memory_records_init(&store->memory, store->unit);
    uint64_t said = options->clock_sequence;
    atomic_init(&store->assigned, said != 0 ? said : amps_clock_unix_s() * NUMBERS_PER_SECOND);
    store->asks = options->asks_before_growing;
    return store;
}

amps_status amps_publish_store_new(const amps_publish_store_options *options,
                                   amps_publish_store              **out)
{
    if (!are_valid(options)) {
        return AMPS_STORE;
    }
    *out = new_store(options);
    return *out != NULL ? AMPS_OK : AMPS_NO_MEMORY;
}

static void take_over_file(amps_publish_store *store, amps_file_records *file)
{
    uint64_t base = amps_file_records_assigned(file), persisted = amps_file_records_persisted(file);
    store->file = file;
    store->file_is_open = true;
    store->persisted = persisted;
    base = base > persisted ? base : persisted;
    atomic_store(&store->assigned, base > store->assigned ? base : store->assigned);
    size_t capacity = amps_file_records_capacity(file);
    store->unit = amps_file_records_block_size(file) * store->blocks_per_growth;
    store->allowed = capacity > store->unit ? capacity : store->unit;
}

amps_status amps_publish_store_open(const char *path, const amps_publish_store_options *options,
                                    amps_failure *failure, amps_publish_store **out)
{
    amps_file_records *file;
    if (!are_valid(options)) {
        return refuse(failure, path, "a block size or growth that no store can have");
    }
    amps_publish_store *store = new_store(options);
    if (store == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_status status = amps_file_records_open(path, options->block_size,
                                                options->blocks_per_growth, &file, failure);
    if (status != AMPS_OK) {
        amps_publish_store_drop(store);
        return status;
    }
    take_over_file(store, file);
    store->syncs = options->sync_on_store;
    *out = store;
    return AMPS_OK;
}

amps_status amps_publish_store_open_hybrid(const char                       *path,
                                           const amps_publish_store_options *options,
                                           amps_failure *failure, amps_publish_store **out)
{
    amps_status status = amps_publish_store_open(path, options, failure, out);
    if (status == AMPS_OK) {
        size_t max = options->memory_max, low = options->memory_low;
        (*out)->is_hybrid = true;
        (*out)->syncs = false;
        (*out)->memory_max = max;
        (*out)->memory_low = low == 0 ? max / 2 : low < max ? low : max;
    }
    return status;
}

static bool is_forked(const amps_publish_store *store)
{
    return AMPS_UNLIKELY(store->born != amps_fork_generation());
}

void amps_publish_store_hold(amps_publish_store *store)
{
    if (store != NULL) {
        atomic_fetch_add_explicit(&store->references, 1, memory_order_relaxed);
    }
}

/* In a fork's child another thread may have been at work in here: then all stays as it is. */
static bool may_be_freed(amps_publish_store *store)
{
    if (!is_forked(store)) {
        return true;
    }
    bool untouched = amps_latch_try(&store->lock);
    if (untouched) {
        amps_latch_unlock(&store->lock);
    }
    return untouched;
}

void amps_publish_store_drop(amps_publish_store *store)
{
    if (store == NULL ||
        atomic_fetch_sub_explicit(&store->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    bool frees = may_be_freed(store);
    if (is_forked(store)) {
        if (store->file != NULL && store->file_is_open) {
            amps_file_records_abandon(store->file, frees);
        }
    } else {
        amps_publish_store_close(store, false, NULL);
        amps_file_records_free(store->file);
        amps_cond_fini(&store->changed);
        amps_mutex_fini(&store->disk);
        amps_mutex_fini(&store->watch);
    }
    if (frees) {
        amps_memory_records_fini(&store->memory);
        amps_memory_free(store);
    }
}

/* Takes the lock, unless the store is another process's or closed; AMPS_MORE: not `at_once`. */
static amps_status try_enter(amps_publish_store *store, bool at_once)
{
    if (is_forked(store)) {
        return AMPS_FORKED;
    }
    if (!at_once) {
        amps_latch_lock(&store->lock);
    } else if (AMPS_UNLIKELY(!amps_latch_try(&store->lock))) {
        return AMPS_MORE;
    }
    if (AMPS_UNLIKELY(store->closed)) {
        amps_latch_unlock(&store->lock);
        return AMPS_CLOSED;
    }
    return AMPS_OK;
}

static amps_status enter(amps_publish_store *store) { return try_enter(store, false); }

/* With the lock held: what a waiter looks at is different now. */
static void note_change(amps_publish_store *store)
{
    store->changes++;
    if (store->waiting > 0) {
        amps_mutex_lock(&store->watch);
        amps_cond_broadcast(&store->changed);
        amps_mutex_unlock(&store->watch);
    }
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
        if (store->file != NULL) { /* a file that is broken will tell the next add */
            amps_file_records_note_assigned(store->file, sequence, NULL);
        }
        amps_latch_unlock(&store->lock);
    }
}

/* ---- Adding --------------------------------------------------------------------------------- */

static size_t added(size_t one, size_t other)
{
    return one <= SIZE_MAX - other ? one + other : SIZE_MAX;
}

static size_t times(size_t one, size_t other)
{
    size_t product;
    return __builtin_mul_overflow(one, other, &product) ? SIZE_MAX : product;
}

static size_t capacity(const amps_publish_store *store)
{
    return store->file != NULL ? amps_file_records_capacity(store->file) : store->capacity;
}

/* May it grow by so many units? */
static amps_status ask(amps_publish_store *store, size_t units)
{
    size_t total = added(capacity(store), times(units, store->unit));
    if (store->asks && total > store->allowed) {
        store->wanted = total;
        store->refused_at = store->changes;
        return AMPS_STORE_FULL;
    }
    return AMPS_OK;
}

static amps_status add_to_memory(amps_publish_store *store, uint64_t sequence, amps_slice frame)
{
    size_t needed = added(store->memory.used, amps_memory_records_cost(frame.size));
    if (AMPS_UNLIKELY(needed > store->capacity)) {
        size_t      units = (needed - store->capacity - 1) / store->unit + 1;
        amps_status status = ask(store, units);
        if (status != AMPS_OK) {
            return status;
        }
        store->capacity = added(store->capacity, times(units, store->unit));
    }
    return amps_memory_records_add(&store->memory, sequence, frame);
}

static amps_status make_room(amps_publish_store *store, size_t size, amps_failure *failure)
{
    size_t lacks = amps_file_records_lacks(store->file, size);
    if (AMPS_LIKELY(lacks == 0)) {
        return AMPS_OK;
    }
    size_t      units = (lacks - 1) / store->blocks_per_growth + 1;
    amps_status status = ask(store, units);
    if (status == AMPS_OK) {
        amps_mutex_lock(&store->disk);
        status =
            amps_file_records_grow(store->file, times(units, store->blocks_per_growth), failure);
        amps_mutex_unlock(&store->disk);
    }
    return status;
}

static amps_status add_to_file(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                               amps_failure *failure)
{
    amps_status status = make_room(store, frame.size, failure);
    return status != AMPS_OK
               ? status
               : amps_file_records_add(store->file, sequence, frame, store->syncs, failure);
}

/* Nothing dead stays at the front. */
static void drop_dead(amps_memory_records *records)
{
    for (amps_memory_record *front = amps_memory_records_front(records);
         front != NULL && front->dead; front = amps_memory_records_front(records)) {
        amps_memory_records_drop_front(records);
    }
}

/* Into the file first, then out of memory: a kill in between leaves one copy, in the file. */
static amps_status move_oldest(amps_publish_store *store, size_t size_left, amps_failure *failure)
{
    while (store->memory.used > size_left) {
        amps_memory_record *oldest = amps_memory_records_front(&store->memory);
        amps_slice          frame = {oldest->bytes, oldest->size};
        amps_status         status = add_to_file(store, oldest->sequence, frame, failure);
        if (status != AMPS_OK) {
            return status;
        }
        amps_memory_records_drop_front(&store->memory);
        drop_dead(&store->memory);
    }
    return AMPS_OK;
}

/* The file knows of numbers whose records only memory has: they are not given again. */
static amps_status note_ahead(amps_publish_store *store, uint64_t sequence, amps_failure *failure)
{
    if (AMPS_LIKELY(sequence <= store->noted)) {
        return AMPS_OK;
    }
    uint64_t ahead = sequence <= UINT64_MAX - NUMBERS_AHEAD ? sequence + NUMBERS_AHEAD : UINT64_MAX;
    amps_status status = amps_file_records_note_assigned(store->file, ahead, failure);
    store->noted = status == AMPS_OK ? ahead : store->noted;
    return status;
}

static amps_status add_to_both(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                               amps_failure *failure)
{
    size_t cost = amps_memory_records_cost(frame.size);
    if (cost > store->memory_max) { /* it never fits: it follows all others into the file */
        amps_status status = move_oldest(store, 0, failure);
        return status != AMPS_OK ? status : add_to_file(store, sequence, frame, failure);
    }
    amps_status status = note_ahead(store, sequence, failure);
    if (status == AMPS_OK && store->memory.used > store->memory_max - cost) {
        size_t room = store->memory_max - cost;
        status = move_oldest(store, room < store->memory_low ? room : store->memory_low, failure);
    }
    return status != AMPS_OK ? status : amps_memory_records_add(&store->memory, sequence, frame);
}

/* With the lock held. */
static amps_status add(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                       amps_failure *failure)
{
    amps_status status;
    if (AMPS_UNLIKELY(assigned(store) == UINT64_MAX)) {
        status = refuse(failure, "the publish store", "it has no sequence numbers left");
    } else if (store->file == NULL) {
        status = add_to_memory(store, sequence, frame);
    } else if (store->is_hybrid) {
        status = add_to_both(store, sequence, frame, failure);
    } else {
        status = add_to_file(store, sequence, frame, failure);
    }
    if (AMPS_LIKELY(status == AMPS_OK)) {
        assign(store, sequence);
    }
    return status;
}

/* Would a record of this size have to wait for the file? With the lock held. */
static bool would_wait(const amps_publish_store *store, size_t size)
{
    size_t cost = amps_memory_records_cost(size);
    if (store->file == NULL || store->is_hybrid) {
        return store->is_hybrid && added(store->memory.used, cost) > store->memory_max;
    }
    return store->syncs || amps_file_records_lacks(store->file, size) > 0;
}

amps_status amps_publish_store_begin(amps_publish_store *store, bool at_once, uint64_t *sequence)
{
    amps_status status = try_enter(store, at_once);
    if (AMPS_LIKELY(status == AMPS_OK)) {
        *sequence = assigned(store) + 1;
    }
    return status;
}

amps_status amps_publish_store_put(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                                   bool at_once, amps_failure *failure)
{
    if (AMPS_UNLIKELY(frame.size > AMPS_MEMORY_RECORD_SIZE_MAX)) {
        return AMPS_TOO_LARGE;
    }
    return AMPS_UNLIKELY(at_once && would_wait(store, frame.size))
               ? AMPS_MORE
               : add(store, sequence, frame, failure);
}

void amps_publish_store_lock(amps_publish_store *store) { amps_latch_lock(&store->lock); }
bool amps_publish_store_try_lock(amps_publish_store *store) { return amps_latch_try(&store->lock); }
void amps_publish_store_unlock(amps_publish_store *store) { amps_latch_unlock(&store->lock); }

amps_status amps_publish_store_add(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                                   amps_failure *failure)
{
    uint64_t    next;
    amps_status status = amps_publish_store_begin(store, false, &next);
    if (status == AMPS_OK) {
        status = sequence != next && next != 0
                     ? AMPS_AGAIN
                     : amps_publish_store_put(store, next, frame, false, failure);
        amps_publish_store_unlock(store);
    }
    return status;
}

size_t amps_publish_store_wants(amps_publish_store *store)
{
    if (is_forked(store)) {
        return 0;
    }
    amps_latch_lock(&store->lock);
    size_t wanted = store->wanted != 0 ? store->wanted : added(capacity(store), store->unit);
    amps_latch_unlock(&store->lock);
    return wanted;
}

void amps_publish_store_allow(amps_publish_store *store, size_t total_size)
{
    if (enter(store) == AMPS_OK) {
        if (total_size > store->allowed) {
            store->allowed = total_size;
            note_change(store);
        }
        amps_latch_unlock(&store->lock);
    }
}

void amps_publish_store_set_asks(amps_publish_store *store, bool asks)
{
    if (enter(store) == AMPS_OK) {
        store->asks = asks;
        note_change(store);
        amps_latch_unlock(&store->lock);
    }
}

/* ---- Waiting -------------------------------------------------------------------------------- */

static bool wait_for_change(amps_publish_store *store, uint64_t deadline)
{
    store->waiting++;
    amps_mutex_lock(&store->watch);
    amps_latch_unlock(&store->lock);
    bool in_time = amps_cond_wait(&store->changed, &store->watch, deadline);
    amps_mutex_unlock(&store->watch);
    amps_latch_lock(&store->lock);
    store->waiting--;
    return in_time;
}

amps_status amps_publish_store_wait_room(amps_publish_store *store, uint32_t wait_ms)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    uint64_t deadline = amps_clock_in_ms(wait_ms), seen = store->refused_at;
    while (store->changes == seen && !store->closed && wait_for_change(store, deadline)) {
    }
    status = store->closed ? AMPS_CLOSED : store->changes != seen ? AMPS_OK : AMPS_AGAIN;
    amps_latch_unlock(&store->lock);
    return status;
}

/* With the lock held; 0: empty. What is dead at the front has been let go. */
static uint64_t lowest(amps_publish_store *store)
{
    uint64_t in_file = store->file != NULL ? amps_file_records_lowest(store->file) : 0;
    if (in_file != 0) {
        return in_file;
    }
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
    const uint64_t deadline = amps_clock_in_ms(wait_ms);
    while (!is_persisted(store, sequence) && !store->closed && wait_for_change(store, deadline)) {
    }
    status = is_persisted(store, sequence) ? AMPS_OK : store->closed ? AMPS_CLOSED : AMPS_AGAIN;
    amps_latch_unlock(&store->lock);
    return status;
}

/* ---- Discarding ----------------------------------------------------------------------------- */

amps_status amps_publish_store_discard_up_to(amps_publish_store *store, uint64_t sequence,
                                             amps_failure *failure)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    bool is_news = sequence > store->persisted;
    if (is_news && store->file != NULL) {
        status = amps_file_records_discard_up_to(store->file, sequence, assigned(store), failure);
    }
    if (is_news && status == AMPS_OK) {
        amps_memory_records_drop_up_to(&store->memory, sequence);
        drop_dead(&store->memory);
        store->persisted = sequence;
        raise_to(store, sequence);
        note_change(store);
    }
    amps_latch_unlock(&store->lock);
    return status;
}

amps_status amps_publish_store_discard_one(amps_publish_store *store, uint64_t sequence,
                                           amps_failure *failure)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    amps_memory_record *record = amps_memory_records_find(&store->memory, sequence);
    if (record != NULL) {
        amps_memory_records_kill(&store->memory, record);
        drop_dead(&store->memory);
    } else if (store->file != NULL) {
        status = amps_file_records_discard_one(store->file, sequence, failure);
    } else {
        status = AMPS_END;
    }
    if (status == AMPS_OK) {
        note_change(store);
    }
    amps_latch_unlock(&store->lock);
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static amps_status read_memory(amps_publish_store *store, uint64_t after, char *out,
                               size_t out_size, uint64_t *sequence, size_t *size)
{
    amps_memory_record *record = amps_memory_records_above(&store->memory, after);
    if (record == NULL) {
        return AMPS_END;
    }
    *sequence = record->sequence;
    *size = record->size;
    if (record->size > out_size) {
        return AMPS_TOO_LARGE;
    }
    if (record->size != 0) {
        memcpy(out, record->bytes, record->size);
    }
    return AMPS_OK;
}

amps_status amps_publish_store_read_after(amps_publish_store *store, uint64_t after, char *out,
                                          size_t out_size, uint64_t *sequence, size_t *size)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    status = AMPS_END;
    if (store->file != NULL) {
        status =
            amps_file_records_read_after(store->file, after, out, out_size, sequence, size, NULL);
    }
    if (status == AMPS_END) {
        status = read_memory(store, after, out, out_size, sequence, size);
    }
    amps_latch_unlock(&store->lock);
    return status;
}

/* One number of the store, read with its lock held. */
#define NUMBER_OF(type, name, expression)                                                          \
    type amps_publish_store_##name(amps_publish_store *store)                                      \
    {                                                                                              \
        if (is_forked(store)) {                                                                    \
            return 0;                                                                              \
        }                                                                                          \
        amps_latch_lock(&store->lock);                                                             \
        type number = (expression);                                                                \
        amps_latch_unlock(&store->lock);                                                           \
        return number;                                                                             \
    }

#define IN_FILE(what) (store->file != NULL ? amps_file_records_##what(store->file) : 0)
NUMBER_OF(uint64_t, count, store->memory.count + IN_FILE(count))
NUMBER_OF(uint64_t, lowest, lowest(store))
NUMBER_OF(uint64_t, last_persisted, store->persisted)
NUMBER_OF(uint64_t, last_assigned, assigned(store))
NUMBER_OF(size_t, size, store->memory.held + IN_FILE(size))

/* ---- The end -------------------------------------------------------------------------------- */

static amps_status close_file(amps_publish_store *store, bool truncate, amps_failure *failure)
{
    bool asks = store->asks;
    store->asks = false; /* nobody can be asked now, and what is not moved is lost */
    amps_status status = move_oldest(store, 0, failure);
    store->asks = asks;
    if (status != AMPS_OK) {
        return status;
    }
    amps_mutex_lock(&store->disk);
    status = amps_file_records_close(store->file, truncate ? store->blocks_per_growth : 0, failure);
    store->file_is_open = false;
    amps_mutex_unlock(&store->disk);
    return status;
}

amps_status amps_publish_store_close(amps_publish_store *store, bool truncate,
                                     amps_failure *failure)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status == AMPS_CLOSED ? AMPS_OK : status;
    }
    if (store->file != NULL) {
        status = close_file(store, truncate, failure);
    }
    store->closed = !store->file_is_open;
    note_change(store);
    amps_latch_unlock(&store->lock);
    return status;
}

/* Without the store's lock, so that others may go on meanwhile. */
amps_status amps_publish_store_sync(amps_publish_store *store, amps_failure *failure)
{
    amps_status status = enter(store);
    if (status != AMPS_OK) {
        return status;
    }
    amps_latch_unlock(&store->lock);
    amps_mutex_lock(&store->disk);
    if (store->file_is_open) {
        status = amps_file_records_sync(store->file, failure);
    }
    amps_mutex_unlock(&store->disk);
    return status;
}
