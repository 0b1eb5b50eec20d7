/* amps_header.c: the fields of a command or message, to and from header bytes. */
#include "amps_header.h"

#include "amps_key.h"
#include "amps_text.h"

_Static_assert(sizeof(size_t) >= 8, "six times a size in memory must not overflow");

/* ---- Reader: every step returns where it stopped, NULL if the bytes are no header ----------- */

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

__attribute__((noinline)) static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && is_space(*at)) {
        at++;
    }
    return at;
}

/* Hardly anybody sends white space: one look must do. */
static inline const char *skip_space(const char *at, const char *end)
{
    return AMPS_LIKELY(at < end && (unsigned char)*at > ' ') ? at : skip_spaces(at, end);
}

static void keep(amps_header *header, amps_field field, const char *at, const char *end,
                 bool escaped)
{
    if (field != AMPS_KEY_UNKNOWN) {
        amps_header_set(header, field, (amps_slice){at, (size_t)(end - at)});
        header->escaped = (header->escaped & ~amps_bit(field)) | (uint64_t)escaped << field;
    }
}

/* Arrays and objects mean nothing in a header, but a newer server may send one: it is stepped over,
 * down to a depth that one word can remember. */
#define NESTING_MAX 64

static const char *skip_nested(const char *at, const char *end)
{
    uint64_t braces = 0; /* bit 0 is the innermost level: 1 for {, 0 for [ */
    unsigned depth = 0;
    bool     escaped;
    for (; at < end; at++) {
        if (*at == '{' || *at == '[') {
            if (depth++ == NESTING_MAX) {
                return NULL;
            }
            braces = braces << 1 | (*at == '{');
        } else if (*at == '}' || *at == ']') {
            if ((braces & 1) != (*at == '}')) {
                return NULL;
            }
            braces >>= 1;
            if (--depth == 0) {
                return at + 1;
            }
        } else if (*at == '"') {
            at = amps_text_find_end(at + 1, end, &escaped);
            if (at == NULL) {
                return NULL;
            }
        }
    }
    return NULL;
}

static bool is_punctuation(char byte)
{
    switch (byte) {
    case ',':
    case ':':
    case '"':
    case '{':
    case '}':
    case '[':
    case ']':
        return true;
    default:
        return false;
    }
}

/* A number or a bare word: everything up to what cannot be part of one. */
static const char *skip_bare(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && !is_punctuation(*at) && !is_space(*at)) {
        at++;
    }
    return at != start ? at : NULL;
}

static const char *read_value(const char *at, const char *end, amps_field field,
                              amps_header *header)
{
    const char *stop;
    bool        escaped = false;
    if (AMPS_LIKELY(*at == '"')) {
        at++;
        stop = amps_text_find_end(at, end, &escaped);
        if (stop != NULL) {
            keep(header, field, at, stop, escaped);
            stop++;
        }
    } else if (*at == '{' || *at == '[') {
        stop = skip_nested(at, end);
    } else {
        stop = skip_bare(at, end);
        if (stop != NULL) {
            keep(header, field, at, stop, false);
        }
    }
    return stop;
}

/* The key whose opening quote is at `at`, and the colon after it: stops at the value. */
static const char *read_key(const char *at, const char *end, amps_field *field)
{
    const char *key = at + 1;
    bool        escaped; /* no matter: no known key holds a backslash */
    if (*at != '"') {
        return NULL;
    }
    *field = end - key >= 2 && key[1] == '"' ? amps_key_find_letter(key[0]) : AMPS_KEY_UNKNOWN;
    if (*field != AMPS_KEY_UNKNOWN) {
        at = key + 1;
    } else {
        at = amps_text_find_end(key, end, &escaped);
        if (at == NULL) {
            return NULL;
        }
        *field = amps_key_find((amps_slice){key, (size_t)(at - key)});
    }
    at = skip_space(at + 1, end);
    if (at == end || *at != ':') {
        return NULL;
    }
    at = skip_space(at + 1, end);
    return at != end ? at : NULL;
}

static inline const char *skip_commas(const char *at, const char *end)
{
    at = skip_space(at, end);
    while (at < end && *at == ',') {
        at = skip_space(at + 1, end);
    }
    return at;
}

/* Members from after the opening brace to the closing one. */
static const char *read_members(const char *at, const char *end, amps_header *header)
{
    amps_field field;
    for (at = skip_commas(at, end); at < end && *at != '}'; at = skip_commas(at + 1, end)) {
        at = read_key(at, end, &field);
        if (at == NULL) {
            return NULL;
        }
        at = read_value(at, end, field, header);
        if (at == NULL) {
            return NULL;
        }
        at = skip_space(at, end);
        if (at == end || *at != ',') {
            break;
        }
    }
    return at < end && *at == '}' ? at + 1 : NULL;
}

