/* records.h: the records of a file as the tests fill and read them, without a store around. */
#ifndef RECORDS_H
#define RECORDS_H

#include "amps_file_records.h"
#include "folder.h"
#include "store.h"

static inline amps_file_records *open_records(const char *name, size_t block_size, size_t blocks)
{
    amps_file_records *records;
    amps_failure       failure = {.text = ""};
    amps_status        status =
        amps_file_records_open(in_folder(name), block_size, blocks, &records, &failure);
    if (status != AMPS_OK) {
        fprintf(stderr, "%s\n", failure.text);
    }
    CHECK_STATUS(status, AMPS_OK);
    return records;
}

/* Grows by 8 blocks when it must. */
static inline amps_status try_put(amps_file_records *records, uint64_t sequence,
                                  amps_failure *failure)
{
    char        frame[FRAME_SIZE_MAX];
    amps_status status = AMPS_OK;
    while (status == AMPS_OK && amps_file_records_lacks(records, size_for(sequence)) > 0) {
        status = amps_file_records_grow(records, 8, failure);
    }
    return status != AMPS_OK ? status
                             : amps_file_records_add(records, sequence, frame_for(sequence, frame),
                                                     false, failure);
}

static inline void put(amps_file_records *records, uint64_t from, uint64_t to)
{
    for (uint64_t sequence = from; sequence <= to; sequence++) {
        CHECK_STATUS(try_put(records, sequence, NULL), AMPS_OK);
    }
}

/* The sequence of the first record above, with the right bytes; 0: there is none. */
static inline uint64_t get_above(amps_file_records *records, uint64_t after)
{
    char        bytes[FRAME_SIZE_MAX], expected[FRAME_SIZE_MAX];
    uint64_t    sequence = 0;
    size_t      size = 0;
    amps_status status =
        amps_file_records_read_after(records, after, bytes, sizeof bytes, &sequence, &size, NULL);
    if (status == AMPS_END) {
        return 0;
    }
    CHECK_STATUS(status, AMPS_OK);
    CHECK_NUMBER(size, size_for(sequence));
    frame_for(sequence, expected);
    CHECK(memcmp(bytes, expected, size) == 0);
    return sequence;
}

static inline void discard(amps_file_records *records, uint64_t sequence)
{
    CHECK_STATUS(amps_file_records_discard_up_to(records, sequence, sequence, NULL), AMPS_OK);
}

static inline void bury(amps_file_records *records, uint64_t sequence)
{
    CHECK_STATUS(amps_file_records_discard_one(records, sequence, NULL), AMPS_OK);
}

#endif
