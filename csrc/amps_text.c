/* amps_text.c: text as it stands between the quotes of a header. */
#include "amps_text.h"

#define SURROGATE_HIGH 0xD800u /* D800..DBFF, then DC00..DFFF: two escapes for one code point */
#define SURROGATE_LOW  0xDC00u
#define SURROGATE_END  0xE000u
#define UNIT_SIZE      6 /* \uXXXX */

/* ---- Out ------------------------------------------------------------------------------------ */

static bool needs_escape(char byte)
{
    return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

static char *encode_byte(char byte, char *out)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char digits[] = "0123456789abcdef";
    if (AMPS_LIKELY(!needs_escape(byte))) {
        *out = byte;
        return out + 1;
    }
    *out++ = '\\';
    unsigned value = (unsigned char)byte;
    if (value >= sizeof letters) {
        *out++ = byte;
    } else if (letters[value] != 0) {
        *out++ = letters[value];
    } else {
        memcpy(out, "u00", 3);
        out[3] = digits[value >> 4];
        out[4] = digits[value & 15];
        out += 5;
    }
    return out;
}

/* True when no byte of the word needs an escape. */
static bool is_plain(uint64_t word)
{
    uint64_t control = (word - AMPS_TEXT_EACH_BYTE(0x20)) & ~word & AMPS_TEXT_EACH_BYTE(0x80);
    return (control | amps_text_marks(word, '"') | amps_text_marks(word, '\\')) == 0;
}

/* One to seven bytes as one word, spaces above them; reads no byte that is not there. */
static uint64_t load_tail(const char *at, size_t size)
{
    uint64_t word = AMPS_TEXT_EACH_BYTE(0x20) << 8 * size;
    if (size >= 4) {
        uint32_t low;
        uint32_t high;
        memcpy(&low, at, sizeof low);
        memcpy(&high, at + size - sizeof high, sizeof high);
        return word | low | (uint64_t)high << 8 * (size - sizeof high);
    }
    for (size_t index = 0; index < size; index++) {
        word |= (uint64_t)(unsigned char)at[index] << 8 * index;
    }
    return word;
}

__attribute__((noinline)) static char *encode_bytes(uint64_t word, size_t size, char *out)
{
    for (; size != 0; size--) {
        out = encode_byte((char)(word & 0xFF), out);
        word >>= 8;
    }
    return out;
}

/* Writes a whole word although only `size` bytes of it may count. */
static inline char *encode_word(uint64_t word, size_t size, char *out)
{
    if (AMPS_UNLIKELY(!is_plain(word))) {
        return encode_bytes(word, size, out);
    }
    memcpy(out, &word, sizeof word);
    return out + size;
}

size_t amps_text_encode(amps_slice text, char *out)
{
    const char *at = text.at;
    size_t      left = text.size;
    char       *to = out;
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
        to = encode_word(amps_text_load(at), sizeof(uint64_t), to);
        at += sizeof(uint64_t);
    }
    if (left != 0) {
        to = encode_word(load_tail(at, left), left, to);
    }
    return (size_t)(to - out);
}

/* ---- In ------------------------------------------------------------------------------------- */

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The value of a \uXXXX at `at`; false if there is none. */
static bool read_unit(const char *at, const char *end, uint32_t *unit)
{
    if (end - at < UNIT_SIZE || at[0] != '\\' || at[1] != 'u') {
        return false;
    }
    *unit = 0;
    for (int index = 2; index < UNIT_SIZE; index++) {
        int digit = hex_digit(at[index]);
        if (digit < 0) {
            return false;
        }
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return true;
}

/* The code point at `at`, which may take two units; returns the bytes it took, 0 if it is none.
 * Half a pair is no code point and has no UTF-8: it stays as it stands. */
static size_t read_code_point(const char *at, const char *end, uint32_t *point)
{
    uint32_t low;
    if (!read_unit(at, end, point)) {
        return 0;
    }
    if (*point < SURROGATE_HIGH || *point >= SURROGATE_END) {
        return UNIT_SIZE;
    }
    if (*point >= SURROGATE_LOW || !read_unit(at + UNIT_SIZE, end, &low) || low < SURROGATE_LOW ||
        low >= SURROGATE_END) {
        return 0;
    }
    *point = 0x10000u + ((*point - SURROGATE_HIGH) << 10) + (low - SURROGATE_LOW);
    return (size_t)2 * UNIT_SIZE;
}

static char *write_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        *out++ = (char)point;
        return out;
    }
    if (point < 0x800) {
        *out++ = (char)(0xC0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *out++ = (char)(0xE0 | point >> 12);
        } else {
            *out++ = (char)(0xF0 | point >> 18);
            *out++ = (char)(0x80 | (point >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (point >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (point & 0x3F));
    return out;
}

/* What a one-letter escape stands for; 0 if it is none. */
static char escape_letter(char letter)
{
    switch (letter) {
    case '"':
    case '\\':
    case '/':
        return letter;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* Decodes the escape at `at` (a backslash); moves *out on and returns the bytes it took. */
static size_t decode_escape(const char *at, const char *end, char **out)
{
    uint32_t point;
    size_t   taken = read_code_point(at, end, &point);
    if (taken != 0) {
        *out = write_utf8(point, *out);
        return taken;
    }
    char letter = end - at >= 2 ? escape_letter(at[1]) : 0;
    if (letter != 0) {
        *(*out)++ = letter;
        return 2;
    }
    *(*out)++ = '\\'; /* no escape: the backslash stays, and what follows it is plain text */
    return 1;
}

size_t amps_text_decode(amps_slice text, char *out)
{
    if (text.size == 0) {
        return 0;
    }
    const char *at = text.at;
    const char *end = at + text.size;
    char       *to = out;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t      plain = (size_t)((escape != NULL ? escape : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (escape != NULL) {
            at += decode_escape(at, end, &to);
        }
    }
    return (size_t)(to - out);
}
