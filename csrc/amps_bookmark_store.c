/* amps_bookmark_store.c: stub. */
#include "amps_bookmark_store.h"
amps_bookmark_verdict amps_bookmark_receive(amps_bookmark_sub *s, amps_slice b, uint64_t *index)
{
    (void)s;
    (void)b;
    *index = 0;
    return AMPS_BOOKMARK_NEW;
}
void        amps_bookmark_store_hold(amps_bookmark_store *s) { (void)s; }
void        amps_bookmark_store_drop(amps_bookmark_store *s) { (void)s; }
amps_status amps_bookmark_begin(amps_bookmark_sub *s, amps_slice a)
{
    (void)s;
    (void)a;
    return AMPS_OK;
}
amps_status amps_bookmark_completed(amps_bookmark_sub *s, amps_slice a)
{
    (void)s;
    (void)a;
    return AMPS_OK;
}
amps_status amps_bookmark_persisted(amps_bookmark_sub *s, amps_slice a)
{
    (void)s;
    (void)a;
    return AMPS_OK;
}
