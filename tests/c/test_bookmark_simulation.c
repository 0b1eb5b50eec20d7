/* test_bookmark_simulation.c: publishers, discards in any order, crashes, torn logs: nothing lost.
 *
 * Case 77. A model of one server holds a log; a program subscribes, discards what it likes, loses
 * its connection or dies. Two things must hold: a start never leaves out a message that was not
 * discarded, and none that was is given to the program again while the record of it survives.
 * AMPS_TEST_SEED repeats a run, AMPS_TEST_RUNS says how many. */
#include "bookmark_files.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNS 1500 /* they take ten times as long */
#else
#define RUNS 10000
#endif
#define ENTRIES_MAX 120u
#define STEPS       150u
#define PUBLISHERS  4u

typedef enum kind { IN_MEMORY, IN_LOG, IN_RING } kind;

typedef struct entry {
    char text[32];
    bool matches;
    bool is_held;      /* the program has it, and has not discarded it */
    bool is_discarded; /* the program has done so, ever */
    bool survives;     /* and no crash has touched the record of it */
} entry;

static entry                entries[ENTRIES_MAX];
static uint32_t             entry_count, position; /* the next to be delivered */
static uint64_t             last_sequence[PUBLISHERS];
static uint64_t             seed, state;
static kind                 how;
static amps_bookmark_store *store;
static amps_bookmark_sub   *sub;

static uint32_t random_below(uint32_t limit) { return (uint32_t)(check_random(&state) % limit); }

static void holds(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "AMPS_TEST_SEED=%llu: %s\n", (unsigned long long)seed, what);
        CHECK(condition);
    }
}

static void attach(void)
{
    store = how == IN_MEMORY ? new_store() : how == IN_LOG ? open_log("log") : open_ring("ring");
    sub = sub_of(store, "s");
}

/* ---- The server ------------------------------------------------------------------------------*/

static void publish(void)
{
    if (entry_count == ENTRIES_MAX) {
        return;
    }
    entry   *fresh = &entries[entry_count];
    uint32_t publisher = random_below(PUBLISHERS + 1);
    *fresh = (entry){.matches = random_below(5) > 0};
    if (publisher == PUBLISHERS) {
        snprintf(fresh->text, sizeof fresh->text, "opaque-%u", entry_count);
    } else {
        last_sequence[publisher] += 1 + random_below(3);
        snprintf(fresh->text, sizeof fresh->text, "%u|%llu|", publisher + 1,
                 (unsigned long long)last_sequence[publisher]);
    }
    entry_count++;
}

static uint32_t place_of(amps_slice bookmark)
{
    for (uint32_t i = 0; i < entry_count; i++) {
        if (amps_slice_equal(bookmark, amps_slice_of(entries[i].text))) {
            return i + 1;
        }
    }
    holds(amps_slice_equal(bookmark, amps_slice_of("0")),
          "the list has what the server never sent");
    return 0;
}

/* From the earliest member of the list. */
static void subscribe(void)
{
    static char list[ENTRIES_MAX * sizeof entries[0].text];
    amps_slice  rest = {list, amps_bookmark_most_recent(sub, list, sizeof list)};
    amps_slice  member;
    uint32_t    start = rest.size > 0 ? entry_count : 0;
    holds(rest.size <= sizeof list, "the list is too long");
    while (amps_bookmark_next(&rest, &member)) {
        uint32_t place = place_of(member);
        start = place < start ? place : start;
    }
    for (uint32_t i = 0; i < start; i++) {
        holds(entries[i].is_discarded || !entries[i].matches, "a start leaves out a message");
    }
    position = start;
}

static void deliver(void)
{
    uint64_t index;
    while (position < entry_count && !entries[position].matches) {
        position++;
    }
    if (position == entry_count) {
        return;
    }
    entry                *next = &entries[position++];
    amps_bookmark_verdict verdict = amps_bookmark_receive(sub, amps_slice_of(next->text), &index);
    if (verdict == AMPS_BOOKMARK_DISCARDED) {
        holds(next->is_discarded, "a message is suppressed that was never discarded");
    } else {
        holds(!next->survives, "a message comes again that was discarded");
        next->is_held = true;
    }
}

