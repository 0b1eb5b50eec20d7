/* amps_reader.c: receive, find frames, route. */
#include "amps_reader.h"

#include <stdio.h>

#include "amps_frame.h"
#include "amps_header.h"
#include "amps_memory.h"
#include "amps_record.h"
#include "amps_socket.h"

#define ROUTE_CACHE_ID_MAX 64u
#define KNOWN_HEADER_MAX   128u

struct amps_reader {
    amps_reader_setup setup;
    atomic_bool       hushed;
    void             *thread; /* the binding's slot */
    amps_failure      failure;

    char  *bytes; /* received and not yet processed: [start, end) of capacity */
    size_t start, end, capacity;

    amps_delivery deliveries[AMPS_READER_BURST_MAX];
    size_t        delivery_count;
    amps_stream  *dirty[AMPS_READER_DIRTY_MAX];
    size_t        dirty_count;

    char         cached_id[ROUTE_CACHE_ID_MAX]; /* the last id looked up, and its route */
    size_t       cached_size;
    amps_id_kind cached_kind;
    unsigned     cached_at; /* the table's change count then */
    amps_route  *cached;

    char        known[KNOWN_HEADER_MAX]; /* the last header that led to one route only */
    size_t      known_size;              /* 0: there is none */
    size_t      known_id_at, known_id_size;
    unsigned    known_at; /* the table's change count then */
    amps_route *known_route;
};

/* ---- Handing over --------------------------------------------------------------------------- */

static void publish_streams(amps_reader *reader)
{
    for (size_t i = 0; i < reader->dirty_count; i++) {
        if (amps_stream_is_dirty(reader->dirty[i])) {
            amps_stream_publish(reader->dirty[i]);
        }
    }
    reader->dirty_count = 0;
}

/* Everything collected so far, streams first: they cost nothing and may be waited for. */
static void flush(amps_reader *reader)
{
    publish_streams(reader);
    size_t count = reader->delivery_count;
    reader->delivery_count = 0;
    if (count > 0 && !atomic_load(&reader->hushed)) {
        const amps_reader_setup *setup = &reader->setup;
        amps_burst               burst = {reader->deliveries, count, reader};
        setup->events->deliver(setup->events_context, &reader->thread, &burst);
    }
}

static amps_delivery *next_delivery(amps_reader *reader)
{
    if (reader->delivery_count == AMPS_READER_BURST_MAX) {
        flush(reader);
    }
    return &reader->deliveries[reader->delivery_count++];
}

/* To one of the client's own handlers; false if nobody wants it. */
static bool deliver_to(amps_reader *reader, amps_audience audience, const amps_message *message)
{
    if ((atomic_load_explicit(reader->setup.wants, memory_order_relaxed) & 1u << audience) == 0) {
        return false;
    }
    *next_delivery(reader) = (amps_delivery){.audience = audience, .message = *message};
    return true;
}

static void deliver_last_chance(amps_reader *reader, const amps_message *message)
{
    deliver_to(reader, AMPS_FOR_LAST_CHANCE, message);
}

/* In its turn: what was collected for other handlers came before it. */
static void call_function(amps_reader *reader, const amps_route *route, const amps_message *message)
{
    flush(reader);
    if (amps_route_is_live(route) && !atomic_load(&reader->hushed)) {
        amps_c_handler_call(route->sink.function, route->sink.user_data, message);
    }
}

/* A full stream stops the reading, unless a command's answer is awaited: its thread may be the one
 * that should take. Nor when the connection was found dead: its loss must be told, and little is
 * still to come. */
static void wait_for_room(amps_reader *reader, amps_stream *stream)
{
    flush(reader);
    while (!atomic_load(&reader->hushed) && atomic_load(reader->setup.waiting) == 0 &&
           !amps_writer_is_broken(reader->setup.writer) &&
           !amps_stream_wait_room(stream, amps_clock_in_ms(AMPS_READER_ROOM_SLICE_MS))) {
    }
}

static amps_status put_in_stream(amps_reader *reader, amps_stream *stream,
                                 const amps_message *message)
{
    if (AMPS_UNLIKELY(!amps_stream_has_room(stream, message))) {
        wait_for_room(reader, stream);
    }
    if (!amps_stream_is_dirty(stream)) {
        if (reader->dirty_count == AMPS_READER_DIRTY_MAX) {
            publish_streams(reader);
        }
        reader->dirty[reader->dirty_count++] = stream;
    }
    return amps_stream_put(stream, message);
}

