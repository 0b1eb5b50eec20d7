/* amps_bookmark_asking.c: what a bookmark store answers; nothing is changed by it. */
#include "amps_bookmark_inside.h"
#include "amps_bookmark_list.h"
#include "amps_bookmark_store.h"

#define usable amps_bookmark_usable

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
