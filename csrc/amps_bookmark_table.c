/* amps_bookmark_table.c: open addressing, at most three quarters full. */
#include "amps_bookmark_table.h"

#include "amps_memory.h"

#define CAPACITY_MIN 16u
#define CAPACITY_MAX (1u << 30)

void amps_bookmark_table_fini(amps_bookmark_table *table)
{
    amps_memory_free(table->slots);
    memset(table, 0, sizeof *table);
}

void amps_bookmark_table_add(amps_bookmark_table *table, uint32_t hash, uint32_t value)
{
    uint32_t mask = table->capacity - 1;
    uint32_t at = (hash >> 1) & mask;
    AMPS_ASSERT(table->count < table->capacity && hash != 0);
    while (table->slots[at].hash != 0) {
        at = (at + 1) & mask;
    }
    table->slots[at] = (amps_bookmark_slot){hash, value};
    table->count++;
}

static uint32_t fit_in(uint32_t capacity) { return capacity / 4 * 3; }

bool amps_bookmark_table_reserve(amps_bookmark_table *table, uint32_t count)
{
    if (AMPS_LIKELY(count <= fit_in(table->capacity))) {
        return true;
    }
    if (count > fit_in(CAPACITY_MAX)) {
        return false;
    }
    amps_bookmark_table larger = {.capacity =
                                      table->capacity > 0 ? table->capacity * 2 : CAPACITY_MIN};
    while (count > fit_in(larger.capacity)) {
        larger.capacity *= 2;
    }
    larger.slots = amps_memory_new_zeroed(larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (uint32_t at = 0; at < table->capacity; at++) {
        if (table->slots[at].hash != 0) {
            amps_bookmark_table_add(&larger, table->slots[at].hash, table->slots[at].value);
        }
    }
    amps_memory_free(table->slots);
    *table = larger;
    return true;
}

/* Those that stand further on than they want to move up into the gap. */
void amps_bookmark_table_remove(amps_bookmark_table *table, uint32_t at)
{
    uint32_t mask = table->capacity - 1;
    for (uint32_t next = (at + 1) & mask; table->slots[next].hash != 0; next = (next + 1) & mask) {
        uint32_t wanted = (table->slots[next].hash >> 1) & mask;
        if (((next - wanted) & mask) >= ((next - at) & mask)) {
            table->slots[at] = table->slots[next];
            at = next;
        }
    }
    table->slots[at].hash = 0;
    table->count--;
}
