/* fuzz_frame.c: walks any bytes as a stream of frames, whole and in pieces; both see the same. */
#include "amps_frame.h"
#include "check.h"

#define FRAME_SIZE_MAX 4096 /* small, so that the limit is met often */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A frame cut anywhere before its end must ask for no less than it got, and no more than it is. */
static void check_cuts(amps_slice bytes, size_t frame_size)
{
    for (size_t cut = 0; cut < frame_size; cut += cut < 8 ? 1 : 97) {
        amps_slice payload;
        size_t     needed;
        CHECK_STATUS(
            amps_frame_find((amps_slice){bytes.at, cut}, FRAME_SIZE_MAX, &payload, &needed),
            AMPS_MORE);
        CHECK(needed > cut && needed <= frame_size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    amps_slice  rest = {(const char *)data, size};
    amps_slice  payload;
    size_t      frame_size;
    amps_status status;
    while ((status = amps_frame_find(rest, FRAME_SIZE_MAX, &payload, &frame_size)) == AMPS_OK) {
        char prefix[AMPS_FRAME_PREFIX_SIZE];
        CHECK(frame_size <= rest.size && payload.size <= FRAME_SIZE_MAX);
        CHECK(payload.at == rest.at + AMPS_FRAME_PREFIX_SIZE);
        amps_frame_seal(prefix, payload.size);
        CHECK(memcmp(prefix, rest.at, sizeof prefix) == 0);
        check_cuts(rest, frame_size);
        rest = (amps_slice){rest.at + frame_size, rest.size - frame_size};
    }
    CHECK(status == AMPS_FRAME_TOO_LARGE || (status == AMPS_MORE && frame_size > rest.size));
    return 0;
}
