/* test_socket_dial.c: dialing in steps to good and bad addresses. */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sched.h>

#include "amps_memory.h"
#include "amps_socket.h"
#include "check.h"
#include "peer.h"

#define STEP_MS  50u
#define IPV4     "127.0.0.1"
#define IPV6     "::1"
#define TEXT_MAX 128

static amps_address address_of(const char *host, uint16_t port)
{
    return (amps_address){.host = amps_slice_of(host),
                          .port = port,
                          .bind = BYTES(""),
                          .nodelay = true,
                          .linger_s = -1};
}

/* Steps until it is over. */
static amps_status finish(amps_dial *dial, int *fd)
{
    uint64_t    deadline = amps_clock_in_ms(PATIENCE_MS);
    amps_status status = AMPS_AGAIN;
    while (status == AMPS_AGAIN) {
        CHECK(amps_clock_now() < deadline);
        status = amps_dial_step(dial, STEP_MS, fd);
    }
    return status;
}

static int connect_to(const amps_address *address)
{
    int        fd = -1;
    amps_dial *dial = amps_dial_new(address);
    CHECK(dial != NULL);
    CHECK_STATUS(finish(dial, &fd), AMPS_OK);
    amps_dial_free(dial);
    return fd;
}

/* The failure of a dial that must fail; its text is alive until the next call. */
static const amps_failure *fail_to_connect(const amps_address *address, amps_status expected)
{
    static amps_failure failure;
    int                 fd = -1;
    amps_dial          *dial = amps_dial_new(address);
    CHECK(dial != NULL);
    CHECK_STATUS(finish(dial, &fd), expected);
    CHECK_STATUS(amps_dial_step(dial, 0, &fd), expected); /* asking again changes nothing */
    CHECK(fd == -1);
    failure = *amps_dial_failure(dial);
    CHECK_STATUS(failure.status, expected);
    amps_dial_free(dial);
    return &failure;
}

/* ---- Dialing
 * -----------------------------------------------------------------------------------*/

static void numeric_addresses_connect_and_the_socket_blocks(void)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        listener     listening = listen_on(ipv6 == 1, 1);
        amps_address address = address_of(ipv6 == 1 ? IPV6 : IPV4, listening.port);
        int          fd = connect_to(&address);
        CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
        CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        close(fd);
        close(listening.fd);
    }
}

static void a_refused_port_is_named_with_its_reason(void)
{
    const char *forms[] = {"127.0.0.1:%u: Connection refused", "[::1]:%u: Connection refused"};
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        char                expected[TEXT_MAX];
        listener            bound = bind_only(ipv6 == 1);
        amps_address        address = address_of(ipv6 == 1 ? IPV6 : IPV4, bound.port);
        const amps_failure *failure = fail_to_connect(&address, AMPS_REFUSED);
        snprintf(expected, sizeof expected, forms[ipv6], (unsigned)bound.port);
        CHECK_TEXT(amps_slice_of(failure->text), expected);
        CHECK_NUMBER(failure->error, ECONNREFUSED);
        CHECK_NUMBER(failure->resolver, 0);
        close(bound.fd);
    }
}

#define CROWD 8

/* A listener that takes nobody, and the sockets that fill its queue. */
static void a_black_hole_is_left_step_by_step(void)
{
    struct sockaddr_storage to;
    int                     crowd[CROWD];
    int                     fd = -1;
    size_t                  before = settled_memory();
    listener                hole = listen_on(false, 0);
    socklen_t               size = loopback(false, hole.port, &to);
    for (int index = 0; index < CROWD; index++) {
        crowd[index] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(crowd[index], (struct sockaddr *)&to, size);
        struct pollfd poller = {.fd = crowd[index], .events = POLLOUT};
        poll(&poller, 1, 1); /* until one is kept waiting */
    }
    amps_address address = address_of(IPV4, hole.port);
    amps_dial   *dial = amps_dial_new(&address);
    for (int step = 0; step < 3; step++) {
        uint64_t began = amps_clock_now();
        CHECK_STATUS(amps_dial_step(dial, STEP_MS, &fd), AMPS_AGAIN);
        CHECK(amps_clock_now() >= began + STEP_MS * AMPS_MS);
    }
    amps_dial_free(dial);
    CHECK_NUMBER(amps_memory_live(), before);
    for (int index = 0; index < CROWD; index++) {
        close(crowd[index]);
    }
    close(hole.fd);
}

