/* test_acks.c: acknowledgements are gathered by topic, full at the right moment, sent once each. */
#include "amps_acks.h"

#include "amps_memory.h"
#include "check.h"
#include "peer.h"

#define NO_TIMEOUT 0u
#define FRAME_MAX  ((size_t)1 << 20)

typedef struct table { /* of acks and the routes that they look at */
    amps_routes routes;
    amps_acks   acks;
} table;

static void open_table(table *set, size_t frame_max, size_t size, uint64_t timeout)
{
    amps_acks_todo todo;
    amps_routes_init(&set->routes);
    amps_acks_init(&set->acks, &set->routes, frame_max);
    amps_acks_set_batching(&set->acks, size, timeout, &todo);
    CHECK(!todo.send && todo.tick_at == 0);
    amps_acks_open(&set->acks);
}

static void close_table(table *set)
{
    amps_acks_fini(&set->acks);
    amps_routes_fini(&set->routes);
}

static amps_acks_todo add_at(table *set, const char *topic, const char *bookmarks,
                             const char *options, uint64_t now)
{
    amps_acks_todo todo;
    CHECK_STATUS(amps_acks_add(&set->acks, amps_slice_of(topic), amps_slice_of(bookmarks),
                               amps_slice_of(options), BYTES(""), now, &todo),
                 AMPS_OK);
    return todo;
}

static bool add(table *set, const char *topic, const char *bookmarks)
{
    return add_at(set, topic, bookmarks, "", 1).send;
}

static void end_batches(table *set)
{
    amps_acks_todo todo;
    amps_acks_end_batches(&set->acks, &todo);
}

/* All that is ready, one after the other: `topic=list/options;`. */
static void expect(table *set, const char *expected)
{
    const amps_ack_command *command;
    char                    seen[4096];
    size_t                  size = 0;
    seen[0] = '\0';
    CHECK(amps_acks_claim(&set->acks));
    while ((command = amps_acks_next(&set->acks)) != NULL) {
        size +=
            (size_t)snprintf(seen + size, sizeof seen - size, "%.*s=%.*s/%.*s;",
                             (int)command->topic.size, command->topic.at, (int)command->list.size,
                             command->list.at, (int)command->options.size, command->options.at);
        CHECK(size < sizeof seen);
        amps_acks_sent(&set->acks);
    }
    CHECK_TEXT(((amps_slice){seen, size}), expected);
}

/* A route as the reader has it, granted a backlog. */
static void subscribe(table *set, const char *id, const char *topic, bool pattern,
                      const char *options)
{
    const amps_slice ids[] = {amps_slice_of(id), amps_slice_of(id)};
    amps_sink        sink = {.handler = set, .topic = amps_slice_of(topic), .many_groups = pattern};
    amps_header      answer = {.present = 0};
    CHECK_STATUS(amps_routes_add(&set->routes, ids, 2, &sink), AMPS_OK);
    amps_header_set(&answer, AMPS_FIELD_OPTIONS, amps_slice_of(options));
    amps_routes_enter(&set->routes);
    amps_routes_hear(&set->routes, amps_routes_find(&set->routes, AMPS_ID_OF_COMMAND, ids[0]),
                     &answer);
    amps_routes_leave(&set->routes);
}

/* ---- Batches -------------------------------------------------------------------------------- */

static void without_batches_each_is_ready_at_once(void)
{
    table set;
    open_table(&set, FRAME_MAX, 1, NO_TIMEOUT);
    CHECK(add(&set, "a", "1|1|") && add(&set, "a", "1|1|") && add(&set, "b", "1|2|,1|3|"));
    expect(&set, "a=1|1|/;a=1|1|/;b=1|2|/;b=1|3|/;");
    CHECK_NUMBER(amps_acks_waiting(&set.acks), 0);
    close_table(&set);
}

