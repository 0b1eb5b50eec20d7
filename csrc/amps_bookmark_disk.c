/* amps_bookmark_disk.c: what a sub id does, put on disk: in the log, or in the ring. */
#include "amps_bookmark_disk.h"

#include "amps_memory.h"

#define BYTES_MAX      ((size_t)UINT32_MAX) /* of one sub id, or of a whole log when it is pruned */
#define BYTES_KEPT_MAX ((size_t)1 << 20)

void amps_bookmark_disk_init(amps_bookmark_disk *disk, bool is_ring)
{
    memset(disk, 0, sizeof *disk);
    disk->is_ring = is_ring;
    amps_mutex_init(&disk->lock);
    amps_buffer_init(&disk->bytes, BYTES_MAX);
}

void amps_bookmark_disk_fini(amps_bookmark_disk *disk, bool is_ours)
{
    if (is_ours) {
        amps_mutex_fini(&disk->lock);
    } else if (!disk->is_closed) {
        amps_file_abandon(disk->is_ring ? disk->ring.file : disk->journal.file);
        amps_memory_free(disk->ring.slots);
    }
    amps_buffer_fini(&disk->bytes);
}

/* ---- Records ---------------------------------------------------------------------------------*/

typedef struct writer {
    amps_buffer *bytes;
    uint32_t     sub;
    amps_status  status; /* the first failure; then nothing more is written */
} writer;

static void put(writer *out, amps_bookmark_record_type type, amps_bookmark bookmark)
{
    amps_bookmark_record record = {(uint8_t)type, out->sub, bookmark};
    if (out->status == AMPS_OK) {
        out->status = amps_bookmark_record_add(out->bytes, &record);
    }
}

static void put_text(writer *out, amps_bookmark_record_type type, amps_slice text)
{
    put(out, type, (amps_bookmark){0, 1, text});
}

static void put_point(writer *out, const amps_bookmark_point *point)
{
    put(out, AMPS_BOOKMARK_PERSISTED,
        (amps_bookmark){point->publisher, point->sequence, {point->opaque, point->opaque_size}});
}

static void put_publishers(writer *out, const amps_bookmark_publishers *publishers)
{
    for (uint32_t number = publishers->first_listed; number != 0;) {
        const amps_bookmark_publisher *publisher = amps_bookmark_publisher_at(publishers, number);
        put(out, AMPS_BOOKMARK_LISTED,
            (amps_bookmark){
                publisher->id, publisher->recent, {publisher->opaque, publisher->opaque_size}});
        number = publisher->after;
    }
    for (uint32_t number = 1; number <= publishers->count; number++) {
        const amps_bookmark_publisher *publisher = amps_bookmark_publisher_at(publishers, number);
        bool is_known = publisher->is_listed && publisher->recent == publisher->high;
        if (publisher->prefix_size > 0 && !is_known) {
            put(out, AMPS_BOOKMARK_HIGH,
                (amps_bookmark){publisher->id, publisher->high, {NULL, 0}});
        }
    }
}

static void put_messages(writer *out, const amps_bookmark_items *items)
{
    const amps_bookmark_marker *marker = items->markers + items->marker_first;
    const amps_bookmark_marker *end = marker + items->marker_count;
    for (uint64_t index = items->first; index < items->next; index++) {
        amps_bookmark bookmark;
        bool          is_discarded;
        amps_bookmark_items_at(items, index, &bookmark, &is_discarded);
        put(out, AMPS_BOOKMARK_RECEIVED, bookmark);
        if (is_discarded) {
            put(out, AMPS_BOOKMARK_DONE, bookmark);
        }
        for (; marker < end && marker->after <= index; marker++) {
            put_point(out, &marker->point);
        }
    }
}

amps_status amps_bookmark_disk_whole(amps_buffer *bytes, amps_slice sub_id, uint32_t number,
                                     const amps_bookmark_items *items)
{
    writer out = {bytes, number, AMPS_OK};
    if (sub_id.at != NULL) {
        put_text(&out, AMPS_BOOKMARK_SUB, sub_id);
    }
    size_t head = bytes->size;
    put(&out, AMPS_BOOKMARK_GROUP, (amps_bookmark){0, 0, {NULL, 0}});
    size_t start = bytes->size;
    put(&out, AMPS_BOOKMARK_FORGOTTEN, (amps_bookmark){0, 0, {NULL, 0}});
    if (items->anchor_size > 0) {
        put_text(&out, AMPS_BOOKMARK_ANCHORED, (amps_slice){items->anchor, items->anchor_size});
    }
    if (items->safe.is_known) {
        put_point(&out, &items->safe);
    }
    put_publishers(&out, &items->publishers);
    put_messages(&out, items);
    if (out.status == AMPS_OK) {
        amps_bookmark_record group = {
            AMPS_BOOKMARK_GROUP, number, {bytes->size - start, 0, {NULL, 0}}};
        amps_bookmark_record_write(bytes->at + head, &group);
    }
    return out.status;
}

/* ---- The log ---------------------------------------------------------------------------------*/

