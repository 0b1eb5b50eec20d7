/* test_publish_store_steps.c: cases 51, 52 and 57 at every instruction: a file is whole at each.
 *
 * A child works on a store one instruction at a time. Whenever the file has changed, a copy is
 * opened as if the child had been killed there: it must hold what it held before the call or what
 * it holds after it. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "folder.h"
#include "store.h"

#define BLOCK_SIZE 256u /* one record of two shares its block with others */
#define BLOCKS     6u
#define FILE_MAX   ((size_t)64 << 10)

#define COUNT_OF_FRAMES 32

/* What is in a store: a bit for each number above BASE, what was persisted, the highest given. */
typedef struct contents {
    uint64_t live;
    uint64_t persisted;
    uint64_t assigned;
} contents;

static amps_publish_store *open_store(const char *name)
{
    amps_publish_store_options options = options_of(BLOCK_SIZE, BLOCKS);
    amps_publish_store        *store;
    amps_failure               failure = {.text = ""};
    amps_status status = amps_publish_store_open(in_folder(name), &options, &failure, &store);
    if (status != AMPS_OK) {
        fprintf(stderr, "%s\n", failure.text);
    }
    CHECK_STATUS(status, AMPS_OK);
    return store;
}

static contents contents_of(amps_publish_store *store)
{
    contents found = {.persisted = amps_publish_store_last_persisted(store),
                      .assigned = amps_publish_store_last_assigned(store)};
    for (uint64_t at = read_above(store, 0); at != 0; at = read_above(store, at)) {
        CHECK(at > BASE && at < BASE + 64);
        found.live |= (uint64_t)1 << (at - BASE);
    }
    return found;
}

/* ---- What the child does, call by call ------------------------------------------------------ */

static void discard(amps_publish_store *store, uint64_t above_base)
{
    discard_up_to(store, BASE + above_base);
}

static void bury(amps_publish_store *store, uint64_t above_base)
{
    CHECK_STATUS(amps_publish_store_discard_one(store, BASE + above_base, NULL), AMPS_OK);
}

/* Frames are made before the steps are counted. */
static char       frame_bytes[COUNT_OF_FRAMES][FRAME_SIZE_MAX];
static amps_slice frames[COUNT_OF_FRAMES];

static void make_frames(void)
{
    for (uint64_t at = 0; at < COUNT_OF_FRAMES; at++) {
        frames[at] = frame_for(BASE + at, frame_bytes[at]);
    }
}

static void add_one(amps_publish_store *store, uint64_t above_base)
{
    CHECK_STATUS(amps_publish_store_add(store, BASE + above_base, frames[above_base], NULL),
                 AMPS_OK);
}

/* Blocks are used, freed, and used again: chains where small records were, and small records where
 * chains and other small ones were. 1 to 4, 10 to 14 and all from 20 on are small, but for 23, for
 * which the file grows. */
static const struct {
    void (*call)(amps_publish_store *, uint64_t);
    uint64_t argument;
} calls[] = {
    {add_one, 1},  {add_one, 2},  {add_one, 3},  {discard, 2},  {add_one, 4},  {add_one, 5},
    {bury, 4},     {add_one, 6},  {discard, 5},  {add_one, 7},  {add_one, 8},  {add_one, 9},
    {add_one, 10}, {bury, 10},    {discard, 10}, {add_one, 11}, {add_one, 12}, {bury, 11},
    {add_one, 13}, {add_one, 14}, {discard, 12}, {add_one, 15}, {bury, 14},    {add_one, 16},
    {discard, 15}, {bury, 16},    {add_one, 17}, {bury, 17},    {add_one, 18}, {add_one, 19},
    {discard, 19}, {add_one, 20}, {add_one, 21}, {add_one, 22}, {bury, 21},    {discard, 20},
    {bury, 22},    {add_one, 23}, {discard, 23}, {add_one, 24}, {bury, 24},    {add_one, 25}};

