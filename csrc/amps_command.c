/* amps_command.c: the words for commands and acks, and what the protocol says of each command. */
#include "amps_base.h"

#define WORD(text) ((amps_slice){(text), sizeof(text) - 1})

amps_command amps_command_parse(amps_slice text)
{
    static const struct {
        amps_slice   text;
        amps_command verb;
    } commands[] = {{WORD("p"), AMPS_COMMAND_PUBLISH}, /* first: by far the most frequent */
#define COMMAND(name, number, text) {WORD(text), AMPS_COMMAND_##name},
                    AMPS_COMMAND_MAP(COMMAND)
#undef COMMAND
    };
    for (size_t index = 0; index < sizeof commands / sizeof commands[0]; index++) {
        if (amps_slice_equal(text, commands[index].text)) {
            return commands[index].verb;
        }
    }
    return AMPS_COMMAND_UNKNOWN;
}

const char *amps_command_text(amps_command verb)
{
    switch (verb) {
#define COMMAND(name, number, text)                                                                \
    case AMPS_COMMAND_##name:                                                                      \
        return text;
        AMPS_COMMAND_MAP(COMMAND)
#undef COMMAND
    }
    return "";
}

static uint32_t ack_bit(amps_slice text)
{
#define ACK(name, number, word)                                                                    \
    if (amps_slice_equal(text, WORD(word))) {                                                      \
        return AMPS_ACK_##name;                                                                    \
    }
    AMPS_ACK_MAP(ACK)
#undef ACK
    return AMPS_ACK_NONE;
}

static amps_slice trimmed(const char *at, const char *end)
{
    while (at < end && *at == ' ') {
        at++;
    }
    while (at < end && end[-1] == ' ') {
        end--;
    }
    return (amps_slice){at, (size_t)(end - at)};
}

uint32_t amps_ack_parse(amps_slice list)
{
    uint32_t acks = AMPS_ACK_NONE;
    while (list.size != 0) {
        const char *comma = memchr(list.at, ',', list.size);
        size_t      size = comma != NULL ? (size_t)(comma - list.at) : list.size;
        acks |= ack_bit(trimmed(list.at, list.at + size));
        size += comma != NULL;
        list = (amps_slice){list.at + size, list.size - size};
    }
    return acks;
}

size_t amps_ack_text(uint32_t acks, char out[AMPS_ACK_TEXT_MAX])
{
    char *at = out;
#define ACK(name, number, word)                                                                    \
    if ((acks & AMPS_ACK_##name) != 0) {                                                           \
        memcpy(at, "," word, sizeof word);                                                         \
        at += sizeof word;                                                                         \
    }
    AMPS_ACK_MAP(ACK)
#undef ACK
    if (at == out) {
        return 0;
    }
    memmove(out, out + 1, (size_t)(at - out) - 1); /* without the first comma */
    return (size_t)(at - out) - 1;
}

/* ---- What is known of each command ---------------------------------------------------------- */

#define RECEIVED  AMPS_ACK_RECEIVED
#define PROCESSED AMPS_ACK_PROCESSED
#define PERSISTED AMPS_ACK_PERSISTED
#define COMPLETED AMPS_ACK_COMPLETED
#define STATS     AMPS_ACK_STATS

const amps_command_facts *amps_command_facts_of(amps_command verb)
{
    static const struct {
        amps_command       verb;
        amps_command_facts facts;
    } known[] = {
        {AMPS_COMMAND_PUBLISH,
         {.acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED, .publishes = true}},
        {AMPS_COMMAND_DELTA_PUBLISH,
         {.acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED, .publishes = true}},
        {AMPS_COMMAND_SUBSCRIBE,
         {.acks_needed = PROCESSED,
          .acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED,
          .subscribes = true}},
        {AMPS_COMMAND_DELTA_SUBSCRIBE,
         {.acks_needed = PROCESSED,
          .acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED | STATS,
          .subscribes = true}},
        {AMPS_COMMAND_SOW,
         {.acks_needed = PROCESSED | COMPLETED,
          .acks_given = RECEIVED | PROCESSED | COMPLETED | STATS,
          .queries = true}},
        {AMPS_COMMAND_SOW_AND_SUBSCRIBE,
         {.acks_needed = PROCESSED,
          .acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED | STATS,
          .subscribes = true,
          .queries = true}},
        {AMPS_COMMAND_SOW_AND_DELTA_SUBSCRIBE,
         {.acks_needed = PROCESSED,
          .acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED | STATS,
          .subscribes = true,
          .queries = true}},
        {AMPS_COMMAND_SOW_DELETE,
         {.acks_needed = PROCESSED,
          .acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED | STATS}},
        {AMPS_COMMAND_UNSUBSCRIBE, {.acks_given = RECEIVED | PROCESSED}},
        {AMPS_COMMAND_FLUSH,
         {.acks_needed = PROCESSED, .acks_given = RECEIVED | PROCESSED | PERSISTED | COMPLETED}},
        {AMPS_COMMAND_HEARTBEAT, {.acks_given = RECEIVED | PROCESSED}},
        {AMPS_COMMAND_START_TIMER, {.acks_given = RECEIVED | PROCESSED | COMPLETED}},
        {AMPS_COMMAND_STOP_TIMER, {.acks_given = RECEIVED | PROCESSED | COMPLETED | STATS}},
    };
    for (size_t index = 0; index < sizeof known / sizeof known[0]; index++) {
        if (known[index].verb == verb) {
            return &known[index].facts;
        }
    }
    return NULL;
}
