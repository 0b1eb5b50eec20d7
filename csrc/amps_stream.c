/* amps_stream.c: a queue of messages in blocks, one writer, one reader. */
#include "amps_stream.h"

#include <stdatomic.h>

#include "amps_conflation.h"
#include "amps_header.h"
#include "amps_memory.h"

typedef struct block {
    struct block *next;
    size_t        size; /* bytes that fit */
    size_t        used; /* the receive thread's; the taker finds the end by its mark */
    _Alignas(8) char bytes[];
} block;

/* Bytes that do not lie behind their entry: many, or those of a message that replaced another. */
typedef struct apart {
    size_t capacity;
    size_t span; /* how far behind its entry the next one lies */
    _Alignas(8) char bytes[];
} apart;

/* In front of each message. Sizes of the views, in the order they lie behind it. */
typedef struct entry {
    uint32_t header_size; /* END_OF_BLOCK: go on in the next block */
    uint32_t record_size;
    uint32_t body_size;
    uint32_t sub_id_at; /* where in the header, when sub_id_size > 0 */
    uint32_t sub_id_size;
    uint32_t node;  /* in the index of a stream that conflates; 0: in none */
    apart   *apart; /* NULL: the bytes are right behind */
    uint64_t bookmark_index : 63;
    uint64_t is_again : 1;
} entry;

#define END_OF_BLOCK UINT32_MAX
#define CACHE_LINE   64
#define CATCH_UP_MAX 512u /* waiting messages that are indexed in one taking of the lock */
_Static_assert(AMPS_FRAME_SIZE_MAX < UINT32_MAX, "sizes fit an entry");
_Static_assert(sizeof(entry) % 8 == 0, "entries stay aligned");

/* What makes a stream leave the quick way. */
#define CLOSED    1u
#define FORGETS   2u /* closed or ended: what comes is forgotten */
#define CONFLATES 4u /* from then on putting and taking hold the lock */
#define KEEPS     8u /* it never conflates */

struct amps_stream {
    amps_mutex      lock;
    amps_cond       news; /* the taker waits */
    amps_cond       room; /* the receive thread waits */
    atomic_uint     refs;
    atomic_uint     flags; /* changed under the lock */
    _Atomic size_t  depth_max;
    unsigned        fork_generation;
    block          *spare;     /* lock */
    uint64_t        published; /* lock: how many the taker may take in all */
    amps_status     ended;     /* lock: AMPS_OK while it lives */
    char           *failure;   /* the ack that told of one; written before it ends */
    size_t          failure_size;
    unsigned        takers_wait; /* lock */
    _Atomic bool    putter_waits;
    amps_conflation waiting; /* lock: the messages that a newer one may replace */

