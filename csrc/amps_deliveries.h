/* amps_deliveries.h: what a receive thread has for others: streams filled, handlers told in bursts.
 *
 * One thread's own. Messages for a stream are copied into it at once and published together; those
 * for handlers are collected, with the bytes where they were received, until the burst is full or
 * the thread has nothing more. Whatever goes out keeps the order in which it came. */
#ifndef AMPS_DELIVERIES_H
#define AMPS_DELIVERIES_H

#include "amps_routes.h"
#include "amps_writer.h"

#define AMPS_DELIVERIES_MAX       256u /* deliveries handed over at once */
#define AMPS_DELIVERIES_DIRTY_MAX 64u  /* streams filled between two publishings */
#define AMPS_DELIVERIES_ROOM_SLICE_MS                                                              \
    10u /* a full stream is looked at so often: did someone wait? */

typedef struct amps_deliveries {
    const amps_events *events;
    void              *events_context;
    const atomic_uint *wants;   /* a bit for each amps_audience that somebody wants to be told */
    const atomic_uint *waiting; /* while > 0 full streams do not hold up the reading */
    amps_writer       *writer;
    void              *thread; /* the binding's slot */
    atomic_bool        hushed; /* nobody is told any more */
    amps_delivery      waiting_for[AMPS_DELIVERIES_MAX];
    size_t             count;
    amps_bookmark_sub *noting; /* the store has not seen the last note_count of them yet */
    amps_bookmark_note notes[AMPS_DELIVERIES_MAX];
    size_t             note_count;
    amps_stream       *dirty[AMPS_DELIVERIES_DIRTY_MAX];
    size_t             dirty_count;
    /* Unless NULL: a function in C has returned from a message. */
    void (*handled)(void *client, const amps_message *message);
    void *client;
} amps_deliveries;

void amps_deliveries_init(amps_deliveries *out, const amps_events *events, void *events_context,
                          const atomic_uint *wants, const atomic_uint *waiting,
                          amps_writer *writer);

/* To whom the route is for. A full stream is waited for. AMPS_NO_MEMORY. */
amps_status amps_deliveries_hand(amps_deliveries *out, amps_route *route,
                                 const amps_message *message);
/* Does a handler get what is for the route, in bursts? Then a message with a bookmark may be judged
 * together with those behind it. */
static inline bool amps_deliveries_collects(const amps_route *route)
{
    return route->sink.stream == NULL && route->sink.function == NULL &&
           route->sink.handler != NULL;
}
/* Where such a message must be put; whether it was discarded before turns out later. */
amps_message *amps_deliveries_place(amps_deliveries *out, amps_route *route,
                                    const amps_bookmark *bookmark);
void          amps_deliveries_judge(amps_deliveries *out);
/* Lets the store judge those now: before anything else is done to what it knows of them. */
static inline void amps_deliveries_settle(amps_deliveries *out)
{
    if (AMPS_UNLIKELY(out->note_count > 0)) {
        amps_deliveries_judge(out);
    }
}
/* To one of the client's own handlers; false if nobody wants it. */
bool amps_deliveries_tell(amps_deliveries *out, amps_audience audience,
                          const amps_message *message);
void amps_deliveries_last_chance(amps_deliveries *out, const amps_message *message);
/* A route has ended by itself: nobody but who collects for its handler knows when that may go. */
void amps_deliveries_let_go(amps_deliveries *out, const amps_route *route,
                            const amps_message *message);

void amps_deliveries_publish(amps_deliveries *out); /* the streams only */
void amps_deliveries_flush(amps_deliveries *out);   /* streams, then handlers */

#endif
