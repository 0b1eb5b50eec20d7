/* test_memory_records.c: records against a plain list: added, killed, let go, found, and the cost.
 */
#include "amps_memory_records.h"

#include "amps_memory.h"
#include "check.h"

#define MANY       20000
#define SPARE_SIZE ((size_t)1 << 18)

/* What the bytes of a record must be, told by its sequence. */
static amps_slice bytes_for(uint64_t sequence, size_t size, char *out)
{
    for (size_t at = 0; at < size; at++) {
        out[at] = (char)(sequence * 31 + at);
    }
    return (amps_slice){out, size};
}

static void add(amps_memory_records *records, uint64_t sequence, size_t size)
{
    char *bytes = malloc(size + 1);
    CHECK(bytes != NULL);
    CHECK_STATUS(amps_memory_records_add(records, sequence, bytes_for(sequence, size, bytes)),
                 AMPS_OK);
    free(bytes);
}

static void check_record(const amps_memory_record *record, uint64_t sequence, size_t size)
{
    char *bytes = malloc(size + 1);
    CHECK(record != NULL && bytes != NULL);
    CHECK_NUMBER(record->sequence, sequence);
    CHECK_NUMBER(record->size, size);
    bytes_for(sequence, size, bytes);
    CHECK(size == 0 || memcmp(record->bytes, bytes, size) == 0);
    free(bytes);
}

static void an_empty_one_has_nothing(void)
{
    amps_memory_records records;
    amps_memory_records_init(&records, SPARE_SIZE);
    CHECK(amps_memory_records_front(&records) == NULL);
    CHECK(amps_memory_records_above(&records, 0) == NULL);
    CHECK(amps_memory_records_find(&records, 0) == NULL);
    CHECK(amps_memory_records_find(&records, 1) == NULL);
    amps_memory_records_drop_up_to(&records, UINT64_MAX);
    CHECK(records.count == 0 && records.used == 0 && records.held == 0);
    amps_memory_records_fini(&records);
}

static void every_size_comes_back_whole(void)
{
    static const size_t sizes[] = {0,     1,     7,     8,     9,      150,   16000, 16340,
                                   16341, 16400, 65000, 70000, 300000, 65480, 3,     1000000};
    amps_memory_records records;
    amps_memory_records_init(&records, SPARE_SIZE);
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        add(&records, 10 + index, sizes[index]);
    }
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        check_record(amps_memory_records_find(&records, 10 + index), 10 + index, sizes[index]);
        check_record(amps_memory_records_above(&records, 9 + index), 10 + index, sizes[index]);
    }
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        check_record(amps_memory_records_front(&records), 10 + index, sizes[index]);
        amps_memory_records_drop_front(&records);
    }
    CHECK(records.count == 0 && records.used == 0);
    CHECK_NUMBER(records.held, records.spare_size > 0 ? records.held : 0);
    amps_memory_records_fini(&records);
}

