/* amps_bookmark_opening.c: bookmark stores with a file: opened, recovered, written anew. */
#include <stdio.h>

#include "amps_bookmark_inside.h"
#include "amps_bookmark_store.h"
#include "amps_memory.h"

#define PATH_SIZE_MAX 4096u /* bytes, of a copy or a temporary file */
#define COPIES_MAX    100u  /* of a damaged file in one second */

/* ---- Failing ---------------------------------------------------------------------------------*/

static amps_status no_memory(amps_failure *failure)
{
    if (failure != NULL) {
        *failure = (amps_failure){.status = AMPS_NO_MEMORY};
        snprintf(failure->text, sizeof failure->text, "%s", amps_status_text(AMPS_NO_MEMORY));
    }
    return AMPS_NO_MEMORY;
}

static amps_status new_on_disk(bool is_ring, amps_bookmark_store **store, amps_failure *failure)
{
    amps_status status = amps_bookmark_store_new(store);
    if (status != AMPS_OK) {
        return no_memory(failure);
    }
    (*store)->disk = amps_memory_new(sizeof *(*store)->disk);
    if ((*store)->disk == NULL) {
        amps_bookmark_store_drop(*store);
        return no_memory(failure);
    }
    amps_bookmark_disk_init((*store)->disk, is_ring);
    (*store)->disk->is_closed = true; /* until its file is open */
    return AMPS_OK;
}

/* The file stays what it is. */
static amps_status give_up(amps_bookmark_store *store, amps_status status, amps_file *file,
                           amps_failure *failure)
{
    amps_file_close(file);
    amps_memory_free(store->disk->ring.slots);
    store->disk->is_closed = true;
    amps_bookmark_store_drop(store);
    return status == AMPS_NO_MEMORY ? no_memory(failure) : status;
}

/* ---- Damage ----------------------------------------------------------------------------------*/

static amps_status copy_damaged(amps_bookmark_store *store, const amps_bookmark_journal *journal,
                                const char *what, amps_failure *failure)
{
    char        time[AMPS_BOOKMARK_TIME_SIZE];
    char        path[PATH_SIZE_MAX];
    amps_status status = AMPS_STORE;
    amps_bookmark_write_time(amps_clock_unix_s(), time);
    for (unsigned turn = 0; turn < COPIES_MAX && status == AMPS_STORE; turn++) {
        int size = snprintf(path, sizeof path, "%s.corrupt-%.*s", amps_file_path(journal->file),
                            (int)sizeof time, time);
        if (turn > 0 && size > 0 && (size_t)size < sizeof path) {
            size += snprintf(path + size, sizeof path - (size_t)size, "-%u", turn);
        }
        if (size < 0 || (size_t)size >= sizeof path) {
            return amps_file_refuse(journal->file, failure, "the path of its copy is too long");
        }
        status = amps_bookmark_journal_copy(journal, path, failure);
        if (status == AMPS_STORE && (failure == NULL || failure->error != 0)) {
            return status; /* the disk's word, not that the name is taken */
        }
    }
    if (status == AMPS_OK) {
        amps_file_refuse(journal->file, &store->trouble, "%s; a copy is %.200s", what, path);
    }
    return status;
}

/* ---- The log ---------------------------------------------------------------------------------*/

static amps_status declare(amps_bookmark_store *store, const amps_bookmark_record *record)
{
    amps_bookmark_sub *sub = amps_bookmark_store_sub(store, record->bookmark.text);
    if (sub == NULL) {
        return AMPS_NO_MEMORY;
    }
    if (sub->trace.is_declared || store->sub_count != store->disk->declared + 1) {
        return AMPS_STORE; /* twice */
    }
    sub->trace.is_declared = true;
    sub->trace.number = store->disk->declared++;
    return AMPS_OK;
}

/* A message, or what is said of one that is there. */
static amps_status apply_to_message(amps_bookmark_items *items, const amps_bookmark_record *record)
{
    amps_bookmark_place place;
    bool                changed;
    amps_bookmark_items_place(items, &record->bookmark, &place);
    uint64_t index = amps_bookmark_items_index(items, &place);
    if (record->type == AMPS_BOOKMARK_RECEIVED) {
        return index == 0 ? amps_bookmark_items_add(items, &place) : AMPS_OK;
    }
    if (record->type == AMPS_BOOKMARK_DONE) {
        amps_bookmark_items_discard(items, index, &changed);
        return AMPS_OK;
    }
    return index != 0 ? amps_bookmark_items_persisted(items, &record->bookmark, index, &changed)
                      : AMPS_OK;
}

