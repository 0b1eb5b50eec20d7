/* test_bookmark_ring.c: most recent lists in slots: restarts, growth, damage at any byte (case 74).
 */
#include "amps_bookmark_ring.h"
#include "bookmark_files.h"

static amps_bookmark_store *store;
static amps_bookmark_sub   *sub;

static void reopen(void)
{
    amps_bookmark_store_drop(store);
    store = open_ring("ring");
    sub = sub_of(store, "s");
}

static void fresh(void)
{
    store = NULL;
    unlink(in_folder("ring"));
    reopen();
}

static void done(void)
{
    amps_bookmark_store_drop(store);
    store = NULL;
}

static void after_a_restart_the_list_is_known_and_later_messages_come_again(void)
{
    fresh();
    begin(sub, "0");
    reopen();
    recent_is(sub, "0");
    new_one(sub, "A1");
    new_one(sub, "A2");
    new_one(sub, "B1");
    new_one(sub, "A3");
    discard(sub, "A1");
    discard(sub, "A3");
    reopen();
    recent_is(sub, "A1");
    receive(sub, "A1", AMPS_BOOKMARK_DISCARDED);
    new_one(sub, "A2");
    new_one(sub, "B1");
    new_one(sub, "A3"); /* again, though it was discarded */
    discard(sub, "A2");
    persisted(sub, "Z9");
    discard(sub, "B1");
    discard(sub, "A3");
    reopen();
    recent_is(sub, "A3,B1,Z9");
    CHECK_STATUS(amps_bookmark_store_prune(store, NULL, NULL), AMPS_OK); /* nothing to do */
    CHECK_STATUS(amps_bookmark_purge(sub), AMPS_OK);
    reopen();
    recent_is(sub, "");
    new_one(sub, "A1");
    done();
}

static void a_list_that_grows_moves_and_is_never_cut(void)
{
    static char before[1 << 16], after[1 << 16];
    char        name[48];
    fresh();
    size_t size = 0;
    for (int i = 1; i <= 1500; i++) {
        snprintf(name, sizeof name, "%d|18446744073709551615|", 1000000 + i);
        new_one(sub, name);
        discard(sub, name);
    }
    size = amps_bookmark_most_recent(sub, before, sizeof before);
    CHECK(size > 40000 && size < sizeof before);
    reopen();
    CHECK_NUMBER(amps_bookmark_most_recent(sub, after, sizeof after), size);
    CHECK(memcmp(before, after, size) == 0);
    amps_bookmark_sub *other = sub_of(store, "other"); /* in a slot that was left */
    new_one(other, "A1");
    discard(other, "A1");
    reopen();
    recent_is(sub_of(store, "other"), "A1");
    CHECK_NUMBER(amps_bookmark_most_recent(sub, after, sizeof after), size);
    done();
}

static void slots_of_the_purged_are_used_again(void)
{
    size_t first = 0, size;
    char   name[48];
    fresh();
    for (int turn = 0; turn < 50; turn++) {
        for (int i = 0; i < 20; i++) {
            snprintf(name, sizeof name, "id-%d-%d", turn, i);
            amps_bookmark_sub *one = sub_of(store, name);
            new_one(one, "A1");
            discard(one, "A1");
        }
        CHECK_STATUS(amps_bookmark_store_purge(store), AMPS_OK);
        reopen();
        done();
        free(bytes_of(in_folder("ring"), &size));
        first = turn == 0 ? size : first;
        CHECK(size <= first);
        reopen();
    }
    done();
}

/* ---- Damage ----------------------------------------------------------------------------------*/

static bool is_either(amps_bookmark_sub *one, const char *const *lists, size_t count)
{
    char   out[256], text[TEXT_SIZE];
    size_t size = amps_bookmark_most_recent(one, out, sizeof out);
    for (size_t i = 0; i < count; i++) {
        if (amps_slice_equal((amps_slice){out, size}, wire(lists[i], text))) {
            return true;
        }
    }
    return false;
}

static void damage_at_any_byte_costs_a_step_back_at_most(void)
{
    static const char *const of_s[] = {"A3", "A2", ""}; /* the newest, the one before, nothing */
    static const char *const of_t[] = {"B1", "", "0"};
    size_t                   size;
    fresh();
    new_one(sub, "A1");
    new_one(sub, "A2");
    new_one(sub, "A3");
    discard(sub, "A1");
    discard(sub, "A2");
    amps_bookmark_sub *other = sub_of(store, "t");
    begin(other, "0");
    new_one(other, "B1");
    discard(other, "B1");
    discard(sub, "A3");
    done();
    char *bytes = bytes_of(in_folder("ring"), &size);
    for (size_t at = 0; at < 2 * size; at++) {
        bool is_cut = at >= size;
        if (!is_cut) {
            bytes[at] ^= (char)0x55;
        }
        write_bytes(in_folder("ring"), bytes, is_cut ? at - size : size);
        if (is_cut ? at - size > 0 && at - size < 64 : at < 64) {
            is_refused(true, "ring", "ring");
        } else {
            reopen();
            CHECK(is_either(sub, of_s, COUNT_OF(of_s)));
            CHECK(is_either(sub_of(store, "t"), of_t, COUNT_OF(of_t)));
            receive(sub, "A4", AMPS_BOOKMARK_NEW);
            done();
        }
        if (!is_cut) {
            bytes[at] ^= (char)0x55;
        }
        remove_named("corrupt");
    }
    free(bytes);
}

static void lost_slots_are_told_and_a_copy_is_made(void)
{
    fresh();
    new_one(sub, "A1");
    discard(sub, "A1");
    done();
    write_at(in_folder("ring"), 64, "\xff\xff", 2);
    reopen();
    const amps_failure *trouble = amps_bookmark_store_trouble(store);
    CHECK(trouble != NULL && strstr(trouble->text, "corrupt-20") != NULL);
    CHECK_NUMBER(files_named("ring.corrupt-20"), 1);
    recent_is(sub, "");
    done();
    remove_named("corrupt");
}

static void a_disk_that_fails_leaves_an_older_list(void)
{
    for (uint64_t n = 1; n < 20; n++) {
        fresh();
        new_one(sub, "A1");
        discard(sub, "A1");
        amps_file_fail_at(n, true, ENOSPC);
        new_one(sub, "A2");
        discard(sub, "A2");
        amps_bookmark_sub *other = sub_of(store, "t");
        new_one(other, "B1");
        discard(other, "B1");
        recent_is(other, "B1");
        amps_file_fail_at(0, false, 0);
        store = (amps_bookmark_store_drop(store), NULL);
        reopen(); /* closing wrote what was missing */
        recent_is(sub, "A2");
        recent_is(sub_of(store, "t"), "B1");
        done();
    }
}

int main(void)
{
    folder_make_in_memory();
    RUN(after_a_restart_the_list_is_known_and_later_messages_come_again);
    RUN(a_list_that_grows_moves_and_is_never_cut);
    RUN(slots_of_the_purged_are_used_again);
    RUN(damage_at_any_byte_costs_a_step_back_at_most);
    RUN(lost_slots_are_told_and_a_copy_is_made);
    RUN(a_disk_that_fails_leaves_an_older_list);
    unlink(in_folder("ring"));
    folder_remove();
    return 0;
}
