/* amps_known.c: two headers that differ in the bookmark alone. */
#include "amps_known.h"

#include "amps_text.h"

static void remember_sequence(amps_known *known, amps_slice text)
{
    amps_bookmark bookmark;
    known->sequence_at = known->sequence_size = 0;
    if (amps_bookmark_parse(text, &bookmark) && !amps_bookmark_is_opaque(&bookmark) &&
        bookmark.publisher != 0) {
        const char *digits = (const char *)memchr(text.at, '|', text.size) + 1;
        const char *end = text.at + text.size;
        size_t      size = (size_t)(end - digits) - (end[-1] == '|');
        known->sequence_at = known->bookmark_at + (size_t)(digits - text.at);
        known->sequence_size = size;
        known->publisher = bookmark.publisher;
    }
}

void amps_known_remember(amps_known *known, amps_route *route, unsigned changes,
                         const amps_message *message)
{
    if (message->header.size <= AMPS_KNOWN_HEADER_MAX) {
        memcpy(known->header, message->header.at, message->header.size);
        known->size = message->header.size;
        known->id_at = (size_t)(message->sub_id.at - message->header.at);
        known->id_size = message->sub_id.size;
        known->bookmark_at = message->bookmark_at;
        known->bookmark_size = message->bookmark_size;
        known->changes = changes;
        known->route = route;
        remember_sequence(
            known, (amps_slice){message->header.at + message->bookmark_at, message->bookmark_size});
    }
}

/* The size of a bookmark of the same publisher, or 0. */
static size_t find_sequence(const amps_known *known, amps_slice payload, amps_bookmark *bookmark)
{
    const size_t at = known->sequence_at;
    const size_t rest_at = at + known->sequence_size;
    const size_t rest = known->size - rest_at;
    if (payload.size < at || memcmp(payload.at, known->header, at) != 0) {
        return 0;
    }
    const char *digits = payload.at + at, *end = digits;
    if (!amps_bookmark_parse_digits(&end, payload.at + payload.size, &bookmark->sequence) ||
        (size_t)(payload.at + payload.size - end) < rest ||
        memcmp(end, known->header + rest_at, rest) != 0) {
        return 0;
    }
    bookmark->publisher = known->publisher;
    bookmark->text = (amps_slice){NULL, 0};
    return known->bookmark_size - known->sequence_size + (size_t)(end - digits);
}

/* The size of any bookmark, or 0. */
static size_t find_bookmark(const amps_known *known, amps_slice payload, amps_bookmark *bookmark)
{
    const size_t at = known->bookmark_at;
    const size_t rest_at = at + known->bookmark_size;
    const size_t rest = known->size - rest_at;
    if (payload.size < known->size - known->bookmark_size ||
        memcmp(payload.at, known->header, at) != 0) {
        return 0;
    }
    size_t      room = payload.size - at - rest;
    const char *text = payload.at + at;
    const char *quote =
        memchr(text, '"', room < AMPS_BOOKMARK_SIZE_MAX ? room + 1 : AMPS_BOOKMARK_SIZE_MAX);
    size_t size = quote != NULL ? (size_t)(quote - text) : 0;
    *bookmark = (amps_bookmark){0, 0, {text, size}};
    return size > 0 && amps_text_is_plain(text, size) &&
                   memcmp(quote, known->header + rest_at, rest) == 0
               ? size
               : 0;
}

size_t amps_known_but_for_bookmark(const amps_known *known, amps_slice payload,
                                   amps_bookmark *bookmark)
{
    size_t size = known->sequence_size > 0 ? find_sequence(known, payload, bookmark) : 0;
    return AMPS_LIKELY(size > 0) ? size : find_bookmark(known, payload, bookmark);
}
