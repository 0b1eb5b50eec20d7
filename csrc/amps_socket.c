/* amps_socket.c: resolving, connecting, sending and receiving. */
#include "amps_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "amps_memory.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE is set instead */
#endif

#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC 0 /* macOS: fcntl alone does it, a moment later */
#endif

/* ---- Resolving: the system's resolver cannot be interrupted, so it has a thread of its own -- */

typedef struct lookup {
    amps_mutex       lock;
    amps_cond        done_cond;
    bool             done;
    unsigned         refs; /* the dial's and the thread's */
    int              code;
    int              error;
    struct addrinfo *found;
    char             host[AMPS_HOST_SIZE_MAX];
    char             port[8];
} lookup;

static void lookup_drop(lookup *look)
{
    amps_mutex_lock(&look->lock);
    bool last = --look->refs == 0;
    amps_mutex_unlock(&look->lock);
    if (last) {
        if (look->found != NULL) {
            freeaddrinfo(look->found);
        }
        amps_cond_fini(&look->done_cond);
        amps_mutex_fini(&look->lock);
        amps_memory_free(look);
    }
}

static int resolve(const lookup *look, int flags, struct addrinfo **found)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    return getaddrinfo(look->host, look->port, &hints, found);
}

static void lookup_main(void *context)
{
    lookup          *look = context;
    struct addrinfo *found = NULL;
    int              code = resolve(look, 0, &found);
    int              error = errno;
    amps_mutex_lock(&look->lock);
    look->code = code;
    look->error = code == EAI_SYSTEM ? error : 0;
    look->found = found;
    look->done = true;
    amps_cond_signal(&look->done_cond);
    amps_mutex_unlock(&look->lock);
    lookup_drop(look);
}

static lookup *lookup_new(const amps_address *address)
{
    lookup *look = amps_memory_new_zeroed(sizeof *look);
    if (look == NULL) {
        return NULL;
    }
    amps_mutex_init(&look->lock);
    amps_cond_init(&look->done_cond);
    look->refs = 1;
    memcpy(look->host, address->host.at, address->host.size);
    snprintf(look->port, sizeof look->port, "%u", (unsigned)address->port);
    look->code = resolve(look, AI_NUMERICHOST, &look->found); /* asks nobody: cannot wait */
    look->done = look->code == 0;
    if (!look->done) {
        look->refs = 2;
        if (amps_thread_start_aside("amps-resolver", lookup_main, look) != AMPS_OK) {
            look->refs = 1;
            look->done = true;
            look->code = EAI_AGAIN;
        }
    }
    return look;
}

static bool lookup_wait(lookup *look, uint64_t deadline)
{
    amps_mutex_lock(&look->lock);
    while (!look->done && amps_cond_wait(&look->done_cond, &look->lock, deadline)) {
    }
    bool done = look->done;
    amps_mutex_unlock(&look->lock);
    return done;
}

/* ---- Dialing -------------------------------------------------------------------------------- */

struct amps_dial {
    amps_address     address; /* its slices are not used after amps_dial_new */
    char             bind[AMPS_HOST_SIZE_MAX];
    lookup          *look;
    struct addrinfo *next;   /* the address to try next */
    int              family; /* the family of this round; 0: the round of all others */
    int              fd;     /* being connected, or -1 */
    uint64_t         give_up_at;
    struct addrinfo *current;
    amps_failure     failure;
};

amps_dial *amps_dial_new(const amps_address *address)
{
    if (address->host.size == 0 || address->host.size >= AMPS_HOST_SIZE_MAX ||
        address->bind.size >= AMPS_HOST_SIZE_MAX) {
        return NULL;
    }
    amps_dial *dial = amps_memory_new_zeroed(sizeof *dial);
    if (dial == NULL) {
        return NULL;
    }
    dial->fd = -1;
    dial->address = *address;
    if (address->bind.size > 0) {
        memcpy(dial->bind, address->bind.at, address->bind.size);
    }
    dial->look = lookup_new(address);
    if (dial->look == NULL) {
        amps_memory_free(dial);
        return NULL;
    }
    return dial;
}

