/* amps_stream.c: a queue of messages in blocks, one writer, one reader. */
#include "amps_stream.h"

#include <stdatomic.h>

#include "amps_memory.h"

typedef struct block {
    struct block *next;
    size_t        size; /* bytes that fit */
    size_t        used; /* the receive thread's; the taker finds the end by its mark */
    _Alignas(8) char bytes[];
} block;

/* In front of each message. Sizes of the views, in the order they lie behind it. */
typedef struct entry {
    uint32_t header_size; /* END_OF_BLOCK: go on in the next block */
    uint32_t record_size;
    uint32_t body_size;
    uint32_t sub_id_at; /* where in the header, when sub_id_size > 0 */
    uint32_t sub_id_size;
    uint32_t reserved;
    char    *apart; /* where the bytes are when they are many; else NULL: right behind */
} entry;

#define END_OF_BLOCK UINT32_MAX
#define CACHE_LINE   64
_Static_assert(AMPS_FRAME_SIZE_MAX < UINT32_MAX, "sizes fit an entry");
_Static_assert(sizeof(entry) % 8 == 0, "entries stay aligned");

struct amps_stream {
    amps_mutex     lock;
    amps_cond      news; /* the taker waits */
    amps_cond      room; /* the receive thread waits */
    atomic_uint    refs;
    atomic_bool    closed;
    atomic_bool    forgets; /* closed or ended: what comes is forgotten */
    _Atomic size_t depth_max;
    unsigned       fork_generation;
    block         *spare;       /* lock */
    uint64_t       published;   /* lock: how many the taker may take in all */
    amps_status    ended;       /* lock: AMPS_OK while it lives */
    unsigned       takers_wait; /* lock */
    _Atomic bool   putter_waits;

    char             apart_1[CACHE_LINE]; /* the two sides do not slow each other down */
    block           *tail;                /* from here: the receive thread's own */
    uint64_t         put;
    _Atomic uint64_t put_shown; /* for depth */
    size_t           block_size;

    char             apart_2[CACHE_LINE];
    block           *head; /* from here: the taker's own */
    size_t           at;
    uint64_t         taken;
    uint64_t         takeable; /* published, as last seen */
    _Atomic uint64_t taken_shown;
};

