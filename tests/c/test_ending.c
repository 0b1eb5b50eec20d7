/* test_ending.c: a command's results end where the protocol says, whatever a server leaves out. */
#include "amps_ending.h"
#include "check.h"

enum { RECEIVED = 1, PROCESSED = 4, PERSISTED = 8, COMPLETED = 16, STATS = 32 };

/* What is told, one letter each: ( ) group markers; r p d c s acks of type received, processed,
 * persisted (durable), completed, stats; C S the same with records counted; ! a failed processed, ?
 * a failed completed. Returns after how many of them the results were complete, and in *over the
 * command over; 0 is before the first, 99 never. */
static unsigned complete_after(amps_command verb, uint32_t asked, bool many, const char *told,
                               unsigned *over)
{
    amps_ending ending;
    unsigned    complete = 99;
    amps_ending_init(&ending, verb, asked, many);
    *over = 99;
    for (unsigned count = 0;; count++) {
        complete = complete == 99 && amps_ending_is_complete(&ending) ? count : complete;
        *over = *over == 99 && amps_ending_is_over(&ending) ? count : *over;
        CHECK(*over == 99 || complete != 99);
        char letter = told[count];
        if (letter == '\0') {
            return complete;
        }
        if (letter == '(' || letter == ')') {
            amps_ending_group(&ending, letter == '(');
            continue;
        }
        const char *letters = "rpdcsCS!?";
        uint32_t    types[] = {RECEIVED,  PROCESSED, PERSISTED, COMPLETED, STATS,
                               COMPLETED, STATS,     PROCESSED, COMPLETED};
        bool        failed = letter == '!' || letter == '?';
        amps_ending_ack(&ending, types[strchr(letters, letter) - letters], failed,
                        letter == 'C' || letter == 'S');
    }
}

typedef struct story {
    amps_command verb;
    uint32_t     asked;
    bool         many;
    const char  *told;
    unsigned     complete, over;
} story;

static void check_stories(const story *stories, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        const story *each = &stories[index];
        unsigned     over;
        unsigned complete = complete_after(each->verb, each->asked, each->many, each->told, &over);
        if (complete != each->complete || over != each->over) {
            fprintf(stderr, "told %s: complete after %u, over after %u\n", each->told, complete,
                    over);
        }
        CHECK_NUMBER(complete, each->complete);
        CHECK_NUMBER(over, each->over);
    }
}

static void a_query_ends_with_its_group(void)
{
    static const story stories[] = {
        {AMPS_COMMAND_SOW, 0, false, "p()C", 3, 4},
        {AMPS_COMMAND_SOW, PROCESSED, false, "p()C", 3, 4},
        {AMPS_COMMAND_SOW, 0, false, "pc", 2, 2},   /* empty, without markers */
        {AMPS_COMMAND_SOW, 0, false, "pC()", 4, 4}, /* the ack overtook the group */
        {AMPS_COMMAND_SOW, 0, false, "p(C)", 4, 4},
        {AMPS_COMMAND_SOW, 0, false, "p(c)", 4, 4},
        {AMPS_COMMAND_SOW, 0, false, "p()", 3, 99}, /* the ack is still owed */
        {AMPS_COMMAND_SOW, 0, false, "p(", 99, 99},
        {AMPS_COMMAND_SOW, 0, false, "!", 1, 1},
        {AMPS_COMMAND_SOW, 0, false, "p(?", 3, 3},
        {AMPS_COMMAND_SOW, 0, false, "cp()", 1, 2},
    };
    check_stories(stories, COUNT_OF(stories));
}

static void a_query_over_many_topics_ends_with_its_completed_ack(void)
{
    static const story stories[] = {
        {AMPS_COMMAND_SOW, 0, true, "p()()()C", 8, 8}, {AMPS_COMMAND_SOW, 0, true, "p()c", 4, 4},
        {AMPS_COMMAND_SOW, 0, true, "pc", 2, 2},       {AMPS_COMMAND_SOW, 0, true, "pC()", 4, 4},
        {AMPS_COMMAND_SOW, 0, true, "p()(C)", 6, 6},
    };
    check_stories(stories, COUNT_OF(stories));
}