static void a_batch_is_ready_when_it_is_full(void)
{
    table set;
    open_table(&set, FRAME_MAX, 3, NO_TIMEOUT);
    CHECK(!add(&set, "a", "1") && !add(&set, "b", "2") && !add(&set, "a", "3"));
    CHECK_NUMBER(amps_acks_waiting(&set.acks), 3);
    CHECK(add(&set, "a", "4"));
    expect(&set, "a=1,3,4/;");
    CHECK_NUMBER(amps_acks_waiting(&set.acks), 1);
    end_batches(&set);
    expect(&set, "b=2/;");
    close_table(&set);
}

static void a_bookmark_is_in_a_batch_once_however_many_there_are(void)
{
    table    set;
    char     number[16];
    uint64_t seed = 7;
    open_table(&set, FRAME_MAX, 501, NO_TIMEOUT);
    for (int turn = 0; turn < 3; turn++) {
        for (int count = 0; count < 5000; count++) {
            snprintf(number, sizeof number, "%u", (unsigned)(check_random(&seed) % 500));
            CHECK(!add(&set, "a", number));
        }
        CHECK_NUMBER(amps_acks_waiting(&set.acks), 500);
        CHECK(add(&set, "a", "another"));
        CHECK(amps_acks_claim(&set.acks));
        CHECK(amps_acks_next(&set.acks) != NULL);
        amps_acks_sent(&set.acks);
        CHECK(amps_acks_next(&set.acks) == NULL);
    }
    close_table(&set);
}

static void lists_are_taken_apart(void)
{
    table set;
    open_table(&set, FRAME_MAX, 10, NO_TIMEOUT);
    add(&set, "a", ",, 1 ,2, 1,,3 3,");
    end_batches(&set);
    expect(&set, "a=1,2,3 3/;");
    close_table(&set);
}

static void options_go_alone_behind_the_batch_of_their_topic(void)
{
    table set;
    open_table(&set, FRAME_MAX, 10, NO_TIMEOUT);
    add(&set, "a", "1");
    add(&set, "b", "2");
    CHECK(add_at(&set, "a", "3,4", "cancel", 1).send);
    expect(&set, "a=1/;a=3,4/cancel;");
    CHECK(add_at(&set, "c", "5", "expire", 1).send);
    expect(&set, "c=5/expire;");
    close_table(&set);
}

static void a_list_has_its_limit(void)
{
    table set;
    char  bookmark[AMPS_BOOKMARK_SIZE_MAX + 1];
    open_table(&set, FRAME_MAX, SIZE_MAX, NO_TIMEOUT);
    size_t ready = 0;
    for (unsigned count = 0; count < 1000; count++) {
        snprintf(bookmark, sizeof bookmark, "%0255u", count);
        ready += add(&set, "a", bookmark);
    }
    CHECK(ready > 0);
    CHECK(amps_acks_claim(&set.acks));
    const amps_ack_command *command = amps_acks_next(&set.acks);
    CHECK_NUMBER(command->list.size, AMPS_ACKS_LIST_MAX / 256 * 256 - 1);
    amps_acks_pause(&set.acks);
    close_table(&set);
}

static void only_so_many_batches_are_open(void)
{
    table set;
    char  topic[16];
    open_table(&set, FRAME_MAX, 10, NO_TIMEOUT);
    for (unsigned count = 0; count < AMPS_ACKS_TOPICS_MAX; count++) {
        snprintf(topic, sizeof topic, "t%u", count);
        CHECK(!add(&set, topic, "1"));
    }
    CHECK(!add(&set, "t0", "2")); /* used again: the oldest is another */
    CHECK(add(&set, "more", "1"));
    expect(&set, "t1=1/;");
    close_table(&set);
}

/* ---- Time ----------------------------------------------------------------------------------- */