    char             apart_1[CACHE_LINE]; /* the two sides do not slow each other down */
    block           *tail;                /* from here: the receive thread's own */
    uint64_t         put;
    _Atomic uint64_t put_shown; /* for depth */
    size_t           block_size;
    bool             caught_up; /* it conflates, and every waiting message has been looked at */
    bool             watches_replaced, has_replaced;
    amps_replaced    replaced; /* by the last put, if has_replaced */

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

static bool is_flagged(const amps_stream *stream, unsigned flags)
{
    return (atomic_load(&stream->flags) & flags) != 0;
}

void amps_stream_hold(amps_stream *stream) { atomic_fetch_add(&stream->refs, 1); }

void amps_stream_keep_each(amps_stream *stream) { atomic_fetch_or(&stream->flags, KEEPS); }

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

static size_t size_of_entry(const entry *waiting)
{
    return (size_t)waiting->header_size + waiting->record_size + waiting->body_size;
}

/* How far behind this entry the next one lies. */
static size_t step_of(size_t bytes, bool is_apart)
{
    return sizeof(entry) + (is_apart ? 0 : (bytes + 7) & ~(size_t)7);
}

static apart *new_apart(size_t bytes, size_t span)
{
    apart *fresh = amps_memory_new(sizeof *fresh + bytes);
    if (fresh != NULL) {
        fresh->capacity = bytes;
        fresh->span = span;
    }
    return fresh;
}

static void fill_entry(entry *into, const amps_message *message, apart *away)
{
    bool has_sub_id = message->sub_id.size > 0;
    *into =
        (entry){.header_size = (uint32_t)message->header.size,
                .record_size = (uint32_t)message->record.size,
                .body_size = (uint32_t)message->body.size,
                .sub_id_at = has_sub_id ? (uint32_t)(message->sub_id.at - message->header.at) : 0,
                .sub_id_size = (uint32_t)message->sub_id.size,
                .bookmark_index = message->bookmark_index & (UINT64_MAX >> 1),
                .is_again = message->is_again,
                .apart = away};
    char *at = away != NULL ? away->bytes : (char *)(into + 1);
    at = copy_slice(at, message->header);
    at = copy_slice(at, message->record);
    copy_slice(at, message->body);
}

static inline amps_status append(amps_stream *stream, const amps_message *message, entry **appended)
{
    size_t bytes = size_of(message);
    apart *away = NULL;
    if (AMPS_UNLIKELY(bytes >= AMPS_STREAM_APART_SIZE)) {
        away = new_apart(bytes, step_of(bytes, true));
        if (away == NULL) {
            return AMPS_NO_MEMORY;
        }
    }
    size_t need = step_of(bytes, away != NULL);
    block *into = room_for(stream, need);
    if (into == NULL) {
        amps_memory_free(away);
        return AMPS_NO_MEMORY;
    }
    *appended = (entry *)(void *)(into->bytes + into->used);
    fill_entry(*appended, message, away);
    into->used += need;
    stream->put++;
    atomic_store_explicit(&stream->put_shown, stream->put, memory_order_relaxed);
    return AMPS_OK;
}

/* ---- Conflation, on the receive thread ------------------------------------------------------ */

static size_t span_of(const entry *waiting)
{
    return waiting->apart != NULL ? waiting->apart->span : step_of(size_of_entry(waiting), false);
}

static void view_entry(const entry *waiting, amps_message *message)
{
    const char *at = waiting->apart != NULL ? waiting->apart->bytes : (const char *)(waiting + 1);
    message->header = (amps_slice){at, waiting->header_size};
    message->record = (amps_slice){at + waiting->header_size, waiting->record_size};
    message->body = (amps_slice){message->record.at + waiting->record_size, waiting->body_size};
    message->sub_id = (amps_slice){at + waiting->sub_id_at, waiting->sub_id_size};
    message->bookmark_index = waiting->bookmark_index;
    message->bookmark_tag = 0;
    message->is_again = waiting->is_again != 0;
    message->bookmark_at = message->bookmark_size = 0;
}

/* The lock is held. A message that cannot be noted for want of memory waits all the same. */
static void note(amps_stream *stream, entry *waiting)
{
    amps_message        message;
    amps_conflation_key key;
    view_entry(waiting, &message);
    amps_bearing how = amps_conflation_bearing(&message, &key);
    if (how == AMPS_PARTS) {
        amps_conflation_clear(&stream->waiting);
    } else if (how == AMPS_REPLACES) {
        waiting->node = amps_conflation_add(&stream->waiting, &key, waiting);
    }
}

/* Notes what was put before the stream conflated. The taker may take meanwhile, even overtake. */
static void catch_up(amps_stream *stream)
{
    const block *in = NULL;
    size_t       at = 0;
    uint64_t     noted = 0; /* counted like `taken` */
    while (!stream->caught_up) {
        amps_mutex_lock(&stream->lock);
        if (in == NULL || noted < stream->taken) {
            in = stream->head;
            at = stream->at;
            noted = stream->taken;
        }
        for (unsigned count = 0; count < CATCH_UP_MAX && noted < stream->put; count++, noted++) {
            entry *waiting = (entry *)(void *)(in->bytes + at);
            while (waiting->header_size == END_OF_BLOCK) {
                in = in->next;
                waiting = (entry *)(void *)in->bytes;
                at = 0;
            }
            note(stream, waiting);
            at += span_of(waiting);
        }
        stream->caught_up = noted == stream->put;
        amps_mutex_unlock(&stream->lock);
    }
}

static void remember_replaced(amps_stream *stream, const entry *waiting)
{
    amps_message   message;
    amps_header    header;
    size_t         size;
    amps_slice     bookmark;
    amps_replaced *replaced = &stream->replaced;
    view_entry(waiting, &message);
    if (amps_header_parse(message.header, &header, &size) != AMPS_OK ||
        amps_header_text(&header, AMPS_FIELD_BOOKMARK, replaced->bookmark,
                         sizeof replaced->bookmark, &bookmark) != AMPS_OK) {
        return;
    }
    memmove(replaced->bookmark, bookmark.at, bookmark.size);
    replaced->bookmark_size = bookmark.size;
    replaced->bookmark_index = waiting->bookmark_index;
    stream->has_replaced = true;
}

/* The bytes of a waiting message give way to those of a newer one. The lock is held. */
static amps_status exchange(entry *waiting, const amps_message *message)
{
    size_t bytes = size_of(message);
    size_t span = span_of(waiting);
    apart *away = waiting->apart;
    bool   fits = away != NULL && away->capacity >= bytes && away->capacity / 2 <= bytes;
    if (!fits) {
        away = new_apart(bytes, span);
        if (away == NULL) {
            return AMPS_NO_MEMORY;
        }
        amps_memory_free(waiting->apart);
    }
    uint32_t node = waiting->node;
    fill_entry(waiting, message, away);
    waiting->node = node;
    return AMPS_OK;
}

/* Where a part of one message's header lies in a copy of that message. */
static amps_slice moved(amps_slice part, const amps_message *from, const amps_message *to)
{
    bool in_record = from->record.size > 0 && part.at >= from->record.at &&
                     part.at < from->record.at + from->record.size;
    amps_slice old = in_record ? from->record : from->header;
    amps_slice new = in_record ? to->record : to->header;
    return part.size > 0 ? (amps_slice){new.at + (part.at - old.at), part.size} : part;
}

/* False: no message with this key waits. */
static bool replace(amps_stream *stream, const amps_message *message,
                    const amps_conflation_key *key, amps_status *status)
{
    amps_message copy;
    amps_mutex_lock(&stream->lock);
    uint32_t number = amps_conflation_find(&stream->waiting, key);
    if (number != 0) {
        entry *waiting = amps_conflation_at(&stream->waiting, number);
        if (stream->watches_replaced) {
            remember_replaced(stream, waiting);
        }
        *status = exchange(waiting, message);
        stream->has_replaced = stream->has_replaced && *status == AMPS_OK;
        if (*status == AMPS_OK) {
            view_entry(waiting, &copy);
            amps_conflation_key there = {moved(key->topic, message, &copy),
                                         moved(key->sow_key, message, &copy)};
            amps_conflation_move(&stream->waiting, number, &there);
        }
    }
    amps_mutex_unlock(&stream->lock);
    return number != 0;
}

void amps_stream_watch_replaced(amps_stream *stream) { stream->watches_replaced = true; }

const amps_replaced *amps_stream_replaced(amps_stream *stream)
{
    bool has_replaced = stream->has_replaced;
    stream->has_replaced = false;
    return has_replaced ? &stream->replaced : NULL;
}

static amps_status put_conflated(amps_stream *stream, const amps_message *message)
{
    amps_message        copy;
    amps_conflation_key key;
    entry              *appended;
    amps_status         status;
    catch_up(stream);
    stream->has_replaced = false;
    amps_bearing how = amps_conflation_bearing(message, &key);
    if (how == AMPS_REPLACES && replace(stream, message, &key, &status)) {
        return status;
    }
    status = append(stream, message, &appended);
    if (status != AMPS_OK || how == AMPS_PASSES) {
        return status;
    }
    amps_mutex_lock(&stream->lock);
    if (how == AMPS_PARTS) {
        amps_conflation_clear(&stream->waiting);
    } else {
        view_entry(appended, &copy);
        key.topic = moved(key.topic, message, &copy);
        key.sow_key = moved(key.sow_key, message, &copy);
        appended->node = amps_conflation_add(&stream->waiting, &key, appended);
    }
    amps_mutex_unlock(&stream->lock);
    return AMPS_OK;
}

bool amps_stream_has_room(amps_stream *stream, const amps_message *message)
{
    amps_conflation_key key;
    if (AMPS_LIKELY(!amps_stream_is_full(stream))) {
        return true;
    }
    if (!is_flagged(stream, CONFLATES)) {
        return false;
    }
    catch_up(stream);
    if (amps_conflation_bearing(message, &key) != AMPS_REPLACES) {
        return false;
    }
    amps_mutex_lock(&stream->lock);
    bool found = amps_conflation_find(&stream->waiting, &key) != 0;
    amps_mutex_unlock(&stream->lock);
    return found;
}

amps_status amps_stream_put(amps_stream *stream, const amps_message *message)
{
    entry   *appended;
    unsigned flags = atomic_load_explicit(&stream->flags, memory_order_relaxed);
    if (AMPS_LIKELY((flags & (FORGETS | CONFLATES)) == 0)) {
        return append(stream, message, &appended);
    }
    return (flags & FORGETS) != 0 ? AMPS_OK : put_conflated(stream, message);
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
    bool     is_closed = (atomic_load(&stream->flags) & CLOSED) != 0;
    return put > taken && !is_closed ? (size_t)(put - taken) : 0;
}

bool amps_stream_is_full(const amps_stream *stream)
{
    size_t depth_max = atomic_load_explicit(&stream->depth_max, memory_order_relaxed);
    return depth_max > 0 && amps_stream_depth(stream) >= depth_max && !is_flagged(stream, FORGETS);
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
static void retire(amps_stream *stream, block *done, bool is_locked)
{
    block *unwanted = done;
    if (done->size == AMPS_STREAM_BLOCK_SIZE_MAX) {
        if (!is_locked) {
            amps_mutex_lock(&stream->lock);
        }
        unwanted = stream->spare;
        stream->spare = done;
        if (!is_locked) {
            amps_mutex_unlock(&stream->lock);
        }
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
static inline entry *next_entry(amps_stream *stream, bool is_locked)
{
    entry *front = (entry *)(void *)(stream->head->bytes + stream->at);
    while (front->header_size == END_OF_BLOCK) {
        block *done = stream->head;
        stream->head = done->next;
        stream->at = 0;
        retire(stream, done, is_locked);
        front = (entry *)(void *)stream->head->bytes;
    }
    stream->at += span_of(front);
    stream->taken++;
    return front;
}

static inline void count_taken(amps_stream *stream)
{
    if (AMPS_LIKELY(atomic_load_explicit(&stream->depth_max, memory_order_relaxed) == 0)) {
        atomic_store_explicit(&stream->taken_shown, stream->taken, memory_order_relaxed);
    } else {
        atomic_store(&stream->taken_shown, stream->taken); /* in everybody's eyes before the look */
        tell_putter(stream);
    }
}

/* What is taken can be replaced no more. */
static amps_status take_conflated(amps_stream *stream, amps_message *message, void **owned)
{
    amps_mutex_lock(&stream->lock);
    stream->takeable = stream->published;
    if (stream->taken == stream->takeable) {
        amps_status ended = stream->ended;
        amps_mutex_unlock(&stream->lock);
        return ended == AMPS_OK ? AMPS_AGAIN : ended;
    }
    entry *front = next_entry(stream, true);
    amps_conflation_remove(&stream->waiting, front->node, front);
    view_entry(front, message);
    *owned = front->apart;
    amps_mutex_unlock(&stream->lock);
    count_taken(stream);
    return AMPS_OK;
}

amps_status amps_stream_take(amps_stream *stream, amps_message *message, void **owned)
{
    unsigned flags = atomic_load_explicit(&stream->flags, memory_order_relaxed);
    if (AMPS_UNLIKELY((flags & (CLOSED | CONFLATES)) != 0)) {
        return (flags & CLOSED) != 0 ? AMPS_CLOSED : take_conflated(stream, message, owned);
    }
    if (AMPS_UNLIKELY(stream->taken == stream->takeable)) {
        amps_status status = refresh(stream);
        if (status != AMPS_OK) {
            return status;
        }
    }
    entry *front = next_entry(stream, false);
    view_entry(front, message);
    *owned = front->apart;
    count_taken(stream);
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
           !is_flagged(stream, CLOSED)) {
        stream->takers_wait++;
        in_time = amps_cond_wait(&stream->news, &stream->lock, deadline);
        stream->takers_wait--;
        taken = atomic_load_explicit(&stream->taken_shown, memory_order_relaxed);
    }
    amps_status status = AMPS_AGAIN;
    if (is_flagged(stream, CLOSED)) {
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
        amps_memory_free(next_entry(stream, false)->apart);
    }
    amps_conflation_fini(&stream->waiting);
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
    amps_memory_free(stream->failure);
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
    atomic_fetch_or(&stream->flags, FORGETS);
    amps_cond_broadcast(&stream->news);
    amps_cond_broadcast(&stream->room);
    amps_mutex_unlock(&stream->lock);
}

void amps_stream_break_off(amps_stream *stream, amps_slice ack)
{
    AMPS_ASSERT(stream->failure == NULL);
    stream->failure = amps_memory_new(ack.size);
    if (stream->failure != NULL) {
        memcpy(stream->failure, ack.at, ack.size);
        stream->failure_size = ack.size;
    }
    amps_stream_end(stream, stream->failure != NULL ? AMPS_BROKEN_OFF : AMPS_NO_MEMORY);
}

amps_slice amps_stream_failure(const amps_stream *stream)
{
    return (amps_slice){stream->failure, stream->failure_size};
}

void amps_stream_close(amps_stream *stream)
{
    amps_mutex_lock(&stream->lock);
    atomic_fetch_or(&stream->flags, CLOSED | FORGETS);
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

/* An address is what senders of keys cannot know. */
void amps_stream_conflate(amps_stream *stream)
{
    amps_mutex_lock(&stream->lock);
    if (!is_flagged(stream, CONFLATES | KEEPS)) {
        amps_conflation_init(&stream->waiting, (uintptr_t)stream);
        atomic_fetch_or(&stream->flags, CONFLATES);
    }
    amps_mutex_unlock(&stream->lock);
}
