/* amps_unsent.h: publishes that a writer kept when its connection was lost before they left.
 *
 * send: they go behind what waits in the send buffer, in order; AMPS_AGAIN: some are still to be
 * sent at the deadline. On a connection that is gone they stay. drop forgets them. count and drop
 * return how many they are. */
#ifndef AMPS_UNSENT_H
#define AMPS_UNSENT_H

#include "amps_writer.h"

size_t      amps_unsent_count(amps_writer *writer);
amps_status amps_unsent_send(amps_writer *writer, uint64_t deadline);
size_t      amps_unsent_drop(amps_writer *writer);

#endif
