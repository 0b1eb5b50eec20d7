/* amps_key.h: the keys of a header, from text to field and back.
 *
 * AMPS_FIELD_MAP is the truth; this room is that map in the two shapes that are quick. Constant
 * data and pure functions. */
#ifndef AMPS_KEY_H
#define AMPS_KEY_H

#include "amps_base.h"

#define AMPS_KEY_UNKNOWN AMPS_FIELD_COUNT

/* Of a key with one letter: most keys on the hot paths. */
static inline amps_field amps_key_find_letter(char letter)
{
    switch (letter) {
    case 'c':
        return AMPS_FIELD_COMMAND;
    case 't':
        return AMPS_FIELD_TOPIC;
    case 's':
        return AMPS_FIELD_SEQUENCE;
    case 'f':
        return AMPS_FIELD_FILTER;
    case 'k':
        return AMPS_FIELD_SOW_KEY;
    case 'e':
        return AMPS_FIELD_EXPIRATION;
    case 'x':
        return AMPS_FIELD_CORRELATION_ID;
    case 'l':
        return AMPS_FIELD_MESSAGE_SIZE;
    case 'a':
        return AMPS_FIELD_ACK_TYPE;
    case 'v':
        return AMPS_FIELD_VERSION;
    case 'o':
        return AMPS_FIELD_OPTIONS;
    default:
        return AMPS_KEY_UNKNOWN;
    }
}

/* The field of a key in any of its spellings, or AMPS_KEY_UNKNOWN. */
AMPS_INTERNAL amps_field amps_key_find(amps_slice key);

/* A canonical key as it is written, punctuation included: `,"key":`. The text is copied whole, as
 * three words; `size` bytes of it count. */
#define AMPS_KEY_WRITTEN_SIZE 24u

typedef struct amps_key {
    char    text[AMPS_KEY_WRITTEN_SIZE];
    uint8_t size;
    bool    is_number;
} amps_key;

extern AMPS_INTERNAL const amps_key amps_key_written[AMPS_FIELD_COUNT];

#endif
