/* test_bookmark_noted.c: a message that a store has noted is found again by what was noted in it.
 */
#include "bookmarks.h"

static amps_bookmark_store *store;
static amps_bookmark_sub   *sub;

static void fresh(void)
{
    store = new_store();
    sub = sub_of(store, "s");
}

static void done(void) { amps_bookmark_store_drop(store); }

/* A message with this bookmark, in bytes of its own. */
static amps_message message_of(const char *bookmark, char bytes[TEXT_SIZE])
{
    amps_slice text = wire(bookmark, bytes);
    return (amps_message){.header = text, .bookmark_size = (uint32_t)text.size};
}

static amps_bookmark_verdict receive_parsed(amps_bookmark_sub *by, amps_message *message)
{
    amps_bookmark bookmark;
    if (!amps_bookmark_parse(message->header, &bookmark) || bookmark.publisher == 0) {
        bookmark = (amps_bookmark){.text = message->header};
    }
    amps_bookmark_note note = {.bookmark = bookmark, .message = message};
    bool               any = amps_bookmark_receive_all(by, &note, 1);
    CHECK(any == (note.verdict == AMPS_BOOKMARK_DISCARDED));
    return note.verdict;
}

static void new_message(amps_message *message, uint64_t index)
{
    CHECK_NUMBER(receive_parsed(sub, message), AMPS_BOOKMARK_NEW);
    CHECK_NUMBER(message->bookmark_index, index);
    CHECK_NUMBER(message->bookmark_tag, amps_bookmark_sub_tag(sub));
    CHECK(!message->is_again);
}

static void discard_it(const amps_message *message)
{
    CHECK_STATUS(amps_bookmark_discard_message(sub, message), AMPS_OK);
}

static void numbers_and_text_are_the_same_bookmark(void)
{
    char     bytes[TEXT_SIZE];
    uint64_t index;
    fresh();
    amps_message first = message_of("A1", bytes);
    new_message(&first, 1);
    CHECK_NUMBER(receive(sub, "A1", AMPS_BOOKMARK_AGAIN), 1);
    CHECK_NUMBER(receive_parsed(sub, &first), AMPS_BOOKMARK_AGAIN);
    CHECK(first.is_again && first.bookmark_index == 1);
    discard_it(&first);
    receive(sub, "A1", AMPS_BOOKMARK_DISCARDED);
    CHECK_NUMBER(receive_parsed(sub, &first), AMPS_BOOKMARK_DISCARDED);
    CHECK(!first.is_again);
    CHECK_NUMBER(new_one(sub, "B1"), 2);
    amps_message second = message_of("A2", bytes); /* after another publisher's */
    new_message(&second, 3);
    amps_message third = message_of("an-opaque-one", bytes);
    new_message(&third, 4);
    amps_message fourth = message_of("B2", bytes); /* after an opaque one */
    new_message(&fourth, 5);
    CHECK_STATUS(amps_bookmark_log(sub, BYTES("102|2|"), &index), AMPS_OK);
    CHECK_NUMBER(index, 5);
    done();
}

static void messages_are_discarded_in_any_order(void)
{
    static const char *const names[] = {"A1", "A2", "B1", "text", "A3"};
    static const char *const lists[] = {"", "", "A2", "A2,B1,text", "B1,text,A3"};
    static const int         order[] = {1, 3, 0, 2, 4};
    char                     bytes[COUNT_OF(names)][TEXT_SIZE];
    amps_message             messages[COUNT_OF(names)];
    fresh();
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        messages[i] = message_of(names[i], bytes[i]);
        new_message(&messages[i], i + 1);
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        discard_it(&messages[order[i]]);
        discard_it(&messages[order[i]]); /* twice is once */
        if (i < 4) {
            recent_is(sub, lists[i]);
        }
    }
    recent_is(sub, "A3,B1,text");
    CHECK_NUMBER(amps_bookmark_oldest(sub), 0);
    done();
}

/* Its index is gone, but the same bookmark has come again. */
static void one_of_before_a_new_start_is_found_by_its_bookmark(void)
{
    char bytes[TEXT_SIZE];
    fresh();
    amps_message before = message_of("A1", bytes);
    new_message(&before, 1);
    begin(sub, "0");
    CHECK_NUMBER(new_one(sub, "A1"), 2);
    CHECK_NUMBER(new_one(sub, "A2"), 3);
    discard_it(&before);
    CHECK_NUMBER(amps_bookmark_oldest(sub), 3);
    recent_is(sub, "A1");
    done();
}

/* Both have an index 1: the one's says nothing to the other. */
static void an_index_of_another_sub_id_or_store_means_nothing(void)
{
    char         bytes[2][TEXT_SIZE];
    amps_message foreign = message_of("A7", bytes[0]);
    fresh();
    amps_bookmark_store *another = new_store();
    amps_bookmark_sub   *subs[] = {sub_of(store, "t"), sub_of(another, "s")};
    CHECK_NUMBER(new_one(sub, "A1"), 1);
    for (size_t i = 0; i < COUNT_OF(subs); i++) {
        CHECK(amps_bookmark_sub_tag(subs[i]) != amps_bookmark_sub_tag(sub));
        CHECK_NUMBER(receive_parsed(subs[i], &foreign), AMPS_BOOKMARK_NEW);
        CHECK_NUMBER(foreign.bookmark_index, 1);
        discard_it(&foreign);
        CHECK_NUMBER(amps_bookmark_oldest(sub), 1);
    }
    CHECK_NUMBER(new_one(sub, "A7"), 2); /* the same bookmark is the same message, though */
    discard_it(&foreign);
    CHECK(amps_bookmark_is_discarded(sub, BYTES("101|7|")));
    amps_message unnoted = message_of("A1", bytes[1]);
    unnoted.bookmark_index = 2;
    discard_it(&unnoted);
    recent_is(sub, "A7");
    amps_bookmark_store_drop(another);
    done();
}

static void a_closed_store_notes_and_discards_nothing(void)
{
    char         bytes[TEXT_SIZE];
    amps_message message = message_of("A1", bytes);
    fresh();
    new_message(&message, 1);
    CHECK_STATUS(amps_bookmark_store_close(store, NULL), AMPS_OK);
    CHECK_STATUS(amps_bookmark_discard_message(sub, &message), AMPS_CLOSED);
    CHECK_NUMBER(receive_parsed(sub, &message), AMPS_BOOKMARK_NEW);
    CHECK_NUMBER(message.bookmark_index, 0);
    done();
}

int main(void)
{
    RUN(numbers_and_text_are_the_same_bookmark);
    RUN(messages_are_discarded_in_any_order);
    RUN(one_of_before_a_new_start_is_found_by_its_bookmark);
    RUN(an_index_of_another_sub_id_or_store_means_nothing);
    RUN(a_closed_store_notes_and_discards_nothing);
    return 0;
}
