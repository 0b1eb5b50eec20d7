/* amps_writer_inside.h: what the two rooms that make the writer share: amps_writer and its
 * heartbeat. All with the lock held. */
#ifndef AMPS_WRITER_INSIDE_H
#define AMPS_WRITER_INSIDE_H

#include "amps_writer.h"

#define AMPS_WRITER_SLICE_MS 100u /* a wait for the socket looks up so often */

void amps_writer_wake(amps_writer *writer); /* its thread */
void amps_writer_mark_broken(amps_writer *writer, amps_status why, int error);
/* Does what the clock asks of heartbeats; returns when it will ask next. */
uint64_t amps_writer_tick(amps_writer *writer);

#endif
