/* check.h: the whole test kit: say what must hold, run a story, hand over bytes in a tight block.
 *
 * The first thing that does not hold ends the program, with its story's name, file and line. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amps.h"

#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, "does not hold", ""))

/* Outcomes and texts print what came instead. */
#define CHECK_STATUS(call, expected) check_status(__FILE__, __LINE__, #call, (call), (expected))
#define CHECK_TEXT(slice, expected)  check_text(__FILE__, __LINE__, #slice, (slice), (expected))
#define CHECK_NUMBER(number, expected)                                                             \
    check_number(__FILE__, __LINE__, #number, (uint64_t)(number), (uint64_t)(expected))

/* A test's name is its function's. */
#define RUN(story)                                                                                 \
    do {                                                                                           \
        check_story = #story;                                                                      \
        story();                                                                                   \
        printf("ok %s\n", #story);                                                                 \
        fflush(stdout);                                                                            \
    } while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Bytes of a literal, zeros inside included. */
#define BYTES(literal) ((amps_slice){(literal), sizeof(literal) - 1})

static const char *check_story = "(no story)";

_Noreturn static inline void check_failed(const char *file, int line, const char *what,
                                          const char *how, const char *instead)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: in %s: %s %s%s\n", file, line, check_story, what, how, instead);
    abort();
}

static inline void check_status(const char *file, int line, const char *call, amps_status status,
                                amps_status expected)
{
    if (status != expected) {
        fprintf(stderr, "expected: %s\n", amps_status_text(expected));
        check_failed(file, line, call, "says: ", amps_status_text(status));
    }
}

static inline void check_number(const char *file, int line, const char *what, uint64_t number,
                                uint64_t expected)
{
    if (number != expected) {
        fprintf(stderr, "expected: %llu\n", (unsigned long long)expected);
        char text[32];
        snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        check_failed(file, line, what, "is ", text);
    }
}

static inline void check_text(const char *file, int line, const char *what, amps_slice slice,
                              const char *expected)
{
    size_t size = strlen(expected);
    if (slice.size != size || (size != 0 && memcmp(slice.at, expected, size) != 0)) {
        fprintf(stderr, "expected: %s\ncame:     %.*s\n", expected, (int)slice.size,
                slice.size != 0 ? slice.at : "");
        check_failed(file, line, what, "is other text", "");
    }
}

/* The same bytes in a heap block of exactly that size, so that a sanitizer or valgrind catches the
 * first byte read past them. Give it back with free(). */
static inline char *exactly(amps_slice bytes)
{
    char *tight = malloc(bytes.size != 0 ? bytes.size : 1);
    if (tight == NULL) {
        check_failed(__FILE__, __LINE__, "exactly", "has no memory", "");
    }
    if (bytes.size != 0) {
        memcpy(tight, bytes.at, bytes.size);
    }
    return tight;
}

/* The same random numbers in every run: a failure can be repeated. */
static inline uint64_t check_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
