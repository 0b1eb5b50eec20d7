/* amps_unsent.c: publishes of a connection that is gone, sent on the next. */
#include "amps_unsent.h"

static size_t count_frames(amps_slice bytes)
{
    size_t count = 0;
    for (size_t at = 0; at < bytes.size; count++) {
        at += AMPS_FRAME_PREFIX_SIZE + amps_load_u32(bytes.at + at);
    }
    return count;
}

size_t amps_unsent_count(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    size_t count = count_frames((amps_slice){writer->kept.at, writer->kept.size});
    amps_mutex_unlock(&writer->lock);
    return count;
}

size_t amps_unsent_drop(amps_writer *writer)
{
    amps_mutex_lock(&writer->lock);
    size_t count = count_frames((amps_slice){writer->kept.at, writer->kept.size});
    amps_buffer_fini(&writer->kept);
    amps_buffer_init(&writer->kept, SIZE_MAX);
    amps_mutex_unlock(&writer->lock);
    return count;
}

/* As many as there is room for go to the buffer. The lock is held. */
static amps_status put_kept(amps_writer *writer)
{
    amps_status status = AMPS_OK;
    size_t      moved = 0;
    while (status == AMPS_OK && moved < writer->kept.size) {
        char  *at;
        size_t size = AMPS_FRAME_PREFIX_SIZE + amps_load_u32(writer->kept.at + moved);
        status = amps_writer_reserve(writer, size, &at);
        if (status == AMPS_OK) {
            memcpy(at, writer->kept.at + moved, size);
            amps_send_buffer_commit(&writer->buffer, size);
        } else if (status == AMPS_TOO_LARGE) { /* the slack had room for it */
            status = amps_writer_put_large(writer, (amps_slice){writer->kept.at + moved, size});
        }
        moved += status == AMPS_OK ? size : 0;
    }
    if (moved > 0) {
        writer->kept.size -= moved;
        memmove(writer->kept.at, writer->kept.at + moved, writer->kept.size);
        writer->awake = true; /* its thread sends them */
        amps_cond_signal(&writer->wake);
    }
    return status;
}

amps_status amps_unsent_send(amps_writer *writer, uint64_t deadline)
{
    amps_mutex_lock(&writer->lock);
    amps_status status = put_kept(writer);
    while (status == AMPS_AGAIN && amps_writer_wait(writer, deadline)) {
        status = put_kept(writer);
    }
    amps_mutex_unlock(&writer->lock);
    return status;
}