static void a_name_that_cannot_exist_is_not_resolved(void)
{
    static char long_label[100]; /* labels end at 63: no resolver asks anybody for these */
    memset(long_label, 'x', sizeof long_label - 1);
    const char *names[] = {"a..b", "..", long_label};
    for (size_t index = 0; index < COUNT_OF(names); index++) {
        amps_address        address = address_of(names[index], 9007);
        const amps_failure *failure = fail_to_connect(&address, AMPS_NOT_RESOLVED);
        CHECK(failure->resolver != 0);
        CHECK(strncmp(failure->text, names[index], strlen(names[index])) == 0);
        CHECK(strlen(failure->text) > strlen(names[index]) + 2);
    }
}

static void what_is_too_long_for_a_name_is_not_dialed(void)
{
    static char text[AMPS_HOST_SIZE_MAX + 1];
    memset(text, '1', sizeof text);
    amps_address address = address_of(IPV4, 1);
    address.host = (amps_slice){text, AMPS_HOST_SIZE_MAX};
    CHECK(amps_dial_new(&address) == NULL);
    address.host.size = 0;
    CHECK(amps_dial_new(&address) == NULL);
    address = address_of(IPV4, 1);
    address.bind = (amps_slice){text, AMPS_HOST_SIZE_MAX};
    CHECK(amps_dial_new(&address) == NULL);
    amps_dial_free(NULL);
}

/* Every address a name has is tried, whichever comes first; the list is this machine's. */
static void all_addresses_of_a_name_are_tried_and_named(void)
{
    struct addrinfo  hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *known;
    CHECK_NUMBER(getaddrinfo("localhost", NULL, &hints, &known), 0);
    listener bound = bind_only(false);
    for (int prefer_ipv6 = 0; prefer_ipv6 < 2; prefer_ipv6++) {
        amps_address address = address_of("localhost", bound.port);
        address.prefer_ipv6 = prefer_ipv6 == 1;
        const amps_failure *failure = fail_to_connect(&address, AMPS_REFUSED);
        for (struct addrinfo *each = known; each != NULL; each = each->ai_next) {
            char host[TEXT_MAX];
            CHECK_NUMBER(getnameinfo(each->ai_addr, each->ai_addrlen, host, sizeof host, NULL, 0,
                                     NI_NUMERICHOST),
                         0);
            CHECK(strstr(failure->text, host) != NULL);
        }
    }
    freeaddrinfo(known);
    close(bound.fd);
}

static void a_name_connects_to_the_address_that_answers(void)
{
    listener listening = listen_on(false, 4);
    for (int prefer_ipv6 = 0; prefer_ipv6 < 2; prefer_ipv6++) {
        amps_address address = address_of("localhost", listening.port);
        address.prefer_ipv6 = prefer_ipv6 == 1;
        close(connect_to(&address));
    }
    close(listening.fd);
}

/* A resolver's thread is not waited for by anybody; what it holds goes when it is done. */
static void expect_nothing_held(void)
{
    uint64_t deadline = amps_clock_in_ms(PATIENCE_MS);
    while (amps_memory_live() != 0 && amps_clock_now() < deadline) {
        sched_yield();
    }
    CHECK_NUMBER(amps_memory_live(), 0);
}

static void a_dial_can_be_given_up_while_the_resolver_is_asked(void)
{
    expect_nothing_held();
    for (int turn = 0; turn < 50; turn++) {
        amps_address address = address_of("localhost", 1);
        amps_dial_free(amps_dial_new(&address));
    }
    expect_nothing_held();
}

static void without_memory_there_is_no_dial_or_no_name(void)
{
    expect_nothing_held();
    listener listening = listen_on(false, 1);
    for (uint64_t n = 1; n < 6; n++) {
        int          fd = -1;
        amps_address address = address_of("localhost", listening.port);
        amps_memory_fail_at(n, 0);
        amps_dial *dial = amps_dial_new(&address);
        if (dial != NULL) {
            CHECK_STATUS(finish(dial, &fd), n == 3 ? AMPS_NOT_RESOLVED : AMPS_OK);
            close(fd);
        }
        CHECK((dial == NULL) == (n < 3));
        amps_memory_fail_at(0, 0);
        amps_dial_free(dial);
    }
    expect_nothing_held();
    close(listening.fd);
}