void amps_dial_free(amps_dial *dial)
{
    if (dial == NULL) {
        return;
    }
    if (dial->fd >= 0) {
        close(dial->fd);
    }
    lookup_drop(dial->look);
    amps_memory_free(dial);
}

const amps_failure *amps_dial_failure(const amps_dial *dial) { return &dial->failure; }

static void name_of(const struct sockaddr *address, socklen_t size, char *out, size_t out_size)
{
    char host[INET6_ADDRSTRLEN + 32], port[16];
    if (getnameinfo(address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        out[0] = '\0';
        return;
    }
    const char *form = address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s";
    snprintf(out, out_size, form, host, port);
}

/* Notes why the current address did not work; the list names every one tried. */
static void note_failure(amps_dial *dial, int error, const char *what)
{
    amps_failure *failure = &dial->failure;
    size_t        used = strlen(failure->text);
    char          name[96], reason[128];
    name_of(dial->current->ai_addr, dial->current->ai_addrlen, name, sizeof name);
    failure->status = AMPS_REFUSED;
    failure->error = error;
    snprintf(failure->text + used, sizeof failure->text - used, "%s%s%s: %s", used > 0 ? "; " : "",
             what, name, amps_error_text(error, reason, sizeof reason));
}

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static bool set_options(int fd, const amps_address *address)
{
    bool good = true;
    if (address->linger_s >= 0) {
        struct linger linger = {.l_onoff = 1, .l_linger = address->linger_s};
        good = setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0;
    }
#ifdef SO_NOSIGPIPE
    good = set_int(fd, SOL_SOCKET, SO_NOSIGPIPE, 1) && good;
#endif
    good = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, address->keepalive) && good;
    good = set_int(fd, IPPROTO_TCP, TCP_NODELAY, address->nodelay) && good;
    if (address->send_size > 0) {
        good = set_int(fd, SOL_SOCKET, SO_SNDBUF, address->send_size) && good;
    }
    if (address->receive_size > 0) {
        good = set_int(fd, SOL_SOCKET, SO_RCVBUF, address->receive_size) && good;
    }
    return good;
}

