/* bookmarks.h: stories of bookmarks in short: "A2" is publisher 101, sequence 2. */
#ifndef BOOKMARKS_H
#define BOOKMARKS_H

#include "amps_bookmark_store.h"
#include "amps_memory.h"
#include "check.h"

#define TEXT_SIZE 256

/* "A1,B2,text": capitals and digits become publisher|sequence|, other members stay. */
static inline amps_slice wire(const char *shorthand, char out[TEXT_SIZE])
{
    int size = 0;
    out[0] = '\0';
    while (*shorthand != '\0') {
        int length = (int)strcspn(shorthand, ",");
        if (shorthand[0] >= 'A' && shorthand[0] <= 'Z') {
            size += snprintf(out + size, (size_t)(TEXT_SIZE - size), "%d|%.*s|",
                             100 + shorthand[0] - 'A' + 1, length - 1, shorthand + 1);
        } else {
            size += snprintf(out + size, (size_t)(TEXT_SIZE - size), "%.*s", length, shorthand);
        }
        shorthand += length;
        if (*shorthand == ',') {
            shorthand++;
            size += snprintf(out + size, (size_t)(TEXT_SIZE - size), ",");
        }
    }
    return (amps_slice){out, (size_t)size};
}

static inline uint64_t receive(amps_bookmark_sub *sub, const char *bookmark,
                               amps_bookmark_verdict expected)
{
    char     text[TEXT_SIZE];
    uint64_t index = 99999;
    CHECK_NUMBER(amps_bookmark_receive(sub, wire(bookmark, text), &index), expected);
    return index;
}

static inline uint64_t new_one(amps_bookmark_sub *sub, const char *bookmark)
{
    uint64_t index = receive(sub, bookmark, AMPS_BOOKMARK_NEW);
    CHECK(index > 0);
    return index;
}

static inline void discard(amps_bookmark_sub *sub, const char *bookmark)
{
    char text[TEXT_SIZE];
    CHECK_STATUS(amps_bookmark_discard(sub, wire(bookmark, text)), AMPS_OK);
}

static inline void persisted(amps_bookmark_sub *sub, const char *bookmark)
{
    char text[TEXT_SIZE];
    CHECK_STATUS(amps_bookmark_persisted(sub, wire(bookmark, text)), AMPS_OK);
}

static inline void begin(amps_bookmark_sub *sub, const char *anchor)
{
    char text[TEXT_SIZE];
    CHECK_STATUS(amps_bookmark_begin(sub, wire(anchor, text)), AMPS_OK);
}

static inline void recent_is(amps_bookmark_sub *sub, const char *expected)
{
    char   text[TEXT_SIZE];
    char   out[1024];
    size_t size = amps_bookmark_most_recent(sub, out, sizeof out);
    CHECK(size <= sizeof out);
    wire(expected, text);
    CHECK_TEXT(((amps_slice){out, size}), text);
}

static inline amps_bookmark_store *new_store(void)
{
    amps_bookmark_store *store = NULL;
    CHECK_STATUS(amps_bookmark_store_new(&store), AMPS_OK);
    return store;
}

static inline amps_bookmark_sub *sub_of(amps_bookmark_store *store, const char *id)
{
    amps_bookmark_sub *sub = amps_bookmark_store_sub(store, amps_slice_of(id));
    CHECK(sub != NULL);
    return sub;
}

#endif
