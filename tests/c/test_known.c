/* test_known.c: a header like the last one is known by it, whatever its bookmark; no other is. */
#include "amps_known.h"

#include "check.h"

#define BEFORE "{\"c\":\"p\",\"t\":\"orders\",\"sids\":\"s\",\"bm\":\""
#define AFTER  "\"}"

static amps_known known;
static amps_route route;

/* As the reader does after it has parsed a header with such a bookmark. */
static void remember(const char *header, const char *bookmark)
{
    amps_message message = {.header = amps_slice_of(header)};
    const char  *id = strstr(header, "\"sids\":\"");
    message.sub_id = (amps_slice){id + strlen("\"sids\":\""), 1};
    if (bookmark != NULL) {
        const char *at = strstr(header, bookmark);
        message.bookmark_at = (uint32_t)(at - header);
        message.bookmark_size = (uint32_t)strlen(bookmark);
    }
    amps_known_forget(&known);
    amps_known_remember(&known, &route, 7, &message);
}

static bool is_known(const char *payload, size_t *size, amps_bookmark *bookmark)
{
    return amps_known_is(&known, 7, amps_slice_of(payload), size, bookmark);
}

static void is_other(const char *payload)
{
    size_t        size;
    amps_bookmark bookmark;
    CHECK(!is_known(payload, &size, &bookmark));
}

/* The payload is known, and all that is said of it is true. */
static void shows(const char *payload, const char *text, const char *body)
{
    size_t        size;
    amps_bookmark bookmark;
    amps_message  message;
    CHECK(is_known(payload, &size, &bookmark));
    CHECK_NUMBER(size, strlen(text));
    amps_known_view(&known, amps_slice_of(payload), size, &message);
    CHECK_TEXT(((amps_slice){payload + message.bookmark_at, message.bookmark_size}), text);
    CHECK_TEXT(message.body, body);
    CHECK_TEXT(message.sub_id, "s");
    CHECK(message.header.at == payload && message.body.at == payload + message.header.size);
    CHECK(message.bookmark_index == 0 && message.bookmark_tag == 0 && !message.is_again);
    CHECK(known.route == &route);
    if (bookmark.publisher != 0) {
        char   out[AMPS_BOOKMARK_TEXT_SIZE_MAX];
        size_t written = amps_bookmark_write(bookmark.publisher, bookmark.sequence, out);
        CHECK(bookmark.text.at == NULL && written - 1 <= size && memcmp(out, text, size) == 0);
    } else {
        CHECK_TEXT(bookmark.text, text);
    }
}

static bool is_read(const char *payload)
{
    size_t        size;
    amps_bookmark bookmark;
    CHECK(is_known(payload, &size, &bookmark));
    return bookmark.publisher != 0;
}

static void the_next_sequence_of_a_publisher_is_read_at_once(void)
{
    remember(BEFORE "12|99|" AFTER, "12|99|");
    CHECK(is_read(BEFORE "12|100|" AFTER "body"));
    shows(BEFORE "12|99|" AFTER "body", "12|99|", "body");
    shows(BEFORE "12|100|" AFTER "body", "12|100|", "body");
    shows(BEFORE "12|7|" AFTER, "12|7|", "");
    shows(BEFORE "12|0|" AFTER "x", "12|0|", "x");
    shows(BEFORE "12|18446744073709551615|" AFTER "x", "12|18446744073709551615|", "x");
    remember(BEFORE "12|99" AFTER, "12|99"); /* no bar at its end */
    CHECK(is_read(BEFORE "12|100" AFTER));
    shows(BEFORE "12|100" AFTER "x", "12|100", "x");
    remember("{\"c\":\"p\",\"bm\":\"1|9|\",\"sids\":\"s\"}", "1|9|"); /* the id comes behind it */
    shows("{\"c\":\"p\",\"bm\":\"1|10|\",\"sids\":\"s\"}x", "1|10|", "x");
}