static void time_counts_from_the_first_of_a_batch(void)
{
    table          set;
    amps_acks_todo todo;
    open_table(&set, FRAME_MAX, 10, 100);
    CHECK_NUMBER(add_at(&set, "a", "1", "", 1000).tick_at, 1100);
    CHECK_NUMBER(add_at(&set, "a", "2", "", 1050).tick_at, 0); /* it is asked for already */
    CHECK_NUMBER(add_at(&set, "b", "3", "", 1060).tick_at, 0);
    amps_acks_tick(&set.acks, 1099, &todo);
    CHECK(!todo.send && todo.tick_at == 1100);
    amps_acks_tick(&set.acks, 1100, &todo);
    CHECK(todo.send && todo.tick_at == 1160);
    expect(&set, "a=1,2/;");
    amps_acks_tick(&set.acks, 1200, &todo);
    CHECK(todo.send && todo.tick_at == 0);
    expect(&set, "b=3/;");
    CHECK_NUMBER(add_at(&set, "a", "4", "", 2000).tick_at, 2100);
    close_table(&set);
}

static void full_batches_ask_for_no_more_ticks_than_there_is_time(void)
{
    table  set;
    size_t asked = 0;
    open_table(&set, FRAME_MAX, 2, 1000);
    for (uint64_t now = 1; now <= 500; now++) {
        char bookmark[16];
        snprintf(bookmark, sizeof bookmark, "%u", (unsigned)now);
        asked += add_at(&set, "a", bookmark, "", now).tick_at != 0;
    }
    CHECK_NUMBER(asked, 1);
    close_table(&set);
}

/* ---- Backlogs ------------------------------------------------------------------------------- */

static void the_smallest_backlog_of_a_topic_makes_a_batch_full(void)
{
    table     set;
    amps_sink sink;
    open_table(&set, FRAME_MAX, 100, NO_TIMEOUT);
    subscribe(&set, "1", "a", false, "oof,max_backlog=3");
    subscribe(&set, "2", "a", false, " max_backlog=2");
    subscribe(&set, "3", "b", false, "max_backlog=1");
    subscribe(&set, "4", "a", true, "max_backlog=1");
    CHECK(!add(&set, "a", "1") && add(&set, "a", "2"));
    expect(&set, "a=1,2/;");
    CHECK(amps_routes_remove(&set.routes, AMPS_ID_OF_COMMAND, BYTES("2"), &sink));
    CHECK(!add(&set, "a", "3") && !add(&set, "a", "4") && add(&set, "a", "5"));
    expect(&set, "a=3,4,5/;");
    close_table(&set);
}

static void a_pattern_counts_for_what_came_by_it(void)
{
    table          set;
    amps_acks_todo todo;
    open_table(&set, FRAME_MAX, 100, NO_TIMEOUT);
    subscribe(&set, "1", "a.*", true, "max_backlog=2");
    CHECK(!add(&set, "a1", "1"));
    CHECK_STATUS(amps_acks_add(&set.acks, BYTES("a1"), BYTES("2"), BYTES(""), BYTES("1"), 1, &todo),
                 AMPS_OK);
    expect(&set, "a1=1,2/;");
    CHECK(!add(&set, "b", "1") && !add(&set, "b", "2"));
    close_table(&set);
}

static void answers_that_grant_nothing(void)
{
    static const char *const answers[] = {"",
                                          "max_backlog",
                                          "max_backlog=",
                                          "max=1",
                                          "max_backlog=-",
                                          "max_backlog=1x",
                                          "a=max_backlog=1"};
    uint32_t                 backlog;
    for (size_t at = 0; at < COUNT_OF(answers); at++) {
        table set;
        open_table(&set, FRAME_MAX, 100, NO_TIMEOUT);
        subscribe(&set, "1", "a", false, answers[at]);
        CHECK(!amps_routes_granted(&set.routes, BYTES("1"), &backlog));
        CHECK_NUMBER(amps_routes_backlog(&set.routes, BYTES("a")), UINT32_MAX);
        close_table(&set);
    }
}

/* ---- What cannot be ------------------------------------------------------------------------- */

