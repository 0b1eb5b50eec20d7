/* test_file_recovery.c: files cut off, flipped byte by byte, torn and forged: whole or refused. */
#include "amps_file_recovery.h"

#include "amps_memory.h"
#include "records.h"

#define BLOCK_SIZE 128u
#define BLOCKS     40u
#define LIVE_FROM  5u /* 1 to 4 are discarded, 7 and 32 are tombstones */
#define LIVE_TO    44u

/* 5 to 10 are chains; the others share blocks: 11 and 22 (filled to the end), 32 and 43. */
static const uint64_t live[] = {5, 6, 8, 9, 10, 11, 22, 43, 44};

/* The bytes of a small file with all that there can be in one. */
static char *small_file(size_t *size)
{
    unlink(in_folder("small"));
    amps_file_records *records = open_records("small", BLOCK_SIZE, BLOCKS);
    put(records, 1, 4);
    discard(records, 2);
    put(records, 5, 10);
    discard(records, 4);
    bury(records, 7);
    put(records, 11, 11); /* where older ones have been */
    put(records, 22, 22);
    put(records, 32, 32);
    put(records, 43, LIVE_TO);
    bury(records, 32);
    amps_file_records_free(records);
    char *bytes = bytes_of(in_folder("small"), size);
    CHECK_NUMBER(*size, AMPS_LAYOUT_HEADER_SIZE + BLOCKS * BLOCK_SIZE);
    return bytes;
}

static bool is_live(uint64_t sequence)
{
    for (size_t at = 0; at < COUNT_OF(live); at++) {
        if (live[at] == sequence) {
            return true;
        }
    }
    return false;
}

/* Opens the file; what is refused is left as it was, and what is opened has all, and nothing that
 * was not once a record. True: it was opened. */
static bool whole_or_refused(const char *name, const char *bytes, size_t size)
{
    amps_file_records *records;
    amps_failure       failure = {.text = ""};
    size_t             before = amps_memory_live();
    write_bytes(in_folder(name), bytes, size);
    amps_status status =
        amps_file_records_open(in_folder(name), BLOCK_SIZE, BLOCKS, &records, &failure);
    if (status != AMPS_OK) {
        CHECK_STATUS(status, AMPS_STORE);
        CHECK(strncmp(failure.text, in_folder(name), strlen(in_folder(name))) == 0);
        CHECK(holds_bytes(in_folder(name), bytes, size));
        CHECK_NUMBER(amps_memory_live(), before);
        return false;
    }
    uint64_t found = 0;
    for (uint64_t at = get_above(records, 0); at != 0; at = get_above(records, at)) {
        found += is_live(at);
        CHECK(is_live(at) || at < LIVE_FROM);
    }
    CHECK_NUMBER(found, COUNT_OF(live));
    CHECK(amps_file_records_assigned(records) >= LIVE_TO);
    amps_file_records_free(records);
    return true;
}

static void case_53_whichever_byte_is_flipped_no_record_is_lost_or_wrong(void)
{
    size_t size, opened = 0;
    char  *bytes = small_file(&size);
    CHECK(whole_or_refused("flipped", bytes, size));
    static const char masks[] = {1, (char)0x80};
    for (size_t at = 0; at < size; at++) {
        for (size_t index = 0; index < COUNT_OF(masks); index++) {
            bytes[at] = (char)(bytes[at] ^ masks[index]);
            opened += whole_or_refused("flipped", bytes, size);
            bytes[at] = (char)(bytes[at] ^ masks[index]);
        }
    }
    CHECK(opened > 2 * 3000 && opened < 2 * (size - 500)); /* most of the first page is unused */
    free(bytes);
}

static void case_52_wherever_it_is_cut_off_it_is_refused(void)
{
    size_t size;
    char  *bytes = small_file(&size);
    for (size_t length = 1; length < size; length++) {
        CHECK(!whole_or_refused("cut", bytes, length));
    }
    free(bytes);
}

static void what_follows_the_last_block_is_an_interrupted_growth(void)
{
    size_t size;
    char  *bytes = small_file(&size), *longer = malloc(size + 1000);
    CHECK(longer != NULL);
    memcpy(longer, bytes, size);
    memset(longer + size, 'x', 1000);
    CHECK(whole_or_refused("longer", longer, size + 1000));
    amps_file_records *records = open_records("longer", BLOCK_SIZE, BLOCKS);
    put(records, 45, 94); /* grows over what was there */
    amps_file_records_free(records);
    records = open_records("longer", BLOCK_SIZE, BLOCKS);
    CHECK_NUMBER(amps_file_records_count(records), COUNT_OF(live) + 50);
    amps_file_records_free(records);
    free(longer);
    free(bytes);
}

