# libamps.pxd: csrc/amps.h as Cython sees it. Declarations only; no behaviour lives here.
from libc.stdint cimport uint16_t, uint32_t, uint64_t

cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"

cdef extern from "amps.h" nogil:
    ctypedef enum amps_status:
        AMPS_OK
        AMPS_AGAIN
        AMPS_END
        AMPS_BAD_FRAME
        AMPS_FRAME_TOO_LARGE
        AMPS_TIMED_OUT
        AMPS_DISCONNECTED
        AMPS_BROKEN_OFF
        AMPS_CLOSED
        AMPS_HEARTBEAT_LOST
        AMPS_ALREADY_CONNECTED
        AMPS_NOT_RESOLVED
        AMPS_REFUSED
        AMPS_IN_HANDLER
        AMPS_FORKED
        AMPS_ID_IN_USE
        AMPS_TOO_LARGE
        AMPS_NO_ROOM
        AMPS_STORE
        AMPS_STORE_FULL
        AMPS_NO_MEMORY
        AMPS_SYSTEM
        AMPS_STATUS_COUNT
    const char *amps_status_text(amps_status status)
    const char *amps_status_exception(amps_status status)

    ctypedef struct amps_slice:
        const char *at
        size_t size
    ctypedef enum amps_field:
        AMPS_FIELD_COMMAND
        AMPS_FIELD_COMMAND_ID
        AMPS_FIELD_TOPIC
        AMPS_FIELD_SUB_ID
        AMPS_FIELD_QUERY_ID
        AMPS_FIELD_CLIENT_NAME
        AMPS_FIELD_MESSAGE_TYPE
        AMPS_FIELD_USER_ID
        AMPS_FIELD_PASSWORD
        AMPS_FIELD_SUB_IDS
        AMPS_FIELD_BOOKMARK
        AMPS_FIELD_SEQUENCE
        AMPS_FIELD_BATCH_SIZE
        AMPS_FIELD_FILTER
        AMPS_FIELD_ORDER_BY
        AMPS_FIELD_TOP_N
        AMPS_FIELD_SOW_KEY
        AMPS_FIELD_SOW_KEYS
        AMPS_FIELD_EXPIRATION
        AMPS_FIELD_CORRELATION_ID
        AMPS_FIELD_MESSAGE_SIZE
        AMPS_FIELD_TIMESTAMP
        AMPS_FIELD_LEASE_PERIOD
        AMPS_FIELD_ACK_TYPE
        AMPS_FIELD_STATUS
        AMPS_FIELD_REASON
        AMPS_FIELD_VERSION
        AMPS_FIELD_OPTIONS
        AMPS_FIELD_MATCHES
        AMPS_FIELD_TOPIC_MATCHES
        AMPS_FIELD_RECORDS_RETURNED
        AMPS_FIELD_RECORDS_INSERTED
        AMPS_FIELD_RECORDS_UPDATED
        AMPS_FIELD_RECORDS_DELETED
        AMPS_FIELD_GROUP_SEQUENCE
        AMPS_FIELD_HEARTBEAT
        AMPS_FIELD_TIMEOUT_INTERVAL
        AMPS_FIELD_COUNT
    ctypedef enum amps_command:
        AMPS_COMMAND_UNKNOWN
        AMPS_COMMAND_UNSUBSCRIBE
        AMPS_COMMAND_SOW_DELETE
        AMPS_COMMAND_SOW

    ctypedef struct amps_command_facts:
        uint32_t acks_needed
        uint32_t acks_given
        bint publishes
        bint subscribes
        bint queries
    const amps_command_facts *amps_command_facts_of(amps_command verb)

    ctypedef struct amps_c_message:
        pass
    ctypedef void (*amps_c_handler)(const amps_c_message *message, void *user_data) noexcept
    ctypedef enum amps_ack:
        AMPS_ACK_PROCESSED
        AMPS_ACK_PERSISTED
        AMPS_ACK_COMPLETED
        AMPS_ACK_STATS

    ctypedef struct amps_header:
        uint64_t present
        amps_slice value[AMPS_FIELD_COUNT]

    ctypedef struct amps_message:
        amps_slice header
        amps_slice record
        amps_slice body
        amps_slice sub_id
        uint64_t bookmark_index
        c_bool is_again
        uint32_t bookmark_tag
        uint32_t bookmark_at
        uint32_t bookmark_size

    amps_command amps_command_parse(amps_slice text)
    const char *amps_command_text(amps_command verb)
    uint32_t amps_ack_parse(amps_slice list)
    amps_status amps_message_field(const amps_message *message, amps_field field,
                                   amps_slice *value, c_bool *escaped)
    size_t amps_text_decode(amps_slice text, char *out)
    void amps_c_handler_call(amps_c_handler handler, void *user_data, const amps_message *message)

    ctypedef struct amps_address:
        amps_slice host
        uint16_t port
        amps_slice bind
        uint16_t bind_port
        bint prefer_ipv6
        bint nodelay
        bint keepalive
        int linger_s
        int send_size
        int receive_size

    ctypedef struct amps_failure:
        amps_status status
        int error
        int resolver
        size_t unsent
        size_t kept
        char text[512]

    ctypedef struct amps_dial:
        pass
    amps_dial *amps_dial_new(const amps_address *address)
    amps_status amps_dial_step(amps_dial *dial, uint32_t wait_ms, int *fd)
    const amps_failure *amps_dial_failure(const amps_dial *dial)
    void amps_dial_free(amps_dial *dial)

    ctypedef struct amps_stream:
        pass
    amps_stream *amps_stream_new(size_t depth_max)
    void amps_stream_drop(amps_stream *stream)
    amps_status amps_stream_take(amps_stream *stream, amps_message *message, void **block)
    void amps_block_free(void *block)
    amps_status amps_stream_wait(amps_stream *stream, uint32_t wait_ms)
    void amps_stream_end(amps_stream *stream, amps_status why)
    amps_slice amps_stream_failure(const amps_stream *stream)
    void amps_stream_close(amps_stream *stream)
    size_t amps_stream_depth(const amps_stream *stream)
    size_t amps_stream_depth_max(const amps_stream *stream)
    void amps_stream_set_depth_max(amps_stream *stream, size_t depth_max)
    void amps_stream_conflate(amps_stream *stream)

    ctypedef struct amps_publish_store:
        pass
    ctypedef struct amps_bookmark_store:
        pass
    ctypedef struct amps_bookmark_sub:
        pass
    ctypedef struct amps_client:
        pass
    ctypedef struct amps_route:
        pass
    ctypedef enum amps_audience:
        AMPS_FOR_ROUTE
        AMPS_FOR_NOBODY
        AMPS_FOR_LISTENER
        AMPS_FOR_LAST_CHANCE
        AMPS_FOR_FAILED_WRITE
        AMPS_FOR_ALL_ACKS
        AMPS_FOR_ALL_HEARTBEATS
        AMPS_FOR_DUPLICATE
        AMPS_FOR_STORE
        AMPS_FOR_STORE_TROUBLE
    ctypedef struct amps_delivery:
        amps_audience audience
        void *handler
        const amps_route *route
        amps_message message
    ctypedef struct amps_burst:
        const amps_delivery *deliveries
        size_t count
    bint amps_burst_goes_on(const amps_burst *burst)
    bint amps_route_has_discarded(const amps_route *route, const amps_message *message)
    bint amps_route_is_live(const amps_route *route)

    ctypedef struct amps_events:
        void (*begins)(void *context, void **thread) noexcept
        void (*deliver)(void *context, void **thread, const amps_burst *burst) noexcept
        void (*lost)(void *context, void **thread, const amps_failure *failure) noexcept
        void (*disconnected)(void *context, void **thread, const amps_failure *failure) noexcept
        void (*ends)(void *context, void **thread) noexcept
        void (*filter)(void *context, void **thread, amps_slice bytes, c_bool outgoing) noexcept
        void (*acks)(void *context) noexcept
        void (*release)(void *context) noexcept
    amps_client *amps_client_new(const amps_events *events, void *context,
                                 size_t send_buffer_size)
    void amps_client_drop(amps_client *client)
    bint amps_client_in_handler(const amps_client *client)
    bint amps_client_may_hold_up(amps_client *client)
    ctypedef struct amps_inside:
        pass
    void amps_client_enter_handler(const amps_client *client, amps_inside *inside)
    void amps_client_leave_handler(const amps_inside *inside)
    bint amps_client_is_inherited(const amps_client *client)
    amps_status amps_client_open(amps_client *client, int fd)
    amps_status amps_client_state(amps_client *client)
    void amps_client_close(amps_client *client)
    void amps_client_break(amps_client *client)
    amps_status amps_client_wait_gone(amps_client *client, uint32_t wait_ms)
    amps_status amps_client_wait_closed(amps_client *client, uint32_t wait_ms)
    uint64_t amps_client_connection(amps_client *client)
    bint amps_client_is_lost(amps_client *client, uint64_t connection)
    amps_status amps_client_wait_settled(amps_client *client, uint64_t connection,
                                         uint32_t wait_ms)
    uint64_t amps_client_next_id(amps_client *client)

    ctypedef struct amps_around:
        bint queued
        bint owns
    ctypedef struct amps_progress:
        amps_around around
    amps_status amps_client_try_send(amps_client *client, const amps_header *header,
                                     amps_slice body, bint is_publish, c_bool *due)
    size_t amps_header_prepare(const amps_header *header, char *out, size_t out_size)
    amps_status amps_client_try_publish(amps_client *client, amps_slice header, amps_slice body,
                                        c_bool *due)
    void amps_client_send_due(amps_client *client)
    amps_status amps_client_send(amps_client *client, const amps_header *header, amps_slice body,
                                 bint is_publish, amps_progress *progress, uint32_t wait_ms)
    void amps_client_begin_send(amps_client *client, amps_progress *progress)
    void amps_client_give_up(amps_client *client, amps_slice body, bint is_publish,
                             amps_progress *progress)
    amps_status amps_client_send_soon(amps_client *client, const amps_header *header)
    size_t amps_client_count_kept(amps_client *client)
    amps_status amps_client_send_kept(amps_client *client, uint32_t wait_ms)
    size_t amps_client_drop_kept(amps_client *client)
    ctypedef struct amps_sink:
        void *handler
        amps_stream *stream
        amps_c_handler function
        void *user_data
        void (*release)(void *handler) noexcept
        amps_command verb
        uint32_t ack_types
        bint many_groups
        bint replaces
        bint lasts
        bint is_range
        amps_bookmark_store *bookmark_store
        amps_bookmark_sub *bookmarks
        amps_slice anchor
        amps_slice topic
    enum:
        AMPS_ROUTE_IDS_MAX
    amps_status amps_client_add_route(amps_client *client, const amps_slice *ids, size_t count,
                                      const amps_sink *sink)
    ctypedef enum amps_id_kind:
        AMPS_ID_OF_COMMAND
        AMPS_ID_OF_SUBSCRIPTION
    bint amps_client_has_route(amps_client *client, amps_id_kind kind, amps_slice id)
    bint amps_client_remove_route(amps_client *client, amps_id_kind kind, amps_slice id,
                                  amps_sink *sink)
    bint amps_client_remove_stream(amps_client *client, amps_slice id, const amps_stream *stream)
    void amps_client_remove_routes(amps_client *client, amps_status why)
    void amps_client_lose_routes(amps_client *client, amps_status why)
    void amps_client_want(amps_client *client, amps_audience audience, bint wanted)
    void amps_client_want_filter(amps_client *client, bint wanted)

    ctypedef struct amps_waiter:
        pass
    amps_waiter *amps_client_begin_wait(amps_client *client, amps_slice command_id,
                                        uint32_t ack_type, bint lasts)
    void amps_client_give_up_waits(amps_client *client)
    amps_status amps_client_wait(amps_client *client, amps_waiter *waiter, uint32_t wait_ms,
                                 amps_message *ack)
    void amps_client_end_wait(amps_client *client, amps_waiter *waiter)
    void amps_client_set_heartbeat(amps_client *client, uint32_t interval_ms, uint32_t timeout_ms)
    void amps_client_set_batching(amps_client *client, size_t size, uint32_t timeout_ms)
    void amps_client_end_batch(amps_client *client)

    ctypedef struct amps_kept:
        uint64_t sequence
        bint is_sent
        bint due
        amps_failure failure
    amps_status amps_client_set_publish_store(amps_client *client, amps_publish_store *store)
    amps_status amps_client_publish_stored(amps_client *client, amps_header *header,
                                           amps_slice body, bint is_publish, bint at_once,
                                           amps_kept *kept)
    amps_status amps_client_publish_prepared(amps_client *client, amps_publish_store *held,
                                             amps_slice header, amps_slice body, bint at_once,
                                             amps_kept *kept)
    uint64_t amps_client_follow(amps_client *client, uint64_t persisted)
    amps_status amps_client_wait_sent(amps_client *client, uint64_t sequence, uint32_t wait_ms)
    size_t amps_frame_size_max(const amps_header *header, amps_slice body)
    size_t amps_frame_write(const amps_header *header, amps_slice body, char *at)
    amps_status amps_frame_view(amps_slice frame, amps_message *message)
    size_t amps_threads_wait(uint32_t wait_ms)


