/* test_c_handler.c: a handler written in C sees the whole message, and no byte more. */
#include "amps_base.h"
#include "check.h"

#define HEADER "{\"c\":\"sow\",\"t\":\"a\\\"b\",\"k\":\"outer\",\"x\":\"\"}"
#define RECORD "{\"k\":\"7\",\"l\":4}"

static unsigned calls;

static size_t field(const amps_c_message *message, const char *key, char *out, size_t out_size)
{
    memset(out, '?', out_size);
    return message->field(message, key, out, out_size);
}

static void look(const amps_c_message *message, void *user_data)
{
    char out[64];
    CHECK(user_data == &calls);
    CHECK_NUMBER(message->abi, AMPS_C_HANDLER_ABI);
    CHECK_NUMBER(message->size, sizeof *message);
    CHECK_TEXT(((amps_slice){message->body, message->body_size}), "body");
    CHECK_TEXT(((amps_slice){message->header, message->header_size}), HEADER);
    CHECK_TEXT(((amps_slice){out, field(message, "c", out, sizeof out)}), "sow");
    CHECK_TEXT(((amps_slice){out, field(message, "sow_key", out, sizeof out)}), "7");
    CHECK_TEXT(((amps_slice){out, field(message, "topic", out, sizeof out)}), "a\"b");
    CHECK_NUMBER(field(message, "x", out, sizeof out), AMPS_C_FIELD_ABSENT); /* per record */
    CHECK_NUMBER(field(message, "bm", out, sizeof out), AMPS_C_FIELD_ABSENT);
    CHECK_NUMBER(field(message, "nonsense", out, sizeof out), AMPS_C_FIELD_ABSENT);
    CHECK_NUMBER(field(message, "", out, sizeof out), AMPS_C_FIELD_ABSENT);
    calls++;
}

static amps_message message_of(const char *header, const char *record)
{
    return (amps_message){.header = amps_slice_of(header),
                          .record = amps_slice_of(record),
                          .body = amps_slice_of("body")};
}

static void it_sees_body_header_and_fields(void)
{
    amps_message message = message_of(HEADER, RECORD);
    amps_c_handler_call(look, &calls, &message);
    CHECK_NUMBER(calls, 1);
}

static void ask_with_little_room(const amps_c_message *message, void *user_data)
{
    char out[8];
    (void)user_data;
    CHECK_NUMBER(field(message, "t", out, 2), 5); /* the whole size; so much of it as fits */
    CHECK(memcmp(out, "ab", 2) == 0);
    CHECK_NUMBER(field(message, "reason", out, 3), 4);
    CHECK(memcmp(out, "q\"r", 3) == 0);
    CHECK_NUMBER(message->field(message, "t", NULL, 0), 5);
    CHECK_NUMBER(message->field(message, "reason", NULL, 0), 4);
    calls++;
}

static void a_value_that_does_not_fit_is_cut_and_measured(void)
{
    amps_message message = message_of("{\"t\":\"abcde\",\"reason\":\"q\\\"rs\"}", "");
    calls = 0;
    amps_c_handler_call(ask_with_little_room, NULL, &message);
    CHECK_NUMBER(calls, 1);
}

int main(void)
{
    RUN(it_sees_body_header_and_fields);
    RUN(a_value_that_does_not_fit_is_cut_and_measured);
    return 0;
}
