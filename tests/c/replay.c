/* replay.c: runs a fuzz target without libFuzzer, over its corpus and seeded mutations of it.
 *
 * The same inputs in every run. Each is in a heap block of exactly its size, so that a sanitizer
 * or valgrind catches the first byte read past it. */
#include <dirent.h>

#include "check.h"

#define MUTATIONS_COUNT   20000 /* of the whole corpus together */
#define FILES_COUNT_MAX   1000
#define INPUT_SIZE_MAX    65536
#define CHANGES_COUNT_MAX 8 /* in one mutation */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    char  *at;
    size_t size;
} input;

static input  corpus[FILES_COUNT_MAX];
static size_t corpus_count;

static void run(const char *at, size_t size)
{
    char *tight = exactly((amps_slice){at, size});
    LLVMFuzzerTestOneInput((const uint8_t *)tight, size);
    free(tight);
}

static void add_file(const char *directory, const char *name)
{
    static char room[INPUT_SIZE_MAX];
    char        path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && corpus_count < FILES_COUNT_MAX);
    size_t size = fread(room, 1, sizeof room, file);
    CHECK(feof(file) != 0);
    fclose(file);
    corpus[corpus_count++] = (input){exactly((amps_slice){room, size}), size};
}

/* Sorted by name: the order must not depend on the file system. */
static void read_corpus(const char *directory)
{
    struct dirent **names;
    int             count = scandir(directory, &names, NULL, alphasort);
    CHECK(count >= 0);
    for (int index = 0; index < count; index++) {
        if (names[index]->d_name[0] != '.') {
            add_file(directory, names[index]->d_name);
        }
        free(names[index]);
    }
    free(names);
    CHECK(corpus_count > 0);
}

/* Changes `bytes` in one small way; they may become one more. */
static size_t change(uint64_t *state, char *bytes, size_t size)
{
    static const char marks[] = "{}[]\",:\\u0123456789 \t\n\xff\x80";
    size_t            place = size != 0 ? check_random(state) % size : 0;
    uint64_t          random = check_random(state);
    switch (random % 5) {
    case 0: /* cut off */
        return place;
    case 1: /* another byte */
        bytes[place] = (char)(random >> 8);
        break;
    case 2: /* a byte that means something */
        bytes[place] = marks[(random >> 8) % (sizeof marks - 1)];
        break;
    case 3: /* one byte fewer */
        if (size != 0) {
            memmove(bytes + place, bytes + place + 1, size - place - 1);
            size--;
        }
        break;
    default: /* one byte more */
        memmove(bytes + place + 1, bytes + place, size - place);
        bytes[place] = marks[(random >> 8) % (sizeof marks - 1)];
        size++;
    }
    return size;
}

static void run_mutation(uint64_t *state)
{
    static char  room[INPUT_SIZE_MAX + CHANGES_COUNT_MAX];
    const input *base = &corpus[check_random(state) % corpus_count];
    size_t       size = base->size;
    memcpy(room, base->at, size);
    for (uint64_t left = 1 + check_random(state) % CHANGES_COUNT_MAX; left != 0; left--) {
        size = change(state, room, size);
    }
    run(room, size);
}

int main(int count, char **words)
{
    uint64_t state = 20250909;
    check_story = "replay";
    CHECK(count == 2);
    read_corpus(words[1]);
    for (size_t index = 0; index < corpus_count; index++) {
        run(corpus[index].at, corpus[index].size);
    }
    for (int turn = 0; turn < MUTATIONS_COUNT; turn++) {
        run_mutation(&state);
    }
    for (size_t index = 0; index < corpus_count; index++) {
        free(corpus[index].at);
    }
    printf("ok %zu inputs and %d mutations of them\n", corpus_count, MUTATIONS_COUNT);
    return 0;
}