static amps_status apply(void *context, const amps_bookmark_record *record)
{
    amps_bookmark_store *store = context;
    bool                 counts;
    if (record->type == AMPS_BOOKMARK_SUB) {
        return declare(store, record);
    }
    amps_bookmark_items *items = &store->subs[record->sub]->items;
    switch (record->type) {
    case AMPS_BOOKMARK_PERSISTED:
        return amps_bookmark_items_persisted(items, &record->bookmark, items->next - 1, &counts);
    case AMPS_BOOKMARK_ANCHORED:
        return amps_bookmark_items_anchor(items, record->bookmark.text, false);
    case AMPS_BOOKMARK_FORGOTTEN:
        amps_bookmark_items_clear(items);
        return AMPS_OK;
    case AMPS_BOOKMARK_LISTED:
        return amps_bookmark_items_list(items, &record->bookmark);
    case AMPS_BOOKMARK_HIGH:
        return amps_bookmark_items_raise(items, &record->bookmark);
    default:
        return apply_to_message(items, record);
    }
}

static void mark_recovered(amps_bookmark_store *store, bool use_last_modified, uint64_t modified)
{
    for (uint32_t i = 0; i < store->sub_count; i++) {
        amps_bookmark_items *items = &store->subs[i]->items;
        items->is_recovered = !amps_bookmark_items_is_empty(items);
        if (items->is_recovered && use_last_modified) {
            amps_bookmark_write_time(modified, items->opened);
        }
    }
}

static amps_status recover(amps_bookmark_store *store, bool use_last_modified, bool is_damaged,
                           amps_failure *failure)
{
    amps_bookmark_journal *journal = &store->disk->journal;
    uint64_t               modified = 0;
    amps_status            status = amps_file_modified(journal->file, &modified, failure);
    if (status == AMPS_OK && journal->size > 0) {
        status = amps_bookmark_journal_replay(journal, failure, store, apply);
    }
    if (status == AMPS_OK && is_damaged) {
        status =
            copy_damaged(store, journal, "it is damaged; what came before that is used", failure);
    }
    if (status == AMPS_OK) {
        status = amps_bookmark_journal_start(journal, failure);
    }
    mark_recovered(store, use_last_modified, modified);
    return status;
}

amps_status amps_bookmark_store_open_log(const char *path, bool use_last_modified,
                                         amps_failure *failure, amps_bookmark_store **out)
{
    amps_bookmark_store *store;
    amps_failure         own; /* its errno is looked at */
    bool                 is_damaged;
    failure = failure != NULL ? failure : &own;
    amps_status status = new_on_disk(false, &store, failure);
    if (status != AMPS_OK) {
        return status;
    }
    status = amps_bookmark_journal_open(path, failure, &store->disk->journal, &is_damaged);
    if (status != AMPS_OK) {
        return give_up(store, status, NULL, failure);
    }
    status = recover(store, use_last_modified, is_damaged, failure);
    if (status != AMPS_OK) {
        return give_up(store, status, store->disk->journal.file, failure);
    }
    store->disk->is_closed = false;
    *out = store;
    return AMPS_OK;
}

/* ---- The ring --------------------------------------------------------------------------------*/

/* Of a sub id's slots the newest counts; the others are free, and those of empty lists. */
static amps_status assign_slots(amps_bookmark_store *store, amps_bookmark_ring *ring)
{
    amps_slice sub_id, list;
    for (uint32_t number = 1; number <= ring->slot_count; number++) {
        if (!amps_bookmark_ring_read(ring, number, &sub_id, &list)) {
            continue;
        }
        amps_bookmark_sub *sub = amps_bookmark_store_sub(store, sub_id);
        if (sub == NULL) {
            return AMPS_NO_MEMORY;
        }
        uint32_t before = sub->trace.number;
        bool     is_newer =
            before == 0 || ring->slots[number - 1].generation > ring->slots[before - 1].generation;
        sub->trace.number = is_newer ? number : before;
        if (before != 0) {
            amps_bookmark_ring_free(ring, is_newer ? before : number);
        }
    }
    return AMPS_OK;
}

static amps_status recover_ring(amps_bookmark_store *store, amps_bookmark_ring *ring)
{
    amps_slice  sub_id, list;
    amps_status status = assign_slots(store, ring);
    for (uint32_t i = 0; i < store->sub_count && status == AMPS_OK; i++) {
        amps_bookmark_sub *sub = store->subs[i];
        amps_bookmark_ring_read(ring, sub->trace.number, &sub_id, &list);
        if (list.size == 0) {
            amps_bookmark_ring_free(ring, sub->trace.number);
            sub->trace.number = 0;
        } else {
            status = amps_bookmark_items_recover(&sub->items, list);
        }
    }
    return status;
}

