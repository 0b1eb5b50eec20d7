/* test_bookmark_disk.c: whatever fails, the file never says more than was done; many threads. */
#include "bookmark_files.h"

#include "amps_bookmark_inside.h"

#define ENTRIES      40u
#define THREADS      4u
#define PER_THREAD   2000u
#define REQUESTS_MAX 400u

static bool is_discarded[ENTRIES + 1]; /* the program has said so */

static amps_slice entry_text(uint32_t entry, char out[32])
{
    int size = entry % 6 == 5 ? snprintf(out, 32, "opaque-%u", entry)
                              : snprintf(out, 32, "%u|%u|", entry % 3 + 1, entry);
    return (amps_slice){out, (size_t)size};
}

static void discard_entry(amps_bookmark_sub *sub, uint32_t entry)
{
    char text[32];
    if (amps_bookmark_discard(sub, entry_text(entry, text)) == AMPS_OK) {
        is_discarded[entry] = true;
    }
}

/* Elsewhere an append asks the disk now and then; here each one does, so that each can fail. */
static void ask_each_time(amps_bookmark_store *store) { store->disk->journal.appends = 0; }

/* One program's life: it gets all messages, and discards most, not in order. */
static amps_status live(bool is_ring)
{
    amps_bookmark_store *store;
    uint64_t             index;
    char                 text[32];
    amps_status          status;
    if (is_ring) {
        status = amps_bookmark_store_open_ring(in_folder("file"), NULL, &store);
    } else {
        status = amps_bookmark_store_open_log(in_folder("file"), false, NULL, &store);
    }
    if (status != AMPS_OK) {
        return status;
    }
    amps_bookmark_sub *sub = amps_bookmark_store_sub(store, BYTES("s"));
    amps_bookmark_sub *other = amps_bookmark_store_sub(store, BYTES("other"));
    if (sub != NULL && other != NULL) {
        amps_bookmark_begin(sub, BYTES("0"));
        amps_bookmark_recover(other, BYTES("9|9|,8|8|"));
        for (uint32_t entry = 1; entry <= ENTRIES; entry++) {
            ask_each_time(store);
            amps_bookmark_receive(sub, entry_text(entry, text), &index);
            if (entry % 3 == 0) {
                ask_each_time(store);
                discard_entry(sub, entry);
                ask_each_time(store);
                discard_entry(sub, entry - 2);
            }
            ask_each_time(store);
            if (entry % 7 == 0) {
                amps_bookmark_persisted(sub, entry_text(entry, text));
            }
            ask_each_time(store);
            if (entry == 5) {
                discard_entry(sub, 2);
            }
            if (entry == ENTRIES / 2) {
                amps_bookmark_store_prune(store, NULL, NULL);
                amps_bookmark_purge(other);
            }
        }
        ask_each_time(store);
        discard_entry(sub, 5);
    }
    amps_bookmark_store_drop(store);
    return AMPS_OK;
}

/* The next program starts where the list says: nothing that was not discarded may be left out. */
static void check_next_life(bool is_ring)
{
    static char          list[4096];
    char                 text[32];
    uint64_t             index;
    amps_bookmark_store *store = is_ring ? open_ring("file") : open_log("file");
    amps_bookmark_sub   *sub = sub_of(store, "s");
    amps_slice           rest = {list, amps_bookmark_most_recent(sub, list, sizeof list)}, member;
    uint32_t             start = rest.size > 0 ? ENTRIES : 0;
    CHECK(rest.size <= sizeof list);
    while (amps_bookmark_next(&rest, &member)) {
        uint32_t entry = ENTRIES;
        while (entry > 0 && !amps_slice_equal(member, entry_text(entry, text))) {
            entry--;
        }
        CHECK(entry > 0 || amps_slice_equal(member, BYTES("0")));
        start = entry < start ? entry : start;
    }
    for (uint32_t entry = 1; entry <= ENTRIES; entry++) {
        if (entry <= start) {
            CHECK(is_discarded[entry]);
        } else if (amps_bookmark_receive(sub, entry_text(entry, text), &index) ==
                   AMPS_BOOKMARK_DISCARDED) {
            CHECK(is_discarded[entry]);
        }
    }
    amps_bookmark_store_drop(store);
}

