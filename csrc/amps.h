/* amps.h: everything the binding may call: one list of outcomes, borrowed views, opaque handles.
 *
 * C11 and POSIX only. Nothing here knows Python; nothing here is called with a lock of the core's
 * held. A slice borrows: its bytes belong to someone else and live as long as that room says. */
#ifndef AMPS_H
#define AMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amps_c_handler.h"
#include "amps_protocol.h"

/* ---- Outcomes ------------------------------------------------------------------------------- */

/* One list: the name, what it says, and the exception the binding raises for it (None: it raises
 * nothing, or the binding decides). Whatever a server, a file or a user can cause is in here. */
#define AMPS_STATUS_MAP(X)                                                                         \
    X(AMPS_OK, "success", None)                                                                    \
    X(AMPS_MORE, "more bytes are needed", None)                                                    \
    X(AMPS_AGAIN, "this cannot be done without waiting", None)                                     \
    X(AMPS_END, "there is no more", None)                                                          \
    X(AMPS_BAD_FRAME, "the bytes are not a frame", StreamException)                                \
    X(AMPS_FRAME_TOO_LARGE, "the frame is larger than the limit", StreamException)                 \
    X(AMPS_TIMED_OUT, "no answer in the time allowed", TimedOutException)                          \
    X(AMPS_DISCONNECTED, "not connected", DisconnectedException)                                   \
    X(AMPS_BROKEN_OFF, "the server broke the query off", CommandException)                         \
    X(AMPS_CLOSED, "closed by this program", DisconnectedException)                                \
    X(AMPS_HEARTBEAT_LOST, "no sign of life, not even a heartbeat", DisconnectedException)         \
    X(AMPS_ALREADY_CONNECTED, "already connected", AlreadyConnectedException)                      \
    X(AMPS_NOT_RESOLVED, "the host name cannot be resolved", ConnectionRefusedException)           \
    X(AMPS_REFUSED, "cannot connect", ConnectionRefusedException)                                  \
    X(AMPS_IN_HANDLER, "this would wait for the thread it is called on", UsageException)           \
    X(AMPS_FORKED, "this client was inherited through fork", UsageException)                       \
    X(AMPS_ID_IN_USE, "the id is in use", SubidInUseException)                                     \
    X(AMPS_TOO_LARGE, "the message is larger than the limit", PublishException)                    \
    X(AMPS_NO_ROOM, "the send buffer is full and the server does not read", PublishException)      \
    X(AMPS_STORE, "the store failed", StoreException)                                              \
    X(AMPS_STORE_FULL, "the store may not grow", StoreException)                                   \
    X(AMPS_NO_MEMORY, "out of memory", MemoryError)                                                \
    X(AMPS_SYSTEM, "the operating system refused", TransportException)

typedef enum amps_status {
#define AMPS_STATUS_NAME(name, text, exception) name,
    AMPS_STATUS_MAP(AMPS_STATUS_NAME)
#undef AMPS_STATUS_NAME
        AMPS_STATUS_COUNT
} amps_status;

const char *amps_status_text(amps_status status);      /* never NULL */
const char *amps_status_exception(amps_status status); /* the third column, "None" included */

/* ---- Headers and messages ------------------------------------------------------------------- */

typedef struct amps_slice {
    const char *at;
    size_t      size;
} amps_slice;

/* The fields of one header. Reading: slices into the frame, quotes stripped, escapes still in
 * place where the `escaped` bit is set. Writing: plain text, escaped on the way out. Only values
 * whose `present` bit is set mean anything; a fresh header is {.present = 0}. */
typedef struct amps_header {
    uint64_t   present;
    uint64_t   escaped;
    amps_slice value[AMPS_FIELD_COUNT];
} amps_header;

/* A delivered message: the outer header, the record's own header inside a multi-record `sow`
 * frame (else empty), the body, the one subscription id it is delivered for (else empty), the index
 * that a bookmark store gave it (else 0), and whether that store had it before: then it may be
 * discarded while it is on its way. Where in the header the bookmark is may be known already: then
 * bookmark_size is not 0, and it has no escapes. */
