/* amps_bookmark_items.c: the ring, the publishers, the persisted points of one sub id. */
#include "amps_bookmark_items.h"

#include "amps_memory.h"

#define RING_SIZE_MIN 16u
#define RING_SIZE_MAX (1u << 30)
#define MARKERS_MIN   8u
#define DISCARDED     (1u << 31)

static amps_bookmark_publisher *publisher_at(const amps_bookmark_items *items, uint32_t number)
{
    return amps_bookmark_publisher_at(&items->publishers, number);
}

static uint32_t find_publisher(const amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    return amps_bookmark_publisher_find(&items->publishers, bookmark);
}

static amps_bookmark_item *item_at(const amps_bookmark_items *items, uint64_t index)
{
    return &items->ring[index & (items->ring_size - 1)];
}

/* ---- Points ----------------------------------------------------------------------------------*/

static char *new_text(amps_slice text)
{
    char *copy = amps_memory_new(text.size);
    if (copy != NULL && text.size > 0) {
        memcpy(copy, text.at, text.size);
    }
    return copy;
}

static bool make_point(amps_bookmark_point *point, const amps_bookmark *bookmark)
{
    *point = (amps_bookmark_point){true, bookmark->publisher, bookmark->sequence, NULL, 0};
    if (amps_bookmark_is_opaque(bookmark)) {
        point->opaque = new_text(bookmark->text);
        point->opaque_size = bookmark->text.size;
        return point->opaque != NULL;
    }
    return true;
}

static void forget_point(amps_bookmark_point *point)
{
    amps_memory_free(point->opaque);
    memset(point, 0, sizeof *point);
}

static bool is_point(const amps_bookmark_point *point, const amps_bookmark *bookmark)
{
    if (!point->is_known || amps_bookmark_is_opaque(bookmark) != (point->opaque != NULL)) {
        return false;
    }
    return point->opaque != NULL
               ? amps_slice_equal((amps_slice){point->opaque, point->opaque_size}, bookmark->text)
               : point->publisher == bookmark->publisher && point->sequence == bookmark->sequence;
}

/* ---- Whole -----------------------------------------------------------------------------------*/

void amps_bookmark_items_init(amps_bookmark_items *items, uint64_t seed)
{
    memset(items, 0, sizeof *items);
    items->publishers.seed = seed;
    items->first = items->next = 1;
}

static void free_ring(amps_bookmark_items *items)
{
    amps_memory_free(items->ring);
    items->ring = NULL;
    items->ring_size = 0;
    amps_bookmark_table_fini(&items->by_bookmark);
}

void amps_bookmark_items_fini(amps_bookmark_items *items)
{
    free_ring(items);
    amps_bookmark_publishers_fini(&items->publishers);
    for (size_t i = 0; i < items->marker_count; i++) {
        forget_point(&items->markers[items->marker_first + i].point);
    }
    amps_memory_free(items->markers);
    forget_point(&items->safe);
    amps_memory_free(items->anchor);
    memset(items, 0, sizeof *items);
}

void amps_bookmark_items_clear(amps_bookmark_items *items)
{
    uint64_t seed = items->publishers.seed;
    uint64_t next = items->next;
    amps_bookmark_items_fini(items);
    amps_bookmark_items_init(items, seed);
    items->first = items->next = next;
}

bool amps_bookmark_items_is_empty(const amps_bookmark_items *items)
{
    return items->first == items->next && items->publishers.count == 0 && !items->safe.is_known &&
           items->anchor_size == 0;
}

/* ---- Finding ---------------------------------------------------------------------------------*/

/* Most messages come from the publisher of the one before. */
static bool is_of_last(const amps_bookmark_items *items, amps_slice text,
                       amps_bookmark_place *place)
{
    if (items->last_publisher == 0) {
        return false;
    }
    const amps_bookmark_publisher *last = publisher_at(items, items->last_publisher);
    size_t                         size = last->prefix_size;
    if (size == 0 || text.size <= size || memcmp(text.at, last->prefix, size) != 0) {
        return false;
    }
    place->publisher = items->last_publisher;
    place->bookmark = (amps_bookmark){last->id, 0, {NULL, 0}};
    return last->id != 0 &&
           amps_bookmark_parse_number((amps_slice){text.at + size, text.size - size},
                                      &place->bookmark.sequence);
}

