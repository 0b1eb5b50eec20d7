/* amps_bookmark_store.c: the sub ids of a store, their locks, and who is told of what happens. */
#include "amps_bookmark_store.h"

#include <stdatomic.h>
#include <stdio.h>

#include "amps_bookmark_list.h"
#include "amps_memory.h"
#include "amps_thread.h"

struct amps_bookmark_sub {
    amps_bookmark_store *store;
    amps_mutex           lock; /* for all below */
    amps_bookmark_items  items;
    amps_bookmark_events events;
    uint32_t             grown_at;
    uint32_t             hash;
    size_t               id_size;
    char                 id[];
};

struct amps_bookmark_store {
    atomic_uint          holders;
    unsigned             fork_generation;
    uint64_t             seed;
    atomic_bool          is_closed;
    _Atomic uint64_t     complained; /* when; 0: never */
    amps_mutex           lock;       /* for all below; before that of a sub id */
    amps_bookmark_events events;
    amps_bookmark_sub  **subs;
    uint32_t             sub_count, sub_room;
    amps_bookmark_table  by_id;
};

/* What a call has to tell when its lock is given back. */
typedef struct outcome {
    amps_bookmark_events events;
    size_t               grown; /* 0: not */
    bool                 changed;
    amps_status          problem; /* AMPS_OK: none */
    const char          *what;
} outcome;

/* ---- Whether it may be used ------------------------------------------------------------------*/

static amps_status usable(const amps_bookmark_store *store)
{
    if (AMPS_UNLIKELY(store->fork_generation != amps_fork_generation())) {
        return AMPS_FORKED;
    }
    return AMPS_LIKELY(!atomic_load_explicit(&store->is_closed, memory_order_relaxed))
               ? AMPS_OK
               : AMPS_CLOSED;
}

/* ---- Telling ---------------------------------------------------------------------------------*/

static bool may_complain(amps_bookmark_store *store)
{
    uint64_t last = atomic_load(&store->complained);
    uint64_t now = amps_clock_now();
    return (last == 0 || now - last >= AMPS_BOOKMARK_PROBLEM_EVERY_MS * AMPS_MS) &&
           atomic_compare_exchange_strong(&store->complained, &last, now);
}

static void tell_problem(amps_bookmark_sub *sub, const outcome *told)
{
    if (told->events.problem != NULL && may_complain(sub->store)) {
        amps_failure failure = {.status = told->problem};
        snprintf(failure.text, sizeof failure.text, "subscription %.*s: %s", (int)sub->id_size,
                 sub->id, told->what);
        told->events.problem(told->events.context, &failure);
    }
}

static void lock(amps_bookmark_sub *sub, outcome *told)
{
    told->grown = 0;
    told->changed = false;
    told->problem = AMPS_OK;
    amps_mutex_lock(&sub->lock);
}

static void unlock(amps_bookmark_sub *sub, outcome *told)
{
    bool anything = told->changed || told->grown > 0 || told->problem != AMPS_OK;
    if (anything) {
        told->events = sub->events;
    }
    amps_mutex_unlock(&sub->lock);
    if (AMPS_LIKELY(!anything)) {
        return;
    }
    if (AMPS_UNLIKELY(told->problem != AMPS_OK)) {
        tell_problem(sub, told);
    }
    if (told->grown > 0 && told->events.grown != NULL) {
        told->events.grown(told->events.context, amps_bookmark_sub_id(sub), told->grown);
    }
    if (told->changed && told->events.changed != NULL) {
        told->events.changed(told->events.context, amps_bookmark_sub_id(sub));
    }
}

/* ---- The store -------------------------------------------------------------------------------*/

amps_status amps_bookmark_store_new(amps_bookmark_store **out)
{
    amps_bookmark_store *store = amps_memory_new_zeroed(sizeof *store);
    if (store == NULL) {
        return AMPS_NO_MEMORY;
    }
    atomic_init(&store->holders, 1);
    store->fork_generation = amps_fork_generation();
    store->seed = amps_clock_now() ^ (uint64_t)(uintptr_t)store;
    amps_mutex_init(&store->lock);
    *out = store;
    return AMPS_OK;
}