/* ---- Whose is it? --------------------------------------------------------------------------- */

static amps_route *find_route(amps_reader *reader, amps_id_kind kind, amps_slice id)
{
    unsigned changes = atomic_load_explicit(&reader->setup.routes->changes, memory_order_acquire);
    if (AMPS_LIKELY(reader->cached != NULL && reader->cached_at == changes &&
                    reader->cached_size == id.size && reader->cached_kind == kind &&
                    memcmp(reader->cached_id, id.at, id.size) == 0)) {
        return reader->cached;
    }
    amps_route *route = amps_routes_find(reader->setup.routes, kind, id);
    if (id.size <= ROUTE_CACHE_ID_MAX) {
        memcpy(reader->cached_id, id.at, id.size);
        reader->cached_size = id.size;
        reader->cached_kind = kind;
        reader->cached_at = changes;
        reader->cached = route;
    }
    return route;
}

/* An id as it stands in the header, its escapes decoded for the look-up only. */
static amps_route *find_raw(amps_reader *reader, amps_id_kind kind, amps_slice raw, bool escaped)
{
    char decoded[AMPS_ID_SIZE_MAX];
    if (AMPS_LIKELY(!escaped)) {
        return find_route(reader, kind, raw);
    }
    if (raw.size > sizeof decoded) {
        return NULL;
    }
    return find_route(reader, kind, (amps_slice){decoded, amps_text_decode(raw, decoded)});
}

static amps_status hand_to(amps_reader *reader, amps_route *route, const amps_message *message)
{
    if (route->sink.stream != NULL) {
        return put_in_stream(reader, route->sink.stream, message);
    }
    if (AMPS_UNLIKELY(route->sink.function != NULL)) {
        call_function(reader, route, message);
    } else if (AMPS_LIKELY(route->sink.handler != NULL)) {
        *next_delivery(reader) =
            (amps_delivery){AMPS_FOR_ROUTE, route->sink.handler, route, *message};
    }
    return AMPS_OK;
}

/* Nobody but who collects for its handler knows when that may go. */
static void let_go_of(amps_reader *reader, const amps_route *route, const amps_message *message)
{
    if (route->sink.handler != NULL) {
        amps_audience audience = route->ending.broke_off ? AMPS_FOR_LISTENER : AMPS_FOR_NOBODY;
        *next_delivery(reader) = (amps_delivery){audience, route->sink.handler, route, *message};
    }
}

/* The results of a route's command may have become complete by what was just handed over: then its
 * stream ends, and its handler, told or not, is let go of. */
static void end_if_complete(amps_reader *reader, amps_route *route, const amps_message *message)
{
    if (!atomic_load(&route->is_complete) && amps_ending_is_complete(&route->ending)) {
        const amps_sink *sink = &route->sink;
        atomic_store(&route->is_complete, true);
        reader->known_size = 0; /* it may be the route that is known */
        if (sink->stream != NULL) {
            publish_streams(reader);
        }
        if (amps_ending_is_over(&route->ending)) { /* before anybody may use its ids again */
            amps_routes_end(reader->setup.routes, route);
        }
        if (sink->stream != NULL && route->ending.broke_off) {
            amps_stream_break_off(sink->stream, message->header);
        } else if (sink->stream != NULL) {
            amps_stream_end(sink->stream, AMPS_END);
        } else {
            let_go_of(reader, route, message);
        }
    } else if (atomic_load(&route->is_complete) && amps_ending_is_over(&route->ending)) {
        amps_routes_end(reader->setup.routes, route);
    }
}

/* The next id of a comma-separated list, trimmed. False: no more. */
static bool next_id(amps_slice *list, amps_slice *id)
{
    if (list->at == NULL) {
        return false;
    }
    const char *comma = memchr(list->at, ',', list->size);
    size_t      size = comma != NULL ? (size_t)(comma - list->at) : list->size;
    *id = (amps_slice){list->at, size};
    *list = comma != NULL ? (amps_slice){comma + 1, list->size - size - 1} : (amps_slice){NULL, 0};
    while (id->size > 0 && id->at[0] == ' ') {
        id->at++;
        id->size--;
    }
    while (id->size > 0 && id->at[id->size - 1] == ' ') {
        id->size--;
    }
    return true;
}