static void any_other_bookmark_is_left_to_be_read(void)
{
    static const char *const texts[] = {
        "13|1|",       "1|1|", "12",    "12|",    "12|01|",        "12|18446744073709551616|",
        "12|x|",       "|",    "12|1",  "12|1||", "an-opaque-one", "0|1|",
        "12|1|,13|1|", " ",    "12|-1|"};
    char payload[200];
    remember(BEFORE "12|99|" AFTER, "12|99|");
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        snprintf(payload, sizeof payload, BEFORE "%s" AFTER "body", texts[i]);
        CHECK(!is_read(payload));
        shows(payload, texts[i], "body");
    }
    remember(BEFORE "opaque" AFTER, "opaque");
    CHECK(!is_read(BEFORE "12|1|" AFTER));
    shows(BEFORE "12|1|" AFTER "x", "12|1|", "x");
    remember(BEFORE "0|5|" AFTER, "0|5|"); /* of publisher 0 there is NOW */
    CHECK(!is_read(BEFORE "0|1|" AFTER));
}

static void another_header_is_another(void)
{
    static const char *const payloads[] = {
        "",
        "{",
        "{\"c\":\"p\",\"t\":\"orders\",\"sids\":\"s\",\"bm\":",
        BEFORE,
        BEFORE "12|",
        BEFORE "12|1",
        BEFORE "12|1|",
        BEFORE "12|1|\"",
        BEFORE AFTER, /* no bookmark at all */
        BEFORE "12|1|\",\"x\":\"y\"}",
        BEFORE "12\\u007c1|" AFTER, /* escaped */
        BEFORE "12|1\\\"" AFTER,
        BEFORE "12|1\n|" AFTER,
        BEFORE "12|1\x7f" AFTER,
        BEFORE "12|1\xc3\xa4|" AFTER,
        "{\"c\":\"p\",\"t\":\"Orders\",\"sids\":\"s\",\"bm\":\"12|1|" AFTER,
    };
    remember(BEFORE "12|99|" AFTER, "12|99|");
    for (size_t i = 0; i < COUNT_OF(payloads); i++) {
        is_other(payloads[i]);
    }
    size_t        size;
    amps_bookmark bookmark;
    amps_slice    same = amps_slice_of(BEFORE "12|99|" AFTER);
    CHECK(!amps_known_is(&known, 8, same, &size, &bookmark)); /* the routes are not the same */
    amps_known_forget(&known);
    is_other(BEFORE "12|99|" AFTER);
}

static void a_bookmark_longer_than_any_is_not_known(void)
{
    char payload[2 * AMPS_BOOKMARK_SIZE_MAX] = BEFORE;
    remember(BEFORE "12|99|" AFTER, "12|99|");
    memset(payload + strlen(payload), 'x', AMPS_BOOKMARK_SIZE_MAX - 1);
    strcat(payload, AFTER);
    CHECK(!is_read(payload));
    memset(payload + strlen(BEFORE), 'x', AMPS_BOOKMARK_SIZE_MAX + 1);
    payload[strlen(BEFORE) + AMPS_BOOKMARK_SIZE_MAX + 1] = '\0';
    strcat(payload, AFTER);
    is_other(payload);
}

static void without_a_bookmark_all_of_it_counts(void)
{
    const char *header = "{\"c\":\"p\",\"sids\":\"s\"}";
    remember(header, NULL);
    size_t        size;
    amps_bookmark bookmark;
    CHECK(is_known("{\"c\":\"p\",\"sids\":\"s\"}12|1|", &size, &bookmark));
    CHECK_NUMBER(size, 0);
    is_other("{\"c\":\"p\",\"sids\":\"s\"");
    is_other("{\"c\":\"p\",\"sids\":\"t\"}12|1|");
}

static void a_header_too_long_is_not_remembered(void)
{
    char   header[AMPS_KNOWN_HEADER_MAX + 2] = "{\"sids\":\"s\",\"x\":\"";
    size_t start = strlen(header);
    memset(header + start, 'x', AMPS_KNOWN_HEADER_MAX - 2 - start);
    strcat(header, AFTER);
    remember(header, NULL);
    CHECK_NUMBER(known.size, AMPS_KNOWN_HEADER_MAX);
    header[AMPS_KNOWN_HEADER_MAX - 2] = 'x';
    header[AMPS_KNOWN_HEADER_MAX - 1] = '\0';
    strcat(header, AFTER);
    remember(header, NULL);
    is_other(header);
}

int main(void)
{
    RUN(the_next_sequence_of_a_publisher_is_read_at_once);
    RUN(any_other_bookmark_is_left_to_be_read);
    RUN(another_header_is_another);
    RUN(a_bookmark_longer_than_any_is_not_known);
    RUN(without_a_bookmark_all_of_it_counts);
    RUN(a_header_too_long_is_not_remembered);
    return 0;
}
