/* test_conflation.c: the index knows the newest waiting message of each key, and nothing else. */
#include "amps_conflation.h"

#include "amps_memory.h"
#include "check.h"

#define KEYS  5000
#define TURNS 200000

static int marks[KEYS]; /* what waits is only an address to the index */

static amps_conflation_key key_of(const char *topic, const char *sow_key)
{
    return (amps_conflation_key){amps_slice_of(topic), amps_slice_of(sow_key)};
}

/* ---- Keys -------------------------------------------------------------------------------------*/

static void the_newest_of_a_key_is_found(void)
{
    amps_conflation index;
    amps_conflation_init(&index, 1);
    amps_conflation_key key = key_of("orders", "7");
    CHECK_NUMBER(amps_conflation_find(&index, &key), 0);
    uint32_t number = amps_conflation_add(&index, &key, &marks[0]);
    CHECK(number > 0);
    CHECK_NUMBER(amps_conflation_find(&index, &key), number);
    CHECK(amps_conflation_at(&index, number) == &marks[0]);
    CHECK_NUMBER(amps_conflation_add(&index, &key, &marks[1]), number);
    CHECK(amps_conflation_at(&index, number) == &marks[1]);
    CHECK_NUMBER(index.count, 1);
    amps_conflation_fini(&index);
}

static void topic_and_key_are_told_apart_to_the_byte(void)
{
    const amps_conflation_key keys[] = {
        key_of("a", "b"),         key_of("ab", ""),         key_of("", "ab"),
        key_of("a", "bb"),        key_of("b", "a"),         key_of("a", "B"),
        key_of("a", "12345678"),  key_of("a", "123456789"), key_of("a", "123456780"),
        key_of("a1234567", "89"), key_of("a12345678", "9"), {BYTES("a"), BYTES("b\0")}};
    amps_conflation index;
    amps_conflation_init(&index, 2);
    for (size_t which = 0; which < COUNT_OF(keys); which++) {
        CHECK_NUMBER(amps_conflation_add(&index, &keys[which], &marks[which]), which + 1);
    }
    for (size_t which = 0; which < COUNT_OF(keys); which++) {
        CHECK_NUMBER(amps_conflation_find(&index, &keys[which]), which + 1);
    }
    amps_conflation_fini(&index);
}

static void what_another_has_replaced_is_not_removed_in_its_name(void)
{
    amps_conflation     index;
    amps_conflation_key key = key_of("t", "k");
    amps_conflation_init(&index, 3);
    uint32_t number = amps_conflation_add(&index, &key, &marks[0]);
    amps_conflation_add(&index, &key, &marks[1]);
    amps_conflation_remove(&index, number, &marks[0]);
    amps_conflation_remove(&index, 0, &marks[1]);
    amps_conflation_remove(&index, number + 1, &marks[1]);
    CHECK_NUMBER(amps_conflation_find(&index, &key), number);
    amps_conflation_remove(&index, number, &marks[1]);
    CHECK_NUMBER(amps_conflation_find(&index, &key), 0);
    amps_conflation_fini(&index);
}

static void a_key_may_move(void)
{
    char                first[] = "key", second[] = "key";
    amps_conflation     index;
    amps_conflation_key key = key_of("t", first);
    amps_conflation_init(&index, 4);
    uint32_t number = amps_conflation_add(&index, &key, &marks[0]);
    key.sow_key.at = second;
    amps_conflation_move(&index, number, &key);
    memset(first, 'x', sizeof first - 1);
    CHECK_NUMBER(amps_conflation_find(&index, &key), number);
    amps_conflation_fini(&index);
}

static void a_cleared_index_knows_nothing_and_starts_anew(void)
{
    amps_conflation     index;
    amps_conflation_key key = key_of("t", "k"), other = key_of("t", "l");
    amps_conflation_init(&index, 5);
    amps_conflation_clear(&index);
    uint32_t number = amps_conflation_add(&index, &key, &marks[0]);
    amps_conflation_clear(&index);
    CHECK_NUMBER(amps_conflation_find(&index, &key), 0);
    amps_conflation_remove(&index, number, &marks[0]);
    CHECK(amps_conflation_add(&index, &other, &marks[1]) > 0);
    CHECK_NUMBER(index.count, 1);
    amps_conflation_fini(&index);
}

