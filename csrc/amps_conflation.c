/* amps_conflation.c: a chained hash table whose nodes are numbers. */
#include "amps_conflation.h"

#include "amps_header.h"
#include "amps_memory.h"

#define CAPACITY_MIN 16u
#define CAPACITY_MAX (1u << 31)

void amps_conflation_init(amps_conflation *index, uint64_t seed)
{
    memset(index, 0, sizeof *index);
    index->seed = seed;
}

void amps_conflation_fini(amps_conflation *index)
{
    amps_memory_free(index->nodes);
    amps_memory_free(index->buckets);
    amps_conflation_init(index, index->seed);
}

void amps_conflation_clear(amps_conflation *index)
{
    if (index->used > AMPS_CONFLATION_KEPT_MAX) {
        amps_conflation_fini(index);
    } else if (index->used > 0) {
        memset(index->buckets, 0, index->capacity * sizeof *index->buckets);
        memset(index->nodes, 0, index->used * sizeof *index->nodes);
        index->used = index->free = index->count = 0;
    }
}

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ (hash >> 29);
}

static uint64_t mixed_bytes(uint64_t hash, amps_slice bytes)
{
    uint64_t word = 0;
    size_t   at = 0;
    for (; bytes.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes.at + at, sizeof word);
        hash = mixed(hash, word);
    }
    word = bytes.size; /* fills what the last bytes leave free, and tells "a" + "b" from "ab" */
    for (; at < bytes.size; at++) {
        word = word << 8 | (unsigned char)bytes.at[at];
    }
    return mixed(hash, word);
}

static uint32_t hash_of(const amps_conflation *index, const amps_conflation_key *key)
{
    uint64_t hash = mixed_bytes(mixed_bytes(index->seed, key->topic), key->sow_key);
    return (uint32_t)(hash >> 32);
}

static uint32_t *bucket_of(const amps_conflation *index, uint32_t hash)
{
    return &index->buckets[hash & (index->capacity - 1)];
}

static amps_conflation_node *node_at(const amps_conflation *index, uint32_t number)
{
    AMPS_ASSERT(number > 0 && number <= index->used);
    return &index->nodes[number - 1];
}

static bool is_key(const amps_conflation_node *node, uint32_t hash, const amps_conflation_key *key)
{
    return node->hash == hash && amps_slice_equal(node->key.sow_key, key->sow_key) &&
           amps_slice_equal(node->key.topic, key->topic);
}

static uint32_t find(const amps_conflation *index, uint32_t hash, const amps_conflation_key *key)
{
    uint32_t number = index->count > 0 ? *bucket_of(index, hash) : 0;
    while (number != 0 && !is_key(node_at(index, number), hash, key)) {
        number = node_at(index, number)->next;
    }
    return number;
}

uint32_t amps_conflation_find(const amps_conflation *index, const amps_conflation_key *key)
{
    return index->count > 0 ? find(index, hash_of(index, key), key) : 0;
}

void *amps_conflation_at(const amps_conflation *index, uint32_t number)
{
    return node_at(index, number)->waiting;
}

/* Twice the room. Every node is in use when this is called. */
static bool grow(amps_conflation *index)
{
    if (index->capacity == CAPACITY_MAX) {
        return false;
    }
    uint32_t              capacity = index->capacity > 0 ? index->capacity * 2 : CAPACITY_MIN;
    uint32_t             *buckets = amps_memory_new_zeroed(capacity * sizeof *buckets);
    amps_conflation_node *nodes =
        buckets != NULL ? amps_memory_resize(index->nodes, capacity * sizeof *nodes) : NULL;
    if (nodes == NULL) {
        amps_memory_free(buckets);
        return false;
    }
    amps_memory_free(index->buckets);
    index->nodes = nodes;
    index->buckets = buckets;
    index->capacity = capacity;
    for (uint32_t number = 1; number <= index->used; number++) {
        amps_conflation_node *node = node_at(index, number);
        uint32_t             *bucket = bucket_of(index, node->hash);
        node->next = *bucket;
        *bucket = number;
    }
    return true;
}

