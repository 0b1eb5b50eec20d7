/* amps_conflation.h: which waiting message the next one with the same key replaces.
 *
 * A hash table from (topic, sow key) to the newest waiting message of it. The bytes of a key are
 * borrowed: they live in the message that waits. No lock, no thread, no clock. */
#ifndef AMPS_CONFLATION_H
#define AMPS_CONFLATION_H

#include "amps_base.h"

/* So many messages may have waited at once before an index that falls empty gives its memory back.
 */
#define AMPS_CONFLATION_KEPT_MAX 1024u

typedef struct amps_conflation_key {
    amps_slice topic;
    amps_slice sow_key;
} amps_conflation_key;

/* What a message means to those that wait before it. */
typedef enum amps_bearing {
    AMPS_PASSES,   /* nothing: it has no key, or may not replace and be replaced */
    AMPS_REPLACES, /* the one with the same key may go */
    AMPS_PARTS,    /* a group begins or ends: none of them may be replaced any more */
} amps_bearing;

/* The key is set when it is AMPS_REPLACES, and borrows from the message. */
amps_bearing amps_conflation_bearing(const amps_message *message, amps_conflation_key *key);

typedef struct amps_conflation_node {
    amps_conflation_key key;
    void               *waiting; /* NULL: a free node */
    uint32_t            hash;
    uint32_t            next; /* in its bucket, or among the free; 0 ends it */
} amps_conflation_node;

typedef struct amps_conflation {
    uint64_t              seed;
    amps_conflation_node *nodes;   /* their numbers count from 1 */
    uint32_t             *buckets; /* as many as there is room for nodes, a power of two */
    uint32_t              capacity;
    uint32_t              used; /* nodes ever given out since the last clear */
    uint32_t              free; /* the first node given back, 0: none */
    uint32_t              count;
} amps_conflation;

/* `seed`: anything that a sender of keys cannot know. */
void amps_conflation_init(amps_conflation *index, uint64_t seed);
void amps_conflation_fini(amps_conflation *index);
void amps_conflation_clear(amps_conflation *index); /* none of what waits can be replaced */

/* The number of the key's node; 0: no message with this key waits. */
uint32_t amps_conflation_find(const amps_conflation *index, const amps_conflation_key *key);
void    *amps_conflation_at(const amps_conflation *index, uint32_t number);

/* Notes that `waiting` is the newest of its key, in place of an older one if there is; gives the
 * node's number. 0: out of memory, it is not noted. */
uint32_t amps_conflation_add(amps_conflation *index, const amps_conflation_key *key, void *waiting);
/* The same key, whose bytes lie elsewhere now. */
void amps_conflation_move(amps_conflation *index, uint32_t number, const amps_conflation_key *key);
/* It waits no longer. A node that is another's by now stays. */
void amps_conflation_remove(amps_conflation *index, uint32_t number, const void *waiting);

#endif
