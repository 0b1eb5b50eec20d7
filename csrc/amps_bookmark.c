/* amps_bookmark.c: one bookmark, a list of them, a point in time: from text and back. */
#include "amps_bookmark.h"

#define DIGITS_MAX   20u
#define UNIX_S_MAX   UINT64_C(253402300799) /* the last second of the year 9999 */
#define DAY_S        86400u
#define DAYS_TO_1970 719468u /* from the first of March of the year 0 */

static bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

#define EIGHT_DIGITS UINT64_C(0x3030303030303030)

/* The eight letters from here as a number, all at once; false: they are not all digits. */
static bool parse_eight(const char *at, uint64_t *number)
{
    uint64_t letters;
    memcpy(&letters, at, sizeof letters);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    letters = __builtin_bswap64(letters);
#endif
    uint64_t digits = letters - EIGHT_DIGITS;
    if (((letters + UINT64_C(0x4646464646464646)) | digits) & UINT64_C(0x8080808080808080)) {
        return false;
    }
    digits = digits * 10 + (digits >> 8); /* pairs, then fours, then all */
    digits = (digits & UINT64_C(0x00FF00FF00FF00FF)) * 100 +
             (digits >> 16 & UINT64_C(0x00FF00FF00FF00FF));
    digits = (digits & UINT64_C(0x0000FFFF0000FFFF)) * 10000 +
             (digits >> 32 & UINT64_C(0x0000FFFF0000FFFF));
    *number = digits & UINT32_MAX;
    return true;
}

bool amps_bookmark_parse_digits(const char **at, const char *end, uint64_t *number)
{
    const char *start = *at;
    uint64_t    value = 0, eight;
    for (int times = 0; times < 2 && end - *at >= 8 && parse_eight(*at, &eight); times++) {
        value = value * 100000000u + eight;
        *at += 8;
    }
    while (*at < end && is_digit(**at)) {
        unsigned digit = (unsigned)(**at - '0');
        if (AMPS_UNLIKELY(*at - start >= DIGITS_MAX - 1)) {
            if (*at - start >= DIGITS_MAX || value > UINT64_MAX / 10 ||
                value * 10 > UINT64_MAX - digit) {
                return false;
            }
        }
        value = value * 10 + digit;
        ++*at;
    }
    *number = value;
    return *at > start && (*start != '0' || *at - start == 1);
}

bool amps_bookmark_parse_number(amps_slice text, uint64_t *number)
{
    const char *at = text.at;
    const char *end = text.at + text.size;
    return amps_bookmark_parse_digits(&at, end, number) &&
           (at == end || (end - at == 1 && *at == '|'));
}

static bool parse_numbers(amps_slice text, amps_bookmark *bookmark)
{
    const char *at = text.at;
    const char *end = text.at + text.size;
    if (!amps_bookmark_parse_digits(&at, end, &bookmark->publisher) || at == end || *at != '|') {
        return false;
    }
    at++;
    return amps_bookmark_parse_number((amps_slice){at, (size_t)(end - at)}, &bookmark->sequence);
}

/* What would mean something else as a member of a list. */
static bool has_a_meaning(amps_slice text)
{
    static const char *const words[] = {AMPS_BOOKMARK_EPOCH, "recent"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (amps_slice_equal(text, amps_slice_of(words[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < text.size; i++) {
        unsigned char letter = (unsigned char)text.at[i];
        if (letter <= ' ' || letter == 0x7f || strchr(",()[]", letter) != NULL) {
            return true;
        }
    }
    return false;
}

bool amps_bookmark_parse(amps_slice text, amps_bookmark *bookmark)
{
    if (parse_numbers(text, bookmark)) {
        bookmark->text = (amps_slice){NULL, 0};
        return bookmark->publisher != 0 || bookmark->sequence != 1; /* NOW */
    }
    *bookmark = (amps_bookmark){0, 1, text};
    return text.size > 0 && text.size <= AMPS_BOOKMARK_SIZE_MAX && !has_a_meaning(text);
}

size_t amps_bookmark_write_number(uint64_t number, char *out)
{
    char   digits[DIGITS_MAX];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = digits[count - 1 - i];
    }
    return count;
}

size_t amps_bookmark_write(uint64_t publisher, uint64_t sequence, char *out)
{
    size_t size = amps_bookmark_write_number(publisher, out);
    out[size++] = '|';
    size += amps_bookmark_write_number(sequence, out + size);
    out[size++] = '|';
    return size;
}

bool amps_bookmark_is_now(amps_slice text)
{
    return amps_slice_equal(text, amps_slice_of(AMPS_BOOKMARK_NOW)) ||
           amps_slice_equal(text, amps_slice_of("0|1"));
}

bool amps_bookmark_is_range(amps_slice text)
{
    return text.size > 0 && (text.at[0] == '(' || text.at[0] == '[');
}

bool amps_bookmark_next(amps_slice *list, amps_slice *member)
{
    while (list->size > 0) {
        const char *comma =
            amps_bookmark_is_range(*list) ? NULL : memchr(list->at, ',', list->size);
        size_t size = comma != NULL ? (size_t)(comma - list->at) : list->size;
        size_t taken = comma != NULL ? size + 1 : size;
        *member = (amps_slice){list->at, size};
        *list = (amps_slice){list->at + taken, list->size - taken};
        if (size > 0) {
            return true;
        }
    }
    return false;
}

static void write_digits(unsigned value, size_t count, char *out)
{
    for (size_t i = count; i-- > 0; value /= 10) {
        out[i] = (char)('0' + value % 10);
    }
}

/* Counts in years that begin in March, so that the leap day is a year's last. */
void amps_bookmark_write_time(uint64_t unix_s, char out[AMPS_BOOKMARK_TIME_SIZE])
{
    unix_s = unix_s < UNIX_S_MAX ? unix_s : UNIX_S_MAX;
    unsigned second = (unsigned)(unix_s % DAY_S);
    unsigned days = (unsigned)(unix_s / DAY_S) + DAYS_TO_1970;
    unsigned era = days / 146097; /* of 400 years */
    unsigned of_era = days % 146097;
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned from_march = (5 * of_year + 2) / 153;
    unsigned day = of_year - (153 * from_march + 2) / 5 + 1;
    unsigned month = from_march < 10 ? from_march + 3 : from_march - 9;
    write_digits(era * 400 + year + (month <= 2), 4, out);
    write_digits(month, 2, out + 4);
    write_digits(day, 2, out + 6);
    out[8] = 'T';
    write_digits(second / 3600, 2, out + 9);
    write_digits(second / 60 % 60, 2, out + 11);
    write_digits(second % 60, 2, out + 13);
    out[15] = 'Z';
}
