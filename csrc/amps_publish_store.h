/* amps_publish_store.h: published messages the server has not yet persisted, in order.
 *
 * One interface over memory, a file, or both. A record is the whole frame as it goes over the wire;
 * the store never looks inside. Counted by references; any thread; one lock of its own, never held
 * while anyone is called, nor while the disk is waited for longer than a write into the map takes
 * (but for growth, sync_on_store and close). In the child of a fork every call says AMPS_FORKED (a
 * number is 0), and nothing touches the file. `failure` may be NULL; it is filled in for AMPS_STORE
 * and says which file and why. */
#ifndef AMPS_PUBLISH_STORE_H
#define AMPS_PUBLISH_STORE_H

#include "amps_base.h"

#define AMPS_STORE_BLOCK_SIZE_MIN 64u
#define AMPS_STORE_BLOCK_SIZE_MAX ((size_t)1 << 30)

typedef struct amps_publish_store amps_publish_store;

typedef struct amps_publish_store_options {
    size_t block_size;            /* bytes; an existing file keeps its own */
    size_t blocks_per_growth;     /* what the file has at first, and grows by; memory grows as it
                                   * needs, and these two set when consent is asked */
    size_t   memory_max;          /* hybrid: bytes in memory before the oldest move to the file */
    size_t   memory_low;          /* hybrid: until so many are left; 0: half of memory_max */
    bool     sync_on_store;       /* file: every add waits for the disk; not a hybrid */
    bool     asks_before_growing; /* add says AMPS_STORE_FULL where it would grow unallowed */
    uint64_t clock_sequence;      /* unix seconds * 10^9; 0: the store looks at the clock itself */
} amps_publish_store_options;

/* A block size out of its limits, or a growth beyond what memory can address, is AMPS_STORE. */
amps_status amps_publish_store_new(const amps_publish_store_options *options,
                                   amps_publish_store              **store);

/* The same in a file: recovered if it has any bytes, else made; locked until it is closed. A hybrid
 * keeps the newest in memory: they reach the file when there are too many, or on close, and do not
 * survive a crash. AMPS_STORE: nothing of the file was changed. */
amps_status amps_publish_store_open(const char *path, const amps_publish_store_options *options,
                                    amps_failure *failure, amps_publish_store **store);
amps_status amps_publish_store_open_hybrid(const char                       *path,
                                           const amps_publish_store_options *options,
                                           amps_failure *failure, amps_publish_store **store);

/* The last drop closes it. NULL is welcome. */
void amps_publish_store_hold(amps_publish_store *store);
void amps_publish_store_drop(amps_publish_store *store);

/* The number the next record must have; 0: there are none left. Whoever adds writes it into the
 * frame first; when another was quicker add says AMPS_AGAIN, and a new number must be asked for.
 * Numbers are consumed only by AMPS_OK. Others: AMPS_STORE_FULL, AMPS_NO_MEMORY, AMPS_STORE,
 * AMPS_TOO_LARGE, AMPS_FORKED, AMPS_CLOSED: nothing is stored, and the store stays usable. */
uint64_t    amps_publish_store_next(amps_publish_store *store);
amps_status amps_publish_store_add(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                                   amps_failure *failure);
/* The same in steps, for who writes the frame in between: the store is locked from begin, if it
 * said AMPS_OK and gave the number, until unlock. `at_once`: AMPS_MORE instead of waiting, for
 * another thread, for the file to grow, for the disk. */
amps_status amps_publish_store_begin(amps_publish_store *store, bool at_once, uint64_t *sequence);
amps_status amps_publish_store_put(amps_publish_store *store, uint64_t sequence, amps_slice frame,
                                   bool at_once, amps_failure *failure);
/* For who keeps something of its own in step with the store: locked whatever its state. */
void amps_publish_store_lock(amps_publish_store *store);
bool amps_publish_store_try_lock(amps_publish_store *store);
void amps_publish_store_unlock(amps_publish_store *store);

/* Consent to grow: the size (bytes, in all) that the add refused last would need; up to which it
 * may; and a wait, at most wait_ms, for room or consent. AMPS_OK: try again. AMPS_AGAIN: the time
 * is up. AMPS_CLOSED. What came since the last refusal counts. */
size_t      amps_publish_store_wants(amps_publish_store *store);
void        amps_publish_store_allow(amps_publish_store *store, size_t total_size);
amps_status amps_publish_store_wait_room(amps_publish_store *store, uint32_t wait_ms);
void        amps_publish_store_set_asks(amps_publish_store *store, bool asks);

/* Everything up to this number is done, and the next number is above it. Below what is persisted
 * already: nothing. When it fails all records stay. */
amps_status amps_publish_store_discard_up_to(amps_publish_store *store, uint64_t sequence,
                                             amps_failure *failure);
/* This one alone. AMPS_END: it is not there. */
amps_status amps_publish_store_discard_one(amps_publish_store *store, uint64_t sequence,
                                           amps_failure *failure);

/* The first record above `after`: its number, the size of its frame, and the frame in `out` if it
 * fits, else AMPS_TOO_LARGE. AMPS_END: there is none. AMPS_STORE: the file has become shorter. */
amps_status amps_publish_store_read_after(amps_publish_store *store, uint64_t after, char *out,
                                          size_t out_size, uint64_t *sequence, size_t *size);

uint64_t amps_publish_store_count(amps_publish_store *store);
uint64_t amps_publish_store_lowest(amps_publish_store *store); /* 0: empty */
/* The highest discard_up_to that took effect, now or before the file was opened; 0: never. */
uint64_t amps_publish_store_last_persisted(amps_publish_store *store);
/* The highest number given; before the first, what the clock or the file says is below it. */
uint64_t amps_publish_store_last_assigned(amps_publish_store *store);
void     amps_publish_store_raise(amps_publish_store *store, uint64_t sequence); /* next is above */
size_t   amps_publish_store_size(amps_publish_store *store); /* bytes held in memory and file */

/* Waits, at most wait_ms, until no record up to this number is left. AMPS_OK, AMPS_AGAIN,
 * AMPS_CLOSED. */
amps_status amps_publish_store_wait_persisted(amps_publish_store *store, uint64_t sequence,
                                              uint32_t wait_ms);

/* The orderly end: a hybrid moves the rest to the file (which may grow unasked); `truncate` shrinks
 * a file without records to its first size; the disk has all; the lock is given up. Later calls say
 * AMPS_CLOSED, but numbers stay as they are. Idempotent. AMPS_STORE: the file is closed all the
 * same, unless a hybrid could not move the rest: then nothing is closed, and close may be called
 * again; the last drop gives the rest up. */
amps_status amps_publish_store_close(amps_publish_store *store, bool truncate,
                                     amps_failure *failure);
/* Until the disk has all that is in the file. Adding and discarding go on meanwhile. */
amps_status amps_publish_store_sync(amps_publish_store *store, amps_failure *failure);

#endif
