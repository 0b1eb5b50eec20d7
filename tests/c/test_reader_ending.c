/* test_reader_ending.c: a command's results end for those who are told, and what is told besides.
 */
#include "amps_reader.h"
#include "check.h"
#include "peer.h"
#include "witness.h"

static const char *const two[] = {"a", "b"};

static void route_ids(witness *seen, const char *command_id, const char *id, amps_sink sink)
{
    const amps_slice ids[] = {amps_slice_of(command_id), amps_slice_of(id)};
    CHECK_STATUS(amps_client_add_route(seen->client, ids, COUNT_OF(ids), &sink), AMPS_OK);
}

static void *named(const char *name) { return (void *)(uintptr_t)name; }

static const char *const query_frames[] = {
    "{\"c\":\"ack\",\"cid\":\"1\",\"a\":\"processed\",\"status\":\"success\"}",
    "{\"c\":\"group_begin\",\"query_id\":\"q\"}",
    "{\"c\":\"sow\",\"query_id\":\"q\"}{\"l\":1}r",
    "{\"c\":\"group_end\",\"query_id\":\"q\"}",
    "{\"c\":\"ack\",\"cid\":\"1\",\"query_id\":\"q\",\"a\":\"completed\",\"status\":\"success\","
    "\"records_returned\":1}",
};

static void say_all(witness *seen, const char *const *frames, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        peer_say(seen->wire.peers, frames[index]);
    }
}

static void a_query_lets_go_of_its_handler_and_hides_the_library_s_acks(void)
{
    witness *seen = witness_start(2, two);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    route_ids(seen, "1", "q", (amps_sink){.handler = named("q"), .verb = AMPS_COMMAND_SOW});
    witness_open(seen);
    say_all(seen, query_frames, COUNT_OF(query_frames));
    peer_say(seen->wire.peers, query_frames[2]); /* late: nobody's any more */
    witness_expect(seen, "q/=;q/=r;q/=;gone/=;last/=r;");
    CHECK(!witness_unroute(seen, "q"));
    witness_end(seen);
}

/* Its handler is let go of by then, and the route still waits for the completed ack. */
static void a_complete_query_is_told_nothing_more_by_a_header_seen_before(void)
{
    static const char strange[] = "{\"c\":\"p\",\"sids\":\"q\"}.";
    witness          *seen = witness_start(2, two);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    route_ids(seen, "1", "q", (amps_sink){.handler = named("q"), .verb = AMPS_COMMAND_SOW});
    witness_open(seen);
    peer_say(seen->wire.peers, strange);
    say_all(seen, query_frames, COUNT_OF(query_frames) - 1);
    peer_say(seen->wire.peers, strange);
    witness_expect(seen, "q/q=.;q/=;q/=r;q/=;gone/=;last/=.;");
    witness_end(seen);
}

static void a_query_s_stream_ends_behind_its_last_message(void)
{
    amps_message message;
    void        *block;
    witness     *seen = witness_start(2, two);
    amps_stream *stream = amps_stream_new(0);
    route_ids(seen, "1", "q", (amps_sink){.stream = stream, .verb = AMPS_COMMAND_SOW});
    witness_open(seen);
    say_all(seen, query_frames, COUNT_OF(query_frames));
    take(stream, "");
    take(stream, "r");
    take(stream, "");
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_END);
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_END);
    route_ids(seen, "2", "q", (amps_sink){.handler = named("q"), .verb = AMPS_COMMAND_SOW});
    amps_stream_drop(stream);
    witness_end(seen);
}

static void a_query_that_is_broken_off_says_why(void)
{
    static const char failed[] = "{\"c\":\"ack\",\"cid\":\"1\",\"a\":\"completed\","
                                 "\"status\":\"failure\",\"reason\":\"why\"}";
    witness          *seen = witness_start(2, two);
    amps_stream      *stream = amps_stream_new(0);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    route_ids(seen, "1", "q", (amps_sink){.stream = stream, .verb = AMPS_COMMAND_SOW});
    route_ids(seen, "2", "r", (amps_sink){.handler = named("r"), .verb = AMPS_COMMAND_SOW});
    witness_open(seen);
    say_all(seen, query_frames, 3);
    peer_say(seen->wire.peers, failed);
    peer_say(seen->wire.peers,
             "{\"c\":\"ack\",\"cid\":\"2\",\"a\":\"completed\",\"status\":\"failure\"}");
    witness_expect(seen, "broke/=;");
    take(stream, "");
    take(stream, "r");
    CHECK_STATUS(amps_stream_wait(stream, PATIENCE_MS), AMPS_BROKEN_OFF);
    CHECK_TEXT(amps_stream_failure(stream), failed);
    amps_stream_drop(stream);
    witness_end(seen);
}

static void an_ack_of_an_earlier_command_does_not_end_a_later_one(void)
{
    witness *seen = witness_start(2, two);
    route_ids(seen, "1", "q", (amps_sink){.handler = named("old"), .verb = AMPS_COMMAND_SOW});
    witness_open(seen);
    say_all(seen, query_frames, COUNT_OF(query_frames) - 1);
    witness_expect(seen, "old/=;old/=r;old/=;gone/=;");
    route_ids(seen, "2", "q", (amps_sink){.handler = named("new"), .verb = AMPS_COMMAND_SOW});
    peer_say(seen->wire.peers, query_frames[4]); /* completed, of command 1 */
    say_all(seen, query_frames + 1, 3);
    witness_expect(seen, "new/=;new/=r;new/=;gone/=;");
    witness_end(seen);
}

