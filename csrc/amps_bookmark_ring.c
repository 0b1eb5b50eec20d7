/* amps_bookmark_ring.c: a file of slots, each with a sub id's list of most recent bookmarks.
 *
 * The file: a head of HEAD_SIZE bytes (magic, version, byte order, their CRC), then slots, then
 * zeros. A slot: the size of a half and the CRC of that; then the halves: CRC of the rest, sizes of
 * sub id and list, generation, sub id, list. All in this machine's byte order. */
#include "amps_bookmark_ring.h"

#include "amps_crc.h"
#include "amps_memory.h"

#define HEAD_SIZE  ((size_t)64)
#define MAGIC      "AMPSBMKR"
#define MAGIC_SIZE 8u
#define VERSION    1u
#define BYTE_ORDER UINT32_C(0x01020304)
#define UNIT       sizeof(uint64_t)
#define SLOTS_MIN  16u

typedef struct slot_head {
    uint32_t half_size;
    uint32_t crc;
} slot_head;

typedef struct half_head {
    uint32_t crc;
    uint32_t id_size;
    uint32_t list_size;
    uint32_t zero;
    uint64_t generation;
} half_head;

static amps_bookmark_ring_slot *slot_at(const amps_bookmark_ring *ring, uint32_t number)
{
    AMPS_ASSERT(number > 0 && number <= ring->slot_count);
    return &ring->slots[number - 1];
}

static char *half_at(const amps_bookmark_ring *ring, const amps_bookmark_ring_slot *slot,
                     uint32_t half)
{
    return ring->map + slot->at + (size_t)half * slot->half_size;
}

static uint32_t crc_of_half(const char *half, const half_head *head)
{
    size_t size = sizeof *head + head->id_size + head->list_size;
    return amps_crc(0, half + sizeof head->crc, size - sizeof head->crc);
}

/* ---- Opening ---------------------------------------------------------------------------------*/

static void make_head(char head[HEAD_SIZE])
{
    uint32_t words[2] = {VERSION, BYTE_ORDER};
    memset(head, 0, HEAD_SIZE);
    memcpy(head, MAGIC, MAGIC_SIZE);
    memcpy(head + MAGIC_SIZE, words, sizeof words);
    uint32_t crc = amps_crc(0, head, MAGIC_SIZE + sizeof words);
    memcpy(head + MAGIC_SIZE + sizeof words, &crc, sizeof crc);
}

static amps_status check_head(const amps_bookmark_ring *ring, const char *bytes,
                              amps_failure *failure)
{
    char     expected[HEAD_SIZE];
    uint32_t words[2];
    if (ring->size < HEAD_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0) {
        return amps_file_refuse(ring->file, failure, "it is no file of most recent bookmarks");
    }
    memcpy(words, bytes + MAGIC_SIZE, sizeof words);
    make_head(expected);
    if (words[1] != BYTE_ORDER) {
        return amps_file_refuse(ring->file, failure, "it has another machine's byte order");
    }
    if (words[0] != VERSION) {
        return amps_file_refuse(ring->file, failure, "its version is %u, this program knows %u",
                                words[0], VERSION);
    }
    return memcmp(bytes, expected, HEAD_SIZE) == 0
               ? AMPS_OK
               : amps_file_refuse(ring->file, failure, "its head is damaged");
}

static bool is_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool reserve_slot(amps_bookmark_ring *ring)
{
    if (ring->slot_count < ring->slot_room) {
        return true;
    }
    uint32_t                 room = ring->slot_room > 0 ? ring->slot_room * 2 : SLOTS_MIN;
    amps_bookmark_ring_slot *larger = amps_memory_resize(ring->slots, room * sizeof *larger);
    if (larger == NULL) {
        return false;
    }
    ring->slots = larger;
    ring->slot_room = room;
    return true;
}

/* The newer one of its halves counts. */
static void examine_slot(amps_bookmark_ring *ring, amps_bookmark_ring_slot *slot, const char *bytes,
                         bool *is_damaged)
{
    for (uint32_t half = 0; half < 2; half++) {
        half_head   head;
        const char *at = bytes + slot->at + (size_t)half * slot->half_size;
        memcpy(&head, at, sizeof head);
        if (head.id_size <= slot->half_size - sizeof head &&
            head.list_size <= slot->half_size - sizeof head - head.id_size &&
            head.generation > slot->generation && crc_of_half(at, &head) == head.crc) {
            slot->generation = head.generation;
            slot->current = half;
        }
    }
    if (slot->generation == 0) {
        slot->is_free = true;
        const char *halves = bytes + slot->at; /* a first write may have been interrupted */
        *is_damaged = *is_damaged || (!is_zero(halves, slot->half_size) &&
                                      !is_zero(halves + slot->half_size, slot->half_size));
    }
    if (slot->generation > ring->generation) {
        ring->generation = slot->generation;
    }
}

