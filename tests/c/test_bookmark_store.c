/* test_bookmark_store.c: the worked examples, starts, events, several subscriptions. */
#include "bookmarks.h"

#include <sys/wait.h>
#include <unistd.h>

#define MANY 100000

static amps_bookmark_store *store;
static amps_bookmark_sub   *sub;

static void fresh(void)
{
    store = new_store();
    sub = sub_of(store, "s");
}

static void done(void) { amps_bookmark_store_drop(store); }

/* ---- The worked examples (cases 61, 62, 64) --------------------------------------------------*/

static void discards_out_of_order_count_once_all_before_them_are_done(void)
{
    fresh();
    begin(sub, "0");
    uint64_t third = 0;
    for (int i = 1; i <= 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "A%d", i);
        uint64_t index = new_one(sub, name);
        third = i == 3 ? index : third;
    }
    recent_is(sub, "0");
    discard(sub, "A2");
    recent_is(sub, "0");
    discard(sub, "A1");
    recent_is(sub, "A2");
    discard(sub, "A4");
    recent_is(sub, "A2");
    persisted(sub, "A4");
    recent_is(sub, "A2");
    CHECK_NUMBER(receive(sub, "A3", AMPS_BOOKMARK_AGAIN), third);
    receive(sub, "A4", AMPS_BOOKMARK_DISCARDED);
    discard(sub, "A3");
    recent_is(sub, "A4");
    CHECK_NUMBER(amps_bookmark_oldest(sub), 0);
    done();
}

static void another_server_may_have_another_order(void)
{
    fresh();
    new_one(sub, "A1");
    new_one(sub, "B1");
    new_one(sub, "A2");
    new_one(sub, "B2");
    discard(sub, "A1");
    discard(sub, "B1");
    discard(sub, "B2");
    recent_is(sub, "A1,B1");
    receive(sub, "B2", AMPS_BOOKMARK_DISCARDED);
    receive(sub, "A1", AMPS_BOOKMARK_DISCARDED);
    receive(sub, "A2", AMPS_BOOKMARK_AGAIN);
    discard(sub, "A2");
    recent_is(sub, "A2,B2");
    done();
}

static void a_quiet_topic_holds_on_to_persisted_points(void)
{
    char text[TEXT_SIZE];
    fresh();
    begin(sub, "0|1|");
    CHECK_STATUS(amps_bookmark_completed(sub, wire("X9", text)), AMPS_OK);
    recent_is(sub, "X9");
    new_one(sub, "A1");
    persisted(sub, "Z50");
    recent_is(sub, "X9");
    discard(sub, "A1");
    recent_is(sub, "A1,Z50");
    persisted(sub, "Z900");
    recent_is(sub, "A1,Z900");
    done();
}

/* ---- Again and again (cases 65, 66, 68) ------------------------------------------------------*/

static void what_was_discarded_is_not_new_again(void)
{
    char text[TEXT_SIZE];
    fresh();
    uint64_t index = new_one(sub, "A5");
    CHECK(!amps_bookmark_is_discarded(sub, wire("A5", text)));
    CHECK_NUMBER(receive(sub, "A5", AMPS_BOOKMARK_AGAIN), index);
    discard(sub, "A5");
    discard(sub, "A5");
    discard(sub, "B7");
    CHECK_NUMBER(receive(sub, "A5", AMPS_BOOKMARK_DISCARDED), 0);
    CHECK(amps_bookmark_is_discarded(sub, wire("A4", text)));
    CHECK(!amps_bookmark_is_discarded(sub, wire("A6", text)));
    CHECK_NUMBER(new_one(sub, "A6"), index + 1);
    done();
}

static void a_persisted_point_waits_for_what_came_before_it(void)
{
    fresh();
    new_one(sub, "A1");
    new_one(sub, "A2");
    persisted(sub, "Z1");
    new_one(sub, "A3");
    persisted(sub, "Z2");
    persisted(sub, "Z3");
    discard(sub, "A1");
    recent_is(sub, "A1");
    discard(sub, "A2");
    recent_is(sub, "A2,Z1");
    discard(sub, "A3");
    recent_is(sub, "A3,Z3");
    done();
}

