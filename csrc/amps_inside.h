/* amps_inside.h: whose handlers a thread is inside of: those of several clients may nest. */
#ifndef AMPS_INSIDE_H
#define AMPS_INSIDE_H

#include "amps_base.h"

bool amps_inside_of(const amps_client *client); /* this thread, between its enter and leave */

#endif