static bool has_last_publisher(const amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    if (items->last_publisher == 0 || amps_bookmark_is_opaque(bookmark)) {
        return false;
    }
    const amps_bookmark_publisher *last = publisher_at(items, items->last_publisher);
    return last->prefix_size > 0 && last->id == bookmark->publisher;
}

bool amps_bookmark_items_find(const amps_bookmark_items *items, amps_slice text,
                              amps_bookmark_place *place)
{
    if (!is_of_last(items, text, place)) {
        if (!amps_bookmark_parse(text, &place->bookmark)) {
            return false;
        }
        place->publisher = find_publisher(items, &place->bookmark);
    }
    return true;
}

void amps_bookmark_items_place(const amps_bookmark_items *items, const amps_bookmark *bookmark,
                               amps_bookmark_place *place)
{
    place->bookmark = *bookmark;
    place->publisher = has_last_publisher(items, bookmark) ? items->last_publisher
                                                           : find_publisher(items, bookmark);
}

static uint64_t index_of(const amps_bookmark_items *items, uint32_t low)
{
    return items->first + (uint32_t)(low - (uint32_t)items->first);
}

static uint32_t hash_of_item(const amps_bookmark_items *items, uint32_t publisher,
                             uint64_t sequence)
{
    return amps_bookmark_hash(items->publishers.seed, publisher, sequence);
}

static bool is_item(const amps_bookmark_items *items, uint64_t index,
                    const amps_bookmark_place *place)
{
    const amps_bookmark_item *item = item_at(items, index);
    return item->sequence == place->bookmark.sequence &&
           (item->publisher & ~DISCARDED) == place->publisher;
}

/* Most messages fall out before anybody looks for one by its bookmark: those never come into the
 * table. Room for all was reserved. */
static void look_at_all(amps_bookmark_items *items)
{
    uint64_t index = items->looked_at > items->first ? items->looked_at : items->first;
    for (; index < items->next; index++) {
        amps_bookmark_item *item = item_at(items, index);
        item->hash = hash_of_item(items, item->publisher & ~DISCARDED, item->sequence);
        amps_bookmark_table_add(&items->by_bookmark, item->hash, (uint32_t)index);
    }
    items->looked_at = items->next;
}

uint64_t amps_bookmark_items_index(amps_bookmark_items *items, const amps_bookmark_place *place)
{
    const amps_bookmark_table *table = &items->by_bookmark;
    if (place->publisher == 0 || items->first == items->next) {
        return 0;
    }
    if (is_item(items, items->first, place)) { /* who is done in order wants this one */
        return items->first;
    }
    look_at_all(items);
    uint32_t hash = hash_of_item(items, place->publisher, place->bookmark.sequence);
    uint32_t at = amps_bookmark_table_first(table, hash);
    for (; at != AMPS_BOOKMARK_NO_SLOT; at = amps_bookmark_table_next(table, at)) {
        uint64_t index = index_of(items, table->slots[at].value);
        if (is_item(items, index, place)) {
            return index;
        }
    }
    return 0;
}

uint64_t amps_bookmark_items_oldest(const amps_bookmark_items *items)
{
    uint64_t index = items->waiting > 0 ? items->first : 0;
    while (index != 0 && (item_at(items, index)->publisher & DISCARDED) != 0) {
        index++; /* only while it is pinned */
    }
    return index;
}

bool amps_bookmark_items_at(const amps_bookmark_items *items, uint64_t index,
                            amps_bookmark *bookmark, bool *is_discarded)
{
    if (!amps_bookmark_items_has(items, index)) {
        return false;
    }
    const amps_bookmark_item      *item = item_at(items, index);
    const amps_bookmark_publisher *publisher = publisher_at(items, item->publisher & ~DISCARDED);
    *bookmark = (amps_bookmark){publisher->id, item->sequence, {NULL, 0}};
    if (publisher->opaque != NULL) {
        bookmark->text = (amps_slice){publisher->opaque, publisher->opaque_size};
    }
    *is_discarded = (item->publisher & DISCARDED) != 0;
    return true;
}