/* The thread sanitizer makes every step 50 times slower, and there is one thread: a taste of it. */
#ifdef __SANITIZE_THREAD__
#define CALLS         ((size_t)4)
#define STEPS_OPENING false
#else
#define CALLS         COUNT_OF(calls)
#define STEPS_OPENING true
#endif

static contents expected[COUNT_OF(calls) + 1]; /* after each call; [0]: before the first */

static void learn_what_to_expect(void)
{
    amps_publish_store *store = open_store("expected");
    size_t              size = amps_publish_store_size(store);
    for (size_t at = 0; at < CALLS; at++) {
        calls[at].call(store, calls[at].argument);
        expected[at + 1] = contents_of(store);
    }
    CHECK(amps_publish_store_size(store) > size || CALLS < COUNT_OF(calls)); /* it did grow */
    amps_publish_store_drop(store);
}

static void work_in_steps(const char *path)
{
    amps_publish_store_options options = options_of(BLOCK_SIZE, BLOCKS);
    amps_publish_store        *store;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    if (STEPS_OPENING) {
        raise(SIGSTOP);
    }
    CHECK_STATUS(amps_publish_store_open(path, &options, NULL, &store), AMPS_OK);
    if (!STEPS_OPENING) {
        raise(SIGSTOP);
    }
    for (size_t at = 0; at < CALLS; at++) {
        calls[at].call(store, calls[at].argument);
    }
    _exit(0); /* as a kill does it */
}

/* ---- What the parent sees ------------------------------------------------------------------- */

/* The file as it is now, if that is news. */
static bool has_changed(int fd, char *seen, size_t *seen_size)
{
    static char now[FILE_MAX];
    ssize_t     got = pread(fd, now, sizeof now, 0);
    CHECK(got >= 0 && got < (ssize_t)sizeof now);
    if ((size_t)got == *seen_size && memcmp(seen, now, (size_t)got) == 0) {
        return false;
    }
    memcpy(seen, now, (size_t)got);
    *seen_size = (size_t)got;
    return true;
}

/* Which of the expected contents these are, not before `from`. */
static size_t call_of(const char *bytes, size_t size, size_t from)
{
    write_bytes(in_folder("killed"), bytes, size);
    amps_publish_store *store = open_store("killed");
    contents            found = contents_of(store);
    add(store); /* and it goes on */
    check_whole(store);
    amps_publish_store_drop(store);
    for (size_t at = from; at <= CALLS && at <= from + 1; at++) {
        if (expected[at].live == found.live && expected[at].persisted == found.persisted) {
            CHECK(found.assigned >= expected[at].assigned);
            return at;
        }
    }
    fprintf(stderr, "in or after call %zu: %llx, persisted %llu\n", from,
            (unsigned long long)found.live, (unsigned long long)found.persisted);
    CHECK(false);
    return 0;
}

static void killed_at_any_instruction_it_is_as_before_or_after_the_call(void)
{
    static char seen[FILE_MAX];
    size_t      seen_size = 0, call = 0, looks = 0;
    int         how;
    make_frames();
    learn_what_to_expect();
    int fd = open(in_folder("stepped"), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    pid_t child = fork();
    if (child == 0) {
        work_in_steps(in_folder("stepped"));
    }
    CHECK(waitpid(child, &how, 0) == child && WIFSTOPPED(how));
    while (WIFSTOPPED(how)) {
        int signal = WSTOPSIG(how) == SIGTRAP || WSTOPSIG(how) == SIGSTOP ? 0 : WSTOPSIG(how);
        CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, (void *)(intptr_t)signal) == 0);
        CHECK(waitpid(child, &how, 0) == child);
        if (WIFSTOPPED(how) && has_changed(fd, seen, &seen_size)) {
            call = call_of(seen, seen_size, call);
            looks++;
        }
    }
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    CHECK_NUMBER(call, CALLS);
    CHECK(looks > 8 * CALLS);
    close(fd);
}

int main(void)
{
    folder_make();
    RUN(killed_at_any_instruction_it_is_as_before_or_after_the_call);
    folder_remove();
    return 0;
}
