/* test_crc.c: known sums, both ways of computing them, sums continued, every single bit flipped. */
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

int main(void)
{
    RUN(known_texts_have_their_known_sums);
    RUN(both_ways_agree_at_every_size_and_place);
    RUN(no_single_bit_goes_unnoticed);
    return 0;
}
