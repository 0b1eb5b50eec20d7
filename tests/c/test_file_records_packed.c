/* test_file_records_packed.c: small records share blocks: filled, buried, used again, gone on with.
 */
#include <errno.h>

#include "amps_file.h"
#include "amps_file_layout.h"
#include "amps_memory.h"
#include "records.h"

#define BLOCK_SIZE  256u /* 240 bytes for records, each with 24 of its own */
#define FULL        216u /* fills a block alone */
#define PLACE_OF(n) (AMPS_LAYOUT_HEADER_SIZE + (n)*BLOCK_SIZE + AMPS_LAYOUT_PLACE_FIRST)

/* Bytes that tell the sequence and the size. */
static amps_slice bytes_for(uint64_t sequence, size_t size)
{
    static char bytes[4096];
    for (size_t at = 0; at < size; at++) {
        bytes[at] = (char)(sequence * 31 + size * 17 + at * 5);
    }
    return (amps_slice){bytes, size};
}

static amps_status try_pack(amps_file_records *records, uint64_t sequence, size_t size)
{
    return amps_file_records_add(records, sequence, bytes_for(sequence, size), false, NULL);
}

static void pack(amps_file_records *records, uint64_t sequence, size_t size)
{
    CHECK_NUMBER(amps_file_records_lacks(records, size), 0);
    CHECK_STATUS(try_pack(records, sequence, size), AMPS_OK);
}

/* This record is there, and whole. */
static void check_record(amps_file_records *records, uint64_t sequence, size_t size)
{
    char     out[4096];
    uint64_t found;
    size_t   there;
    CHECK_STATUS(
        amps_file_records_read_after(records, sequence - 1, out, sizeof out, &found, &there, NULL),
        AMPS_OK);
    CHECK_NUMBER(found, sequence);
    CHECK_NUMBER(there, size);
    CHECK(memcmp(out, bytes_for(sequence, size).at, size) == 0);
}

static uint64_t sequence_above(amps_file_records *records, uint64_t after)
{
    char     out[4096];
    uint64_t found = 0;
    size_t   there;
    CHECK_STATUS(
        amps_file_records_read_after(records, after, out, sizeof out, &found, &there, NULL),
        AMPS_OK);
    return found;
}

/* How many blocks are free: a record of that many would just fit. */
static size_t free_blocks(const amps_file_records *records)
{
    size_t payload = BLOCK_SIZE - sizeof(amps_layout_block), blocks = 2;
    while (amps_file_records_lacks(records, blocks * payload) == 0) {
        blocks++;
    }
    return blocks - 1;
}

static amps_file_records *reopened(amps_file_records *records, const char *name)
{
    amps_file_records_free(records); /* as a kill would */
    return open_records(name, BLOCK_SIZE, 8);
}

static void a_block_is_filled_to_its_last_byte(void)
{
    amps_file_records *records = open_records("filled", BLOCK_SIZE, 8);
    pack(records, 1, 96);
    pack(records, 2, 96); /* 240 in all */
    CHECK_NUMBER(free_blocks(records), 7);
    pack(records, 3, FULL);
    CHECK_NUMBER(free_blocks(records), 6);
    pack(records, 4, 96);
    pack(records, 5, 97); /* one too many */
    CHECK_NUMBER(free_blocks(records), 4);
    pack(records, 6, FULL + 1); /* too many for any: a chain */
    CHECK_NUMBER(free_blocks(records), 3);
    pack(records, 7, 72); /* beside 5, which the chain has not closed */
    CHECK_NUMBER(free_blocks(records), 3);
    for (int turn = 0; turn < 2; turn++) {
        static const size_t sizes[] = {96, 96, FULL, 96, 97, FULL + 1, 72};
        for (size_t at = 0; at < COUNT_OF(sizes); at++) {
            check_record(records, at + 1, sizes[at]);
        }
        CHECK_NUMBER(free_blocks(records), 3);
        records = reopened(records, "filled");
    }
    amps_file_records_free(records);
}