/* `changes` is the table's count from before the route was looked up: it may be gone by now. */
static void remember(amps_reader *reader, amps_route *route, unsigned changes,
                     const amps_message *message)
{
    if (message->header.size <= KNOWN_HEADER_MAX) {
        memcpy(reader->known, message->header.at, message->header.size);
        reader->known_size = message->header.size;
        reader->known_id_at = (size_t)(message->sub_id.at - message->header.at);
        reader->known_id_size = message->sub_id.size;
        reader->known_at = changes;
        reader->known_route = route;
    }
}

/* The messages of one subscription often have the very same header: then all is known already. */
static bool is_known(const amps_reader *reader, amps_slice payload)
{
    return reader->known_size > 0 && payload.size >= reader->known_size &&
           memcmp(payload.at, reader->known, reader->known_size) == 0 &&
           reader->known_at ==
               atomic_load_explicit(&reader->setup.routes->changes, memory_order_acquire);
}

static amps_status route_known(amps_reader *reader, amps_slice payload)
{
    size_t       size = reader->known_size;
    amps_message message = {.header = {payload.at, size},
                            .record = {payload.at, 0},
                            .body = {payload.at + size, payload.size - size},
                            .sub_id = {payload.at + reader->known_id_at, reader->known_id_size}};
    return hand_to(reader, reader->known_route, &message);
}

/* An id listed twice is one delivery: else a frame could be multiplied by its own size. */
static bool is_first_time(const amps_reader *reader, amps_route *route)
{
    bool first = route->last_frame != reader->setup.routes->frames;
    route->last_frame = reader->setup.routes->frames;
    return first;
}

/* A route whose results are complete is told nothing more. */
static amps_route *listener(amps_route *route)
{
    return route != NULL && !atomic_load(&route->is_complete) ? route : NULL;
}

/* A publish or oof goes to every id it lists, each time showing just that one. */
static amps_status route_by_subscription(amps_reader *reader, const amps_header *header,
                                         amps_message *message)
{
    amps_field field =
        amps_header_has(header, AMPS_FIELD_SUB_IDS) ? AMPS_FIELD_SUB_IDS : AMPS_FIELD_SUB_ID;
    bool     taken = false;
    unsigned changes = atomic_load_explicit(&reader->setup.routes->changes, memory_order_acquire);
    reader->known_size = 0;
    reader->setup.routes->frames++;
    if (amps_header_has(header, field)) {
        amps_slice list = header->value[field], id;
        bool       escaped = (header->escaped & amps_bit(field)) != 0;
        while (next_id(&list, &id)) {
            amps_route *route = listener(find_raw(reader, AMPS_ID_OF_SUBSCRIPTION, id, escaped));
            if (route == NULL || !is_first_time(reader, route)) {
                continue;
            }
            message->sub_id = id;
            if (!taken && list.at == NULL) {
                remember(reader, route, changes, message);
            }
            taken = true;
            amps_status status = hand_to(reader, route, message);
            if (status != AMPS_OK) {
                return status;
            }
        }
    }
    if (!taken) {
        message->sub_id.size = 0;
        deliver_last_chance(reader, message);
    }
    return AMPS_OK;
}

/* The route of the id in one field of a header. */
static amps_route *route_of_field(amps_reader *reader, const amps_header *header, amps_field field)
{
    amps_id_kind kind =
        field == AMPS_FIELD_COMMAND_ID ? AMPS_ID_OF_COMMAND : AMPS_ID_OF_SUBSCRIPTION;
    return amps_header_has(header, field) ? find_raw(reader, kind, header->value[field],
                                                     (header->escaped & amps_bit(field)) != 0)
                                          : NULL;
}

/* The route of the first of these fields that has one. */
static amps_route *route_of_answer(amps_reader *reader, const amps_header *header,
                                   const amps_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        amps_route *route = route_of_field(reader, header, fields[i]);
        if (route != NULL) {
            return route;
        }
    }
    return NULL;
}

/* The first route of command id, query id, subscription id and the list of those. */
static amps_route *route_of_ack(amps_reader *reader, const amps_header *header)
{
    static const amps_field order[] = {AMPS_FIELD_COMMAND_ID, AMPS_FIELD_QUERY_ID,
                                       AMPS_FIELD_SUB_ID};
    amps_route             *route = route_of_answer(reader, header, order, 3);
    if (AMPS_UNLIKELY(route == NULL && amps_header_has(header, AMPS_FIELD_SUB_IDS))) {
        amps_slice list = header->value[AMPS_FIELD_SUB_IDS], id;
        bool       escaped = (header->escaped & amps_bit(AMPS_FIELD_SUB_IDS)) != 0;
        while (route == NULL && next_id(&list, &id)) {
            route = find_raw(reader, AMPS_ID_OF_SUBSCRIPTION, id, escaped);
        }
    }
    return route;
}