void amps_bookmark_store_hold(amps_bookmark_store *store)
{
    atomic_fetch_add_explicit(&store->holders, 1, memory_order_relaxed);
}

static void free_store(amps_bookmark_store *store)
{
    bool is_ours = store->fork_generation == amps_fork_generation();
    for (uint32_t i = 0; i < store->sub_count; i++) {
        amps_bookmark_items_fini(&store->subs[i]->items);
        if (is_ours) {
            amps_mutex_fini(&store->subs[i]->lock);
        }
        amps_memory_free(store->subs[i]);
    }
    amps_memory_free(store->subs);
    amps_bookmark_table_fini(&store->by_id);
    if (is_ours) {
        amps_mutex_fini(&store->lock);
    }
    amps_memory_free(store);
}

void amps_bookmark_store_drop(amps_bookmark_store *store)
{
    if (store != NULL && atomic_fetch_sub_explicit(&store->holders, 1, memory_order_acq_rel) == 1) {
        amps_bookmark_store_close(store, NULL);
        free_store(store);
    }
}

amps_status amps_bookmark_store_close(amps_bookmark_store *store, amps_failure *failure)
{
    (void)failure;
    amps_status status = usable(store);
    atomic_store(&store->is_closed, true);
    return status == AMPS_CLOSED ? AMPS_OK : status;
}

const amps_failure *amps_bookmark_store_trouble(const amps_bookmark_store *store)
{
    (void)store;
    return NULL;
}

void amps_bookmark_store_set_events(amps_bookmark_store *store, const amps_bookmark_events *events)
{
    if (store->fork_generation != amps_fork_generation()) {
        return;
    }
    amps_mutex_lock(&store->lock);
    store->events = events != NULL ? *events : (amps_bookmark_events){.context = NULL};
    for (uint32_t i = 0; i < store->sub_count; i++) {
        amps_mutex_lock(&store->subs[i]->lock);
        store->subs[i]->events = store->events;
        amps_mutex_unlock(&store->subs[i]->lock);
    }
    amps_mutex_unlock(&store->lock);
}

/* ---- Sub ids ---------------------------------------------------------------------------------*/

amps_slice amps_bookmark_sub_id(const amps_bookmark_sub *sub)
{
    return (amps_slice){sub->id, sub->id_size};
}

static uint32_t hash_of_id(const amps_bookmark_store *store, amps_slice id)
{
    uint64_t hash = store->seed;
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ (unsigned char)id.at[i]) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    return amps_bookmark_hash(store->seed, hash, id.size);
}

static amps_bookmark_sub *find_sub(const amps_bookmark_store *store, amps_slice id, uint32_t hash)
{
    uint32_t at = amps_bookmark_table_first(&store->by_id, hash);
    while (at != AMPS_BOOKMARK_NO_SLOT) {
        amps_bookmark_sub *sub = store->subs[store->by_id.slots[at].value];
        if (amps_slice_equal(amps_bookmark_sub_id(sub), id)) {
            return sub;
        }
        at = amps_bookmark_table_next(&store->by_id, at);
    }
    return NULL;
}