amps_status amps_header_parse(amps_slice payload, amps_header *header, size_t *size)
{
    header->present = 0;
    header->escaped = 0;
    if (payload.size == 0) {
        return AMPS_BAD_FRAME;
    }
    const char *end = payload.at + payload.size;
    const char *at = skip_space(payload.at, end);
    if (at == end || *at != '{') {
        return AMPS_BAD_FRAME;
    }
    at = read_members(at + 1, end, header);
    if (at == NULL) {
        return AMPS_BAD_FRAME;
    }
    *size = (size_t)(at - payload.at);
    return AMPS_OK;
}

/* ---- One value ------------------------------------------------------------------------------ */

amps_status amps_header_text(const amps_header *header, amps_field field, char *scratch,
                             size_t scratch_size, amps_slice *text)
{
    if (!amps_header_has(header, field)) {
        return AMPS_END;
    }
    *text = header->value[field];
    if ((header->escaped & amps_bit(field)) != 0) {
        if (text->size > scratch_size) {
            return AMPS_TOO_LARGE;
        }
        *text = (amps_slice){scratch, amps_text_decode(*text, scratch)};
    }
    return AMPS_OK;
}

bool amps_header_number(const amps_header *header, amps_field field, uint64_t max, uint64_t *number)
{
    if (!amps_header_has(header, field) || header->value[field].size == 0) {
        return false;
    }
    amps_slice text = header->value[field];
    uint64_t   value = 0;
    for (size_t index = 0; index < text.size; index++) {
        unsigned digit = (unsigned char)text.at[index] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (value > max) {
        return false;
    }
    *number = value;
    return true;
}

amps_slice amps_number_text(uint64_t number, char out[AMPS_NUMBER_TEXT_MAX])
{
    char *end = out + AMPS_NUMBER_TEXT_MAX;
    char *at = end;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return (amps_slice){at, (size_t)(end - at)};
}

/* ---- Writer --------------------------------------------------------------------------------- */

/* A field costs its key with punctuation, copied as whole words, then its text, then a quote. */
#define FIELD_SIZE_MAX (AMPS_KEY_WRITTEN_SIZE + AMPS_TEXT_ENCODED_SIZE_MAX(0) + 1)
#define BRACES_SIZE    2u

size_t amps_header_size_max(const amps_header *header)
{
    size_t size = BRACES_SIZE;
    for (uint64_t left = header->present; left != 0; left &= left - 1) {
        size += FIELD_SIZE_MAX + 6 * header->value[__builtin_ctzll(left)].size;
    }
    return size;
}

/* False, with `out` spoilt, at the first byte that is no digit. */
static bool copy_digits(amps_slice text, char *out)
{
    for (size_t index = 0; index < text.size; index++) {
        if (text.at[index] < '0' || text.at[index] > '9') {
            return false;
        }
        out[index] = text.at[index];
    }
    return true;
}

/* A number field that holds other text is quoted, so that no value can pose as more fields. */
static char *write_field(char *out, amps_field field, amps_slice value)
{
    const amps_key *key = &amps_key_written[field];
    memcpy(out, key->text, AMPS_KEY_WRITTEN_SIZE);
    out += key->size;
    if (key->is_number && copy_digits(value, out)) {
        return out + value.size;
    }
    *out++ = '"';
    out += amps_text_encode(value, out);
    *out++ = '"';
    return out;
}

size_t amps_header_prepare(const amps_header *header, char *out, size_t out_size)
{
    return amps_header_size_max(header) <= out_size ? amps_header_write(header, out) : 0;
}

size_t amps_header_write(const amps_header *header, char *out)
{
    char *at = out;
    AMPS_ASSERT((header->present >> AMPS_FIELD_COUNT) == 0);
    for (uint64_t left = header->present; left != 0; left &= left - 1) {
        amps_field field = (amps_field)__builtin_ctzll(left);
        amps_slice value = header->value[field];
        if (field == AMPS_FIELD_COMMAND && amps_slice_equal(value, amps_slice_of("publish"))) {
            value.size = 1; /* the wire's short form is its first letter */
        }
        if (value.size != 0) {
            at = write_field(at, field, value);
        }
    }
    if (at == out) {
        at++;
    }
    *out = '{'; /* in place of the first field's comma */
    *at++ = '}';
    return (size_t)(at - out);
}

bool amps_header_is_failure(const amps_header *header)
{
    const amps_slice status = header->value[AMPS_FIELD_STATUS];
    return amps_header_has(header, AMPS_FIELD_STATUS) &&
           !amps_slice_equal(status, amps_slice_of("success")) &&
           !amps_slice_equal(status, amps_slice_of("retry"));
}
