/* amps_crc.h: CRC-32C (Castagnoli), which tells a damaged record from a whole one.
 *
 * By the processor's own instruction where there is one. Any thread, at any time. */
#ifndef AMPS_CRC_H
#define AMPS_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The sum of `size` bytes, or of more: crc(crc(0, a), b) is the sum of a and b in a row. */
uint32_t amps_crc(uint32_t sum, const void *bytes, size_t size);

/* For tests: the way that runs on every processor. */
uint32_t amps_crc_portable(uint32_t sum, const void *bytes, size_t size);

#endif