amps_bookmark_verdict amps_bookmark_items_judge(amps_bookmark_items       *items,
                                                const amps_bookmark_place *place, uint64_t *index)
{
    *index = 0;
    if (place->publisher == 0) {
        return AMPS_BOOKMARK_NEW;
    }
    const amps_bookmark_publisher *publisher = publisher_at(items, place->publisher);
    if (AMPS_LIKELY(place->bookmark.sequence > publisher->high)) {
        return AMPS_BOOKMARK_NEW;
    }
    *index = amps_bookmark_items_index(items, place);
    if (*index != 0) {
        bool is_discarded = (item_at(items, *index)->publisher & DISCARDED) != 0;
        return is_discarded ? AMPS_BOOKMARK_DISCARDED : AMPS_BOOKMARK_AGAIN;
    }
    if (items->is_pinned &&
        !(publisher->is_listed && place->bookmark.sequence <= publisher->recent)) {
        return AMPS_BOOKMARK_NEW; /* it may be one that was not noted */
    }
    return AMPS_BOOKMARK_DISCARDED;
}

/* ---- Adding ----------------------------------------------------------------------------------*/

static bool reserve_item(amps_bookmark_items *items)
{
    uint32_t count = amps_bookmark_items_count(items);
    if (AMPS_UNLIKELY(count == items->ring_size)) {
        uint32_t            size = count > 0 ? count * 2 : RING_SIZE_MIN;
        amps_bookmark_item *ring =
            size <= RING_SIZE_MAX ? amps_memory_new(size * sizeof *ring) : NULL;
        if (ring == NULL) {
            return false;
        }
        for (uint64_t index = items->first; index < items->next; index++) {
            ring[index & (size - 1)] = *item_at(items, index);
        }
        amps_memory_free(items->ring);
        items->ring = ring;
        items->ring_size = size;
    }
    return amps_bookmark_table_reserve(&items->by_bookmark, count + 1);
}

static uint32_t pin_hash(const amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    return amps_bookmark_hash(amps_bookmark_publisher_hash(&items->publishers, bookmark), 0,
                              bookmark->sequence);
}

static amps_status pin(amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    items->is_pinned = true;
    items->pin_is_gone = false;
    items->pin_hash = pin_hash(items, bookmark);
    return AMPS_NO_MEMORY;
}

/* There is room for it. */
static inline uint64_t put(amps_bookmark_items *items, uint32_t number, uint64_t sequence)
{
    amps_bookmark_publisher *publisher = publisher_at(items, number);
    uint64_t                 index = items->next++;
    publisher->live++;
    publisher->waiting++;
    if (sequence > publisher->high) {
        publisher->high = sequence;
    }
    *item_at(items, index) = (amps_bookmark_item){sequence, number, 0};
    items->waiting++;
    items->last_publisher = number;
    return index;
}

uint64_t amps_bookmark_items_add_next(amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    uint32_t count = amps_bookmark_items_count(items);
    return has_last_publisher(items, bookmark) &&
                   bookmark->sequence > publisher_at(items, items->last_publisher)->high &&
                   count < items->ring_size && !items->is_pinned && reserve_item(items)
               ? put(items, items->last_publisher, bookmark->sequence)
               : 0;
}

amps_status amps_bookmark_items_add(amps_bookmark_items *items, const amps_bookmark_place *place)
{
    const amps_bookmark *bookmark = &place->bookmark;
    uint32_t             number = place->publisher;
    if (!reserve_item(items) || (number == 0 && (number = amps_bookmark_publisher_get(
                                                     &items->publishers, bookmark)) == 0)) {
        return pin(items, bookmark);
    }
    put(items, number, bookmark->sequence);
    if (AMPS_UNLIKELY(items->is_pinned) && pin_hash(items, bookmark) == items->pin_hash) {
        items->pin_is_gone = true;
    }
    return AMPS_OK;
}

