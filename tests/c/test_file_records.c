/* test_file_records.c: records in a file: reopened, grown, buried, shrunk, and a disk that fails.
 */
#include "amps_file_records.h"

#include "amps_file.h"
#include "amps_memory.h"
#include "records.h"

static uint64_t count_all(amps_file_records *records)
{
    uint64_t count = 0;
    for (uint64_t at = get_above(records, 0); at != 0; at = get_above(records, at)) {
        count++;
    }
    CHECK_NUMBER(amps_file_records_count(records), count);
    return count;
}

static uint64_t file_size(const char *name)
{
    struct stat of_file;
    CHECK(stat(in_folder(name), &of_file) == 0);
    return (uint64_t)of_file.st_size;
}

static void what_was_added_is_there_after_reopening(void)
{
    amps_file_records *records = open_records("kept", 100, 10);
    CHECK_NUMBER(amps_file_records_block_size(records), 104);
    put(records, 1, 200);
    discard(records, 50);
    CHECK_NUMBER(count_all(records), 150);
    for (int turn = 0; turn < 3; turn++) {
        if (turn % 2 == 0) {
            amps_file_records_free(records); /* as a kill would */
        } else {
            CHECK_STATUS(amps_file_records_close(records, 0, NULL), AMPS_OK);
            CHECK_NUMBER(amps_file_records_count(records), 150);
            amps_file_records_free(records);
        }
        records = open_records("kept", 2048, 3); /* it keeps its own block size */
        CHECK_NUMBER(amps_file_records_block_size(records), 104);
        CHECK_NUMBER(count_all(records), 150);
        CHECK_NUMBER(amps_file_records_lowest(records), 51);
        CHECK_NUMBER(amps_file_records_persisted(records), 50);
        CHECK_NUMBER(amps_file_records_assigned(records), 200);
    }
    amps_file_records_free(records);
}

static void every_size_around_a_block_comes_back(void)
{
    amps_file_records *records = open_records("sizes", 64, 4);
    char               bytes[300], out[300];
    for (size_t size = 0; size < sizeof bytes; size++) {
        uint64_t sequence, at = size + 1;
        size_t   there;
        memset(bytes, (char)size, sizeof bytes);
        while (amps_file_records_lacks(records, size) > 0) {
            CHECK_STATUS(amps_file_records_grow(records, 5, NULL), AMPS_OK);
        }
        CHECK_STATUS(amps_file_records_add(records, at, (amps_slice){bytes, size}, false, NULL),
                     AMPS_OK);
        CHECK_STATUS(
            amps_file_records_read_after(records, at - 1, out, size, &sequence, &there, NULL),
            AMPS_OK);
        CHECK(sequence == at && there == size && memcmp(out, bytes, size) == 0);
        if (size > 0) {
            CHECK_STATUS(amps_file_records_read_after(records, at - 1, out, size - 1, &sequence,
                                                      &there, NULL),
                         AMPS_TOO_LARGE);
            CHECK_NUMBER(there, size);
        }
    }
    amps_file_records_free(records);
    records = open_records("sizes", 64, 4);
    CHECK_NUMBER(amps_file_records_count(records), sizeof bytes);
    amps_file_records_free(records);
}

static void blocks_are_used_again_and_the_file_does_not_grow(void)
{
    amps_file_records *records = open_records("again", 64, 200);
    uint64_t           size = file_size("again");
    for (uint64_t sequence = 1; sequence <= 2000; sequence++) {
        if (sequence % 64 == 63) {
            continue; /* larger than the file */
        }
        CHECK_NUMBER(amps_file_records_lacks(records, size_for(sequence)), 0);
        put(records, sequence, sequence);
        if (sequence % 3 == 0) {
            bury(records, sequence);
        }
        if (sequence > 5) {
            discard(records, sequence - 5);
        }
    }
    CHECK_NUMBER(file_size("again"), size);
    discard(records, 2000);
    CHECK_NUMBER(amps_file_records_lacks(records, 200 * 32), 0); /* not one has been lost */
    CHECK_NUMBER(amps_file_records_lacks(records, 200 * 32 + 1), 1);
    amps_file_records_free(records);
}

