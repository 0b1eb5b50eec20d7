/* test_file_blocks.c: blocks are taken lowest first, given back, and added; memory runs out. */
#include "amps_file_blocks.h"

#include "amps_memory.h"
#include "check.h"

static void grow(amps_file_blocks *blocks, uint32_t more)
{
    CHECK(amps_file_blocks_make_room(blocks, (uint64_t)blocks->count + more));
    amps_file_blocks_add(blocks, more);
}

static void the_lowest_free_one_is_taken(void)
{
    amps_file_blocks blocks = {0};
    grow(&blocks, 200);
    for (uint32_t block = 0; block < 200; block++) {
        CHECK_NUMBER(amps_file_blocks_take(&blocks), block);
        CHECK_NUMBER(blocks.free_count, 199 - block);
    }
    static const uint32_t back[] = {130, 5, 63, 64, 199, 0};
    for (size_t at = 0; at < COUNT_OF(back); at++) {
        amps_file_blocks_give_back(&blocks, back[at]);
        CHECK(!amps_file_blocks_is_used(&blocks, back[at]));
    }
    static const uint32_t rising[] = {0, 5, 63, 64, 130, 199};
    for (size_t at = 0; at < COUNT_OF(rising); at++) {
        CHECK_NUMBER(amps_file_blocks_take(&blocks), rising[at]);
    }
    CHECK_NUMBER(blocks.free_count, 0);
    amps_file_blocks_fini(&blocks);
}

static void those_found_in_a_file_are_passed_over(void)
{
    amps_file_blocks blocks = {0};
    grow(&blocks, 70);
    for (uint32_t block = 0; block < 70; block += 2) {
        amps_file_blocks_take_this(&blocks, block);
    }
    for (uint32_t block = 1; block < 70; block += 2) {
        CHECK_NUMBER(amps_file_blocks_take(&blocks), block);
    }
    CHECK_NUMBER(blocks.free_count, 0);
    amps_file_blocks_fini(&blocks);
}

static void links_and_bits_stay_when_there_are_more(void)
{
    amps_file_blocks blocks = {0};
    for (uint32_t at = 0; at < 1000; at++) {
        grow(&blocks, 1 + at % 3);
        uint32_t block = amps_file_blocks_take(&blocks);
        CHECK_NUMBER(block, at);
        blocks.links[block] = at * 7;
    }
    for (uint32_t at = 0; at < 1000; at++) {
        CHECK(amps_file_blocks_is_used(&blocks, at) && blocks.links[at] == at * 7);
    }
    CHECK(!amps_file_blocks_is_used(&blocks, 1000));
    amps_file_blocks_fini(&blocks);
}

static void without_memory_all_stays(void)
{
    amps_file_blocks blocks = {0};
    grow(&blocks, 63);
    CHECK_NUMBER(amps_file_blocks_take(&blocks), 0);
    for (uint64_t n = 1; n <= 2; n++) {
        amps_memory_fail_at(n, 0);
        CHECK(!amps_file_blocks_make_room(&blocks, 5000));
        amps_memory_fail_at(0, 0);
        CHECK(blocks.count == 63 && blocks.free_count == 62);
        CHECK(amps_file_blocks_is_used(&blocks, 0));
    }
    grow(&blocks, 5000);
    for (uint32_t block = 1; block < 5063; block++) {
        CHECK_NUMBER(amps_file_blocks_take(&blocks), block);
    }
    amps_file_blocks_fini(&blocks);
}

int main(void)
{
    RUN(the_lowest_free_one_is_taken);
    RUN(those_found_in_a_file_are_passed_over);
    RUN(links_and_bits_stay_when_there_are_more);
    RUN(without_memory_all_stays);
    return 0;
}
