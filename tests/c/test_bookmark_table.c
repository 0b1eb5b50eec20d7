/* test_bookmark_table.c: what is put in is found until it is taken out. */
#include "amps_bookmark_table.h"
#include "amps_memory.h"
#include "check.h"

#define VALUES 3000u
#define TURNS  200000u

static uint32_t hash_of(uint32_t value, uint32_t bits) /* few bits: many in each other's way */
{
    return (amps_bookmark_hash(1, 2, value) & ((1u << bits) - 1)) | 1;
}

static uint32_t find(const amps_bookmark_table *table, uint32_t hash, uint32_t value)
{
    uint32_t at = amps_bookmark_table_first(table, hash);
    while (at != AMPS_BOOKMARK_NO_SLOT && table->slots[at].value != value) {
        at = amps_bookmark_table_next(table, at);
    }
    return at;
}

static void agrees_with_a_list(uint32_t bits, uint32_t values)
{
    static bool         there[VALUES];
    amps_bookmark_table table = {.count = 0};
    uint64_t            random = 42;
    uint32_t            count = 0;
    memset(there, 0, sizeof there);
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        uint32_t value = (uint32_t)(check_random(&random) % values);
        uint32_t at = find(&table, hash_of(value, bits), value);
        CHECK((at != AMPS_BOOKMARK_NO_SLOT) == there[value]);
        if (there[value]) {
            amps_bookmark_table_remove(&table, at);
        } else {
            CHECK(amps_bookmark_table_reserve(&table, table.count + 1));
            amps_bookmark_table_add(&table, hash_of(value, bits), value);
        }
        there[value] = !there[value];
        count = there[value] ? count + 1 : count - 1;
        CHECK_NUMBER(table.count, count);
    }
    amps_bookmark_table_fini(&table);
}

static void it_agrees_with_a_plain_list(void) { agrees_with_a_list(31, VALUES); }
static void it_does_so_when_many_have_one_hash(void) { agrees_with_a_list(3, 40); }

static void room_for_many_is_made_at_once(void)
{
    amps_bookmark_table table = {.count = 0};
    CHECK(amps_bookmark_table_reserve(&table, 1000));
    const amps_bookmark_slot *slots = table.slots;
    for (uint32_t value = 0; value < 1000; value++) {
        amps_bookmark_table_add(&table, hash_of(value, 31), value);
        CHECK(amps_bookmark_table_reserve(&table, 1000));
    }
    CHECK(table.slots == slots);
    CHECK(!amps_bookmark_table_reserve(&table, UINT32_MAX));
    CHECK(find(&table, hash_of(999, 31), 999) != AMPS_BOOKMARK_NO_SLOT);
    amps_bookmark_table_fini(&table);
}

static void without_memory_it_stays_as_it_was(void)
{
    amps_bookmark_table table = {.count = 0};
    amps_memory_fail_at(1, 1);
    CHECK(!amps_bookmark_table_reserve(&table, table.count + 1));
    amps_memory_fail_at(0, 0);
    for (uint32_t value = 0; value < 12; value++) {
        CHECK(amps_bookmark_table_reserve(&table, table.count + 1));
        amps_bookmark_table_add(&table, hash_of(value, 31), value);
    }
    amps_memory_fail_at(1, 1);
    CHECK(!amps_bookmark_table_reserve(&table, table.count + 1));
    amps_memory_fail_at(0, 0);
    for (uint32_t value = 0; value < 12; value++) {
        CHECK(find(&table, hash_of(value, 31), value) != AMPS_BOOKMARK_NO_SLOT);
    }
    amps_bookmark_table_fini(&table);
}

int main(void)
{
    RUN(it_agrees_with_a_plain_list);
    RUN(it_does_so_when_many_have_one_hash);
    RUN(room_for_many_is_made_at_once);
    RUN(without_memory_it_stays_as_it_was);
    return 0;
}