static amps_route *route_of_query(amps_reader *reader, const amps_header *header)
{
    static const amps_field order[] = {AMPS_FIELD_QUERY_ID, AMPS_FIELD_SUB_ID,
                                       AMPS_FIELD_COMMAND_ID};
    return listener(route_of_answer(reader, header, order, 3));
}

static amps_status hand_to_or_last_chance(amps_reader *reader, amps_route *route,
                                          const amps_message *message)
{
    if (route != NULL) {
        return hand_to(reader, route, message);
    }
    deliver_last_chance(reader, message);
    return AMPS_OK;
}

static amps_status route_group(amps_reader *reader, const amps_header *header, bool begins,
                               const amps_message *message)
{
    amps_route *route = route_of_query(reader, header);
    amps_status status = hand_to_or_last_chance(reader, route, message);
    if (route != NULL && status == AMPS_OK) {
        amps_ending_group(&route->ending, begins);
        end_if_complete(reader, route, message);
    }
    return status;
}

static amps_status route_records(amps_reader *reader, const amps_header *header,
                                 amps_message *message)
{
    amps_route *route = route_of_query(reader, header);
    amps_slice  rest = message->body;
    amps_header record;
    bool        first = true;
    for (;;) {
        amps_status status =
            amps_record_next(header, &first, &rest, &message->record, &record, &message->body);
        if (status != AMPS_OK) {
            return status == AMPS_END ? AMPS_OK : status;
        }
        status = hand_to_or_last_chance(reader, route, message);
        if (status != AMPS_OK) {
            return status;
        }
    }
}

/* Does the ack answer the very command that the route was made for? One of an earlier command with
 * the same query id or subscription id says nothing about this one's end. */
static bool is_answer_to(amps_reader *reader, const amps_header *header, const amps_route *route)
{
    return !amps_header_has(header, AMPS_FIELD_COMMAND_ID) ||
           route_of_field(reader, header, AMPS_FIELD_COMMAND_ID) == route;
}

/* A command that replaces another has been accepted. */
static void take_over(amps_reader *reader, amps_route *route, const amps_message *message)
{
    amps_route *older[AMPS_ROUTE_IDS_MAX];
    publish_streams(reader); /* what came before it is still for the older one */
    size_t count = amps_routes_take_over(reader->setup.routes, route, older);
    for (size_t i = 0; i < count; i++) {
        let_go_of(reader, older[i], message);
    }
}

/* What the ack means for the end of its command. */
static void note_ack(amps_reader *reader, amps_route *route, const amps_header *header,
                     uint32_t types, const amps_message *message)
{
    uint64_t returned = 0;
    bool     failed = amps_header_is_failure(header);
    bool counts = amps_header_number(header, AMPS_FIELD_RECORDS_RETURNED, UINT32_MAX, &returned);
    amps_ending_ack(&route->ending, types, failed, counts && returned > 0);
    end_if_complete(reader, route, message);
}

/* The server's word on a publish it refused goes to whoever minds failed writes; else it counts as
 * any other message that nobody is told. */
static bool is_failed_write(const amps_header *header, const amps_route *route)
{
    if (!amps_header_is_failure(header)) {
        return false;
    }
    if (route != NULL) {
        const amps_command_facts *facts = amps_command_facts_of(route->sink.verb);
        return facts != NULL && facts->publishes;
    }
    return amps_header_has(header, AMPS_FIELD_SEQUENCE);
}

/* Whoever wants all acks is told first. Then a route gets the ids that it replaces, for those who
 * wait inside the library and are told next may use them at once; then a route whose application
 * asked for this type, and when nobody was told, the last chance. */
