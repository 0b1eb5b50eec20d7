/* amps_routes.c: a chained hash table of ids. */
#include "amps_routes.h"

#include "amps_memory.h"

#define BUCKETS_MIN 16u

void amps_routes_init(amps_routes *routes)
{
    memset(routes, 0, sizeof *routes);
    amps_mutex_init(&routes->lock);
}

static void free_chain(amps_route *route)
{
    while (route != NULL) {
        amps_route *next = route->next;
        amps_stream_drop(route->stream);
        amps_memory_free(route);
        route = next;
    }
}

void amps_routes_fini(amps_routes *routes)
{
    AMPS_ASSERT(routes->entered == 0);
    amps_routes_remove_all(routes, AMPS_CLOSED);
    amps_memory_free(routes->buckets);
    amps_mutex_fini(&routes->lock);
}

/* FNV-1a: ids are short. */
static uint32_t hash_of(amps_slice id)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ (unsigned char)id.at[i]) * 16777619u;
    }
    return hash;
}

/* The link that points to the route, or to the end of its chain. There must be buckets. */
static amps_route **link_to(amps_routes *routes, amps_slice id, uint32_t hash)
{
    amps_route **link = &routes->buckets[hash & (routes->bucket_count - 1)];
    while (*link != NULL && !((*link)->hash == hash && (*link)->id_size == id.size &&
                              memcmp((*link)->id, id.at, id.size) == 0)) {
        link = &(*link)->next;
    }
    return link;
}

static amps_status grow(amps_routes *routes)
{
    size_t       count = routes->bucket_count == 0 ? BUCKETS_MIN : routes->bucket_count * 2;
    amps_route **buckets = amps_memory_new_zeroed(count * sizeof(amps_route *));
    if (buckets == NULL) {
        return AMPS_NO_MEMORY;
    }
    for (size_t i = 0; i < routes->bucket_count; i++) {
        for (amps_route *route = routes->buckets[i]; route != NULL;) {
            amps_route *next = route->next;
            route->next = buckets[route->hash & (count - 1)];
            buckets[route->hash & (count - 1)] = route;
            route = next;
        }
    }
    amps_memory_free(routes->buckets);
    routes->buckets = buckets;
    routes->bucket_count = count;
    return AMPS_OK;
}

static amps_route *new_route(amps_slice id, void *handler, amps_stream *stream, uint32_t ack_types)
{
    amps_route *route = amps_memory_new_zeroed(sizeof *route + id.size);
    if (route != NULL) {
        route->handler = handler;
        route->stream = stream;
        route->ack_types = ack_types;
        route->hash = hash_of(id);
        route->id_size = id.size;
        memcpy(route->id, id.at, id.size);
    }
    return route;
}

amps_status amps_routes_add(amps_routes *routes, amps_slice id, void *handler, amps_stream *stream,
                            uint32_t ack_types)
{
    amps_route *route = new_route(id, handler, stream, ack_types);
    if (route == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_mutex_lock(&routes->lock);
    amps_status status = routes->count < routes->bucket_count ? AMPS_OK : grow(routes);
    if (status == AMPS_OK) {
        amps_route **link = link_to(routes, id, route->hash);
        status = *link == NULL ? AMPS_OK : AMPS_ID_IN_USE;
        if (status == AMPS_OK) {
            if (stream != NULL) {
                amps_stream_hold(stream);
            }
            *link = route;
            routes->count++;
            atomic_fetch_add(&routes->changes, 1);
        }
    }
    amps_mutex_unlock(&routes->lock);
    if (status != AMPS_OK) {
        amps_memory_free(route);
    }
    return status;
}

/* Takes it out of the table, the lock held; gives what may be freed now. */
static amps_route *unlink_route(amps_routes *routes, amps_route **link)
{
    amps_route *route = *link;
    *link = route->next;
    route->next = NULL;
    routes->count--;
    atomic_store(&route->removed, true);
    atomic_fetch_add(&routes->changes, 1);
    if (routes->entered > 0) {
        route->next = routes->removed;
        routes->removed = route;
        return NULL;
    }
    return route;
}

/* `only`: unless NULL, the route must be that stream's. */
static bool remove_route(amps_routes *routes, amps_slice id, const amps_stream *only)
{
    amps_route *unused = NULL;
    bool        found = false;
    amps_mutex_lock(&routes->lock);
    if (routes->bucket_count > 0) {
        amps_route **link = link_to(routes, id, hash_of(id));
        found = *link != NULL && (only == NULL || (*link)->stream == only);
        if (found) {
            unused = unlink_route(routes, link);
        }
    }
    amps_mutex_unlock(&routes->lock);
    free_chain(unused);
    return found;
}

bool amps_routes_remove(amps_routes *routes, amps_slice id)
{
    return remove_route(routes, id, NULL);
}

bool amps_routes_remove_stream(amps_routes *routes, amps_slice id, const amps_stream *stream)
{
    return remove_route(routes, id, stream);
}

void amps_routes_remove_all(amps_routes *routes, amps_status why)
{
    amps_route *unused = NULL;
    amps_mutex_lock(&routes->lock);
    for (size_t i = 0; i < routes->bucket_count; i++) {
        while (routes->buckets[i] != NULL) {
            if (routes->buckets[i]->stream != NULL) {
                amps_stream_end(routes->buckets[i]->stream, why);
            }
            amps_route *route = unlink_route(routes, &routes->buckets[i]);
            if (route != NULL) {
                route->next = unused;
                unused = route;
            }
        }
    }
    amps_mutex_unlock(&routes->lock);
    free_chain(unused);
}

void amps_routes_enter(amps_routes *routes)
{
    amps_mutex_lock(&routes->lock);
    routes->entered++;
    amps_mutex_unlock(&routes->lock);
}

void amps_routes_leave(amps_routes *routes)
{
    amps_route *unused = NULL;
    amps_mutex_lock(&routes->lock);
    if (--routes->entered == 0) {
        unused = routes->removed;
        routes->removed = NULL;
    }
    amps_mutex_unlock(&routes->lock);
    free_chain(unused);
}

amps_route *amps_routes_find(amps_routes *routes, amps_slice id)
{
    amps_route *route = NULL;
    amps_mutex_lock(&routes->lock);
    if (routes->bucket_count > 0) {
        route = *link_to(routes, id, hash_of(id));
    }
    amps_mutex_unlock(&routes->lock);
    return route;
}

void *amps_route_handler(const amps_route *route) { return route->handler; }

bool amps_route_is_live(const amps_route *route)
{
    return !atomic_load_explicit(&route->removed, memory_order_acquire);
}
