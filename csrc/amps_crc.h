/* amps_crc.h: CRC-32C (Castagnoli), which tells a damaged record from a whole one.
 *
 * By the processor's own instruction where there is one. Any thread, at any time. */
#ifndef AMPS_CRC_H
#define AMPS_CRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sum of `size` bytes, or of more: crc(crc(0, a), b) is the sum of a and b in a row. */
uint32_t amps_crc(uint32_t sum, const void *bytes, size_t size);

/* Another sum, begun with one, for whoever knows the size: four lanes of CRC-32C, each over every
 * fourth word of eight bytes, and a CRC of the four at the end. No lane waits for another: half the
 * time. It notices as surely as a CRC what changes within one lane, a word for example, and
 * all else but for one case in 2^32. _copy copies the bytes on the way; they do not overlap. */
uint32_t amps_crc_lanes(uint32_t sum, const void *bytes, size_t size);
uint32_t amps_crc_copy(uint32_t sum, void *to, const void *from, size_t size);

/* For tests: the ways that run on every processor. */
uint32_t amps_crc_portable(uint32_t sum, const void *bytes, size_t size);
uint32_t amps_crc_lanes_portable(uint32_t sum, const void *bytes, size_t size);
uint32_t amps_crc_step_portable(uint32_t sum, uint64_t eight);

#if defined(__x86_64__)
extern bool amps_crc_has_instruction __attribute__((visibility("hidden"))); /* known at once */

/* By the instruction, which must be there. Not the compiler's own: that cannot be inlined. */
static inline uint32_t amps_crc_step_instructed(uint32_t sum, uint64_t eight)
{
    uint64_t wide = sum;
    __asm__("crc32q %1, %0" : "+r"(wide) : "rm"(eight));
    return (uint32_t)wide;
}
#endif

/* The bare sum, not inverted at either end, continued by eight bytes. */
static inline uint32_t amps_crc_step(uint32_t sum, uint64_t eight)
{
#if defined(__x86_64__)
    if (__builtin_expect(amps_crc_has_instruction, 1)) {
        return amps_crc_step_instructed(sum, eight);
    }
#endif
    return amps_crc_step_portable(sum, eight);
}

#endif
