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
        amps_stream_drop(route->sink.stream);
        amps_bookmark_store_drop(route->sink.bookmark_store);
        if (route->sink.release != NULL) {
            route->sink.release(route->sink.handler);
        }
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

/* ---- The table, with the lock held ---------------------------------------------------------- */

/* FNV-1a: ids are short. */
static uint32_t hash_of(amps_id_kind kind, amps_slice id)
{
    uint32_t hash = 2166136261u ^ (uint32_t)kind;
    for (size_t i = 0; i < id.size; i++) {
        hash = (hash ^ (unsigned char)id.at[i]) * 16777619u;
    }
    return hash;
}

/* The pointer to the link of this id, or to the end of its chain. There must be buckets. */
static amps_route_link **place_of(amps_routes *routes, amps_id_kind kind, amps_slice id,
                                  uint32_t hash)
{
    amps_route_link **place = &routes->buckets[hash & (routes->bucket_count - 1)];
    while (*place != NULL &&
           !((*place)->hash == hash && (*place)->kind == kind &&
             amps_slice_equal((amps_slice){(*place)->id, (*place)->id_size}, id))) {
        place = &(*place)->next;
    }
    return place;
}

static amps_route *route_of(amps_routes *routes, amps_id_kind kind, amps_slice id)
{
    if (routes->bucket_count == 0) {
        return NULL;
    }
    const amps_route_link *link = *place_of(routes, kind, id, hash_of(kind, id));
    return link != NULL ? link->route : NULL;
}

static amps_route *holder_of(amps_routes *routes, const amps_route_link *link)
{
    return route_of(routes, link->kind, (amps_slice){link->id, link->id_size});
}

static amps_status grow(amps_routes *routes)
{
    size_t            count = routes->bucket_count == 0 ? BUCKETS_MIN : routes->bucket_count * 2;
    amps_route_link **buckets = amps_memory_new_zeroed(count * sizeof(amps_route_link *));
    if (buckets == NULL) {
        return AMPS_NO_MEMORY;
    }
    for (size_t i = 0; i < routes->bucket_count; i++) {
        for (amps_route_link *link = routes->buckets[i]; link != NULL;) {
            amps_route_link *next = link->next;
            link->next = buckets[link->hash & (count - 1)];
            buckets[link->hash & (count - 1)] = link;
            link = next;
        }
    }
    amps_memory_free(routes->buckets);
    routes->buckets = buckets;
    routes->bucket_count = count;
    return AMPS_OK;
}

/* The command id is linked for as long as the route is in the table. */
static bool is_in_table(const amps_route *route) { return route->links[0].is_linked; }

static void put_link(amps_routes *routes, amps_route_link *link)
{
    amps_route_link **bucket = &routes->buckets[link->hash & (routes->bucket_count - 1)];
    link->next = *bucket;
    link->is_linked = true;
    *bucket = link;
    routes->count++;
}

/* Takes a route out of the table and puts it on a chain: of those kept for who is inside, else of
 * those to be freed without the lock. */
static void unlink_route(amps_routes *routes, amps_route *route, amps_route **unused)
{
    for (size_t i = 0; i < route->link_count; i++) {
        amps_route_link *link = &route->links[i];
        if (link->is_linked) {
            amps_slice id = {link->id, link->id_size};
            *place_of(routes, link->kind, id, link->hash) = link->next;
            link->is_linked = false;
            routes->count--;
        }
    }
    atomic_fetch_add(&routes->changes, 1);
    if (AMPS_UNLIKELY(atomic_load(&route->is_queue))) {
        atomic_fetch_sub(&routes->patterns, route->sink.many_groups);
        atomic_fetch_add(&routes->grants, 1);
    }
    amps_route **chain = routes->entered > 0 ? &routes->removed : unused;
    route->next = *chain;
    *chain = route;
}

static void remove_route(amps_routes *routes, amps_route *route, amps_route **unused)
{
    atomic_store(&route->removed, true);
    unlink_route(routes, route, unused);
}