static void a_replacing_route_takes_over_with_the_server_s_word(void)
{
    static const char accepted[] =
        "{\"c\":\"ack\",\"cid\":\"2\",\"a\":\"processed\",\"status\":\"success\"}";
    static const char refused[] =
        "{\"c\":\"ack\",\"cid\":\"3\",\"a\":\"processed\",\"status\":\"failure\"}";
    static const char message[] = "{\"c\":\"p\",\"sids\":\"s\"}.";
    amps_sink         sink = {.handler = named("old"), .verb = AMPS_COMMAND_SUBSCRIBE};
    witness          *seen = witness_start(2, two);
    route_ids(seen, "1", "s", sink);
    sink.replaces = true;
    sink.handler = named("new");
    route_ids(seen, "2", "s", sink);
    sink.handler = named("never");
    route_ids(seen, "3", "s", sink);
    witness_open(seen);
    say_all(seen, (const char *const[]){message, accepted, message, refused, message}, 5);
    witness_expect(seen, "old/s=.;gone/=;new/s=.;gone/=;new/s=.;"); /* each let go of in its turn */
    witness_end(seen);
}

static void a_refused_publish_is_told_as_a_failed_write(void)
{
    static const char refused[] =
        "{\"c\":\"ack\",\"cid\":\"1\",\"a\":\"persisted\",\"status\":\"failure\"}";
    static const char stored[] =
        "{\"c\":\"ack\",\"cid\":\"2\",\"a\":\"persisted\",\"status\":\"success\"}";
    static const char numbered[] =
        "{\"c\":\"ack\",\"a\":\"persisted\",\"s\":4,\"status\":\"failure\"}";
    const amps_sink publish = {.verb = AMPS_COMMAND_PUBLISH, .ack_types = AMPS_ACK_PERSISTED};
    witness        *seen = witness_start(2, two);
    route_ids(seen, "1", "1", publish);
    route_ids(seen, "2", "2", publish);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    witness_open(seen);
    say_all(seen, (const char *const[]){stored, refused, numbered}, 3);
    witness_expect(seen, "last/=;last/=;");
    amps_client_want(seen->client, AMPS_FOR_FAILED_WRITE, true);
    route_ids(seen, "1", "1", publish);
    say_all(seen, (const char *const[]){refused, numbered}, 2);
    witness_expect(seen, "failed/=;failed/=;");
    witness_end(seen);
}

static void who_wants_all_acks_and_heartbeats_is_told_first(void)
{
    static const exchange exchanges[] = {
        {"{\"c\":\"ack\",\"cid\":\"b\",\"a\":\"stats\"}", "acks/=;b/=;"},
        {"{\"c\":\"ack\",\"cid\":\"x\",\"a\":\"stats\"}", "acks/=;"},
        {"{\"c\":\"heartbeat\"}", "beats/=;"},
    };
    witness *seen = witness_start(2, two);
    amps_client_want(seen->client, AMPS_FOR_ALL_ACKS, true);
    amps_client_want(seen->client, AMPS_FOR_ALL_HEARTBEATS, true);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    witness_open(seen);
    check_exchanges(seen, exchanges, COUNT_OF(exchanges));
    amps_client_want(seen->client, AMPS_FOR_ALL_ACKS, false);
    check_exchanges(seen, (const exchange[]){{exchanges[1].frame, "last/=;"}}, 1);
    witness_end(seen);
}

static void write_down(const amps_c_message *message, void *user_data)
{
    witness      *seen = user_data;
    amps_delivery as_told = {.audience = AMPS_FOR_ROUTE,
                             .handler = named("c"),
                             .message = *(const amps_message *)message->inside};
    CHECK(amps_client_in_handler(seen->client));
    witness_call(seen, &as_told);
}

static void a_function_in_c_is_called_in_its_turn(void)
{
    witness        *seen = witness_start(2, two);
    const amps_sink sink = {.function = write_down, .user_data = seen};
    CHECK_STATUS(witness_route(seen, "c", &sink), AMPS_OK);
    witness_open(seen);
    static const exchange exchanges[] = {
        {"{\"c\":\"p\",\"sids\":\"a,c,b\"}1", "a/a=1;c/c=1;b/b=1;"},
        {"{\"c\":\"p\",\"sids\":\"c\"}2", "c/c=2;"},
    };
    check_exchanges(seen, exchanges, COUNT_OF(exchanges));
    CHECK(witness_unroute(seen, "c"));
    check_exchanges(seen, (const exchange[]){{exchanges[1].frame, ""}}, 1);
    witness_end(seen);
}

int main(void)
{
    RUN(a_query_lets_go_of_its_handler_and_hides_the_library_s_acks);
    RUN(a_complete_query_is_told_nothing_more_by_a_header_seen_before);
    RUN(a_query_s_stream_ends_behind_its_last_message);
    RUN(a_query_that_is_broken_off_says_why);
    RUN(an_ack_of_an_earlier_command_does_not_end_a_later_one);
    RUN(a_replacing_route_takes_over_with_the_server_s_word);
    RUN(a_refused_publish_is_told_as_a_failed_write);
    RUN(who_wants_all_acks_and_heartbeats_is_told_first);
    RUN(a_function_in_c_is_called_in_its_turn);
    return 0;
}