typedef struct amps_message {
    amps_slice header;
    amps_slice record;
    amps_slice body;
    amps_slice sub_id;
    uint64_t   bookmark_index;
    bool       is_again;
    uint32_t   bookmark_at;
    uint32_t   bookmark_size;
} amps_message;

amps_command amps_command_parse(amps_slice text);  /* "p" is publish; AMPS_COMMAND_UNKNOWN else */
const char  *amps_command_text(amps_command verb); /* the long name, "" if there is none */
uint32_t     amps_ack_parse(amps_slice list);      /* "processed, stats" to a mask; unknown: 0 */
/* The types of a mask as a list in the order of AMPS_ACK_MAP; returns its size, 0 for none. */
#define AMPS_ACK_TEXT_MAX 64u
size_t amps_ack_text(uint32_t acks, char out[AMPS_ACK_TEXT_MAX]);

/* What the protocol says of a command that a client may give. */
typedef struct amps_command_facts {
    uint32_t acks_needed; /* the library asks for these itself, and shows them to nobody */
    uint32_t acks_given;  /* a server sends no others */
    bool     publishes;   /* it carries a message; its failure goes to the failed-write handler */
    bool     subscribes;  /* it has a sub_id and goes on until it is ended */
    bool     queries;     /* it has a query_id, and its records come in groups */
} amps_command_facts;

const amps_command_facts *amps_command_facts_of(amps_command verb); /* NULL: none of these */

/* The value of one field of a delivered message: the record's header first, then the outer one
 * (never the outer one's per-record fields); sub_id is the message's own. Parses on demand.
 * AMPS_OK, AMPS_END (absent: a number field that is no number counts as absent), AMPS_BAD_FRAME.
 * *escaped says that amps_text_decode must run before a person may read the text. */
amps_status amps_message_field(const amps_message *message, amps_field field, amps_slice *value,
                               bool *escaped);

/* Writes a header as it goes over the wire, to be sent many times; 0 when it may not fit. */
size_t amps_header_prepare(const amps_header *header, char *out, size_t out_size);

/* A whole frame: an upper bound of its size; written to `at`, which holds that, giving its size;
 * and looked at as a message, AMPS_BAD_FRAME when it is none. */
size_t      amps_frame_size_max(const amps_header *header, amps_slice body);
size_t      amps_frame_write(const amps_header *header, amps_slice body, char *at);
amps_status amps_frame_view(amps_slice frame, amps_message *message);

/* Decodes header escapes into `out`, which holds at least text.size bytes (decoding never grows);
 * returns how many bytes it wrote. An escape that is none stays as it is. */
size_t amps_text_decode(amps_slice text, char *out);

/* Calls a handler written in C with one message. */
void amps_c_handler_call(amps_c_handler handler, void *user_data, const amps_message *message);

/* ---- Dialing -------------------------------------------------------------------------------- */

/* Where to connect, and how. Strings are borrowed for the call only. */
typedef struct amps_address {
    amps_slice host;
    uint16_t   port;
    amps_slice bind; /* local IP address, or empty */
    uint16_t   bind_port;
    bool       prefer_ipv6;
    bool       nodelay;
    bool       keepalive;
    int        linger_s;     /* -1: leave as the system has it */
    int        send_size;    /* SO_SNDBUF in bytes; 0: leave */
    int        receive_size; /* SO_RCVBUF in bytes; 0: leave */
} amps_address;

/* What went wrong, in a form that outlives the attempt: an errno or the resolver's code (0: none),
 * and a text such as "10.0.0.1:9007: Connection refused; 10.0.0.2:9007: ...", cut to fit. */
typedef struct amps_failure {
    amps_status status;
    int         error;
    int         resolver;
    size_t      unsent; /* publishes that were accepted and never reached the socket */
    size_t      kept;   /* of these, to be sent later: see amps_client_send_kept */
    char        text[512];
} amps_failure;

typedef struct amps_dial amps_dial;

/* Starts to dial. NULL: out of memory, or a host or bind text too long to be one. */
amps_dial *amps_dial_new(const amps_address *address);
/* Goes on for at most wait_ms. AMPS_AGAIN: not done yet. AMPS_OK: *fd is connected and now the
 * caller's. Else it failed, and amps_dial_failure says how. */