/* Gives the socket the local address asked for. 0, or an errno. */
static int bind_local(int fd, int family, const char *bind_to, unsigned port)
{
    char             port_text[8];
    struct addrinfo  hints = {.ai_family = family,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *local;
    snprintf(port_text, sizeof port_text, "%u", port);
    if (getaddrinfo(bind_to, port_text, &hints, &local) != 0) {
        return EADDRNOTAVAIL;
    }
    int error = bind(fd, local->ai_addr, local->ai_addrlen) == 0 ? 0 : errno;
    freeaddrinfo(local);
    return error;
}

/* Starts to connect to dial->current. 0 or an errno. */
static int begin_connect(amps_dial *dial)
{
    const struct addrinfo *to = dial->current;
    int                    fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = 0;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        !set_options(fd, &dial->address)) {
        error = errno;
    } else if (dial->bind[0] != '\0') {
        error = bind_local(fd, to->ai_family, dial->bind, dial->address.bind_port);
    }
    if (error == 0 && connect(fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS &&
        errno != EINTR) {
        error = errno;
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    dial->fd = fd;
    dial->give_up_at = amps_clock_in_ms(AMPS_CONNECT_TIMEOUT_MS);
    return 0;
}

/* Moves on to the next address: the preferred family first, then all others. */
static bool next_address(amps_dial *dial)
{
    for (;;) {
        while (dial->next != NULL) {
            struct addrinfo *candidate = dial->next;
            dial->next = candidate->ai_next;
            int preferred = dial->address.prefer_ipv6 ? AF_INET6 : AF_INET;
            if ((candidate->ai_family == preferred) == (dial->family == preferred)) {
                dial->current = candidate;
                return true;
            }
        }
        if (dial->family == 0) {
            return false;
        }
        dial->family = 0;
        dial->next = dial->look->found;
    }
}

static amps_status not_resolved(amps_dial *dial)
{
    amps_failure *failure = &dial->failure;
    failure->status = AMPS_NOT_RESOLVED;
    failure->resolver = dial->look->code;
    failure->error = dial->look->error;
    snprintf(failure->text, sizeof failure->text, "%s: %s", dial->look->host,
             gai_strerror(dial->look->code));
    return AMPS_NOT_RESOLVED;
}

static bool wait_for(int fd, short what, uint64_t deadline)
{
    uint64_t      now = amps_clock_now();
    uint64_t      left_ms = deadline > now ? (deadline - now + AMPS_MS - 1) / AMPS_MS : 0;
    struct pollfd poller = {.fd = fd, .events = what};
    return poll(&poller, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) > 0;
}

/* The attempt that is under way: AMPS_OK connected, AMPS_AGAIN not yet, AMPS_REFUSED this address
 * is done with. */
static amps_status follow_connect(amps_dial *dial, uint64_t deadline)
{
    int       error = 0;
    socklen_t size = sizeof error;
    uint64_t  until = deadline < dial->give_up_at ? deadline : dial->give_up_at;
    if (!wait_for(dial->fd, POLLOUT, until)) {
        if (amps_clock_now() < dial->give_up_at) {
            return AMPS_AGAIN;
        }
        error = ETIMEDOUT;
    } else if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        note_failure(dial, error, "");
        close(dial->fd);
        dial->fd = -1;
        return AMPS_REFUSED;
    }
    return AMPS_OK;
}

/* The socket as the client wants it: blocking, so that the reader waits in its receive. */
static amps_status hand_over(amps_dial *dial, int *fd)
{
    int flags = fcntl(dial->fd, F_GETFL);
    if (flags < 0 || fcntl(dial->fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        note_failure(dial, errno, "");
        return AMPS_REFUSED;
    }
    *fd = dial->fd;
    dial->fd = -1;
    return AMPS_OK;
}

amps_status amps_dial_step(amps_dial *dial, uint32_t wait_ms, int *fd)
{
    uint64_t deadline = amps_clock_in_ms(wait_ms);
    if (dial->current == NULL) { /* nothing tried yet */
        if (!lookup_wait(dial->look, deadline)) {
            return AMPS_AGAIN;
        }
        if (dial->look->code != 0) {
            return not_resolved(dial);
        }
        dial->family = dial->address.prefer_ipv6 ? AF_INET6 : AF_INET;
        dial->next = dial->look->found;
    }
    for (;;) {
        if (dial->fd >= 0) {
            amps_status status = follow_connect(dial, deadline);
            if (status != AMPS_REFUSED) {
                return status == AMPS_OK ? hand_over(dial, fd) : status;
            }
        }
        if (!next_address(dial)) {
            return AMPS_REFUSED;
        }
        int error = begin_connect(dial);
        if (error != 0) {
            note_failure(dial, error, dial->bind[0] != '\0' ? "from the bound address to " : "");
        }
    }
}

/* ---- A connected socket --------------------------------------------------------------------- */

amps_status amps_socket_send(int fd, amps_slice first, amps_slice second, size_t *sent, int *error)
{
    struct iovec  pieces[2] = {{(void *)(uintptr_t)first.at, first.size},
                               {(void *)(uintptr_t)second.at, second.size}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = second.size > 0 ? 2 : 1};
    for (;;) {
        ssize_t size = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size >= 0) {
            *sent = (size_t)size;
            return AMPS_OK;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            return AMPS_AGAIN;
        }
        if (errno != EINTR) {
            *error = errno;
            return AMPS_DISCONNECTED;
        }
    }
}

bool amps_socket_wait_writable(int fd, uint64_t deadline)
{
    return wait_for(fd, POLLOUT, deadline);
}

amps_status amps_socket_receive(int fd, char *at, size_t size, size_t *received, int *error)
{
    for (;;) {
        ssize_t got = recv(fd, at, size, 0);
        if (got > 0) {
            *received = (size_t)got;
            return AMPS_OK;
        }
        if (got == 0) {
            return AMPS_END;
        }
        if (errno != EINTR) {
            *error = errno;
            return AMPS_DISCONNECTED;
        }
    }
}

void amps_socket_end_sending(int fd) { shutdown(fd, SHUT_WR); }
void amps_socket_shut(int fd) { shutdown(fd, SHUT_RDWR); }

void amps_socket_close(int fd, bool may_linger)
{
    if (!may_linger) { /* the system goes on delivering, but nobody waits for it */
        struct linger off = {.l_onoff = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    }
    close(fd);
}