static void persisted_by_index_counts_after_that_message(void)
{
    fresh();
    uint64_t first = new_one(sub, "A1");
    uint64_t second = new_one(sub, "B1");
    new_one(sub, "C1");
    persisted(sub, "Z9");
    CHECK_STATUS(amps_bookmark_persisted_index(sub, second), AMPS_OK);
    CHECK_STATUS(amps_bookmark_persisted_index(sub, first), AMPS_OK);
    CHECK_STATUS(amps_bookmark_persisted_index(sub, 77), AMPS_OK);
    CHECK_STATUS(amps_bookmark_discard_index(sub, second), AMPS_OK);
    recent_is(sub, "");
    CHECK_STATUS(amps_bookmark_discard_index(sub, first), AMPS_OK);
    recent_is(sub, "A1,B1");
    CHECK_STATUS(amps_bookmark_discard_index(sub, 3), AMPS_OK);
    recent_is(sub, "A1,B1,C1,Z9");
    done();
}

static void a_new_start_forgets_all_and_old_indexes_mean_nothing(void)
{
    fresh();
    uint64_t old = new_one(sub, "A1");
    new_one(sub, "A2");
    discard(sub, "A2");
    begin(sub, "0");
    recent_is(sub, "0");
    uint64_t again = new_one(sub, "A1");
    CHECK(again > old);
    new_one(sub, "A2");
    CHECK_STATUS(amps_bookmark_discard_index(sub, old), AMPS_OK);
    CHECK_STATUS(amps_bookmark_discard_index(sub, UINT64_MAX), AMPS_OK);
    CHECK_STATUS(amps_bookmark_discard_index(sub, 0), AMPS_OK);
    CHECK_NUMBER(amps_bookmark_oldest(sub), again);
    CHECK_STATUS(amps_bookmark_store_purge(store), AMPS_OK);
    recent_is(sub, "");
    new_one(sub, "A1");
    done();
}

/* ---- Starts (case 69) ------------------------------------------------------------------------*/

static void now_is_remembered_as_a_time_until_the_server_says_better(void)
{
    char out[64], text[TEXT_SIZE];
    fresh();
    begin(sub, "0|1|");
    CHECK_NUMBER(amps_bookmark_most_recent(sub, out, sizeof out), AMPS_BOOKMARK_TIME_SIZE);
    CHECK(memcmp(out, "20", 2) == 0 && out[8] == 'T' && out[15] == 'Z');
    CHECK_STATUS(amps_bookmark_completed(sub, wire("0|1|", text)), AMPS_OK); /* says nothing */
    CHECK_NUMBER(amps_bookmark_most_recent(sub, out, sizeof out), AMPS_BOOKMARK_TIME_SIZE);
    CHECK_STATUS(amps_bookmark_completed(sub, wire("X9", text)), AMPS_OK);
    CHECK_STATUS(amps_bookmark_completed(sub, wire("X10", text)), AMPS_OK);
    recent_is(sub, "X9");
    begin(sub, "20260101T000000Z");
    CHECK_STATUS(amps_bookmark_completed(sub, wire("X9", text)), AMPS_OK);
    recent_is(sub, "20260101T000000Z");
    CHECK_STATUS(amps_bookmark_anchor(sub, wire("A1,B1", text)), AMPS_OK);
    recent_is(sub, "A1,B1");
    CHECK_STATUS(amps_bookmark_anchor(sub, wire("[A1,B1:C3)", text)), AMPS_OK);
    recent_is(sub, "[A1,B1:C3)");
    done();
}

