/* amps_acks.c: batches by topic, a queue of commands, and whose turn it is to send. */
#include "amps_acks.h"

#include "amps_bookmark.h"
#include "amps_memory.h"

#define SLOTS_MIN 64u

/* Where a bookmark stands in its batch's list; it counts only in the batch of this turn. */
typedef struct slot {
    uint32_t turn;
    uint32_t hash;
    uint32_t at;
    uint32_t size;
} slot;

struct amps_ack_batch {
    amps_ack_batch *next;
    uint32_t        hash; /* of the topic */
    amps_buffer     topic;
    amps_buffer     list;
    size_t          count;      /* of bookmarks */
    uint64_t        since;      /* when the first of them was added */
    size_t          granted;    /* the smallest backlog of the topic's subscriptions */
    unsigned        granted_at; /* the table's count of grants then */
    slot           *slots;      /* a hash table without deletion: the next turn empties it */
    size_t          slot_count;
    uint32_t        turn;
};

static const amps_slice nothing = {"", 0};

/* Eight bytes at a time: every message's bookmark goes through here. */
static uint32_t hash_of(amps_slice text)
{
    uint64_t hash = text.size;
    while (text.size > 0) {
        uint64_t word = 0;
        size_t   size = text.size < sizeof word ? text.size : sizeof word;
        memcpy(&word, text.at, size);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
        text.at += size;
        text.size -= size;
    }
    return (uint32_t)hash;
}

static amps_slice slice_of(const amps_buffer *buffer)
{
    return (amps_slice){buffer->at, buffer->size};
}

void amps_acks_init(amps_acks *acks, amps_routes *routes, size_t frame_max)
{
    memset(acks, 0, sizeof *acks);
    amps_mutex_init(&acks->lock);
    amps_cond_init(&acks->changed);
    acks->routes = routes;
    if (frame_max > AMPS_ACKS_FRAME_SLACK) {
        acks->command_max = (frame_max - AMPS_ACKS_FRAME_SLACK) / AMPS_ACKS_ESCAPED_RATE;
    }
    acks->batch_size = 1;
    acks->last = &acks->first;
    acks->tick_at = AMPS_FOREVER;
}

/* ---- Commands, with the lock held ----------------------------------------------------------- */

static void free_command(amps_ack_command *command)
{
    amps_buffer_fini(&command->topic);
    amps_buffer_fini(&command->list);
    amps_buffer_fini(&command->options);
    amps_memory_free(command);
}

static amps_ack_command *new_command(amps_acks *acks)
{
    amps_ack_command *command = acks->spare;
    if (command != NULL) {
        acks->spare = command->next;
        acks->spares--;
        return command;
    }
    command = amps_memory_new_zeroed(sizeof *command);
    if (command != NULL) {
        amps_buffer_init(&command->topic, SIZE_MAX);
        amps_buffer_init(&command->list, SIZE_MAX);
        amps_buffer_init(&command->options, SIZE_MAX);
    }
    return command;
}

static void give_back(amps_acks *acks, amps_ack_command *command)
{
    if (acks->spares == AMPS_ACKS_SPARE_MAX) {
        free_command(command);
        return;
    }
    command->topic.size = command->list.size = command->options.size = 0;
    command->next = acks->spare;
    acks->spare = command;
    acks->spares++;
}

static void enqueue(amps_acks *acks, amps_ack_command *command)
{
    command->next = NULL;
    *acks->last = command;
    acks->last = &command->next;
    atomic_fetch_add(&acks->waiting, 1);
}

