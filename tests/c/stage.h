/* stage.h: a store between its publishers and a connection, whose other end the test plays. */
#ifndef STAGE_H
#define STAGE_H

#include "amps_header.h"
#include "amps_stored.h"
#include "check.h"
#include "peer.h"
#include "rig.h"
#include "store.h"

#define SMALL ((size_t)4096)    /* a send buffer that is soon full */
#define LARGE ((size_t)1 << 17) /* a body that never fits into it */
#define TOPIC "{\"c\":\"p\",\"t\":\"x\"}"

typedef struct stage {
    rig                 rigged;
    amps_stored         stored;
    amps_publish_store *store;
} stage;

static inline void open_stage(stage *staged, size_t size_max)
{
    rig_open(&staged->rigged, size_max);
    amps_stored_init(&staged->stored, &staged->rigged.writer);
    staged->store = new_store();
    CHECK(!amps_stored_is_used(&staged->stored));
    CHECK_STATUS(amps_stored_set(&staged->stored, staged->store), AMPS_OK);
    CHECK(amps_stored_is_used(&staged->stored));
}

static inline void close_stage(stage *staged)
{
    amps_stored_forget(&staged->stored); /* the writer's thread goes on until the end of the rig */
    amps_stored_fini(&staged->stored);
    amps_publish_store_drop(staged->store);
    rig_close(&staged->rigged);
    close(staged->rigged.wire.peers);
}

static inline amps_header publish_header(void)
{
    amps_header header = {.present = 0};
    amps_header_set(&header, AMPS_FIELD_COMMAND, BYTES("publish"));
    amps_header_set(&header, AMPS_FIELD_TOPIC, BYTES("x"));
    return header;
}

static inline amps_status try_publish(stage *staged, amps_slice body, amps_kept *kept)
{
    amps_header header = publish_header();
    amps_status status = amps_stored_publish(&staged->stored, &header, body, true, false, kept);
    if (status == AMPS_OK && kept->due) {
        amps_writer_send_due(&staged->rigged.writer);
    }
    return status;
}

static inline amps_kept publish(stage *staged, const char *body)
{
    amps_kept kept;
    CHECK_STATUS(try_publish(staged, (amps_slice){body, strlen(body)}, &kept), AMPS_OK);
    return kept;
}

/* The number of the next frame, and the size of its body. */
static inline uint64_t next_sequence(int fd, size_t *body_size)
{
    size_t      size, header_size;
    uint64_t    sequence = 0;
    amps_header header;
    char       *payload = peer_read_frame(fd, &size);
    CHECK_STATUS(amps_header_parse((amps_slice){payload, size}, &header, &header_size), AMPS_OK);
    CHECK(amps_header_number(&header, AMPS_FIELD_SEQUENCE, UINT64_MAX, &sequence));
    *body_size = size - header_size;
    free(payload);
    return sequence;
}

static inline void expect_sequences(int fd, uint64_t from, uint64_t to)
{
    size_t size;
    for (uint64_t expected = from; expected <= to; expected++) {
        CHECK_NUMBER(next_sequence(fd, &size), expected);
    }
}

/* Reads until this number has come, rising by one, or the connection ends, maybe within a frame. */
static inline void read_up_to(int fd, uint64_t last)
{
    size_t      filled = 0, room = (last - BASE) * (LARGE + 100), got, size, begin = 0;
    uint64_t    expected = BASE + 1, sequence;
    amps_slice  payload;
    amps_header header;
    char       *bytes = malloc(room + 1);
    CHECK(bytes != NULL);
    while (expected <= last && (got = peer_read_some(fd, bytes + filled, room - filled)) > 0) {
        filled += got;
        while (amps_frame_find((amps_slice){bytes + begin, filled - begin}, room, &payload,
                               &size) == AMPS_OK) {
            begin += size;
            CHECK_STATUS(amps_header_parse(payload, &header, &size), AMPS_OK);
            CHECK(amps_header_number(&header, AMPS_FIELD_SEQUENCE, UINT64_MAX, &sequence));
            CHECK_NUMBER(sequence, expected);
            expected++;
        }
    }
    free(bytes);
}

#endif