amps_stream *amps_stream_new(size_t depth_max)
{
    amps_stream *stream = amps_memory_new_zeroed(sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    amps_mutex_init(&stream->lock);
    amps_cond_init(&stream->news);
    amps_cond_init(&stream->room);
    atomic_init(&stream->refs, 1);
    stream->fork_generation = amps_fork_generation();
    atomic_init(&stream->depth_max, depth_max);
    return stream;
}

void amps_stream_hold(amps_stream *stream) { atomic_fetch_add(&stream->refs, 1); }

/* ---- The receive thread's side -------------------------------------------------------------- */

static block *new_block(amps_stream *stream, size_t size)
{
    block *fresh = NULL;
    if (size == AMPS_STREAM_BLOCK_SIZE_MAX) {
        amps_mutex_lock(&stream->lock);
        fresh = stream->spare;
        stream->spare = NULL;
        amps_mutex_unlock(&stream->lock);
    }
    if (fresh == NULL) {
        fresh = amps_memory_new(sizeof(block) + size);
        if (fresh == NULL) {
            return NULL;
        }
        fresh->size = size;
    }
    fresh->next = NULL;
    fresh->used = 0;
    return fresh;
}

/* A stream that holds little stays small; a busy one soon works in large blocks. */
static size_t next_block_size(const amps_stream *stream, size_t need)
{
    size_t size = stream->block_size * 4;
    size = size < AMPS_STREAM_BLOCK_SIZE_MIN ? AMPS_STREAM_BLOCK_SIZE_MIN : size;
    size = size < need ? need : size;
    return size > AMPS_STREAM_BLOCK_SIZE_MAX ? AMPS_STREAM_BLOCK_SIZE_MAX : size;
}

/* A block with `need` bytes free, the end mark not counted. */
static block *room_for(amps_stream *stream, size_t need)
{
    block *tail = stream->tail;
    if (AMPS_LIKELY(tail != NULL && tail->size - tail->used >= need + sizeof(entry))) {
        return tail;
    }
    size_t size = next_block_size(stream, need + sizeof(entry));
    block *fresh = new_block(stream, size);
    if (fresh == NULL) {
        return NULL;
    }
    if (tail != NULL) {
        ((entry *)(void *)(tail->bytes + tail->used))->header_size = END_OF_BLOCK;
        tail->next = fresh;
    } else {
        amps_mutex_lock(&stream->lock); /* the taker's first look at head comes after a publish */
        stream->head = fresh;
        amps_mutex_unlock(&stream->lock);
    }
    stream->tail = fresh;
    stream->block_size = size;
    return fresh;
}

static char *copy_slice(char *to, amps_slice from)
{
    if (from.size > 0) {
        memcpy(to, from.at, from.size);
    }
    return to + from.size;
}

static size_t size_of(const amps_message *message)
{
    return message->header.size + message->record.size + message->body.size;
}

/* How far behind this entry the next one lies. */
static size_t step_of(size_t bytes, bool apart)
{
    return sizeof(entry) + (apart ? 0 : (bytes + 7) & ~(size_t)7);
}

amps_status amps_stream_put(amps_stream *stream, const amps_message *message)
{
    if (atomic_load_explicit(&stream->forgets, memory_order_relaxed)) {
        return AMPS_OK;
    }
    size_t bytes = size_of(message);
    char  *apart = NULL;
    if (AMPS_UNLIKELY(bytes >= AMPS_STREAM_APART_SIZE)) {
        apart = amps_memory_new(bytes);
        if (apart == NULL) {
            return AMPS_NO_MEMORY;
        }
    }
    size_t need = step_of(bytes, apart != NULL);
    block *into = room_for(stream, need);
    if (into == NULL) {
        amps_memory_free(apart);
        return AMPS_NO_MEMORY;
    }
    entry *new_entry = (entry *)(void *)(into->bytes + into->used);
    bool   has_sub_id = message->sub_id.size > 0;
    *new_entry =
        (entry){.header_size = (uint32_t)message->header.size,
                .record_size = (uint32_t)message->record.size,
                .body_size = (uint32_t)message->body.size,
                .sub_id_at = has_sub_id ? (uint32_t)(message->sub_id.at - message->header.at) : 0,
                .sub_id_size = (uint32_t)message->sub_id.size,
                .apart = apart};
    char *at = apart != NULL ? apart : (char *)(new_entry + 1);
    at = copy_slice(at, message->header);
    at = copy_slice(at, message->record);
    copy_slice(at, message->body);
    into->used += need;
    stream->put++;
    atomic_store_explicit(&stream->put_shown, stream->put, memory_order_relaxed);
    return AMPS_OK;
}

bool amps_stream_is_dirty(const amps_stream *stream)
{
    return stream->put != stream->published; /* only this thread changes either */
}

void amps_stream_publish(amps_stream *stream)
{
    amps_mutex_lock(&stream->lock);
    stream->published = stream->put;
    if (stream->takers_wait > 0) {
        amps_cond_broadcast(&stream->news);
    }
    amps_mutex_unlock(&stream->lock);
}

size_t amps_stream_depth(const amps_stream *stream)
{
    uint64_t taken = atomic_load(&stream->taken_shown);
    uint64_t put = atomic_load(&stream->put_shown);
    return put > taken && !atomic_load(&stream->closed) ? (size_t)(put - taken) : 0;
}

bool amps_stream_is_full(const amps_stream *stream)
{
    size_t depth_max = atomic_load_explicit(&stream->depth_max, memory_order_relaxed);
    return depth_max > 0 && amps_stream_depth(stream) >= depth_max &&
           !atomic_load(&stream->forgets);
}

bool amps_stream_wait_room(amps_stream *stream, uint64_t deadline)
{
    bool in_time = true;
    amps_mutex_lock(&stream->lock);
    atomic_store(&stream->putter_waits, true);
    while (in_time && amps_stream_is_full(stream)) {
        in_time = amps_cond_wait(&stream->room, &stream->lock, deadline);
    }
    atomic_store(&stream->putter_waits, false);
    amps_mutex_unlock(&stream->lock);
    return !amps_stream_is_full(stream);
}

/* ---- The taker's side ----------------------------------------------------------------------- */

/* Done with the front block: free it, or keep one for the receive thread. */
static void retire(amps_stream *stream, block *done)
{
    block *unwanted = done;
    if (done->size == AMPS_STREAM_BLOCK_SIZE_MAX) {
        amps_mutex_lock(&stream->lock);
        unwanted = stream->spare;
        stream->spare = done;
        amps_mutex_unlock(&stream->lock);
    }
    amps_memory_free(unwanted);
}

/* Looks at what has been published since. */
static amps_status refresh(amps_stream *stream)
{
    amps_mutex_lock(&stream->lock);
    stream->takeable = stream->published;
    amps_status status = stream->taken < stream->takeable ? AMPS_OK : stream->ended;
    amps_mutex_unlock(&stream->lock);
    if (status == AMPS_OK && stream->taken == stream->takeable) {
        return AMPS_AGAIN;
    }
    return status;
}

static void tell_putter(amps_stream *stream)
{
    if (atomic_load(&stream->putter_waits)) {
        amps_mutex_lock(&stream->lock);
        amps_cond_signal(&stream->room);
        amps_mutex_unlock(&stream->lock);
    }
}

/* Takes the entry at the front; blocks that are used up are left behind. There must be one. */
static entry *next_entry(amps_stream *stream)
{
    entry *front = (entry *)(void *)(stream->head->bytes + stream->at);
    while (front->header_size == END_OF_BLOCK) {
        block *done = stream->head;
        stream->head = done->next;
        stream->at = 0;
        retire(stream, done);
        front = (entry *)(void *)stream->head->bytes;
    }
    size_t bytes = (size_t)front->header_size + front->record_size + front->body_size;
    stream->at += step_of(bytes, front->apart != NULL);
    stream->taken++;
    return front;
}

static void view_entry(entry *front, amps_message *message)
{
    const char *at = front->apart != NULL ? front->apart : (const char *)(front + 1);
    message->header = (amps_slice){at, front->header_size};
    message->record = (amps_slice){at + front->header_size, front->record_size};
    message->body = (amps_slice){message->record.at + front->record_size, front->body_size};
    message->sub_id = (amps_slice){at + front->sub_id_at, front->sub_id_size};
}

amps_status amps_stream_take(amps_stream *stream, amps_message *message, void **owned)
{
    if (AMPS_UNLIKELY(atomic_load_explicit(&stream->closed, memory_order_relaxed))) {
        return AMPS_CLOSED;
    }
    if (AMPS_UNLIKELY(stream->taken == stream->takeable)) {
        amps_status status = refresh(stream);
        if (status != AMPS_OK) {
            return status;
        }
    }
    entry *front = next_entry(stream);
    view_entry(front, message);
    *owned = front->apart;
    atomic_store_explicit(&stream->taken_shown, stream->taken, memory_order_relaxed);
    if (atomic_load_explicit(&stream->depth_max, memory_order_relaxed) > 0) {
        atomic_thread_fence(memory_order_seq_cst); /* the count first, then: does anybody wait? */
        tell_putter(stream);
    }
    return AMPS_OK;
}

void amps_block_free(void *owned) { amps_memory_free(owned); }

amps_status amps_stream_wait(amps_stream *stream, uint32_t wait_ms)
{
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    bool     in_time = true;
    amps_mutex_lock(&stream->lock);
    uint64_t taken = atomic_load_explicit(&stream->taken_shown, memory_order_relaxed);
    while (in_time && stream->published == taken && stream->ended == AMPS_OK &&
           !atomic_load(&stream->closed)) {
        stream->takers_wait++;
        in_time = amps_cond_wait(&stream->news, &stream->lock, deadline);
        stream->takers_wait--;
        taken = atomic_load_explicit(&stream->taken_shown, memory_order_relaxed);
    }
    amps_status status = AMPS_AGAIN;
    if (atomic_load(&stream->closed)) {
        status = AMPS_CLOSED;
    } else if (stream->published > taken) {
        status = AMPS_OK;
    } else if (stream->ended != AMPS_OK) {
        status = stream->ended;
    }
    amps_mutex_unlock(&stream->lock);
    return status;
}

/* Nobody else is left: the messages never taken, then the blocks. */
static void free_messages(amps_stream *stream)
{
    while (stream->taken < stream->put) {
        amps_memory_free(next_entry(stream)->apart);
    }
    amps_memory_free(stream->head);
    amps_memory_free(stream->spare);
}

void amps_stream_drop(amps_stream *stream)
{
    if (stream == NULL || stream->fork_generation != amps_fork_generation() ||
        atomic_fetch_sub(&stream->refs, 1) > 1) {
        return; /* in a fork's child its locks may be held by threads that are not here */
    }
    free_messages(stream);
    amps_cond_fini(&stream->room);
    amps_cond_fini(&stream->news);
    amps_mutex_fini(&stream->lock);
    amps_memory_free(stream);
}

/* ---- From any thread ------------------------------------------------------------------------ */

void amps_stream_end(amps_stream *stream, amps_status why)
{
    amps_mutex_lock(&stream->lock);
    if (stream->ended == AMPS_OK) {
        stream->ended = why;
    }
    atomic_store(&stream->forgets, true);
    amps_cond_broadcast(&stream->news);
    amps_cond_broadcast(&stream->room);
    amps_mutex_unlock(&stream->lock);
}

void amps_stream_close(amps_stream *stream)
{
    amps_mutex_lock(&stream->lock);
    atomic_store(&stream->closed, true);
    atomic_store(&stream->forgets, true);
    amps_cond_broadcast(&stream->news);
    amps_cond_broadcast(&stream->room);
    amps_mutex_unlock(&stream->lock);
}

size_t amps_stream_depth_max(const amps_stream *stream) { return atomic_load(&stream->depth_max); }

void amps_stream_set_depth_max(amps_stream *stream, size_t depth_max)
{
    amps_mutex_lock(&stream->lock);
    atomic_store(&stream->depth_max, depth_max);
    amps_cond_broadcast(&stream->room);
    amps_mutex_unlock(&stream->lock);
}
