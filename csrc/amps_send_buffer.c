/* amps_send_buffer.c: two halves that change places. */
#include "amps_send_buffer.h"

void amps_send_buffer_init(amps_send_buffer *buffer, size_t size_max)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->size_max = size_max;
    amps_buffer_init(&buffer->back, size_max + AMPS_SEND_BUFFER_SLACK);
    amps_buffer_init(&buffer->front, size_max + AMPS_SEND_BUFFER_SLACK);
}

void amps_send_buffer_fini(amps_send_buffer *buffer)
{
    amps_buffer_fini(&buffer->back);
    amps_buffer_fini(&buffer->front);
}

/* A front that held a rest may have grown past its maximum: it starts anew. */
static void forget_rest(amps_send_buffer *buffer)
{
    buffer->front_shown = 0;
    if (buffer->front_is_rest) {
        amps_buffer_fini(&buffer->front);
        buffer->front_is_rest = false;
    }
}

void amps_send_buffer_clear(amps_send_buffer *buffer)
{
    buffer->back.size = 0;
    buffer->front.size = 0;
    buffer->front_sent = 0;
    forget_rest(buffer);
    buffer->last_send_end = 0;
    buffer->run = 0;
    buffer->gathered = 0;
}

amps_status amps_send_buffer_reserve(amps_send_buffer *buffer, size_t size, char **at)
{
    if (AMPS_UNLIKELY(buffer->back.size + size > buffer->size_max)) {
        return size > buffer->size_max ? AMPS_TOO_LARGE : AMPS_AGAIN;
    }
    return amps_buffer_reserve(&buffer->back, size, at);
}

amps_status amps_send_buffer_reserve_slack(amps_send_buffer *buffer, size_t size, char **at)
{
    amps_status status = amps_buffer_reserve(&buffer->back, size, at);
    return status == AMPS_TOO_LARGE ? AMPS_AGAIN : status;
}

void amps_send_buffer_commit(amps_send_buffer *buffer, size_t size)
{
    AMPS_ASSERT(buffer->back.size + size <= buffer->back.capacity);
    buffer->back.size += size;
    buffer->gathered = 0;
}

amps_status amps_send_buffer_join(amps_send_buffer *buffer, amps_buffer *bytes)
{
    char       *at;
    amps_status status = AMPS_OK;
    if (buffer->back.size == 0) {
        amps_buffer_swap(&buffer->back, bytes);
    } else if (bytes->size > 0) {
        status = amps_send_buffer_reserve(buffer, bytes->size, &at);
        if (status != AMPS_OK) {
            return status == AMPS_TOO_LARGE ? AMPS_AGAIN : status;
        }
        memcpy(at, bytes->at, bytes->size);
        buffer->back.size += bytes->size;
    }
    bytes->size = 0;
    buffer->gathered = 0;
    return status;
}

/* ---- Batches: the end of the back may have to wait ------------------------------------------ */

void amps_send_buffer_set_batching(amps_send_buffer *buffer, size_t size, uint64_t timeout)
{
    buffer->batch_size = size < buffer->size_max ? size : buffer->size_max;
    buffer->batch_timeout = timeout;
    buffer->gathered = 0;
}

bool amps_send_buffer_commit_publish(amps_send_buffer *buffer, size_t size)
{
    bool   fits = buffer->gathered + size <= buffer->batch_size;
    size_t gathered = fits ? buffer->gathered + size : size;
    amps_send_buffer_commit(buffer, size);
    if (size > buffer->batch_size) {
        return false; /* right after those gathered before it */
    }
    buffer->gathered = gathered;
    buffer->gathered_until = gathered == size ? UINT64_MAX : buffer->gathered_until;
    return gathered == size && buffer->batch_timeout > 0;
}

void amps_send_buffer_batch_begins(amps_send_buffer *buffer, uint64_t now)
{
    buffer->gathered_until = now + buffer->batch_timeout;
}

uint64_t amps_send_buffer_batch_ends_at(const amps_send_buffer *buffer)
{
    return buffer->gathered > 0 ? buffer->gathered_until : UINT64_MAX;
}

void amps_send_buffer_end_batch(amps_send_buffer *buffer) { buffer->gathered = 0; }

bool amps_send_buffer_has_due(const amps_send_buffer *buffer)
{
    return buffer->back.size > buffer->gathered || buffer->front_sent < buffer->front.size;
}

/* What is only gathered goes from the end of the front, which is to be sent now, to the back. */
static void keep_gathered(amps_send_buffer *buffer)
{
    char  *at;
    size_t due = buffer->front.size - buffer->gathered;
    if (amps_buffer_reserve(&buffer->back, buffer->gathered, &at) == AMPS_OK) {
        memcpy(at, buffer->front.at + due, buffer->gathered);
        buffer->back.size = buffer->gathered;
        buffer->front.size = due;
    } else {
        buffer->gathered = 0; /* no memory to wait in */
    }
}

/* ---- Taking --------------------------------------------------------------------------------- */

bool amps_send_buffer_is_empty(const amps_send_buffer *buffer)
{
    return buffer->back.size == 0 && buffer->front_sent == buffer->front.size;
}