amps_status         amps_dial_step(amps_dial *dial, uint32_t wait_ms, int *fd);
const amps_failure *amps_dial_failure(const amps_dial *dial);
void                amps_dial_free(amps_dial *dial); /* also in the middle of it; NULL is fine */

/* ---- Streams: messages waiting for someone who asks for them -------------------------------- */

/* Counted by references: a route has one, whoever iterates has one. Taking is for one thread at a
 * time (the binding's: whoever holds the interpreter's lock); the rest is for any thread. */
typedef struct amps_stream amps_stream;

amps_stream *amps_stream_new(size_t depth_max); /* one reference; NULL: out of memory */
void         amps_stream_drop(amps_stream *stream);

/* The next message without waiting. AMPS_OK: the views live until the next take or drop; when
 * *block is not NULL the bytes are the caller's own, to be freed with amps_block_free. AMPS_AGAIN:
 * none yet. Else it ended, and this is why (AMPS_END: all there was to come has come). */
amps_status amps_stream_take(amps_stream *stream, amps_message *message, void **block);
void        amps_block_free(void *block);

/* Waits at most wait_ms for one. AMPS_OK: take it. AMPS_AGAIN: none yet. Else: it ended. */
amps_status amps_stream_wait(amps_stream *stream, uint32_t wait_ms);

void amps_stream_end(amps_stream *stream, amps_status why); /* what waits can still be taken */
/* The header of the ack that told of the failure, when it ended with AMPS_BROKEN_OFF. */
amps_slice amps_stream_failure(const amps_stream *stream);
void       amps_stream_close(amps_stream *stream); /* nothing more can be taken */
size_t     amps_stream_depth(const amps_stream *stream);
size_t     amps_stream_depth_max(const amps_stream *stream);
void       amps_stream_set_depth_max(amps_stream *stream, size_t depth_max); /* 0: no limit */

/* From now on a data message (publish, sow, oof) with a sow key takes the place of the one with the
 * same topic and key that waits, if none of group_begin and group_end came in between; but no
 * message with a lease period. For the thread that takes. */
void amps_stream_conflate(amps_stream *stream);

/* ---- Client: the life of a connection, and sending on it ------------------------------------ */

typedef struct amps_client         amps_client;
typedef struct amps_route          amps_route;
typedef struct amps_publish_store  amps_publish_store;  /* amps_publish_store.h */
typedef struct amps_bookmark_store amps_bookmark_store; /* amps_bookmark_store.h */
typedef struct amps_bookmark_sub   amps_bookmark_sub;

/* Whom a message is for: the handler of its route, or one of the client's own. */
typedef enum amps_audience {
    AMPS_FOR_ROUTE,
    AMPS_FOR_NOBODY,       /* a route has ended by itself: let go of its handler */
    AMPS_FOR_LISTENER,     /* the same, and the results are not whole: this ack says why */
    AMPS_FOR_LAST_CHANCE,  /* nobody else is told */
    AMPS_FOR_FAILED_WRITE, /* the ack of a publish that the server refused */
    AMPS_FOR_ALL_ACKS,     /* whoever else is told */
    AMPS_FOR_ALL_HEARTBEATS,
    AMPS_FOR_DUPLICATE,    /* a bookmark store knows it as discarded */
    AMPS_FOR_STORE,        /* a persisted ack, for a publish store that is the binding's */
    AMPS_FOR_STORE_TROUBLE /* an ack that the publish store has not understood or noted */
} amps_audience;

/* One message for one handler. */
typedef struct amps_delivery {
    amps_audience     audience;
    void             *handler; /* the route's */
    const amps_route *route;   /* NULL but for the first three */
    amps_message      message;
} amps_delivery;

/* What a receive thread hands over at once. */
typedef struct amps_burst {
    const amps_delivery *deliveries;
    size_t               count;
    const void          *reader; /* the core's */
} amps_burst;

bool amps_burst_goes_on(const amps_burst *burst); /* false: closed meanwhile, call nobody */
/* Of a message that came again: has the program discarded the earlier copy since it was received?
 */
