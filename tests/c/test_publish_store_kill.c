/* test_publish_store_kill.c: cases 51 and 60: killed at random moments, what was stored is there.
 *
 * A child adds and discards and says so through a pipe, before and after; the parent kills it,
 * opens the store and compares. AMPS_SEED repeats a run. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "folder.h"
#include "store.h"

#define ROUNDS      250
#define REPORTS_MAX 400u /* in one life of the child */
#define WINDOW      65536u

typedef enum news { ADDED, DISCARDING, DISCARDED, BURYING, BURIED } news;

typedef struct report {
    uint64_t what; /* a news */
    uint64_t sequence;
} report;

/* What must be true of a number after the kill. */
typedef enum fate { NEVER, MAY_BE, MUST_BE, GONE } fate;

static unsigned char fates[WINDOW]; /* by what a number is above the origin */
static uint64_t      origin;        /* all up to it are gone */
static uint64_t      seed;

static amps_publish_store *open_store(bool hybrid)
{
    amps_publish_store_options options = {
        .block_size = 512, .blocks_per_growth = 24, .memory_max = 4000, .clock_sequence = BASE};
    amps_publish_store *store;
    amps_failure        failure = {.text = ""};
    const char         *path = in_folder(hybrid ? "hybrid" : "file");
    amps_status status = hybrid ? amps_publish_store_open_hybrid(path, &options, &failure, &store)
                                : amps_publish_store_open(path, &options, &failure, &store);
    if (status != AMPS_OK) {
        fprintf(stderr, "%s\n", failure.text);
    }
    CHECK_STATUS(status, AMPS_OK);
    return store;
}

static void tell(int out, news what, uint64_t sequence)
{
    report one = {(uint64_t)what, sequence};
    CHECK(write(out, &one, sizeof one) == sizeof one);
}

static void live_until_killed(int out, bool hybrid, uint64_t random)
{
    amps_publish_store *store = open_store(hybrid);
    for (;;) {
        uint64_t turn = check_random(&random), lowest = amps_publish_store_lowest(store);
        if (turn % 100 < 75 || lowest == 0) {
            uint64_t sequence = add(store);
            tell(out, ADDED, sequence);
        } else if (turn % 100 < 90) {
            uint64_t last = amps_publish_store_last_assigned(store);
            uint64_t up_to = lowest + turn / 100 % (last - lowest + 1);
            up_to = turn % 7 == 0 ? up_to : lowest + turn / 100 % 6;
            up_to = up_to < last ? up_to : last;
            tell(out, DISCARDING, up_to);
            discard_up_to(store, up_to);
            tell(out, DISCARDED, up_to);
        } else {
            uint64_t sequence = read_above(store, lowest + turn / 100 % 10);
            if (sequence != 0) {
                tell(out, BURYING, sequence);
                CHECK_STATUS(amps_publish_store_discard_one(store, sequence, NULL), AMPS_OK);
                tell(out, BURIED, sequence);
            }
        }
    }
}

static void set_up_to(uint64_t sequence, fate least, fate most, fate then)
{
    for (uint64_t at = 1; at <= sequence - origin; at++) {
        if (fates[at] >= (unsigned char)least && fates[at] <= (unsigned char)most) {
            fates[at] = (unsigned char)then;
        }
    }
}

static void note(const report *one)
{
    CHECK(one->sequence > origin && one->sequence < origin + WINDOW);
    unsigned char *its = &fates[one->sequence - origin];
    switch ((news)one->what) {
    case ADDED:
        CHECK(*its == NEVER); /* no number is ever given twice */
        *its = MUST_BE;
        break;
    case DISCARDING:
        set_up_to(one->sequence, MUST_BE, MUST_BE, MAY_BE);
        break;
    case DISCARDED:
        set_up_to(one->sequence, MAY_BE, MUST_BE, GONE);
        break;
    case BURYING:
        *its = MAY_BE;
        break;
    case BURIED:
        *its = GONE;
        break;
    }
}

/* Kills it after so many reports and reads what it still said. */
static void one_life(bool hybrid)
{
    int      ends[2];
    uint64_t reports = check_random(&seed) % REPORTS_MAX, random = check_random(&seed);
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        live_until_killed(ends[1], hybrid, random);
    }
    close(ends[1]);
    report one;
    for (uint64_t count = 0; count < reports; count++) {
        CHECK(read(ends[0], &one, sizeof one) == sizeof one);
        note(&one);
    }
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    while (read(ends[0], &one, sizeof one) == sizeof one) {
        note(&one);
    }
    close(ends[0]);
}

/* The window begins anew with what is left. */
static void look_from_here(amps_publish_store *store)
{
    uint64_t lowest = amps_publish_store_lowest(store);
    origin = lowest != 0 ? lowest - 1 : amps_publish_store_last_assigned(store);
    memset(fates, NEVER, sizeof fates);
    for (uint64_t at = lowest; at != 0; at = read_above(store, at)) {
        fates[at - origin] = MUST_BE;
    }
}

/* Every record that is there is whole, was not discarded, and in order; what must be there is. */
static void compare(bool hybrid)
{
    static bool         there[WINDOW];
    amps_publish_store *store = open_store(hybrid);
    uint64_t            highest = origin, assigned = amps_publish_store_last_assigned(store);
    memset(there, 0, sizeof there);
    check_whole(store);
    for (uint64_t at = read_above(store, 0); at != 0; at = read_above(store, at)) {
        CHECK(at > origin && at < origin + WINDOW);
        there[at - origin] = true;
        highest = at;
    }
    for (uint64_t at = 1; at < WINDOW; at++) {
        bool was_in_memory = hybrid && at + origin > highest; /* the oldest move first */
        CHECK(!(there[at] && fates[at] == GONE));
        CHECK(there[at] || fates[at] != MUST_BE || was_in_memory);
        CHECK(fates[at] == NEVER || at + origin <= assigned);
    }
    look_from_here(store);
    CHECK_STATUS(amps_publish_store_close(store, true, NULL), AMPS_OK);
    amps_publish_store_drop(store);
}

static void killed_again_and_again(bool hybrid)
{
    memset(fates, NEVER, sizeof fates);
    origin = BASE;
    for (int round = 0; round < ROUNDS; round++) {
        one_life(hybrid);
        compare(hybrid);
    }
}

static void case_51_what_was_stored_in_a_file_survives_a_kill(void)
{
    killed_again_and_again(false);
}

/* What memory had is lost; what the file had is there once, and in order. */
static void case_60_a_hybrid_keeps_what_its_file_had(void) { killed_again_and_again(true); }

int main(void)
{
    const char *given = getenv("AMPS_SEED");
    seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("AMPS_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    seed = seed * 2654435761u + 1;
    folder_make();
    RUN(case_51_what_was_stored_in_a_file_survives_a_kill);
    RUN(case_60_a_hybrid_keeps_what_its_file_had);
    folder_remove();
    return 0;
}
