/* amps_bookmark_store.h: stub until the real one is merged. */
#ifndef AMPS_BOOKMARK_STORE_H
#define AMPS_BOOKMARK_STORE_H
#include "amps_base.h"
#define AMPS_BOOKMARK_SIZE_MAX 256u
typedef enum amps_bookmark_verdict {
    AMPS_BOOKMARK_NEW,
    AMPS_BOOKMARK_AGAIN,
    AMPS_BOOKMARK_DISCARDED
} amps_bookmark_verdict;
amps_bookmark_verdict amps_bookmark_receive(amps_bookmark_sub *s, amps_slice b, uint64_t *index);
void                  amps_bookmark_store_hold(amps_bookmark_store *s);
void                  amps_bookmark_store_drop(amps_bookmark_store *s);
amps_status           amps_bookmark_begin(amps_bookmark_sub *s, amps_slice a);
amps_status           amps_bookmark_completed(amps_bookmark_sub *s, amps_slice a);
amps_status           amps_bookmark_persisted(amps_bookmark_sub *s, amps_slice a);
#endif