static void fail_everywhere(bool is_ring, bool of_memory)
{
    amps_status status = AMPS_STORE;
    size_t      before = amps_memory_live();
    for (uint64_t n = 1; n <= REQUESTS_MAX; n++) {
        for (int forever = 0; forever < 2; forever++) {
            memset(is_discarded, 0, sizeof is_discarded);
            remove_named("file");
            if (of_memory) {
                amps_memory_fail_at(n, forever);
            } else {
                amps_file_fail_at(n, forever, ENOSPC);
            }
            status = live(is_ring);
            amps_memory_fail_at(0, 0);
            amps_file_fail_at(0, false, 0);
            if (status == AMPS_OK) {
                check_next_life(is_ring);
            } else {
                CHECK_STATUS(status, of_memory ? AMPS_NO_MEMORY : AMPS_STORE);
            }
            CHECK_NUMBER(amps_memory_live(), before);
        }
    }
    CHECK_STATUS(status, AMPS_OK); /* that far it never came */
    remove_named("file");
}

static void whichever_request_for_memory_fails_the_log_is_right(void)
{
    fail_everywhere(false, true);
}

static void whichever_request_for_memory_fails_the_ring_is_right(void)
{
    fail_everywhere(true, true);
}

static void whichever_request_to_the_disk_fails_the_log_is_right(void)
{
    fail_everywhere(false, false);
}

static void whichever_request_to_the_disk_fails_the_ring_is_right(void)
{
    fail_everywhere(true, false);
}

/* ---- Behind -----------------------------------------------------------------------------------*/

/* What a program that is killed now leaves behind. */
static amps_bookmark_store *killed(void)
{
    size_t size;
    char  *bytes = bytes_of(in_folder("file"), &size);
    write_bytes(in_folder("file-killed"), bytes, size);
    free(bytes);
    return open_log("file-killed");
}

static void a_message_that_was_not_written_holds_the_file_back(void)
{
    amps_bookmark_store *store = open_log("file");
    amps_bookmark_sub   *sub = sub_of(store, "s");
    new_one(sub, "A1");
    discard(sub, "A1");
    ask_each_time(store);
    amps_file_fail_at(1, true, ENOSPC);
    new_one(sub, "opaque");
    amps_file_fail_at(0, false, 0);
    CHECK(sub->trace.is_behind);
    amps_bookmark_disk_retry(store->disk);
    new_one(sub, "A2");
    CHECK(!sub->trace.is_behind);
    discard(sub, "A2");
    amps_bookmark_store *next = killed();
    receive(sub_of(next, "s"), "opaque", AMPS_BOOKMARK_AGAIN);
    receive(sub_of(next, "s"), "A2", AMPS_BOOKMARK_DISCARDED);
    recent_is(sub_of(next, "s"), "A1");
    amps_bookmark_store_drop(next);
    amps_bookmark_store_drop(store);
    remove_named("file");
}

static void publishers_that_are_not_listed_any_more_are_known_after_pruning(void)
{
    char                 name[48];
    amps_bookmark_store *store = open_log("file");
    amps_bookmark_sub   *sub = sub_of(store, "s");
    for (int i = 1; i <= 1500; i++) {
        snprintf(name, sizeof name, "%d|5|", 1000 + i);
        new_one(sub, name);
        discard(sub, name);
    }
    persisted(sub, "2500|5|");
    recent_is(sub, "2500|5|");
    CHECK_STATUS(amps_bookmark_store_prune(store, NULL, NULL), AMPS_OK);
    amps_bookmark_store *next = killed();
    recent_is(sub_of(next, "s"), "2500|5|");
    receive(sub_of(next, "s"), "1001|5|", AMPS_BOOKMARK_DISCARDED);
    receive(sub_of(next, "s"), "1001|6|", AMPS_BOOKMARK_NEW);
    amps_bookmark_store_drop(next);
    amps_bookmark_store_drop(store);
    remove_named("file");
}

/* ---- Threads ---------------------------------------------------------------------------------*/

static amps_bookmark_store *shared;
static _Atomic uint32_t     threads_started;

/* Each has publishers of its own; two share a sub id. */
static void work(void *context)
{
    uint32_t           which = threads_started++;
    amps_bookmark_sub *sub = sub_of(shared, which % 2 == 0 ? "even" : "odd");
    char               text[64];
    uint64_t           index;
    (void)context;
    for (uint32_t i = 1; i <= PER_THREAD; i++) {
        int        size = snprintf(text, sizeof text, "%u|%u|", which + 1, i);
        amps_slice bookmark = {text, (size_t)size};
        CHECK_NUMBER(amps_bookmark_receive(sub, bookmark, &index), AMPS_BOOKMARK_NEW);
        CHECK_STATUS(i % 2 == 0 ? amps_bookmark_discard(sub, bookmark)
                                : amps_bookmark_discard_index(sub, index),
                     AMPS_OK);
        if (i % 100 == 0) {
            char list[512];
            CHECK_STATUS(amps_bookmark_persisted(sub, bookmark), AMPS_OK);
            /* Empty while what the other thread received first is not discarded yet. */
            CHECK(amps_bookmark_most_recent(sub, list, sizeof list) < sizeof list);
            CHECK(amps_bookmark_common(&sub, 1, list, sizeof list) < sizeof list);
        }
    }
}

