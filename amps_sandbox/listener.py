"""Waits for connections on one address."""

from __future__ import annotations

import errno
import socket
from typing import Callable

from .loop import READ, Loop

BACKLOG = 1024
ACCEPT_PAUSE_S = 0.1  # after a failed accept, for example when no descriptor is free


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`.

    >>> parse_address("127.0.0.1:9007"), parse_address("[::1]:0")
    (('127.0.0.1', 9007), ('::1', 0))
    """
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (colon and host and port.isascii() and port.isdigit() and len(port) <= 5):
        raise ValueError(f"invalid listen address {address!r}: want HOST:PORT")
    if int(port) > 65535:
        raise ValueError(f"invalid listen address {address!r}: port over 65535")
    return host, int(port)


class Listener:
    """One listening socket. After its first `open` the port stays the same, also when it was 0."""

    def __init__(self, loop: Loop, address: str):
        self._loop = loop
        self.host, self.port = parse_address(address)
        self._sock: socket.socket | None = None
        self._accepted: Callable[[socket.socket, str], None] | None = None

    @property
    def is_open(self) -> bool:
        return self._sock is not None

    def bind(self) -> None:
        """Takes the address, on the caller's thread. Raises OSError naming it."""
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            family, kind, protocol, _, address = found[0]
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(address)
                sock.listen(BACKLOG)
            except BaseException:
                sock.close()
                raise
        except UnicodeError as error:
            raise self._cannot_listen(errno.EINVAL, "invalid host name") from error
        except OSError as error:
            raise self._cannot_listen(error.errno, error.strerror) from error
        sock.setblocking(False)
        self.port = sock.getsockname()[1]
        self._sock = sock

    def _cannot_listen(self, number: int, reason: str) -> OSError:
        return OSError(number, f"cannot listen on {self.host}:{self.port}: {reason}")

    def open(self, accepted: Callable[[socket.socket, str], None]) -> None:
        """Hands every new connection to `accepted`, on the loop's thread."""
        self._accepted = accepted
        self._loop.watch(self._sock, READ, self._ready)

    def close(self) -> None:
        if self._sock is not None:
            self._loop.forget(self._sock)
            self._sock.close()
            self._sock = None

    def uri(self, message_type: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}/amps/{message_type}"

    def _ready(self, _events: int) -> None:
        try:
            sock, address = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            self._loop.forget(self._sock)
            self._loop.after(ACCEPT_PAUSE_S, self._resume)
            raise
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted(sock, "{}:{}".format(*address[:2]))

    def _resume(self) -> None:
        if self._sock is not None:
            self._loop.watch(self._sock, READ, self._ready)
