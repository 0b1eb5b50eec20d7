/* test_routes.c: ids find their routes, and a route removed while someone is inside stays whole. */
#include "amps_routes.h"

#include "amps_memory.h"
#include "check.h"
#include "peer.h"
#include "table.h"

static void an_empty_table_knows_nobody(void)
{
    size_t      before = amps_memory_live();
    amps_routes routes;
    amps_routes_init(&routes);
    amps_routes_enter(&routes);
    CHECK(amps_routes_find(&routes, KIND, amps_slice_of("a")) == NULL);
    CHECK(amps_routes_find(&routes, KIND, BYTES("")) == NULL);
    CHECK(!take_out(&routes, "a"));
    amps_routes_remove_all(&routes, AMPS_CLOSED);
    amps_routes_leave(&routes);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void an_id_finds_its_route_until_it_is_removed(void)
{
    amps_routes routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add(&routes, "a", &handlers[1]), AMPS_OK);
    CHECK_STATUS(add(&routes, "ab", &handlers[2]), AMPS_OK);
    amps_routes_enter(&routes);
    amps_route *route = amps_routes_find(&routes, KIND, BYTES("a"));
    CHECK(route != NULL && amps_route_is_live(route));
    CHECK(route->sink.handler == &handlers[1]);
    CHECK(found(&routes, "ab") == &handlers[2]);
    CHECK(found(&routes, "b") == NULL);
    CHECK(found(&routes, "abc") == NULL);
    amps_routes_leave(&routes);
    CHECK(take_out(&routes, "a"));
    CHECK(!take_out(&routes, "a"));
    CHECK(found(&routes, "a") == NULL);
    CHECK(found(&routes, "ab") == &handlers[2]);
    amps_routes_fini(&routes);
}

static void any_bytes_are_an_id(void)
{
    static char      large[100000];
    const amps_slice ids[] = {BYTES(""),     BYTES("\0"),       BYTES("\0\0"),        BYTES("a\0b"),
                              BYTES("a\0c"), BYTES("\xff\xfe"), {large, sizeof large}};
    amps_routes      routes;
    amps_routes_init(&routes);
    for (size_t index = 0; index < COUNT_OF(ids); index++) {
        CHECK_STATUS(add_bytes(&routes, ids[index], &handlers[index]), AMPS_OK);
    }
    for (size_t index = 0; index < COUNT_OF(ids); index++) {
        amps_route *route = amps_routes_find(&routes, KIND, ids[index]);
        CHECK(route != NULL && route->sink.handler == &handlers[index]);
    }
    amps_routes_fini(&routes);
}

