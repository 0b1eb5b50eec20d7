/* amps_file_recovery.h: finds what is whole in the file of a publish store, and refuses the rest.
 *
 * Reads only. What was never published is nothing; a published record above what is persisted must
 * be whole, with a chain of its own or in a row with its neighbours, and a sequence of its own, or
 * the file is refused. */
#ifndef AMPS_FILE_RECOVERY_H
#define AMPS_FILE_RECOVERY_H

#include "amps_file.h"
#include "amps_file_index.h"
#include "amps_file_layout.h"

typedef struct amps_recovery {
    const amps_file *file;
    char            *blocks; /* mapped */
    size_t           block_size;
    uint32_t         block_count;
    uint64_t         persisted;
    uint64_t         assigned; /* in and out: the highest number seen */
    /* Called for each record in rising order, with its blocks: one of a tombstone, one that others
     * may be in as well of a small record; borrowed. */
    amps_status (*found)(void *context, const amps_file_entry *entry, const uint32_t *chain,
                         size_t count, amps_failure *failure);
    void *context;
} amps_recovery;

/* Reads the first page and checks it, and that the file is as long as it says. */
amps_status amps_recovery_first_page(const amps_file *file, amps_layout_header *header,
                                     amps_failure *failure);
amps_status amps_recovery_run(amps_recovery *recovery, amps_failure *failure);

#endif