/* Of any entry up to what was delivered: the server is never ahead of it. */
static void acknowledge(void)
{
    if (position > 0) {
        uint32_t which = position - 1 - random_below(position < 6 ? position : 6);
        CHECK_STATUS(amps_bookmark_persisted(sub, amps_slice_of(entries[which].text)), AMPS_OK);
    }
}

/* ---- The program -----------------------------------------------------------------------------*/

static void discard_one(void)
{
    uint32_t from = entry_count > 0 ? random_below(entry_count) : 0;
    for (uint32_t i = 0; i < entry_count; i++) {
        entry *held = &entries[(from + i) % entry_count];
        if (held->is_held) {
            CHECK_STATUS(amps_bookmark_discard(sub, amps_slice_of(held->text)), AMPS_OK);
            held->is_held = false;
            held->is_discarded = held->survives = true;
            return;
        }
    }
}

static void die(void)
{
    bool is_torn = how == IN_RING;
    if (how == IN_MEMORY) {
        return;
    }
    amps_bookmark_store_drop(store);
    if (how == IN_LOG && random_below(2) == 0) {
        struct stat of_file;
        CHECK(stat(in_folder("log"), &of_file) == 0);
        uint32_t size = (uint32_t)of_file.st_size;
        uint32_t most = random_below(4) == 0 ? size - 64 : size - 64 < 200 ? size - 64 : 200;
        CHECK(truncate(in_folder("log"), (off_t)(size - random_below(most + 1))) == 0);
        is_torn = true;
    }
    for (uint32_t i = 0; i < entry_count; i++) {
        entries[i].is_held = false;
        entries[i].survives = entries[i].survives && !is_torn;
    }
    attach();
    subscribe();
}

static void step(void)
{
    uint32_t choice = random_below(100);
    if (choice < 25) {
        publish();
    } else if (choice < 60) {
        deliver();
    } else if (choice < 86) {
        discard_one();
    } else if (choice < 92) {
        acknowledge();
    } else if (choice < 96) {
        subscribe();
    } else if (choice < 99) {
        die();
    } else {
        CHECK_STATUS(amps_bookmark_store_prune(store, NULL, NULL), AMPS_OK);
    }
}

static void run_once(kind which)
{
    how = which;
    entry_count = position = 0;
    memset(last_sequence, 0, sizeof last_sequence);
    if (how != IN_MEMORY) {
        truncate(in_folder(how == IN_LOG ? "log" : "ring"), 0);
    }
    attach();
    if (random_below(2) == 0) {
        CHECK_STATUS(amps_bookmark_begin(sub, BYTES("0")), AMPS_OK);
    }
    for (uint32_t i = 0; i < STEPS; i++) {
        step();
    }
    subscribe();
    while (position < entry_count) {
        deliver();
    }
    for (uint32_t i = 0; i < entry_count; i++) {
        holds(!entries[i].matches || entries[i].is_held || entries[i].is_discarded,
              "a message never came");
        discard_one();
    }
    holds(amps_bookmark_oldest(sub) == 0, "something is left although all was discarded");
    amps_bookmark_store_drop(store);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void nothing_is_lost_and_nothing_comes_back(void)
{
    uint64_t first = number_of("AMPS_TEST_SEED", (uint64_t)getpid() * 1000003u + 1);
    uint64_t runs = number_of("AMPS_TEST_RUNS", RUNS);
    printf("AMPS_TEST_SEED=%llu\n", (unsigned long long)first);
    for (uint64_t run = 0; run < runs; run++) {
        seed = first + run;
        state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
        run_once(run % 5 == 0 ? IN_MEMORY : run % 5 == 1 ? IN_RING : IN_LOG);
    }
}

int main(void)
{
    folder_make_in_memory();
    RUN(nothing_is_lost_and_nothing_comes_back);
    folder_remove();
    return 0;
}
