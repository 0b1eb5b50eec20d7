/* test_reader.c: every message reaches those it is for, in order, and nobody else. */
#include "amps_reader.h"

#include "check.h"
#include "peer.h"
#include "witness.h"

static const char *const two[] = {"a", "b"};

/* ---- Publishes --------------------------------------------------------------------------------
 */

static void a_publish_goes_to_every_id_it_lists(void)
{
    static const exchange exchanges[] = {
        {"{\"c\":\"p\",\"sids\":\"a\"}1", "a/a=1;"},
        {"{\"c\":\"publish\",\"sids\":\"a,b\"}2", "a/a=2;b/b=2;"},
        {"{\"c\":\"p\",\"sids\":\"b,a,b\"}3", "b/b=3;a/a=3;"},
        {"{\"c\":\"p\",\"sids\":\"  a ,  b  \"}4", "a/a=4;b/b=4;"},
        {"{\"c\":\"p\",\"sids\":\",,a,\"}5", "a/a=5;"},
        {"{\"c\":\"p\",\"sids\":\"x,a,y\"}6", "a/a=6;"},
        {"{\"c\":\"p\",\"sub_id\":\"b\"}7", "b/b=7;"},
        {"{\"c\":\"p\",\"sub_id\":\"b\",\"sids\":\"a\"}8", "a/a=8;"},
        {"{\"c\":\"oof\",\"sids\":\"a,b\"}9", "a/a=9;b/b=9;"},
        {"{\"c\":\"p\",\"sids\":\"a\"}", "a/a=;"},
        {"{\"c\":\"p\",\"sids\":\"a\"}{\"c\":\"p\"}", "a/a={\"c\":\"p\"};"},
    };
    witness *seen = witness_start(2, two);
    witness_open(seen);
    check_exchanges(seen, exchanges, COUNT_OF(exchanges));
    witness_end(seen);
}

static const exchange for_nobody[] = {
    {"{\"c\":\"p\",\"sids\":\"x,y\"}1", "last/=1;"},
    {"{\"c\":\"p\",\"sids\":\"aa\"}2", "last/=2;"},
    {"{\"c\":\"p\",\"sids\":\"A\"}3", "last/=3;"},
    {"{\"c\":\"p\",\"sids\":\" , \"}4", "last/=4;"},
    {"{\"c\":\"p\",\"sids\":\"\"}5", "last/=5;"},
    {"{\"c\":\"p\"}6", "last/=6;"},
    {"{\"c\":\"p\",\"query_id\":\"a\"}7", "last/=7;"},
    {"{\"c\":\"nonsense\",\"sub_id\":\"a\"}8", "last/=8;"},
    {"{}9", "last/=9;"},
    {"{\"c\":\"sow\",\"query_id\":\"x\"}{\"l\":2}10", "last/=10;"},
    {"{\"c\":\"group_begin\",\"query_id\":\"x\"}", "last/=;"},
    {"{\"c\":\"ack\",\"cid\":\"x\",\"a\":\"processed\"}", "last/=;"},
    {"{\"c\":\"ack\"}", "last/=;"},
};

static void what_nobody_listens_to_goes_to_the_last_chance(void)
{
    witness *seen = witness_start(2, two);
    witness_open(seen);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    check_exchanges(seen, for_nobody, COUNT_OF(for_nobody));
    witness_end(seen);
}

static void without_a_last_chance_it_goes_nowhere(void)
{
    witness *seen = witness_start(2, two);
    witness_open(seen);
    for (size_t index = 0; index < COUNT_OF(for_nobody); index++) {
        peer_say(seen->wire.peers, for_nobody[index].frame);
    }
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"a\"}.");
    witness_expect(seen, "a/a=.;");
    witness_end(seen);
}

static void an_escaped_id_finds_its_route_and_one_too_long_finds_none(void)
{
    char     text[600] = "{\"c\":\"p\",\"sids\":\"q\\\"\\u0041";
    witness *seen = witness_start(2, (const char *const[]){"a", "q\"A"});
    witness_open(seen);
    strcat(text, "\"}1");
    peer_say(seen->wire.peers, text);
    witness_expect(seen, "q\"A/q\\\"\\u0041=1;");
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    size_t size = strlen("{\"c\":\"p\",\"sids\":\"");
    memset(text + size, 'x', AMPS_ID_SIZE_MAX);
    strcpy(text + size + AMPS_ID_SIZE_MAX, "\\n\"}2");
    peer_say(seen->wire.peers, text);
    witness_expect(seen, "last/=2;");
    witness_end(seen);
}

/* ---- Answers to queries -----------------------------------------------------------------------
 */

static void records_and_groups_go_to_their_query(void)
{
    static const exchange exchanges[] = {
        {"{\"c\":\"group_begin\",\"query_id\":\"b\"}", "b/=;"},
        {"{\"c\":\"sow\",\"query_id\":\"b\"}{\"k\":\"1\",\"l\":3}abc{\"l\":0}{\"l\":2}de",
         "b/=abc;b/=;b/=de;"},
        {"{\"c\":\"sow\",\"query_id\":\"b\",\"l\":3}abc", "b/=abc;"},
        {"{\"c\":\"sow\",\"query_id\":\"b\"}", ""},
        {"{\"c\":\"sow\",\"sub_id\":\"b\"}{\"l\":1}s", "b/=s;"},
        {"{\"c\":\"sow\",\"cid\":\"b\"}{\"l\":1}c", "b/=c;"},
        {"{\"c\":\"sow\",\"query_id\":\"x\",\"sub_id\":\"b\",\"cid\":\"a\"}{\"l\":1}f", "b/=f;"},
        {"{\"c\":\"group_end\",\"sub_id\":\"b\"}", "b/=;"},
    };
    witness *seen = witness_start(2, two);
    witness_open(seen);
    check_exchanges(seen, exchanges, COUNT_OF(exchanges));
    witness_end(seen);
}