/* ---- Forged: every sum is right, and it is wrong all the same ------------------------------- */

static amps_layout_block *block_in(char *bytes, uint32_t index)
{
    return (amps_layout_block *)(void *)(bytes + AMPS_LAYOUT_HEADER_SIZE + index * BLOCK_SIZE);
}

/* The block where this record begins. */
static uint32_t head_of(char *bytes, uint64_t sequence)
{
    for (uint32_t index = 0; index < BLOCKS; index++) {
        const amps_layout_block *block = block_in(bytes, index);
        if (block->state == AMPS_BLOCK_HEAD && block->sequence == sequence) {
            return index;
        }
    }
    CHECK(false);
    return 0;
}

static void sign(char *bytes, uint32_t index)
{
    block_in(bytes, index)->check = amps_layout_block_check(block_in(bytes, index), index);
}

/* The place of a small record, dead or alive, persisted or not. */
static amps_layout_place *place_of(char *bytes, uint64_t sequence)
{
    for (uint32_t index = 0; index < BLOCKS; index++) {
        if (block_in(bytes, index)->state != AMPS_BLOCK_PACKED) {
            continue;
        }
        size_t offset = AMPS_LAYOUT_PLACE_FIRST;
        for (;;) {
            amps_layout_place *place = amps_layout_place_at(block_in(bytes, index), offset);
            if (place->state == AMPS_PLACE_FREE) {
                break;
            }
            if (place->sequence == sequence) {
                return place;
            }
            offset += amps_layout_place_size(place->size);
        }
    }
    CHECK(false);
    return NULL;
}

static void sign_place(char *bytes, amps_layout_place *place)
{
    size_t from = (size_t)((char *)place - bytes) - AMPS_LAYOUT_HEADER_SIZE;
    place->check = amps_layout_place_check(place, (uint32_t)(from / BLOCK_SIZE),
                                           (uint32_t)(from % BLOCK_SIZE));
    place->sum = amps_crc_lanes(place->check, place->bytes, place->size);
}

static void unpublished_heads_are_dropped_and_the_rest_recovered(void)
{
    size_t size;
    char  *bytes = small_file(&size);
    block_in(bytes, head_of(bytes, 9))->state = AMPS_BLOCK_FREE; /* killed just before the end */
    place_of(bytes, 44)->state = AMPS_PLACE_FREE;
    write_bytes(in_folder("torn"), bytes, size);
    amps_file_records *records = open_records("torn", BLOCK_SIZE, BLOCKS);
    CHECK_NUMBER(amps_file_records_count(records), COUNT_OF(live) - 2);
    CHECK_NUMBER(get_above(records, 8), 10);
    CHECK_NUMBER(amps_file_records_assigned(records), 43);
    put(records, 44, 48);
    CHECK_NUMBER(amps_file_records_count(records), COUNT_OF(live) + 3);
    amps_file_records_free(records);
    free(bytes);
}

static void a_chain_that_goes_round_is_refused(void)
{
    size_t   size;
    char    *bytes = small_file(&size);
    uint32_t head = head_of(bytes, 10); /* 378 bytes: four blocks */
    CHECK(size_for(10) > 3 * 96);
    uint32_t second = block_in(bytes, head)->next;
    block_in(bytes, second)->next = second;
    CHECK(!whole_or_refused("round", bytes, size));
    block_in(bytes, second)->next = head;
    CHECK(!whole_or_refused("round", bytes, size));
    free(bytes);
}

static void a_sequence_met_twice_is_refused(void)
{
    size_t   size;
    char    *bytes = small_file(&size);
    uint32_t head = head_of(bytes, 9);
    for (uint32_t at = head; at != AMPS_LAYOUT_NO_BLOCK; at = block_in(bytes, at)->next) {
        block_in(bytes, at)->sequence = 8;
    }
    sign(bytes, head);
    CHECK(!whole_or_refused("twice", bytes, size));
    free(bytes);
}

static void a_record_larger_than_the_file_is_refused(void)
{
    static const uint32_t sizes[] = {UINT32_MAX, BLOCKS * 96 + 1, 2 * 96, 0};
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        size_t   size;
        char    *bytes = small_file(&size);
        uint32_t head = head_of(bytes, 10);
        block_in(bytes, head)->size = sizes[index];
        sign(bytes, head);
        CHECK(!whole_or_refused("large", bytes, size));
        free(bytes);
    }
}