static void what_is_too_large_or_nothing_changes_nothing(void)
{
    table          set;
    amps_acks_todo todo;
    char           large[3000];
    memset(large, 'x', sizeof large);
    open_table(&set, 4096, 10, NO_TIMEOUT);
    const struct {
        amps_slice  topic, bookmarks, options;
        amps_status status;
    } bad[] = {{{large, 300}, BYTES("1"), BYTES(""), AMPS_TOO_LARGE},
               {BYTES("a"), {large, AMPS_BOOKMARK_SIZE_MAX + 1}, BYTES(""), AMPS_TOO_LARGE},
               {BYTES("a"), BYTES("1"), {large, 300}, AMPS_TOO_LARGE},
               {BYTES("a"), BYTES(""), BYTES(""), AMPS_END},
               {BYTES("a"), BYTES(" , ,"), BYTES("cancel"), AMPS_END}};
    for (size_t at = 0; at < COUNT_OF(bad); at++) {
        CHECK_STATUS(amps_acks_add(&set.acks, bad[at].topic, bad[at].bookmarks, bad[at].options,
                                   BYTES(""), 1, &todo),
                     bad[at].status);
        CHECK(!todo.send && todo.tick_at == 0);
    }
    CHECK_NUMBER(amps_acks_waiting(&set.acks), 0);
    close_table(&set);
}

static void without_a_connection_they_are_refused_or_kept(void)
{
    table          set;
    amps_acks_todo todo;
    open_table(&set, FRAME_MAX, 2, 100);
    amps_acks_shut(&set.acks);
    CHECK_STATUS(amps_acks_add(&set.acks, BYTES("a"), BYTES("1"), BYTES(""), BYTES(""), 1, &todo),
                 AMPS_DISCONNECTED);
    amps_acks_set_keeps(&set.acks, true);
    for (int count = 0; count < 3; count++) {
        const char *const bookmarks[] = {"1", "2", "3"};
        todo = add_at(&set, "a", bookmarks[count], "", 1);
        CHECK(!todo.send && todo.tick_at == 0);
    }
    expect(&set, "");
    amps_acks_open(&set.acks);
    end_batches(&set);
    expect(&set, "a=1,2/;a=3/;");
    close_table(&set);
}

static void one_thread_sends_and_what_is_dropped_meanwhile_is_gone(void)
{
    table set;
    open_table(&set, FRAME_MAX, 1, NO_TIMEOUT);
    add(&set, "a", "1");
    add(&set, "a", "2");
    CHECK(amps_acks_claim(&set.acks));
    CHECK(!amps_acks_claim(&set.acks));
    CHECK(!amps_acks_wait(&set.acks, amps_clock_in_ms(1)));
    CHECK_TEXT(((amps_slice){amps_acks_next(&set.acks)->list.at, 1}), "1");
    CHECK_NUMBER(amps_acks_drop(&set.acks), 1);
    add(&set, "a", "3");
    amps_acks_sent(&set.acks);
    CHECK_TEXT(((amps_slice){amps_acks_next(&set.acks)->list.at, 1}), "3");
    amps_acks_sent(&set.acks);
    CHECK(amps_acks_next(&set.acks) == NULL);
    CHECK(amps_acks_wait(&set.acks, amps_clock_in_ms(1)));
    close_table(&set);
}

static void any_allocation_may_fail(void)
{
    for (int forever = 0; forever < 2; forever++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            table          set;
            amps_acks_todo todo;
            char           bookmark[16];
            size_t         added = 0, sent = 0;
            open_table(&set, FRAME_MAX, 40, NO_TIMEOUT);
            amps_memory_fail_at(n, forever);
            for (unsigned count = 0; count < 200; count++) {
                snprintf(bookmark, sizeof bookmark, "%u", count);
                amps_slice  options = count % 50 == 0 ? BYTES("cancel") : BYTES("");
                amps_status status =
                    amps_acks_add(&set.acks, count % 2 ? BYTES("a") : BYTES("b"),
                                  amps_slice_of(bookmark), options, BYTES(""), 1, &todo);
                CHECK(status == AMPS_OK || status == AMPS_NO_MEMORY);
                added += status == AMPS_OK;
            }
            failed = amps_memory_has_failed() != 0;
            amps_memory_fail_at(0, 0);
            end_batches(&set);
            CHECK(amps_acks_claim(&set.acks));
            for (const amps_ack_command *command; (command = amps_acks_next(&set.acks)) != NULL;) {
                sent++;
                for (size_t at = 0; at < command->list.size; at++) {
                    sent += command->list.at[at] == ',';
                }
                amps_acks_sent(&set.acks);
            }
            CHECK_NUMBER(sent, added);
            close_table(&set);
        }
    }
}