static amps_status find_slots(amps_bookmark_ring *ring, const char *bytes, bool *is_damaged)
{
    slot_head head;
    ring->end = HEAD_SIZE;
    while (ring->size - ring->end >= sizeof head) {
        size_t at = ring->end + sizeof head;
        memcpy(&head, bytes + ring->end, sizeof head);
        if (head.half_size < AMPS_BOOKMARK_HALF_SIZE_MIN || head.half_size % UNIT != 0 ||
            head.crc != amps_crc(0, &head.half_size, sizeof head.half_size) ||
            2 * (size_t)head.half_size > ring->size - at) {
            break;
        }
        if (!reserve_slot(ring)) {
            return AMPS_NO_MEMORY;
        }
        ring->slots[ring->slot_count++] =
            (amps_bookmark_ring_slot){.at = at, .half_size = head.half_size};
        examine_slot(ring, slot_at(ring, ring->slot_count), bytes, is_damaged);
        ring->end = at + 2 * (size_t)head.half_size;
    }
    *is_damaged = *is_damaged || !is_zero(bytes + ring->end, ring->size - ring->end);
    return AMPS_OK;
}

static amps_status examine(amps_bookmark_ring *ring, bool *is_damaged, amps_failure *failure)
{
    char       *bytes;
    amps_status status =
        amps_file_read_all(ring->file, AMPS_BOOKMARK_RING_SIZE_MAX, &bytes, &ring->size, failure);
    if (status != AMPS_OK) {
        return status;
    }
    status = check_head(ring, bytes, failure);
    if (status == AMPS_OK && (status = find_slots(ring, bytes, is_damaged)) != AMPS_OK) {
        amps_file_refuse(ring->file, failure, "out of memory");
    }
    amps_memory_free(bytes);
    if (status == AMPS_OK) {
        status = amps_file_map(ring->file, ring->size, &ring->map, failure);
    }
    return status;
}

static amps_status make(amps_bookmark_ring *ring, amps_failure *failure)
{
    char        head[HEAD_SIZE];
    uint64_t    end = 0;
    amps_status status;
    make_head(head);
    status = amps_file_append(ring->file, &end, (amps_slice){head, HEAD_SIZE}, failure);
    if (status == AMPS_OK) {
        status = amps_file_sync_name(ring->file, failure);
    }
    if (status == AMPS_OK) {
        status = amps_file_map(ring->file, HEAD_SIZE, &ring->map, failure);
    }
    ring->end = ring->size = HEAD_SIZE;
    return status;
}

amps_status amps_bookmark_ring_open(const char *path, amps_failure *failure,
                                    amps_bookmark_ring *ring, bool *is_damaged)
{
    uint64_t size = 0;
    *ring = (amps_bookmark_ring){.end = 0};
    *is_damaged = false;
    amps_status status = amps_file_open(path, &ring->file, failure);
    if (status != AMPS_OK) {
        return status;
    }
    status = amps_file_size(ring->file, &size, failure);
    if (status == AMPS_OK) {
        status = size > 0 ? examine(ring, is_damaged, failure) : make(ring, failure);
    }
    if (status != AMPS_OK) {
        amps_memory_free(ring->slots);
        amps_file_close(ring->file);
    }
    return status;
}

/* ---- Reading and writing ---------------------------------------------------------------------*/

bool amps_bookmark_ring_read(const amps_bookmark_ring *ring, uint32_t number, amps_slice *sub_id,
                             amps_slice *list)
{
    const amps_bookmark_ring_slot *slot = slot_at(ring, number);
    half_head                      head;
    if (slot->is_free) {
        return false;
    }
    const char *half = half_at(ring, slot, slot->current);
    memcpy(&head, half, sizeof head);
    *sub_id = (amps_slice){half + sizeof head, head.id_size};
    *list = (amps_slice){half + sizeof head + head.id_size, head.list_size};
    return true;
}

void amps_bookmark_ring_free(amps_bookmark_ring *ring, uint32_t number)
{
    slot_at(ring, number)->is_free = true;
}

static amps_status grow(amps_bookmark_ring *ring, size_t wanted, amps_failure *failure)
{
    size_t more = wanted > AMPS_BOOKMARK_RING_STEP ? wanted : AMPS_BOOKMARK_RING_STEP;
    size_t size = ring->size + more;
    if (size > AMPS_BOOKMARK_RING_SIZE_MAX) {
        return amps_file_refuse(ring->file, failure, "it may not grow beyond %zu bytes",
                                AMPS_BOOKMARK_RING_SIZE_MAX);
    }
    amps_status status = amps_file_reserve(ring->file, ring->size, size, failure);
    if (status == AMPS_OK) {
        status = amps_file_map(ring->file, size, &ring->map, failure);
    }
    if (status == AMPS_OK) {
        ring->size = size;
    }
    return status;
}

