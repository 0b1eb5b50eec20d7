/* test_waits.c: who waits for an ack gets the right one, or hears why there will be none. */
#include "amps_waits.h"

#include "amps_memory.h"
#include "check.h"
#include "peer.h"

typedef struct waiting {
    amps_waits   waits;
    amps_waiter *waiter;
    size_t       memory_before;
} waiting;

static void begin(waiting *here, const char *command_id, uint32_t ack_types)
{
    here->memory_before = amps_memory_live();
    amps_waits_init(&here->waits);
    here->waiter = amps_waits_begin(&here->waits, amps_slice_of(command_id), ack_types, false);
    CHECK(here->waiter != NULL);
}

static void end(waiting *here)
{
    amps_waits_end(&here->waits, here->waiter);
    amps_waits_fini(&here->waits);
    CHECK_NUMBER(amps_memory_live(), here->memory_before);
}

/* Is it about a command that somebody waits for? */
static bool tell(waiting *here, const char *ack)
{
    char        *tight = exactly(amps_slice_of(ack));
    amps_message message = {.header = {tight, strlen(ack)}};
    amps_header  header;
    size_t       size;
    CHECK_STATUS(amps_header_parse(message.header, &header, &size), AMPS_OK);
    bool awaited = amps_waits_tell(&here->waits, &header, &message);
    free(tight); /* what is kept of it is a copy */
    return awaited;
}

static amps_status look(waiting *here, amps_message *ack)
{
    return amps_waits_wait(&here->waits, here->waiter, amps_clock_in_ms(0), ack);
}

static void the_right_ack_ends_the_wait(void)
{
    const char  *right = "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\",\"status\":\"success\"}";
    waiting      here;
    amps_message ack;
    begin(&here, "7", AMPS_ACK_PROCESSED);
    CHECK_STATUS(look(&here, &ack), AMPS_AGAIN);
    CHECK(tell(&here, right));
    CHECK_STATUS(look(&here, &ack), AMPS_OK);
    CHECK_TEXT(ack.header, right);
    CHECK(tell(&here, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}")); /* a repeated one */
    CHECK_STATUS(look(&here, &ack), AMPS_OK);
    CHECK_TEXT(ack.header, right);
    end(&here);
}

static void other_acks_do_not(void)
{
    waiting      here;
    amps_message ack;
    begin(&here, "7", AMPS_ACK_STATS);
    CHECK(!tell(&here, "{\"c\":\"ack\",\"cid\":\"8\",\"a\":\"stats\"}"));
    CHECK(!tell(&here, "{\"c\":\"ack\",\"a\":\"stats\"}"));
    CHECK(!tell(&here, "{\"c\":\"ack\",\"cid\":\"7\"}"));
    CHECK(tell(&here, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\"}")); /* of this command */
    CHECK_STATUS(look(&here, &ack), AMPS_AGAIN);
    end(&here);
}

static void a_failure_ends_it_whatever_its_type(void)
{
    waiting      here;
    amps_message ack;
    begin(&here, "7", AMPS_ACK_STATS);
    CHECK(tell(&here, "{\"c\":\"ack\",\"cid\":\"7\",\"a\":\"processed\",\"status\":\"failure\"}"));
    CHECK_STATUS(look(&here, &ack), AMPS_OK);
    end(&here);
}

static void an_escaped_id_is_the_same_id(void)
{
    static char  text[2 * AMPS_ID_SIZE_MAX];
    waiting      here;
    amps_message ack;
    begin(&here, "q\"A", AMPS_ACK_PROCESSED);
    snprintf(text, sizeof text, "{\"cid\":\"%0*d\\n\",\"a\":\"processed\"}", (int)AMPS_ID_SIZE_MAX,
             0);
    CHECK(!tell(&here, text)); /* too long to be decoded */
    CHECK(tell(&here, "{\"cid\":\"q\\\"\\u0041\",\"a\":\"processed\"}"));
    CHECK_STATUS(look(&here, &ack), AMPS_OK);
    end(&here);
}

static void all_hear_that_nothing_will_come(void)
{
    waiting      here;
    amps_message ack;
    begin(&here, "7", AMPS_ACK_PROCESSED);
    amps_waiter *told = amps_waits_begin(&here.waits, BYTES("8"), AMPS_ACK_PROCESSED, false);
    CHECK(tell(&here, "{\"cid\":\"8\",\"a\":\"processed\"}"));
    amps_waits_give_up(&here.waits, AMPS_DISCONNECTED);
    amps_waits_give_up(&here.waits, AMPS_CLOSED); /* the first reason stays */
    CHECK_STATUS(look(&here, &ack), AMPS_DISCONNECTED);
    CHECK_STATUS(amps_waits_wait(&here.waits, told, amps_clock_in_ms(0), &ack), AMPS_OK);
    amps_waits_end(&here.waits, told);
    end(&here);
}

static void without_memory_for_the_ack_the_wait_says_so(void)
{
    waiting      here;
    amps_message ack;
    begin(&here, "7", AMPS_ACK_PROCESSED);
    amps_memory_fail_at(1, 0);
    CHECK(tell(&here, "{\"cid\":\"7\",\"a\":\"processed\"}"));
    amps_memory_fail_at(0, 0);
    CHECK_STATUS(look(&here, &ack), AMPS_NO_MEMORY);
    amps_memory_fail_at(1, 0);
    CHECK(amps_waits_begin(&here.waits, BYTES("9"), AMPS_ACK_PROCESSED, false) == NULL);
    amps_memory_fail_at(0, 0);
    end(&here);
}

static void answer(void *context)
{
    waiting *here = context;
    CHECK(tell(here, "{\"cid\":\"7\",\"a\":\"processed\"}"));
}

static void a_sleeping_thread_is_woken(void)
{
    waiting      here;
    amps_message ack;
    begin(&here, "7", AMPS_ACK_PROCESSED);
    CHECK_STATUS(amps_thread_start("answer", answer, &here), AMPS_OK);
    CHECK_STATUS(amps_waits_wait(&here.waits, here.waiter, amps_clock_in_ms(PATIENCE_MS), &ack),
                 AMPS_OK);
    CHECK_NUMBER(amps_thread_wait_all(amps_clock_in_ms(PATIENCE_MS)), 0);
    end(&here);
}

int main(void)
{
    RUN(the_right_ack_ends_the_wait);
    RUN(other_acks_do_not);
    RUN(a_failure_ends_it_whatever_its_type);
    RUN(an_escaped_id_is_the_same_id);
    RUN(all_hear_that_nothing_will_come);
    RUN(without_memory_for_the_ack_the_wait_says_so);
    RUN(a_sleeping_thread_is_woken);
    return 0;
}
