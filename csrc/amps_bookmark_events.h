/* amps_bookmark_events.h: what a bookmark store tells, and to whom. */
#ifndef AMPS_BOOKMARK_EVENTS_H
#define AMPS_BOOKMARK_EVENTS_H

#include "amps_base.h"

typedef struct amps_bookmark_store amps_bookmark_store;
typedef struct amps_bookmark_sub   amps_bookmark_sub; /* lives as long as the store */

/* Told on the thread that caused it; any may be NULL. One under way when they are replaced may
 * still come. */
typedef struct amps_bookmark_events {
    void *context;
    /* most_recent may have changed */
    void (*changed)(void *context, amps_slice sub_id);
    /* out of memory; a bookmark that is none; the disk: each once a minute at most */
    void (*problem)(void *context, const amps_failure *failure);
    /* so many items of this sub id wait: 1000, 2000, 4000, ... */
    void (*grown)(void *context, amps_slice sub_id, size_t count);
} amps_bookmark_events;

#endif
