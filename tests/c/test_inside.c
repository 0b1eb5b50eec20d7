/* test_inside.c: a thread knows all the clients whose handlers it is inside of. */
#include <pthread.h>

#include "amps_inside.h"
#include "check.h"

static int places[3]; /* the addresses are what matters */

static const amps_client *client(size_t number) { return (const amps_client *)&places[number]; }

static void handlers_of_several_clients_nest(void)
{
    amps_inside outer, inner, again;
    CHECK(!amps_inside_of(client(0)));
    amps_client_enter_handler(client(0), &outer);
    amps_client_enter_handler(client(1), &inner);
    CHECK(amps_inside_of(client(0)) && amps_inside_of(client(1)));
    CHECK(!amps_inside_of(client(2)));
    amps_client_enter_handler(client(0), &again);
    amps_client_leave_handler(&again);
    CHECK(amps_inside_of(client(0)));
    amps_client_leave_handler(&inner);
    CHECK(amps_inside_of(client(0)) && !amps_inside_of(client(1)));
    amps_client_leave_handler(&outer);
    CHECK(!amps_inside_of(client(0)));
}

static void *look(void *context)
{
    (void)context;
    CHECK(!amps_inside_of(client(0)));
    return NULL;
}

static void another_thread_is_not_inside(void)
{
    pthread_t   thread;
    amps_inside inside;
    amps_client_enter_handler(client(0), &inside);
    CHECK_NUMBER(pthread_create(&thread, NULL, look, NULL), 0);
    CHECK_NUMBER(pthread_join(thread, NULL), 0);
    amps_client_leave_handler(&inside);
}

int main(void)
{
    RUN(handlers_of_several_clients_nest);
    RUN(another_thread_is_not_inside);
    return 0;
}
