/* amps_bookmark_publishers.c: an array, a table to find them, a chain of the listed. */
#include "amps_bookmark_publishers.h"

#include "amps_memory.h"

#define PUBLISHERS_MIN 4u
#define PUBLISHERS_MAX (1u << 28)

#define publisher_at amps_bookmark_publisher_at

void amps_bookmark_publishers_fini(amps_bookmark_publishers *publishers)
{
    for (uint32_t number = 1; number <= publishers->count; number++) {
        amps_memory_free(publisher_at(publishers, number)->opaque);
    }
    amps_memory_free(publishers->all);
    amps_bookmark_table_fini(&publishers->table);
    *publishers = (amps_bookmark_publishers){.seed = publishers->seed};
}

static char *new_text(amps_slice text)
{
    char *copy = amps_memory_new(text.size);
    if (copy != NULL) {
        memcpy(copy, text.at, text.size);
    }
    return copy;
}

static uint32_t hash_of_text(uint64_t seed, amps_slice text)
{
    uint64_t hash = seed ^ text.size;
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    return amps_bookmark_hash(seed, hash, text.size);
}

uint32_t amps_bookmark_publisher_hash(const amps_bookmark_publishers *publishers,
                                      const amps_bookmark            *bookmark)
{
    return amps_bookmark_is_opaque(bookmark)
               ? hash_of_text(publishers->seed, bookmark->text)
               : amps_bookmark_hash(publishers->seed, 0, bookmark->publisher);
}

static bool is_publisher(const amps_bookmark_publisher *publisher, const amps_bookmark *bookmark)
{
    if (amps_bookmark_is_opaque(bookmark)) {
        return publisher->opaque != NULL &&
               amps_slice_equal((amps_slice){publisher->opaque, publisher->opaque_size},
                                bookmark->text);
    }
    return publisher->opaque == NULL && publisher->id == bookmark->publisher;
}

uint32_t amps_bookmark_publisher_find(const amps_bookmark_publishers *publishers,
                                      const amps_bookmark            *bookmark)
{
    const amps_bookmark_table *table = &publishers->table;
    uint32_t                   at =
        amps_bookmark_table_first(table, amps_bookmark_publisher_hash(publishers, bookmark));
    while (at != AMPS_BOOKMARK_NO_SLOT &&
           !is_publisher(publisher_at(publishers, table->slots[at].value), bookmark)) {
        at = amps_bookmark_table_next(table, at);
    }
    return at != AMPS_BOOKMARK_NO_SLOT ? table->slots[at].value : 0;
}

static bool reserve_publisher(amps_bookmark_publishers *publishers)
{
    if (publishers->free == 0 && publishers->count == publishers->room) {
        uint32_t room = publishers->room > 0 ? publishers->room * 2 : PUBLISHERS_MIN;
        amps_bookmark_publisher *larger =
            room <= PUBLISHERS_MAX ? amps_memory_resize(publishers->all, room * sizeof *larger)
                                   : NULL;
        if (larger == NULL) {
            return false;
        }
        publishers->all = larger;
        publishers->room = room;
    }
    return amps_bookmark_table_reserve(&publishers->table, publishers->table.count + 1);
}

/* 0: out of memory. */
static uint32_t new_publisher(amps_bookmark_publishers *publishers, const amps_bookmark *bookmark)
{
    bool  is_opaque = amps_bookmark_is_opaque(bookmark);
    char *opaque = NULL;
    if (!reserve_publisher(publishers) ||
        (is_opaque && (opaque = new_text(bookmark->text)) == NULL)) {
        return 0;
    }
    uint32_t number = publishers->free;
    if (number != 0) {
        publishers->free = publisher_at(publishers, number)->after;
    } else {
        number = ++publishers->count;
    }
    amps_bookmark_publisher *publisher = publisher_at(publishers, number);
    *publisher =
        (amps_bookmark_publisher){.id = bookmark->publisher,
                                  .opaque = opaque,
                                  .opaque_size = (uint32_t)bookmark->text.size,
                                  .hash = amps_bookmark_publisher_hash(publishers, bookmark)};
    if (!is_opaque) {
        size_t size = amps_bookmark_write_number(publisher->id, publisher->prefix);
        publisher->prefix[size] = '|';
        publisher->prefix_size = (uint8_t)(size + 1);
    }
    amps_bookmark_table_add(&publishers->table, publisher->hash, number);
    return number;
}

uint32_t amps_bookmark_publisher_get(amps_bookmark_publishers *publishers,
                                     const amps_bookmark      *bookmark)
{
    uint32_t number = amps_bookmark_publisher_find(publishers, bookmark);
    return number != 0 ? number : new_publisher(publishers, bookmark);
}

static void unchain(amps_bookmark_publishers *publishers, uint32_t number)
{
    amps_bookmark_publisher *publisher = publisher_at(publishers, number);
    uint32_t *before = publisher->before != 0 ? &publisher_at(publishers, publisher->before)->after
                                              : &publishers->first_listed;
    uint32_t *after = publisher->after != 0 ? &publisher_at(publishers, publisher->after)->before
                                            : &publishers->last_listed;
    *before = publisher->after;
    *after = publisher->before;
    publisher->before = publisher->after = 0;
    publisher->is_listed = false;
    publishers->listed_count--;
    publishers->opaque_count -= publisher->opaque != NULL;
}

/* Of an opaque bookmark that nothing refers to. */
static void free_publisher(amps_bookmark_publishers *publishers, uint32_t number)
{
    amps_bookmark_publisher *publisher = publisher_at(publishers, number);
    uint32_t                 at = amps_bookmark_table_first(&publishers->table, publisher->hash);
    while (publishers->table.slots[at].value != number) {
        at = amps_bookmark_table_next(&publishers->table, at);
    }
    amps_bookmark_table_remove(&publishers->table, at);
    amps_memory_free(publisher->opaque);
    *publisher = (amps_bookmark_publisher){.after = publishers->free};
    publishers->free = number;
}

void amps_bookmark_publisher_unlist(amps_bookmark_publishers *publishers, uint32_t number)
{
    unchain(publishers, number);
    const amps_bookmark_publisher *publisher = publisher_at(publishers, number);
    if (publisher->opaque != NULL && publisher->live == 0) {
        free_publisher(publishers, number);
    }
}

/* The oldest that is opaque goes; one that is in the ring again will be listed again. */
static void forget_oldest_opaque(amps_bookmark_publishers *publishers)
{
    uint32_t number = publishers->first_listed;
    while (publisher_at(publishers, number)->opaque == NULL) {
        number = publisher_at(publishers, number)->after;
    }
    amps_bookmark_publisher_unlist(publishers, number);
}

/* Its messages up to this one are done. */
void amps_bookmark_publisher_list(amps_bookmark_publishers *publishers, uint32_t number,
                                  uint64_t sequence, uint64_t index)
{
    amps_bookmark_publisher *publisher = publisher_at(publishers, number);
    publisher->recent = sequence;
    publisher->recent_index = index;
    if (AMPS_LIKELY(publisher->is_listed)) {
        return;
    }
    publisher->is_listed = true;
    publisher->before = publishers->last_listed;
    publisher->after = 0;
    if (publishers->last_listed != 0) {
        publisher_at(publishers, publishers->last_listed)->after = number;
    } else {
        publishers->first_listed = number;
    }
    publishers->last_listed = number;
    publishers->listed_count++;
    publishers->opaque_count += publisher->opaque != NULL;
    if (publishers->opaque_count > AMPS_BOOKMARK_OPAQUE_MAX) {
        forget_oldest_opaque(publishers);
    }
}
