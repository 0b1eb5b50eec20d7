/* test_file_index.c: places added, killed and let go in all orders, and memory that runs out. */
#include "amps_file_index.h"

#include "amps_memory.h"
#include "check.h"

static void add(amps_file_index *index, uint64_t sequence)
{
    CHECK(amps_file_index_has_room(index));
    amps_file_index_add(index, (amps_file_entry){.sequence = sequence,
                                                 .block = (uint32_t)sequence,
                                                 .place = (uint32_t)sequence * 8 & INT32_MAX});
}

static uint64_t above(const amps_file_index *index, uint64_t after)
{
    const amps_file_entry *entry = amps_file_index_above(index, after);
    CHECK(entry == NULL || entry->place == entry->block * 8);
    return entry != NULL ? entry->sequence : 0;
}

static void an_empty_one_has_nothing(void)
{
    amps_file_index index = {0};
    CHECK_NUMBER(above(&index, 0), 0);
    CHECK(amps_file_index_find(&index, 0) == NULL && amps_file_index_find(&index, 7) == NULL);
    CHECK(amps_file_index_front(&index) == NULL && amps_file_index_last(&index) == NULL);
    amps_file_index_fini(&index);
}

static void records_are_found_with_gaps_between_them(void)
{
    amps_file_index index = {0};
    for (uint64_t sequence = 10; sequence <= 30000; sequence += 10) {
        add(&index, sequence);
    }
    CHECK_NUMBER(index.live, 3000);
    CHECK_NUMBER(above(&index, 0), 10);
    CHECK_NUMBER(above(&index, 9), 10);
    CHECK_NUMBER(above(&index, 10), 20);
    CHECK_NUMBER(above(&index, 29999), 30000);
    CHECK_NUMBER(above(&index, 30000), 0);
    CHECK(amps_file_index_find(&index, 15) == NULL);
    CHECK_NUMBER(amps_file_index_find(&index, 12340)->block, 12340);
    CHECK_NUMBER(amps_file_index_last(&index)->sequence, 30000);
    amps_file_index_undo_add(&index);
    CHECK_NUMBER(amps_file_index_last(&index)->sequence, 29990);
    CHECK_NUMBER(index.live, 2999);
    amps_file_index_fini(&index);
}

static void the_dead_are_passed_over_and_go_at_the_front(void)
{
    amps_file_index index = {0};
    for (uint64_t sequence = 1; sequence <= 5; sequence++) {
        add(&index, sequence);
    }
    amps_file_index_kill(&index, amps_file_index_find(&index, 1));
    amps_file_index_kill(&index, amps_file_index_find(&index, 3));
    amps_file_index_kill(&index, amps_file_index_find(&index, 4));
    CHECK_NUMBER(index.live, 2);
    CHECK_NUMBER(above(&index, 0), 2);
    CHECK_NUMBER(above(&index, 2), 5);
    CHECK(amps_file_index_find(&index, 3) == NULL);
    CHECK(amps_file_index_front(&index)->dead);
    amps_file_index_drop_front(&index);
    CHECK_NUMBER(index.live, 2);
    amps_file_index_drop_front(&index);
    CHECK_NUMBER(index.live, 1);
    CHECK_NUMBER(amps_file_index_front(&index)->sequence, 3);
    amps_file_index_fini(&index);
}

/* A window that moves along, narrow and wide in turn, needs the memory of the widest. */
static void memory_is_used_again(void)
{
    amps_file_index index = {0};
    uint64_t        first = 1, next = 1;
    for (int turn = 0; turn < 200; turn++) {
        for (uint64_t count = turn % 5 == 0 ? 1000 : 100; count > 0; count--) {
            add(&index, next++);
        }
        while (next - first > (turn % 7 == 0 ? 0 : 300)) {
            CHECK_NUMBER(amps_file_index_front(&index)->sequence, first);
            amps_file_index_drop_front(&index);
            first++;
        }
        CHECK_NUMBER(index.live, next - first);
        CHECK_NUMBER(above(&index, 0), first < next ? first : 0);
    }
    CHECK(index.room <= 4096);
    amps_file_index_fini(&index);
}

static void what_a_long_outage_took_is_given_back(void)
{
    amps_file_index index = {0};
    for (uint64_t sequence = 1; sequence <= 300000; sequence++) {
        add(&index, sequence);
    }
    while (amps_file_index_front(&index) != NULL) {
        amps_file_index_drop_front(&index);
    }
    CHECK(index.entries == NULL && index.live == 0);
    add(&index, 300001);
    CHECK_NUMBER(above(&index, 0), 300001);
    amps_file_index_fini(&index);
}

static void without_memory_all_stays(void)
{
    amps_file_index index = {0};
    uint64_t        next = 1;
    for (uint64_t failures = 0; failures < 4;) {
        amps_memory_fail_at(1, 0);
        if (amps_file_index_has_room(&index)) {
            amps_memory_fail_at(0, 0);
            add(&index, next++);
            continue;
        }
        failures++;
        CHECK_NUMBER(index.live, next - 1);
        CHECK_NUMBER(above(&index, 0), next > 1 ? 1 : 0);
        amps_memory_fail_at(0, 0);
        add(&index, next++);
    }
    for (uint64_t sequence = 1; sequence < next; sequence++) {
        CHECK_NUMBER(above(&index, sequence - 1), sequence);
    }
    amps_file_index_fini(&index);
}

int main(void)
{
    RUN(an_empty_one_has_nothing);
    RUN(records_are_found_with_gaps_between_them);
    RUN(the_dead_are_passed_over_and_go_at_the_front);
    RUN(memory_is_used_again);
    RUN(what_a_long_outage_took_is_given_back);
    RUN(without_memory_all_stays);
    return 0;
}
