/* amps_ending.c: counts off what is still to come for one command. */
#include "amps_ending.h"

void amps_ending_init(amps_ending *ending, amps_command verb, uint32_t asked, bool many_groups)
{
    const amps_command_facts *facts = amps_command_facts_of(verb);
    *ending =
        (amps_ending){.never = facts == NULL || facts->subscribes, .many_groups = many_groups};
    if (facts != NULL) {
        ending->asked = asked & facts->acks_given;
        ending->owed = ending->asked | facts->acks_needed;
        ending->queries = facts->queries;
    }
}

void amps_ending_by_completed(amps_ending *ending)
{
    ending->never = false;
    ending->queries = false;
    ending->asked = AMPS_ACK_COMPLETED; /* persisted may come any number of times, or never */
    ending->owed = (ending->owed & ~(uint32_t)AMPS_ACK_PERSISTED) | AMPS_ACK_COMPLETED;
}

void amps_ending_group(amps_ending *ending, bool begins)
{
    ending->in_group = begins;
    ending->had_group = true;
    ending->owes_records = false;
}

void amps_ending_ack(amps_ending *ending, uint32_t acks, bool failed, bool has_records)
{
    ending->owed &= ~acks;
    if (failed && (!ending->never || (acks & AMPS_ACK_PROCESSED) != 0)) {
        ending->failed = true; /* a subscription outlives the failure of a later ack */
        ending->broke_off = ending->queries && (acks & AMPS_ACK_PROCESSED) == 0;
    }
    ending->owes_records = ending->owes_records || (has_records && !ending->had_group);
}

/* Has an ack of this type come that was asked for, by whomever? */
static bool has_come(const amps_ending *ending, uint32_t ack) { return (ending->owed & ack) == 0; }

static bool query_is_complete(const amps_ending *ending)
{
    const uint32_t last_words = AMPS_ACK_COMPLETED | AMPS_ACK_STATS;
    if (ending->in_group || ending->owes_records) {
        return false;
    }
    if ((ending->asked & last_words) != 0) {
        return has_come(ending, ending->asked & last_words);
    }
    return (ending->had_group && !ending->many_groups) || has_come(ending, AMPS_ACK_COMPLETED);
}

bool amps_ending_is_complete(const amps_ending *ending)
{
    if (ending->failed) {
        return true;
    }
    if (ending->never) {
        return false;
    }
    if (ending->queries) {
        return query_is_complete(ending);
    }
    bool told_stats = (ending->asked & AMPS_ACK_STATS) != 0 && has_come(ending, AMPS_ACK_STATS);
    return told_stats || has_come(ending, ending->asked);
}

bool amps_ending_is_over(const amps_ending *ending)
{
    return ending->failed ||
           (amps_ending_is_complete(ending) && !ending->in_group && has_come(ending, ~0u));
}
