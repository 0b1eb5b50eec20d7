/* test_bookmark_subs.c: each sub id of a store is found again, and knows nothing of the others. */
#include "bookmarks.h"

static void sub_ids_are_found_and_apart(void)
{
    amps_bookmark_store *store = new_store();
    amps_bookmark_sub   *sub = sub_of(store, "s");
    amps_bookmark_sub   *other = sub_of(store, "t");
    CHECK(sub_of(store, "s") == sub && other != sub);
    CHECK(amps_bookmark_sub_tag(sub) != 0);
    CHECK(amps_bookmark_sub_tag(sub) != amps_bookmark_sub_tag(other));
    new_one(sub, "A1");
    new_one(other, "A1");
    discard(other, "A1");
    recent_is(sub, "");
    recent_is(other, "A1");
    for (int i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        CHECK_TEXT(amps_bookmark_sub_id(sub_of(store, id)), id);
    }
    CHECK_NUMBER(amps_bookmark_store_sub_count(store), 1002);
    CHECK(amps_bookmark_store_sub_at(store, 1) == other);
    CHECK(amps_bookmark_store_sub_at(store, 1002) == NULL);
    static char long_id[AMPS_BOOKMARK_SUB_ID_SIZE_MAX + 1];
    CHECK(amps_bookmark_store_sub(store, (amps_slice){long_id, sizeof long_id}) == NULL);
    amps_bookmark_store_drop(store);
}

static void without_memory_there_is_no_new_one(void)
{
    amps_bookmark_store *store = new_store();
    for (uint64_t n = 1; n <= 3; n++) {
        amps_memory_fail_at(n, 1);
        CHECK(amps_bookmark_store_sub(store, BYTES("s")) == NULL);
        amps_memory_fail_at(0, 0);
        CHECK_NUMBER(amps_bookmark_store_sub_count(store), 0);
    }
    new_one(sub_of(store, "s"), "A1");
    CHECK_NUMBER(amps_bookmark_store_sub_count(store), 1);
    amps_bookmark_store_drop(store);
}

int main(void)
{
    RUN(sub_ids_are_found_and_apart);
    RUN(without_memory_there_is_no_new_one);
    return 0;
}
