/* amps_bookmark_subs.c: the sub ids of a bookmark store, found or made. */
#include "amps_bookmark_inside.h"
#include "amps_bookmark_store.h"
#include "amps_memory.h"

#define usable amps_bookmark_usable

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

uint32_t amps_bookmark_sub_tag(const amps_bookmark_sub *sub) { return sub->tag; }

bool amps_bookmark_sub_is_usable(const amps_bookmark_sub *sub)
{
    return usable(sub->store) == AMPS_OK;
}

/* Whoever has tag 0 must do without. */
static uint32_t new_tag(void)
{
    static _Atomic uint64_t count;
    uint64_t                tag = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;
    return tag <= UINT32_MAX ? (uint32_t)tag : 0;
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
    return amps_bookmark_table_reserve(&store->by_id, store->sub_count + 1);
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
    sub->tag = new_tag();
    sub->id_size = id.size;
    if (id.size > 0) {
        memcpy(sub->id, id.at, id.size);
    }
    sub->trace.sub_id = (amps_slice){sub->id, sub->id_size};
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
