/* amps_stored.c: numbered and kept, then sent in order. */
#include "amps_stored.h"

#include "amps_frame.h"
#include "amps_memory.h"

#define SCRATCH_KEPT_MAX ((size_t)1 << 20) /* a larger one is given back after use */
#define SEQUENCE_KEY     ",\"s\":"

/* ---- The lane, with the writer's lock ------------------------------------------------------- */

/* Its frames join the send buffer. With the store's lock, too. */
static bool join_lane(amps_stored *stored, bool stays_open)
{
    amps_writer *writer = stored->writer;
    bool         any = stored->lane.size > 0;
    if (!stays_open) {
        atomic_store(&stored->open, NULL);
    }
    amps_status status = amps_send_buffer_join(&writer->buffer, &stored->lane);
    writer->aside = stays_open || stored->lane.size > 0;
    writer->awake = writer->awake || any;
    return status == AMPS_OK;
}

/* Never waits for who has the store's lock: with a disk that may be long. Then the thread must come
 * back to it. */
static bool collect(void *context)
{
    amps_stored *stored = context;
    if (!stored->writer->aside) {
        return true;
    }
    bool in_time = amps_publish_store_try_lock(stored->store);
    bool all = in_time && join_lane(stored, amps_writer_may_gather(stored->writer));
    if (in_time) {
        amps_publish_store_unlock(stored->store);
    } else {
        stored->writer->awake = true;
    }
    return all;
}

/* What is in it is kept by the store, too. */
static void empty_lane(amps_stored *stored)
{
    if (stored->writer->aside) {
        amps_publish_store_lock(stored->store);
        atomic_store(&stored->open, NULL);
        stored->lane.size = 0;
        stored->writer->aside = false;
        amps_publish_store_unlock(stored->store);
    }
}

static void refill(void *context);

void amps_stored_init(amps_stored *stored, amps_writer *writer)
{
    memset(stored, 0, sizeof *stored);
    stored->writer = writer;
    amps_buffer_init(&stored->lane, writer->buffer.back.size_max);
    writer->collect = collect;
    writer->refill = refill;
    writer->store_context = stored;
}

void amps_stored_fini(amps_stored *stored)
{
    amps_publish_store_drop(stored->store);
    amps_buffer_fini(&stored->lane);
    amps_memory_free(stored->scratch);
}

amps_status amps_stored_set(amps_stored *stored, amps_publish_store *store)
{
    amps_status status = AMPS_OK;
    amps_mutex_lock(&stored->writer->lock);
    amps_publish_store *before = stored->store;
    if (before != NULL && stored->follows && amps_publish_store_count(before) > 0) {
        status = AMPS_ALREADY_CONNECTED;
        before = NULL;
    } else {
        empty_lane(stored);
        amps_publish_store_hold(store);
        stored->store = store;
        stored->follows = false;
        stored->writer->behind = false;
        atomic_store(&stored->is_used, store != NULL);
    }
    amps_mutex_unlock(&stored->writer->lock);
    amps_publish_store_drop(before);
    return status;
}

/* ---- Keeping -------------------------------------------------------------------------------- */

static char *scratch_of(amps_stored *stored, size_t size)
{
    if (stored->scratch_size < size) {
        char *scratch = amps_memory_resize(stored->scratch, size);
        if (scratch == NULL) {
            return NULL;
        }
        stored->scratch = scratch;
        stored->scratch_size = size;
    }
    return stored->scratch;
}

static void trim_scratch(amps_stored *stored)
{
    if (stored->scratch_size > SCRATCH_KEPT_MAX) {
        amps_memory_free(stored->scratch);
        stored->scratch = NULL;
        stored->scratch_size = 0;
    }
}

/* Where a frame is to be written: at the end of the send buffer when it may go right away, else in
 * memory of our own. NULL: out of memory. */
static char *place_for(amps_stored *stored, size_t size, bool *direct)
{
    amps_writer *writer = stored->writer;
    char        *at = NULL;
    *direct = stored->follows && !writer->behind && !writer->aside &&
              amps_writer_reserve(writer, size, &at) == AMPS_OK;
    return *direct ? at : scratch_of(stored, size);
}

/* The digits of a number: most often they are one up from those of the one before. With the
 * store's lock. */