/* ---- Adding --------------------------------------------------------------------------------- */

/* Nothing has come for it yet. */
static void renew(amps_route *route)
{
    const amps_sink *sink = &route->sink;
    amps_ending_init(&route->ending, sink->verb, sink->ack_types, sink->many_groups);
    if (sink->is_range) {
        amps_ending_by_completed(&route->ending);
    }
    route->is_replayed = false;
}

static amps_route *new_route(const amps_slice *ids, size_t count, const amps_sink *sink)
{
    size_t size = sink->anchor.size + sink->topic.size;
    AMPS_ASSERT(count > 0 && count <= AMPS_ROUTE_IDS_MAX);
    for (size_t i = 0; i < count; i++) {
        size += ids[i].size;
    }
    amps_route *route = amps_memory_new_zeroed(sizeof *route + size);
    if (route == NULL) {
        return NULL;
    }
    char *at = route->ids;
    for (size_t i = 0; i < count; i++) {
        amps_id_kind kind = i == 0 ? AMPS_ID_OF_COMMAND : AMPS_ID_OF_SUBSCRIPTION;
        if (i < 2 || !amps_slice_equal(ids[i - 1], ids[i])) {
            route->links[route->link_count++] = (amps_route_link){.route = route,
                                                                  .id = at,
                                                                  .id_size = ids[i].size,
                                                                  .kind = kind,
                                                                  .hash = hash_of(kind, ids[i])};
            if (ids[i].size > 0) {
                memcpy(at, ids[i].at, ids[i].size);
            }
            at += ids[i].size;
        }
    }
    route->sink = *sink;
    if (sink->anchor.size > 0) {
        memcpy(at, sink->anchor.at, sink->anchor.size);
        route->sink.anchor.at = at;
        at += sink->anchor.size;
    }
    if (sink->topic.size > 0) {
        memcpy(at, sink->topic.at, sink->topic.size);
        route->sink.topic.at = at;
    }
    renew(route);
    return route;
}