cdef extern from "amps_client_acks.h" nogil:
    amps_status amps_client_ack(amps_client *client, amps_slice topic, amps_slice bookmarks,
                                amps_slice options, amps_slice sub_id, c_bool *due)
    amps_status amps_client_ack_message(amps_client *client, const amps_message *message,
                                        amps_slice options, c_bool *due)
    amps_status amps_client_send_acks(amps_client *client, amps_failure *failure)
    bint amps_client_flush_acks(amps_client *client)
    void amps_client_wait_acks(amps_client *client, uint32_t wait_ms)
    size_t amps_client_count_acks(amps_client *client)
    ctypedef struct amps_ack_view:
        amps_slice topic
        amps_slice bookmarks
        amps_slice options
    void amps_client_set_acks_by_hand(amps_client *client, bint by_hand)
    bint amps_client_begin_acks(amps_client *client)
    bint amps_client_next_ack(amps_client *client, amps_ack_view *ack)
    void amps_client_sent_ack(amps_client *client)
    void amps_client_retry_acks(amps_client *client, uint32_t in_ms)
    void amps_client_set_ack_batching(amps_client *client, size_t size, uint32_t timeout_ms)
    void amps_client_set_auto_ack(amps_client *client, bint is_auto)
    void amps_client_open_acks(amps_client *client)
    void amps_client_keep_acks(amps_client *client, bint keeps)
    size_t amps_client_drop_acks(amps_client *client)