static void a_tombstone_outlives_reopening_and_holds_one_block(void)
{
    amps_file_records *records = open_records("tombs", 64, 400);
    put(records, 1, 20);
    size_t lacks = amps_file_records_lacks(records, 400 * 32);
    bury(records, 10);
    CHECK(amps_file_records_lacks(records, 400 * 32) < lacks);
    bury(records, 20);
    bury(records, 1);
    bury(records, 2);
    CHECK_STATUS(amps_file_records_discard_one(records, 10, NULL), AMPS_END);
    CHECK_STATUS(amps_file_records_discard_one(records, 21, NULL), AMPS_END);
    for (int turn = 0; turn < 2; turn++) {
        CHECK_NUMBER(count_all(records), 16);
        CHECK_NUMBER(amps_file_records_lowest(records), 3);
        CHECK_NUMBER(get_above(records, 9), 11);
        CHECK_NUMBER(amps_file_records_assigned(records), 20);
        CHECK_NUMBER(amps_file_records_persisted(records), 0);
        amps_file_records_free(records);
        records = open_records("tombs", 64, 400);
    }
    discard(records, 20);
    CHECK_NUMBER(amps_file_records_lacks(records, 400 * 32), 0);
    amps_file_records_free(records);
}

static void case_57_a_kill_between_slot_and_blocks_frees_again(void)
{
    amps_file_records *records = open_records("slot", 128, 60);
    put(records, 1, 10);
    size_t size;
    char  *before = bytes_of(in_folder("slot"), &size);
    discard(records, 6);
    char *after = bytes_of(in_folder("slot"), &size);
    amps_file_records_free(records);
    CHECK(memcmp(before + 4096, after + 4096, size - 4096) == 0); /* a discard writes no block */
    CHECK(memcmp(before, after, 4096) != 0);
    records = open_records("slot", 128, 60);
    CHECK_NUMBER(count_all(records), 4);
    CHECK_NUMBER(amps_file_records_lowest(records), 7);
    amps_file_records_free(records);
    free(before);
    free(after);
}

static void case_58_an_empty_file_shrinks_and_its_numbers_stay(void)
{
    amps_file_records *records = open_records("shrinks", 64, 10);
    uint64_t           first = file_size("shrinks");
    put(records, 1, 20);
    uint64_t grown = file_size("shrinks");
    CHECK(grown > first);
    CHECK_STATUS(amps_file_records_close(records, 10, NULL), AMPS_OK);
    amps_file_records_free(records);
    CHECK_NUMBER(file_size("shrinks"), grown);
    records = open_records("shrinks", 64, 10);
    discard(records, 20);
    CHECK_STATUS(amps_file_records_close(records, 10, NULL), AMPS_OK);
    amps_file_records_free(records);
    CHECK_NUMBER(file_size("shrinks"), first);
    records = open_records("shrinks", 64, 10);
    CHECK_NUMBER(amps_file_records_persisted(records), 20);
    CHECK_NUMBER(amps_file_records_assigned(records), 20);
    put(records, 21, 40);
    CHECK_NUMBER(count_all(records), 20);
    amps_file_records_free(records);
}

