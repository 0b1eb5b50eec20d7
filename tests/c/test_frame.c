/* test_frame.c: every cut of a good frame asks for exactly the rest, a claim past the limit is
 * refused, and nothing is read past the bytes that are there. */
#include "amps_frame.h"

#include "check.h"

static const char whole[] = "\0\0\0\x1c{\"c\":\"p\",\"t\":\"test\"}{\"id\":1}";
#define WHOLE_SIZE (sizeof whole - 1)

static void a_whole_frame_is_found(void)
{
    amps_slice payload;
    size_t     size;
    char      *tight = exactly(BYTES(whole));
    CHECK_STATUS(amps_frame_find((amps_slice){tight, WHOLE_SIZE}, 1000, &payload, &size), AMPS_OK);
    CHECK_NUMBER(size, WHOLE_SIZE);
    CHECK(payload.at == tight + 4);
    CHECK_TEXT(payload, "{\"c\":\"p\",\"t\":\"test\"}{\"id\":1}");
    free(tight);
}

static void every_cut_asks_for_exactly_what_is_needed(void)
{
    for (size_t cut = 0; cut < WHOLE_SIZE; cut++) {
        char      *tight = exactly((amps_slice){whole, cut});
        amps_slice payload;
        size_t     size;
        CHECK_STATUS(amps_frame_find((amps_slice){tight, cut}, 1000, &payload, &size), AMPS_MORE);
        CHECK_NUMBER(size, cut < 4 ? 4 : WHOLE_SIZE);
        free(tight);
    }
}

static void what_follows_belongs_to_the_next_frame(void)
{
    amps_slice bytes = BYTES("\0\0\0\2ab\0\0\0\1c\0\0");
    amps_slice payload;
    size_t     size;
    CHECK_STATUS(amps_frame_find(bytes, 1000, &payload, &size), AMPS_OK);
    CHECK_TEXT(payload, "ab");
    bytes = (amps_slice){bytes.at + size, bytes.size - size};
    CHECK_STATUS(amps_frame_find(bytes, 1000, &payload, &size), AMPS_OK);
    CHECK_TEXT(payload, "c");
    bytes = (amps_slice){bytes.at + size, bytes.size - size};
    CHECK_STATUS(amps_frame_find(bytes, 1000, &payload, &size), AMPS_MORE);
    CHECK_NUMBER(size, 4);
}

static void no_bytes_at_all_are_no_frame_yet(void)
{
    amps_slice payload;
    size_t     size;
    CHECK_STATUS(amps_frame_find((amps_slice){NULL, 0}, 1000, &payload, &size), AMPS_MORE);
    CHECK_NUMBER(size, 4);
}

static void a_frame_of_length_zero_is_whole_and_empty(void)
{
    amps_slice payload;
    size_t     size;
    CHECK_STATUS(amps_frame_find(BYTES("\0\0\0\0"), 1000, &payload, &size), AMPS_OK);
    CHECK_NUMBER(size, 4);
    CHECK_NUMBER(payload.size, 0);
    CHECK_STATUS(amps_frame_find(BYTES("\0\0\0\0"), 0, &payload, &size), AMPS_OK);
}

static void the_limit_is_allowed_and_one_more_is_not(void)
{
    amps_slice payload;
    size_t     size;
    CHECK_STATUS(amps_frame_find(BYTES("\0\0\0\3abc"), 3, &payload, &size), AMPS_OK);
    CHECK_STATUS(amps_frame_find(BYTES("\0\0\0\4abcd"), 3, &payload, &size), AMPS_FRAME_TOO_LARGE);
    CHECK_STATUS(amps_frame_find(BYTES("\x10\0\0\0"), AMPS_FRAME_SIZE_MAX, &payload, &size),
                 AMPS_MORE);
    CHECK_NUMBER(size, AMPS_FRAME_SIZE_MAX + 4);
    CHECK_STATUS(amps_frame_find(BYTES("\x10\0\0\1"), AMPS_FRAME_SIZE_MAX, &payload, &size),
                 AMPS_FRAME_TOO_LARGE);
}

static void the_largest_claim_is_refused_and_does_not_wrap_around(void)
{
    amps_slice payload;
    size_t     size;
    CHECK_STATUS(amps_frame_find(BYTES("\xff\xff\xff\xff{}"), AMPS_FRAME_SIZE_MAX, &payload, &size),
                 AMPS_FRAME_TOO_LARGE);
    CHECK_STATUS(amps_frame_find(BYTES("\xff\xff\xff\xff{}"), UINT32_MAX, &payload, &size),
                 AMPS_MORE);
    CHECK_NUMBER(size, (uint64_t)UINT32_MAX + 4);
    CHECK_STATUS(amps_frame_find(BYTES("HTTP/1.1 400"), AMPS_FRAME_SIZE_MAX, &payload, &size),
                 AMPS_FRAME_TOO_LARGE);
}

static void what_is_sealed_is_found_again(void)
{
    const size_t sizes[] = {0, 1, 255, 256, 65535, 65536, 0x01020304, AMPS_SEND_FRAME_SIZE_MAX};
    for (size_t index = 0; index < COUNT_OF(sizes); index++) {
        char       prefix[AMPS_FRAME_PREFIX_SIZE];
        amps_slice payload;
        size_t     size;
        amps_frame_seal(prefix, sizes[index]);
        CHECK_STATUS(amps_frame_find((amps_slice){prefix, 4}, UINT32_MAX, &payload, &size),
                     sizes[index] == 0 ? AMPS_OK : AMPS_MORE);
        CHECK_NUMBER(size, sizes[index] + 4);
    }
}

static void the_length_is_big_endian(void)
{
    char prefix[AMPS_FRAME_PREFIX_SIZE];
    amps_frame_seal(prefix, 0x01020304);
    CHECK(memcmp(prefix, "\1\2\3\4", 4) == 0);
}

int main(void)
{
    RUN(a_whole_frame_is_found);
    RUN(every_cut_asks_for_exactly_what_is_needed);
    RUN(what_follows_belongs_to_the_next_frame);
    RUN(no_bytes_at_all_are_no_frame_yet);
    RUN(a_frame_of_length_zero_is_whole_and_empty);
    RUN(the_limit_is_allowed_and_one_more_is_not);
    RUN(the_largest_claim_is_refused_and_does_not_wrap_around);
    RUN(what_is_sealed_is_found_again);
    RUN(the_length_is_big_endian);
    return 0;
}
