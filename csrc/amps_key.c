/* amps_key.c: the keys of a header, from text to field and back. */
#include "amps_key.h"

/* `key` has as many bytes as `name`: the compiler makes it one or two compared words. */
#define IS(name, field)                                                                            \
    (memcmp(key, name, sizeof name - 1) == 0 ? AMPS_FIELD_##field : AMPS_KEY_UNKNOWN)

static amps_field field_of_pair(const char *key)
{
    switch (key[0]) {
    case 't':
        return IS("ts", TIMESTAMP);
    case 'b':
        return key[1] == 'm' ? AMPS_FIELD_BOOKMARK : IS("bs", BATCH_SIZE);
    case 'l':
        return IS("lp", LEASE_PERIOD);
    case 'm':
        return IS("mt", MESSAGE_TYPE);
    default:
        return IS("pw", PASSWORD);
    }
}

static amps_field field_of_4(const char *key)
{
    switch (key[0]) {
    case 's':
        return IS("sids", SUB_IDS);
    case 'o':
        return IS("opts", OPTIONS);
    default:
        return IS("gseq", GROUP_SEQUENCE);
    }
}

static amps_field field_of_6(const char *key)
{
    switch (key[1]) {
    case 'u':
        return IS("sub_id", SUB_ID);
    case 't':
        return IS("status", STATUS);
    case 'e':
        return IS("reason", REASON);
    case 'i':
        return IS("filter", FILTER);
    default:
        return IS("cmd_id", COMMAND_ID);
    }
}

static amps_field field_of_7(const char *key)
{
    switch (key[1]) {
    case 'a':
        return IS("matches", MATCHES);
    case 'e':
        return IS("version", VERSION);
    case 'o':
        return IS("sow_key", SOW_KEY);
    case 'p':
        return IS("options", OPTIONS);
    case 'r':
        return IS("orderby", ORDER_BY);
    case 's':
        return key[0] == 'u' ? IS("user_id", USER_ID) : IS("msg_len", MESSAGE_SIZE);
    default:
        return AMPS_KEY_UNKNOWN;
    }
}

static amps_field field_of_8(const char *key)
{
    switch (key[0]) {
    case 'q':
        return IS("query_id", QUERY_ID);
    case 'b':
        return IS("bookmark", BOOKMARK);
    case 's':
        return IS("sow_keys", SOW_KEYS);
    case 'a':
        return IS("ack_type", ACK_TYPE);
    case 'o':
        return IS("order_by", ORDER_BY);
    default:
        return IS("password", PASSWORD);
    }
}

/* The long keys: rare on the way in, and each length has one or two. */
static amps_field field_of_long(const char *key, size_t size)
{
    switch (size) {
    case 9:
        return key[0] == 't' ? IS("timestamp", TIMESTAMP) : IS("heartbeat", HEARTBEAT);
    case 10:
        return key[0] == 'b' ? IS("batch_size", BATCH_SIZE) : IS("expiration", EXPIRATION);
    case 11:
        return key[0] == 'c' ? IS("client_name", CLIENT_NAME) : IS("leaseperiod", LEASE_PERIOD);
    case 12:
        return key[0] == 'm' ? IS("message_type", MESSAGE_TYPE) : IS("lease_period", LEASE_PERIOD);
    case 13:
        return IS("topic_matches", TOPIC_MATCHES);
    case 14:
        return IS("correlation_id", CORRELATION_ID);
    case 15:
        return key[8] == 'u' ? IS("records_updated", RECORDS_UPDATED)
                             : IS("records_deleted", RECORDS_DELETED);
    case 16:
        return key[0] == 't'   ? IS("timeout_interval", TIMEOUT_INTERVAL)
               : key[8] == 'r' ? IS("records_returned", RECORDS_RETURNED)
                               : IS("records_inserted", RECORDS_INSERTED);
    case 21:
        return IS("group_sequence_number", GROUP_SEQUENCE);
    default:
        return AMPS_KEY_UNKNOWN;
    }
}

/* A decision tree; test_key.c walks AMPS_FIELD_MAP to see that the two agree. */
amps_field amps_key_find(amps_slice text)
{
    const char *key = text.at;
    switch (text.size) {
    case 1:
        return amps_key_find_letter(key[0]);
    case 2:
        return field_of_pair(key);
    case 3:
        return key[1] == 'i'   ? IS("cid", COMMAND_ID)
               : key[0] == 'c' ? IS("cmd", COMMAND)
                               : IS("seq", SEQUENCE);
    case 4:
        return field_of_4(key);
    case 5:
        return key[2] == 'p' && key[3] == 'i' ? IS("topic", TOPIC) : IS("top_n", TOP_N);
    case 6:
        return field_of_6(key);
    case 7:
        return field_of_7(key);
    case 8:
        return field_of_8(key);
    default:
        return field_of_long(key, text.size);
    }
}

#define IS_NUMBER_T false
#define IS_NUMBER_N true
#define KEY_WRITTEN(name, key, alias, alias2, type)                                                \
    {",\"" key "\":", sizeof ",\"" key "\":" - 1, IS_NUMBER_##type},

const amps_key amps_key_written[AMPS_FIELD_COUNT] = {AMPS_FIELD_MAP(KEY_WRITTEN)};