static void a_start_that_is_too_long_changes_nothing(void)
{
    fresh();
    begin(sub, "X1");
    amps_slice long_one = {calloc(1, AMPS_BOOKMARK_LIST_SIZE_MAX + 1),
                           AMPS_BOOKMARK_LIST_SIZE_MAX + 1};
    CHECK_STATUS(amps_bookmark_begin(sub, long_one), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_bookmark_anchor(sub, long_one), AMPS_TOO_LARGE);
    CHECK_STATUS(amps_bookmark_recover(sub, long_one), AMPS_TOO_LARGE);
    free((char *)(uintptr_t)long_one.at);
    recent_is(sub, "X1");
    done();
}

static void a_recovery_point_says_what_is_done(void)
{
    char text[TEXT_SIZE];
    fresh();
    CHECK_STATUS(amps_bookmark_recover(sub, wire("A5,B7,,20260101T000000Z", text)), AMPS_OK);
    recent_is(sub, "A5,B7");
    receive(sub, "A5", AMPS_BOOKMARK_DISCARDED);
    new_one(sub, "A6");
    new_one(sub, "C1");
    discard(sub, "A6");
    recent_is(sub, "A6,B7");
    done();
}

/* ---- Events ----------------------------------------------------------------------------------*/

static size_t changes, growths[8], growth_count;

static void on_changed(void *context, amps_slice sub_id)
{
    CHECK(context == &changes);
    CHECK_TEXT(sub_id, "s");
    changes++;
    amps_bookmark_most_recent(sub, NULL, 0); /* no lock is held */
}

static void on_grown(void *context, amps_slice sub_id, size_t count)
{
    (void)context;
    CHECK_TEXT(sub_id, "s");
    CHECK(growth_count < COUNT_OF(growths));
    growths[growth_count++] = count;
}

static void a_change_is_told_only_when_the_list_may_have_changed(void)
{
    fresh();
    changes = 0;
    amps_bookmark_store_set_events(
        store, &(amps_bookmark_events){.context = &changes, .changed = on_changed});
    new_one(sub, "A1");
    new_one(sub, "A2");
    discard(sub, "A2");
    persisted(sub, "Z1");
    receive(sub, "A1", AMPS_BOOKMARK_AGAIN);
    CHECK_NUMBER(changes, 0);
    discard(sub, "A1");
    CHECK_NUMBER(changes, 1);
    discard(sub, "A1");
    CHECK_NUMBER(changes, 1);
    persisted(sub, "Z2");
    CHECK_NUMBER(changes, 2);
    begin(sub, "0");
    CHECK_NUMBER(changes, 3);
    amps_bookmark_store_set_events(store, NULL);
    begin(sub, "0");
    CHECK_NUMBER(changes, 3);
    done();
}

static void growth_is_told_at_every_double(void)
{
    fresh();
    growth_count = 0;
    amps_bookmark_store_set_events(store, &(amps_bookmark_events){.grown = on_grown});
    char name[16];
    for (int i = 1; i <= 5000; i++) {
        snprintf(name, sizeof name, "A%d", i);
        new_one(sub, name);
    }
    CHECK_NUMBER(growth_count, 3);
    CHECK(growths[0] == 1000 && growths[1] == 2000 && growths[2] == 4000);
    done();
}

/* ---- Ends ------------------------------------------------------------------------------------*/

static void a_closed_store_says_so(void)
{
    uint64_t index = 3;
    fresh();
    new_one(sub, "A1");
    discard(sub, "A1");
    CHECK_STATUS(amps_bookmark_store_close(store, NULL), AMPS_OK);
    CHECK_STATUS(amps_bookmark_store_close(store, NULL), AMPS_OK);
    CHECK_NUMBER(receive(sub, "A1", AMPS_BOOKMARK_NEW), 0);
    CHECK_STATUS(amps_bookmark_log(sub, BYTES("101|2|"), &index), AMPS_CLOSED);
    CHECK_STATUS(amps_bookmark_discard(sub, BYTES("101|1|")), AMPS_CLOSED);
    CHECK(amps_bookmark_store_sub(store, BYTES("t")) == NULL);
    recent_is(sub, "A1");
    done();
}

