/* test_routes_ids.c: a route with several ids, one that replaces another, one that has ended. */
#include "amps_memory.h"
#include "check.h"
#include "table.h"

static amps_status add_ids(amps_routes *routes, const char *first, const char *second,
                           const char *third, const amps_sink *sink)
{
    amps_slice ids[] = {amps_slice_of(first), amps_slice_of(second), amps_slice_of(third)};
    return amps_routes_add(routes, ids, COUNT_OF(ids), sink);
}

static void *found_sub(amps_routes *routes, const char *id)
{
    amps_route *route = amps_routes_find(routes, SUBS, amps_slice_of(id));
    return route != NULL ? route->sink.handler : NULL;
}

static bool take_out_sub(amps_routes *routes, const char *id)
{
    amps_sink sink;
    return amps_routes_remove(routes, SUBS, amps_slice_of(id), &sink);
}

static void a_route_is_found_by_each_of_its_ids_and_goes_with_all(void)
{
    size_t          before = amps_memory_live();
    const amps_sink sink = {.handler = &handlers[1]};
    amps_routes     routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add_ids(&routes, "c", "s", "q", &sink), AMPS_OK);
    CHECK_STATUS(add_ids(&routes, "d", "d", "d", &sink), AMPS_OK);
    CHECK_NUMBER(routes.count, 5); /* a sub_id and a command id may be the same */
    CHECK(found(&routes, "c") == &handlers[1]);
    CHECK(found_sub(&routes, "s") == &handlers[1]);
    CHECK(found_sub(&routes, "q") == &handlers[1]);
    CHECK(take_out_sub(&routes, "q"));
    CHECK(found(&routes, "c") == NULL && found_sub(&routes, "s") == NULL);
    CHECK(take_out(&routes, "d"));
    CHECK_NUMBER(routes.count, 0);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void one_id_in_use_refuses_the_whole_route(void)
{
    const amps_sink sink = {.handler = &handlers[2]};
    amps_routes     routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add_ids(&routes, "1", "q", "q", &(amps_sink){.handler = &handlers[1]}), AMPS_OK);
    CHECK_STATUS(add_ids(&routes, "c", "s", "q", &sink), AMPS_ID_IN_USE);
    CHECK_STATUS(add_ids(&routes, "1", "s", "s", &sink), AMPS_ID_IN_USE);
    CHECK(found(&routes, "c") == NULL && found_sub(&routes, "s") == NULL);
    CHECK(found_sub(&routes, "q") == &handlers[1]);
    CHECK_STATUS(add_ids(&routes, "q", "1", "1", &sink), AMPS_OK); /* of the other kind */
    CHECK(found_sub(&routes, "q") == &handlers[1] && found(&routes, "q") == &handlers[2]);
    CHECK_NUMBER(routes.count, 4);
    amps_routes_fini(&routes);
}

static void a_route_that_replaces_takes_over_when_it_is_told(void)
{
    amps_stream *older = amps_stream_new(0), *newer = amps_stream_new(0);
    amps_route  *replaced[AMPS_ROUTE_IDS_MAX];
    amps_routes  routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add_ids(&routes, "1", "s", "s", &(amps_sink){.stream = older}), AMPS_OK);
    CHECK_STATUS(add_ids(&routes, "2", "s", "s", &(amps_sink){.stream = newer, .replaces = true}),
                 AMPS_OK);
    amps_routes_enter(&routes);
    amps_route *route = amps_routes_find(&routes, KIND, BYTES("2"));
    amps_route *first = amps_routes_find(&routes, SUBS, BYTES("s"));
    CHECK(first->sink.stream == older);
    CHECK_NUMBER(amps_routes_take_over(&routes, route, replaced), 1);
    CHECK(replaced[0] == first && amps_route_is_live(first)); /* it is owed what was collected */
    CHECK(amps_routes_find(&routes, SUBS, BYTES("s")) == route);
    CHECK(amps_routes_find(&routes, KIND, BYTES("1")) == NULL);
    CHECK_NUMBER(amps_routes_take_over(&routes, route, replaced), 0); /* it has all it wants */
    amps_routes_leave(&routes);
    CHECK_STATUS(amps_stream_wait(older, 0), AMPS_END);
    CHECK_STATUS(amps_stream_wait(newer, 0), AMPS_AGAIN);
    CHECK(take_out_sub(&routes, "s"));
    CHECK_NUMBER(routes.count, 0);
    amps_routes_fini(&routes);
    amps_stream_drop(older);
    amps_stream_drop(newer);
}

