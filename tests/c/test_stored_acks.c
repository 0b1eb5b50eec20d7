/* test_stored_acks.c: what the server's acks do to what is kept, and which store that is in. */
#include "stage.h"

static amps_stored_word hear(stage *staged, const char *text)
{
    amps_header header;
    size_t      size;
    CHECK_STATUS(amps_header_parse((amps_slice){text, strlen(text)}, &header, &size), AMPS_OK);
    return amps_stored_hear(&staged->stored, &header);
}

static amps_stored_word hear_of(stage *staged, uint64_t sequence)
{
    char text[100];
    snprintf(text, sizeof text,
             "{\"c\":\"ack\",\"a\":\"persisted\",\"status\":\"success\",\"s\":%llu}",
             (unsigned long long)sequence);
    return hear(staged, text);
}

/* ---- What the server says -------------------------------------------------------------------- */

static void acks_discard_what_was_sent_and_nothing_else(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    amps_stored_follow(&staged.stored, 0);
    for (int turn = 0; turn < 5; turn++) {
        publish(&staged, "x");
    }
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 5);
    CHECK_NUMBER(hear_of(&staged, BASE + 3), AMPS_STORED_DONE);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 2);
    for (uint64_t older = BASE; older <= BASE + 3; older++) {
        CHECK_NUMBER(hear_of(&staged, older), AMPS_STORED_DONE);
    }
    CHECK_NUMBER(amps_publish_store_last_persisted(staged.store), BASE + 3);
    CHECK_NUMBER(hear(&staged, "{\"c\":\"ack\",\"status\":\"success\"}"), AMPS_STORED_NOTHING);
    CHECK_NUMBER(hear(&staged, "{\"c\":\"ack\",\"s\":\"x\"}"), AMPS_STORED_NOTHING);
    CHECK_NUMBER(hear(&staged, "{\"c\":\"ack\",\"s\":-1}"), AMPS_STORED_NOTHING);
    CHECK_NUMBER(hear(&staged, "{\"c\":\"ack\",\"s\":99999999999999999999}"), AMPS_STORED_NOTHING);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 2);
    close_stage(&staged);
}

static void an_ack_of_an_unknown_number_leaves_what_was_not_sent(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    publish(&staged, "kept before");
    CHECK_NUMBER(hear_of(&staged, BASE + 100), AMPS_STORED_UNKNOWN);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 1);
    amps_stored_follow(&staged.stored, 0);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 1);
    CHECK_NUMBER(publish(&staged, "above it").sequence, BASE + 101);
    expect_sequences(staged.rigged.wire.peers, BASE + 101, BASE + 101);
    CHECK_NUMBER(hear_of(&staged, BASE + 1), AMPS_STORED_DONE);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 1);
    CHECK_NUMBER(hear_of(&staged, BASE + 101), AMPS_STORED_DONE);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 0);
    close_stage(&staged);
}

static void an_ack_below_what_the_logon_said_is_no_news(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    publish(&staged, "x");
    amps_stored_follow(&staged.stored, BASE + 1);
    CHECK_NUMBER(hear_of(&staged, BASE + 1), AMPS_STORED_DONE);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 1);
    close_stage(&staged);
}

static void a_failure_concerns_its_own_number(void)
{
    static const char failed[] = "{\"c\":\"ack\",\"a\":\"persisted\",\"status\":\"failure\","
                                 "\"s\":1002}";
    stage             staged;
    amps_header       header;
    size_t            size;
    open_stage(&staged, SMALL);
    for (int turn = 0; turn < 3; turn++) {
        publish(&staged, "x");
    }
    CHECK_NUMBER(hear(&staged, failed), AMPS_STORED_REFUSED);
    CHECK_NUMBER(amps_publish_store_count(staged.store), 3);
    CHECK_STATUS(amps_header_parse((amps_slice){failed, strlen(failed)}, &header, &size), AMPS_OK);
    for (int turn = 0; turn < 2; turn++) {
        amps_stored_discard_one(&staged.stored, &header);
        CHECK_NUMBER(amps_publish_store_count(staged.store), 2);
    }
    amps_stored_follow(&staged.stored, 0);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 1);
    expect_sequences(staged.rigged.wire.peers, BASE + 3, BASE + 3);
    close_stage(&staged);
}