static void a_child_of_a_fork_can_do_nothing(void)
{
    fresh();
    new_one(sub, "A1");
    pid_t child = fork();
    if (child == 0) {
        uint64_t index;
        bool     good = amps_bookmark_discard(sub, BYTES("101|1|")) == AMPS_FORKED &&
                    amps_bookmark_receive(sub, BYTES("101|1|"), &index) == AMPS_BOOKMARK_NEW &&
                    amps_bookmark_begin(sub, BYTES("0")) == AMPS_FORKED &&
                    amps_bookmark_most_recent(sub, NULL, 0) == 0 &&
                    amps_bookmark_oldest(sub) == 0 &&
                    amps_bookmark_store_purge(store) == AMPS_FORKED &&
                    amps_bookmark_store_close(store, NULL) == AMPS_FORKED &&
                    amps_bookmark_store_sub_count(store) == 0;
        amps_bookmark_store_drop(store);
        _exit(good ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    receive(sub, "A1", AMPS_BOOKMARK_AGAIN);
    done();
}

/* ---- Many ------------------------------------------------------------------------------------*/

static void many_in_any_order_leave_nothing_behind(void)
{
    static uint32_t order[MANY];
    char            text[64];
    uint64_t        random = 7;
    size_t          before = amps_memory_live();
    fresh();
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t at = (uint32_t)(check_random(&random) % (i + 1));
        order[i] = order[at];
        order[at] = i;
        int      size = snprintf(text, sizeof text, "%u|%u|", i % 7 + 1, i + 1);
        uint64_t index;
        CHECK(amps_bookmark_receive(sub, (amps_slice){text, (size_t)size}, &index) ==
                  AMPS_BOOKMARK_NEW &&
              index == i + 1);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        int size = snprintf(text, sizeof text, "%u|%u|", order[i] % 7 + 1, order[i] + 1);
        CHECK_STATUS(amps_bookmark_discard(sub, (amps_slice){text, (size_t)size}), AMPS_OK);
    }
    CHECK_NUMBER(amps_bookmark_oldest(sub), 0);
    char   out[512];
    size_t size = amps_bookmark_most_recent(sub, out, sizeof out);
    CHECK_TEXT(((amps_slice){out, size}), "1|99996|,2|99997|,3|99998|,4|99999|,5|100000|,"
                                          "6|99994|,7|99995|");
    done();
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_long_list_is_shortened_by_what_is_persisted(void)
{
    char name[32];
    fresh();
    for (int i = 1; i <= 1500; i++) {
        snprintf(name, sizeof name, "%d|5|", 1000 + i);
        new_one(sub, name);
        discard(sub, name);
    }
    persisted(sub, "2400|5|"); /* the 1400th */
    char   out[4096];
    size_t size = amps_bookmark_most_recent(sub, out, sizeof out);
    CHECK(size < sizeof out && memcmp(out, "2401|5|,2402|5|,", 16) == 0);
    CHECK(memcmp(out + size - 15, "2500|5|,2400|5|", 15) == 0);
    receive(sub, "1001|5|", AMPS_BOOKMARK_DISCARDED); /* still known */
    done();
}

int main(void)
{
    RUN(discards_out_of_order_count_once_all_before_them_are_done);
    RUN(another_server_may_have_another_order);
    RUN(a_quiet_topic_holds_on_to_persisted_points);
    RUN(what_was_discarded_is_not_new_again);
    RUN(a_persisted_point_waits_for_what_came_before_it);
    RUN(persisted_by_index_counts_after_that_message);
    RUN(a_new_start_forgets_all_and_old_indexes_mean_nothing);
    RUN(now_is_remembered_as_a_time_until_the_server_says_better);
    RUN(a_start_that_is_too_long_changes_nothing);
    RUN(a_recovery_point_says_what_is_done);
    RUN(a_change_is_told_only_when_the_list_may_have_changed);
    RUN(growth_is_told_at_every_double);
    RUN(a_closed_store_says_so);
    RUN(a_child_of_a_fork_can_do_nothing);
    RUN(many_in_any_order_leave_nothing_behind);
    RUN(a_long_list_is_shortened_by_what_is_persisted);
    return 0;
}
