/* amps_socket.h: bytes over the network, without waiting longer than told.
 *
 * The one room with sockets. Dialing resolves and connects in steps, so that the caller can look up
 * in between (Ctrl-C, close). A connected socket is non-blocking for sending and blocking for
 * receiving; one thread may send while another receives. */
#ifndef AMPS_SOCKET_H
#define AMPS_SOCKET_H

#include "amps_thread.h"

#define AMPS_CONNECT_TIMEOUT_MS 30000u /* for one resolved address */
#define AMPS_HOST_SIZE_MAX      256u   /* RFC 1035 allows 253 */

/* Sends what the socket takes now, of up to two pieces; never waits. AMPS_OK with *sent > 0,
 * AMPS_AGAIN (full), AMPS_DISCONNECTED (*error is the errno). */
amps_status amps_socket_send(int fd, amps_slice first, amps_slice second, size_t *sent, int *error);

/* Waits until the socket takes bytes again, or until the deadline. True: try. */
bool amps_socket_wait_writable(int fd, uint64_t deadline);

/* Waits for bytes and reads at most `size` of them. AMPS_OK with *received > 0, AMPS_END (the other
 * side is done), AMPS_DISCONNECTED (*error is the errno). */
amps_status amps_socket_receive(int fd, char *at, size_t size, size_t *received, int *error);

void amps_socket_end_sending(int fd); /* the other side will see the end after the last byte */
void amps_socket_shut(int fd);        /* both directions: wakes a thread that receives */
void amps_socket_close(int fd, bool may_linger); /* as tcp_linger asks, or at once */

#endif