static amps_slice digits_of(amps_stored *stored, uint64_t number)
{
    char *digit = stored->digits + AMPS_NUMBER_TEXT_MAX - 1; /* where its text always ends */
    if (AMPS_LIKELY(number == stored->texted + 1 && stored->text.size > 0)) {
        while (*digit == '9' && digit > stored->text.at) {
            *digit-- = '0';
        }
    }
    if (AMPS_LIKELY(number == stored->texted + 1 && *digit >= '0' && *digit < '9')) {
        ++*digit;
    } else {
        stored->text = amps_number_text(number, stored->digits);
    }
    stored->texted = number;
    return stored->text;
}

/* Takes the writer's lock and the store's, both before anything is written: a lock taken after that
 * waits until the memory has it all. */
static amps_status enter(amps_stored *stored, bool at_once, amps_kept *kept)
{
    kept->due = false;
    kept->is_sent = false;
    if (!at_once) {
        amps_mutex_lock(&stored->writer->lock);
    } else if (AMPS_UNLIKELY(!amps_mutex_try(&stored->writer->lock))) {
        return AMPS_AGAIN;
    }
    amps_status status = amps_publish_store_begin(stored->store, at_once, &kept->sequence);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        amps_mutex_unlock(&stored->writer->lock);
    } else if (stored->writer->aside) {
        join_lane(stored, false);
    }
    return status == AMPS_MORE ? AMPS_AGAIN : status;
}

/* There was no memory to write it. */
static amps_status leave(amps_stored *stored)
{
    amps_publish_store_unlock(stored->store);
    amps_mutex_unlock(&stored->writer->lock);
    return AMPS_NO_MEMORY;
}

/* What was written is kept, and goes when it can. Both locks are let go. */
static amps_status keep(amps_stored *stored, amps_slice frame, bool direct, bool is_publish,
                        bool at_once, amps_kept *kept)
{
    amps_writer *writer = stored->writer;
    amps_status  status =
        amps_publish_store_put(stored->store, kept->sequence, frame, at_once, &kept->failure);
    kept->is_sent = direct;
    if (AMPS_LIKELY(status == AMPS_OK && direct)) { /* before the next one can be in the lane */
        atomic_store_explicit(&stored->sent, kept->sequence, memory_order_release);
        if (is_publish && amps_writer_may_gather(writer)) {
            writer->aside = true;
            atomic_store(&stored->open, stored->store);
        }
    }
    amps_publish_store_unlock(stored->store);
    if (AMPS_LIKELY(status == AMPS_OK && direct)) {
        kept->due = amps_writer_commit(writer, frame.size, !is_publish); /* lets the lock go */
        return AMPS_OK;
    }
    if (status == AMPS_OK && stored->follows) {
        amps_writer_fall_behind(writer);
    }
    trim_scratch(stored);
    amps_mutex_unlock(&writer->lock);
    return status == AMPS_MORE ? AMPS_AGAIN : status;
}

amps_status amps_stored_publish(amps_stored *stored, amps_header *header, amps_slice body,
                                bool is_publish, bool at_once, amps_kept *kept)
{
    bool        direct;
    amps_status status = enter(stored, at_once, kept);
    if (status != AMPS_OK) {
        return status;
    }
    amps_header_set(header, AMPS_FIELD_SEQUENCE, digits_of(stored, kept->sequence));
    size_t size = amps_frame_size_max(header, body);
    char  *at = size <= AMPS_SEND_FRAME_SIZE_MAX ? place_for(stored, size, &direct) : NULL;
    if (at == NULL) {
        status = leave(stored);
        return size <= AMPS_SEND_FRAME_SIZE_MAX ? status : AMPS_TOO_LARGE;
    }
    amps_slice frame = {at, amps_frame_write(header, body, at)};
    return keep(stored, frame, direct, is_publish, at_once, kept);
}

/* The prepared header with the sequence before its closing brace; gives the frame's size. */
static size_t write_prepared(char *at, amps_slice header, amps_slice body, amps_slice number)
{
    char *end = at + AMPS_FRAME_PREFIX_SIZE;
    memcpy(end, header.at, header.size - 1);
    end += header.size - 1;
    memcpy(end, SEQUENCE_KEY, sizeof SEQUENCE_KEY - 1);
    end += sizeof SEQUENCE_KEY - 1;
    memcpy(end, number.at, number.size);
    end += number.size;
    *end++ = '}';
    if (body.size > 0) {
        memcpy(end, body.at, body.size);
        end += body.size;
    }
    amps_frame_seal(at, (size_t)(end - at) - AMPS_FRAME_PREFIX_SIZE);
    return (size_t)(end - at);
}

