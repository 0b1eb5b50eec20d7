/* test_crc.c: known sums, both ways of computing them, in a row and in lanes, every single bit
 * flipped. */
#include "amps_crc.h"

#include "check.h"

static void known_texts_have_their_known_sums(void)
{
    char zeros[32] = {0}, ones[32], rising[32];
    memset(ones, 0xFF, sizeof ones);
    for (size_t index = 0; index < sizeof rising; index++) {
        rising[index] = (char)index;
    }
    const struct {
        const void *bytes;
        size_t      size;
        uint32_t    sum; /* RFC 3720, B.4, and the catalogue's check value */
    } known[] = {{"123456789", 9, 0xE3069283u},
                 {zeros, 32, 0x8A9136AAu},
                 {ones, 32, 0x62A8AB43u},
                 {rising, 32, 0x46DD794Eu},
                 {"", 0, 0}};
    for (size_t index = 0; index < COUNT_OF(known); index++) {
        CHECK_NUMBER(amps_crc(0, known[index].bytes, known[index].size), known[index].sum);
        CHECK_NUMBER(amps_crc_portable(0, known[index].bytes, known[index].size), known[index].sum);
    }
}

static void both_ways_agree_at_every_size_and_place(void)
{
    uint64_t seed = 7;
    char     bytes[300];
    for (size_t index = 0; index < sizeof bytes; index++) {
        bytes[index] = (char)check_random(&seed);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 0; size + from <= sizeof bytes; size++) {
            char    *tight = exactly((amps_slice){bytes + from, size});
            uint32_t sum = amps_crc(0, tight, size);
            CHECK_NUMBER(amps_crc_portable(0, tight, size), sum);
            size_t half = size / 2;
            CHECK_NUMBER(amps_crc(amps_crc(0, tight, half), tight + half, size - half), sum);
            free(tight);
        }
    }
}

static void no_single_bit_goes_unnoticed(void)
{
    char     bytes[64] = "a record of an order";
    uint32_t sum = amps_crc(0, bytes, sizeof bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        CHECK(amps_crc(0, bytes, sizeof bytes) != sum);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
}

static void a_step_is_eight_bytes_of_a_sum(void)
{
    uint64_t seed = 3;
    for (int turn = 0; turn < 1000; turn++) {
        uint64_t word = check_random(&seed);
        uint32_t before = (uint32_t)check_random(&seed);
        uint32_t after = amps_crc_step(before, word);
        CHECK_NUMBER(amps_crc_step_portable(before, word), after);
        CHECK_NUMBER(~amps_crc(~before, &word, sizeof word), after);
    }
}

/* ---- In lanes ------------------------------------------------------------------------------- */

static void lanes_agree_both_ways_and_copy_at_every_size_and_place(void)
{
    uint64_t seed = 8;
    char     bytes[200], copy[220];
    for (size_t index = 0; index < sizeof bytes; index++) {
        bytes[index] = (char)check_random(&seed);
    }
    for (size_t from = 0; from < 9; from++) {
        for (size_t size = 0; size + from <= sizeof bytes; size++) {
            char    *tight = exactly((amps_slice){bytes + from, size});
            uint32_t before = (uint32_t)check_random(&seed);
            uint32_t sum = amps_crc_lanes(before, tight, size);
            CHECK_NUMBER(amps_crc_lanes_portable(before, tight, size), sum);
            CHECK(amps_crc_lanes(before ^ 1, tight, size) != sum);
            memset(copy, '#', sizeof copy);
            CHECK_NUMBER(amps_crc_copy(before, copy + from, tight, size), sum);
            CHECK(memcmp(copy + from, tight, size) == 0);
            for (size_t index = 0; index < sizeof copy; index++) {
                CHECK((index >= from && index < from + size) || copy[index] == '#');
            }
            free(tight);
        }
    }
}

/* Of a few lines of Python that go bit by bit. */
static void lanes_have_these_sums_in_every_file(void)
{
    char rising[77];
    for (size_t index = 0; index < sizeof rising; index++) {
        rising[index] = (char)index;
    }
    CHECK_NUMBER(amps_crc_lanes(0, "", 0), 0x5A710B03u);
    CHECK_NUMBER(amps_crc_lanes(0, "123456789", 9), 0x92577AF6u);
    CHECK_NUMBER(amps_crc_lanes(0, rising, sizeof rising), 0x3CBF0717u);
}

/* One bit, two bits, one word for another, two words that change places, a part of it that is old.
 */
static void lanes_notice_damage(void)
{
    char     bytes[173], other[173];
    uint64_t seed = 5;
    for (size_t index = 0; index < sizeof bytes; index++) {
        bytes[index] = (char)(check_random(&seed) | 1); /* never zero */
        other[index] = (char)~bytes[index];
    }
    uint32_t sum = amps_crc_lanes(0, bytes, sizeof bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        CHECK(amps_crc_lanes(0, bytes, sizeof bytes) != sum);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    for (size_t one = 0; one < sizeof bytes * 8; one++) {
        bytes[one / 8] = (char)(bytes[one / 8] ^ 1 << one % 8);
        for (size_t two = 0; two < one; two++) {
            bytes[two / 8] = (char)(bytes[two / 8] ^ 1 << two % 8);
            CHECK(amps_crc_lanes(0, bytes, sizeof bytes) != sum);
            bytes[two / 8] = (char)(bytes[two / 8] ^ 1 << two % 8);
        }
        bytes[one / 8] = (char)(bytes[one / 8] ^ 1 << one % 8);
    }
    for (size_t one = 0; one + 8 <= sizeof bytes; one += 8) {
        for (size_t two = one + 8; two + 8 <= sizeof bytes; two += 8) {
            char mixed[sizeof bytes];
            memcpy(mixed, bytes, sizeof mixed);
            memcpy(mixed + one, bytes + two, 8);
            CHECK(amps_crc_lanes(0, mixed, sizeof mixed) != sum);
            memcpy(mixed + two, bytes + one, 8);
            CHECK(amps_crc_lanes(0, mixed, sizeof mixed) != sum);
        }
    }
    for (size_t torn = 0; torn < sizeof bytes; torn++) {
        char mixed[sizeof bytes];
        memcpy(mixed, bytes, sizeof mixed);
        memcpy(mixed + torn, other + torn, sizeof mixed - torn);
        CHECK(amps_crc_lanes(0, mixed, sizeof mixed) != sum);
        memset(mixed + torn, 0, sizeof mixed - torn);
        CHECK(amps_crc_lanes(0, mixed, sizeof mixed) != sum);
    }
}

int main(void)
{
    RUN(known_texts_have_their_known_sums);
    RUN(both_ways_agree_at_every_size_and_place);
    RUN(no_single_bit_goes_unnoticed);
    RUN(a_step_is_eight_bytes_of_a_sum);
    RUN(lanes_agree_both_ways_and_copy_at_every_size_and_place);
    RUN(lanes_have_these_sums_in_every_file);
    RUN(lanes_notice_damage);
    return 0;
}
