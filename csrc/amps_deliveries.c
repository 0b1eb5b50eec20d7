/* amps_deliveries.c: streams filled, handlers told in bursts. */
#include "amps_deliveries.h"

#include "amps_header.h"

void amps_deliveries_init(amps_deliveries *out, const amps_events *events, void *events_context,
                          const atomic_uint *wants, const atomic_uint *waiting, amps_writer *writer)
{
    memset(out, 0, sizeof *out);
    out->events = events;
    out->events_context = events_context;
    out->wants = wants;
    out->waiting = waiting;
    out->writer = writer;
}

static bool is_wanted(const amps_deliveries *out, amps_audience audience)
{
    return (atomic_load_explicit(out->wants, memory_order_relaxed) & 1u << audience) != 0;
}

void amps_deliveries_publish(amps_deliveries *out)
{
    for (size_t i = 0; i < out->dirty_count; i++) {
        if (amps_stream_is_dirty(out->dirty[i])) {
            amps_stream_publish(out->dirty[i]);
        }
    }
    out->dirty_count = 0;
}

/* Whoever was discarded goes no further, or to who wants duplicates. */
static void sort_out(amps_deliveries *out, const amps_delivery *first, size_t count)
{
    bool tells = is_wanted(out, AMPS_FOR_DUPLICATE);
    for (size_t i = 0; i < count; i++) {
        amps_delivery delivery = first[i];
        if (out->notes[i].verdict == AMPS_BOOKMARK_DISCARDED) {
            delivery = (amps_delivery){.audience = AMPS_FOR_DUPLICATE, .message = first[i].message};
        }
        if (tells || delivery.audience != AMPS_FOR_DUPLICATE) {
            out->waiting_for[out->count++] = delivery;
        }
    }
}

void amps_deliveries_judge(amps_deliveries *out)
{
    size_t count = out->note_count;
    out->note_count = 0;
    if (amps_bookmark_receive_all(out->noting, out->notes, count)) {
        out->count -= count;
        sort_out(out, out->waiting_for + out->count, count);
    }
}

/* Streams first: they cost nothing and may be waited for. */
void amps_deliveries_flush(amps_deliveries *out)
{
    amps_deliveries_publish(out);
    amps_deliveries_settle(out);
    size_t count = out->count;
    out->count = 0;
    if (count > 0 && !atomic_load(&out->hushed)) {
        amps_burst burst = {out->waiting_for, count, out};
        out->events->deliver(out->events_context, &out->thread, &burst);
    }
}

static amps_delivery *next_delivery(amps_deliveries *out)
{
    amps_deliveries_settle(out);
    if (out->count == AMPS_DELIVERIES_MAX) {
        amps_deliveries_flush(out);
    }
    return &out->waiting_for[out->count++];
}

amps_message *amps_deliveries_place(amps_deliveries *out, amps_route *route,
                                    const amps_bookmark *bookmark)
{
    if (AMPS_UNLIKELY(out->note_count > 0 && out->noting != route->sink.bookmarks)) {
        amps_deliveries_judge(out);
    }
    if (out->count == AMPS_DELIVERIES_MAX) {
        amps_deliveries_flush(out);
    }
    amps_delivery *delivery = &out->waiting_for[out->count++];
    delivery->audience = AMPS_FOR_ROUTE;
    delivery->handler = route->sink.handler;
    delivery->route = route;
    out->noting = route->sink.bookmarks;
    out->notes[out->note_count++] =
        (amps_bookmark_note){.bookmark = *bookmark, .message = &delivery->message};
    return &delivery->message;
}

bool amps_deliveries_tell(amps_deliveries *out, amps_audience audience, const amps_message *message)
{
    if (!is_wanted(out, audience)) {
        return false;
    }
    *next_delivery(out) = (amps_delivery){.audience = audience, .message = *message};
    return true;
}

void amps_deliveries_last_chance(amps_deliveries *out, const amps_message *message)
{
    amps_deliveries_tell(out, AMPS_FOR_LAST_CHANCE, message);
}