bool amps_route_has_discarded(const amps_route *route, const amps_message *message);
bool amps_route_is_live(const amps_route *route); /* false: unsubscribed meanwhile, do not call */

/* What the client tells, always without a lock of the core's held. `thread` is a slot that belongs
 * to the calling receive thread, NULL at its birth. Bytes are borrowed for the call. */
typedef struct amps_events {
    void (*begins)(void *context, void **thread); /* the first thing on a receive thread */
    void (*deliver)(void *context, void **thread, const amps_burst *burst);
    /* The connection is lost (failure->status AMPS_CLOSED: by our own wish). Who waits for it is
     * told, and the client may be opened again, only when `lost` has returned; `disconnected` comes
     * right after that and may open it itself. */
    void (*lost)(void *context, void **thread, const amps_failure *failure);
    void (*disconnected)(void *context, void **thread, const amps_failure *failure);
    void (*ends)(void *context, void **thread); /* the last thing on a receive thread */
    /* Only while wanted. Each byte once, in the wire's order: before it is sent, on the thread that
     * sends it, which counts as inside a handler (`thread` is NULL); or when it has been received,
     * before it is looked at, on the receive thread. */
    void (*filter)(void *context, void **thread, amps_slice bytes, bool outgoing);
    /* Acknowledgements wait for the binding's hand: see amps_client_acks.h. A thread of its own. */
    void (*acks)(void *context);
    void (*release)(void *context); /* nobody will use context again */
} amps_events;

/* The new client has one handle; amps_client_drop gives it back: the connection, if any, is closed
 * without waiting, and memory is freed when its threads have left. */
amps_client *amps_client_new(const amps_events *events, void *context, size_t send_buffer_size);
void         amps_client_drop(amps_client *client);

/* Does this call come from inside a handler of this client, where waiting would never end? The
 * binding marks callbacks of its own with enter and leave; those of several clients may nest. */
typedef struct amps_inside { /* lies with the caller from enter to leave */
    const amps_client        *client;
    const struct amps_inside *outer;
} amps_inside;

bool amps_client_in_handler(const amps_client *client);
void amps_client_enter_handler(const amps_client *client, amps_inside *inside);
void amps_client_leave_handler(const amps_inside *inside);
/* This process is a fork's child: call nothing but what says AMPS_FORKED, and amps_client_drop. */
bool amps_client_is_inherited(const amps_client *client);

/* Takes over a connected socket (also when it fails: then it is closed) and starts its threads.
 * AMPS_ALREADY_CONNECTED, AMPS_SYSTEM, AMPS_NO_MEMORY, AMPS_FORKED. */
amps_status amps_client_open(amps_client *client, int fd);
amps_status amps_client_state(amps_client *client); /* AMPS_OK: connected; else why not */

/* Starts to close: no more commands, what waits is sent, handlers not yet called stay uncalled.
 * Then wait, at most wait_ms: AMPS_OK or AMPS_AGAIN. `gone`: nothing is left of the connection and
 * the client may be opened again. `closed`: its receive threads have left, too; on one of them
 * that is AMPS_IN_HANDLER at once. */
void        amps_client_close(amps_client *client);
void        amps_client_break(amps_client *client); /* as if the server had hung up */
amps_status amps_client_wait_gone(amps_client *client, uint32_t wait_ms);
amps_status amps_client_wait_closed(amps_client *client, uint32_t wait_ms);

/* Counts connections: the one that is open or was last. Then waits, at most wait_ms, until the
 * `disconnected` of that connection has returned: AMPS_OK or AMPS_AGAIN. */
uint64_t    amps_client_connection(amps_client *client);
bool        amps_client_is_lost(amps_client *client, uint64_t connection); /* or about to be */
amps_status amps_client_wait_settled(amps_client *client, uint64_t connection, uint32_t wait_ms);

/* A number never given before by this client, for command ids. */
uint64_t amps_client_next_id(amps_client *client);

/* Sends one command, header and body; both are borrowed for the call. A publish may be gathered
 * with its successors; anything else leaves at once, with all that waits before it.
 *   try   AMPS_AGAIN instead of waiting. *due: call amps_client_send_due at once, without the
 *         interpreter's lock.
 *   send  goes on for at most wait_ms. AMPS_AGAIN: not done, call again with the same progress or
 *         give it up. Sends what is due itself. */
