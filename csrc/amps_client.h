/* amps_client.h: what a client consists of, for the two rooms that make it: its life (amps_client)
 * and what goes over its connections (amps_client_commands). Their calls are in amps.h. */
#ifndef AMPS_CLIENT_H
#define AMPS_CLIENT_H

#include <stdatomic.h>

#include "amps_acks.h"
#include "amps_reader.h"
#include "amps_stored.h"
#include "amps_waits.h"

/* A connection whose end is being told; it lies on its receive thread's stack. */
typedef struct amps_telling {
    struct amps_telling *next;
    uint64_t             connection;
} amps_telling;

struct amps_client {
    atomic_uint      refs; /* the handle's, and one for each receive thread */
    unsigned         fork_generation;
    amps_events      events;
    void            *events_context;
    amps_writer      writer;
    amps_stored      stored;
    amps_routes      routes;
    atomic_uint      wants; /* a bit for each amps_audience */
    amps_waits       waits;
    amps_acks        acks;
    unsigned         acks_connection; /* the writer's, that takes them */
    atomic_bool      acks_by_hand;    /* the binding sends them: its store is none of ours */
    atomic_bool      acks_helped;     /* a thread that calls for its hand is under way */
    _Atomic uint64_t next_id;

    amps_mutex    lock;
    amps_cond     changed;
    amps_status   state;  /* AMPS_OK: connected */
    amps_reader  *reader; /* NULL: nothing is left of the last connection */
    int           fd;
    unsigned      readers; /* receive threads that have not left */
    uint64_t      connections;
    amps_telling *telling;
};

void amps_client_release(amps_client *client); /* gives back one of refs */

/* What the life of a client asks of the room of its acknowledgements. */
void amps_client_init_acks(amps_client *client);
void amps_client_leave_acks(amps_client *client); /* what waits leaves, if it can at once */
void amps_client_handled(void *client, const amps_message *message);

#endif