static _Atomic size_t changes;

static void on_changed(void *context, amps_slice sub_id)
{
    (void)context, (void)sub_id;
    changes++;
}

static void work_together(amps_bookmark_store *store)
{
    shared = store;
    threads_started = 0;
    amps_bookmark_store_set_events(shared, &(amps_bookmark_events){.changed = on_changed});
    for (uint32_t i = 0; i < THREADS; i++) {
        CHECK_STATUS(amps_thread_start("worker", work, NULL), AMPS_OK);
    }
    for (int turn = 0; turn < 10; turn++) {
        CHECK_STATUS(amps_bookmark_store_prune(shared, NULL, NULL), AMPS_OK);
        amps_bookmark_store_set_events(shared, &(amps_bookmark_events){.changed = on_changed});
    }
    CHECK_NUMBER(amps_thread_wait_all(AMPS_FOREVER), 0);
    CHECK(changes > 0);
}

static void all_is_done(amps_bookmark_store *store)
{
    char text[64];
    for (uint32_t which = 0; which < THREADS; which++) {
        amps_bookmark_sub *sub = sub_of(store, which % 2 == 0 ? "even" : "odd");
        int                size = snprintf(text, sizeof text, "%u|%u|", which + 1, PER_THREAD);
        CHECK(amps_bookmark_is_discarded(sub, (amps_slice){text, (size_t)size}));
        CHECK_NUMBER(amps_bookmark_oldest(sub), 0);
    }
    amps_bookmark_store_drop(store);
}

static void threads_share_a_store_in_memory(void)
{
    work_together(new_store());
    all_is_done(shared);
}

static void threads_share_a_log_that_is_pruned(void)
{
    work_together(open_log("file"));
    amps_bookmark_store_drop(shared);
    all_is_done(open_log("file"));
    remove_named("file");
}

static void threads_share_a_ring(void)
{
    work_together(open_ring("file"));
    amps_bookmark_store_drop(shared);
    all_is_done(open_ring("file"));
    remove_named("file");
}

static void close_in_the_midst(void *context)
{
    (void)context;
    CHECK_STATUS(amps_bookmark_store_close(shared, NULL), AMPS_OK);
}

static void closing_in_the_midst_loses_no_discard_that_was_accepted(void)
{
    char     text[64];
    uint64_t index;
    shared = open_log("file");
    amps_bookmark_sub *sub = sub_of(shared, "s");
    uint32_t           accepted = 0;
    for (uint32_t i = 1;; i++) {
        int        size = snprintf(text, sizeof text, "1|%u|", i);
        amps_slice bookmark = {text, (size_t)size};
        if (i == 1000) {
            CHECK_STATUS(amps_thread_start("closer", close_in_the_midst, NULL), AMPS_OK);
        }
        amps_bookmark_receive(sub, bookmark, &index);
        if (amps_bookmark_discard(sub, bookmark) != AMPS_OK) {
            break;
        }
        accepted = index != 0 ? i : accepted;
    }
    CHECK_NUMBER(amps_thread_wait_all(AMPS_FOREVER), 0);
    amps_bookmark_store_drop(shared);
    shared = open_log("file");
    int size = snprintf(text, sizeof text, "1|%u|", accepted);
    CHECK(amps_bookmark_is_discarded(sub_of(shared, "s"), (amps_slice){text, (size_t)size}));
    amps_bookmark_store_drop(shared);
    remove_named("file");
}

int main(void)
{
    folder_make_in_memory();
    RUN(whichever_request_for_memory_fails_the_log_is_right);
    RUN(whichever_request_for_memory_fails_the_ring_is_right);
    RUN(whichever_request_to_the_disk_fails_the_log_is_right);
    RUN(whichever_request_to_the_disk_fails_the_ring_is_right);
    RUN(a_message_that_was_not_written_holds_the_file_back);
    RUN(publishers_that_are_not_listed_any_more_are_known_after_pruning);
    RUN(threads_share_a_store_in_memory);
    RUN(threads_share_a_log_that_is_pruned);
    RUN(threads_share_a_ring);
    RUN(closing_in_the_midst_loses_no_discard_that_was_accepted);
    folder_remove();
    return 0;
}