amps_status amps_bookmark_store_open_ring(const char *path, amps_failure *failure,
                                          amps_bookmark_store **out)
{
    amps_bookmark_store *store;
    amps_failure         own;
    bool                 is_damaged;
    failure = failure != NULL ? failure : &own;
    amps_status status = new_on_disk(true, &store, failure);
    if (status != AMPS_OK) {
        return status;
    }
    amps_bookmark_ring *ring = &store->disk->ring;
    status = amps_bookmark_ring_open(path, failure, ring, &is_damaged);
    if (status != AMPS_OK) {
        ring->slots = NULL;
        return give_up(store, status, NULL, failure);
    }
    status = recover_ring(store, ring);
    if (status == AMPS_OK && is_damaged) {
        amps_bookmark_journal whole = {.file = ring->file, .size = ring->size};
        status = copy_damaged(store, &whole, "it is damaged; the lists that are whole are used",
                              failure);
    }
    if (status != AMPS_OK) {
        return give_up(store, status, ring->file, failure);
    }
    store->disk->is_closed = false;
    *out = store;
    return AMPS_OK;
}

/* ---- Pruning ---------------------------------------------------------------------------------*/

static amps_status collect(amps_bookmark_store *store, amps_buffer *bytes, amps_failure *failure)
{
    uint32_t    number = 0;
    amps_status status = AMPS_OK;
    for (uint32_t i = 0; i < store->sub_count && status == AMPS_OK; i++) {
        amps_bookmark_sub *sub = store->subs[i];
        if (sub->items.is_pinned) {
            return amps_file_refuse(store->disk->journal.file, failure,
                                    "subscription %.*s waits for a message that could not be noted",
                                    (int)sub->id_size, sub->id);
        }
        if (!amps_bookmark_items_is_empty(&sub->items)) {
            status =
                amps_bookmark_disk_whole(bytes, amps_bookmark_sub_id(sub), number++, &sub->items);
        }
    }
    return status == AMPS_OK ? AMPS_OK : no_memory(failure);
}

static void renumber(amps_bookmark_store *store)
{
    store->disk->declared = 0;
    for (uint32_t i = 0; i < store->sub_count; i++) {
        amps_bookmark_sub *sub = store->subs[i];
        sub->trace.is_behind = false;
        sub->trace.is_declared = !amps_bookmark_items_is_empty(&sub->items);
        if (sub->trace.is_declared) {
            sub->trace.number = store->disk->declared++;
        }
    }
}

static amps_status prune(amps_bookmark_store *store, const char *tmp_path, amps_failure *failure)
{
    amps_bookmark_disk *disk = store->disk;
    amps_buffer         bytes;
    bool                is_new = false;
    if (disk->is_closed) {
        return AMPS_CLOSED;
    }
    amps_buffer_init(&bytes, UINT32_MAX);
    amps_status status = collect(store, &bytes, failure);
    if (status == AMPS_OK) {
        status = amps_bookmark_journal_rewrite(
            &disk->journal, tmp_path, (amps_slice){bytes.at, bytes.size}, &is_new, failure);
    }
    if (is_new) {
        renumber(store);
    }
    amps_buffer_fini(&bytes);
    return status;
}

amps_status amps_bookmark_store_prune(amps_bookmark_store *store, const char *tmp_path,
                                      amps_failure *failure)
{
    char        path[PATH_SIZE_MAX];
    amps_status status = amps_bookmark_usable(store);
    if (status != AMPS_OK || store->disk == NULL || store->disk->is_ring) {
        return status;
    }
    amps_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < store->sub_count; i++) {
        amps_mutex_lock(&store->subs[i]->lock);
    }
    amps_mutex_lock(&store->disk->lock);
    if (tmp_path == NULL && !store->disk->is_closed) {
        const char *name = amps_file_path(store->disk->journal.file);
        int         size = snprintf(path, sizeof path, "%s.tmp", name);
        tmp_path = path;
        if (size < 0 || (size_t)size >= sizeof path) {
            status = amps_file_refuse(store->disk->journal.file, failure, "its path is too long");
        }
    }
    status = status == AMPS_OK ? prune(store, tmp_path, failure) : status;
    amps_mutex_unlock(&store->disk->lock);
    for (uint32_t i = 0; i < store->sub_count; i++) {
        amps_mutex_unlock(&store->subs[i]->lock);
    }
    amps_mutex_unlock(&store->lock);
    return status;
}
