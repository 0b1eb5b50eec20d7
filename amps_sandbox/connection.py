"""Moves bytes between one socket and its peer, without ever waiting."""

from __future__ import annotations

import socket
import struct
from typing import Callable, Protocol

from .loop import READ, WRITE, Loop

READ_BYTES = 256 * 1024
ROOM_BYTES = 128 * 1024  # when no more than this waits, there is room for more of a replay
LINGER_S = 1.0  # how long a closing connection may take to fetch its last bytes

_NO_LINGER = struct.pack("ii", 1, 0)


class Receiver(Protocol):
    """Who is told what happens on a connection."""

    def received(self, chunk: bytes) -> None: ...

    def resume(self) -> None: ...

    def ended(self, why: str) -> None: ...


class Outbox:
    """The connections of one loop that have bytes to send, or are on their way out."""

    def __init__(self, settle: Callable[[], bool]) -> None:
        self.settle = settle  # stores what was done before anybody is told; False: it cannot
        self.dirty: list[Connection] = []
        self.closing: set[Connection] = set()

    def flush(self) -> None:
        while self.dirty:
            self.dirty.pop().flush()

    def abort(self) -> None:
        for connection in list(self.closing):
            connection.abort()


class Connection:
    """A non-blocking socket with one bounded buffer of bytes to send.

    `send` only appends; `flush` moves bytes. The socket is closed when `close` has sent what was
    waiting, or at once by `abort`; the receiver is told of an end that came from outside only.
    When more than the limit is waiting that was asked for, the connection `is_choked`: nothing is
    read any more, and the receiver is told to `resume` when all is sent.
    """

    def __init__(self, loop: Loop, sock: socket.socket, outbox: Outbox, waiting_bytes_max: int):
        self._loop = loop
        self._sock = sock
        self._outbox = outbox
        self._waiting = bytearray()
        self._waiting_bytes_max = waiting_bytes_max
        self._asked_for_bytes = 0  # as far as they may still be waiting
        self.is_choked = False
        self._for_room: dict[Callable[[], None], None] = {}  # who waits until there is room
        self._events = READ
        self._is_closing = False
        self.receiver: Receiver | None = None

    def open(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._loop.watch(self._sock, READ, self._ready)

    def send(self, frame: bytes, is_asked_for: bool = False) -> bool:
        """Appends a frame; False if more than the limit is waiting already.

        What was asked for does not count, and a frame larger than the limit is let through when
        nothing waits before it.
        """
        waiting = self._waiting
        if not waiting:
            self._outbox.dirty.append(self)
            self._asked_for_bytes = 0
        waiting += frame
        if is_asked_for:
            self._asked_for_bytes += len(frame)
            self.is_choked = len(waiting) > self._waiting_bytes_max
            return True
        if len(waiting) <= self._waiting_bytes_max:
            return True
        self._push()
        self._asked_for_bytes = min(self._asked_for_bytes, len(waiting))
        allowed = self._waiting_bytes_max + self._asked_for_bytes
        return len(waiting) <= max(allowed, len(frame))

    @property
    def waiting_bytes(self) -> int:
        return len(self._waiting)

    def when_room(self, action: Callable[[], None]) -> None:
        """Calls it once as soon as little is waiting to be sent."""
        self._for_room[action] = None

    def flush(self) -> None:
        """Sends what the socket takes now; the rest when it can be written again."""
        is_all = self._push()
        if self._for_room and len(self._waiting) <= ROOM_BYTES:
            actions, self._for_room = self._for_room, {}
            for action in actions:
                action()
        if not is_all:
            return
        if self._is_closing:
            self._shut()
            return
        self._watch(READ)
        if self.is_choked:
            self.is_choked = False
            self.receiver.resume()

    def _push(self) -> bool:
        """Sends what the socket takes; whether that was all."""
        waiting = self._waiting
        if waiting and not self._outbox.settle():
            return False
        try:
            while waiting:
                del waiting[: self._sock.send(waiting)]
        except BlockingIOError:
            self._watch(WRITE if self.is_choked else READ | WRITE)
            return False
        except OSError as error:
            self._end(str(error))
            return False
        return True

    def close(self) -> None:
        """Sends what is waiting, says goodbye, and closes when the other side has heard it.

        Closing at once would reset the connection if unread bytes are there, and the last frame,
        which says why, might be lost on the way.
        """
        if self._is_closing or self._sock.fileno() < 0:
            return
        self._is_closing = True
        self._outbox.closing.add(self)
        self._loop.after(LINGER_S, self.abort)
        self.flush()

    def reset(self) -> None:
        """Ends it as a crash would: nothing more is sent, and the other side sees a reset."""
        if self._sock.fileno() >= 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.abort()

    def abort(self) -> None:
        self._outbox.closing.discard(self)
        if self._sock.fileno() >= 0:
            self._loop.forget(self._sock)
            self._sock.close()
            self._waiting.clear()

    def _shut(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:  # the other side is gone already, there is nobody to say goodbye to
            self.abort()
            return
        self._watch(READ)

    def _watch(self, events: int) -> None:
        if events != self._events and self._sock.fileno() >= 0:
            self._events = events
            self._loop.watch(self._sock, events, self._ready)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self.flush()
        if events & READ and self._sock.fileno() >= 0:
            self._read()

    def _read(self) -> None:
        try:
            chunk = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error))
            return
        if not chunk:
            self._end("")
        elif not self._is_closing:
            self.receiver.received(chunk)

    def _end(self, why: str) -> None:
        self.abort()
        if not self._is_closing:
            self.receiver.ended(why)