typedef struct amps_around {
    bool     queued;      /* waits for the right to send a large frame */
    bool     owns;        /* has it */
    size_t   sent, shown; /* shown to the filter */
    unsigned connection;  /* the one it was begun on: it is not carried to the next */
} amps_around;

typedef struct amps_progress { /* starts as all zeros */
    amps_around around;
    char       *prefix; /* length and header of a frame too large for the buffer */
    size_t      prefix_size;
    uint64_t    give_up_at;
} amps_progress;

amps_status amps_client_try_send(amps_client *client, const amps_header *header, amps_slice body,
                                 bool is_publish, bool *due);
/* The same for a publish whose header was prepared by amps_header_prepare. */
amps_status amps_client_try_publish(amps_client *client, amps_slice header, amps_slice body,
                                    bool *due);
void        amps_client_send_due(amps_client *client);
amps_status amps_client_send(amps_client *client, const amps_header *header, amps_slice body,
                             bool is_publish, amps_progress *progress, uint32_t wait_ms);
/* Begun on the connection there is now: on a later one nothing of it will be sent. */
void amps_client_begin_send(amps_client *client, amps_progress *progress);
void amps_client_give_up(amps_client *client, amps_slice body, bool is_publish,
                         amps_progress *progress);
/* A small command that must not wait and may exceed the buffer's limit a little: for destructors.
 * AMPS_AGAIN: not even that. */
amps_status amps_client_send_soon(amps_client *client, const amps_header *header);

/* Publishes that had not left when a connection was lost are kept, whole and in order; those of one
 * that the program closed are not. They are sent on the next connection when it is asked for (in
 * steps: AMPS_AGAIN), or dropped; count and drop return how many they are. */
size_t      amps_client_count_kept(amps_client *client);
amps_status amps_client_send_kept(amps_client *client, uint32_t wait_ms);
size_t      amps_client_drop_kept(amps_client *client);

/* ---- Publishes that a publish store keeps until they are persisted -------------------------- */

typedef struct amps_kept { /* what became of one */
    uint64_t     sequence;
    bool         is_sent; /* else it follows as soon as that is possible */
    bool         due;     /* call amps_client_send_due, without the interpreter's lock */
    amps_failure failure; /* of the store, with AMPS_STORE */
} amps_kept;

/* NULL: none. AMPS_ALREADY_CONNECTED: the one before holds messages not persisted yet. */
amps_status amps_client_set_publish_store(amps_client *client, amps_publish_store *store);
/* Gives it a number, keeps it, sends it, all in one order. AMPS_OK: it is kept. at_once: AMPS_AGAIN
 * instead of waiting for a lock. Sets the header's sequence; prepared: `held` lasts meanwhile. */
amps_status amps_client_publish_stored(amps_client *client, amps_header *header, amps_slice body,
                                       bool is_publish, bool at_once, amps_kept *kept);
amps_status amps_client_publish_prepared(amps_client *client, amps_publish_store *held,
                                         amps_slice header, amps_slice body, bool at_once,
                                         amps_kept *kept);
/* After a logon: the server has all up to `persisted`. Sends what is kept, and from now on what is
 * published; gives the highest number to be sent so. Then waits until a number has left: AMPS_OK,
 * AMPS_AGAIN, AMPS_DISCONNECTED or AMPS_CLOSED. */
uint64_t    amps_client_follow(amps_client *client, uint64_t persisted);
amps_status amps_client_wait_sent(amps_client *client, uint64_t sequence, uint32_t wait_ms);

/* A route says who is told about the messages of one command: a handler of the binding's, only
 * handed back to it, a stream, kept by a reference, or a function in C; or none, if only failures
 * matter. It ends by itself when the command's results are complete. */
