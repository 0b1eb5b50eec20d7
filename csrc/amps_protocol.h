/* amps_protocol.h: the protocol's lists: header fields, commands, ack types. Each is written once.
 */
#ifndef AMPS_PROTOCOL_H
#define AMPS_PROTOCOL_H

/* Every header key: field, canonical key, second and third spelling ("" = none), and its type:
 * T text, N number (written bare). The order is the order in which the writer writes them. */
#define AMPS_FIELD_MAP(X)                                                                          \
    X(COMMAND, "c", "cmd", "", T)                                                                  \
    X(COMMAND_ID, "cid", "cmd_id", "", T)                                                          \
    X(TOPIC, "t", "topic", "", T)                                                                  \
    X(SUB_ID, "sub_id", "", "", T)                                                                 \
    X(QUERY_ID, "query_id", "", "", T)                                                             \
    X(CLIENT_NAME, "client_name", "", "", T)                                                       \
    X(MESSAGE_TYPE, "mt", "message_type", "", T)                                                   \
    X(USER_ID, "user_id", "", "", T)                                                               \
    X(PASSWORD, "pw", "password", "", T)                                                           \
    X(SUB_IDS, "sids", "", "", T)                                                                  \
    X(BOOKMARK, "bm", "bookmark", "", T)                                                           \
    X(SEQUENCE, "s", "seq", "", N)                                                                 \
    X(BATCH_SIZE, "bs", "batch_size", "", N)                                                       \
    X(FILTER, "filter", "f", "", T)                                                                \
    X(ORDER_BY, "orderby", "order_by", "", T)                                                      \
    X(TOP_N, "top_n", "", "", N)                                                                   \
    X(SOW_KEY, "k", "sow_key", "", T)                                                              \
    X(SOW_KEYS, "sow_keys", "", "", T)                                                             \
    X(EXPIRATION, "e", "expiration", "", N)                                                        \
    X(CORRELATION_ID, "x", "correlation_id", "", T)                                                \
    X(MESSAGE_SIZE, "l", "msg_len", "", N)                                                         \
    X(TIMESTAMP, "ts", "timestamp", "", T)                                                         \
    X(LEASE_PERIOD, "lp", "leaseperiod", "lease_period", T)                                        \
    X(ACK_TYPE, "a", "ack_type", "", T)                                                            \
    X(STATUS, "status", "", "", T)                                                                 \
    X(REASON, "reason", "", "", T)                                                                 \
    X(VERSION, "version", "v", "", T)                                                              \
    X(OPTIONS, "opts", "o", "options", T)                                                          \
    X(MATCHES, "matches", "", "", N)                                                               \
    X(TOPIC_MATCHES, "topic_matches", "", "", N)                                                   \
    X(RECORDS_RETURNED, "records_returned", "", "", N)                                             \
    X(RECORDS_INSERTED, "records_inserted", "", "", N)                                             \
    X(RECORDS_UPDATED, "records_updated", "", "", N)                                               \
    X(RECORDS_DELETED, "records_deleted", "", "", N)                                               \
    X(GROUP_SEQUENCE, "gseq", "group_sequence_number", "", N)                                      \
    X(HEARTBEAT, "heartbeat", "", "", T)                                                           \
    X(TIMEOUT_INTERVAL, "timeout_interval", "", "", N)

typedef enum amps_field {
#define AMPS_FIELD_NAME(name, key, alias, alias2, type) AMPS_FIELD_##name,
    AMPS_FIELD_MAP(AMPS_FIELD_NAME)
#undef AMPS_FIELD_NAME
        AMPS_FIELD_COUNT
} amps_field;

/* The verbs, with the numbers the published API gives them. */
#define AMPS_COMMAND_MAP(X)                                                                        \
    X(UNKNOWN, 0, "")                                                                              \
    X(PUBLISH, 1, "publish")                                                                       \
    X(SUBSCRIBE, 2, "subscribe")                                                                   \
    X(UNSUBSCRIBE, 4, "unsubscribe")                                                               \
    X(SOW, 8, "sow")                                                                               \
    X(HEARTBEAT, 16, "heartbeat")                                                                  \
    X(SOW_DELETE, 32, "sow_delete")                                                                \
    X(DELTA_PUBLISH, 64, "delta_publish")                                                          \
    X(LOGON, 128, "logon")                                                                         \
    X(SOW_AND_SUBSCRIBE, 256, "sow_and_subscribe")                                                 \
    X(DELTA_SUBSCRIBE, 512, "delta_subscribe")                                                     \
    X(SOW_AND_DELTA_SUBSCRIBE, 1024, "sow_and_delta_subscribe")                                    \
    X(START_TIMER, 2048, "start_timer")                                                            \
    X(STOP_TIMER, 4096, "stop_timer")                                                              \
    X(GROUP_BEGIN, 8192, "group_begin")                                                            \
    X(GROUP_END, 16384, "group_end")                                                               \
    X(OOF, 32768, "oof")                                                                           \
    X(ACK, 65536, "ack")                                                                           \
    X(FLUSH, 131072, "flush")

typedef enum amps_command {
#define AMPS_COMMAND_NAME(name, number, text) AMPS_COMMAND_##name = number,
    AMPS_COMMAND_MAP(AMPS_COMMAND_NAME)
#undef AMPS_COMMAND_NAME
} amps_command;

/* The ack types, as bits; a list of them is a mask. */
#define AMPS_ACK_MAP(X)                                                                            \
    X(RECEIVED, 1, "received")                                                                     \
    X(PARSED, 2, "parsed")                                                                         \
    X(PROCESSED, 4, "processed")                                                                   \
    X(PERSISTED, 8, "persisted")                                                                   \
    X(COMPLETED, 16, "completed")                                                                  \
    X(STATS, 32, "stats")

typedef enum amps_ack {
    AMPS_ACK_NONE = 0,
#define AMPS_ACK_NAME(name, number, text) AMPS_ACK_##name = number,
    AMPS_ACK_MAP(AMPS_ACK_NAME)
#undef AMPS_ACK_NAME
} amps_ack;

#endif
