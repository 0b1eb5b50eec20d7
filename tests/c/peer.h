/* peer.h: the other end of a connection as a test plays it: frames in and out, threads, patience.
 *
 * Nothing here waits longer than PATIENCE_MS: what has not come by then never will. */
#ifndef PEER_H
#define PEER_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amps_frame.h"
#include "amps_memory.h"
#include "amps_thread.h"
#include "check.h"

#define PATIENCE_MS 30000
#define PREFIX_SIZE ((size_t)AMPS_FRAME_PREFIX_SIZE)

/* ---- Threads: a count that others wait for ----------------------------------------------------*/

typedef struct tally {
    amps_mutex lock;
    amps_cond  changed;
    size_t     count;
} tally;

static inline void tally_init(tally *counted)
{
    amps_mutex_init(&counted->lock);
    amps_cond_init(&counted->changed);
    counted->count = 0;
}

static inline void tally_fini(tally *counted)
{
    amps_cond_fini(&counted->changed);
    amps_mutex_fini(&counted->lock);
}

static inline void tally_add(tally *counted)
{
    amps_mutex_lock(&counted->lock);
    counted->count++;
    amps_cond_broadcast(&counted->changed);
    amps_mutex_unlock(&counted->lock);
}

static inline void tally_wait(tally *counted, size_t count)
{
    uint64_t deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_mutex_lock(&counted->lock);
    while (counted->count < count) {
        CHECK(amps_cond_wait(&counted->changed, &counted->lock, deadline));
    }
    amps_mutex_unlock(&counted->lock);
}

static inline pthread_t start(void *(*body)(void *), void *context)
{
    pthread_t thread;
    CHECK_NUMBER(pthread_create(&thread, NULL, body, context), 0);
    return thread;
}

static inline void join(pthread_t thread) { CHECK_NUMBER(pthread_join(thread, NULL), 0); }

/* The core's blocks that are in use once all its threads have ended. */
static inline size_t settled_memory(void)
{
    CHECK_NUMBER(amps_thread_wait_all(amps_clock_in_ms(PATIENCE_MS)), 0);
    return amps_memory_live();
}

/* ---- Addresses
 * ---------------------------------------------------------------------------------*/

typedef struct listener {
    int      fd;
    uint16_t port;
} listener;

static inline socklen_t loopback(bool ipv6, uint16_t port, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    if (ipv6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        v6->sin6_addr = in6addr_loopback;
        return sizeof *v6;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof *v4;
}

/* Bound, but nobody listens: whoever connects is refused. */
static inline listener bind_only(bool ipv6)
{
    struct sockaddr_storage address;
    socklen_t               size = loopback(ipv6, 0, &address);
    listener                bound = {.fd = socket(address.ss_family, SOCK_STREAM, 0)};
    CHECK(bound.fd >= 0);
    CHECK_NUMBER(bind(bound.fd, (struct sockaddr *)&address, size), 0);
    CHECK_NUMBER(getsockname(bound.fd, (struct sockaddr *)&address, &size), 0);
    bound.port = ntohs(ipv6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                            : ((struct sockaddr_in *)&address)->sin_port);
    return bound;
}

static inline listener listen_on(bool ipv6, int backlog)
{
    listener listening = bind_only(ipv6);
    CHECK_NUMBER(listen(listening.fd, backlog), 0);
    return listening;
}

/* ---- Bytes
 * -------------------------------------------------------------------------------------*/

typedef struct ends {
    int ours;  /* the core's */
    int peers; /* the test's */
} ends;

static inline ends connect_pair(void)
{
    int fds[2];
    CHECK_NUMBER(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    return (ends){fds[0], fds[1]};
}

static inline ends connect_tcp(void)
{
    struct sockaddr_storage to;
    listener                listening = listen_on(false, 1);
    socklen_t               size = loopback(false, listening.port, &to);
    ends                    both = {.ours = socket(AF_INET, SOCK_STREAM, 0)};
    CHECK_NUMBER(connect(both.ours, (struct sockaddr *)&to, size), 0);
    both.peers = accept(listening.fd, NULL, NULL);
    CHECK(both.peers >= 0);
    close(listening.fd);
    return both;
}

/* Is there anything to read (the end of the bytes counts), now or within wait_ms? */
static inline bool peer_sees(int fd, int wait_ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    return poll(&poller, 1, wait_ms) > 0;
}

/* Some bytes; 0 at their end, also when the core hung up with bytes of ours unread. */
static inline size_t peer_read_some(int fd, char *at, size_t size)
{
    CHECK(peer_sees(fd, PATIENCE_MS));
    ssize_t got = recv(fd, at, size, 0);
    CHECK(got >= 0 || errno == ECONNRESET);
    return got > 0 ? (size_t)got : 0;
}

static inline void peer_read(int fd, char *at, size_t size)
{
    while (size > 0) {
        size_t got = peer_read_some(fd, at, size);
        CHECK(got > 0);
        at += got;
        size -= got;
    }
}

static inline void peer_expect_end(int fd)
{
    char byte;
    CHECK_NUMBER(peer_read_some(fd, &byte, 1), 0);
}

/* The payload of the next frame, a zero behind it; to be freed. */
static inline char *peer_read_frame(int fd, size_t *size)
{
    char prefix[PREFIX_SIZE];
    peer_read(fd, prefix, PREFIX_SIZE);
    *size = amps_load_u32(prefix);
    char *payload = malloc(*size + 1);
    CHECK(payload != NULL);
    peer_read(fd, payload, *size);
    payload[*size] = '\0';
    return payload;
}

static inline void peer_expect(int fd, const char *expected)
{
    size_t size;
    char  *payload = peer_read_frame(fd, &size);
    CHECK_TEXT(((amps_slice){payload, size}), expected);
    free(payload);
}

static inline void peer_write(int fd, const char *at, size_t size)
{
    while (size > 0) {
        struct pollfd poller = {.fd = fd, .events = POLLOUT};
        CHECK(poll(&poller, 1, PATIENCE_MS) > 0);
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        CHECK(sent > 0 || errno == EAGAIN);
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
    }
}

/* Writes a whole frame to `out`; gives its size. */
static inline size_t put_frame(char *out, const char *payload)
{
    size_t size = strlen(payload);
    amps_frame_seal(out, size);
    memcpy(out + PREFIX_SIZE, payload, size);
    return PREFIX_SIZE + size;
}

static inline void peer_say(int fd, const char *payload)
{
    char *frame = malloc(PREFIX_SIZE + strlen(payload));
    CHECK(frame != NULL);
    peer_write(fd, frame, put_frame(frame, payload));
    free(frame);
}

/* Waits until the core has taken all bytes that were written for it. */
static inline void wait_taken(int ours)
{
    uint64_t deadline = amps_clock_in_ms(PATIENCE_MS);
    while (peer_sees(ours, 0)) {
        CHECK(amps_clock_now() < deadline);
        sched_yield();
    }
}

#endif