/* Makes the first `count` ids of a new route its own, unless one is in use. */
static amps_status link_route(amps_routes *routes, amps_route *route, size_t count,
                              amps_route **unused)
{
    for (size_t i = 0; i < count; i++) {
        const amps_route_link *link = &route->links[i];
        amps_route            *other = holder_of(routes, link);
        if (other != NULL && !atomic_load(&other->is_complete)) {
            return AMPS_ID_IN_USE;
        }
    }
    while (routes->bucket_count < routes->count + count) {
        amps_status status = grow(routes);
        if (status != AMPS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        amps_route_link *link = &route->links[i];
        amps_route      *other = holder_of(routes, link);
        if (other != NULL) { /* complete: its handler may still be owed its last message */
            unlink_route(routes, other, unused);
        }
        put_link(routes, link);
    }
    atomic_fetch_add(&routes->changes, 1);
    return AMPS_OK;
}

amps_status amps_routes_add(amps_routes *routes, const amps_slice *ids, size_t count,
                            const amps_sink *sink)
{
    amps_route *unused = NULL;
    amps_route *route = new_route(ids, count, sink);
    if (route == NULL) {
        return AMPS_NO_MEMORY;
    }
    amps_mutex_lock(&routes->lock);
    amps_status status = link_route(routes, route, sink->replaces ? 1 : route->link_count, &unused);
    if (status == AMPS_OK && sink->stream != NULL) {
        amps_stream_hold(sink->stream);
    }
    if (status == AMPS_OK && sink->bookmark_store != NULL) {
        amps_bookmark_store_hold(sink->bookmark_store);
        if (sink->stream != NULL) {
            amps_stream_watch_replaced(sink->stream);
        }
    }
    amps_mutex_unlock(&routes->lock);
    if (status != AMPS_OK) {
        amps_memory_free(route);
    }
    free_chain(unused);
    return status;
}

/* ---- Removing ------------------------------------------------------------------------------- */

/* `only`: unless NULL, the route must be that stream's. One whose results are complete stays: it
 * waits for acks that would else be taken for nobody's. */
static bool remove_by_id(amps_routes *routes, amps_id_kind kind, amps_slice id,
                         const amps_stream *only, amps_sink *sink)
{
    amps_route *unused = NULL;
    amps_mutex_lock(&routes->lock);
    amps_route *route = route_of(routes, kind, id);
    bool        found = route != NULL && !atomic_load(&route->is_complete) &&
                 (only == NULL || route->sink.stream == only);
    if (found) {
        *sink = route->sink;
        if (sink->stream != NULL) {
            amps_stream_end(sink->stream, AMPS_CLOSED);
        }
        remove_route(routes, route, &unused);
    }
    amps_mutex_unlock(&routes->lock);
    free_chain(unused);
    return found;
}

bool amps_routes_remove(amps_routes *routes, amps_id_kind kind, amps_slice id, amps_sink *sink)
{
    return remove_by_id(routes, kind, id, NULL, sink);
}

bool amps_routes_remove_stream(amps_routes *routes, amps_slice id, const amps_stream *stream)
{
    amps_sink sink;
    return remove_by_id(routes, AMPS_ID_OF_COMMAND, id, stream, &sink);
}

bool amps_routes_has(amps_routes *routes, amps_id_kind kind, amps_slice id)
{
    amps_mutex_lock(&routes->lock);
    const amps_route *route = route_of(routes, kind, id);
    bool              has = route != NULL && !atomic_load(&route->is_complete);
    amps_mutex_unlock(&routes->lock);
    return has;
}

/* The first link of a bucket whose route is to go. */
static amps_route_link *next_to_go(amps_route_link *link, bool all)
{
    while (link != NULL && !all && link->route->sink.lasts &&
           !atomic_load(&link->route->is_complete)) {
        link = link->next;
    }
    return link;
}

static void remove_routes(amps_routes *routes, amps_status why, bool all)
{
    amps_route      *unused = NULL;
    amps_route_link *link;
    amps_mutex_lock(&routes->lock);
    for (amps_route *route = routes->removed; route != NULL; route = route->next) {
        atomic_store(&route->removed, true); /* also those that ended by themselves */
    }
    for (size_t i = 0; i < routes->bucket_count; i++) {
        while ((link = next_to_go(routes->buckets[i], all)) != NULL) {
            if (link->route->sink.stream != NULL) {
                amps_stream_end(link->route->sink.stream, why);
            }
            remove_route(routes, link->route, &unused);
        }
        for (link = routes->buckets[i]; link != NULL; link = link->next) {
            renew(link->route);
        }
    }
    amps_mutex_unlock(&routes->lock);
    free_chain(unused);
}

void amps_routes_remove_all(amps_routes *routes, amps_status why)
{
    remove_routes(routes, why, true);
}

void amps_routes_lose(amps_routes *routes, amps_status why) { remove_routes(routes, why, false); }

/* ---- Backlogs ------------------------------------------------------------------------------- */

/* The number behind `max_backlog=` among the options of an answer; false: there is none. */
static bool find_backlog(const amps_header *answer, uint32_t *backlog)
{
    static const char name[] = "max_backlog=";
    const size_t      size = sizeof name - 1;
    amps_slice        rest = {"", 0};
    if (amps_header_has(answer, AMPS_FIELD_OPTIONS)) {
        rest = answer->value[AMPS_FIELD_OPTIONS];
    }
    while (rest.size > 0) {
        const char *comma = memchr(rest.at, ',', rest.size);
        size_t      end = comma != NULL ? (size_t)(comma - rest.at) : rest.size;
        size_t      at = 0;
        uint64_t    number = 0;
        for (; at < end && rest.at[at] == ' '; at++) {
        }
        bool is_it = end - at > size && memcmp(rest.at + at, name, size) == 0;
        for (at += size; is_it && at < end && rest.at[at] >= '0' && rest.at[at] <= '9'; at++) {
            number = number * 10 + (uint64_t)(rest.at[at] - '0');
            number = number < UINT32_MAX ? number : UINT32_MAX;
        }
        if (is_it && at == end) {
            *backlog = (uint32_t)number;
            return true;
        }
        rest = comma != NULL ? (amps_slice){comma + 1, rest.size - end - 1} : (amps_slice){"", 0};
    }
    return false;
}

void amps_routes_hear(amps_routes *routes, amps_route *route, const amps_header *answer)
{
    uint32_t backlog = 0;
    if (route->sink.topic.size == 0 || !find_backlog(answer, &backlog)) {
        return;
    }
    if (route->sink.stream != NULL) {
        amps_stream_keep_each(route->sink.stream);
    }
    amps_mutex_lock(&routes->lock);
    atomic_store(&route->backlog, backlog);
    if (!atomic_exchange(&route->is_queue, true) && is_in_table(route)) {
        atomic_fetch_add(&routes->patterns, route->sink.many_groups);
    }
    atomic_fetch_add(&routes->grants, 1);
    amps_mutex_unlock(&routes->lock);
}

uint32_t amps_routes_backlog(amps_routes *routes, amps_slice topic)
{
    uint32_t smallest = UINT32_MAX;
    amps_mutex_lock(&routes->lock);
    for (size_t i = 0; i < routes->bucket_count; i++) {
        for (const amps_route_link *link = routes->buckets[i]; link != NULL; link = link->next) {
            const amps_route *route = link->route;
            if (atomic_load(&route->is_queue) && !route->sink.many_groups &&
                amps_slice_equal(route->sink.topic, topic)) {
                uint32_t backlog = atomic_load(&route->backlog);
                smallest = backlog < smallest ? backlog : smallest;
            }
        }
    }
    amps_mutex_unlock(&routes->lock);
    return smallest;
}

bool amps_routes_granted(amps_routes *routes, amps_slice sub_id, uint32_t *backlog)
{
    amps_mutex_lock(&routes->lock);
    const amps_route *route = route_of(routes, AMPS_ID_OF_SUBSCRIPTION, sub_id);
    bool              is_queue = route != NULL && atomic_load(&route->is_queue);
    *backlog = is_queue ? atomic_load(&route->backlog) : 0;
    amps_mutex_unlock(&routes->lock);
    return is_queue;
}

/* ---- The receive thread --------------------------------------------------------------------- */

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

amps_route *amps_routes_find(amps_routes *routes, amps_id_kind kind, amps_slice id)
{
    amps_mutex_lock(&routes->lock);
    amps_route *route = route_of(routes, kind, id);
    amps_mutex_unlock(&routes->lock);
    return route;
}

size_t amps_routes_take_over(amps_routes *routes, amps_route *route,
                             amps_route *older[AMPS_ROUTE_IDS_MAX])
{
    size_t count = 0;
    amps_mutex_lock(&routes->lock);
    AMPS_ASSERT(routes->entered > 0);
    for (size_t i = 0; i < route->link_count && is_in_table(route); i++) {
        amps_route_link *link = &route->links[i];
        amps_route      *other = holder_of(routes, link);
        if (link->is_linked) {
            continue;
        }
        if (other != NULL) {
            if (other->sink.stream != NULL) {
                amps_stream_end(other->sink.stream, AMPS_END);
            }
            unlink_route(routes, other, NULL);
            if (!atomic_load(&other->is_complete)) {
                older[count++] = other;
            }
        }
        put_link(routes, link); /* its chain may grow a little: grow() is for who adds */
    }
    atomic_fetch_add(&routes->changes, 1);
    amps_mutex_unlock(&routes->lock);
    return count;
}

void amps_routes_end(amps_routes *routes, amps_route *route)
{
    amps_mutex_lock(&routes->lock);
    AMPS_ASSERT(routes->entered > 0);
    if (is_in_table(route)) {
        unlink_route(routes, route, NULL);
    }
    amps_mutex_unlock(&routes->lock);
}

bool amps_route_is_live(const amps_route *route)
{
    return !atomic_load_explicit(&route->removed, memory_order_acquire);
}