static uint32_t new_node(amps_conflation *index)
{
    uint32_t number = index->free;
    if (number != 0) {
        index->free = node_at(index, number)->next;
        return number;
    }
    if (index->used == index->capacity && !grow(index)) {
        return 0;
    }
    return ++index->used;
}

uint32_t amps_conflation_add(amps_conflation *index, const amps_conflation_key *key, void *waiting)
{
    uint32_t hash = hash_of(index, key);
    uint32_t number = find(index, hash, key);
    if (number == 0) {
        number = new_node(index);
        if (number == 0) {
            return 0;
        }
        uint32_t *bucket = bucket_of(index, hash);
        *node_at(index, number) = (amps_conflation_node){.hash = hash, .next = *bucket};
        *bucket = number;
        index->count++;
    }
    node_at(index, number)->key = *key;
    node_at(index, number)->waiting = waiting;
    return number;
}

void amps_conflation_move(amps_conflation *index, uint32_t number, const amps_conflation_key *key)
{
    AMPS_ASSERT(node_at(index, number)->hash == hash_of(index, key)); /* the old bytes are gone */
    node_at(index, number)->key = *key;
}

void amps_conflation_remove(amps_conflation *index, uint32_t number, const void *waiting)
{
    if (number == 0 || number > index->used || node_at(index, number)->waiting != waiting) {
        return;
    }
    amps_conflation_node *node = node_at(index, number);
    uint32_t             *link = bucket_of(index, node->hash);
    while (*link != number) {
        link = &node_at(index, *link)->next;
    }
    *link = node->next;
    *node = (amps_conflation_node){.next = index->free};
    index->free = number;
    index->count--;
    if (index->count == 0 && index->used > AMPS_CONFLATION_KEPT_MAX) {
        amps_conflation_fini(index);
    }
}

/* ---- Messages -------------------------------------------------------------------------------- */

amps_bearing amps_conflation_bearing(const amps_message *message, amps_conflation_key *key)
{
    amps_header outer, record = {.present = 0};
    size_t      size;
    bool        has_record = message->record.size > 0;
    if (amps_header_parse(message->header, &outer, &size) != AMPS_OK ||
        (has_record && amps_header_parse(message->record, &record, &size) != AMPS_OK) ||
        !amps_header_has(&outer, AMPS_FIELD_COMMAND)) {
        return AMPS_PASSES;
    }
    amps_command verb = amps_command_parse(outer.value[AMPS_FIELD_COMMAND]);
    if (verb == AMPS_COMMAND_GROUP_BEGIN || verb == AMPS_COMMAND_GROUP_END) {
        return AMPS_PARTS;
    }
    const amps_header *of_key = has_record ? &record : &outer;
    const amps_header *of_topic = amps_header_has(&record, AMPS_FIELD_TOPIC) ? &record : &outer;
    bool               is_data =
        verb == AMPS_COMMAND_PUBLISH || verb == AMPS_COMMAND_SOW || verb == AMPS_COMMAND_OOF;
    bool is_leased = ((outer.present | record.present) & amps_bit(AMPS_FIELD_LEASE_PERIOD)) != 0;
    if (!is_data || is_leased || !amps_header_has(of_key, AMPS_FIELD_SOW_KEY) ||
        of_key->value[AMPS_FIELD_SOW_KEY].size == 0) {
        return AMPS_PASSES;
    }
    key->sow_key = of_key->value[AMPS_FIELD_SOW_KEY];
    key->topic = (amps_slice){"", 0};
    if (amps_header_has(of_topic, AMPS_FIELD_TOPIC)) {
        key->topic = of_topic->value[AMPS_FIELD_TOPIC];
    }
    return AMPS_REPLACES;
}
