/* amps_routes.h: who is told about messages that carry an id.
 *
 * A table with one lock, held for a lookup or a change and never while anyone is called. The
 * receive thread works between enter and leave: a route removed meanwhile stays in memory until it
 * leaves, marked, so that looking it up once is enough for a whole burst. */
#ifndef AMPS_ROUTES_H
#define AMPS_ROUTES_H

#include <stdatomic.h>

#include "amps_stream.h"
#include "amps_thread.h"

struct amps_route {
    amps_route  *next; /* in its bucket, or among the removed */
    void        *handler;
    amps_stream *stream;
    uint32_t     ack_types; /* those the application asked for */
    uint32_t     hash;
    atomic_bool  removed;
    uint64_t     last_frame; /* the receive thread's: which frame it last delivered here */
    size_t       id_size;
    char         id[];
};

typedef struct amps_routes {
    amps_mutex   lock;
    amps_route **buckets; /* bucket_count of them, a power of two */
    size_t       bucket_count;
    size_t       count;
    amps_route  *removed; /* kept for those who entered */
    unsigned     entered;
    uint64_t     frames;  /* the receive thread's: counts those routed by subscription */
    atomic_uint  changes; /* counts every change: an answer is good while this stays the same */
} amps_routes;

void amps_routes_init(amps_routes *routes);
void amps_routes_fini(amps_routes *routes); /* nobody is inside */

amps_status amps_routes_add(amps_routes *routes, amps_slice id, void *handler, amps_stream *stream,
                            uint32_t ack_types); /* AMPS_ID_IN_USE, AMPS_NO_MEMORY */
bool        amps_routes_remove(amps_routes *routes, amps_slice id);
/* The same, but only if it is still the route of that stream. */
bool amps_routes_remove_stream(amps_routes *routes, amps_slice id, const amps_stream *stream);
/* All of them; their streams end for the reason given. */
void amps_routes_remove_all(amps_routes *routes, amps_status why);

void        amps_routes_enter(amps_routes *routes);
void        amps_routes_leave(amps_routes *routes);
amps_route *amps_routes_find(amps_routes *routes, amps_slice id); /* NULL: nobody; while entered */

#endif