/* With the store's lock, and its number. AMPS_END: the lane takes it no longer. */
static amps_status put_in_lane(amps_stored *stored, amps_publish_store *store, amps_slice header,
                               amps_slice body, size_t size, bool at_once, amps_kept *kept)
{
    char *at;
    if (AMPS_UNLIKELY(atomic_load_explicit(&stored->open, memory_order_relaxed) != store ||
                      stored->lane.size + size > stored->writer->buffer.size_max ||
                      amps_buffer_reserve(&stored->lane, size, &at) != AMPS_OK)) {
        return AMPS_END;
    }
    amps_slice  number = digits_of(stored, kept->sequence);
    amps_slice  frame = {at, write_prepared(at, header, body, number)};
    amps_status status =
        amps_publish_store_put(store, kept->sequence, frame, at_once, &kept->failure);
    if (AMPS_LIKELY(status == AMPS_OK)) {
        stored->lane.size += frame.size;
        atomic_store_explicit(&stored->sent, kept->sequence, memory_order_release);
    }
    return status;
}

/* In a burst: the thread is awake and will collect it. */
static amps_status gather(amps_stored *stored, amps_publish_store *store, amps_slice header,
                          amps_slice body, size_t size, bool at_once, amps_kept *kept)
{
    amps_status status = amps_publish_store_begin(store, at_once, &kept->sequence);
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    kept->due = false;
    kept->is_sent = true;
    status = put_in_lane(stored, store, header, body, size, at_once, kept);
    amps_publish_store_unlock(store);
    return status;
}

amps_status amps_stored_publish_prepared(amps_stored *stored, amps_publish_store *held,
                                         amps_slice header, amps_slice body, bool at_once,
                                         amps_kept *kept)
{
    const size_t size = AMPS_FRAME_PREFIX_SIZE + header.size + sizeof SEQUENCE_KEY +
                        AMPS_NUMBER_TEXT_MAX + body.size;
    bool        direct;
    amps_status status = AMPS_END;
    if (held != NULL && atomic_load_explicit(&stored->open, memory_order_relaxed) == held) {
        status = gather(stored, held, header, body, size, at_once, kept);
    }
    if (AMPS_LIKELY(status != AMPS_END)) {
        return status == AMPS_MORE ? AMPS_AGAIN : status;
    }
    status = size <= AMPS_SEND_FRAME_SIZE_MAX ? enter(stored, at_once, kept) : AMPS_TOO_LARGE;
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    char *at = place_for(stored, size, &direct);
    if (AMPS_UNLIKELY(at == NULL)) {
        return leave(stored);
    }
    amps_slice number = digits_of(stored, kept->sequence);
    amps_slice frame = {at, write_prepared(at, header, body, number)};
    return keep(stored, frame, direct, true, at_once, kept);
}

/* ---- Sending what is kept ------------------------------------------------------------------- */