/* ---- Falling out -----------------------------------------------------------------------------*/

/* A persisted point became safe: what its publisher's messages came after need not be listed. */
static void shorten_list(amps_bookmark_items *items)
{
    amps_bookmark safe = {items->safe.publisher, items->safe.sequence, {NULL, 0}};
    uint32_t      number = items->safe.opaque == NULL ? find_publisher(items, &safe) : 0;
    if (number == 0 || !publisher_at(items, number)->is_listed ||
        publisher_at(items, number)->recent > safe.sequence) {
        return;
    }
    uint64_t until = publisher_at(items, number)->recent_index; /* 0: not known */
    uint32_t after;
    for (number = items->publishers.first_listed; number != 0 && until != 0; number = after) {
        after = publisher_at(items, number)->after;
        if (publisher_at(items, number)->recent_index <= until) {
            amps_bookmark_publisher_unlist(&items->publishers, number);
        }
    }
}

static void set_safe(amps_bookmark_items *items, const amps_bookmark_point *point)
{
    forget_point(&items->safe);
    items->safe = *point;
    if (items->publishers.listed_count > AMPS_BOOKMARK_LISTED_MAX) {
        shorten_list(items);
    }
}

/* Takes the front of the ring out of the table. */
static void forget_place(amps_bookmark_items *items, uint32_t hash)
{
    const amps_bookmark_table *table = &items->by_bookmark;
    uint32_t                   at = amps_bookmark_table_first(table, hash);
    while (table->slots[at].value != (uint32_t)items->first) {
        at = amps_bookmark_table_next(table, at);
    }
    amps_bookmark_table_remove(&items->by_bookmark, at);
}

static void drop_front(amps_bookmark_items *items)
{
    amps_bookmark_item item = *item_at(items, items->first);
    uint32_t           number = item.publisher & ~DISCARDED;
    if (items->first < items->looked_at) {
        forget_place(items, item.hash);
    }
    publisher_at(items, number)->live--;
    amps_bookmark_publisher_list(&items->publishers, number, item.sequence, items->first);
    items->first++;
}

static bool let_fall(amps_bookmark_items *items)
{
    if (AMPS_UNLIKELY(items->is_pinned)) {
        if (items->waiting > 0 || !items->pin_is_gone) {
            return false;
        }
        items->is_pinned = false;
    }
    uint64_t before = items->first;
    while (items->first != items->next && (item_at(items, items->first)->publisher & DISCARDED)) {
        drop_front(items);
    }
    while (items->marker_count > 0 && items->markers[items->marker_first].after < items->first) {
        amps_bookmark_point point = items->markers[items->marker_first].point;
        items->marker_first++;
        items->marker_count--;
        set_safe(items, &point);
    }
    if (items->first == items->next && items->ring_size > AMPS_BOOKMARK_KEPT_MAX) {
        free_ring(items);
    }
    return items->first != before;
}

bool amps_bookmark_items_discard(amps_bookmark_items *items, uint64_t index, bool *fell)
{
    *fell = false;
    if (!amps_bookmark_items_has(items, index) ||
        (item_at(items, index)->publisher & DISCARDED) != 0) {
        return false;
    }
    amps_bookmark_item *item = item_at(items, index);
    publisher_at(items, item->publisher)->waiting--;
    items->waiting--;
    item->publisher |= DISCARDED;
    *fell = let_fall(items);
    return true;
}

/* ---- Persisted points ------------------------------------------------------------------------*/