static amps_status add_slot(amps_bookmark_ring *ring, size_t size, uint32_t *number,
                            amps_failure *failure)
{
    slot_head   head = {.half_size = AMPS_BOOKMARK_HALF_SIZE_MIN};
    amps_status status = AMPS_OK;
    while (head.half_size < size) {
        head.half_size *= 2;
    }
    size_t whole = sizeof head + 2 * (size_t)head.half_size;
    if (!reserve_slot(ring)) {
        amps_file_refuse(ring->file, failure, "out of memory");
        return AMPS_NO_MEMORY;
    }
    if (ring->size - ring->end < whole) {
        status = grow(ring, whole, failure);
    }
    if (status == AMPS_OK) {
        head.crc = amps_crc(0, &head.half_size, sizeof head.half_size);
        memcpy(ring->map + ring->end, &head, sizeof head);
        ring->slots[ring->slot_count++] = (amps_bookmark_ring_slot){
            .at = ring->end + sizeof head, .half_size = head.half_size, .is_free = true};
        ring->end += whole;
        *number = ring->slot_count;
    }
    return status;
}

static uint32_t find_free(const amps_bookmark_ring *ring, size_t size)
{
    for (uint32_t number = 1; number <= ring->slot_count; number++) {
        if (slot_at(ring, number)->is_free && slot_at(ring, number)->half_size >= size) {
            return number;
        }
    }
    return 0;
}

static amps_status is_whole(const amps_bookmark_ring *ring, amps_failure *failure)
{
    uint64_t    there;
    amps_status status = amps_file_size(ring->file, &there, failure);
    if (status == AMPS_OK && there < ring->size) {
        status = amps_file_refuse(ring->file, failure, "another has cut it, to %llu bytes",
                                  (unsigned long long)there);
    }
    return status;
}

amps_status amps_bookmark_ring_begin(amps_bookmark_ring *ring, uint32_t *number, amps_slice sub_id,
                                     size_t list_size, char **list, amps_failure *failure)
{
    half_head   head = {.id_size = (uint32_t)sub_id.size, .list_size = (uint32_t)list_size};
    size_t      size = sizeof head + sub_id.size + list_size;
    amps_status status = is_whole(ring, failure);
    if (status == AMPS_OK && size > AMPS_BOOKMARK_RING_SIZE_MAX / 4) {
        status =
            amps_file_refuse(ring->file, failure, "a list of %zu bytes is too long", list_size);
    }
    if (status != AMPS_OK) {
        return status;
    }
    if (*number == 0 || slot_at(ring, *number)->half_size < size) {
        uint32_t other = find_free(ring, size);
        if (other == 0 && (status = add_slot(ring, size, &other, failure)) != AMPS_OK) {
            return status;
        }
        *number = other;
    }
    amps_bookmark_ring_slot *slot = slot_at(ring, *number);
    char                    *half = half_at(ring, slot, 1 - slot->current);
    head.generation = ring->generation + 1;
    memcpy(half, &head, sizeof head);
    memcpy(half + sizeof head, sub_id.at, sub_id.size);
    *list = half + sizeof head + sub_id.size;
    return AMPS_OK;
}

void amps_bookmark_ring_commit(amps_bookmark_ring *ring, uint32_t number, uint32_t before)
{
    amps_bookmark_ring_slot *slot = slot_at(ring, number);
    half_head                head;
    char                    *half = half_at(ring, slot, 1 - slot->current);
    memcpy(&head, half, sizeof head);
    head.crc = crc_of_half(half, &head);
    memcpy(half, &head.crc, sizeof head.crc);
    slot->current = 1 - slot->current;
    slot->generation = ++ring->generation;
    slot->is_free = false;
    if (before != 0 && before != number) {
        amps_bookmark_ring_free(ring, before);
    }
}

amps_status amps_bookmark_ring_close(amps_bookmark_ring *ring, amps_failure *failure)
{
    amps_status status = amps_file_truncate(ring->file, ring->end, failure);
    amps_status synced = amps_file_sync(ring->file, status == AMPS_OK ? failure : NULL);
    amps_file_close(ring->file);
    amps_memory_free(ring->slots);
    ring->file = NULL;
    ring->slots = NULL;
    return status != AMPS_OK ? status : synced;
}