static void one_bytes_worth_of_chains_shared_is_refused(void)
{
    size_t   size;
    char    *bytes = small_file(&size);
    uint32_t head = head_of(bytes, 10), next = block_in(bytes, head)->next;
    uint32_t copy = BLOCKS - 1; /* free until now */
    memcpy(block_in(bytes, copy), block_in(bytes, head), BLOCK_SIZE);
    block_in(bytes, copy)->sequence = 11;
    sign(bytes, copy);
    CHECK(!whole_or_refused("shared", bytes, size)); /* its continuation is 10's */
    block_in(bytes, next)->sequence = 11;
    CHECK(!whole_or_refused("shared", bytes, size)); /* and now 11's: 10 is broken */
    free(bytes);
}

/* ---- Forged in packed blocks ---------------------------------------------------------------- */

static void a_record_in_a_packed_block_ends_within_it(void)
{
    static const uint32_t sizes[] = {UINT32_MAX, 112 - 24 + 1, 112 - 48 - 24 + 1, 1 << 20};
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        size_t             size;
        char              *bytes = small_file(&size);
        amps_layout_place *place = place_of(bytes, 43);
        CHECK_NUMBER(((char *)place - bytes) % BLOCK_SIZE, 8 + 40); /* behind 32 */
        uint32_t block = (uint32_t)(((char *)place - bytes - AMPS_LAYOUT_HEADER_SIZE) / BLOCK_SIZE);
        place->size = sizes[index];
        place->check = amps_layout_place_check(place, block, 8 + 40);
        CHECK(!whole_or_refused("beyond", bytes, size));
        free(bytes);
    }
}

static void packed_records_out_of_order_are_refused(void)
{
    static const uint64_t sequences[] = {11, 10, 0};
    for (size_t index = 0; index < COUNT_OF(sequences); index++) {
        size_t             size;
        char              *bytes = small_file(&size);
        amps_layout_place *place = place_of(bytes, 22); /* behind 11 */
        place->sequence = sequences[index];
        sign_place(bytes, place);
        CHECK(!whole_or_refused("order", bytes, size));
        free(bytes);
    }
}

static void a_packed_record_that_is_another_too_is_refused(void)
{
    static const uint64_t sequences[] = {10, 22}; /* a chain's, another block's */
    for (size_t index = 0; index < COUNT_OF(sequences); index++) {
        size_t             size;
        char              *bytes = small_file(&size);
        amps_layout_place *place = place_of(bytes, 44);
        place->sequence = sequences[index];
        sign_place(bytes, place);
        CHECK(!whole_or_refused("another", bytes, size));
        free(bytes);
    }
}

static void a_packed_block_at_another_place_is_refused(void)
{
    size_t   size;
    char    *bytes = small_file(&size);
    size_t   from = (size_t)((char *)place_of(bytes, 11) - bytes) - AMPS_LAYOUT_HEADER_SIZE;
    uint32_t index = (uint32_t)(from / BLOCK_SIZE);
    memcpy(block_in(bytes, BLOCKS - 1), block_in(bytes, index), BLOCK_SIZE);
    block_in(bytes, index)->state = AMPS_BLOCK_FREE;
    CHECK(!whole_or_refused("moved", bytes, size));
    free(bytes);
}

static void a_chain_into_a_packed_block_is_refused(void)
{
    size_t size;
    char  *bytes = small_file(&size);
    size_t from = (size_t)((char *)place_of(bytes, 11) - bytes) - AMPS_LAYOUT_HEADER_SIZE;
    block_in(bytes, block_in(bytes, head_of(bytes, 10))->next)->next =
        (uint32_t)(from / BLOCK_SIZE);
    CHECK(!whole_or_refused("into", bytes, size));
    free(bytes);
}

/* What is persisted may be damaged, as long as the way past it is known. */
static void bytes_of_persisted_and_buried_neighbours_do_not_count(void)
{
    size_t size;
    char  *bytes = small_file(&size);
    place_of(bytes, 32)->bytes[3] ^= 1;
    CHECK(whole_or_refused("neighbours", bytes, size));
    place_of(bytes, 32)->sequence ^= 1;
    CHECK(!whole_or_refused("neighbours", bytes, size));
    free(bytes);
    unlink(in_folder("neighbours"));
    amps_file_records *records = open_records("neighbours", BLOCK_SIZE, BLOCKS);
    put(records, 11, 11);
    put(records, 22, 22);
    discard(records, 11);
    amps_file_records_free(records);
    write_at(in_folder("neighbours"), AMPS_LAYOUT_HEADER_SIZE + 8 + 24 + 5, "?", 1);
    records = open_records("neighbours", BLOCK_SIZE, BLOCKS);
    CHECK_NUMBER(get_above(records, 0), 22);
    amps_file_records_free(records);
    write_at(in_folder("neighbours"), AMPS_LAYOUT_HEADER_SIZE + 8 + 48 + 24 + 5, "?", 1);
    CHECK_STATUS(
        amps_file_records_open(in_folder("neighbours"), BLOCK_SIZE, BLOCKS, &records, NULL),
        AMPS_STORE);
}

