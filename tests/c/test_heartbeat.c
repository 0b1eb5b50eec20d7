/* test_heartbeat.c: times that are due, silences that are too long, and a buffer without room. */
#include "amps_heartbeat.h"

#include "amps_frame.h"
#include "check.h"

#define SECOND ((uint64_t)1000000000)

static const amps_heartbeat heartbeat = {SECOND, 3 * SECOND, 100 * SECOND};

static void each_time_has_its_word(void)
{
    static const struct {
        uint64_t            now, silent_since;
        bool                listens;
        amps_heartbeat_word word;
        uint64_t            ask_at;
    } cases[] = {
        {99 * SECOND, 98 * SECOND, true, AMPS_HEARTBEAT_ALIVE, 100 * SECOND},
        {99 * SECOND, 96 * SECOND + 1, true, AMPS_HEARTBEAT_ALIVE, 99 * SECOND + 1},
        {99 * SECOND, 96 * SECOND, true, AMPS_HEARTBEAT_SILENT, 99 * SECOND},
        {99 * SECOND, 50 * SECOND, false, AMPS_HEARTBEAT_ALIVE, 99 * SECOND + SECOND / 10},
        {100 * SECOND, 99 * SECOND, true, AMPS_HEARTBEAT_DUE, 101 * SECOND},
        {102 * SECOND, 99 * SECOND + 1, true, AMPS_HEARTBEAT_DUE, 102 * SECOND + 1},
        {102 * SECOND, 99 * SECOND, true, AMPS_HEARTBEAT_SILENT, 102 * SECOND},
        {102 * SECOND, 1, false, AMPS_HEARTBEAT_DUE, 102 * SECOND + SECOND / 10},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t ask_at = 0;
        CHECK_NUMBER(amps_heartbeat_ask(&heartbeat, cases[i].now, cases[i].silent_since,
                                        cases[i].listens, &ask_at),
                     cases[i].word);
        CHECK_NUMBER(ask_at, cases[i].ask_at);
    }
}

static void ours_follows_what_waits_if_there_is_room(void)
{
    amps_heartbeat   mine = heartbeat;
    amps_send_buffer buffer;
    char            *at;
    amps_send_buffer_init(&buffer, 10);
    amps_heartbeat_give(&mine, &buffer, 7 * SECOND);
    CHECK_NUMBER(mine.next, 8 * SECOND);
    amps_slice bytes = amps_send_buffer_take(&buffer);
    CHECK_TEXT(
        ((amps_slice){bytes.at + AMPS_FRAME_PREFIX_SIZE, bytes.size - AMPS_FRAME_PREFIX_SIZE}),
        "{\"c\":\"heartbeat\",\"opts\":\"beat\"}");
    const size_t all = 10 + AMPS_SEND_BUFFER_SLACK;
    CHECK_STATUS(amps_send_buffer_reserve_slack(&buffer, all, &at), AMPS_OK);
    memset(at, 'x', all);
    amps_send_buffer_commit(&buffer, all);
    amps_heartbeat_give(&mine, &buffer, 9 * SECOND);
    CHECK_NUMBER(mine.next, 10 * SECOND);
    CHECK_NUMBER(buffer.back.size, all);
    amps_send_buffer_fini(&buffer);
}

int main(void)
{
    RUN(each_time_has_its_word);
    RUN(ours_follows_what_waits_if_there_is_room);
    return 0;
}