static void a_route_that_was_refused_leaves_the_older_one_alone(void)
{
    amps_route *replaced[AMPS_ROUTE_IDS_MAX];
    amps_routes routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add_ids(&routes, "1", "s", "s", &(amps_sink){.handler = &handlers[1]}), AMPS_OK);
    CHECK_STATUS(
        add_ids(&routes, "2", "s", "s", &(amps_sink){.handler = &handlers[2], .replaces = true}),
        AMPS_OK);
    amps_routes_enter(&routes);
    amps_route *refused = amps_routes_find(&routes, KIND, BYTES("2"));
    CHECK(take_out(&routes, "2"));
    CHECK_NUMBER(amps_routes_take_over(&routes, refused, replaced), 0); /* it comes too late */
    amps_routes_end(&routes, refused);
    CHECK(found_sub(&routes, "s") == &handlers[1]);
    amps_routes_leave(&routes);
    amps_routes_fini(&routes);
}

static void the_ids_of_complete_results_may_be_used_again(void)
{
    size_t      before = amps_memory_live();
    amps_sink   sink;
    amps_routes routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add_ids(&routes, "1", "q", "q", &(amps_sink){.handler = &handlers[1]}), AMPS_OK);
    amps_routes_enter(&routes);
    amps_route *complete = amps_routes_find(&routes, SUBS, BYTES("q"));
    atomic_store(&complete->is_complete, true);
    CHECK_STATUS(add_ids(&routes, "2", "q", "q", &(amps_sink){.handler = &handlers[2]}), AMPS_OK);
    CHECK(found_sub(&routes, "q") == &handlers[2]);
    CHECK(found(&routes, "1") == NULL);
    CHECK(amps_route_is_live(complete)); /* what was collected for its handler is delivered */
    amps_routes_end(&routes, complete);  /* it is out already */
    CHECK_NUMBER(routes.count, 2);
    CHECK(amps_routes_has(&routes, SUBS, BYTES("q")));
    complete = amps_routes_find(&routes, SUBS, BYTES("q"));
    atomic_store(&complete->is_complete, true);
    CHECK(!amps_routes_has(&routes, SUBS, BYTES("q")));
    CHECK(!amps_routes_remove(&routes, SUBS, BYTES("q"), &sink)); /* there is nothing to end */
    CHECK_NUMBER(routes.count, 2); /* its last acks may come, and are expected */
    amps_routes_end(&routes, complete);
    CHECK_NUMBER(routes.count, 0);
    amps_routes_leave(&routes);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

static void a_route_taken_out_ends_its_stream_and_says_what_it_was_for(void)
{
    amps_stream *stream = amps_stream_new(0);
    amps_sink    sink;
    amps_routes  routes;
    amps_routes_init(&routes);
    CHECK_STATUS(
        add_ids(&routes, "1", "q", "q", &(amps_sink){.stream = stream, .verb = AMPS_COMMAND_SOW}),
        AMPS_OK);
    CHECK(amps_routes_remove(&routes, SUBS, BYTES("q"), &sink));
    CHECK(sink.verb == AMPS_COMMAND_SOW && sink.handler == NULL);
    CHECK_STATUS(amps_stream_wait(stream, 0), AMPS_CLOSED);
    amps_routes_fini(&routes);
    amps_stream_drop(stream);
}

static void a_route_that_ended_goes_when_nobody_is_inside(void)
{
    size_t      before = amps_memory_live();
    amps_routes routes;
    amps_routes_init(&routes);
    CHECK_STATUS(add_ids(&routes, "1", "q", "q", &(amps_sink){.handler = &handlers[1]}), AMPS_OK);
    amps_routes_enter(&routes);
    amps_route *route = amps_routes_find(&routes, SUBS, BYTES("q"));
    amps_routes_end(&routes, route);
    amps_routes_end(&routes, route);
    CHECK(amps_route_is_live(route));
    CHECK(found_sub(&routes, "q") == NULL);
    amps_routes_remove_all(&routes, AMPS_CLOSED);
    CHECK(!amps_route_is_live(route)); /* its handler may be gone: all of them were let go of */
    amps_routes_leave(&routes);
    amps_routes_fini(&routes);
    CHECK_NUMBER(amps_memory_live(), before);
}

int main(void)
{
    RUN(a_route_is_found_by_each_of_its_ids_and_goes_with_all);
    RUN(one_id_in_use_refuses_the_whole_route);
    RUN(a_route_that_replaces_takes_over_when_it_is_told);
    RUN(a_route_that_was_refused_leaves_the_older_one_alone);
    RUN(the_ids_of_complete_results_may_be_used_again);
    RUN(a_route_taken_out_ends_its_stream_and_says_what_it_was_for);
    RUN(a_route_that_ended_goes_when_nobody_is_inside);
    return 0;
}