/* One frame too large for the buffer. */
static amps_status send_large(amps_stored *stored, size_t size, uint64_t *sequence)
{
    char *copy = amps_memory_new(size);
    if (copy == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_status status =
        amps_publish_store_read_after(stored->store, stored->sent, copy, size, sequence, &size);
    if (status == AMPS_OK) {
        status = amps_writer_put_large(stored->writer, (amps_slice){copy, size});
    }
    amps_memory_free(copy);
    return status;
}

/* The next frame in order goes to the send buffer. AMPS_END: there is none. */
static amps_status send_next(amps_stored *stored)
{
    amps_writer *writer = stored->writer;
    uint64_t     sequence = 0;
    size_t       size = 0;
    char        *at = NULL;
    amps_status  status =
        amps_publish_store_read_after(stored->store, stored->sent, NULL, 0, &sequence, &size);
    if (status != AMPS_TOO_LARGE) {
        return status == AMPS_OK ? AMPS_AGAIN : status;
    }
    status = amps_writer_reserve(writer, size, &at);
    if (status == AMPS_TOO_LARGE) {
        status = send_large(stored, size, &sequence);
    } else if (status == AMPS_OK) {
        status =
            amps_publish_store_read_after(stored->store, stored->sent, at, size, &sequence, &size);
        if (status == AMPS_OK) {
            amps_send_buffer_commit(&writer->buffer, size);
        }
    }
    if (status == AMPS_OK) {
        atomic_store(&stored->sent, sequence);
    }
    return status;
}

/* On the writer's thread, with its lock. A record that was discarded between two looks gives
 * another one: then the room may be too small, and it is tried again. */
static void refill(void *context)
{
    amps_stored *stored = context;
    amps_status  status = AMPS_OK;
    if (!collect(stored)) {
        return;
    }
    while ((status == AMPS_OK || status == AMPS_TOO_LARGE) && stored->follows) {
        status = send_next(stored);
    }
    if (status == AMPS_END || !stored->follows) {
        amps_writer_caught_up(stored->writer);
    } else if (status != AMPS_AGAIN && status != AMPS_DISCONNECTED && status != AMPS_CLOSED) {
        amps_writer_break_held(stored->writer, status); /* what is kept goes with the next one */
    }
}

uint64_t amps_stored_follow(amps_stored *stored, uint64_t persisted)
{
    uint64_t highest = 0;
    amps_mutex_lock(&stored->writer->lock);
    stored->acked = persisted;
    if (stored->store != NULL) {
        empty_lane(stored);
        stored->follows = true;
        atomic_store(&stored->sent, 0);
        highest = amps_publish_store_last_assigned(stored->store);
        amps_writer_fall_behind(stored->writer);
    }
    amps_mutex_unlock(&stored->writer->lock);
    return highest;
}

void amps_stored_forget(amps_stored *stored)
{
    amps_mutex_lock(&stored->writer->lock);
    empty_lane(stored);
    stored->follows = false;
    stored->writer->behind = false;
    atomic_store(&stored->sent, 0);
    amps_mutex_unlock(&stored->writer->lock);
}

amps_status amps_stored_wait_sent(amps_stored *stored, uint64_t sequence, uint64_t deadline)
{
    amps_writer *writer = stored->writer;
    amps_status  status = AMPS_AGAIN;
    bool         in_time = true;
    amps_mutex_lock(&writer->lock);
    unsigned connection = writer->connection;
    for (;;) {
        if (!stored->follows || writer->connection != connection || writer->refuse != AMPS_OK) {
            status = writer->refuse == AMPS_CLOSED ? AMPS_CLOSED : AMPS_DISCONNECTED;
        } else if (atomic_load(&stored->sent) >= sequence || !writer->behind) {
            status = AMPS_OK;
        }
        if (status != AMPS_AGAIN || !in_time) {
            break;
        }
        in_time = amps_writer_wait(writer, deadline);
    }
    amps_mutex_unlock(&writer->lock);
    return status;
}

/* ---- What the server says ------------------------------------------------------------------- */

/* Is it news? *sent is the highest that can be meant: an ack above that is one up to there. */
static bool note_ack(amps_stored *stored, uint64_t sequence, amps_publish_store **store,
                     uint64_t *sent)
{
    amps_mutex_lock(&stored->writer->lock);
    bool is_news = stored->store != NULL && sequence > stored->acked;
    if (is_news) {
        *sent = atomic_load(&stored->sent);
        uint64_t meant = sequence < *sent ? sequence : *sent;
        stored->acked = meant > stored->acked ? meant : stored->acked;
        *store = stored->store;
        amps_publish_store_hold(*store);
    }
    amps_mutex_unlock(&stored->writer->lock);
    return is_news;
}

amps_stored_word amps_stored_hear(amps_stored *stored, const amps_header *header)
{
    uint64_t            sequence = 0, sent = 0;
    amps_publish_store *store = NULL;
    if (!amps_stored_is_used(stored) ||
        !amps_header_number(header, AMPS_FIELD_SEQUENCE, UINT64_MAX, &sequence)) {
        return AMPS_STORED_NOTHING;
    }
    if (amps_header_is_failure(header)) {
        return AMPS_STORED_REFUSED;
    }
    if (!note_ack(stored, sequence, &store, &sent)) {
        return AMPS_STORED_DONE;
    }
    amps_status status =
        amps_publish_store_discard_up_to(store, sequence < sent ? sequence : sent, NULL);
    if (sequence > sent) {
        amps_publish_store_raise(store, sequence);
    }
    amps_publish_store_drop(store);
    if (sequence > sent) {
        return AMPS_STORED_UNKNOWN;
    }
    return status == AMPS_OK ? AMPS_STORED_DONE : AMPS_STORED_FAILED;
}

void amps_stored_discard_one(amps_stored *stored, const amps_header *header)
{
    uint64_t sequence = 0;
    amps_mutex_lock(&stored->writer->lock);
    if (stored->store != NULL &&
        amps_header_number(header, AMPS_FIELD_SEQUENCE, UINT64_MAX, &sequence)) {
        amps_publish_store_discard_one(stored->store, sequence, NULL);
    }
    amps_mutex_unlock(&stored->writer->lock);
}
