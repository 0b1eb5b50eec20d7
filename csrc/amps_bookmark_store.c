/* amps_bookmark_store.c: the sub ids of a store, their locks, and who is told of what happens. */
#include "amps_bookmark_store.h"

#include <stdio.h>

#include "amps_bookmark_inside.h"
#include "amps_memory.h"

#define usable amps_bookmark_usable

/* What a call has to tell when its lock is given back. */
typedef struct outcome {
    amps_bookmark_events events;
    size_t               grown; /* 0: not */
    bool                 changed;
    amps_status          problem; /* AMPS_OK: none */
    const char          *what;
    bool                 is_off_disk; /* it could not be written */
    amps_failure         failure;     /* of the disk, then */
} outcome;

/* ---- Telling ---------------------------------------------------------------------------------*/

enum { OF_DISK, OF_OTHERS };

static bool may_complain(amps_bookmark_store *store, int which)
{
    uint64_t last = atomic_load(&store->complained[which]);
    uint64_t now = amps_clock_now();
    return (last == 0 || now - last >= AMPS_BOOKMARK_PROBLEM_EVERY_MS * AMPS_MS) &&
           atomic_compare_exchange_strong(&store->complained[which], &last, now);
}

static void tell_problem(amps_bookmark_sub *sub, const outcome *told)
{
    if (told->events.problem != NULL && may_complain(sub->store, OF_OTHERS)) {
        amps_failure failure = {.status = told->problem};
        snprintf(failure.text, sizeof failure.text, "subscription %.*s: %s", (int)sub->id_size,
                 sub->id, told->what);
        told->events.problem(told->events.context, &failure);
    }
}

static void tell(amps_bookmark_sub *sub, const outcome *told)
{
    const amps_bookmark_events *events = &told->events;
    if (told->problem != AMPS_OK) {
        tell_problem(sub, told);
    }
    if (told->is_off_disk && events->problem != NULL && may_complain(sub->store, OF_DISK)) {
        events->problem(events->context, &told->failure);
    }
    if (told->grown > 0 && events->grown != NULL) {
        events->grown(events->context, amps_bookmark_sub_id(sub), told->grown);
    }
    if (told->changed && events->changed != NULL) {
        events->changed(events->context, amps_bookmark_sub_id(sub));
    }
}

static void lock(amps_bookmark_sub *sub, outcome *told)
{
    told->grown = 0;
    told->changed = false;
    told->problem = AMPS_OK;
    told->is_off_disk = false;
    amps_mutex_lock(&sub->lock);
}

static bool has_news(const outcome *told)
{
    return told->changed || told->grown > 0 || told->problem != AMPS_OK || told->is_off_disk;
}

static void unlock(amps_bookmark_sub *sub, outcome *told)
{
    bool anything = has_news(told);
    if (anything) {
        told->events = sub->events;
    }
    amps_mutex_unlock(&sub->lock);
    if (anything) {
        tell(sub, told);
    }
}

/* Puts on disk what was done. What cannot be written is told; AMPS_CLOSED: too late. */
static amps_status note(amps_bookmark_sub *sub, amps_bookmark_record_type type,
                        const amps_bookmark *bookmark, outcome *told)
{
    amps_bookmark_disk *disk = sub->store->disk;
    if (disk == NULL) {
        return AMPS_OK;
    }
    amps_bookmark_change change = {type, bookmark, told->changed};
    amps_status          status =
        amps_bookmark_disk_note(disk, &sub->trace, &sub->items, &change, &told->failure);
    told->is_off_disk = told->is_off_disk || (status != AMPS_OK && status != AMPS_CLOSED);
    return status;
}