static amps_status append_bytes(amps_bookmark_disk *disk, amps_bookmark_trace *trace,
                                const amps_bookmark_items  *items,
                                const amps_bookmark_change *change, amps_failure *failure)
{
    amps_slice  undeclared = trace->is_declared ? (amps_slice){NULL, 0} : trace->sub_id;
    uint32_t    number = trace->is_declared ? trace->number : disk->declared;
    amps_status status;
    disk->bytes.size = 0;
    if (change->type == AMPS_BOOKMARK_GROUP || trace->is_behind) {
        status = amps_bookmark_disk_whole(&disk->bytes, undeclared, number, items);
    } else {
        writer out = {&disk->bytes, number, AMPS_OK};
        if (undeclared.at != NULL) {
            put_text(&out, AMPS_BOOKMARK_SUB, undeclared);
        }
        put(&out, change->type, *change->bookmark);
        status = out.status;
    }
    if (status != AMPS_OK) {
        amps_file_refuse(disk->journal.file, failure, "out of memory");
        return status;
    }
    status = amps_bookmark_journal_append(&disk->journal,
                                          (amps_slice){disk->bytes.at, disk->bytes.size}, failure);
    if (status == AMPS_OK && !trace->is_declared) {
        trace->is_declared = true;
        trace->number = disk->declared++;
    }
    if (disk->bytes.capacity > BYTES_KEPT_MAX) {
        amps_buffer_fini(&disk->bytes);
    }
    return status;
}

static amps_status note_in_log(amps_bookmark_disk *disk, amps_bookmark_trace *trace,
                               const amps_bookmark_items *items, const amps_bookmark_change *change,
                               amps_failure *failure)
{
    amps_status status;
    if (AMPS_UNLIKELY(items->is_pinned)) { /* its order is not that of the server */
        trace->is_behind = true;
        return AMPS_OK;
    }
    if (AMPS_UNLIKELY(amps_bookmark_journal_rests(&disk->journal))) {
        trace->is_behind = true;
        return amps_file_refuse(disk->journal.file, failure, "it could not be written just now");
    }
    if (AMPS_LIKELY(trace->is_declared && !trace->is_behind &&
                    change->type != AMPS_BOOKMARK_GROUP &&
                    !amps_bookmark_is_opaque(change->bookmark))) {
        char                 bytes[AMPS_BOOKMARK_RECORD_SIZE];
        amps_bookmark_record record = {(uint8_t)change->type, trace->number, *change->bookmark};
        amps_bookmark_record_write(bytes, &record);
        amps_slice record_bytes = {bytes, sizeof bytes};
        status = change->type == AMPS_BOOKMARK_RECEIVED /* unknown it comes again: nothing lost */
                     ? amps_bookmark_journal_add(&disk->journal, record_bytes, failure)
                     : amps_bookmark_journal_append(&disk->journal, record_bytes, failure);
    } else {
        status = append_bytes(disk, trace, items, change, failure);
    }
    trace->is_behind = status != AMPS_OK;
    return status;
}

/* ---- The ring --------------------------------------------------------------------------------*/

static amps_status note_in_ring(amps_bookmark_disk *disk, amps_bookmark_trace *trace,
                                const amps_bookmark_items  *items,
                                const amps_bookmark_change *change, amps_failure *failure)
{
    if (!change->of_list && change->type != AMPS_BOOKMARK_GROUP && !trace->is_behind) {
        return AMPS_OK;
    }
    size_t size = amps_bookmark_items_write(items, NULL, 0);
    if (size == 0 && trace->number == 0) {
        return AMPS_OK;
    }
    char       *list;
    uint32_t    before = trace->number;
    amps_status status =
        amps_bookmark_ring_begin(&disk->ring, &trace->number, trace->sub_id, size, &list, failure);
    trace->is_behind = status != AMPS_OK;
    if (status == AMPS_OK) {
        amps_bookmark_items_write(items, list, size);
        amps_bookmark_ring_commit(&disk->ring, trace->number, before);
    }
    return status;
}

/* ---- Both ------------------------------------------------------------------------------------*/

amps_status amps_bookmark_disk_note(amps_bookmark_disk *disk, amps_bookmark_trace *trace,
                                    const amps_bookmark_items  *items,
                                    const amps_bookmark_change *change, amps_failure *failure)
{
    amps_status status = AMPS_CLOSED;
    amps_mutex_lock(&disk->lock);
    if (AMPS_LIKELY(!disk->is_closed)) {
        status = disk->is_ring ? note_in_ring(disk, trace, items, change, failure)
                               : note_in_log(disk, trace, items, change, failure);
    }
    amps_mutex_unlock(&disk->lock);
    return status;
}

void amps_bookmark_disk_retry(amps_bookmark_disk *disk)
{
    amps_mutex_lock(&disk->lock);
    disk->journal.retry_at = 0;
    amps_mutex_unlock(&disk->lock);
}

amps_status amps_bookmark_disk_sync(amps_bookmark_disk *disk, amps_failure *failure)
{
    amps_status status = AMPS_CLOSED;
    amps_mutex_lock(&disk->lock);
    if (!disk->is_closed) {
        status = amps_file_sync(disk->is_ring ? disk->ring.file : disk->journal.file, failure);
    }
    amps_mutex_unlock(&disk->lock);
    return status;
}

amps_status amps_bookmark_disk_close(amps_bookmark_disk *disk, amps_failure *failure)
{
    amps_status status = AMPS_OK;
    amps_mutex_lock(&disk->lock);
    if (!disk->is_closed) {
        disk->is_closed = true;
        status = disk->is_ring ? amps_bookmark_ring_close(&disk->ring, failure)
                               : amps_bookmark_journal_close(&disk->journal, failure);
    }
    amps_mutex_unlock(&disk->lock);
    return status;
}