static void check_refuses_all(amps_file_records *records)
{
    amps_failure failure;
    char         out[FRAME_SIZE_MAX];
    uint64_t     sequence;
    size_t       size;
    CHECK_STATUS(amps_file_records_add(records, 51, BYTES("more"), false, &failure), AMPS_STORE);
    CHECK(strstr(failure.text, "shorter") != NULL);
    CHECK_STATUS(amps_file_records_discard_up_to(records, 5, 50, NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_records_discard_one(records, 5, NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_records_note_assigned(records, 500, NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_records_grow(records, 5, NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_records_read_after(records, 0, out, sizeof out, &sequence, &size, NULL),
                 AMPS_STORE);
    CHECK_NUMBER(amps_file_records_count(records), 50);
}

static void a_file_made_shorter_by_others_is_told_when_it_is_touched(void)
{
    for (off_t length = 4096; length >= 0; length -= 4096) {
        amps_file_records *records = open_records("shorter", 128, 400);
        put(records, 1, 50);
        CHECK(truncate(in_folder("shorter"), length) == 0);
        check_refuses_all(records);
        CHECK(truncate(in_folder("shorter"), 1 << 20) == 0); /* what is lost stays lost */
        check_refuses_all(records);
        CHECK_STATUS(amps_file_records_close(records, 8, NULL), AMPS_STORE);
        amps_file_records_free(records);
        CHECK(unlink(in_folder("shorter")) == 0);
    }
}

static void a_file_cut_off_where_nothing_was_is_found_soon(void)
{
    amps_file_records *records = open_records("cut", 128, 400);
    amps_status        status = AMPS_OK;
    uint64_t           sequence = 0;
    put(records, 1, 10);
    CHECK(truncate(in_folder("cut"), 4096 + 399 * 128) == 0);
    for (sequence = 11; status == AMPS_OK; sequence++) {
        status = amps_file_records_add(records, sequence, BYTES("more"), false, NULL);
    }
    CHECK_STATUS(status, AMPS_STORE);
    CHECK(sequence < 80);
    amps_file_records_free(records);
}

static void bytes_damaged_while_it_is_open_are_not_handed_out(void)
{
    amps_file_records *records = open_records("bitten", 128, 40);
    char               out[FRAME_SIZE_MAX];
    uint64_t           sequence;
    size_t             size;
    put(records, 1, 2);
    write_at(in_folder("bitten"), 4096 + 32 + 5, "?", 1);
    CHECK_STATUS(amps_file_records_read_after(records, 0, out, sizeof out, &sequence, &size, NULL),
                 AMPS_STORE);
    CHECK_NUMBER(sequence, 1);
    CHECK_NUMBER(get_above(records, 1), 2);
    amps_file_records_free(records);
}

static void too_many_blocks_are_refused(void)
{
    amps_file_records *records = open_records("vast", 1 << 20, 1);
    CHECK_STATUS(amps_file_records_grow(records, UINT32_MAX, NULL), AMPS_STORE);
    CHECK_STATUS(amps_file_records_grow(records, SIZE_MAX, NULL), AMPS_STORE);
    put(records, 1, 1);
    amps_file_records_free(records);
}

/* ---- A disk that fails ---------------------------------------------------------------------- */

/* Opens, adds, grows, discards, buries, syncs and closes; what was said to be stored is there at
 * the end. True: nothing failed. */
static bool session(const char *name)
{
    amps_file_records *records;
    amps_failure       failure;
    uint64_t           failed = 0, last = 0, persisted = 0, buried = 0;
    char               frame[FRAME_SIZE_MAX];
    amps_status        status = amps_file_records_open(in_folder(name), 128, 8, &records, &failure);
    if (status != AMPS_OK) {
        return false;
    }
    for (uint64_t sequence = 1; sequence <= 30; sequence++) {
        status = try_put(records, last + 1, &failure);
        failed += status != AMPS_OK;
        last += status == AMPS_OK;
    }
    if (amps_file_records_lacks(records, size_for(last + 1)) == 0) {
        status = amps_file_records_add(records, last + 1, frame_for(last + 1, frame), true, NULL);
        failed += status != AMPS_OK;
        last += status == AMPS_OK;
    }
    status = amps_file_records_discard_up_to(records, 7, last, NULL);
    failed += status != AMPS_OK;
    persisted = status == AMPS_OK ? 7 : 0;
    status = amps_file_records_discard_one(records, 12, NULL);
    failed += status != AMPS_OK;
    buried = status == AMPS_OK;
    CHECK_NUMBER(amps_file_records_count(records), last - persisted - buried);
    uint64_t sequence;
    size_t   size;
    status = amps_file_records_read_after(records, 0, frame, sizeof frame, &sequence, &size, NULL);
    failed += status != AMPS_OK;
    failed += amps_file_records_sync(records, NULL) != AMPS_OK;
    failed += amps_file_records_close(records, 8, NULL) != AMPS_OK;
    amps_file_records_free(records);
    amps_file_fail_at(0, false, 0);
    amps_memory_fail_at(0, 0);
    records = open_records(name, 128, 8);
    CHECK_NUMBER(count_all(records), last - persisted - buried);
    CHECK_NUMBER(amps_file_records_assigned(records), last);
    amps_file_records_free(records);
    return failed == 0;
}

static void case_54_whichever_disk_call_fails_nothing_is_lost(void)
{
    size_t before = amps_memory_live();
    for (uint64_t n = 1;; n++) {
        unlink(in_folder("failing"));
        amps_file_fail_at(n, false, n % 2 == 0 ? EIO : ENOSPC);
        bool done = session("failing");
        amps_file_fail_at(0, false, 0);
        CHECK_NUMBER(amps_memory_live(), before);
        session("failing-not"); /* the next one is well again */
        unlink(in_folder("failing-not"));
        if (done) {
            CHECK(n > 60);
            return;
        }
    }
}

static void whichever_request_for_memory_fails_nothing_is_lost(void)
{
    size_t before = amps_memory_live();
    for (uint64_t n = 1;; n++) {
        unlink(in_folder("starving"));
        amps_memory_fail_at(n, 0);
        bool done = session("starving");
        amps_memory_fail_at(0, 0);
        CHECK_NUMBER(amps_memory_live(), before);
        if (done) {
            CHECK(n > 10);
            return;
        }
    }
}

/* The same for opening what is there: refused for want of anything, it is left as it was. */
static void an_opening_that_fails_leaves_the_file_as_it_was(void)
{
    amps_file_records *records = open_records("opening", 128, 60);
    put(records, 1, 30);
    bury(records, 4);
    amps_file_records_free(records);
    size_t size, before = amps_memory_live();
    char  *bytes = bytes_of(in_folder("opening"), &size);
    for (int way = 0; way < 2; way++) {
        uint64_t    n = 0;
        amps_status status = AMPS_NO_MEMORY;
        while (status != AMPS_OK) {
            n++;
            amps_memory_fail_at(way == 0 ? n : 0, 0);
            amps_file_fail_at(way == 1 ? n : 0, false, EIO);
            status = amps_file_records_open(in_folder("opening"), 128, 60, &records, NULL);
            amps_memory_fail_at(0, 0);
            amps_file_fail_at(0, false, 0);
            CHECK(status == AMPS_OK || holds_bytes(in_folder("opening"), bytes, size));
            CHECK(status == AMPS_OK || amps_memory_live() == before);
        }
        CHECK(n > 5);
        amps_file_records_free(records);
        write_bytes(in_folder("opening"), bytes, size);
    }
    free(bytes);
}

int main(void)
{
    folder_make();
    RUN(what_was_added_is_there_after_reopening);
    RUN(every_size_around_a_block_comes_back);
    RUN(blocks_are_used_again_and_the_file_does_not_grow);
    RUN(a_tombstone_outlives_reopening_and_holds_one_block);
    RUN(case_57_a_kill_between_slot_and_blocks_frees_again);
    RUN(case_58_an_empty_file_shrinks_and_its_numbers_stay);
    RUN(a_file_made_shorter_by_others_is_told_when_it_is_touched);
    RUN(a_file_cut_off_where_nothing_was_is_found_soon);
    RUN(bytes_damaged_while_it_is_open_are_not_handed_out);
    RUN(too_many_blocks_are_refused);
    RUN(case_54_whichever_disk_call_fails_nothing_is_lost);
    RUN(whichever_request_for_memory_fails_nothing_is_lost);
    RUN(an_opening_that_fails_leaves_the_file_as_it_was);
    folder_remove();
    return 0;
}
