/* test_status.c: every outcome has a text and an exception; a number that is none has them too. */
#include <errno.h>

#include "amps_base.h"
#include "check.h"

static void every_outcome_says_its_text(void)
{
#define SAYS(name, text, exception) CHECK(strcmp(amps_status_text(name), text) == 0);
    AMPS_STATUS_MAP(SAYS)
#undef SAYS
}

static void every_outcome_names_its_exception(void)
{
#define NAMES(name, text, exception) CHECK(strcmp(amps_status_exception(name), #exception) == 0);
    AMPS_STATUS_MAP(NAMES)
#undef NAMES
    CHECK(strcmp(amps_status_exception(AMPS_OK), "None") == 0);
    CHECK(strcmp(amps_status_exception(AMPS_BAD_FRAME), "StreamException") == 0);
}

static void no_two_outcomes_say_the_same(void)
{
    for (int one = 0; one < AMPS_STATUS_COUNT; one++) {
        for (int other = one + 1; other < AMPS_STATUS_COUNT; other++) {
            CHECK(strcmp(amps_status_text((amps_status)one),
                         amps_status_text((amps_status)other)) != 0);
        }
    }
}

static void what_is_no_outcome_still_has_a_text_and_raises(void)
{
    const amps_status strangers[] = {AMPS_STATUS_COUNT, (amps_status)31};
    for (size_t index = 0; index < COUNT_OF(strangers); index++) {
        CHECK(strlen(amps_status_text(strangers[index])) > 0);
        CHECK(strcmp(amps_status_exception(strangers[index]), "AMPSException") == 0);
    }
}

static void every_error_number_has_a_text(void)
{
    const int numbers[] = {ECONNREFUSED, 0, 99999, -1};
    for (size_t index = 0; index < COUNT_OF(numbers); index++) {
        char text[128];
        CHECK(strlen(amps_error_text(numbers[index], text, sizeof text)) > 0);
    }
}

int main(void)
{
    RUN(every_outcome_says_its_text);
    RUN(every_outcome_names_its_exception);
    RUN(no_two_outcomes_say_the_same);
    RUN(what_is_no_outcome_still_has_a_text_and_raises);
    RUN(every_error_number_has_a_text);
    return 0;
}
