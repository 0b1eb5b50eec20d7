/* test_command.c: the words for commands and acks are read and written as the protocol spells them,
 * and every command that a client may give is known. */
#include "amps_base.h"
#include "check.h"

static void every_command_is_read_and_written(void)
{
#define BOTH_WAYS(name, number, text)                                                              \
    CHECK(amps_command_parse(amps_slice_of(text)) == AMPS_COMMAND_##name);                         \
    CHECK_TEXT(amps_slice_of(amps_command_text(AMPS_COMMAND_##name)), text);                       \
    CHECK_NUMBER(AMPS_COMMAND_##name, number);
    AMPS_COMMAND_MAP(BOTH_WAYS)
#undef BOTH_WAYS
    CHECK(amps_command_parse(amps_slice_of("p")) == AMPS_COMMAND_PUBLISH);
}

static void other_words_are_no_commands(void)
{
    const char *words[] = {"P", "Publish", "publis", "publishx", "sow_", " sow", "redirect"};
    for (size_t index = 0; index < COUNT_OF(words); index++) {
        CHECK(amps_command_parse(amps_slice_of(words[index])) == AMPS_COMMAND_UNKNOWN);
    }
    CHECK(amps_command_parse((amps_slice){NULL, 0}) == AMPS_COMMAND_UNKNOWN);
    CHECK_TEXT(amps_slice_of(amps_command_text((amps_command)3)), "");
    CHECK_TEXT(amps_slice_of(amps_command_text((amps_command)262144)), "");
}

static void a_list_of_acks_is_a_mask(void)
{
#define ALONE(name, number, text) CHECK_NUMBER(amps_ack_parse(amps_slice_of(text)), number);
    AMPS_ACK_MAP(ALONE)
#undef ALONE
    CHECK_NUMBER(amps_ack_parse(amps_slice_of("processed,completed")), 4 + 16);
    CHECK_NUMBER(amps_ack_parse(amps_slice_of(" stats , processed,stats ")), 32 + 4);
    CHECK_NUMBER(
        amps_ack_parse(amps_slice_of("received,parsed,processed,persisted,completed,stats")), 63);
}

static void unknown_acks_add_nothing(void)
{
    CHECK_NUMBER(amps_ack_parse((amps_slice){NULL, 0}), 0);
    CHECK_NUMBER(amps_ack_parse(amps_slice_of("none")), 0);
    CHECK_NUMBER(amps_ack_parse(amps_slice_of(",, ,")), 0);
    CHECK_NUMBER(amps_ack_parse(amps_slice_of("Processed,stat,statss,persisted,x")), 8);
}

static void a_mask_is_a_list_in_one_order(void)
{
    char text[AMPS_ACK_TEXT_MAX];
    for (uint32_t acks = 0; acks < 64; acks++) {
        size_t size = amps_ack_text(acks, text);
        CHECK(size < AMPS_ACK_TEXT_MAX);
        CHECK_NUMBER(amps_ack_parse((amps_slice){text, size}), acks);
    }
    CHECK_NUMBER(amps_ack_text(0, text), 0);
    CHECK_TEXT(((amps_slice){text, amps_ack_text(32 + 4, text)}), "processed,stats");
    CHECK_TEXT(((amps_slice){text, amps_ack_text(63 + 64, text)}),
               "received,parsed,processed,persisted,completed,stats");
}

static void what_a_client_gives_is_known(void)
{
    unsigned known = 0;
#define LOOK(name, number, text) known += amps_command_facts_of(AMPS_COMMAND_##name) != NULL;
    AMPS_COMMAND_MAP(LOOK)
#undef LOOK
    CHECK_NUMBER(known, 13);
    CHECK(amps_command_facts_of(AMPS_COMMAND_LOGON) == NULL); /* it has a way of its own */
    CHECK(amps_command_facts_of(AMPS_COMMAND_ACK) == NULL);
    CHECK(amps_command_facts_of(AMPS_COMMAND_UNKNOWN) == NULL);
    CHECK(amps_command_facts_of((amps_command)3) == NULL);
}

static void what_the_library_asks_for_a_server_gives(void)
{
    const amps_command_facts *facts;
#define LOOK(name, number, text)                                                                   \
    facts = amps_command_facts_of(AMPS_COMMAND_##name);                                            \
    CHECK(facts == NULL || (facts->acks_needed & ~facts->acks_given) == 0);                        \
    CHECK(facts == NULL || !facts->publishes || facts->acks_needed == 0);
    AMPS_COMMAND_MAP(LOOK)
#undef LOOK
}

int main(void)
{
    RUN(every_command_is_read_and_written);
    RUN(other_words_are_no_commands);
    RUN(a_list_of_acks_is_a_mask);
    RUN(unknown_acks_add_nothing);
    RUN(a_mask_is_a_list_in_one_order);
    RUN(what_a_client_gives_is_known);
    RUN(what_the_library_asks_for_a_server_gives);
    return 0;
}
