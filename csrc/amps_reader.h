/* amps_reader.h: the thread that receives on one connection, and where each message goes.
 *
 * It reads large pieces, finds the frames and routes them. Messages for a stream are copied into it
 * without Python; messages for handlers are collected and delivered in bursts. It reads no further
 * while a handler runs or a bounded stream is full. */
#ifndef AMPS_READER_H
#define AMPS_READER_H

#include "amps_routes.h"
#include "amps_writer.h"

#define AMPS_READER_PIECE_SIZE ((size_t)256 << 10) /* a read; grows for larger frames */

typedef struct amps_reader amps_reader;

/* What a reader needs of its client. */
typedef struct amps_reader_setup {
    int                fd; /* the reader closes nothing: ended does */
    amps_routes       *routes;
    amps_writer       *writer;
    const amps_events *events;
    void              *events_context;
    const atomic_uint *wants;   /* a bit for each amps_audience that somebody wants to be told */
    const atomic_uint *waiting; /* while > 0 full streams do not hold up the reading */
    void              *client;
    /* True: somebody inside has taken it. */
    bool (*ack)(void *client, const amps_header *header, uint32_t types,
                const amps_message *message, bool *is_trouble);
    /* A function in C has returned from a message. */
    void (*handled)(void *client, const amps_message *message);
    void (*ended)(void *client, amps_failure *failure, void **thread);
    void (*gone)(void *client); /* its last act; the reader is freed already */
    /* Around all in which it may call handlers. */
    void (*enter)(void *client, amps_inside *inside);
    void (*leave)(const amps_inside *inside);
} amps_reader_setup;

amps_status amps_reader_start(const amps_reader_setup *setup, amps_reader **reader);

/* From any thread: no handler is called any more, bytes still coming are forgotten. */
void amps_reader_hush(amps_reader *reader);

#endif
