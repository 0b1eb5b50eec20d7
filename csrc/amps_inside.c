/* amps_inside.c: whose handlers a thread is inside of. */
#include "amps_inside.h"

static _Thread_local const amps_inside *innermost;

bool amps_inside_of(const amps_client *client)
{
    const amps_inside *inside = innermost;
    while (inside != NULL && inside->client != client) {
        inside = inside->outer;
    }
    return inside != NULL;
}

void amps_client_enter_handler(const amps_client *client, amps_inside *inside)
{
    *inside = (amps_inside){.client = client, .outer = innermost};
    innermost = inside;
}

void amps_client_leave_handler(const amps_inside *inside) { innermost = inside->outer; }