/* ---- Slots ---------------------------------------------------------------------------------- */

static void both_slots_damaged_is_refused(void)
{
    size_t              size;
    char               *bytes = small_file(&size);
    amps_layout_header *header = (amps_layout_header *)(void *)bytes;
    header->slots[0].assigned ^= 1;
    CHECK(whole_or_refused("slots", bytes, size));
    header->slots[1].assigned ^= 1;
    CHECK(!whole_or_refused("slots", bytes, size));
    free(bytes);
}

static void spoil_slot(const char *name, int which)
{
    write_at(in_folder(name), offsetof(amps_layout_header, slots[which]) + 8, "??", 2);
}

static void each_slot_alone_knows_of_a_growth(void)
{
    for (int which = 0; which < 2; which++) {
        unlink(in_folder("grown"));
        amps_file_records *records = open_records("grown", BLOCK_SIZE, 4);
        put(records, 1, 20); /* grows, and nothing is discarded after */
        amps_file_records_free(records);
        spoil_slot("grown", which);
        records = open_records("grown", BLOCK_SIZE, 4);
        CHECK_NUMBER(amps_file_records_count(records), 20);
        amps_file_records_free(records);
        spoil_slot("grown", !which); /* opening has mended the first */
        records = open_records("grown", BLOCK_SIZE, 4);
        CHECK_NUMBER(amps_file_records_count(records), 20);
        amps_file_records_free(records);
    }
}

/* A slot that claims more blocks than memory can address. */
static void vast_claims_are_refused(void)
{
    size_t              size;
    char               *bytes = small_file(&size);
    amps_layout_header *header = (amps_layout_header *)(void *)bytes;
    for (int at = 0; at < 2; at++) {
        header->slots[at].block_count = AMPS_LAYOUT_BLOCKS_MAX;
        header->slots[at].check = amps_layout_slot_check(&header->slots[at]);
    }
    CHECK(!whole_or_refused("vast", bytes, size));
    header->block_size = (uint64_t)1 << 30;
    header->check = amps_layout_header_check(header);
    CHECK(!whole_or_refused("vast", bytes, size));
    free(bytes);
}

static void random_bytes_are_refused(void)
{
    uint64_t seed = 99;
    size_t   size;
    char    *bytes = small_file(&size);
    for (int turn = 0; turn < 300; turn++) {
        char *noisy = malloc(size);
        CHECK(noisy != NULL);
        memcpy(noisy, bytes, size);
        for (uint64_t count = 1 + check_random(&seed) % 40; count > 0; count--) {
            noisy[AMPS_LAYOUT_HEADER_SIZE + check_random(&seed) % (BLOCKS * BLOCK_SIZE)] =
                (char)check_random(&seed);
        }
        whole_or_refused("noisy", noisy, size);
        free(noisy);
    }
    free(bytes);
}

int main(void)
{
    folder_make();
    RUN(case_53_whichever_byte_is_flipped_no_record_is_lost_or_wrong);
    RUN(case_52_wherever_it_is_cut_off_it_is_refused);
    RUN(what_follows_the_last_block_is_an_interrupted_growth);
    RUN(unpublished_heads_are_dropped_and_the_rest_recovered);
    RUN(a_chain_that_goes_round_is_refused);
    RUN(a_sequence_met_twice_is_refused);
    RUN(a_record_larger_than_the_file_is_refused);
    RUN(one_bytes_worth_of_chains_shared_is_refused);
    RUN(a_record_in_a_packed_block_ends_within_it);
    RUN(packed_records_out_of_order_are_refused);
    RUN(a_packed_record_that_is_another_too_is_refused);
    RUN(a_packed_block_at_another_place_is_refused);
    RUN(a_chain_into_a_packed_block_is_refused);
    RUN(bytes_of_persisted_and_buried_neighbours_do_not_count);
    RUN(both_slots_damaged_is_refused);
    RUN(each_slot_alone_knows_of_a_growth);
    RUN(vast_claims_are_refused);
    RUN(random_bytes_are_refused);
    folder_remove();
    return 0;
}