cdef extern from "amps_publish_store.h" nogil:
    ctypedef struct amps_publish_store_options:
        size_t block_size
        size_t blocks_per_growth
        size_t memory_max
        size_t memory_low
        bint sync_on_store
        bint asks_before_growing
        uint64_t clock_sequence
    size_t AMPS_STORE_BLOCK_SIZE_MIN
    size_t AMPS_STORE_BLOCK_SIZE_MAX
    amps_status amps_publish_store_new(const amps_publish_store_options *options,
                                       amps_publish_store **store)
    amps_status amps_publish_store_open(const char *path, const amps_publish_store_options *options,
                                        amps_failure *failure, amps_publish_store **store)
    amps_status amps_publish_store_open_hybrid(const char *path,
                                               const amps_publish_store_options *options,
                                               amps_failure *failure, amps_publish_store **store)
    void amps_publish_store_drop(amps_publish_store *store)
    amps_status amps_publish_store_close(amps_publish_store *store, bint truncate,
                                         amps_failure *failure)
    amps_status amps_publish_store_sync(amps_publish_store *store, amps_failure *failure)
    uint64_t amps_publish_store_next(amps_publish_store *store)
    amps_status amps_publish_store_add(amps_publish_store *store, uint64_t sequence,
                                       amps_slice frame, amps_failure *failure)
    size_t amps_publish_store_wants(amps_publish_store *store)
    void amps_publish_store_allow(amps_publish_store *store, size_t total_size)
    amps_status amps_publish_store_wait_room(amps_publish_store *store, uint32_t wait_ms)
    void amps_publish_store_set_asks(amps_publish_store *store, bint asks)
    amps_status amps_publish_store_discard_up_to(amps_publish_store *store, uint64_t sequence,
                                                 amps_failure *failure)
    amps_status amps_publish_store_discard_one(amps_publish_store *store, uint64_t sequence,
                                               amps_failure *failure)
    amps_status amps_publish_store_read_after(amps_publish_store *store, uint64_t after, char *out,
                                              size_t out_size, uint64_t *sequence, size_t *size)
    uint64_t amps_publish_store_count(amps_publish_store *store)
    uint64_t amps_publish_store_lowest(amps_publish_store *store)
    uint64_t amps_publish_store_last_persisted(amps_publish_store *store)
    uint64_t amps_publish_store_last_assigned(amps_publish_store *store)
    void amps_publish_store_raise(amps_publish_store *store, uint64_t sequence)
    amps_status amps_publish_store_wait_persisted(amps_publish_store *store, uint64_t sequence,
                                                  uint32_t wait_ms)