bool amps_route_has_discarded(const amps_route *route, const amps_message *message)
{
    char        decoded[AMPS_BOOKMARK_SIZE_MAX];
    amps_slice  bookmark;
    amps_header header;
    size_t      size;
    return route->sink.bookmarks != NULL &&
           amps_header_parse(message->header, &header, &size) == AMPS_OK &&
           amps_header_text(&header, AMPS_FIELD_BOOKMARK, decoded, sizeof decoded, &bookmark) ==
               AMPS_OK &&
           amps_bookmark_is_discarded(route->sink.bookmarks, bookmark);
}

/* In its turn: what was collected for other handlers came before it. */
static void call_function(amps_deliveries *out, const amps_route *route,
                          const amps_message *message)
{
    amps_deliveries_flush(out);
    if (message->is_again && amps_route_has_discarded(route, message)) {
        amps_deliveries_tell(out, AMPS_FOR_DUPLICATE, message);
    } else if (amps_route_is_live(route) && !atomic_load(&out->hushed)) {
        amps_c_handler_call(route->sink.function, route->sink.user_data, message);
        if (out->handled != NULL) {
            out->handled(out->client, message);
        }
    }
}

/* A full stream stops the reading, unless a command's answer is awaited: its thread may be the one
 * that should take. Nor when the connection was found dead: its loss must be told, and little is
 * still to come. */
static void wait_for_room(amps_deliveries *out, amps_stream *stream)
{
    amps_deliveries_flush(out);
    while (!atomic_load(&out->hushed) && atomic_load(out->waiting) == 0 &&
           !amps_writer_is_broken(out->writer) &&
           !amps_stream_wait_room(stream, amps_clock_in_ms(AMPS_DELIVERIES_ROOM_SLICE_MS))) {
    }
}

static amps_status put_in_stream(amps_deliveries *out, amps_stream *stream,
                                 const amps_message *message)
{
    if (AMPS_UNLIKELY(!amps_stream_has_room(stream, message))) {
        wait_for_room(out, stream);
    }
    if (!amps_stream_is_dirty(stream)) {
        if (out->dirty_count == AMPS_DELIVERIES_DIRTY_MAX) {
            amps_deliveries_publish(out);
        }
        out->dirty[out->dirty_count++] = stream;
    }
    return amps_stream_put(stream, message);
}

/* What a newer message has replaced in its stream, nobody can discard any more: it counts as done.
 * Not when the one that came is the older: it comes a second time, and the newer will, too. */
static void discard_replaced(const amps_route *route, const amps_message *message)
{
    const amps_replaced *replaced = amps_stream_replaced(route->sink.stream);
    if (replaced != NULL && replaced->bookmark_index > 0 &&
        replaced->bookmark_index < message->bookmark_index) {
        amps_bookmark_discard_index(route->sink.bookmarks, replaced->bookmark_index);
    }
}

amps_status amps_deliveries_hand(amps_deliveries *out, amps_route *route,
                                 const amps_message *message)
{
    if (route->sink.stream != NULL) {
        amps_status status = put_in_stream(out, route->sink.stream, message);
        if (AMPS_UNLIKELY(route->sink.bookmarks != NULL)) {
            discard_replaced(route, message);
        }
        return status;
    }
    if (AMPS_UNLIKELY(route->sink.function != NULL)) {
        call_function(out, route, message);
    } else if (AMPS_LIKELY(route->sink.handler != NULL)) {
        *next_delivery(out) = (amps_delivery){AMPS_FOR_ROUTE, route->sink.handler, route, *message};
    }
    return AMPS_OK;
}

void amps_deliveries_let_go(amps_deliveries *out, const amps_route *route,
                            const amps_message *message)
{
    if (route->sink.handler != NULL) {
        amps_audience audience = route->ending.broke_off ? AMPS_FOR_LISTENER : AMPS_FOR_NOBODY;
        *next_delivery(out) = (amps_delivery){audience, route->sink.handler, route, *message};
    }
}

bool amps_burst_goes_on(const amps_burst *burst)
{
    const amps_deliveries *out = burst->reader;
    return !atomic_load_explicit(&out->hushed, memory_order_relaxed);
}