/* Of the smallest block there are 48 bytes; a record of none still has a place. */
static void the_smallest_block_and_the_smallest_record(void)
{
    amps_file_records *records = open_records("smallest", 64, 3);
    pack(records, 1, 0);
    pack(records, 2, 0);
    pack(records, 3, 24);
    pack(records, 4, 25); /* a chain of one */
    CHECK_NUMBER(amps_file_records_lacks(records, 0), 1);
    for (int turn = 0; turn < 2; turn++) {
        check_record(records, 1, 0);
        check_record(records, 2, 0);
        check_record(records, 3, 24);
        check_record(records, 4, 25);
        amps_file_records_free(records);
        records = open_records("smallest", 64, 3);
    }
    discard(records, 1);
    CHECK_NUMBER(amps_file_records_lacks(records, 24), 1);
    discard(records, 2);
    CHECK_NUMBER(amps_file_records_lacks(records, 24), 0);
    amps_file_records_free(records);
}

static void the_newest_block_goes_on_after_reopening(void)
{
    amps_file_records *records = open_records("on", BLOCK_SIZE, 8);
    for (uint64_t sequence = 1; sequence <= 24; sequence++) {
        pack(records, sequence, 40); /* three in a block, if each life did not begin a new one */
        records = reopened(records, "on");
        check_record(records, sequence, 40);
    }
    CHECK_NUMBER(amps_file_records_count(records), 24);
    CHECK_NUMBER(amps_file_records_lacks(records, 40), 1);
    discard(records, 23);
    CHECK_NUMBER(free_blocks(records), 7);
    bury(records, 24);
    CHECK_NUMBER(amps_file_records_lacks(records, 8 * 224), 0); /* all of them */
    records = reopened(records, "on");
    CHECK_NUMBER(amps_file_records_assigned(records), 24);
    amps_file_records_free(records);
}

static void a_block_is_free_when_its_last_record_goes(void)
{
    amps_file_records *records = open_records("last", BLOCK_SIZE, 8);
    for (uint64_t sequence = 1; sequence <= 9; sequence++) {
        pack(records, sequence, 40);
    }
    CHECK_NUMBER(free_blocks(records), 5);
    bury(records, 2);
    discard(records, 1);
    CHECK_NUMBER(free_blocks(records), 5); /* 3 lives */
    bury(records, 4);
    bury(records, 5);
    bury(records, 6);
    CHECK_NUMBER(free_blocks(records), 5); /* the tombstones are needed: 3 is older */
    for (int turn = 0; turn < 2; turn++) {
        CHECK_NUMBER(amps_file_records_count(records), 4);
        CHECK_NUMBER(amps_file_records_lowest(records), 3);
        CHECK_NUMBER(sequence_above(records, 3), 7);
        records = reopened(records, "last");
        CHECK_NUMBER(free_blocks(records), 5);
    }
    bury(records, 3);
    CHECK_NUMBER(free_blocks(records), 7);
    bury(records, 9);
    bury(records, 8);
    CHECK_NUMBER(free_blocks(records), 7);
    check_record(records, 7, 40);
    bury(records, 7); /* the open block goes, too */
    CHECK_NUMBER(amps_file_records_lacks(records, 8 * 224), 0);
    pack(records, 10, 40);
    records = reopened(records, "last");
    check_record(records, 10, 40);
    CHECK_NUMBER(amps_file_records_count(records), 1);
    amps_file_records_free(records);
}

/* What a block's former life has left in it is whole, signed, and at its right place: a record of
 * then would pass every check. */
static void stale_bytes_are_never_records(void)
{
    amps_file_records *records = open_records("stale", BLOCK_SIZE, 8);
    for (uint64_t round = 0; round < 40; round++) {
        uint64_t first = round * 10 + 1;
        pack(records, first, 40);
        pack(records, first + 1, 40);
        pack(records, first + 2, 40); /* 3 x 64 */
        pack(records, first + 3, round % 2 == 0 ? 300 : 40);
        records = reopened(records, "stale");
        CHECK_NUMBER(amps_file_records_count(records), 4);
        discard(records, first + 2 - round % 3);
        bury(records, first + 3);
        pack(records, first + 4, 40); /* over the first of the old ones, or beside a young one */
        records = reopened(records, "stale");
        CHECK_NUMBER(amps_file_records_count(records), 1 + round % 3);
        check_record(records, first + 4, 40);
        discard(records, first + 4);
        CHECK_NUMBER(amps_file_records_lacks(records, 8 * 224), 0);
        records = reopened(records, "stale");
        CHECK_NUMBER(amps_file_records_count(records), 0);
        CHECK_NUMBER(amps_file_records_lacks(records, 8 * 224), 0);
    }
    amps_file_records_free(records);
}

