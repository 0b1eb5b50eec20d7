/* amps_ending.h: when the results of one command are complete, and when it may be forgotten.
 *
 * It is told of the group markers and acks of that command and says whether more is to come. A
 * server may leave out the markers of an empty result, and sends several groups for a topic that is
 * a regular expression. Pure bookkeeping: no thread, no lock, no allocation. */
#ifndef AMPS_ENDING_H
#define AMPS_ENDING_H

#include "amps_base.h"

typedef struct amps_ending {
    uint32_t owed;        /* acks that must come before the command may be forgotten */
    uint32_t asked;       /* of these, what the application wants to see */
    bool     never;       /* a subscription goes on */
    bool     queries;     /* records come in groups */
    bool     many_groups; /* one for each topic: only the completed ack tells the last */
    bool     in_group;    /* between its markers */
    bool     had_group;
    bool     owes_records; /* an ack counted records, and no group has come yet */
    bool     failed;
    bool     broke_off; /* a query that had been accepted failed: its results are not whole */
} amps_ending;

/* `asked`: the ack types that the application asked for. An unknown verb never ends. */
void amps_ending_init(amps_ending *ending, amps_command verb, uint32_t asked, bool many_groups);

/* A subscription that is over with its `completed` ack. */
void amps_ending_by_completed(amps_ending *ending);

void amps_ending_group(amps_ending *ending, bool begins);
/* `acks`: the types this ack names. `has_records`: it counts records that were returned. */
void amps_ending_ack(amps_ending *ending, uint32_t acks, bool failed, bool has_records);

bool amps_ending_is_complete(const amps_ending *ending); /* nothing is to come for anybody to see */
bool amps_ending_is_over(const amps_ending *ending);     /* nothing at all is to come */

#endif