/* ---- Threads -------------------------------------------------------------------------------- */

#define ADDERS    4u
#define EACH      5000u
#define BATCH_MAX 7u

typedef struct crew {
    table            set;
    _Atomic size_t   sent;
    _Atomic uint64_t sum;
} crew;

static void send_ready(crew *shared)
{
    const amps_ack_command *command;
    if (!amps_acks_claim(&shared->set.acks)) {
        return;
    }
    while ((command = amps_acks_next(&shared->set.acks)) != NULL) {
        size_t   count = 1;
        uint64_t number = 0, sum = 0;
        for (size_t at = 0; at <= command->list.size; at++) {
            if (at < command->list.size && command->list.at[at] != ',') {
                number = number * 10 + (uint64_t)(command->list.at[at] - '0');
            } else {
                count += at < command->list.size;
                sum += number;
                number = 0;
            }
        }
        CHECK(count <= BATCH_MAX);
        atomic_fetch_add(&shared->sent, count);
        atomic_fetch_add(&shared->sum, sum);
        amps_acks_sent(&shared->set.acks);
    }
}

static void *add_many(void *context)
{
    crew                   *shared = context;
    static _Atomic unsigned next;
    for (unsigned count = 0; count < EACH; count++) {
        char     bookmark[16];
        unsigned number = atomic_fetch_add(&next, 1) + 1;
        snprintf(bookmark, sizeof bookmark, "%u", number);
        if (add(&shared->set, number % 3 ? "a" : "b", bookmark)) {
            send_ready(shared);
        }
    }
    return NULL;
}

static void threads_add_and_send_and_nothing_is_lost_or_sent_twice(void)
{
    crew      shared = {.sent = 0};
    pthread_t threads[ADDERS];
    open_table(&shared.set, FRAME_MAX, BATCH_MAX, NO_TIMEOUT);
    for (size_t at = 0; at < ADDERS; at++) {
        threads[at] = start(add_many, &shared);
    }
    for (size_t at = 0; at < ADDERS; at++) {
        join(threads[at]);
    }
    end_batches(&shared.set);
    send_ready(&shared);
    const uint64_t all = ADDERS * EACH;
    CHECK_NUMBER(shared.sent, all);
    CHECK_NUMBER(shared.sum, all * (all + 1) / 2);
    close_table(&shared.set);
}

int main(void)
{
    RUN(without_batches_each_is_ready_at_once);
    RUN(a_batch_is_ready_when_it_is_full);
    RUN(a_bookmark_is_in_a_batch_once_however_many_there_are);
    RUN(lists_are_taken_apart);
    RUN(options_go_alone_behind_the_batch_of_their_topic);
    RUN(a_list_has_its_limit);
    RUN(only_so_many_batches_are_open);
    RUN(time_counts_from_the_first_of_a_batch);
    RUN(full_batches_ask_for_no_more_ticks_than_there_is_time);
    RUN(the_smallest_backlog_of_a_topic_makes_a_batch_full);
    RUN(a_pattern_counts_for_what_came_by_it);
    RUN(answers_that_grant_nothing);
    RUN(what_is_too_large_or_nothing_changes_nothing);
    RUN(without_a_connection_they_are_refused_or_kept);
    RUN(one_thread_sends_and_what_is_dropped_meanwhile_is_gone);
    RUN(any_allocation_may_fail);
    RUN(threads_add_and_send_and_nothing_is_lost_or_sent_twice);
    CHECK_NUMBER(amps_memory_live(), 0);
    return 0;
}
