/* amps_routes.h: who is told about the messages of a command, found by any of its ids.
 *
 * A table with one lock, held for a lookup or a change and never while anyone is called. The
 * receive thread works between enter and leave: a route removed meanwhile stays in memory until it
 * leaves, marked, so that looking it up once is enough for a whole burst. */
#ifndef AMPS_ROUTES_H
#define AMPS_ROUTES_H

#include <stdatomic.h>

#include "amps_bookmark_store.h"
#include "amps_ending.h"
#include "amps_header.h"
#include "amps_stream.h"
#include "amps_thread.h"

/* One id of a route, in the chain of its bucket. */
typedef struct amps_route_link {
    struct amps_route_link *next;
    amps_route             *route;
    const char             *id;
    size_t                  id_size;
    uint32_t                hash;
    amps_id_kind            kind;
    bool                    is_linked; /* false: it is to take this id over */
} amps_route_link;

struct amps_route {
    amps_route      *next;        /* among the removed */
    amps_sink        sink;        /* its stream is held */
    amps_ending      ending;      /* the receive thread's */
    bool             is_anchored; /* the receive thread's: its bookmarks have started anew */
    bool             is_replayed; /* the receive thread's: the replay is over */
    uint64_t         last_frame;  /* the receive thread's: which frame it last delivered here */
    atomic_bool      is_complete; /* its results are: only acks that nobody sees may come */
    atomic_bool      removed;
    atomic_bool      is_queue; /* the server has granted it a backlog, so large: */
    _Atomic uint32_t backlog;
    size_t           link_count;
    amps_route_link  links[AMPS_ROUTE_IDS_MAX]; /* the command id first */
    char             ids[];
};

typedef struct amps_routes {
    amps_mutex        lock;
    amps_route_link **buckets; /* bucket_count of them, a power of two */
    size_t            bucket_count;
    size_t            count;   /* of links */
    amps_route       *removed; /* kept for those who entered */
    unsigned          entered;
    uint64_t          frames; /* the receive thread's: counts those routed by subscription */
    atomic_uint changes;      /* counts every change: an answer is good while this stays the same */
    atomic_uint grants;       /* counts changes in what backlogs are granted */
    atomic_uint patterns;     /* subscriptions to more than one topic that were granted one */
} amps_routes;

void amps_routes_init(amps_routes *routes);
void amps_routes_fini(amps_routes *routes); /* nobody is inside */

/* Ids of one kind that are equal count once. AMPS_ID_IN_USE, AMPS_NO_MEMORY. A sink that replaces
 * is added under its command id only, until it takes over. */
amps_status amps_routes_add(amps_routes *routes, const amps_slice *ids, size_t count,
                            const amps_sink *sink);
/* Is this id in use? */
bool amps_routes_has(amps_routes *routes, amps_id_kind kind, amps_slice id);
/* Its stream ends. *sink is whom it was for; of a stream there only that there was one. */
bool amps_routes_remove(amps_routes *routes, amps_id_kind kind, amps_slice id, amps_sink *sink);
/* The same by the command id, but only if it is still the route of that stream. */
bool amps_routes_remove_stream(amps_routes *routes, amps_slice id, const amps_stream *stream);
/* All of them; their streams end for the reason given. */
void amps_routes_remove_all(amps_routes *routes, amps_status why);
/* Those that do not last; what the others have had so far is forgotten. Nobody receives. */
void amps_routes_lose(amps_routes *routes, amps_status why);

void amps_routes_enter(amps_routes *routes);
void amps_routes_leave(amps_routes *routes);
/* While entered. NULL: nobody. */
amps_route *amps_routes_find(amps_routes *routes, amps_id_kind kind, amps_slice id);

/* The receive thread's: the server accepts a command. When it grants a max_backlog to a
 * subscription that is one to a queue: so many messages may be unacknowledged. */
void amps_routes_hear(amps_routes *routes, amps_route *route, const amps_header *answer);
/* The smallest of the subscriptions to this very topic; UINT32_MAX: there is none. */
uint32_t amps_routes_backlog(amps_routes *routes, amps_slice topic);
/* That of one subscription; false: none was granted. */
bool amps_routes_granted(amps_routes *routes, amps_slice sub_id, uint32_t *backlog);

/* The receive thread's, while it is inside. The server accepted a route that replaces: it gets the
 * rest of its ids; who had them has ended, and their stream ends. Gives them and their number:
 * their handlers can be let go of after what was collected for them. */
size_t amps_routes_take_over(amps_routes *routes, amps_route *route,
                             amps_route *older[AMPS_ROUTE_IDS_MAX]);
/* Takes a route that has ended by itself out of the table; what was collected for its handler may
 * still be delivered. */
void amps_routes_end(amps_routes *routes, amps_route *route);

#endif