static void last_words_that_were_asked_for_are_waited_for(void)
{
    static const story stories[] = {
        {AMPS_COMMAND_SOW, STATS, false, "p()CS", 5, 5},
        {AMPS_COMMAND_SOW, STATS, false, "pcs", 3, 3}, /* top_n=0, without markers */
        {AMPS_COMMAND_SOW, STATS, false, "p()SC", 4, 5},
        {AMPS_COMMAND_SOW, COMPLETED, false, "p()C", 4, 4},
        {AMPS_COMMAND_SOW, COMPLETED | STATS, false, "p()sc", 5, 5},
        {AMPS_COMMAND_SOW, PERSISTED, false, "p()C", 3, 4}, /* no server sends that one */
        {AMPS_COMMAND_SOW, RECEIVED, false, "rp()C", 4, 5},
    };
    check_stories(stories, COUNT_OF(stories));
}

static void other_commands_end_with_the_last_ack_asked_for(void)
{
    static const story stories[] = {
        {AMPS_COMMAND_PUBLISH, 0, false, "", 0, 0},
        {AMPS_COMMAND_PUBLISH, PROCESSED, false, "p", 1, 1},
        {AMPS_COMMAND_PUBLISH, PROCESSED | PERSISTED, false, "pd", 2, 2},
        {AMPS_COMMAND_PUBLISH, PERSISTED, false, "!", 1, 1},
        {AMPS_COMMAND_FLUSH, 0, false, "p", 0, 1},
        {AMPS_COMMAND_FLUSH, COMPLETED, false, "pc", 2, 2},
        {AMPS_COMMAND_SOW_DELETE, STATS, false, "ps", 2, 2},
        {AMPS_COMMAND_SOW_DELETE, STATS | PERSISTED, false, "psd", 2, 3},
        {AMPS_COMMAND_SOW_DELETE, COMPLETED, false, "pc", 2, 2},
        {AMPS_COMMAND_UNSUBSCRIBE, PROCESSED, false, "p", 1, 1},
        {AMPS_COMMAND_UNSUBSCRIBE, COMPLETED, false, "", 0, 0},
        {AMPS_COMMAND_STOP_TIMER, COMPLETED, false, "c", 1, 1},
        {AMPS_COMMAND_HEARTBEAT, 0, false, "", 0, 0},
    };
    check_stories(stories, COUNT_OF(stories));
}

static void a_subscription_never_ends(void)
{
    static const story stories[] = {
        {AMPS_COMMAND_SUBSCRIBE, 0, false, "p", 99, 99},
        {AMPS_COMMAND_SUBSCRIBE, COMPLETED, false, "pcd", 99, 99},
        {AMPS_COMMAND_SOW_AND_SUBSCRIBE, COMPLETED | STATS, false, "p()CS", 99, 99},
        {AMPS_COMMAND_DELTA_SUBSCRIBE, 0, true, "p", 99, 99},
        {AMPS_COMMAND_SUBSCRIBE, 0, false, "!", 1, 1},
        {AMPS_COMMAND_SUBSCRIBE, COMPLETED, false, "p?", 99, 99},
        {AMPS_COMMAND_UNKNOWN, 63, false, "rpdcs()", 99, 99},
    };
    check_stories(stories, COUNT_OF(stories));
}

static void a_range_ends_with_its_completed_ack(void)
{
    const uint32_t asked[] = {0, PERSISTED, PERSISTED | COMPLETED, PROCESSED | PERSISTED};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        amps_ending ending;
        amps_ending_init(&ending, AMPS_COMMAND_SUBSCRIBE, asked[i], false);
        amps_ending_by_completed(&ending);
        amps_ending_ack(&ending, AMPS_ACK_PROCESSED, false, false);
        amps_ending_ack(&ending, AMPS_ACK_PERSISTED, false, false);
        CHECK(!amps_ending_is_complete(&ending));
        amps_ending_ack(&ending, AMPS_ACK_COMPLETED, false, false);
        CHECK(amps_ending_is_complete(&ending) && amps_ending_is_over(&ending));
    }
}

int main(void)
{
    RUN(a_query_ends_with_its_group);
    RUN(a_query_over_many_topics_ends_with_its_completed_ack);
    RUN(last_words_that_were_asked_for_are_waited_for);
    RUN(other_commands_end_with_the_last_ack_asked_for);
    RUN(a_subscription_never_ends);
    RUN(a_range_ends_with_its_completed_ack);
    return 0;
}
