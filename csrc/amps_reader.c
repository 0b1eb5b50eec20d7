/* amps_reader.c: receive, find frames, route. */
#include "amps_reader.h"

#include <stdio.h>

#include "amps_deliveries.h"
#include "amps_frame.h"
#include "amps_known.h"
#include "amps_memory.h"
#include "amps_record.h"
#include "amps_socket.h"
#include "amps_text.h"

#define ROUTE_CACHE_ID_MAX 64u

struct amps_reader {
    amps_reader_setup setup;
    amps_failure      failure;
    amps_deliveries   out;

    char  *bytes; /* received and not yet processed: [start, end) of capacity */
    size_t start, end, capacity;

    char         cached_id[ROUTE_CACHE_ID_MAX]; /* the last id looked up, and its route */
    size_t       cached_size;
    amps_id_kind cached_kind;
    unsigned     cached_at; /* the table's change count then */
    amps_route  *cached;

    amps_known known;
};

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

/* The results of a route's command may have become complete by what was just handed over: then its
 * stream ends, and its handler, told or not, is let go of. */
static void end_if_complete(amps_reader *reader, amps_route *route, const amps_message *message)
{
    if (!atomic_load(&route->is_complete) && amps_ending_is_complete(&route->ending)) {
        const amps_sink *sink = &route->sink;
        atomic_store(&route->is_complete, true);
        amps_known_forget(&reader->known); /* it may be the route that is known */
        if (sink->stream != NULL) {
            amps_deliveries_publish(&reader->out);
        }
        if (amps_ending_is_over(&route->ending)) { /* before anybody may use its ids again */
            amps_routes_end(reader->setup.routes, route);
        }
        if (sink->stream != NULL && route->ending.broke_off) {
            amps_stream_break_off(sink->stream, message->header);
        } else if (sink->stream != NULL) {
            amps_stream_end(sink->stream, AMPS_END);
        } else {
            amps_deliveries_let_go(&reader->out, route, message);
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
    for (; id->size > 0 && id->at[0] == ' '; id->at++, id->size--) {
    }
    for (; id->size > 0 && id->at[id->size - 1] == ' '; id->size--) {
    }
    return true;
}

/* Is it one that the subscription has had and discarded? Else it is noted. */
static bool is_had(amps_reader *reader, const amps_route *route, const amps_bookmark *bookmark,
                   amps_message *message)
{
    amps_bookmark_note note = {.bookmark = *bookmark, .message = message};
    bool               is_discarded = amps_bookmark_receive_all(route->sink.bookmarks, &note, 1);
    if (is_discarded) {
        amps_deliveries_tell(&reader->out, AMPS_FOR_DUPLICATE, message);
    }
    return is_discarded;
}

static amps_status route_known(amps_reader *reader, amps_slice payload, size_t bookmark_size,
                               const amps_bookmark *bookmark)
{
    amps_route  *route = reader->known.route;
    amps_message message;
    if (bookmark_size > 0 && amps_deliveries_collects(route)) {
        amps_known_view(&reader->known, payload, bookmark_size,
                        amps_deliveries_place(&reader->out, route, bookmark));
        return AMPS_OK;
    }
    amps_known_view(&reader->known, payload, bookmark_size, &message);
    if (bookmark_size > 0 && is_had(reader, route, bookmark, &message)) {
        return AMPS_OK;
    }
    return amps_deliveries_hand(&reader->out, route, &message);
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

static bool is_duplicate(amps_reader *reader, const amps_route *route, const amps_header *header,
                         amps_message *message)
{
    char          decoded[AMPS_BOOKMARK_SIZE_MAX];
    amps_bookmark bookmark = {.publisher = 0};
    if (amps_header_text(header, AMPS_FIELD_BOOKMARK, decoded, sizeof decoded, &bookmark.text) !=
        AMPS_OK) {
        return false; /* none, or one that nobody could ever send back */
    }
    if (bookmark.text.at != decoded && bookmark.text.size > 0) {
        message->bookmark_at = (uint32_t)(bookmark.text.at - message->header.at);
        message->bookmark_size = (uint32_t)bookmark.text.size;
    }
    return is_had(reader, route, &bookmark, message);
}

/* A publish or oof goes to every id it lists, each time showing just that one. */
static amps_status route_by_subscription(amps_reader *reader, const amps_header *header,
                                         amps_message *message)
{
    amps_field field =
        amps_header_has(header, AMPS_FIELD_SUB_IDS) ? AMPS_FIELD_SUB_IDS : AMPS_FIELD_SUB_ID;
    bool     taken = false;
    unsigned changes = atomic_load_explicit(&reader->setup.routes->changes, memory_order_acquire);
    amps_known_forget(&reader->known);
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
            message->bookmark_index = 0;
            message->bookmark_tag = 0;
            message->is_again = false;
            bool is_only = !taken && list.at == NULL;
            bool is_noted = route->sink.bookmarks != NULL;
            bool is_past = is_noted && is_duplicate(reader, route, header, message);
            taken = true;
            if (is_only && (!is_noted || message->bookmark_size > 0)) {
                amps_known_remember(&reader->known, route, changes, message);
            }
            if (is_past) {
                continue;
            }
            amps_status status = amps_deliveries_hand(&reader->out, route, message);
            if (status != AMPS_OK) {
                return status;
            }
        }
    }
    if (!taken) {
        message->sub_id.size = 0;
        amps_deliveries_last_chance(&reader->out, message);
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
        return amps_deliveries_hand(&reader->out, route, message);
    }
    amps_deliveries_last_chance(&reader->out, message);
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
    amps_deliveries_publish(&reader->out); /* what came before it is still for the older one */
    size_t count = amps_routes_take_over(reader->setup.routes, route, older);
    for (size_t i = 0; i < count; i++) {
        amps_deliveries_let_go(&reader->out, older[i], message);
    }
}

/* What the ack means for where the subscription stands in the transaction log. What comes during a
 * replay may name a place beyond it: only after its end it says what is safe. */
static void note_bookmark(amps_route *route, const amps_header *header, uint32_t types,
                          bool is_answer)
{
    char                     decoded[AMPS_BOOKMARK_SIZE_MAX];
    amps_slice               bookmark = {decoded, 0};
    amps_bookmark_sub *const sub = route->sink.bookmarks;
    if (amps_header_is_failure(header)) {
        return;
    }
    if ((types & AMPS_ACK_PROCESSED) != 0 && is_answer && !route->is_anchored) {
        route->is_anchored = true;
        if (route->sink.anchor.size > 0) {
            amps_bookmark_begin(sub, route->sink.anchor);
        }
    }
    bool has_bookmark = amps_header_text(header, AMPS_FIELD_BOOKMARK, decoded, sizeof decoded,
                                         &bookmark) == AMPS_OK;
    if ((types & AMPS_ACK_COMPLETED) != 0 && is_answer) {
        route->is_replayed = true;
        if (has_bookmark) {
            amps_bookmark_completed(sub, bookmark);
        }
    }
    if ((types & AMPS_ACK_PERSISTED) != 0 && has_bookmark && route->is_replayed) {
        amps_bookmark_persisted(sub, bookmark);
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

/* Whoever wants all acks is told first. Then a route gets the ids that it replaces, and its place
 * in the log, for those who wait inside the library and are told next may use them at once; then a
 * route whose application asked for this type, and when nobody was told, the last chance. */
static amps_status route_ack(amps_reader *reader, const amps_header *header,
                             const amps_message *message)
{
    amps_status status = AMPS_OK;
    bool        told = amps_deliveries_tell(&reader->out, AMPS_FOR_ALL_ACKS, message);
    amps_route *route = route_of_ack(reader, header);
    uint32_t    types = amps_header_has(header, AMPS_FIELD_ACK_TYPE)
                            ? amps_ack_parse(header->value[AMPS_FIELD_ACK_TYPE])
                            : 0;
    bool        is_answer = route != NULL && is_answer_to(reader, header, route);
    if (is_answer && (types & AMPS_ACK_PROCESSED) != 0 && !amps_header_is_failure(header)) {
        amps_routes_hear(reader->setup.routes, route, header);
        if (route->sink.replaces) {
            take_over(reader, route, message);
        }
    }
    if (route != NULL && route->sink.bookmarks != NULL) {
        note_bookmark(route, header, types, is_answer);
    }
    bool is_trouble = false;
    told = reader->setup.ack(reader->setup.client, header, types, message, &is_trouble) || told;
    if (AMPS_UNLIKELY(is_trouble)) {
        amps_deliveries_tell(&reader->out, AMPS_FOR_STORE_TROUBLE, message);
    }
    if ((types & AMPS_ACK_PERSISTED) != 0 && amps_header_has(header, AMPS_FIELD_SEQUENCE)) {
        told = amps_deliveries_tell(&reader->out, AMPS_FOR_STORE, message) || told;
    }
    if (is_failed_write(header, route) &&
        amps_deliveries_tell(&reader->out, AMPS_FOR_FAILED_WRITE, message)) {
        told = true;
        amps_deliveries_flush(&reader->out); /* the next ack may end what the store keeps of it */
    }
    if (route != NULL) {
        bool is_silent = route->sink.handler == NULL && route->sink.stream == NULL &&
                         route->sink.function == NULL;
        if (listener(route) != NULL && (route->sink.ack_types & types) != 0) {
            status = amps_deliveries_hand(&reader->out, route, message);
        }
        told = told || !is_silent || !amps_header_is_failure(header);
        if (is_answer) {
            note_ack(reader, route, header, types, message);
        }
    }
    if (!told) {
        amps_deliveries_last_chance(&reader->out, message);
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
    amps_header   header;
    size_t        header_size;
    size_t        bookmark_size;
    amps_bookmark bookmark;
    unsigned changes = atomic_load_explicit(&reader->setup.routes->changes, memory_order_acquire);
    if (AMPS_LIKELY(amps_known_is(&reader->known, changes, payload, &bookmark_size, &bookmark))) {
        return route_known(reader, payload, bookmark_size, &bookmark);
    }
    amps_deliveries_settle(&reader->out);
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
        amps_deliveries_tell(&reader->out, AMPS_FOR_ALL_HEARTBEATS, &message);
        return AMPS_OK;
    default:
        amps_deliveries_last_chance(&reader->out, &message);
        return AMPS_OK;
    }
}

/* All whole frames in the buffer. *need: how large the buffer must be for the one at its end. */
static amps_status route_frames(amps_reader *reader, size_t *need)
{
    while (!atomic_load_explicit(&reader->out.hushed, memory_order_relaxed)) {
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

static amps_status receive(amps_reader *reader)
{
    const amps_reader_setup *setup = &reader->setup;
    amps_writer             *writer = setup->writer;
    size_t                   received = 0;
    atomic_store(&writer->last_received, amps_clock_now()); /* silence counts from here at most */
    atomic_store(&writer->reader_waits, true);
    amps_status status =
        amps_socket_receive(setup->fd, reader->bytes + reader->end, reader->capacity - reader->end,
                            &received, &reader->failure.error);
    atomic_store(&writer->reader_waits, false);
    if (status == AMPS_OK) {
        atomic_store(&writer->last_received, amps_clock_now());
        if (AMPS_UNLIKELY(atomic_load_explicit(&writer->watched, memory_order_relaxed))) {
            const amps_slice bytes = {reader->bytes + reader->end, received};
            setup->events->filter(setup->events_context, &reader->out.thread, bytes, false);
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
        amps_deliveries_flush(&reader->out);
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
    setup->events->begins(setup->events_context, &reader->out.thread);
    reader->failure.status = receive_all(reader);
    setup->leave(&inside);
    if (atomic_load(&reader->out.hushed)) {
        reader->failure.status = AMPS_CLOSED;
    }
    setup->ended(setup->client, &reader->failure, &reader->out.thread);
    setup->events->ends(setup->events_context, &reader->out.thread);
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
    amps_deliveries_init(&reader->out, setup->events, setup->events_context, setup->wants,
                         setup->waiting, setup->writer);
    reader->out.handled = setup->handled;
    reader->out.client = setup->client;
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

void amps_reader_hush(amps_reader *reader) { atomic_store(&reader->out.hushed, true); }