static void a_store_that_is_closed_says_so(void)
{
    stage     staged;
    amps_kept kept;
    open_stage(&staged, SMALL);
    amps_stored_follow(&staged.stored, 0);
    publish(&staged, "x");
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 1);
    CHECK_STATUS(amps_stored_wait_sent(&staged.stored, BASE + 1, amps_clock_in_ms(PATIENCE_MS)),
                 AMPS_OK);
    CHECK_STATUS(amps_publish_store_close(staged.store, false, NULL), AMPS_OK);
    CHECK_NUMBER(hear_of(&staged, BASE + 1), AMPS_STORED_FAILED);
    CHECK_STATUS(try_publish(&staged, BYTES("y"), &kept), AMPS_CLOSED);
    CHECK(!peer_sees(staged.rigged.wire.peers, SHORT_MS));
    close_stage(&staged);
}

/* ---- Which store ----------------------------------------------------------------------------- */

static void a_store_is_exchanged_when_nothing_of_it_waits(void)
{
    stage staged;
    open_stage(&staged, SMALL);
    amps_publish_store *other = new_store();
    publish(&staged, "x");
    CHECK_STATUS(amps_stored_set(&staged.stored, other), AMPS_OK);
    CHECK_STATUS(amps_stored_set(&staged.stored, staged.store), AMPS_OK);
    amps_stored_follow(&staged.stored, 0);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 1);
    CHECK_STATUS(amps_stored_set(&staged.stored, other), AMPS_ALREADY_CONNECTED);
    CHECK_STATUS(amps_stored_set(&staged.stored, NULL), AMPS_ALREADY_CONNECTED);
    CHECK_NUMBER(hear_of(&staged, BASE + 1), AMPS_STORED_DONE);
    CHECK_STATUS(amps_stored_set(&staged.stored, NULL), AMPS_OK);
    CHECK(!amps_stored_is_used(&staged.stored));
    CHECK_NUMBER(hear_of(&staged, BASE + 1), AMPS_STORED_NOTHING);
    CHECK_NUMBER(amps_stored_follow(&staged.stored, 0), 0);
    amps_publish_store_drop(other);
    close_stage(&staged);
}

static void a_store_that_may_not_grow_consumes_no_number(void)
{
    stage     staged;
    amps_kept kept;
    char      body[3000];
    memset(body, '.', sizeof body);
    open_stage(&staged, SMALL);
    amps_publish_store *tiny = store_of(256, 4);
    amps_publish_store_set_asks(tiny, true);
    CHECK_STATUS(amps_stored_set(&staged.stored, tiny), AMPS_OK);
    amps_stored_follow(&staged.stored, 0);
    CHECK_STATUS(try_publish(&staged, (amps_slice){body, sizeof body}, &kept), AMPS_STORE_FULL);
    amps_publish_store_allow(tiny, amps_publish_store_wants(tiny));
    CHECK_STATUS(try_publish(&staged, (amps_slice){body, sizeof body}, &kept), AMPS_OK);
    expect_sequences(staged.rigged.wire.peers, BASE + 1, BASE + 1);
    amps_publish_store_drop(tiny);
    close_stage(&staged);
}

static void a_frame_that_no_prefix_can_tell_is_refused(void)
{
    stage     staged;
    amps_kept kept;
    open_stage(&staged, SMALL);
    const amps_slice vast = {"never looked at", AMPS_SEND_FRAME_SIZE_MAX};
    CHECK_STATUS(try_publish(&staged, vast, &kept), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_stored_publish_prepared(&staged.stored, staged.store, BYTES(TOPIC), vast,
                                              false, &kept),
                 AMPS_TOO_LARGE);
    CHECK_NUMBER(publish(&staged, "x").sequence, BASE + 1);
    close_stage(&staged);
}

int main(void)
{
    RUN(acks_discard_what_was_sent_and_nothing_else);
    RUN(an_ack_of_an_unknown_number_leaves_what_was_not_sent);
    RUN(an_ack_below_what_the_logon_said_is_no_news);
    RUN(a_failure_concerns_its_own_number);
    RUN(a_store_that_is_closed_says_so);
    RUN(a_store_is_exchanged_when_nothing_of_it_waits);
    RUN(a_store_that_may_not_grow_consumes_no_number);
    RUN(a_frame_that_no_prefix_can_tell_is_refused);
    return 0;
}