static bool reserve_sub(amps_bookmark_store *store)
{
    if (store->sub_count == store->sub_room) {
        uint32_t            room = store->sub_room > 0 ? store->sub_room * 2 : 8;
        amps_bookmark_sub **larger = amps_memory_resize(store->subs, room * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        store->subs = larger;
        store->sub_room = room;
    }
    return amps_bookmark_table_reserve(&store->by_id);
}

static amps_bookmark_sub *new_sub(amps_bookmark_store *store, amps_slice id, uint32_t hash)
{
    amps_bookmark_sub *sub = amps_memory_new_zeroed(sizeof *sub + id.size);
    if (sub == NULL || !reserve_sub(store)) {
        amps_memory_free(sub);
        return NULL;
    }
    sub->store = store;
    sub->events = store->events;
    sub->grown_at = AMPS_BOOKMARK_GROWN_MIN;
    sub->id_size = id.size;
    memcpy(sub->id, id.at, id.size);
    amps_mutex_init(&sub->lock);
    amps_bookmark_items_init(&sub->items, store->seed + store->sub_count);
    amps_bookmark_table_add(&store->by_id, hash, store->sub_count);
    store->subs[store->sub_count++] = sub;
    return sub;
}

amps_bookmark_sub *amps_bookmark_store_sub(amps_bookmark_store *store, amps_slice sub_id)
{
    if (usable(store) != AMPS_OK || sub_id.size > AMPS_BOOKMARK_SUB_ID_SIZE_MAX) {
        return NULL;
    }
    uint32_t hash = hash_of_id(store, sub_id);
    amps_mutex_lock(&store->lock);
    amps_bookmark_sub *sub = find_sub(store, sub_id, hash);
    if (sub == NULL) {
        sub = new_sub(store, sub_id, hash);
    }
    amps_mutex_unlock(&store->lock);
    return sub;
}

size_t amps_bookmark_store_sub_count(amps_bookmark_store *store)
{
    if (usable(store) == AMPS_FORKED) {
        return 0;
    }
    amps_mutex_lock(&store->lock);
    size_t count = store->sub_count;
    amps_mutex_unlock(&store->lock);
    return count;
}

amps_bookmark_sub *amps_bookmark_store_sub_at(amps_bookmark_store *store, size_t index)
{
    amps_bookmark_sub *sub = NULL;
    if (usable(store) == AMPS_FORKED) {
        return NULL;
    }
    amps_mutex_lock(&store->lock);
    if (index < store->sub_count) {
        sub = store->subs[index];
    }
    amps_mutex_unlock(&store->lock);
    return sub;
}

/* ---- Messages --------------------------------------------------------------------------------*/

static void problem(outcome *told, amps_status status, const char *what)
{
    told->problem = status;
    told->what = what;
}

/* Notes a new one; its index, or 0. */
static uint64_t add(amps_bookmark_sub *sub, const amps_bookmark_place *place, outcome *told)
{
    amps_bookmark_items *items = &sub->items;
    uint64_t             index = items->next;
    if (AMPS_UNLIKELY(amps_bookmark_items_add(items, place) != AMPS_OK)) {
        problem(told, AMPS_NO_MEMORY, "out of memory, a message was not noted");
        return 0;
    }
    uint32_t count = amps_bookmark_items_count(items);
    if (AMPS_UNLIKELY(count >= sub->grown_at)) {
        told->grown = count;
        sub->grown_at = count <= UINT32_MAX / 2 ? sub->grown_at * 2 : UINT32_MAX;
    }
    return index;
}

static void refuse(outcome *told)
{
    problem(told, AMPS_STORE, "a message's bookmark is none, and cannot be noted");
}

amps_bookmark_verdict amps_bookmark_receive(amps_bookmark_sub *sub, amps_slice bookmark,
                                            uint64_t *index)
{
    amps_bookmark_verdict verdict = AMPS_BOOKMARK_NEW;
    amps_bookmark_place   place;
    outcome               told;
    *index = 0;
    if (AMPS_UNLIKELY(usable(sub->store) != AMPS_OK)) {
        return verdict;
    }
    lock(sub, &told);
    if (AMPS_LIKELY(amps_bookmark_items_find(&sub->items, bookmark, &place))) {
        verdict = amps_bookmark_items_judge(&sub->items, &place, index);
        if (verdict == AMPS_BOOKMARK_NEW) {
            *index = add(sub, &place, &told);
        }
        sub->items.is_recovered = false;
    } else {
        refuse(&told);
    }
    unlock(sub, &told);
    return verdict;
}

bool amps_bookmark_is_discarded(amps_bookmark_sub *sub, amps_slice bookmark)
{
    bool                is_discarded = false;
    amps_bookmark_place place;
    uint64_t            index;
    if (usable(sub->store) == AMPS_OK) {
        amps_mutex_lock(&sub->lock);
        is_discarded =
            amps_bookmark_items_find(&sub->items, bookmark, &place) &&
            amps_bookmark_items_judge(&sub->items, &place, &index) == AMPS_BOOKMARK_DISCARDED;
        amps_mutex_unlock(&sub->lock);
    }
    return is_discarded;
}

amps_status amps_bookmark_log(amps_bookmark_sub *sub, amps_slice bookmark, uint64_t *index)
{
    amps_bookmark_place place;
    outcome             told;
    amps_status         status = usable(sub->store);
    *index = 0;
    if (status != AMPS_OK) {
        return status;
    }
    lock(sub, &told);
    if (!amps_bookmark_items_find(&sub->items, bookmark, &place)) {
        status = AMPS_STORE;
    } else {
        amps_bookmark_items_judge(&sub->items, &place, index);
        if (*index == 0) {
            *index = add(sub, &place, &told);
            status = *index != 0 ? AMPS_OK : AMPS_NO_MEMORY;
        }
        sub->items.is_recovered = false;
    }
    unlock(sub, &told);
    return status;
}

static void discard(amps_bookmark_sub *sub, uint64_t index, outcome *told)
{
    amps_bookmark_items_discard(&sub->items, index, &told->changed);
    if (sub->items.waiting == 0) {
        sub->grown_at = AMPS_BOOKMARK_GROWN_MIN;
    }
}

amps_status amps_bookmark_discard(amps_bookmark_sub *sub, amps_slice bookmark)
{
    amps_bookmark_place place;
    uint64_t            index;
    outcome             told;
    amps_status         status = usable(sub->store);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    lock(sub, &told);
    if (amps_bookmark_items_find(&sub->items, bookmark, &place)) {
        index = amps_bookmark_items_index(&sub->items, &place);
        discard(sub, index, &told);
    }
    unlock(sub, &told);
    return AMPS_OK;
}

amps_status amps_bookmark_discard_index(amps_bookmark_sub *sub, uint64_t index)
{
    outcome     told;
    amps_status status = usable(sub->store);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    lock(sub, &told);
    discard(sub, index, &told);
    unlock(sub, &told);
    return AMPS_OK;
}

/* ---- Persisted points ------------------------------------------------------------------------*/

static amps_status persisted(amps_bookmark_sub *sub, const amps_bookmark *bookmark, uint64_t after,
                             outcome *told)
{
    amps_status status =
        amps_bookmark_items_persisted(&sub->items, bookmark, after, &told->changed);
    if (status != AMPS_OK) {
        problem(told, status, "out of memory, a persisted point was not noted");
    }
    return status;
}

amps_status amps_bookmark_persisted(amps_bookmark_sub *sub, amps_slice text)
{
    amps_bookmark bookmark;
    outcome       told;
    amps_status   status = usable(sub->store);
    if (status != AMPS_OK || !amps_bookmark_parse(text, &bookmark)) {
        return status;
    }
    lock(sub, &told);
    status = persisted(sub, &bookmark, sub->items.next - 1, &told);
    unlock(sub, &told);
    return status;
}

amps_status amps_bookmark_persisted_index(amps_bookmark_sub *sub, uint64_t index)
{
    amps_bookmark bookmark;
    bool          is_discarded;
    outcome       told;
    amps_status   status = usable(sub->store);
    if (status != AMPS_OK) {
        return status;
    }
    lock(sub, &told);
    if (amps_bookmark_items_at(&sub->items, index, &bookmark, &is_discarded)) {
        status = persisted(sub, &bookmark, index, &told);
    }
    unlock(sub, &told);
    return status;
}

/* ---- Where it starts -------------------------------------------------------------------------*/

/* With what most_recent shall give for it. Nothing is changed when it fails. */
static amps_status start(amps_bookmark_sub *sub, amps_slice anchor, bool forgets)
{
    char        time[AMPS_BOOKMARK_TIME_SIZE];
    bool        is_now = amps_bookmark_is_now(anchor);
    outcome     told;
    amps_status status = usable(sub->store);
    if (status != AMPS_OK || anchor.size > AMPS_BOOKMARK_LIST_SIZE_MAX) {
        return status != AMPS_OK ? status : AMPS_TOO_LARGE;
    }
    if (is_now) {
        amps_bookmark_write_time(amps_clock_unix_s() - AMPS_BOOKMARK_NOW_SLACK_S, time);
        anchor = (amps_slice){time, sizeof time};
    }
    lock(sub, &told);
    status = forgets ? amps_bookmark_items_begin(&sub->items, anchor, is_now)
                     : amps_bookmark_items_anchor(&sub->items, anchor, is_now);
    told.changed = status == AMPS_OK;
    unlock(sub, &told);
    return status;
}

amps_status amps_bookmark_begin(amps_bookmark_sub *sub, amps_slice anchor)
{
    return start(sub, anchor, true);
}

amps_status amps_bookmark_anchor(amps_bookmark_sub *sub, amps_slice anchor)
{
    return start(sub, anchor, false);
}

amps_status amps_bookmark_completed(amps_bookmark_sub *sub, amps_slice text)
{
    amps_bookmark bookmark;
    outcome       told;
    amps_status   status = usable(sub->store);
    if (status != AMPS_OK || !amps_bookmark_parse(text, &bookmark)) {
        return status;
    }
    lock(sub, &told);
    if (sub->items.anchor_is_now) {
        status = amps_bookmark_items_anchor(&sub->items, text, false);
        told.changed = status == AMPS_OK;
    }
    unlock(sub, &told);
    return status;
}

amps_status amps_bookmark_recover(amps_bookmark_sub *sub, amps_slice list)
{
    outcome     told;
    amps_status status = usable(sub->store);
    if (status != AMPS_OK || list.size > AMPS_BOOKMARK_LIST_SIZE_MAX) {
        return status != AMPS_OK ? status : AMPS_TOO_LARGE;
    }
    lock(sub, &told);
    status = amps_bookmark_items_recover(&sub->items, list);
    unlock(sub, &told);
    return status;
}

/* ---- Asking ----------------------------------------------------------------------------------*/

size_t amps_bookmark_most_recent(amps_bookmark_sub *sub, char *out, size_t out_size)
{
    if (usable(sub->store) == AMPS_FORKED) {
        return 0;
    }
    amps_mutex_lock(&sub->lock);
    size_t size = amps_bookmark_items_write(&sub->items, out, out_size);
    amps_mutex_unlock(&sub->lock);
    return size;
}

uint64_t amps_bookmark_oldest(amps_bookmark_sub *sub)
{
    if (usable(sub->store) == AMPS_FORKED) {
        return 0;
    }
    amps_mutex_lock(&sub->lock);
    uint64_t index = amps_bookmark_items_oldest(&sub->items);
    amps_mutex_unlock(&sub->lock);
    return index;
}

size_t amps_bookmark_common(amps_bookmark_sub *const *subs, size_t count, char *out,
                            size_t out_size)
{
    amps_bookmark_list list;
    amps_status        status = AMPS_OK;
    amps_bookmark_list_init(&list, count > 0 ? subs[0]->store->seed : 0);
    for (size_t i = 0; i < count && status == AMPS_OK; i++) {
        status = usable(subs[i]->store) == AMPS_FORKED ? AMPS_FORKED : AMPS_OK;
        if (status == AMPS_OK) {
            amps_mutex_lock(&subs[i]->lock);
            status = amps_bookmark_list_join(&list, &subs[i]->items);
            amps_mutex_unlock(&subs[i]->lock);
        }
    }
    size_t size = status == AMPS_OK ? amps_bookmark_list_write(&list, out, out_size) : 0;
    amps_bookmark_list_fini(&list);
    return size;
}

/* ---- Forgetting ------------------------------------------------------------------------------*/

amps_status amps_bookmark_purge(amps_bookmark_sub *sub)
{
    outcome     told;
    amps_status status = usable(sub->store);
    if (status != AMPS_OK) {
        return status;
    }
    lock(sub, &told);
    amps_bookmark_items_clear(&sub->items);
    sub->grown_at = AMPS_BOOKMARK_GROWN_MIN;
    told.changed = true;
    unlock(sub, &told);
    return AMPS_OK;
}

amps_status amps_bookmark_store_purge(amps_bookmark_store *store)
{
    amps_status status = usable(store);
    size_t      count = amps_bookmark_store_sub_count(store);
    for (size_t i = 0; i < count; i++) {
        amps_status of_sub = amps_bookmark_purge(amps_bookmark_store_sub_at(store, i));
        status = status == AMPS_OK ? of_sub : status;
    }
    return status;
}