cdef extern from "amps_bookmark_store.h" nogil:
    enum: AMPS_BOOKMARK_NOW_SLACK_S
    enum: AMPS_BOOKMARK_SIZE_MAX
    ctypedef struct amps_bookmark_events:
        void *context
        void (*changed)(void *context, amps_slice sub_id) noexcept
        void (*problem)(void *context, const amps_failure *failure) noexcept
        void (*grown)(void *context, amps_slice sub_id, size_t count) noexcept
    amps_status amps_bookmark_store_new(amps_bookmark_store **store)
    amps_status amps_bookmark_store_open_log(const char *path, bint use_last_modified,
                                             amps_failure *failure, amps_bookmark_store **store)
    amps_status amps_bookmark_store_open_ring(const char *path, amps_failure *failure,
                                              amps_bookmark_store **store)
    const amps_failure *amps_bookmark_store_trouble(const amps_bookmark_store *store)
    void amps_bookmark_store_set_events(amps_bookmark_store *store,
                                        const amps_bookmark_events *events)
    void amps_bookmark_store_drop(amps_bookmark_store *store)
    amps_status amps_bookmark_store_close(amps_bookmark_store *store, amps_failure *failure)
    amps_bookmark_sub *amps_bookmark_store_sub(amps_bookmark_store *store, amps_slice sub_id)
    bint amps_bookmark_is_discarded(amps_bookmark_sub *sub, amps_slice bookmark)
    amps_status amps_bookmark_log(amps_bookmark_sub *sub, amps_slice bookmark, uint64_t *index)
    amps_status amps_bookmark_discard(amps_bookmark_sub *sub, amps_slice bookmark)
    amps_status amps_bookmark_discard_message(amps_bookmark_sub *sub, const amps_message *message)
    amps_status amps_bookmark_discard_all(amps_bookmark_sub *sub, const uint64_t *indexes,
                                          size_t count)
    uint32_t amps_bookmark_sub_tag(const amps_bookmark_sub *sub)
    bint amps_bookmark_sub_is_usable(const amps_bookmark_sub *sub)
    amps_status amps_bookmark_discard_index(amps_bookmark_sub *sub, uint64_t index)
    amps_status amps_bookmark_persisted(amps_bookmark_sub *sub, amps_slice bookmark)
    amps_status amps_bookmark_persisted_index(amps_bookmark_sub *sub, uint64_t index)
    amps_status amps_bookmark_anchor(amps_bookmark_sub *sub, amps_slice anchor)
    amps_status amps_bookmark_recover(amps_bookmark_sub *sub, amps_slice list)
    size_t amps_bookmark_most_recent(amps_bookmark_sub *sub, char *out, size_t out_size)
    uint64_t amps_bookmark_oldest(amps_bookmark_sub *sub)
    size_t amps_bookmark_common(amps_bookmark_sub *const *subs, size_t count, char *out,
                                size_t out_size)
    amps_status amps_bookmark_purge(amps_bookmark_sub *sub)
    amps_status amps_bookmark_store_purge(amps_bookmark_store *store)
    amps_status amps_bookmark_store_prune(amps_bookmark_store *store, const char *path,
                                          amps_failure *failure)


cdef extern from "amps_thread.h" nogil:
    uint64_t amps_clock_in_ms(uint32_t ms)


cdef extern from "amps_stream.h" nogil:
    void amps_stream_hold(amps_stream *stream)
    amps_status amps_stream_put(amps_stream *stream, const amps_message *message)
    void amps_stream_publish(amps_stream *stream)
    bint amps_stream_has_room(amps_stream *stream, const amps_message *message)
    bint amps_stream_wait_room(amps_stream *stream, uint64_t deadline)
    ctypedef struct amps_replaced:
        uint64_t bookmark_index
        size_t bookmark_size
        char bookmark[1]
    void amps_stream_watch_replaced(amps_stream *stream)
    const amps_replaced *amps_stream_replaced(amps_stream *stream)