static bool reserve_marker(amps_bookmark_items *items)
{
    if (items->marker_first + items->marker_count < items->marker_room) {
        return true;
    }
    if (items->marker_first < items->marker_room / 2 || items->marker_room == 0) {
        size_t                room = items->marker_room > 0 ? items->marker_room * 2 : MARKERS_MIN;
        amps_bookmark_marker *larger = amps_memory_resize(items->markers, room * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        items->markers = larger;
        items->marker_room = room;
        return true;
    }
    memmove(items->markers, items->markers + items->marker_first,
            items->marker_count * sizeof *items->markers);
    items->marker_first = 0;
    return true;
}

/* In the order of what they wait for; one for the same gives way. */
static bool add_marker(amps_bookmark_items *items, const amps_bookmark_marker *marker)
{
    amps_bookmark_marker *first = items->markers + items->marker_first;
    size_t                at = items->marker_count;
    while (at > 0 && first[at - 1].after > marker->after) {
        at--;
    }
    if (at > 0 && first[at - 1].after == marker->after) {
        forget_point(&first[at - 1].point);
        first[at - 1] = *marker;
        return true;
    }
    if (!reserve_marker(items)) {
        return false;
    }
    first = items->markers + items->marker_first;
    memmove(first + at + 1, first + at, (items->marker_count - at) * sizeof *first);
    first[at] = *marker;
    items->marker_count++;
    return true;
}

amps_status amps_bookmark_items_persisted(amps_bookmark_items *items, const amps_bookmark *bookmark,
                                          uint64_t after, bool *counts)
{
    amps_bookmark_marker marker = {.after = after};
    if (!make_point(&marker.point, bookmark)) {
        return AMPS_NO_MEMORY;
    }
    *counts = after < items->first && !items->is_pinned;
    if (*counts) {
        set_safe(items, &marker.point);
    } else if (!add_marker(items, &marker)) {
        forget_point(&marker.point);
        return AMPS_NO_MEMORY;
    }
    return AMPS_OK;
}

/* ---- Where it starts -------------------------------------------------------------------------*/

amps_status amps_bookmark_items_anchor(amps_bookmark_items *items, amps_slice anchor, bool is_now)
{
    char *copy = new_text(anchor);
    if (copy == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_memory_free(items->anchor);
    items->anchor = copy;
    items->anchor_size = anchor.size;
    items->anchor_is_now = is_now;
    return AMPS_OK;
}

amps_status amps_bookmark_items_begin(amps_bookmark_items *items, amps_slice anchor, bool is_now)
{
    char *copy = new_text(anchor);
    if (copy == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_bookmark_items_clear(items);
    items->anchor = copy;
    items->anchor_size = anchor.size;
    items->anchor_is_now = is_now;
    return AMPS_OK;
}

amps_status amps_bookmark_items_recover(amps_bookmark_items *items, amps_slice list)
{
    amps_slice    member;
    amps_bookmark bookmark;
    amps_status   status = amps_bookmark_items_anchor(items, list, false);
    while (status == AMPS_OK && amps_bookmark_next(&list, &member)) {
        if (amps_bookmark_parse(member, &bookmark) && !amps_bookmark_is_opaque(&bookmark)) {
            status = amps_bookmark_items_list(items, &bookmark);
        }
    }
    items->is_recovered = true;
    return status;
}

amps_status amps_bookmark_items_raise(amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    uint32_t number = amps_bookmark_publisher_get(&items->publishers, bookmark);
    if (number == 0) {
        return AMPS_NO_MEMORY;
    }
    amps_bookmark_publisher *publisher = publisher_at(items, number);
    if (bookmark->sequence > publisher->high) {
        publisher->high = bookmark->sequence;
    }
    return AMPS_OK;
}

amps_status amps_bookmark_items_list(amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    amps_status status = amps_bookmark_items_raise(items, bookmark);
    if (status == AMPS_OK) {
        amps_bookmark_publisher_list(&items->publishers, find_publisher(items, bookmark),
                                     bookmark->sequence, 0);
    }
    return status;
}

/* ---- The list --------------------------------------------------------------------------------*/

enum { OF_PUBLISHERS, OF_SAFE, OF_ANCHOR, OF_ANCHOR_MEMBERS, OF_OPENED, OF_NOTHING };

void amps_bookmark_walk_start(amps_bookmark_walk *walk) { memset(walk, 0, sizeof *walk); }

static bool is_listed(const amps_bookmark_items *items, const amps_bookmark *bookmark)
{
    uint32_t number = find_publisher(items, bookmark);
    return number != 0 && publisher_at(items, number)->is_listed &&
           publisher_at(items, number)->recent == bookmark->sequence;
}

static bool walk_publishers(const amps_bookmark_items *items, amps_bookmark_walk *walk)
{
    uint32_t number = walk->publisher != 0 ? publisher_at(items, walk->publisher)->after
                                           : items->publishers.first_listed;
    walk->publisher = number;
    if (number == 0) {
        return false;
    }
    const amps_bookmark_publisher *publisher = publisher_at(items, number);
    walk->member = (amps_slice){publisher->opaque, publisher->opaque_size};
    if (publisher->opaque == NULL) {
        size_t size = publisher->prefix_size;
        memcpy(walk->text, publisher->prefix, size);
        size += amps_bookmark_write_number(publisher->recent, walk->text + size);
        walk->text[size++] = '|';
        walk->member = (amps_slice){walk->text, size};
    }
    return true;
}

static bool walk_safe(const amps_bookmark_items *items, amps_bookmark_walk *walk)
{
    const amps_bookmark_point *safe = &items->safe;
    amps_bookmark bookmark = {safe->publisher, safe->sequence, {safe->opaque, safe->opaque_size}};
    if (!safe->is_known || is_listed(items, &bookmark)) {
        return false;
    }
    walk->member = bookmark.text;
    if (safe->opaque == NULL) {
        size_t size = amps_bookmark_write(safe->publisher, safe->sequence, walk->text);
        walk->member = (amps_slice){walk->text, size};
    }
    return true;
}

static bool waits_for_an_unlisted(const amps_bookmark_items *items)
{
    for (uint32_t number = 1; number <= items->publishers.count; number++) {
        const amps_bookmark_publisher *publisher = publisher_at(items, number);
        if (publisher->waiting > 0 && !publisher->is_listed) {
            return true;
        }
    }
    return false;
}

static bool needs_anchor(const amps_bookmark_items *items)
{
    return !items->safe.is_known && (items->publishers.listed_count == 0 ||
                                     (items->is_recovered && waits_for_an_unlisted(items)));
}

static bool walk_anchor(const amps_bookmark_items *items, amps_bookmark_walk *walk)
{
    amps_bookmark bookmark;
    while (amps_bookmark_next(&walk->rest, &walk->member)) {
        bool is_plain = amps_bookmark_parse(walk->member, &bookmark);
        if (!is_plain || (!is_listed(items, &bookmark) && !is_point(&items->safe, &bookmark))) {
            return true;
        }
    }
    return false;
}

static bool is_nothing_listed(const amps_bookmark_items *items)
{
    return items->publishers.listed_count == 0 && !items->safe.is_known && items->anchor_size == 0;
}

bool amps_bookmark_walk_next(const amps_bookmark_items *items, amps_bookmark_walk *walk)
{
    while (walk->step != OF_NOTHING) {
        bool found = false;
        switch (walk->step) {
        case OF_PUBLISHERS:
            if (walk_publishers(items, walk)) {
                return true;
            }
            break;
        case OF_SAFE:
            found = walk_safe(items, walk);
            break;
        case OF_ANCHOR:
            if (needs_anchor(items)) {
                walk->rest = (amps_slice){items->anchor, items->anchor_size};
            }
            break;
        case OF_ANCHOR_MEMBERS:
            if (walk_anchor(items, walk)) {
                return true;
            }
            break;
        default:
            walk->member = (amps_slice){items->opened, sizeof items->opened};
            found = items->is_recovered && items->opened[0] != 0 && !is_nothing_listed(items);
            break;
        }
        walk->step++;
        if (found) {
            return true;
        }
    }
    return false;
}

size_t amps_bookmark_items_write(const amps_bookmark_items *items, char *out, size_t out_size)
{
    amps_bookmark_walk walk;
    size_t             size = 0;
    amps_bookmark_walk_start(&walk);
    while (amps_bookmark_walk_next(items, &walk)) {
        size_t comma = size > 0;
        if (size + comma + walk.member.size <= out_size) {
            memcpy(out + size, ",", comma);
            memcpy(out + size + comma, walk.member.at, walk.member.size);
        }
        size += comma + walk.member.size;
    }
    return size;
}
