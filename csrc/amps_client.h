/* amps_client.h: what a client consists of, for the two rooms that make it: its life (amps_client)
 * and what goes over its connections (amps_client_commands). Their calls are in amps.h. */
#ifndef AMPS_CLIENT_H
#define AMPS_CLIENT_H

#include <stdatomic.h>

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

#endif
