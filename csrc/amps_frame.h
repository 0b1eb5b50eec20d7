/* amps_frame.h: finds where one frame ends and the next begins, and puts new ones together.
 *
 * It reads no socket, allocates nothing, and keeps no pointer, so a test can feed it a byte at a
 * time and a fuzzer can own it. What is in a header is amps_header.h's job. */
#ifndef AMPS_FRAME_H
#define AMPS_FRAME_H

#include "amps_header.h"

/* Looks for one whole frame at the start of `bytes`.
 *
 *   AMPS_OK               *payload is header and body (empty for a frame of length 0);
 *                         *size is the whole frame, prefix included
 *   AMPS_MORE             not all here yet; *size is how many bytes will be enough
 *   AMPS_FRAME_TOO_LARGE  it claims more than size_max payload bytes: drop the connection
 *
 * The slice points into `bytes`. */
amps_status amps_frame_find(amps_slice bytes, size_t size_max, amps_slice *payload, size_t *size);

/* Writes the length prefix of a frame with that many payload bytes (<= AMPS_SEND_FRAME_SIZE_MAX).
 */
void amps_frame_seal(char *prefix, size_t payload_size);

/* Of amps.h: amps_frame_size_max, _write, _view. */

#endif