/* One that was made for these bookmarks alone. */
static amps_status enqueue_alone(amps_acks *acks, amps_slice topic, amps_slice bookmarks,
                                 amps_slice options)
{
    amps_ack_command *command = new_command(acks);
    if (command == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_status status = amps_buffer_add(&command->topic, topic);
    status = status == AMPS_OK ? amps_buffer_add(&command->list, bookmarks) : status;
    status = status == AMPS_OK ? amps_buffer_add(&command->options, options) : status;
    if (status == AMPS_OK) {
        enqueue(acks, command);
    } else {
        give_back(acks, command);
    }
    return status;
}

/* ---- Batches, with the lock held ------------------------------------------------------------ */

/* A batch becomes a command and is empty. */
static amps_status end_batch(amps_acks *acks, amps_ack_batch *batch)
{
    if (batch->count == 0) {
        return AMPS_OK;
    }
    amps_ack_command *command = new_command(acks);
    if (command == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_status status = amps_buffer_add(&command->topic, slice_of(&batch->topic));
    if (status != AMPS_OK) {
        give_back(acks, command);
        return status;
    }
    amps_buffer_swap(&command->list, &batch->list);
    atomic_fetch_sub(&acks->waiting, batch->count);
    batch->count = 0;
    enqueue(acks, command);
    return AMPS_OK;
}

/* The batch of this topic, in front of the others from now on; NULL: there is none. */
static amps_ack_batch *find_batch(amps_acks *acks, amps_slice topic, uint32_t hash)
{
    amps_ack_batch **link = &acks->batches;
    while (*link != NULL &&
           !((*link)->hash == hash && amps_slice_equal(slice_of(&(*link)->topic), topic))) {
        link = &(*link)->next;
    }
    amps_ack_batch *batch = *link;
    if (batch != NULL && batch != acks->batches) {
        *link = batch->next;
        batch->next = acks->batches;
        acks->batches = batch;
    }
    return batch;
}

static void free_batch(amps_ack_batch *batch)
{
    amps_buffer_fini(&batch->topic);
    amps_buffer_fini(&batch->list);
    amps_memory_free(batch->slots);
    amps_memory_free(batch);
}

/* Takes the one out that has not been used for longest. NULL: out of memory. */
static amps_ack_batch *take_oldest(amps_acks *acks)
{
    amps_ack_batch **link = &acks->batches;
    while ((*link)->next != NULL) {
        link = &(*link)->next;
    }
    amps_ack_batch *oldest = *link;
    if (end_batch(acks, oldest) != AMPS_OK) {
        return NULL;
    }
    *link = NULL;
    acks->topics--;
    oldest->topic.size = 0;
    return oldest;
}

static amps_ack_batch *new_batch(amps_acks *acks, amps_slice topic, uint32_t hash)
{
    amps_ack_batch *batch;
    if (acks->topics == AMPS_ACKS_TOPICS_MAX) {
        batch = take_oldest(acks);
    } else {
        batch = amps_memory_new_zeroed(sizeof *batch);
        if (batch != NULL) {
            amps_buffer_init(&batch->topic, SIZE_MAX);
            amps_buffer_init(&batch->list, SIZE_MAX);
        }
    }
    if (batch == NULL || amps_buffer_add(&batch->topic, topic) != AMPS_OK) {
        if (batch != NULL) {
            free_batch(batch);
        }
        return NULL;
    }
    batch->hash = hash;
    batch->granted_at = atomic_load(&acks->routes->grants) - 1; /* not known yet */
    batch->next = acks->batches;
    acks->batches = batch;
    acks->topics++;
    return batch;
}

/* So many bookmarks make it full: a batch larger than a backlog would hold up its own end. */
static size_t limit_of(amps_acks *acks, amps_ack_batch *batch, amps_slice sub_id)
{
    unsigned grants = atomic_load(&acks->routes->grants);
    uint32_t granted;
    if (AMPS_UNLIKELY(batch->granted_at != grants)) {
        batch->granted_at = grants;
        batch->granted = amps_routes_backlog(acks->routes, slice_of(&batch->topic));
    }
    if (AMPS_UNLIKELY(atomic_load(&acks->routes->patterns) > 0 && sub_id.size > 0 &&
                      amps_routes_granted(acks->routes, sub_id, &granted) &&
                      granted < batch->granted)) {
        batch->granted = granted; /* of a subscription to many topics: this is one of them */
    }
    size_t limit = batch->granted < acks->batch_size ? batch->granted : acks->batch_size;
    return limit > 0 ? limit : 1;
}

/* ---- What a batch holds already ------------------------------------------------------------- */

static bool grow_slots(amps_ack_batch *batch)
{
    size_t count = batch->slot_count == 0 ? SLOTS_MIN : batch->slot_count * 2;
    slot  *slots = amps_memory_new_zeroed(count * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < batch->slot_count; i++) {
        if (batch->slots[i].turn == batch->turn) {
            size_t at = batch->slots[i].hash & (count - 1);
            while (slots[at].turn == batch->turn) {
                at = (at + 1) & (count - 1);
            }
            slots[at] = batch->slots[i];
        }
    }
    amps_memory_free(batch->slots);
    batch->slots = slots;
    batch->slot_count = count;
    return true;
}

/* The slot of a bookmark, or a free one. There must be one. */
static slot *slot_of(const amps_ack_batch *batch, amps_slice bookmark, uint32_t hash)
{
    size_t at = hash & (batch->slot_count - 1);
    while (batch->slots[at].turn == batch->turn) {
        const slot *seen = &batch->slots[at];
        if (seen->hash == hash &&
            amps_slice_equal((amps_slice){batch->list.at + seen->at, seen->size}, bookmark)) {
            break;
        }
        at = (at + 1) & (batch->slot_count - 1);
    }
    return &batch->slots[at];
}

/* The first of a turn finds all slots empty. */
static void begin_turn(amps_ack_batch *batch, uint64_t now)
{
    batch->since = now > 0 ? now : amps_clock_now();
    batch->turn++;
    if (batch->turn == 0) { /* after so many turns: an old slot may pass for one of this */
        amps_memory_free(batch->slots);
        batch->slots = NULL;
        batch->slot_count = 0;
        batch->turn = 1;
    }
}

static amps_status append(amps_acks *acks, amps_ack_batch *batch, amps_slice bookmark, uint64_t now)
{
    uint32_t hash = hash_of(bookmark);
    char    *at;
    if (batch->count == 0) {
        begin_turn(batch, now);
    }
    if (batch->count * 2 >= batch->slot_count && !grow_slots(batch)) {
        return AMPS_NO_MEMORY;
    }
    slot *seen = slot_of(batch, bookmark, hash);
    if (seen->turn == batch->turn) {
        return AMPS_OK;
    }
    amps_status status = amps_buffer_reserve(&batch->list, bookmark.size + 1, &at);
    if (status != AMPS_OK) {
        return status;
    }
    if (batch->list.size > 0) {
        *at++ = ',';
        batch->list.size++;
    }
    memcpy(at, bookmark.at, bookmark.size);
    *seen = (slot){batch->turn, hash, (uint32_t)batch->list.size, (uint32_t)bookmark.size};
    batch->list.size += bookmark.size;
    batch->count++;
    atomic_fetch_add(&acks->waiting, 1);
    return AMPS_OK;
}

static amps_status gather(amps_acks *acks, amps_slice topic, amps_slice bookmark, amps_slice sub_id,
                          uint64_t now)
{
    uint32_t        hash = hash_of(topic);
    size_t          list_max = acks->command_max - topic.size;
    amps_ack_batch *batch = find_batch(acks, topic, hash);
    amps_status     status = AMPS_OK;
    if (batch == NULL && (batch = new_batch(acks, topic, hash)) == NULL) {
        return AMPS_NO_MEMORY;
    }
    list_max = list_max < AMPS_ACKS_LIST_MAX ? list_max : AMPS_ACKS_LIST_MAX;
    if (batch->list.size + bookmark.size + 1 > list_max) {
        status = end_batch(acks, batch);
    }
    if (status == AMPS_OK) {
        status = append(acks, batch, bookmark, now);
    }
    if (status == AMPS_OK && batch->count >= limit_of(acks, batch, sub_id)) {
        end_batch(acks, batch); /* without memory the next one tries again */
    }
    return status;
}

/* ---- Adding --------------------------------------------------------------------------------- */

static amps_slice trimmed(const char *at, const char *end)
{
    while (at < end && *at == ' ') {
        at++;
    }
    while (end > at && end[-1] == ' ') {
        end--;
    }
    return (amps_slice){at, (size_t)(end - at)};
}

/* The next bookmark of a list; empty ones are none. False: no more. */
static bool next_bookmark(amps_slice *list, amps_slice *bookmark)
{
    bookmark->size = 0;
    while (list->size > 0 && bookmark->size == 0) {
        const char *end = list->at + list->size;
        const char *comma = memchr(list->at, ',', list->size);
        const char *stop = comma != NULL ? comma : end;
        *bookmark = trimmed(list->at, stop);
        list->at = comma != NULL ? comma + 1 : end;
        list->size = (size_t)(end - list->at);
    }
    return bookmark->size > 0;
}

/* Nothing is added unless all can be. */
static amps_status check(const amps_acks *acks, amps_slice topic, amps_slice bookmarks,
                         amps_slice options)
{
    amps_slice bookmark;
    size_t     size = topic.size + options.size;
    bool       any = false;
    if (topic.size + options.size + AMPS_BOOKMARK_SIZE_MAX > acks->command_max) {
        return AMPS_TOO_LARGE;
    }
    while (next_bookmark(&bookmarks, &bookmark)) {
        any = true;
        size += bookmark.size + 1;
        if (bookmark.size > AMPS_BOOKMARK_SIZE_MAX) {
            return AMPS_TOO_LARGE;
        }
    }
    if (options.size > 0 && size > acks->command_max) {
        return AMPS_TOO_LARGE;
    }
    return any ? AMPS_OK : AMPS_END;
}

/* With the lock held. */
static void note_todo(amps_acks *acks, amps_acks_todo *todo)
{
    *todo = (amps_acks_todo){.send = acks->is_open && acks->first != NULL};
    const amps_ack_batch *batch = acks->batches;
    if (acks->is_open && acks->timeout > 0 && batch != NULL && batch->count > 0 &&
        batch->since + acks->timeout < acks->tick_at) {
        acks->tick_at = todo->tick_at = batch->since + acks->timeout;
    }
}

static amps_status add_alone(amps_acks *acks, amps_slice topic, amps_slice bookmarks,
                             amps_slice options)
{
    amps_ack_batch *before = find_batch(acks, topic, hash_of(topic));
    amps_status     status = before != NULL ? end_batch(acks, before) : AMPS_OK;
    return status == AMPS_OK ? enqueue_alone(acks, topic, bookmarks, options) : status;
}

amps_status amps_acks_add(amps_acks *acks, amps_slice topic, amps_slice bookmarks,
                          amps_slice options, amps_slice sub_id, uint64_t now, amps_acks_todo *todo)
{
    amps_slice  bookmark;
    amps_status status = check(acks, topic, bookmarks, options);
    *todo = (amps_acks_todo){0};
    if (AMPS_UNLIKELY(status != AMPS_OK)) {
        return status;
    }
    amps_mutex_lock(&acks->lock);
    if (AMPS_UNLIKELY(!acks->is_open && !acks->keeps)) {
        status = AMPS_DISCONNECTED;
    } else if (options.size > 0) {
        status = add_alone(acks, topic, bookmarks, options);
    } else {
        while (status == AMPS_OK && next_bookmark(&bookmarks, &bookmark)) {
            status = acks->batch_size > 1 ? gather(acks, topic, bookmark, sub_id, now)
                                          : enqueue_alone(acks, topic, bookmark, nothing);
        }
    }
    note_todo(acks, todo);
    amps_mutex_unlock(&acks->lock);
    return status;
}

/* ---- Ends of batches ------------------------------------------------------------------------ */

static void end_all(amps_acks *acks)
{
    for (amps_ack_batch *batch = acks->batches; batch != NULL; batch = batch->next) {
        end_batch(acks, batch);
    }
}

void amps_acks_set_batching(amps_acks *acks, size_t size, uint64_t timeout, amps_acks_todo *todo)
{
    amps_mutex_lock(&acks->lock);
    end_all(acks);
    acks->batch_size = size;
    acks->timeout = timeout;
    note_todo(acks, todo);
    amps_mutex_unlock(&acks->lock);
}

void amps_acks_end_batches(amps_acks *acks, amps_acks_todo *todo)
{
    amps_mutex_lock(&acks->lock);
    end_all(acks);
    note_todo(acks, todo);
    amps_mutex_unlock(&acks->lock);
}

void amps_acks_tick(amps_acks *acks, uint64_t now, amps_acks_todo *todo)
{
    uint64_t earliest = AMPS_FOREVER;
    amps_mutex_lock(&acks->lock);
    for (amps_ack_batch *batch = acks->batches; batch != NULL; batch = batch->next) {
        uint64_t ends_at = batch->since + acks->timeout;
        if (batch->count > 0 && acks->timeout > 0 && ends_at <= now &&
            end_batch(acks, batch) != AMPS_OK) {
            ends_at = now + acks->timeout; /* there may be memory then */
        }
        if (batch->count > 0 && acks->timeout > 0 && ends_at < earliest) {
            earliest = ends_at;
        }
    }
    acks->tick_at = acks->is_open ? earliest : AMPS_FOREVER;
    *todo = (amps_acks_todo){.send = acks->is_open && acks->first != NULL,
                             .tick_at = acks->tick_at == AMPS_FOREVER ? 0 : acks->tick_at};
    amps_mutex_unlock(&acks->lock);
}

/* ---- Connections ---------------------------------------------------------------------------- */

void amps_acks_open(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    acks->is_open = true;
    acks->tick_at = AMPS_FOREVER;
    amps_mutex_unlock(&acks->lock);
}

void amps_acks_shut(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    acks->is_open = false;
    amps_cond_broadcast(&acks->changed);
    amps_mutex_unlock(&acks->lock);
}

void amps_acks_set_keeps(amps_acks *acks, bool keeps)
{
    amps_mutex_lock(&acks->lock);
    acks->keeps = keeps;
    amps_mutex_unlock(&acks->lock);
}

/* The one that is being sent stays: its sender takes it out. */
size_t amps_acks_drop(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    amps_ack_command *busy = acks->is_claimed ? acks->first : NULL;
    amps_ack_command *gone = busy != NULL ? busy->next : acks->first;
    size_t            dropped = atomic_load(&acks->waiting) - (busy != NULL);
    for (amps_ack_batch *batch = acks->batches; batch != NULL; batch = batch->next) {
        batch->count = batch->list.size = 0;
    }
    while (gone != NULL) {
        amps_ack_command *next = gone->next;
        give_back(acks, gone);
        gone = next;
    }
    acks->first = busy;
    acks->last = busy != NULL ? &busy->next : &acks->first;
    *acks->last = NULL;
    atomic_store(&acks->waiting, busy != NULL);
    amps_mutex_unlock(&acks->lock);
    return dropped;
}

void amps_acks_fini(amps_acks *acks)
{
    AMPS_ASSERT(!acks->is_claimed);
    amps_acks_drop(acks);
    while (acks->batches != NULL) {
        amps_ack_batch *next = acks->batches->next;
        free_batch(acks->batches);
        acks->batches = next;
    }
    while (acks->spare != NULL) {
        amps_ack_command *next = acks->spare->next;
        free_command(acks->spare);
        acks->spare = next;
    }
    amps_cond_fini(&acks->changed);
    amps_mutex_fini(&acks->lock);
}

/* ---- Sending -------------------------------------------------------------------------------- */

bool amps_acks_claim(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    bool is_ours = !acks->is_claimed;
    acks->is_claimed = true;
    amps_mutex_unlock(&acks->lock);
    return is_ours;
}

/* With the lock held. */
static void end_claim(amps_acks *acks)
{
    acks->is_claimed = false;
    amps_cond_broadcast(&acks->changed);
}

const amps_ack_command *amps_acks_next(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    amps_ack_command *command = acks->is_open ? acks->first : NULL;
    if (command == NULL) {
        end_claim(acks);
    }
    amps_mutex_unlock(&acks->lock);
    return command;
}

void amps_acks_sent(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    amps_ack_command *command = acks->first;
    acks->first = command->next;
    if (acks->first == NULL) {
        acks->last = &acks->first;
    }
    atomic_fetch_sub(&acks->waiting, 1);
    give_back(acks, command);
    amps_mutex_unlock(&acks->lock);
}

void amps_acks_pause(amps_acks *acks)
{
    amps_mutex_lock(&acks->lock);
    end_claim(acks);
    amps_mutex_unlock(&acks->lock);
}

bool amps_acks_wait(amps_acks *acks, uint64_t deadline)
{
    bool in_time = true;
    amps_mutex_lock(&acks->lock);
    while (in_time && (acks->is_claimed || (acks->is_open && acks->first != NULL))) {
        in_time = amps_cond_wait(&acks->changed, &acks->lock, deadline);
    }
    bool is_done = !acks->is_claimed && acks->first == NULL;
    amps_mutex_unlock(&acks->lock);
    return is_done;
}
