/* amps_crc.c: CRC-32C, eight bytes at a time by tables, or by the instruction of SSE 4.2. */
#include "amps_crc.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* bits reversed */
#define SLICES     8

static uint32_t table[SLICES][256]; /* written once, before any thread of ours can run */

#if defined(__x86_64__)
static bool has_instruction;
#endif

__attribute__((constructor)) static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) {
            sum = (sum >> 1) ^ (POLYNOMIAL & (0u - (sum & 1u)));
        }
        table[0][byte] = sum;
    }
    for (int slice = 1; slice < SLICES; slice++) {
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = table[slice - 1][byte];
            table[slice][byte] = (before >> 8) ^ table[0][before & 0xFF];
        }
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

uint32_t amps_crc_portable(uint32_t sum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    sum = ~sum;
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t low = sum ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                              (uint32_t)at[3] << 24);
        sum = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^
              table[0][at[7]];
    }
    for (; size > 0; size--, at++) {
        sum = (sum >> 8) ^ table[0][(sum ^ *at) & 0xFF];
    }
    return ~sum;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t sum, const void *bytes,
                                                                 size_t size)
{
    const unsigned char *at = bytes;
    uint64_t             wide = ~sum;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t eight;
        memcpy(&eight, at, sizeof eight);
        wide = __builtin_ia32_crc32di(wide, eight);
    }
    sum = (uint32_t)wide;
    for (; size > 0; size--, at++) {
        sum = __builtin_ia32_crc32qi(sum, *at);
    }
    return ~sum;
}
#endif

uint32_t amps_crc(uint32_t sum, const void *bytes, size_t size)
{
#if defined(__x86_64__)
    if (has_instruction) {
        return by_instruction(sum, bytes, size);
    }
#endif
    return amps_crc_portable(sum, bytes, size);
}