/* ---- Binding and options ----------------------------------------------------------------------*/

static void the_local_address_is_the_one_asked_for(void)
{
    struct sockaddr_in from;
    socklen_t          size = sizeof from;
    listener           listening = listen_on(false, 1);
    listener           free_port = bind_only(false);
    close(free_port.fd);
    amps_address address = address_of(IPV4, listening.port);
    address.bind = amps_slice_of(IPV4);
    address.bind_port = free_port.port;
    int fd = connect_to(&address);
    int accepted = accept(listening.fd, (struct sockaddr *)&from, &size);
    CHECK(accepted >= 0);
    CHECK_NUMBER(ntohs(from.sin_port), free_port.port);
    close(accepted);
    close(fd);
    close(listening.fd);
}

static void a_local_address_that_cannot_be_had_is_a_refusal(void)
{
    const char *binds[] = {"192.0.2.1", "no address", IPV6}; /* the first is nobody's, RFC 5737 */
    listener    listening = listen_on(false, 1);
    for (size_t index = 0; index < COUNT_OF(binds); index++) {
        char         expected[TEXT_MAX];
        amps_address address = address_of(IPV4, listening.port);
        address.bind = amps_slice_of(binds[index]);
        const amps_failure *failure = fail_to_connect(&address, AMPS_REFUSED);
        snprintf(expected, sizeof expected,
                 "from the bound address to 127.0.0.1:%u: ", (unsigned)listening.port);
        CHECK_NUMBER(failure->error, EADDRNOTAVAIL);
        CHECK(strncmp(failure->text, expected, strlen(expected)) == 0);
    }
    close(listening.fd);
}

static void no_local_address_may_be_a_slice_of_nothing(void)
{
    listener     listening = listen_on(false, 1);
    amps_address address = address_of(IPV4, listening.port);
    address.bind = (amps_slice){NULL, 0};
    close(connect_to(&address));
    close(listening.fd);
}

static int option_of(int fd, int level, int option)
{
    int       value = -1;
    socklen_t size = sizeof value;
    CHECK_NUMBER(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void options_are_set_as_asked(void)
{
    struct linger linger;
    socklen_t     size = sizeof linger;
    listener      listening = listen_on(false, 2);
    for (int on = 0; on < 2; on++) {
        amps_address address = address_of(IPV4, listening.port);
        address.nodelay = on == 1;
        address.keepalive = on == 1;
        address.linger_s = on == 1 ? 7 : -1;
        address.send_size = on == 1 ? 40000 : 0;
        address.receive_size = on == 1 ? 30000 : 0;
        int fd = connect_to(&address);
        CHECK((option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0) == (on == 1));
        CHECK((option_of(fd, SOL_SOCKET, SO_KEEPALIVE) != 0) == (on == 1));
        CHECK_NUMBER(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
        CHECK_NUMBER(linger.l_onoff != 0, on);
        CHECK(on == 0 || linger.l_linger == 7);
        CHECK(on == 0 || option_of(fd, SOL_SOCKET, SO_SNDBUF) >= 40000);
        CHECK(on == 0 || option_of(fd, SOL_SOCKET, SO_RCVBUF) >= 30000);
        close(fd);
    }
    close(listening.fd);
}

int main(void)
{
    RUN(numeric_addresses_connect_and_the_socket_blocks);
    RUN(a_refused_port_is_named_with_its_reason);
    RUN(a_black_hole_is_left_step_by_step);
    RUN(a_name_that_cannot_exist_is_not_resolved);
    RUN(what_is_too_long_for_a_name_is_not_dialed);
    RUN(all_addresses_of_a_name_are_tried_and_named);
    RUN(a_name_connects_to_the_address_that_answers);
    RUN(a_dial_can_be_given_up_while_the_resolver_is_asked);
    RUN(without_memory_there_is_no_dial_or_no_name);
    RUN(the_local_address_is_the_one_asked_for);
    RUN(a_local_address_that_cannot_be_had_is_a_refusal);
    RUN(options_are_set_as_asked);
    RUN(no_local_address_may_be_a_slice_of_nothing);
    return 0;
}
