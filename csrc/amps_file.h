/* amps_file.h: the one room that has files on disk: locked, whole or untouched, failures in words.
 *
 * A file is for one thread at a time; only amps_file_sync may run beside anything but close. What
 * fails says AMPS_STORE, and `failure` (which may be NULL) has the path, what was tried, the reason
 * and the errno. AMPS_NO_MEMORY is said as such. Offsets and sizes are bytes. */
#ifndef AMPS_FILE_H
#define AMPS_FILE_H

#include "amps_base.h"
#include "amps_map_watch.h"

typedef struct amps_file amps_file;

/* Opens a regular file for reading and writing, makes it if there is none, and takes its lock: who
 * comes second, in this process or another, is refused and has changed nothing. The lock ends with
 * the file, or with the process: what was forked off from it does not have the file. */
amps_status amps_file_open(const char *path, amps_file **file, amps_failure *failure);
void        amps_file_close(amps_file *file); /* unmaps it, too; NULL is welcome */
/* All that the child of a fork may do with it; the parent's lock and map stay what they are. */
void        amps_file_abandon(amps_file *file);
const char *amps_file_path(const amps_file *file); /* as it was opened or renamed */

amps_status amps_file_size(const amps_file *file, uint64_t *size, amps_failure *failure);
amps_status amps_file_modified(const amps_file *file, uint64_t *unix_s, amps_failure *failure);

/* All of it, or it failed; a file that ends before is a failure. */
amps_status amps_file_read(const amps_file *file, uint64_t at, char *out, size_t size,
                           amps_failure *failure);
/* The whole file in one block, for amps_memory_free; larger than size_max: it failed. */
amps_status amps_file_read_all(const amps_file *file, size_t size_max, char **bytes, size_t *size,
                               amps_failure *failure);
amps_status amps_file_write(const amps_file *file, uint64_t at, amps_slice bytes,
                            amps_failure *failure);
/* Writes at *end and moves *end behind it. When it fails *end stays, and the file is cut back to
 * it: half a record is left only if that fails, too, and the next append writes over it. */
amps_status amps_file_append(const amps_file *file, uint64_t *end, amps_slice bytes,
                             amps_failure *failure);

/* Makes the file, `from` bytes long, `size` bytes long: with disk space behind every byte, which
 * all read 0. When it fails the file is `from` bytes long. */
amps_status amps_file_reserve(const amps_file *file, uint64_t from, uint64_t size,
                              amps_failure *failure);
amps_status amps_file_truncate(const amps_file *file, uint64_t size, amps_failure *failure);

/* Until the disk has it. */
amps_status amps_file_sync(const amps_file *file, amps_failure *failure);
/* The same for the name of a file that was made or renamed. */
amps_status amps_file_sync_name(const amps_file *file, amps_failure *failure);

/* Gives the file this name, in the place of the one that had it, which stays open for those who
 * have it. At any instant the name is the one's or the other's; then syncs the directory: if only
 * that fails, amps_file_path is the new name already. */
amps_status amps_file_rename(amps_file *file, const char *path, amps_failure *failure);

/* The first `size` bytes in memory, shared with the file; again to change how many: *at may move.
 * When it fails what was mapped stays. A fork's child does not have the map. */
amps_status amps_file_map(amps_file *file, size_t size, char **at, amps_failure *failure);
/* What tells that a byte was touched which the file no longer has; from the first map on. NULL:
 * nothing does, and whoever touches such a byte is killed by the system: ask for the size first. */
const amps_map_watch *amps_file_watch(const amps_file *file);

/* Fills in a failure of this file that another room has found. Says AMPS_STORE. */
amps_status amps_file_refuse(const amps_file *file, amps_failure *failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For tests: the n-th request to the system from now (1 = the next) fails with this errno, and all
 * after it when `forever`; 0 ends it. A write that fails has written half. */
void amps_file_fail_at(uint64_t n, bool forever, int error);

#endif
