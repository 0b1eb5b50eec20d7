/* amps_bookmark_list.h: one list to start from, made of those of several subscriptions.
 *
 * Per publisher the lowest sequence; what else the lists have, once each. No lock, no thread. */
#ifndef AMPS_BOOKMARK_LIST_H
#define AMPS_BOOKMARK_LIST_H

#include "amps_bookmark_items.h"
#include "amps_buffer.h"

typedef struct amps_bookmark_list {
    amps_bookmark_publishers publishers; /* `recent` is the lowest */
    amps_buffer              others;     /* with a comma before each */
} amps_bookmark_list;

AMPS_INTERNAL void amps_bookmark_list_init(amps_bookmark_list *list, uint64_t seed);
AMPS_INTERNAL void amps_bookmark_list_fini(amps_bookmark_list *list);
/* Adds a subscription's list, or EPOCH if it has none. After a failure the list is good for
 * nothing. */
AMPS_INTERNAL amps_status amps_bookmark_list_join(amps_bookmark_list        *list,
                                                  const amps_bookmark_items *items);
/* Its size, also when it does not fit and `out` is not to be read. */
AMPS_INTERNAL size_t amps_bookmark_list_write(const amps_bookmark_list *list, char *out,
                                              size_t out_size);

#endif