static void a_small_record_costs_little_and_no_request_of_its_own(void)
{
    amps_memory_records records;
    amps_memory_records_init(&records, 0);
    size_t before = amps_memory_live();
    for (uint64_t sequence = 1; sequence <= MANY; sequence++) {
        add(&records, sequence, 150);
    }
    CHECK(records.held < MANY * (150 + 30));
    CHECK(amps_memory_live() - before < MANY / 300);
    CHECK_NUMBER(records.used, MANY * amps_memory_records_cost(150));
    amps_memory_records_drop_up_to(&records, MANY);
    CHECK_NUMBER(records.held, 0);
    CHECK_NUMBER(amps_memory_live(), before + 1); /* the list of segments */
    amps_memory_records_fini(&records);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void empty_segments_are_kept_up_to_a_limit_and_used_again(void)
{
    amps_memory_records records;
    amps_memory_records_init(&records, SPARE_SIZE);
    for (int turn = 0; turn < 3; turn++) {
        uint64_t from = (uint64_t)turn * MANY;
        for (uint64_t sequence = 1; sequence <= MANY; sequence++) {
            add(&records, from + sequence, 150);
        }
        CHECK(records.spare_size == 0);
        amps_memory_records_drop_up_to(&records, from + MANY);
        CHECK(records.spare_size <= SPARE_SIZE && records.held <= SPARE_SIZE);
        CHECK(records.spare_size > SPARE_SIZE / 2);
    }
    amps_memory_records_fini(&records);
}

static void the_last_add_can_be_undone(void)
{
    amps_memory_records records;
    amps_memory_records_init(&records, SPARE_SIZE);
    for (uint64_t sequence = 1; sequence <= 2000; sequence++) {
        size_t used = records.used;
        add(&records, sequence, 99999);
        amps_memory_records_undo_add(&records);
        add(&records, sequence, 100);
        amps_memory_records_undo_add(&records);
        CHECK_NUMBER(records.used, used);
        CHECK(amps_memory_records_find(&records, sequence) == NULL);
        CHECK_NUMBER(records.count, sequence - 1);
        add(&records, sequence, 100);
    }
    check_record(amps_memory_records_find(&records, 1000), 1000, 100);
    amps_memory_records_fini(&records);
}

/* ---- Against a plain list ------------------------------------------------------------------- */

typedef struct entry {
    uint64_t sequence;
    size_t   size;
    bool     alive;
} entry;

static entry  list[MANY];
static size_t list_first, list_end;

static size_t list_above(uint64_t after)
{
    size_t at = list_first;
    while (at < list_end && (!list[at].alive || list[at].sequence <= after)) {
        at++;
    }
    return at;
}

static void look_up(amps_memory_records *records, uint64_t after)
{
    amps_memory_record *record = amps_memory_records_above(records, after);
    size_t              at = list_above(after);
    if (at == list_end) {
        CHECK(record == NULL);
        return;
    }
    check_record(record, list[at].sequence, list[at].size);
    CHECK(amps_memory_records_find(records, list[at].sequence) == record);
    bool there = list[at].sequence == after + 1;
    CHECK((amps_memory_records_find(records, after + 1) == record) == there);
}

static void change(amps_memory_records *records, uint64_t *seed, uint64_t *last)
{
    uint64_t random = check_random(seed), what = random % 100;
    size_t   held = list_end - list_first;
    if (what < 70) {
        size_t size = what < 2 ? random / 100 % 50000 : random / 100 % 300;
        *last += 1 + (what % 10 == 0 ? random / 1000 % 5 : 0);
        add(records, *last, size);
        list[list_end++] = (entry){*last, size, true};
    } else if (what < 85 && held > 0) {
        size_t at = list_first + random / 100 % held;
        if (list[at].alive) {
            amps_memory_records_kill(records, amps_memory_records_find(records, list[at].sequence));
            list[at].alive = false;
        }
    } else if (what < 87 && held > 0) {
        uint64_t up_to = list[list_first + random / 100 % held].sequence + random / 1000 % 2;
        amps_memory_records_drop_up_to(records, up_to);
        while (list_first < list_end && list[list_first].sequence <= up_to) {
            list_first++;
        }
    } else if (what < 90 && held > 0) {
        amps_memory_records_drop_front(records);
        list_first++;
    }
}

static void random_work_agrees_with_a_plain_list(void)
{
    amps_memory_records records;
    uint64_t            seed = 4711, last = 0;
    amps_memory_records_init(&records, SPARE_SIZE);
    list_first = list_end = 0;
    while (list_end < MANY) {
        change(&records, &seed, &last);
        uint64_t count = 0;
        if (check_random(&seed) % 16 == 0) {
            look_up(&records, check_random(&seed) % (last + 2));
            for (size_t at = list_first; at < list_end; at++) {
                count += list[at].alive;
            }
            CHECK_NUMBER(records.count, count);
        }
    }
    amps_memory_records_drop_up_to(&records, UINT64_MAX);
    CHECK(records.count == 0 && records.used == 0);
    amps_memory_records_fini(&records);
}

static void without_memory_nothing_is_added_and_all_else_stays(void)
{
    size_t before = amps_memory_live();
    for (uint64_t n = 1;; n++) {
        amps_memory_records records;
        amps_memory_records_init(&records, 0);
        char     bytes[20000] = "record";
        uint64_t refused = 0, added = 0;
        amps_memory_fail_at(n, 0);
        for (uint64_t sequence = 1; sequence <= 40; sequence++) {
            amps_status status =
                amps_memory_records_add(&records, sequence, (amps_slice){bytes, sizeof bytes});
            CHECK(status == AMPS_OK || status == AMPS_NO_MEMORY);
            refused += status != AMPS_OK;
            added += status == AMPS_OK;
        }
        amps_memory_fail_at(0, 0);
        CHECK(refused <= 1 && records.count == added);
        amps_memory_records_fini(&records);
        CHECK_NUMBER(amps_memory_live(), before);
        if (refused == 0) {
            CHECK(n > 40);
            return;
        }
    }
}

int main(void)
{
    RUN(an_empty_one_has_nothing);
    RUN(every_size_comes_back_whole);
    RUN(a_small_record_costs_little_and_no_request_of_its_own);
    RUN(empty_segments_are_kept_up_to_a_limit_and_used_again);
    RUN(the_last_add_can_be_undone);
    RUN(random_work_agrees_with_a_plain_list);
    RUN(without_memory_nothing_is_added_and_all_else_stays);
    return 0;
}
