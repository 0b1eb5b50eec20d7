/* test_bookmark_items.c: one sub id by itself: short of memory nothing is lost; anchors of old. */
#include "amps_bookmark_items.h"
#include "amps_memory.h"
#include "check.h"

#define MESSAGES 60u

static amps_bookmark_items items;

static amps_bookmark_place place_of(const char *text)
{
    amps_bookmark_place place;
    CHECK(amps_bookmark_items_find(&items, amps_slice_of(text), &place));
    return place;
}

static amps_status add(const char *text)
{
    amps_bookmark_place place = place_of(text);
    return amps_bookmark_items_add(&items, &place);
}

static amps_bookmark_verdict judge(const char *text, uint64_t *index)
{
    amps_bookmark_place place = place_of(text);
    return amps_bookmark_items_judge(&items, &place, index);
}

static bool discard(const char *text)
{
    bool                fell;
    amps_bookmark_place place = place_of(text);
    amps_bookmark_items_discard(&items, amps_bookmark_items_index(&items, &place), &fell);
    return fell;
}

static void list_is(const char *expected)
{
    char   out[512];
    size_t size = amps_bookmark_items_write(&items, out, sizeof out);
    CHECK(size <= sizeof out);
    CHECK_TEXT(((amps_slice){out, size}), expected);
}

static void what_could_not_be_noted_holds_the_list_back(void)
{
    uint64_t index;
    amps_bookmark_items_init(&items, 5);
    CHECK_STATUS(add("1|1|"), AMPS_OK);
    CHECK(discard("1|1|"));
    amps_memory_fail_at(1, 1);
    CHECK_STATUS(add("an-opaque-one"), AMPS_NO_MEMORY);
    amps_memory_fail_at(0, 0);
    CHECK_STATUS(add("1|2|"), AMPS_OK);
    CHECK(!discard("1|2|"));
    list_is("1|1|"); /* a new start brings it again */
    CHECK_NUMBER(judge("1|2|", &index), AMPS_BOOKMARK_DISCARDED);
    CHECK_NUMBER(judge("an-opaque-one", &index), AMPS_BOOKMARK_NEW);
    CHECK_STATUS(add("an-opaque-one"), AMPS_OK);
    CHECK_NUMBER(amps_bookmark_items_oldest(&items), 3);
    list_is("1|1|");
    CHECK(discard("an-opaque-one"));
    list_is("1|2|,an-opaque-one");
    amps_bookmark_items_fini(&items);
}

static void after_a_recovery_the_anchor_stays_for_who_is_not_listed(void)
{
    amps_bookmark_items_init(&items, 5);
    CHECK_STATUS(amps_bookmark_items_anchor(&items, BYTES("0"), false), AMPS_OK);
    CHECK_STATUS(add("1|1|"), AMPS_OK);
    CHECK_STATUS(add("2|1|"), AMPS_OK);
    CHECK(discard("1|1|"));
    list_is("1|1|");
    items.is_recovered = true;
    memcpy(items.opened, "20260101T000000Z", sizeof items.opened);
    list_is("1|1|,0,20260101T000000Z");
    bool                counts;
    const amps_bookmark point = {9, 9, {NULL, 0}};
    CHECK_STATUS(amps_bookmark_items_persisted(&items, &point, 1, &counts), AMPS_OK);
    CHECK(counts);
    list_is("1|1|,9|9|,20260101T000000Z");
    items.is_recovered = false;
    list_is("1|1|,9|9|");
    amps_bookmark_items_clear(&items);
    CHECK(amps_bookmark_items_is_empty(&items));
    items.is_recovered = true;
    memcpy(items.opened, "20260101T000000Z", sizeof items.opened);
    list_is(""); /* of nothing the time says nothing */
    amps_bookmark_items_fini(&items);
}

static void room_is_given_back_once_all_is_discarded(void)
{
    char text[32];
    amps_bookmark_items_init(&items, 5);
    for (int i = 1; i <= 5000; i++) {
        snprintf(text, sizeof text, "1|%d|", i);
        CHECK_STATUS(add(text), AMPS_OK);
    }
    for (int i = 1; i <= 5000; i++) {
        snprintf(text, sizeof text, "1|%d|", i);
        CHECK(discard(text));
    }
    CHECK(items.ring == NULL && items.by_bookmark.slots == NULL);
    CHECK_STATUS(add("1|5001|"), AMPS_OK);
    CHECK_NUMBER(amps_bookmark_items_oldest(&items), 5001);
    amps_bookmark_items_fini(&items);
}

