/* amps_waits.c: a list of those who wait, few at a time. */
#include "amps_waits.h"

#include "amps_header.h"
#include "amps_memory.h"

struct amps_waiter {
    amps_waiter *next;
    uint32_t     ack_types;
    bool         done;
    bool         lasts; /* longer than a connection */
    amps_status  status;
    char        *ack; /* a copy of the ack's header */
    size_t       ack_size;
    size_t       id_size;
    char         id[];
};

void amps_waits_init(amps_waits *waits)
{
    memset(waits, 0, sizeof *waits);
    amps_mutex_init(&waits->lock);
    amps_cond_init(&waits->changed);
}

void amps_waits_fini(amps_waits *waits)
{
    AMPS_ASSERT(waits->waiters == NULL);
    amps_cond_fini(&waits->changed);
    amps_mutex_fini(&waits->lock);
}

/* ---- Who waits ------------------------------------------------------------------------------ */

amps_waiter *amps_waits_begin(amps_waits *waits, amps_slice command_id, uint32_t ack_types,
                              bool lasts)
{
    amps_waiter *waiter = amps_memory_new_zeroed(sizeof *waiter + command_id.size);
    if (waiter == NULL) {
        return NULL;
    }
    waiter->ack_types = ack_types;
    waiter->lasts = lasts;
    waiter->id_size = command_id.size;
    memcpy(waiter->id, command_id.at, command_id.size);
    amps_mutex_lock(&waits->lock);
    waiter->next = waits->waiters;
    waits->waiters = waiter;
    atomic_fetch_add(&waits->count, 1);
    amps_mutex_unlock(&waits->lock);
    return waiter;
}

amps_status amps_waits_wait(amps_waits *waits, amps_waiter *waiter, uint64_t deadline,
                            amps_message *ack)
{
    bool in_time = true;
    amps_mutex_lock(&waits->lock);
    while (in_time && !waiter->done) {
        in_time = amps_cond_wait(&waits->changed, &waits->lock, deadline);
    }
    amps_status status = waiter->done ? waiter->status : AMPS_AGAIN;
    amps_mutex_unlock(&waits->lock);
    if (status == AMPS_OK) {
        const char *end = waiter->ack + waiter->ack_size;
        *ack = (amps_message){.header = {waiter->ack, waiter->ack_size},
                              .record = {end, 0},
                              .body = {end, 0},
                              .sub_id = {end, 0}};
    }
    return status;
}

void amps_waits_end(amps_waits *waits, amps_waiter *waiter)
{
    amps_mutex_lock(&waits->lock);
    amps_waiter **link = &waits->waiters;
    while (*link != waiter) {
        link = &(*link)->next;
    }
    *link = waiter->next;
    atomic_fetch_sub(&waits->count, 1);
    amps_mutex_unlock(&waits->lock);
    amps_memory_free(waiter->ack);
    amps_memory_free(waiter);
}

/* ---- What they wait for --------------------------------------------------------------------- */

static bool is_about(const amps_waiter *waiter, amps_slice id)
{
    return amps_slice_equal((amps_slice){waiter->id, waiter->id_size}, id);
}

static void complete(amps_waiter *waiter, const amps_message *message)
{
    waiter->ack = amps_memory_new(message->header.size);
    waiter->status = waiter->ack != NULL ? AMPS_OK : AMPS_NO_MEMORY;
    if (waiter->ack != NULL) {
        memcpy(waiter->ack, message->header.at, message->header.size);
        waiter->ack_size = message->header.size;
    }
    waiter->done = true;
}

bool amps_waits_tell(amps_waits *waits, const amps_header *header, const amps_message *message)
{
    bool       awaited = false;
    char       decoded[AMPS_ID_SIZE_MAX];
    amps_slice id;
    if (atomic_load(&waits->count) == 0 || !amps_header_has(header, AMPS_FIELD_ACK_TYPE) ||
        amps_header_text(header, AMPS_FIELD_COMMAND_ID, decoded, sizeof decoded, &id) != AMPS_OK) {
        return false;
    }
    uint32_t types = amps_ack_parse(header->value[AMPS_FIELD_ACK_TYPE]);
    bool     failed = amps_header_is_failure(header);
    amps_mutex_lock(&waits->lock);
    for (amps_waiter *waiter = waits->waiters; waiter != NULL; waiter = waiter->next) {
        if (is_about(waiter, id)) {
            awaited = true;
            if (!waiter->done && ((waiter->ack_types & types) != 0 || failed)) {
                complete(waiter, message);
                amps_cond_broadcast(&waits->changed);
            }
        }
    }
    amps_mutex_unlock(&waits->lock);
    return awaited;
}

void amps_waits_give_up(amps_waits *waits, amps_status why)
{
    amps_mutex_lock(&waits->lock);
    for (amps_waiter *waiter = waits->waiters; waiter != NULL; waiter = waiter->next) {
        if (!waiter->done && !(waiter->lasts && why == AMPS_DISCONNECTED)) {
            waiter->done = true;
            waiter->status = why;
        }
    }
    amps_cond_broadcast(&waits->changed);
    amps_mutex_unlock(&waits->lock);
}
