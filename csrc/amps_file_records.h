/* amps_file_records.h: records in the order of their sequences, in a file that survives kill -9.
 *
 * The file, mapped: a page with magic, version, block size and two slots, written in turn, that say
 * what is persisted, what was assigned and how many blocks there are; then blocks. Small records
 * lie in a row in a block, larger ones are a chain of blocks; each is published by one store of its
 * state as the last step. A discard writes a slot and no block: what is at or below persisted is
 * free, its block when that holds of all in it. Damage is refused, and the file left as it was. No
 * lock: one thread at a time, but for amps_file_records_sync. */
#ifndef AMPS_FILE_RECORDS_H
#define AMPS_FILE_RECORDS_H

#include "amps_base.h"

typedef struct amps_file_records amps_file_records;

/* An existing file keeps its block size; an empty or absent one is made with this (rounded up to a
 * multiple of 8) and has `blocks` blocks. AMPS_OK, AMPS_NO_MEMORY, AMPS_STORE. */
amps_status amps_file_records_open(const char *path, size_t block_size, size_t blocks,
                                   amps_file_records **records, amps_failure *failure);

/* Shrinks a file without records to `blocks` blocks (0: leaves its size), syncs, and closes it
 * whatever comes of that. Numbers can still be asked for; then free it. */
amps_status amps_file_records_close(amps_file_records *records, size_t blocks,
                                    amps_failure *failure);
void        amps_file_records_free(amps_file_records *records); /* closes it; NULL is welcome */
/* In the child of a fork: the file stays the parent's. Memory is given back if it `may_be_freed`:
 * no thread was at work in it. */
void amps_file_records_abandon(amps_file_records *records, bool may_be_freed);

size_t   amps_file_records_block_size(const amps_file_records *records);
size_t   amps_file_records_capacity(const amps_file_records *records); /* bytes of all blocks */
size_t   amps_file_records_size(const amps_file_records *records);     /* and the first page's */
uint64_t amps_file_records_count(const amps_file_records *records);    /* those that live */
uint64_t amps_file_records_lowest(amps_file_records *records);         /* 0: none lives */
uint64_t amps_file_records_persisted(const amps_file_records *records);
/* The highest number that the file has seen, or was told of. */
uint64_t amps_file_records_assigned(const amps_file_records *records);

/* How many blocks are missing for a record of this size; 0: it fits. */
size_t amps_file_records_lacks(const amps_file_records *records, size_t size);
/* Adds blocks: disk space first, then the map, then the count. When it fails nothing has changed.
 */
amps_status amps_file_records_grow(amps_file_records *records, size_t blocks,
                                   amps_failure *failure);

/* The sequence is above all others, and it fits. `syncs`: and waits for the disk; when that fails
 * the record is taken back. AMPS_OK, AMPS_NO_MEMORY, AMPS_STORE. */
amps_status amps_file_records_add(amps_file_records *records, uint64_t sequence, amps_slice bytes,
                                  bool syncs, amps_failure *failure);

/* All up to `persisted` are done; `assigned` is noted. When it fails all stay. */
amps_status amps_file_records_discard_up_to(amps_file_records *records, uint64_t persisted,
                                            uint64_t assigned, amps_failure *failure);
/* This one alone; AMPS_END: it is not there. */
amps_status amps_file_records_discard_one(amps_file_records *records, uint64_t sequence,
                                          amps_failure *failure);
/* Notes that numbers up to this were given, or never must be. */
amps_status amps_file_records_note_assigned(amps_file_records *records, uint64_t assigned,
                                            amps_failure *failure);

/* As amps_publish_store_read_after. Bytes that have been damaged meanwhile are AMPS_STORE. */
amps_status amps_file_records_read_after(amps_file_records *records, uint64_t after, char *out,
                                         size_t out_size, uint64_t *sequence, size_t *size,
                                         amps_failure *failure);

/* Waits for the disk. Beside it may run anything but open, grow and close. */
amps_status amps_file_records_sync(amps_file_records *records, amps_failure *failure);

#endif
