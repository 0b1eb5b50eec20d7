/* amps_header.h: the fields of a command or message, to and from header bytes.
 *
 * A liberal reader and a canonical writer. Reading finds slices and copies nothing; it never looks
 * past the bytes it was given. No thread, no lock, no clock, no socket, no allocation. */
#ifndef AMPS_HEADER_H
#define AMPS_HEADER_H

#include "amps_base.h"

/* Parses the header at the start of `payload` (white space before it is fine).
 * AMPS_OK: *header is set, *size counts the bytes up to and including the closing brace; the body
 * is what follows. AMPS_BAD_FRAME: no header there, or unterminated. Values are raw (amps.h). */
amps_status amps_header_parse(amps_slice payload, amps_header *header, size_t *size);

/* The text of a field, decoded. When it holds no escapes this is the raw slice; else it is decoded
 * into `scratch` (scratch_size bytes), and AMPS_TOO_LARGE if that may not be enough. AMPS_END:
 * absent. */
amps_status amps_header_text(const amps_header *header, amps_field field, char *scratch,
                             size_t scratch_size, amps_slice *text);

/* A number field. False: absent, quoted or bare text that is no number, negative, above max. */
bool amps_header_number(const amps_header *header, amps_field field, uint64_t max,
                        uint64_t *number);

/* An upper bound of what amps_header_write will write (cheap: no scan of the values). */
size_t amps_header_size_max(const amps_header *header);

/* Writes the canonical header: fields in the order of AMPS_FIELD_MAP, no white space, text escaped,
 * numbers bare. Empty values are left out. `publish` is written `p`. `out` holds size_max bytes.
 * Returns how many it wrote. */
size_t amps_header_write(const amps_header *header, char *out);

#define AMPS_NUMBER_TEXT_MAX 20u
amps_slice amps_number_text(uint64_t number, char out[AMPS_NUMBER_TEXT_MAX]); /* decimal digits */

/* Does this ack say that its command failed? A status that nobody has heard of is no success. */
bool amps_header_is_failure(const amps_header *header);

#endif