static amps_status route_ack(amps_reader *reader, const amps_header *header,
                             const amps_message *message)
{
    amps_status status = AMPS_OK;
    bool        told = deliver_to(reader, AMPS_FOR_ALL_ACKS, message);
    amps_route *route = route_of_ack(reader, header);
    uint32_t    types = amps_header_has(header, AMPS_FIELD_ACK_TYPE)
                            ? amps_ack_parse(header->value[AMPS_FIELD_ACK_TYPE])
                            : 0;
    bool        is_answer = route != NULL && is_answer_to(reader, header, route);
    if (is_answer && route->sink.replaces && (types & AMPS_ACK_PROCESSED) != 0 &&
        !amps_header_is_failure(header)) {
        take_over(reader, route, message);
    }
    told = reader->setup.ack(reader->setup.client, header, message) || told;
    if (is_failed_write(header, route)) {
        told = deliver_to(reader, AMPS_FOR_FAILED_WRITE, message) || told;
    }
    if (route != NULL) {
        bool is_silent = route->sink.handler == NULL && route->sink.stream == NULL &&
                         route->sink.function == NULL;
        if (listener(route) != NULL && (route->sink.ack_types & types) != 0) {
            status = hand_to(reader, route, message);
        }
        told = told || !is_silent || !amps_header_is_failure(header);
        if (is_answer) {
            note_ack(reader, route, header, types, message);
        }
    }
    if (!told) {
        deliver_last_chance(reader, message);
    }
    return status;
}

/* ---- Frames --------------------------------------------------------------------------------- */

static amps_status note_bad_header(amps_reader *reader, amps_slice payload)
{
    char   shown[48];
    size_t size = payload.size < sizeof shown - 1 ? payload.size : sizeof shown - 1;
    for (size_t i = 0; i < size; i++) {
        shown[i] = payload.at[i] >= ' ' && payload.at[i] < 127 ? payload.at[i] : '.';
    }
    shown[size] = '\0';
    snprintf(reader->failure.text, sizeof reader->failure.text,
             "the server sent a frame of %zu bytes that has no readable header or records: %s",
             payload.size, shown);
    return AMPS_BAD_FRAME;
}

static amps_status route_frame(amps_reader *reader, amps_slice payload)
{
    amps_header header;
    size_t      header_size;
    if (AMPS_LIKELY(is_known(reader, payload))) {
        return route_known(reader, payload);
    }
    if (payload.size == 0) { /* legal and meaningless */
        return AMPS_OK;
    }
    if (amps_header_parse(payload, &header, &header_size) != AMPS_OK) {
        return note_bad_header(reader, payload);
    }
    amps_message message = {.header = {payload.at, header_size},
                            .record = {payload.at, 0},
                            .body = {payload.at + header_size, payload.size - header_size},
                            .sub_id = {payload.at, 0}};
    amps_command verb = amps_header_has(&header, AMPS_FIELD_COMMAND)
                            ? amps_command_parse(header.value[AMPS_FIELD_COMMAND])
                            : AMPS_COMMAND_UNKNOWN;
    amps_status  status = AMPS_OK;
    switch (verb) {
    case AMPS_COMMAND_PUBLISH:
    case AMPS_COMMAND_OOF:
        return route_by_subscription(reader, &header, &message);
    case AMPS_COMMAND_SOW:
        status = route_records(reader, &header, &message);
        return status == AMPS_BAD_FRAME ? note_bad_header(reader, payload) : status;
    case AMPS_COMMAND_GROUP_BEGIN:
    case AMPS_COMMAND_GROUP_END:
        return route_group(reader, &header, verb == AMPS_COMMAND_GROUP_BEGIN, &message);
    case AMPS_COMMAND_ACK:
        return route_ack(reader, &header, &message);
    case AMPS_COMMAND_HEARTBEAT:
        amps_writer_answer_heartbeat(reader->setup.writer);
        deliver_to(reader, AMPS_FOR_ALL_HEARTBEATS, &message);
        return AMPS_OK;
    default:
        deliver_last_chance(reader, &message);
        return AMPS_OK;
    }
}

