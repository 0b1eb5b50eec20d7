/* table.h: a table of routes as the tests fill it and ask it. */
#ifndef TABLE_H
#define TABLE_H

#include "amps_routes.h"
#include "check.h"

#define MANY 10000
#define KIND AMPS_ID_OF_COMMAND /* most stories need one kind of ids only */
#define SUBS AMPS_ID_OF_SUBSCRIPTION

static int handlers[MANY]; /* the addresses are what matters */

static inline amps_slice id_of(size_t number, char out[24])
{
    int size = snprintf(out, 24, "id-%zu", number);
    return (amps_slice){out, (size_t)size};
}

static inline amps_status add_bytes(amps_routes *routes, amps_slice id, void *handler)
{
    return amps_routes_add(routes, &id, 1, &(amps_sink){.handler = handler});
}

static inline amps_status add_stream(amps_routes *routes, const char *id, amps_stream *stream)
{
    amps_slice text = amps_slice_of(id);
    return amps_routes_add(routes, &text, 1, &(amps_sink){.stream = stream});
}

/* The handler is all the binding wants back. */
static inline bool take_out(amps_routes *routes, const char *id)
{
    amps_sink sink;
    return amps_routes_remove(routes, KIND, amps_slice_of(id), &sink);
}

static inline amps_status add(amps_routes *routes, const char *id, void *handler)
{
    return add_bytes(routes, amps_slice_of(id), handler);
}

static inline void *found(amps_routes *routes, const char *id)
{
    amps_route *route = amps_routes_find(routes, KIND, amps_slice_of(id));
    return route != NULL ? route->sink.handler : NULL;
}

#endif
