/* test_memory.c: memory is given, counted, and refused on demand. */
#include "amps_memory.h"

#include <pthread.h>

#include "check.h"

static void what_is_given_is_counted_until_it_is_freed(void)
{
    size_t before = amps_memory_live();
    void  *one = amps_memory_new(10);
    void  *other = amps_memory_new_zeroed(10);
    CHECK(one != NULL && other != NULL);
    CHECK_NUMBER(amps_memory_live(), before + 2);
    amps_memory_free(one);
    CHECK_NUMBER(amps_memory_live(), before + 1);
    amps_memory_free(other);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void zeroed_means_every_byte(void)
{
    char *at = amps_memory_new_zeroed(1000);
    for (size_t index = 0; index < 1000; index++) {
        CHECK(at[index] == 0);
    }
    amps_memory_free(at);
}

static void a_request_of_nothing_gives_a_byte(void)
{
    char *one = amps_memory_new(0);
    char *other = amps_memory_new_zeroed(0);
    CHECK(one != NULL && other != NULL);
    one[0] = 'x';
    CHECK(other[0] == 0);
    one = amps_memory_resize(one, 0);
    CHECK(one != NULL);
    amps_memory_free(one);
    amps_memory_free(other);
}

static void freeing_nothing_does_nothing(void)
{
    size_t before = amps_memory_live();
    amps_memory_free(NULL);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void resizing_keeps_the_bytes_and_the_count(void)
{
    size_t before = amps_memory_live();
    char  *at = amps_memory_resize(NULL, 4);
    CHECK(at != NULL);
    memcpy(at, "abcd", 4);
    CHECK_NUMBER(amps_memory_live(), before + 1);
    at = amps_memory_resize(at, 100000);
    CHECK(at != NULL && memcmp(at, "abcd", 4) == 0);
    CHECK_NUMBER(amps_memory_live(), before + 1);
    amps_memory_free(at);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void the_nth_request_fails_and_the_next_succeeds(void)
{
    size_t before = amps_memory_live();
    amps_memory_fail_at(3, 0);
    void *first = amps_memory_new(1);
    void *second = amps_memory_new_zeroed(1);
    CHECK(first != NULL && second != NULL);
    CHECK(!amps_memory_has_failed());
    CHECK(amps_memory_new(1) == NULL);
    CHECK(amps_memory_has_failed());
    void *fourth = amps_memory_new(1);
    CHECK(fourth != NULL);
    CHECK_NUMBER(amps_memory_live(), before + 3);
    amps_memory_fail_at(0, 0);
    CHECK(!amps_memory_has_failed());
    amps_memory_free(first);
    amps_memory_free(second);
    amps_memory_free(fourth);
}

static void forever_means_until_it_is_ended(void)
{
    amps_memory_fail_at(2, 1);
    void *first = amps_memory_new(1);
    CHECK(first != NULL);
    for (int turn = 0; turn < 10; turn++) {
        CHECK(amps_memory_new(1) == NULL);
        CHECK(amps_memory_new_zeroed(1) == NULL);
        CHECK(amps_memory_resize(NULL, 1) == NULL);
    }
    amps_memory_fail_at(0, 0);
    void *later = amps_memory_new(1);
    CHECK(later != NULL);
    amps_memory_free(first);
    amps_memory_free(later);
}

static void a_resize_that_fails_leaves_the_block_alone(void)
{
    char *at = amps_memory_new(4);
    CHECK(at != NULL);
    memcpy(at, "abcd", 4);
    amps_memory_fail_at(1, 0);
    CHECK(amps_memory_resize(at, 8) == NULL);
    CHECK(memcmp(at, "abcd", 4) == 0);
    amps_memory_free(at);
}

#define THREADS 4
#define TURNS   10000

static void *take_and_give_back(void *unused)
{
    (void)unused;
    for (int turn = 0; turn < TURNS; turn++) {
        void *at = amps_memory_resize(amps_memory_new(16), 32);
        CHECK(at != NULL);
        amps_memory_free(at);
    }
    return NULL;
}

static void threads_do_not_spoil_the_count(void)
{
    size_t    before = amps_memory_live();
    pthread_t threads[THREADS];
    for (int index = 0; index < THREADS; index++) {
        CHECK(pthread_create(&threads[index], NULL, take_and_give_back, NULL) == 0);
    }
    for (int index = 0; index < THREADS; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
    }
    CHECK_NUMBER(amps_memory_live(), before);
}

static void *count_refusals(void *refusals)
{
    for (int turn = 0; turn < TURNS; turn++) {
        void *at = amps_memory_new(16);
        *(size_t *)refusals += at == NULL;
        amps_memory_free(at);
    }
    return NULL;
}

static void exactly_one_request_fails_whoever_makes_it(void)
{
    pthread_t threads[THREADS];
    size_t    refusals[THREADS] = {0};
    size_t    total = 0;
    amps_memory_fail_at(THREADS * TURNS / 2, 0);
    for (int index = 0; index < THREADS; index++) {
        CHECK(pthread_create(&threads[index], NULL, count_refusals, &refusals[index]) == 0);
    }
    for (int index = 0; index < THREADS; index++) {
        CHECK(pthread_join(threads[index], NULL) == 0);
        total += refusals[index];
    }
    CHECK_NUMBER(total, 1);
}

int main(void)
{
    RUN(what_is_given_is_counted_until_it_is_freed);
    RUN(zeroed_means_every_byte);
    RUN(a_request_of_nothing_gives_a_byte);
    RUN(freeing_nothing_does_nothing);
    RUN(resizing_keeps_the_bytes_and_the_count);
    RUN(the_nth_request_fails_and_the_next_succeeds);
    RUN(forever_means_until_it_is_ended);
    RUN(a_resize_that_fails_leaves_the_block_alone);
    RUN(threads_do_not_spoil_the_count);
    RUN(exactly_one_request_fails_whoever_makes_it);
    return 0;
}
