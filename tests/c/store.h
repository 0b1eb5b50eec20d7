/* store.h: publish stores as the tests fill and read them: every frame is told by its number. */
#ifndef STORE_H
#define STORE_H

#include "amps_publish_store.h"
#include "amps_thread.h"
#include "check.h"

#define BASE ((uint64_t)1000) /* what the clock says in most stories: the first number is above */

static inline amps_publish_store_options options_of(size_t block_size, size_t blocks)
{
    return (amps_publish_store_options){
        .block_size = block_size, .blocks_per_growth = blocks, .clock_sequence = BASE};
}

static inline amps_publish_store *store_of(size_t block_size, size_t blocks)
{
    amps_publish_store_options options = options_of(block_size, blocks);
    amps_publish_store        *store;
    CHECK_STATUS(amps_publish_store_new(&options, &store), AMPS_OK);
    return store;
}

static inline amps_publish_store *new_store(void) { return store_of(2048, 10000); }

/* Frames of most sizes from 8 to 400 bytes; every 64th is larger than a few blocks. */
static inline size_t size_for(uint64_t sequence)
{
    return sequence % 64 == 63 ? 5000 : 8 + sequence * 37 % 393;
}

static inline amps_slice frame_for(uint64_t sequence, char *out)
{
    size_t size = size_for(sequence);
    for (size_t at = 0; at < size; at++) {
        out[at] = (char)(sequence * 131 + at * 7 + (at >> 8));
    }
    memcpy(out, &sequence, sizeof sequence);
    return (amps_slice){out, size};
}

#define FRAME_SIZE_MAX 5000

static inline amps_status try_add(amps_publish_store *store, uint64_t *sequence,
                                  amps_failure *failure)
{
    char        frame[FRAME_SIZE_MAX];
    amps_status status;
    do {
        *sequence = amps_publish_store_next(store);
        status = amps_publish_store_add(store, *sequence, frame_for(*sequence, frame), failure);
    } while (status == AMPS_AGAIN);
    return status;
}

/* In two steps, without waiting. */
static inline amps_status try_at_once(amps_publish_store *store, uint64_t *sequence)
{
    char        frame[FRAME_SIZE_MAX];
    amps_status status = amps_publish_store_begin(store, true, sequence);
    if (status == AMPS_OK) {
        status = amps_publish_store_put(store, *sequence, frame_for(*sequence, frame), true, NULL);
        amps_publish_store_unlock(store);
    }
    return status;
}

static inline uint64_t add(amps_publish_store *store)
{
    uint64_t sequence;
    CHECK_STATUS(try_add(store, &sequence, NULL), AMPS_OK);
    return sequence;
}

static inline void add_many(amps_publish_store *store, uint64_t count)
{
    while (count-- > 0) {
        add(store);
    }
}

/* The number of the first record above, with the right bytes; 0: there is none. */
static inline uint64_t read_above(amps_publish_store *store, uint64_t after)
{
    char        bytes[FRAME_SIZE_MAX], expected[FRAME_SIZE_MAX];
    uint64_t    sequence = 0;
    size_t      size = 0;
    amps_status status =
        amps_publish_store_read_after(store, after, bytes, sizeof bytes, &sequence, &size);
    if (status == AMPS_END) {
        return 0;
    }
    CHECK_STATUS(status, AMPS_OK);
    CHECK(sequence > after);
    CHECK_NUMBER(size, size_for(sequence));
    frame_for(sequence, expected);
    CHECK(memcmp(bytes, expected, size) == 0);
    return sequence;
}

/* Reads all of it: how many there are, and that the store's own numbers agree. */
static inline uint64_t check_whole(amps_publish_store *store)
{
    uint64_t count = 0, lowest = read_above(store, 0);
    for (uint64_t at = lowest; at != 0; at = read_above(store, at)) {
        count++;
        CHECK(at <= amps_publish_store_last_assigned(store));
    }
    CHECK_NUMBER(amps_publish_store_count(store), count);
    CHECK_NUMBER(amps_publish_store_lowest(store), lowest);
    return count;
}

static inline void discard_up_to(amps_publish_store *store, uint64_t sequence)
{
    CHECK_STATUS(amps_publish_store_discard_up_to(store, sequence, NULL), AMPS_OK);
}

#endif