typedef struct amps_sink {
    void          *handler;
    amps_stream   *stream;
    amps_c_handler function;
    void          *user_data;
    void (*release)(void *handler); /* unless NULL: the route is gone, and no call is under way */
    amps_command verb;
    uint32_t     ack_types;   /* those the application asked for */
    bool         many_groups; /* the topic is a regular expression: a group of records for each */
    bool         replaces;    /* takes over ids in use when the server has accepted it */
    bool         lasts;       /* outlives its connection: the binding places it on the next one */
    bool         is_range;    /* a replay that ends with its `completed` ack */
    /* Notes what is received (NULL: nothing does) in the state of its sub_id; held by the route. If
     * there is an anchor, that state starts anew there when the server has accepted. */
    amps_bookmark_store *bookmark_store;
    amps_bookmark_sub   *bookmarks;
    amps_slice           anchor;
    amps_slice           topic; /* of a subscription; copied */
} amps_sink;

#define AMPS_ROUTE_IDS_MAX 3u

/* A subscription may have the id that a command of another has: they are told apart. */
typedef enum amps_id_kind {
    AMPS_ID_OF_COMMAND,
    AMPS_ID_OF_SUBSCRIPTION /* or query */
} amps_id_kind;

/* The first id is that of the command, what follows are sub_id and query_id. AMPS_ID_IN_USE (never
 * for the ids of a route whose results are complete), AMPS_NO_MEMORY. */
amps_status amps_client_add_route(amps_client *client, const amps_slice *ids, size_t count,
                                  const amps_sink *sink);
bool        amps_client_has_route(amps_client *client, amps_id_kind kind, amps_slice id);
/* Removes the route that has this id, with all its ids, and ends its stream. True: there was one,
 * and *sink says for whom (its stream may be gone by now); an unknown id is no error. One whose
 * results are complete counts as none, and ends by itself. */
bool amps_client_remove_route(amps_client *client, amps_id_kind kind, amps_slice id,
                              amps_sink *sink);
/* The same by the command id, but only if it is still the route of that stream. */
bool amps_client_remove_stream(amps_client *client, amps_slice id, const amps_stream *stream);
void amps_client_remove_routes(amps_client *client, amps_status why); /* all; ends streams */
/* When a connection is gone: those that last stay, as fresh as on their first day; the rest goes.
 */
void amps_client_lose_routes(amps_client *client, amps_status why);

/* What is for an audience other than a route is delivered only while someone wants it. */
void amps_client_want(amps_client *client, amps_audience audience, bool wanted);

/* From any thread, at any time. A call that is under way goes on. */
void amps_client_want_filter(amps_client *client, bool wanted);

/* A wait for the acks of one command: begin before it is sent, end whatever came of it. */
typedef struct amps_waiter amps_waiter;
/* One that lasts outlives its connection; give_up ends all, with AMPS_CLOSED. */
amps_waiter *amps_client_begin_wait(amps_client *client, amps_slice command_id, uint32_t ack_types,
                                    bool lasts);
void         amps_client_give_up_waits(amps_client *client);
/* AMPS_OK: *ack is the ack, alive until amps_client_end_wait. AMPS_AGAIN: not yet. Else: why never.
 */
amps_status amps_client_wait(amps_client *client, amps_waiter *waiter, uint32_t wait_ms,
                             amps_message *ack);
void        amps_client_end_wait(amps_client *client, amps_waiter *waiter);

/* May a full stream hold up the reading? Not while a command's answer is awaited: its thread may be
 * the one that should take; nor when the connection was found dead, whose loss must be told. */
bool amps_client_may_hold_up(amps_client *client);

/* Signs of life every interval_ms both ways; nothing received for timeout_ms breaks the connection.
 * The start command is the caller's to send. 0 ends it. */
void amps_client_set_heartbeat(amps_client *client, uint32_t interval_ms, uint32_t timeout_ms);

/* Publishes are gathered: they leave when one more would make them exceed `size` bytes (at most the
 * send buffer's), when the first has waited timeout_ms (0: however long), before anything else that
 * is sent, and on close. A size of 0 ends it. */
void amps_client_set_batching(amps_client *client, size_t size, uint32_t timeout_ms);
void amps_client_end_batch(amps_client *client); /* what was gathered leaves now */

/* Waits until no thread of the core is left, over all clients of this process, or the time is up;
 * gives how many are. */
size_t amps_threads_wait(uint32_t wait_ms);

#endif