amps_slice amps_send_buffer_take(amps_send_buffer *buffer)
{
    if (buffer->front_sent == buffer->front.size) {
        buffer->front.size = 0;
        buffer->front_sent = 0;
        forget_rest(buffer);
        if (AMPS_LIKELY(buffer->gathered == 0)) {
            amps_buffer_swap(&buffer->front, &buffer->back);
        } else if (buffer->back.size > buffer->gathered) {
            amps_buffer_swap(&buffer->front, &buffer->back);
            keep_gathered(buffer);
        }
    }
    return (amps_slice){buffer->front.at + buffer->front_sent,
                        buffer->front.size - buffer->front_sent};
}

amps_slice amps_send_buffer_show(amps_send_buffer *buffer)
{
    size_t from =
        buffer->front_shown > buffer->front_sent ? buffer->front_shown : buffer->front_sent;
    buffer->front_shown = buffer->front.size;
    return (amps_slice){buffer->front.at + from, buffer->front.size - from};
}

void amps_send_buffer_sent(amps_send_buffer *buffer, size_t size)
{
    AMPS_ASSERT(buffer->front_sent + size <= buffer->front.size);
    buffer->front_sent += size;
}

amps_status amps_send_buffer_put_rest(amps_send_buffer *buffer, amps_slice first, amps_slice second,
                                      bool is_publish)
{
    AMPS_ASSERT(buffer->front_sent == buffer->front.size);
    char  *at = NULL;
    size_t size_max = buffer->front.size_max;
    buffer->front.size = 0;
    buffer->front_sent = 0;
    buffer->front_shown = 0;
    buffer->front.size_max = SIZE_MAX; /* the body is in memory already: a copy of it fits too */
    amps_status status = amps_buffer_reserve(&buffer->front, first.size + second.size, &at);
    buffer->front.size_max = size_max;
    if (status != AMPS_OK) {
        return status;
    }
    memcpy(at, first.at, first.size);
    if (second.size > 0) {
        memcpy(at + first.size, second.at, second.size);
    }
    buffer->front.size = first.size + second.size;
    buffer->front_is_rest = true;
    buffer->rest_publishes = is_publish ? 1 : 0;
    return AMPS_OK;
}

bool amps_send_buffer_goes_at_once(const amps_send_buffer *buffer, uint64_t now)
{
    bool close = now - buffer->last_send_end < AMPS_BURST_GAP_NS;
    return !(close && buffer->run >= AMPS_BURST_RUN);
}

void amps_send_buffer_was_answered(amps_send_buffer *buffer) { buffer->run = 0; }

void amps_send_buffer_went_at_once(amps_send_buffer *buffer, uint64_t began, uint64_t ended)
{
    bool close = began - buffer->last_send_end < AMPS_BURST_GAP_NS;
    buffer->run = close ? buffer->run + 1 : 0;
    buffer->last_send_end = ended;
}

/* Our own writer puts the verb first, so a publish shows in its first bytes. */
static bool is_publish(const char *payload, size_t size)
{
    static const char plain[] = "{\"c\":\"p\"";
    static const char delta[] = "{\"c\":\"delta_publish\"";
    return (size >= sizeof plain - 1 && memcmp(payload, plain, sizeof plain - 1) == 0) ||
           (size >= sizeof delta - 1 && memcmp(payload, delta, sizeof delta - 1) == 0);
}

/* Counts the publishes among the frames in `bytes` that end after `sent`, adds up their sizes, and
 * copies them to *to, which moves on, unless it is NULL. */
static size_t copy_publishes(amps_slice bytes, size_t sent, char **to, size_t *size)
{
    size_t count = 0;
    for (size_t at = 0; at + AMPS_FRAME_PREFIX_SIZE <= bytes.size;) {
        size_t payload_size = amps_load_u32(bytes.at + at);
        size_t frame_size = AMPS_FRAME_PREFIX_SIZE + payload_size;
        if (at + frame_size > sent &&
            is_publish(bytes.at + at + AMPS_FRAME_PREFIX_SIZE, payload_size)) {
            count++;
            *size += frame_size;
            if (to != NULL) {
                memcpy(*to, bytes.at + at, frame_size);
                *to += frame_size;
            }
        }
        at += frame_size;
    }
    return count;
}

size_t amps_send_buffer_keep_unsent(const amps_send_buffer *buffer, amps_buffer *kept)
{
    amps_slice front = {buffer->front.at, buffer->front_is_rest ? 0 : buffer->front.size};
    amps_slice back = {buffer->back.at, buffer->back.size};
    size_t     size = 0, before = kept->size;
    char      *at;
    size_t     count = copy_publishes(front, buffer->front_sent, NULL, &size);
    count += copy_publishes(back, 0, NULL, &size);
    if (count == 0 || amps_buffer_reserve(kept, size, &at) != AMPS_OK) {
        return 0;
    }
    if (before > 0) {
        memmove(kept->at + size, kept->at, before);
    }
    kept->size = before + size;
    at = kept->at;
    copy_publishes(front, buffer->front_sent, &at, &size);
    copy_publishes(back, 0, &at, &size);
    return count;
}

size_t amps_send_buffer_unsent_publishes(const amps_send_buffer *buffer)
{
    amps_slice front = {buffer->front.at, buffer->front.size};
    amps_slice back = {buffer->back.at, buffer->back.size};
    size_t     size = 0;
    size_t     in_back = copy_publishes(back, 0, NULL, &size);
    if (buffer->front_is_rest) {
        return in_back + (buffer->front_sent < buffer->front.size ? buffer->rest_publishes : 0);
    }
    return in_back + copy_publishes(front, buffer->front_sent, NULL, &size);
}
