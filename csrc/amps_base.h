/* amps_base.h: what every room shares: assertions for our own bugs, byte order, named limits. */
#ifndef AMPS_BASE_H
#define AMPS_BASE_H

#include <assert.h>
#include <string.h>

#include "amps.h"

/* For our own bugs only: on in every build but the wheel (NDEBUG). Nothing that a server, a file
 * or a user does may reach one. */
#define AMPS_ASSERT(condition) assert(condition)

#define AMPS_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define AMPS_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define AMPS_INTERNAL            __attribute__((visibility("hidden")))

/* ---- Limits: every one has its name, its unit, and one place -------------------------------- */

#define AMPS_FRAME_PREFIX_SIZE   4u
#define AMPS_FRAME_SIZE_MAX      ((size_t)256 << 20) /* a larger claim is broken or hostile */
#define AMPS_SEND_FRAME_SIZE_MAX ((size_t)UINT32_MAX)
#define AMPS_ID_SIZE_MAX         256u /* of an escaped id; longer ones are nobody's */

/* What the system says of an errno; the text is in `out` or the system's own. */
const char *amps_error_text(int error, char *out, size_t size);

static inline uint32_t amps_load_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value); /* every platform we build for is little-endian */
}

static inline void amps_store_u32(char *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof value);
}

static inline amps_slice amps_slice_of(const char *text)
{
    return (amps_slice){text, strlen(text)};
}

static inline bool amps_slice_equal(amps_slice a, amps_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline uint64_t amps_bit(amps_field field) { return (uint64_t)1 << field; }

static inline bool amps_header_has(const amps_header *header, amps_field field)
{
    return (header->present & amps_bit(field)) != 0;
}

static inline void amps_header_set(amps_header *header, amps_field field, amps_slice value)
{
    header->value[field] = value;
    header->present |= amps_bit(field);
}

_Static_assert(AMPS_FIELD_COUNT <= 64, "one bit per field");

#endif