/* The number of a record that was the only one and was buried is not given again, even when its
 * block is torn open for the next and the process dies there. */
static void the_highest_number_outlives_its_tombstone(void)
{
    amps_file_records *records = open_records("highest", BLOCK_SIZE, 8);
    pack(records, 77, 40);
    bury(records, 77);
    amps_file_records_free(records);
    uint32_t state = AMPS_BLOCK_FREE; /* the first step of using it again */
    write_at(in_folder("highest"), AMPS_LAYOUT_HEADER_SIZE, &state, sizeof state);
    records = open_records("highest", BLOCK_SIZE, 8);
    CHECK_NUMBER(amps_file_records_assigned(records), 77);
    amps_file_records_free(records);
}

static void what_is_damaged_while_it_is_open_is_not_handed_out(void)
{
    amps_file_records *records = open_records("bitten", BLOCK_SIZE, 8);
    char               out[4096];
    uint64_t           sequence;
    size_t             size;
    pack(records, 1, 40);
    pack(records, 2, 40);
    pack(records, 3, 300);
    for (size_t at = 4; at < 64; at++) { /* all of the first but its state */
        char *map = bytes_of(in_folder("bitten"), &size), was = map[PLACE_OF(0) + at];
        free(map);
        for (int bit = 0; bit < 8; bit++) {
            char now = (char)(was ^ 1 << bit);
            write_at(in_folder("bitten"), PLACE_OF(0) + at, &now, 1);
            CHECK_STATUS(
                amps_file_records_read_after(records, 0, out, sizeof out, &sequence, &size, NULL),
                AMPS_STORE);
            CHECK_NUMBER(sequence, 1);
            check_record(records, 2, 40);
        }
        write_at(in_folder("bitten"), PLACE_OF(0) + at, &was, 1);
        check_record(records, 1, 40);
    }
    write_at(in_folder("bitten"), AMPS_LAYOUT_HEADER_SIZE + BLOCK_SIZE + 8, "????", 4); /* a size */
    CHECK_STATUS(amps_file_records_read_after(records, 2, out, 10, &sequence, &size, NULL),
                 AMPS_STORE);
    amps_file_records_free(records);
}

static void a_sync_that_fails_takes_back_from_the_block(void)
{
    amps_file_records  *records = open_records("back", BLOCK_SIZE, 8);
    static const size_t sizes[] = {40, 40, 300, 96, 216}; /* in the open one, a chain, a new one */
    uint64_t            sequence = 1;
    for (size_t at = 0; at < COUNT_OF(sizes); at++, sequence++) {
        size_t before = free_blocks(records);
        amps_file_fail_at(2, false, EIO); /* the first asks for the size */
        CHECK_STATUS(
            amps_file_records_add(records, sequence, bytes_for(sequence, sizes[at]), true, NULL),
            AMPS_STORE);
        amps_file_fail_at(0, false, 0);
        CHECK_NUMBER(free_blocks(records), before);
        CHECK_NUMBER(amps_file_records_count(records), sequence - 1);
        records = reopened(records, "back");
        CHECK_NUMBER(free_blocks(records), before);
        CHECK_NUMBER(amps_file_records_count(records), sequence - 1);
        CHECK_STATUS(
            amps_file_records_add(records, sequence, bytes_for(sequence, sizes[at]), true, NULL),
            AMPS_OK);
        check_record(records, sequence, sizes[at]);
    }
    amps_file_records_free(records);
}

