/* canary.c: misbehaves on purpose, so that every sanitizer build proves its sanitizer is on. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_past_the_end(void)
{
    char *volatile block = calloc(1, 8); /* volatile: nobody may know its size beforehand */
    int byte = block != NULL ? block[8] : 0;
    free(block);
    return byte;
}

static int overflow_a_number(void)
{
    volatile int largest = INT_MAX;
    return largest + 1;
}

static int shared;

static void *add_without_a_lock(void *unused)
{
    (void)unused;
    for (int turn = 0; turn < 1000; turn++) {
        shared++;
    }
    return NULL;
}

static int race(void)
{
    pthread_t one;
    pthread_t other;
    if (pthread_create(&one, NULL, add_without_a_lock, NULL) != 0 ||
        pthread_create(&other, NULL, add_without_a_lock, NULL) != 0) {
        return 0;
    }
    pthread_join(one, NULL);
    pthread_join(other, NULL);
    return shared;
}

int main(int count, char **words)
{
    const char *fault = count == 2 ? words[1] : "";
    int         value = strcmp(fault, "address") == 0     ? read_past_the_end()
                        : strcmp(fault, "undefined") == 0 ? overflow_a_number()
                        : strcmp(fault, "thread") == 0    ? race()
                                                          : -1;
    printf("nobody caught the fault \"%s\" (%d)\n", fault, value);
    return 0;
}