/* All whole frames in the buffer. *need: how large the buffer must be for the one at its end. */
static amps_status route_frames(amps_reader *reader, size_t *need)
{
    while (!atomic_load_explicit(&reader->hushed, memory_order_relaxed)) {
        amps_slice  bytes = {reader->bytes + reader->start, reader->end - reader->start};
        amps_slice  payload;
        amps_status status = amps_frame_find(bytes, AMPS_FRAME_SIZE_MAX, &payload, need);
        if (status == AMPS_MORE) {
            return AMPS_OK;
        }
        if (status == AMPS_FRAME_TOO_LARGE) {
            snprintf(reader->failure.text, sizeof reader->failure.text,
                     "the server announced a frame of %u bytes; the limit is %zu",
                     (unsigned)amps_load_u32(bytes.at), AMPS_FRAME_SIZE_MAX);
            return status;
        }
        status = route_frame(reader, payload);
        if (status != AMPS_OK) {
            return status;
        }
        reader->start += *need;
    }
    reader->start = reader->end; /* hushed: whatever comes is forgotten */
    *need = 0;
    return AMPS_OK;
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

static amps_status resize(amps_reader *reader, size_t capacity)
{
    char *bytes = amps_memory_resize(reader->bytes, capacity);
    if (bytes == NULL) {
        return AMPS_NO_MEMORY;
    }
    reader->bytes = bytes;
    reader->capacity = capacity;
    return AMPS_OK;
}

/* Makes place for the next read. A claim of a large frame is believed only as its bytes come. */
static amps_status make_room(amps_reader *reader, size_t need)
{
    size_t kept = reader->end - reader->start;
    if (reader->start > 0 && kept > 0) {
        memmove(reader->bytes, reader->bytes + reader->start, kept);
    }
    reader->start = 0;
    reader->end = kept;
    if (kept == 0 && reader->capacity > AMPS_READER_PIECE_SIZE) {
        return resize(reader, AMPS_READER_PIECE_SIZE);
    }
    if (kept == reader->capacity) {
        size_t twice = reader->capacity * 2;
        return resize(reader, twice < need ? twice : need);
    }
    return AMPS_OK;
}

/* Lets the filter see what has just come. */
static void show(amps_reader *reader, amps_slice bytes)
{
    const amps_reader_setup *setup = &reader->setup;
    setup->events->filter(setup->events_context, &reader->thread, bytes, false);
}

static amps_status receive(amps_reader *reader)
{
    amps_writer *writer = reader->setup.writer;
    size_t       received = 0;
    atomic_store(&writer->last_received, amps_clock_now()); /* silence counts from here at most */
    atomic_store(&writer->reader_waits, true);
    amps_status status =
        amps_socket_receive(reader->setup.fd, reader->bytes + reader->end,
                            reader->capacity - reader->end, &received, &reader->failure.error);
    atomic_store(&writer->reader_waits, false);
    if (status == AMPS_OK) {
        atomic_store(&writer->last_received, amps_clock_now());
        if (AMPS_UNLIKELY(atomic_load_explicit(&writer->watched, memory_order_relaxed))) {
            show(reader, (amps_slice){reader->bytes + reader->end, received});
        }
    }
    reader->end += received;
    return status;
}

static amps_status receive_all(amps_reader *reader)
{
    size_t need = 0;
    for (;;) {
        amps_status status = make_room(reader, need);
        if (status == AMPS_OK) {
            status = receive(reader);
        }
        if (status != AMPS_OK) {
            return status;
        }
        amps_routes_enter(reader->setup.routes);
        status = route_frames(reader, &need);
        flush(reader);
        amps_routes_leave(reader->setup.routes);
        if (status != AMPS_OK) {
            return status;
        }
    }
}

/* ---- The thread ----------------------------------------------------------------------------- */

static void reader_main(void *context)
{
    amps_reader             *reader = context;
    const amps_reader_setup *setup = &reader->setup;
    amps_inside              inside;
    setup->enter(setup->client, &inside);
    setup->events->begins(setup->events_context, &reader->thread);
    reader->failure.status = receive_all(reader);
    setup->leave(&inside);
    if (atomic_load(&reader->hushed)) {
        reader->failure.status = AMPS_CLOSED;
    }
    setup->ended(setup->client, &reader->failure, &reader->thread);
    setup->events->ends(setup->events_context, &reader->thread);
    amps_reader_setup last = *setup;
    amps_memory_free(reader->bytes);
    amps_memory_free(reader);
    last.gone(last.client);
}

amps_status amps_reader_start(const amps_reader_setup *setup, amps_reader **out)
{
    amps_reader *reader = amps_memory_new_zeroed(sizeof *reader);
    if (reader == NULL) {
        return AMPS_NO_MEMORY;
    }
    reader->setup = *setup;
    amps_status status = resize(reader, AMPS_READER_PIECE_SIZE);
    if (status == AMPS_OK) {
        *out = reader; /* before the thread may end and free it */
        status = amps_thread_start("amps-reader", reader_main, reader);
    }
    if (status != AMPS_OK) {
        *out = NULL;
        amps_memory_free(reader->bytes);
        amps_memory_free(reader);
    }
    return status;
}

void amps_reader_hush(amps_reader *reader) { atomic_store(&reader->hushed, true); }

bool amps_burst_goes_on(const amps_burst *burst)
{
    const amps_reader *reader = burst->reader;
    return !atomic_load_explicit(&reader->hushed, memory_order_relaxed);
}