static amps_status note_all(amps_bookmark_sub *sub, outcome *told)
{
    return note(sub, AMPS_BOOKMARK_GROUP, NULL, told);
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
    store->trouble.status = AMPS_OK;
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
    if (store->disk != NULL) {
        amps_bookmark_disk_fini(store->disk, is_ours);
        amps_memory_free(store->disk);
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

/* What could not be written before may be now. */
static void catch_up(amps_bookmark_store *store)
{
    size_t count = amps_bookmark_store_sub_count(store);
    amps_bookmark_disk_retry(store->disk);
    for (size_t i = 0; i < count; i++) {
        amps_bookmark_sub *sub = amps_bookmark_store_sub_at(store, i);
        outcome            told;
        lock(sub, &told);
        if (sub->trace.is_behind) {
            note_all(sub, &told);
        }
        unlock(sub, &told);
    }
}

amps_status amps_bookmark_store_close(amps_bookmark_store *store, amps_failure *failure)
{
    amps_status status = usable(store);
    if (status == AMPS_FORKED || atomic_exchange(&store->is_closed, true)) {
        return status == AMPS_FORKED ? status : AMPS_OK;
    }
    if (store->disk != NULL) {
        catch_up(store);
        status = amps_bookmark_disk_close(store->disk, failure);
    }
    return status;
}

const amps_failure *amps_bookmark_store_trouble(const amps_bookmark_store *store)
{
    return store->trouble.status != AMPS_OK ? &store->trouble : NULL;
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

/* ---- Messages --------------------------------------------------------------------------------*/

static void problem(outcome *told, amps_status status, const char *what)
{
    told->problem = status;
    told->what = what;
}

/* What is to be done about one that is new in the ring. */
static void note_new(amps_bookmark_sub *sub, const amps_bookmark *bookmark, outcome *told)
{
    uint32_t count = amps_bookmark_items_count(&sub->items);
    if (AMPS_UNLIKELY(count >= sub->grown_at)) {
        told->grown = count;
        sub->grown_at = count <= UINT32_MAX / 2 ? sub->grown_at * 2 : UINT32_MAX;
    }
    note(sub, AMPS_BOOKMARK_RECEIVED, bookmark, told);
}

/* Notes a new one; its index, or 0. */
static uint64_t add(amps_bookmark_sub *sub, const amps_bookmark_place *place, outcome *told)
{
    uint64_t index = sub->items.next;
    if (AMPS_UNLIKELY(amps_bookmark_items_add(&sub->items, place) != AMPS_OK)) {
        problem(told, AMPS_NO_MEMORY, "out of memory, a message was not noted");
        return 0;
    }
    note_new(sub, &place->bookmark, told);
    return index;
}

static void refuse(outcome *told)
{
    problem(told, AMPS_STORE, "a message's bookmark is none, and cannot be noted");
}

/* The lock is held, here and in the next two. */
static amps_bookmark_verdict judge(amps_bookmark_sub *sub, const amps_bookmark_place *place,
                                   uint64_t *index, outcome *told)
{
    amps_bookmark_verdict verdict = amps_bookmark_items_judge(&sub->items, place, index);
    if (verdict == AMPS_BOOKMARK_NEW) {
        *index = add(sub, place, told);
    }
    sub->items.is_recovered = false;
    return verdict;
}

static amps_bookmark_verdict receive(amps_bookmark_sub *sub, amps_slice text, uint64_t *index,
                                     outcome *told)
{
    amps_bookmark_verdict verdict = AMPS_BOOKMARK_NEW;
    amps_bookmark_place   place;
    *index = 0;
    if (AMPS_LIKELY(amps_bookmark_items_find(&sub->items, text, &place))) {
        verdict = judge(sub, &place, index, told);
    } else {
        refuse(told);
    }
    return verdict;
}

/* The same for one that may have been read. */
static amps_bookmark_verdict receive_read(amps_bookmark_sub *sub, const amps_bookmark *bookmark,
                                          uint64_t *index, outcome *told)
{
    amps_bookmark_place place;
    if (bookmark->publisher == 0) {
        return receive(sub, bookmark->text, index, told);
    }
    *index = amps_bookmark_items_add_next(&sub->items, bookmark);
    if (AMPS_LIKELY(*index != 0)) {
        sub->items.is_recovered = false;
        note_new(sub, bookmark, told);
        return AMPS_BOOKMARK_NEW;
    }
    amps_bookmark_items_place(&sub->items, bookmark, &place);
    return judge(sub, &place, index, told);
}

amps_bookmark_verdict amps_bookmark_receive(amps_bookmark_sub *sub, amps_slice bookmark,
                                            uint64_t *index)
{
    amps_bookmark_verdict verdict = AMPS_BOOKMARK_NEW;
    outcome               told;
    *index = 0;
    if (AMPS_LIKELY(usable(sub->store) == AMPS_OK)) {
        lock(sub, &told);
        verdict = receive(sub, bookmark, index, &told);
        unlock(sub, &told);
    }
    return verdict;
}

/* What one of them leads to is told before the next. */
bool amps_bookmark_receive_all(amps_bookmark_sub *sub, amps_bookmark_note *notes, size_t count)
{
    bool    any_discarded = false;
    bool    is_usable = usable(sub->store) == AMPS_OK;
    outcome told;
    if (is_usable) {
        lock(sub, &told);
    }
    for (size_t i = 0; i < count; i++) {
        amps_message *message = notes[i].message;
        message->bookmark_tag = sub->tag;
        message->bookmark_index = 0;
        notes[i].verdict = AMPS_BOOKMARK_NEW;
        if (AMPS_LIKELY(is_usable)) {
            notes[i].verdict =
                receive_read(sub, &notes[i].bookmark, &message->bookmark_index, &told);
        }
        message->is_again = notes[i].verdict == AMPS_BOOKMARK_AGAIN;
        any_discarded = any_discarded || notes[i].verdict == AMPS_BOOKMARK_DISCARDED;
        if (AMPS_UNLIKELY(is_usable && has_news(&told))) {
            unlock(sub, &told);
            lock(sub, &told);
        }
    }
    if (is_usable) {
        unlock(sub, &told);
    }
    return any_discarded;
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

static amps_status discard(amps_bookmark_sub *sub, uint64_t index, outcome *told)
{
    amps_bookmark bookmark;
    bool          is_discarded;
    if (sub->store->disk != NULL) {
        amps_bookmark_items_at(&sub->items, index, &bookmark, &is_discarded);
    }
    if (!amps_bookmark_items_discard(&sub->items, index, &told->changed)) {
        return AMPS_OK;
    }
    if (sub->items.waiting == 0) {
        sub->grown_at = AMPS_BOOKMARK_GROWN_MIN;
    }
    return note(sub, AMPS_BOOKMARK_DONE, &bookmark, told) == AMPS_CLOSED ? AMPS_CLOSED : AMPS_OK;
}

/* By the index if it is there; else by the bookmark's text, if there is one. */
static amps_status discard_either(amps_bookmark_sub *sub, uint64_t index, amps_slice text)
{
    amps_bookmark_place place;
    outcome             told;
    amps_status         status = usable(sub->store);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    lock(sub, &told);
    if (!amps_bookmark_items_has(&sub->items, index) && text.size > 0) {
        index = amps_bookmark_items_find(&sub->items, text, &place)
                    ? amps_bookmark_items_index(&sub->items, &place)
                    : 0;
    }
    status = discard(sub, index, &told);
    unlock(sub, &told);
    return status;
}

amps_status amps_bookmark_discard(amps_bookmark_sub *sub, amps_slice bookmark)
{
    return discard_either(sub, 0, bookmark);
}

amps_status amps_bookmark_discard_index(amps_bookmark_sub *sub, uint64_t index)
{
    return discard_either(sub, index, (amps_slice){NULL, 0});
}

amps_status amps_bookmark_discard_all(amps_bookmark_sub *sub, const uint64_t *indexes, size_t count)
{
    outcome     told;
    amps_status status = usable(sub->store);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    lock(sub, &told);
    for (size_t i = 0; i < count && status == AMPS_OK; i++) {
        bool fell = told.changed;
        status = discard(sub, indexes[i], &told);
        told.changed = told.changed || fell;
    }
    unlock(sub, &told);
    return status;
}

/* The index may be gone, and the bookmark be there under another. */
amps_status amps_bookmark_discard_message(amps_bookmark_sub *sub, const amps_message *message)
{
    bool       is_ours = sub->tag != 0 && message->bookmark_tag == sub->tag;
    amps_slice text = {message->header.at + message->bookmark_at, message->bookmark_size};
    return discard_either(sub, is_ours ? message->bookmark_index : 0, text);
}

/* ---- Persisted points ------------------------------------------------------------------------*/

static amps_status persisted(amps_bookmark_sub *sub, const amps_bookmark *bookmark, uint64_t after,
                             amps_bookmark_record_type type, outcome *told)
{
    amps_status status =
        amps_bookmark_items_persisted(&sub->items, bookmark, after, &told->changed);
    if (status != AMPS_OK) {
        problem(told, status, "out of memory, a persisted point was not noted");
        return status;
    }
    return note(sub, type, bookmark, told) == AMPS_CLOSED ? AMPS_CLOSED : AMPS_OK;
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
    status = persisted(sub, &bookmark, sub->items.next - 1, AMPS_BOOKMARK_PERSISTED, &told);
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
        status = persisted(sub, &bookmark, index, AMPS_BOOKMARK_MARKED, &told);
    }
    unlock(sub, &told);
    return status;
}

/* ---- Where it starts -------------------------------------------------------------------------*/

static amps_status note_anchor(amps_bookmark_sub *sub, outcome *told)
{
    amps_bookmark anchor = {0, 1, {sub->items.anchor, sub->items.anchor_size}};
    return note(sub, AMPS_BOOKMARK_ANCHORED, &anchor, told);
}

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
    if (status == AMPS_OK) {
        status = forgets ? note_all(sub, &told) : note_anchor(sub, &told);
    }
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
        status = status == AMPS_OK ? note_anchor(sub, &told) : status;
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
    status = status == AMPS_OK ? note_all(sub, &told) : status;
    unlock(sub, &told);
    return status;
}

/* ---- Forgetting ------------------------------------------------------------------------------*/

static amps_status forget(amps_bookmark_sub *sub)
{
    outcome told;
    lock(sub, &told);
    amps_bookmark_items_clear(&sub->items);
    sub->grown_at = AMPS_BOOKMARK_GROWN_MIN;
    told.changed = true;
    amps_status status = note_all(sub, &told);
    unlock(sub, &told);
    return status;
}

static amps_status sync_disk(amps_bookmark_store *store, amps_status status)
{
    return status == AMPS_OK && store->disk != NULL ? amps_bookmark_disk_sync(store->disk, NULL)
                                                    : status;
}

amps_status amps_bookmark_purge(amps_bookmark_sub *sub)
{
    amps_status status = usable(sub->store);
    return status == AMPS_OK ? sync_disk(sub->store, forget(sub)) : status;
}

amps_status amps_bookmark_store_purge(amps_bookmark_store *store)
{
    amps_status status = usable(store);
    size_t      count = amps_bookmark_store_sub_count(store);
    if (status != AMPS_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        amps_status of_sub = forget(amps_bookmark_store_sub_at(store, i));
        status = status == AMPS_OK ? of_sub : status;
    }
    return sync_disk(store, status);
}
