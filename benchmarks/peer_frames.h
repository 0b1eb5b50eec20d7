/* peer_frames.h: a connection, and the frames on it, as both sides of the benchmarks' peer see
 * them. */
#ifndef PEER_FRAMES_H
#define PEER_FRAMES_H

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY_SIZE            100u
#define RECORD_SIZE          200u
#define BATCH_MAX            1000u /* records in a frame: it fits PIECE_SIZE */
#define PREFIX_SIZE          4u
#define HEADER_SIZE_MAX      1024u
#define VALUE_SIZE_MAX       64u
#define SMALL_FRAME_SIZE_MAX (PREFIX_SIZE + HEADER_SIZE_MAX + BODY_SIZE)
#define PIECE_SIZE           ((size_t)256 << 10) /* bytes per receive, and the largest frame */
#define POUR_SIZE            ((size_t)64 << 10)  /* bytes per send of a source */
#define BACKLOG              16
#define FLOOR_SECONDS_MAX    120u              /* a floor that takes longer is stuck */
#define ACK_EVERY_MS         10                /* as the sandbox does */
#define QUIET_MS             1                 /* no more come, then */
#define MS                   UINT64_C(1000000) /* in nanoseconds */
#define SEQUENCE_SIZE        19                /* digits, of those that count seconds * 10^9 */

/* The very bytes that the client writes, too. */
#define SINK_HEADER  "{\"c\":\"p\",\"t\":\"sink\"}"
#define KEPT_HEADER  "{\"c\":\"p\",\"t\":\"sink\","
#define ECHO_HEADER  "{\"c\":\"p\",\"t\":\"echo\"}"
#define POUR_HEADER  "{\"c\":\"p\",\"t\":\"pour\"}"
#define LEASE_HEADER "{\"c\":\"p\",\"t\":\"lease\"}"
#define ACK_HEADER   "{\"c\":\"sow_delete\""
#define FLUSH_BEGIN  "{\"c\":\"flush\""
#define LEASE_END    "\",\"lp\":\"20261124T120000.000000Z\"}"
#define LOGON        "{\"c\":\"logon\",\"cid\":\"0\",\"client_name\":\"floor\",\"a\":\"processed\"}"
#define SUBSCRIBE                                                                                  \
    "{\"c\":\"subscribe\",\"cid\":\"1\",\"t\":\"any\",\"sub_id\":\"1\",\"a\":\"processed\"}"
#define SOW                                                                                        \
    "{\"c\":\"sow\",\"cid\":\"2\",\"t\":\"any\",\"query_id\":\"2\",\"bs\":%llu,\"top_n\":%llu,"    \
    "\"a\":\"processed,completed\"}"
#define FLUSH "{\"c\":\"flush\",\"cid\":\"2\",\"a\":\"processed\"}"

typedef struct slice {
    const char *at;
    size_t      size;
} slice;

typedef struct connection {
    int      fd;
    size_t   start, end; /* received and not yet looked at */
    char     sub_id[VALUE_SIZE_MAX];
    bool     has_bookmarks;               /* its subscription */
    char     sequence[SEQUENCE_SIZE + 1]; /* of the last message with a bookmark */
    slice    last_publish;                /* with a sequence that was not looked at; size 0: none */
    uint64_t published, acked;            /* sequences that came */
    uint64_t acked_at;
    uint64_t taken, taken_bytes;     /* acknowledgements of queue messages */
    char     flush[HEADER_SIZE_MAX]; /* one that came while messages were sent; size 0: none */
    size_t   flush_size;
    char     bytes[PIECE_SIZE];
} connection;

static void fail(const char *doing)
{
    fprintf(stderr, "peer: %s: %s\n", doing, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fail("allocating memory");
    }
    return memory;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* False: the other side is gone. */
static bool send_all(int fd, const char *at, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, at, size, 0);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static size_t put_frame(char *at, slice header, slice body)
{
    uint32_t size = htonl((uint32_t)(header.size + body.size));
    memcpy(at, &size, PREFIX_SIZE);
    memcpy(at + PREFIX_SIZE, header.at, header.size);
    memcpy(at + PREFIX_SIZE + header.size, body.at, body.size);
    return PREFIX_SIZE + header.size + body.size;
}

static bool send_frame(int fd, const char *header, slice body)
{
    char frame[SMALL_FRAME_SIZE_MAX];
    if (body.size > BODY_SIZE) {
        return false;
    }
    return send_all(fd, frame, put_frame(frame, (slice){header, strlen(header)}, body));
}

/* Moves what is left to the front and receives behind it. False: gone, or no frame of ours. */
static bool receive(connection *peer)
{
    memmove(peer->bytes, peer->bytes + peer->start, peer->end - peer->start);
    peer->end -= peer->start;
    peer->start = 0;
    for (;;) {
        ssize_t got = recv(peer->fd, peer->bytes + peer->end, PIECE_SIZE - peer->end, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        peer->end += got > 0 ? (size_t)got : 0;
        return got > 0;
    }
}

/* The number behind a key, quoted or not; 0 if there is none. */
static uint64_t read_number(slice frame, const char *key)
{
    char        header[HEADER_SIZE_MAX + 1];
    size_t      size = frame.size < HEADER_SIZE_MAX ? frame.size : HEADER_SIZE_MAX;
    const char *found;
    memcpy(header, frame.at, size);
    header[size] = '\0';
    found = strstr(header, key);
    if (found == NULL) {
        return 0;
    }
    found += strlen(key);
    return strtoull(found + (*found == '"'), NULL, 10);
}

/* One ack for all publishes that came, now and then, and when the next read would wait. */
static bool send_persisted(connection *peer)
{
    char          header[HEADER_SIZE_MAX];
    struct pollfd quiet = {.fd = peer->fd, .events = POLLIN};
    uint64_t      now = now_ns();
    if (peer->last_publish.size > 0) { /* its bytes are about to be moved */
        peer->published = read_number(peer->last_publish, "\"s\":");
        peer->last_publish.size = 0;
    }
    if (peer->published == peer->acked ||
        (now - peer->acked_at < ACK_EVERY_MS * MS && poll(&quiet, 1, QUIET_MS) != 0)) {
        return true;
    }
    peer->acked = peer->published;
    peer->acked_at = now;
    snprintf(header, sizeof header,
             "{\"c\":\"ack\",\"a\":\"persisted\",\"s\":%llu,\"status\":\"success\"}",
             (unsigned long long)peer->acked);
    return send_frame(peer->fd, header, (slice){"", 0});
}

static bool next_frame(connection *peer, slice *frame)
{
    for (;;) {
        size_t waiting = peer->end - peer->start;
        if (waiting >= PREFIX_SIZE) {
            uint32_t size;
            memcpy(&size, peer->bytes + peer->start, PREFIX_SIZE);
            size = ntohl(size);
            if (waiting >= PREFIX_SIZE + size) {
                *frame = (slice){peer->bytes + peer->start + PREFIX_SIZE, size};
                peer->start += PREFIX_SIZE + size;
                return true;
            }
        }
        if (!send_persisted(peer) || !receive(peer)) {
            return false;
        }
    }
}

static bool starts_with(slice frame, const char *text)
{
    size_t size = strlen(text);
    return frame.size >= size && memcmp(frame.at, text, size) == 0;
}

static slice after(slice frame, const char *header)
{
    size_t size = strlen(header);
    return (slice){frame.at + size, frame.size - size};
}

#endif