static void an_id_in_use_is_refused_and_its_route_stays(void)
{
    size_t       before = amps_memory_live();
    amps_routes  routes;
    amps_stream *stream = amps_stream_new(0);
    amps_routes_init(&routes);
    CHECK_STATUS(add(&routes, "a", &handlers[1]), AMPS_OK);
    CHECK_STATUS(add_stream(&routes, "a", stream), AMPS_ID_IN_USE);
    CHECK(found(&routes, "a") == &handlers[1]);
    CHECK(take_out(&routes, "a"));
    CHECK_STATUS(add(&routes, "a", &handlers[2]), AMPS_OK);
    CHECK(found(&routes, "a") == &handlers[2]);
    amps_routes_fini(&routes);
    amps_stream_drop(stream);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_stream_removes_its_own_route_only(void)
{
    amps_routes  routes;
    amps_stream *mine = amps_stream_new(0), *other = amps_stream_new(0);
    amps_routes_init(&routes);
    CHECK(!amps_routes_remove_stream(&routes, BYTES("a"), mine));
    CHECK_STATUS(add_stream(&routes, "a", other), AMPS_OK);
    CHECK_STATUS(add(&routes, "b", &handlers[1]), AMPS_OK);
    CHECK(!amps_routes_remove_stream(&routes, BYTES("a"), mine));
    CHECK(!amps_routes_remove_stream(&routes, BYTES("b"), mine));
    CHECK(amps_routes_find(&routes, KIND, BYTES("a")) != NULL);
    CHECK(amps_routes_remove_stream(&routes, BYTES("a"), other));
    CHECK(amps_routes_find(&routes, KIND, BYTES("a")) == NULL);
    amps_routes_fini(&routes);
    amps_stream_drop(mine);
    amps_stream_drop(other);
}

static void ids_of_one_hash_are_told_apart(void)
{
    const char *collisions[][2] = {{"costarring", "liquid"}, /* equal by 32-bit FNV-1a */
                                   {"declinate", "macallums"},
                                   {"altarage", "zinke"}};
    amps_routes routes;
    amps_routes_init(&routes);
    for (size_t index = 0; index < COUNT_OF(collisions); index++) {
        const char **pair = collisions[index];
        CHECK_STATUS(add(&routes, pair[0], &handlers[0]), AMPS_OK);
        CHECK(found(&routes, pair[1]) == NULL);
        CHECK(!take_out(&routes, pair[1]));
        CHECK_STATUS(add(&routes, pair[1], &handlers[1]), AMPS_OK);
        CHECK(amps_routes_find(&routes, KIND, amps_slice_of(pair[0]))->links[0].hash ==
              amps_routes_find(&routes, KIND, amps_slice_of(pair[1]))->links[0].hash);
        CHECK(found(&routes, pair[0]) == &handlers[0]);
        CHECK(take_out(&routes, pair[0]));
        CHECK(found(&routes, pair[1]) == &handlers[1]);
    }
    amps_routes_fini(&routes);
}

static void the_table_grows_and_every_id_is_still_found(void)
{
    size_t      before = amps_memory_live();
    char        id[24];
    amps_sink   sink;
    amps_routes routes;
    amps_routes_init(&routes);
    for (size_t number = 0; number < MANY; number++) {
        amps_slice text = id_of(number, id);
        CHECK_STATUS(add_bytes(&routes, text, &handlers[number]), AMPS_OK);
    }
    for (size_t number = 0; number < MANY; number += 2) {
        CHECK(amps_routes_remove(&routes, KIND, id_of(number, id), &sink));
        CHECK(sink.handler == &handlers[number]);
    }
    for (size_t number = 0; number < MANY; number++) {
        amps_route *route = amps_routes_find(&routes, KIND, id_of(number, id));
        CHECK((route != NULL) == (number % 2 == 1));
        CHECK(route == NULL || route->sink.handler == &handlers[number]);
    }
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

/* ---- Removal while someone is inside ----------------------------------------------------------*/

static void a_route_removed_meanwhile_lives_until_all_have_left(void)
{
    size_t      before = amps_memory_live();
    amps_routes routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add(&routes, "a", &handlers[1]), AMPS_OK);
    size_t with_route = amps_memory_live();
    amps_routes_enter(&routes);
    amps_routes_enter(&routes);
    amps_route *route = amps_routes_find(&routes, KIND, BYTES("a"));
    CHECK(take_out(&routes, "a"));
    CHECK(!amps_route_is_live(route));
    CHECK(route->sink.handler == &handlers[1]);
    CHECK(found(&routes, "a") == NULL);
    amps_routes_leave(&routes);
    CHECK_NUMBER(amps_memory_live(), with_route);
    CHECK(!amps_route_is_live(route));
    amps_routes_leave(&routes);
    CHECK_NUMBER(amps_memory_live(), with_route - 1);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

static unsigned released;

static void release(void *handler)
{
    CHECK(handler == &handlers[1]);
    released++;
}

static void a_handler_held_by_its_route_is_released_when_nobody_can_be_inside_it(void)
{
    const amps_sink sink = {.handler = &handlers[1], .release = release};
    amps_slice      id = BYTES("a");
    amps_routes     routes;
    amps_routes_init(&routes);
    CHECK_STATUS(amps_routes_add(&routes, &id, 1, &sink), AMPS_OK);
    CHECK_STATUS(amps_routes_add(&routes, &id, 1, &sink), AMPS_ID_IN_USE);
    CHECK_NUMBER(released, 0); /* one that was not added was never held */
    amps_routes_enter(&routes);
    CHECK(take_out(&routes, "a"));
    CHECK_NUMBER(released, 0);
    amps_routes_leave(&routes);
    CHECK_NUMBER(released, 1);
    CHECK_STATUS(amps_routes_add(&routes, &id, 1, &sink), AMPS_OK);
    CHECK(take_out(&routes, "a"));
    CHECK_NUMBER(released, 2);
    CHECK_STATUS(amps_routes_add(&routes, &id, 1, &sink), AMPS_OK);
    amps_routes_fini(&routes);
    CHECK_NUMBER(released, 3);
}

static void removing_a_stream_s_route_ends_the_stream(void)
{
    amps_message message;
    void        *block;
    amps_routes  routes;
    amps_stream *stream = amps_stream_new(0);
    amps_routes_init(&routes);
    CHECK_STATUS(add_stream(&routes, "a", stream), AMPS_OK);
    CHECK(take_out(&routes, "a"));
    CHECK_STATUS(amps_stream_take(stream, &message, &block), AMPS_CLOSED);
    amps_stream_drop(stream);
    amps_routes_fini(&routes);
}

static void an_id_removed_meanwhile_can_be_given_again_at_once(void)
{
    amps_routes routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add(&routes, "a", &handlers[1]), AMPS_OK);
    amps_routes_enter(&routes);
    amps_route *old = amps_routes_find(&routes, KIND, BYTES("a"));
    unsigned    changes = atomic_load(&routes.changes);
    CHECK(take_out(&routes, "a"));
    CHECK(atomic_load(&routes.changes) != changes);
    CHECK_STATUS(add(&routes, "a", &handlers[2]), AMPS_OK);
    CHECK(!amps_route_is_live(old));
    CHECK(found(&routes, "a") == &handlers[2]);
    amps_routes_leave(&routes);
    CHECK(found(&routes, "a") == &handlers[2]);
    amps_routes_fini(&routes);
}

static void removing_all_ends_their_streams_with_the_reason(void)
{
    size_t       before = amps_memory_live();
    amps_message message;
    void        *block;
    amps_routes  routes;
    amps_stream *streams[] = {amps_stream_new(0), amps_stream_new(0)};
    amps_routes_init(&routes);
    CHECK_STATUS(add_stream(&routes, "a", streams[0]), AMPS_OK);
    CHECK_STATUS(add_stream(&routes, "b", streams[1]), AMPS_OK);
    CHECK_STATUS(add(&routes, "c", &handlers[3]), AMPS_OK);
    amps_routes_remove_all(&routes, AMPS_HEARTBEAT_LOST);
    for (size_t index = 0; index < COUNT_OF(streams); index++) {
        CHECK_STATUS(amps_stream_take(streams[index], &message, &block), AMPS_HEARTBEAT_LOST);
        amps_stream_drop(streams[index]);
    }
    CHECK(found(&routes, "a") == NULL && found(&routes, "c") == NULL);
    CHECK_STATUS(add(&routes, "a", &handlers[1]), AMPS_OK);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_route_keeps_its_stream(void)
{
    size_t       before = amps_memory_live();
    amps_routes  routes;
    amps_stream *stream = amps_stream_new(0);
    amps_routes_init(&routes);
    CHECK_STATUS(add_stream(&routes, "a", stream), AMPS_OK);
    amps_stream_drop(stream);
    amps_stream *kept = amps_routes_find(&routes, KIND, BYTES("a"))->sink.stream;
    CHECK(kept == stream && amps_stream_depth(kept) == 0);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

typedef struct changer {
    amps_routes *routes;
    tally        turns;
} changer;

static void *add_and_remove(void *context)
{
    changer *work = context;
    for (size_t turn = 0; turn < 2000; turn++) {
        CHECK_STATUS(add(work->routes, "mine", &handlers[1]), AMPS_OK);
        CHECK(take_out(work->routes, "mine"));
    }
    tally_add(&work->turns);
    return NULL;
}

static void what_was_found_inside_may_be_looked_at_while_others_remove_it(void)
{
    amps_routes routes;
    amps_routes_init(&routes);
    changer work = {.routes = &routes};
    tally_init(&work.turns);
    pthread_t thread = start(add_and_remove, &work);
    size_t    looked = 0;
    for (bool done = false; !done; looked++) {
        amps_mutex_lock(&work.turns.lock);
        done = work.turns.count > 0;
        amps_mutex_unlock(&work.turns.lock);
        amps_routes_enter(&routes);
        amps_route *route = amps_routes_find(&routes, KIND, BYTES("mine"));
        CHECK(route == NULL || route->sink.handler == &handlers[1]);
        CHECK(route == NULL || amps_route_is_live(route) || !amps_route_is_live(route));
        amps_routes_leave(&routes);
    }
    CHECK(looked > 0);
    join(thread);
    tally_fini(&work.turns);
    amps_routes_fini(&routes);
}

/* Adds 40 routes (growing twice), the n-th request refused. True: a refusal was met. */
static bool fill_with_refusal_at(uint64_t n)
{
    char        id[24];
    bool        refused = false;
    amps_routes routes;
    amps_routes_init(&routes);
    amps_memory_fail_at(n, 0);
    for (size_t number = 0; number < 40; number++) {
        amps_slice  text = id_of(number, id);
        amps_status status = add_bytes(&routes, text, &handlers[number]);
        if (status != AMPS_OK) {
            CHECK_STATUS(status, AMPS_NO_MEMORY);
            CHECK(amps_routes_find(&routes, KIND, text) == NULL);
            CHECK_STATUS(add_bytes(&routes, text, &handlers[number]), AMPS_OK);
            refused = true;
        }
    }
    amps_memory_fail_at(0, 0);
    for (size_t number = 0; number < 40; number++) {
        amps_route *route = amps_routes_find(&routes, KIND, id_of(number, id));
        CHECK(route != NULL && route->sink.handler == &handlers[number]);
    }
    amps_routes_fini(&routes);
    return refused;
}

static void every_refused_request_leaves_the_table_whole(void)
{
    size_t   before = amps_memory_live();
    uint64_t n = 1;
    while (fill_with_refusal_at(n)) {
        n++;
    }
    CHECK(n > 40);
    CHECK_NUMBER(amps_memory_live(), before);
}

int main(void)
{
    RUN(an_empty_table_knows_nobody);
    RUN(an_id_finds_its_route_until_it_is_removed);
    RUN(any_bytes_are_an_id);
    RUN(an_id_in_use_is_refused_and_its_route_stays);
    RUN(ids_of_one_hash_are_told_apart);
    RUN(the_table_grows_and_every_id_is_still_found);
    RUN(a_route_removed_meanwhile_lives_until_all_have_left);
    RUN(a_handler_held_by_its_route_is_released_when_nobody_can_be_inside_it);
    RUN(removing_a_stream_s_route_ends_the_stream);
    RUN(an_id_removed_meanwhile_can_be_given_again_at_once);
    RUN(removing_all_ends_their_streams_with_the_reason);
    RUN(a_route_keeps_its_stream);
    RUN(what_was_found_inside_may_be_looked_at_while_others_remove_it);
    RUN(every_refused_request_leaves_the_table_whole);
    RUN(a_stream_removes_its_own_route_only);
    return 0;
}
