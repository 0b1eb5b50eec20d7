/* amps_record.h: takes a multi-record `sow` payload apart, one record at a time.
 *
 * Copies nothing and keeps nothing: the slices point into the payload. No thread, no lock, no
 * allocation. */
#ifndef AMPS_RECORD_H
#define AMPS_RECORD_H

#include "amps_header.h"

/* One record of a multi-record `sow` payload. Start with `rest` = what follows the outer header.
 *
 *   AMPS_OK         *record is the record's header bytes, *fields its parsed header, *body its
 * data; rest moves on AMPS_END        rest is empty AMPS_BAD_FRAME  no header, no `l`, or `l` lies:
 * drop the connection
 *
 * When the outer header itself has `l` and no record header with `l` follows, the outer header is
 * the first record's, and *record is empty: pass it as `outer` on every call and leave *first true
 * before the first. */
amps_status amps_record_next(const amps_header *outer, bool *first, amps_slice *rest,
                             amps_slice *record, amps_header *fields, amps_slice *body);

#endif
