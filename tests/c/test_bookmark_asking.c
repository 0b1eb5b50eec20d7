/* test_bookmark_asking.c: one list for several subscriptions; what is asked changes nothing. */
#include "bookmarks.h"

static void several_subscriptions_have_one_list(void)
{
    amps_bookmark_store *store = new_store();
    amps_bookmark_sub   *sub = sub_of(store, "s");
    char                 out[256], text[TEXT_SIZE];
    amps_bookmark_sub   *subs[3] = {sub, sub_of(store, "t"), sub_of(store, "u")};
    CHECK_STATUS(amps_bookmark_recover(subs[0], wire("A5,B7", text)), AMPS_OK);
    CHECK_STATUS(amps_bookmark_recover(subs[1], wire("A3,C1", text)), AMPS_OK);
    persisted(subs[1], "Z9");
    begin(subs[2], "X4");
    size_t size = amps_bookmark_common(subs, 3, out, sizeof out);
    CHECK_TEXT(((amps_slice){out, size}), wire("A3,B7,C1,Z9,X4", text).at);
    CHECK_NUMBER(amps_bookmark_common(subs, 3, NULL, 0), size);
    CHECK_STATUS(amps_bookmark_purge(subs[2]), AMPS_OK);
    size = amps_bookmark_common(subs, 3, out, sizeof out);
    CHECK_TEXT(((amps_slice){out, size}), wire("A3,B7,C1,Z9,0", text).at);
    CHECK_NUMBER(amps_bookmark_common(subs, 0, out, sizeof out), 0);
    amps_memory_fail_at(1, 1);
    CHECK_NUMBER(amps_bookmark_common(subs, 3, out, sizeof out), 0);
    amps_memory_fail_at(0, 0);
    amps_bookmark_store_drop(store);
}

static void asking_changes_nothing(void)
{
    char                 out[256];
    amps_bookmark_store *store = new_store();
    amps_bookmark_sub   *sub = sub_of(store, "s");
    new_one(sub, "A1");
    new_one(sub, "A2");
    discard(sub, "A2");
    for (int turn = 0; turn < 2; turn++) {
        CHECK(!amps_bookmark_is_discarded(sub, BYTES("101|1|")));
        CHECK(amps_bookmark_is_discarded(sub, BYTES("101|2|")));
        CHECK(!amps_bookmark_is_discarded(sub, BYTES("101|3|")));
        CHECK(!amps_bookmark_is_discarded(sub, BYTES("")));
        CHECK_NUMBER(amps_bookmark_oldest(sub), 1);
        CHECK_NUMBER(amps_bookmark_most_recent(sub, out, sizeof out), 0);
    }
    discard(sub, "A1");
    recent_is(sub, "A2");
    CHECK_NUMBER(amps_bookmark_most_recent(sub, NULL, 0), strlen("101|2|"));
    amps_bookmark_store_drop(store);
}

int main(void)
{
    RUN(several_subscriptions_have_one_list);
    RUN(asking_changes_nothing);
    return 0;
}