/* Nobody looks for a bookmark, so none comes into the table; the first who does finds them all. */
static void whoever_is_done_in_order_needs_no_table(void)
{
    char text[32];
    amps_bookmark_items_init(&items, 5);
    for (int i = 1; i <= 40; i++) {
        snprintf(text, sizeof text, "%d|%d|", i % 3 + 1, i);
        CHECK_STATUS(add(text), AMPS_OK);
        if (i > 20) {
            snprintf(text, sizeof text, "%d|%d|", (i - 20) % 3 + 1, i - 20);
            CHECK(discard(text));
        }
    }
    CHECK_NUMBER(items.by_bookmark.count, 0);
    CHECK(!discard("2|31|")); /* behind others */
    CHECK_NUMBER(items.by_bookmark.count, 20);
    CHECK_STATUS(add("9|9|"), AMPS_OK);
    for (int i = 21; i <= 40; i++) {
        snprintf(text, sizeof text, "%d|%d|", i % 3 + 1, i);
        CHECK(discard(text) == (i != 31)); /* which is looked for, and the last message with it */
    }
    CHECK_NUMBER(items.by_bookmark.count, 1);
    uint64_t index;
    CHECK_NUMBER(judge("9|9|", &index), AMPS_BOOKMARK_AGAIN);
    CHECK_NUMBER(index, 41);
    CHECK_NUMBER(judge("2|31|", &index), AMPS_BOOKMARK_DISCARDED);
    amps_bookmark_items_fini(&items);
}

/* ---- The n-th request for memory fails -------------------------------------------------------*/

/* A server sends messages of three publishers; each is done when it was noted and discarded. When
 * the list says to start there, no message may be missing that was not discarded. */
static bool is_done[MESSAGES];

static void text_of(uint32_t message, char out[32])
{
    if (message % 5 == 4) {
        snprintf(out, 32, "opaque-%u", message);
    } else {
        snprintf(out, 32, "%u|%u|", message % 5 % 3 + 1, message + 1);
    }
}

/* The first message after the earliest member of the list. */
static uint32_t start_of(void)
{
    amps_bookmark_walk walk;
    uint32_t           first = MESSAGES, message;
    amps_bookmark_walk_start(&walk);
    bool any = false;
    while (amps_bookmark_walk_next(&items, &walk)) {
        any = true;
        for (message = 0; message < MESSAGES; message++) {
            char text[32];
            text_of(message, text);
            if (amps_slice_equal(walk.member, amps_slice_of(text)) && message + 1 < first) {
                first = message + 1;
            }
        }
    }
    return any ? first : 0;
}

static void send_from(uint32_t first, uint32_t end)
{
    char     text[32];
    uint64_t index;
    for (uint32_t message = first; message < end; message++) {
        text_of(message, text);
        amps_bookmark_verdict verdict = judge(text, &index);
        CHECK(verdict != AMPS_BOOKMARK_DISCARDED || is_done[message]);
        if (verdict == AMPS_BOOKMARK_NEW && add(text) != AMPS_OK) {
            continue; /* the program has it, and has not said that it is done */
        }
        if (message % 7 != 3) {
            discard(text);
            is_done[message] = true;
        }
        for (uint32_t before = 0; before < start_of(); before++) {
            CHECK(is_done[before]);
        }
    }
}

static void whichever_request_for_memory_fails_nothing_is_lost(void)
{
    for (uint64_t n = 1; n < 60; n++) {
        for (int forever = 0; forever < 2; forever++) {
            size_t live = amps_memory_live();
            memset(is_done, 0, sizeof is_done);
            amps_bookmark_items_init(&items, n);
            amps_memory_fail_at(n, forever);
            send_from(0, MESSAGES / 2);
            amps_memory_fail_at(0, 0);
            send_from(start_of(), MESSAGES);
            char text[32];
            for (uint32_t message = 0; message < MESSAGES; message++) {
                text_of(message, text);
                discard(text);
            }
            CHECK_NUMBER(items.waiting, 0);
            CHECK(!items.is_pinned);
            amps_bookmark_items_fini(&items);
            CHECK_NUMBER(amps_memory_live(), live);
        }
    }
}

int main(void)
{
    RUN(what_could_not_be_noted_holds_the_list_back);
    RUN(after_a_recovery_the_anchor_stays_for_who_is_not_listed);
    RUN(room_is_given_back_once_all_is_discarded);
    RUN(whoever_is_done_in_order_needs_no_table);
    RUN(whichever_request_for_memory_fails_nothing_is_lost);
    return 0;
}
