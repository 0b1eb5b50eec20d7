/* test_file_layout.c: which first pages are refused, in which words, and which slot is in force. */
#include "amps_file_layout.h"

#include "check.h"

static void sign(amps_layout_header *header)
{
    header->check = amps_layout_header_check(header);
    for (int at = 0; at < 2; at++) {
        header->slots[at].check = amps_layout_slot_check(&header->slots[at]);
    }
}

static amps_layout_header sound(void)
{
    amps_layout_header header;
    amps_layout_begin(&header, 2048);
    header.slots[0].generation = 7;
    header.slots[1].generation = 8;
    sign(&header);
    return header;
}

static bool says(const amps_layout_header *header, const char *what)
{
    const char *why = amps_layout_refusal(header);
    return why != NULL && strstr(why, what) != NULL;
}

static void a_sound_page_is_read(void)
{
    amps_layout_header header = sound();
    CHECK(amps_layout_refusal(&header) == NULL);
    CHECK(amps_layout_slot_in_force(&header) == 1);
}

static void case_56_what_another_wrote_is_refused_by_its_name(void)
{
    amps_layout_header header = sound();
    header.magic[3] ^= 1;
    CHECK(says(&header, "not a publish store"));
    header = sound();
    header.version++;
    CHECK(says(&header, "newer version"));
    header = sound();
    header.byte_order = __builtin_bswap32(header.byte_order);
    header.version = __builtin_bswap32(header.version);
    CHECK(says(&header, "another byte order"));
    header = sound();
    header.byte_order ^= 0x100;
    CHECK(says(&header, "damaged"));
    header = sound();
    header.version--;
    CHECK(says(&header, "damaged")); /* it was never written like that */
    sign(&header);
    CHECK(says(&header, "older version"));
    memset(&header, 0, sizeof header);
    CHECK(says(&header, "not a publish store"));
}

static void sizes_that_no_block_has_are_refused_even_when_signed(void)
{
    const uint64_t strange[] = {0, 1, 56, 63, 65, 100, ((uint64_t)1 << 30) + 8, UINT64_MAX};
    for (size_t index = 0; index < COUNT_OF(strange); index++) {
        amps_layout_header header = sound();
        header.block_size = strange[index];
        sign(&header);
        CHECK(says(&header, "damaged"));
    }
}

static void the_valid_slot_with_the_higher_generation_is_in_force(void)
{
    amps_layout_header header = sound();
    header.slots[0].generation = 9;
    sign(&header);
    CHECK(amps_layout_slot_in_force(&header) == 0);
    header.slots[0].persisted ^= 1;
    CHECK(amps_layout_slot_in_force(&header) == 1);
    header.slots[1].block_count = AMPS_LAYOUT_BLOCKS_MAX + 1;
    header.slots[1].check = amps_layout_slot_check(&header.slots[1]);
    CHECK(amps_layout_slot_in_force(&header) == -1);
    memset(header.slots, 0, sizeof header.slots);
    CHECK(amps_layout_slot_in_force(&header) == -1);
}

static void a_head_is_good_at_its_own_place_only(void)
{
    amps_layout_block block = {.next = 3, .size = 20, .sum = 99, .sequence = 5};
    uint32_t          check = amps_layout_block_check(&block, 7);
    CHECK(check != amps_layout_block_check(&block, 8));
    atomic_store(&block.state, AMPS_BLOCK_HEAD); /* changes while the rest stays */
    CHECK_NUMBER(amps_layout_block_check(&block, 7), check);
    block.sequence ^= (uint64_t)1 << 60;
    CHECK(check != amps_layout_block_check(&block, 7));
}

static void a_record_is_good_at_its_own_place_only(void)
{
    amps_layout_place place = {.size = 20, .sequence = 5};
    uint32_t          check = amps_layout_place_check(&place, 7, 8);
    CHECK(check != amps_layout_place_check(&place, 8, 8));
    CHECK(check != amps_layout_place_check(&place, 7, 16));
    atomic_store(&place.state, AMPS_PLACE_RECORD); /* changes while the rest stays */
    CHECK_NUMBER(amps_layout_place_check(&place, 7, 8), check);
    for (size_t bit = 32; bit < 8 * offsetof(amps_layout_place, check); bit++) {
        ((char *)&place)[bit / 8] = (char)(((char *)&place)[bit / 8] ^ 1 << bit % 8);
        CHECK(check != amps_layout_place_check(&place, 7, 8));
        ((char *)&place)[bit / 8] = (char)(((char *)&place)[bit / 8] ^ 1 << bit % 8);
    }
}

static void places_are_in_a_row_and_leave_room_for_the_end(void)
{
    CHECK_NUMBER(amps_layout_place_size(0), 24);
    CHECK_NUMBER(amps_layout_place_size(1), 32);
    CHECK_NUMBER(amps_layout_place_size(160), 184);
    CHECK_NUMBER(amps_layout_place_size(161), 192);
    CHECK(amps_layout_place_size(UINT32_MAX) > UINT32_MAX);
    CHECK_NUMBER(amps_layout_places_size(64), 48);
    CHECK_NUMBER(amps_layout_places_size(2048), 2032);
}

int main(void)
{
    RUN(a_sound_page_is_read);
    RUN(case_56_what_another_wrote_is_refused_by_its_name);
    RUN(sizes_that_no_block_has_are_refused_even_when_signed);
    RUN(the_valid_slot_with_the_higher_generation_is_in_force);
    RUN(a_head_is_good_at_its_own_place_only);
    RUN(a_record_is_good_at_its_own_place_only);
    RUN(places_are_in_a_row_and_leave_room_for_the_end);
    return 0;
}