static void two_files_know_nothing_of_each_other(void)
{
    amps_file_records *one = open_records("one", BLOCK_SIZE, 2);
    amps_file_records *two = open_records("two", 2048, 2);
    for (uint64_t sequence = 1; sequence <= 200; sequence++) {
        CHECK_STATUS(try_put(one, sequence, NULL), AMPS_OK);
        CHECK_STATUS(try_put(two, sequence * 2, NULL), AMPS_OK);
    }
    one = reopened(one, "one");
    two = reopened(two, "two");
    for (uint64_t sequence = 1; sequence <= 200; sequence++) {
        CHECK_NUMBER(get_above(one, sequence - 1), sequence);
        CHECK_NUMBER(get_above(two, sequence * 2 - 1), sequence * 2);
    }
    amps_file_records_free(one);
    amps_file_records_free(two);
}

/* ---- Against a list of what must be there --------------------------------------------------- */

#define NUMBERS 6000u

typedef struct model {
    size_t   sizes[NUMBERS + 1]; /* 0: it is not there */
    uint64_t last;
    uint64_t persisted;
} model;

static size_t random_size(uint64_t *seed)
{
    static const size_t edges[] = {16, 95, 96, 97, 215, 216, 217, 224, 225, 447, 448, 449};
    uint64_t            turn = check_random(seed);
    return turn % 4 == 0   ? edges[turn / 4 % COUNT_OF(edges)]
           : turn % 9 == 1 ? 1 + turn / 9 % 3000
                           : 1 + turn / 9 % 120;
}

static void check_model(amps_file_records *records, const model *expected)
{
    uint64_t count = 0;
    for (uint64_t at = 1; at <= expected->last; at++) {
        if (expected->sizes[at] != 0) {
            check_record(records, at, expected->sizes[at]);
            count++;
        }
    }
    CHECK_NUMBER(amps_file_records_count(records), count);
    CHECK_NUMBER(amps_file_records_assigned(records), expected->last);
    CHECK_NUMBER(amps_file_records_persisted(records), expected->persisted);
}

static void one_turn(amps_file_records *records, model *expected, uint64_t *seed)
{
    uint64_t turn = check_random(seed), at = expected->persisted + 1 + turn / 64 % 60;
    if (turn % 16 < 11 || at > expected->last) {
        size_t size = random_size(seed);
        for (size_t lacks; (lacks = amps_file_records_lacks(records, size)) > 0;) {
            CHECK_STATUS(amps_file_records_grow(records, lacks, NULL), AMPS_OK);
        }
        expected->last++;
        CHECK_STATUS(try_pack(records, expected->last, size), AMPS_OK);
        expected->sizes[expected->last] = size;
    } else if (turn % 16 < 14) {
        amps_status status = amps_file_records_discard_one(records, at, NULL);
        CHECK_STATUS(status, expected->sizes[at] != 0 ? AMPS_OK : AMPS_END);
        expected->sizes[at] = 0;
    } else {
        discard(records, at);
        for (; expected->persisted < at; expected->persisted++) {
            expected->sizes[expected->persisted + 1] = 0;
        }
    }
}

static void whatever_is_done_in_whatever_order(void)
{
    static model       expected;
    uint64_t           seed = 11;
    amps_file_records *records = open_records("model", BLOCK_SIZE, 8);
    while (expected.last < NUMBERS) {
        one_turn(records, &expected, &seed);
        if (check_random(&seed) % 150 == 0) {
            records = reopened(records, "model");
            check_model(records, &expected);
        }
    }
    check_model(records, &expected);
    discard(records, NUMBERS);
    size_t blocks = amps_file_records_capacity(records) / BLOCK_SIZE;
    CHECK_NUMBER(amps_file_records_lacks(records, blocks * 224), 0); /* not one has been lost */
    CHECK(blocks < 400);
    amps_file_records_free(records);
}

int main(void)
{
    folder_make();
    RUN(a_block_is_filled_to_its_last_byte);
    RUN(the_smallest_block_and_the_smallest_record);
    RUN(the_newest_block_goes_on_after_reopening);
    RUN(a_block_is_free_when_its_last_record_goes);
    RUN(stale_bytes_are_never_records);
    RUN(the_highest_number_outlives_its_tombstone);
    RUN(what_is_damaged_while_it_is_open_is_not_handed_out);
    RUN(a_sync_that_fails_takes_back_from_the_block);
    RUN(two_files_know_nothing_of_each_other);
    RUN(whatever_is_done_in_whatever_order);
    folder_remove();
    return 0;
}