/* ---- Many -------------------------------------------------------------------------------------*/

static char texts[KEYS][8];

static amps_conflation_key key_number(size_t which) { return key_of("topic", texts[which]); }

static void it_agrees_with_a_plain_list_whatever_is_done(void)
{
    static const int *list[KEYS];
    static uint32_t   numbers[KEYS];
    size_t            before = amps_memory_live();
    uint64_t          random = 88172645463325252u;
    amps_conflation   index;
    amps_conflation_init(&index, 6);
    for (size_t turn = 0; turn < TURNS; turn++) {
        size_t              which = check_random(&random) % (turn < TURNS / 2 ? KEYS : 40);
        amps_conflation_key key = key_number(which);
        uint32_t            found = amps_conflation_find(&index, &key);
        CHECK((found != 0) == (list[which] != NULL));
        CHECK(found == 0 || amps_conflation_at(&index, found) == list[which]);
        if (check_random(&random) % 2 == 0) {
            list[which] = &marks[check_random(&random) % KEYS];
            numbers[which] = amps_conflation_add(&index, &key, (void *)(uintptr_t)list[which]);
            CHECK(numbers[which] > 0);
        } else if (found != 0) {
            amps_conflation_remove(&index, numbers[which], list[which]);
            list[which] = NULL;
        }
    }
    CHECK(index.used <= KEYS); /* nodes are used again */
    amps_conflation_fini(&index);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void an_index_that_falls_empty_gives_its_memory_back(void)
{
    size_t          before = amps_memory_live();
    amps_conflation index;
    amps_conflation_init(&index, 7);
    for (size_t which = 0; which < KEYS; which++) {
        amps_conflation_key key = key_number(which);
        CHECK_NUMBER(amps_conflation_add(&index, &key, &marks[which]), which + 1);
    }
    for (size_t which = 0; which < KEYS; which++) {
        CHECK(amps_memory_live() > before);
        amps_conflation_remove(&index, (uint32_t)which + 1, &marks[which]);
    }
    CHECK_NUMBER(amps_memory_live(), before);
    amps_conflation_fini(&index);
}

static void without_memory_a_key_is_not_noted_and_the_others_stay(void)
{
    amps_conflation index;
    size_t          noted = 0;
    amps_conflation_init(&index, 8);
    for (uint64_t n = 1; n <= 2; n++) {
        for (amps_memory_fail_at(n, 1); noted < KEYS; noted++) {
            amps_conflation_key key = key_number(noted);
            if (amps_conflation_add(&index, &key, &marks[noted]) == 0) {
                break;
            }
        }
        amps_memory_fail_at(0, 0);
    }
    CHECK_NUMBER(noted, 0);
    for (; noted < 100; noted++) {
        amps_conflation_key key = key_number(noted);
        amps_memory_fail_at(noted % 3, 0); /* 0: it succeeds */
        uint32_t number = amps_conflation_add(&index, &key, &marks[noted]);
        amps_memory_fail_at(0, 0);
        CHECK(number != 0 || amps_conflation_add(&index, &key, &marks[noted]) != 0);
    }
    for (size_t which = 0; which < noted; which++) {
        amps_conflation_key key = key_number(which);
        CHECK(amps_conflation_at(&index, amps_conflation_find(&index, &key)) == &marks[which]);
    }
    amps_conflation_fini(&index);
}

/* ---- Messages ---------------------------------------------------------------------------------*/

static amps_bearing bearing(const char *header, const char *record, amps_conflation_key *key)
{
    const amps_message message = {.header = amps_slice_of(header), .record = amps_slice_of(record)};
    return amps_conflation_bearing(&message, key);
}

static void data_with_a_key_replaces(void)
{
    const char *const   headers[] = {"{\"c\":\"p\",\"t\":\"x\",\"k\":\"7\"}",
                                     "{\"c\":\"publish\",\"topic\":\"x\",\"sow_key\":\"7\"}",
                                     "{\"c\":\"oof\",\"t\":\"x\",\"k\":\"7\",\"reason\":\"match\"}",
                                     "{\"c\":\"p\",\"t\":\"x\",\"k\":\"7\",\"bm\":\"1|2|\"}",
                                     "{\"c\":\"sow\",\"t\":\"x\",\"k\":\"7\",\"l\":3}"};
    amps_conflation_key key;
    for (size_t which = 0; which < COUNT_OF(headers); which++) {
        CHECK_NUMBER(bearing(headers[which], "", &key), AMPS_REPLACES);
        CHECK_TEXT(key.topic, "x");
        CHECK_TEXT(key.sow_key, "7");
    }
    CHECK_NUMBER(bearing("{\"c\":\"p\",\"k\":\"7\"}", "", &key), AMPS_REPLACES);
    CHECK_TEXT(key.topic, "");
}

static void a_record_brings_its_own_key_and_may_bring_its_topic(void)
{
    amps_conflation_key key;
    const char *const   outer = "{\"c\":\"sow\",\"t\":\"x\",\"k\":\"first\"}";
    CHECK_NUMBER(bearing(outer, "{\"k\":\"2\",\"l\":3}", &key), AMPS_REPLACES);
    CHECK_TEXT(key.topic, "x");
    CHECK_TEXT(key.sow_key, "2");
    CHECK_NUMBER(bearing(outer, "{\"k\":\"2\",\"t\":\"y\",\"l\":3}", &key), AMPS_REPLACES);
    CHECK_TEXT(key.topic, "y");
    CHECK_NUMBER(bearing(outer, "{\"l\":3}", &key), AMPS_PASSES);
}

static void everything_else_passes_but_groups_part(void)
{
    const char *const   passing[] = {"{\"c\":\"p\",\"t\":\"x\"}",
                                     "{\"c\":\"p\",\"t\":\"x\",\"k\":\"\"}",
                                     "{\"c\":\"p\",\"t\":\"x\",\"k\":\"7\",\"lp\":\"2026\"}",
                                     "{\"c\":\"ack\",\"t\":\"x\",\"k\":\"7\"}",
                                     "{\"c\":\"new\",\"t\":\"x\",\"k\":\"7\"}",
                                     "{\"t\":\"x\",\"k\":\"7\"}",
                                     "{\"c\":\"p\",\"k\":\"7",
                                     "no header"};
    amps_conflation_key key;
    for (size_t which = 0; which < COUNT_OF(passing); which++) {
        CHECK_NUMBER(bearing(passing[which], "", &key), AMPS_PASSES);
    }
    CHECK_NUMBER(bearing("{\"c\":\"sow\",\"t\":\"x\"}", "{\"k\":\"1\"", &key), AMPS_PASSES);
    CHECK_NUMBER(bearing("{\"c\":\"sow\",\"lp\":\"2026\"}", "{\"k\":\"1\"}", &key), AMPS_PASSES);
    CHECK_NUMBER(bearing("{\"c\":\"group_begin\",\"k\":\"7\"}", "", &key), AMPS_PARTS);
    CHECK_NUMBER(bearing("{\"c\":\"group_end\"}", "", &key), AMPS_PARTS);
}

int main(void)
{
    for (size_t which = 0; which < KEYS; which++) {
        snprintf(texts[which], sizeof texts[which], "%zu", which);
    }
    RUN(the_newest_of_a_key_is_found);
    RUN(topic_and_key_are_told_apart_to_the_byte);
    RUN(what_another_has_replaced_is_not_removed_in_its_name);
    RUN(a_key_may_move);
    RUN(a_cleared_index_knows_nothing_and_starts_anew);
    RUN(it_agrees_with_a_plain_list_whatever_is_done);
    RUN(an_index_that_falls_empty_gives_its_memory_back);
    RUN(without_memory_a_key_is_not_noted_and_the_others_stay);
    RUN(data_with_a_key_replaces);
    RUN(a_record_brings_its_own_key_and_may_bring_its_topic);
    RUN(everything_else_passes_but_groups_part);
    return 0;
}