static void acks_reach_only_routes_that_asked_for_their_type(void)
{
    static const exchange exchanges[] = {
        {"{\"c\":\"ack\",\"cid\":\"b\",\"a\":\"stats\"}", "b/=;"},
        {"{\"c\":\"ack\",\"cid\":\"b\",\"a\":\"processed\"}", ""},
        {"{\"c\":\"ack\",\"cid\":\"b\",\"a\":\"processed,stats\"}", "b/=;"},
        {"{\"c\":\"ack\",\"cid\":\"x\",\"query_id\":\"b\",\"a\":\"stats\"}", "b/=;"},
        {"{\"c\":\"ack\",\"sids\":\"x, b,a\",\"a\":\"stats\"}", "b/=;"},
        {"{\"c\":\"ack\",\"sids\":\"x,,\",\"a\":\"stats\"}", "last/=;"},
        {"{\"c\":\"ack\",\"cid\":\"b\",\"a\":\"nonsense\"}", ""},
        {"{\"c\":\"ack\",\"cid\":\"b\"}", ""},
    };
    witness *seen = witness_start(2, two);
    witness_open(seen);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    check_exchanges(seen, exchanges, COUNT_OF(exchanges));
    witness_end(seen);
}

/* ---- Routes that change while messages come ----------------------------------------------------
 */

static void a_header_seen_before_finds_who_listens_now(void)
{
    static const char *const frames[] = {"{\"c\":\"p\",\"sids\":\"a\"}.",
                                         "{\"c\":\"p\",\"sids\":\"x,a\"}."};
    witness                 *seen = witness_start(0, NULL);
    witness_open(seen);
    amps_client_want(seen->client, AMPS_FOR_LAST_CHANCE, true);
    for (size_t index = 0; index < COUNT_OF(frames); index++) {
        const char *frame = frames[index];
        for (int turn = 0; turn < 3; turn++) {
            const char *name = turn == 0 ? "old" : "new";
            char        expected[100];
            CHECK_STATUS(witness_route(seen, "a", &(amps_sink){.handler = (void *)(uintptr_t)name}),
                         AMPS_OK);
            peer_say(seen->wire.peers, frame);
            peer_say(seen->wire.peers, frame);
            snprintf(expected, sizeof expected, "%s/a=.;%s/a=.;", name, name);
            witness_expect(seen, expected);
            CHECK(witness_unroute(seen, "a"));
            peer_say(seen->wire.peers, frame);
            witness_expect(seen, "last/=.;");
        }
    }
    witness_end(seen);
}

static void *remove_soon(void *seen)
{
    for (int turn = 0; turn < 200; turn++) { /* somewhere in here the message comes */
        witness_unroute(seen, "none");
    }
    CHECK(witness_unroute(seen, "a"));
    return NULL;
}

/* However the two meet: afterwards nobody is called any more, nor is freed memory looked at. */
static void a_route_removed_while_its_message_comes_is_not_used_again(void)
{
    static const char frame[] = "{\"c\":\"p\",\"sids\":\"a\"}.";
    witness          *seen = witness_start(0, NULL);
    witness_open(seen);
    for (int turn = 0; turn < 1000; turn++) {
        CHECK_STATUS(witness_route(seen, "a", &(amps_sink){.handler = (void *)(uintptr_t)two[0]}),
                     AMPS_OK);
        pthread_t thread = start(remove_soon, seen);
        peer_say(seen->wire.peers, frame);
        join(thread);
        wait_taken(seen->wire.ours);
        size_t before = witness_now(seen, &seen->dead);
        peer_say(seen->wire.peers, frame);
        wait_taken(seen->wire.ours);
        CHECK(witness_now(seen, &seen->dead) <= before + 1); /* the first one's, at most */
    }
    witness_end(seen);
}

/* What a handler reads as the id is the id it subscribed with. */
static void read_escaped_id(witness *seen, const amps_delivery *delivery)
{
    char       text[AMPS_ID_SIZE_MAX];
    amps_slice id;
    bool       escaped;
    (void)seen;
    CHECK_STATUS(amps_message_field(&delivery->message, AMPS_FIELD_SUB_ID, &id, &escaped), AMPS_OK);
    size_t size = escaped ? amps_text_decode(id, text) : id.size;
    CHECK_TEXT(((amps_slice){escaped ? text : id.at, size}), "q\"A");
}

static void an_escaped_id_is_read_as_it_was_given(void)
{
    witness *seen = witness_start(1, (const char *const[]){"q\"A"});
    seen->on_delivery = read_escaped_id;
    witness_open(seen);
    peer_say(seen->wire.peers, "{\"c\":\"p\",\"sids\":\"q\\\"\\u0041\"}1");
    witness_wait(seen, &seen->delivered, 1);
    witness_end(seen);
}

int main(void)
{
    RUN(a_publish_goes_to_every_id_it_lists);
    RUN(what_nobody_listens_to_goes_to_the_last_chance);
    RUN(without_a_last_chance_it_goes_nowhere);
    RUN(an_escaped_id_finds_its_route_and_one_too_long_finds_none);
    RUN(records_and_groups_go_to_their_query);
    RUN(acks_reach_only_routes_that_asked_for_their_type);
    RUN(a_header_seen_before_finds_who_listens_now);
    RUN(a_route_removed_while_its_message_comes_is_not_used_again);
    RUN(an_escaped_id_is_read_as_it_was_given);
    return 0;
}
