/* amps_crc.c: CRC-32C, eight bytes at a time by tables, or by the instruction of SSE 4.2. */
#include "amps_crc.h"

#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* bits reversed */
#define SLICES     8
#define WORD       8u
#define LANES      4u

static uint32_t table[SLICES][256]; /* written once, before any thread of ours can run */

#if defined(__x86_64__)
bool amps_crc_has_instruction;
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
    amps_crc_has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

uint32_t amps_crc_step_portable(uint32_t sum, uint64_t eight)
{
    uint64_t mixed = eight ^ sum;
    uint32_t low = (uint32_t)mixed, high = (uint32_t)(mixed >> 32);
    return table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
           table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
           table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
}

/* Every platform we build for is little-endian. */
static inline uint64_t word_at(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

uint32_t amps_crc_portable(uint32_t sum, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    sum = ~sum;
    for (; size >= WORD; size -= WORD, at += WORD) {
        sum = amps_crc_step_portable(sum, word_at(at));
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
    for (; size >= WORD; size -= WORD, at += WORD) {
        wide = __builtin_ia32_crc32di(wide, word_at(at));
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
    if (amps_crc_has_instruction) {
        return by_instruction(sum, bytes, size);
    }
#endif
    return amps_crc_portable(sum, bytes, size);
}

/* ---- In lanes ------------------------------------------------------------------------------- */

/* Multiplied by an odd number a sum changes when it did before, but no longer as the lanes beside
 * it: else two words that change places, or a bit in each of two, could make up for each other. */
#define ODD_A 0x9E3779B1u
#define ODD_B 0xBB67AE85u
#define ODD_C 0x6A09E667u

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

/* One step of a lane; which of the two ways is known when this is compiled. */
ALWAYS_INLINE uint32_t step(bool instructed, uint32_t sum, uint64_t word)
{
#if defined(__x86_64__)
    if (instructed) {
        return amps_crc_step_instructed(sum, word);
    }
#endif
    (void)instructed;
    return amps_crc_step_portable(sum, word);
}

/* The next word, copied if it is asked for. */
ALWAYS_INLINE uint64_t take(char *to, const char *from, size_t at)
{
    uint64_t word = word_at(from + at);
    if (to != NULL) {
        memcpy(to + at, &word, sizeof word);
    }
    return word;
}

/* The last bytes, fewer than a word, with zeros behind them. */
ALWAYS_INLINE uint64_t take_rest(char *to, const char *from, size_t at, size_t size)
{
    if (at >= WORD) { /* with bytes before them */
        return take(to, from, size - WORD) >> 8 * (WORD - (size - at));
    }
    uint64_t word = 0;
    memcpy(&word, from + at, size - at);
    if (to != NULL) {
        memcpy(to + at, &word, size - at);
    }
    return word;
}

ALWAYS_INLINE uint32_t in_lanes(bool instructed, uint32_t sum, char *to, const char *from,
                                size_t size)
{
    uint32_t a = UINT32_MAX, b = a, c = a, d = a;
    size_t   at = 0;
    for (; size - at >= LANES * WORD; at += LANES * WORD) {
        a = step(instructed, a, take(to, from, at));
        b = step(instructed, b, take(to, from, at + WORD));
        c = step(instructed, c, take(to, from, at + 2 * WORD));
        d = step(instructed, d, take(to, from, at + 3 * WORD));
    }
    if ((size & 2 * WORD) != 0) {
        a = step(instructed, a, take(to, from, at));
        b = step(instructed, b, take(to, from, at + WORD));
        at += 2 * WORD;
    }
    if ((size & WORD) != 0) {
        c = step(instructed, c, take(to, from, at));
        at += WORD;
    }
    if (at < size) {
        d = step(instructed, d, take_rest(to, from, at, size));
    }
    uint64_t first = a * ODD_A | (uint64_t)(b * ODD_B) << 32;
    uint64_t second = c * ODD_C | (uint64_t)d << 32;
    return ~step(instructed, step(instructed, ~sum, first), second);
}

uint32_t amps_crc_lanes_portable(uint32_t sum, const void *bytes, size_t size)
{
    return in_lanes(false, sum, NULL, bytes, size);
}

uint32_t amps_crc_lanes(uint32_t sum, const void *bytes, size_t size)
{
#if defined(__x86_64__)
    if (amps_crc_has_instruction) {
        return in_lanes(true, sum, NULL, bytes, size);
    }
#endif
    return amps_crc_lanes_portable(sum, bytes, size);
}

uint32_t amps_crc_copy(uint32_t sum, void *to, const void *from, size_t size)
{
#if defined(__x86_64__)
    if (__builtin_expect(amps_crc_has_instruction, 1)) {
        return in_lanes(true, sum, to, from, size);
    }
#endif
    return in_lanes(false, sum, to, from, size);
}
