"""Moves bytes between one socket and its peer, without ever waiting."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Callable, Protocol

from .loop import READ, WRITE, Loop

if TYPE_CHECKING:
    from .fault_bytes import Line
    from .message_age import MessageAge

READ_BYTES = 256 * 1024
ROOM_BYTES = 128 * 1024  # when no more than this waits, there is room for more of a replay
LINGER_S = 1.0  # how long a closing connection may take to fetch its last bytes
SMALL_BUFFER_BYTES = 4096  # what the system may keep for one that reads slowly

_NO_LINGER = struct.pack("ii", 1, 0)  # on, for 0 s: the other side sees a reset


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
    read any more, and the receiver is told to `resume` when all is sent. A `line`, if there is
    one, decides how many bytes go out and come in; an `age`, if there is one, is told what waits.
    """

    def __init__(self, loop: Loop, sock: socket.socket, outbox: Outbox, waiting_bytes_max: int):
        self._loop = loop
        self._sock = sock
        self._outbox = outbox
        self._waiting = bytearray()
        self._waiting_bytes_max = waiting_bytes_max
        self._asked_for_bytes = 0  # as far as they may still be waiting
        self.is_choked = False
        self.line: Line | None = None
        self.age: MessageAge | None = None
        self.sent_bytes = 0
        self._for_room: dict[Callable[[], None], None] = {}  # who waits until there is room
        self._events = self._wanted_events = READ
        self._is_closing = False
        self.is_frozen = False
        self._is_reading_paused = False
        self.receiver: Receiver | None = None

    def open(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._loop.watch(self._sock, READ, self._ready)

    def send(self, frame: bytes, is_asked_for: bool = False) -> bool:
        """Appends a frame; False if more than the limit is waiting already.

        What was asked for does not count, and a frame larger than the limit is let through when
        nothing waits before it.
        """
        if self.is_frozen:
            return True
        waiting = self._waiting
        if not waiting:
            self._outbox.dirty.append(self)
            self._asked_for_bytes = 0
        waiting += frame
        if is_asked_for:
            self._asked_for_bytes += len(frame)
            self.is_choked = len(waiting) > self._waiting_bytes_max
            return True
        if self.age is not None:
            self.age.waits(self.sent_bytes + len(waiting))
        if len(waiting) <= self._waiting_bytes_max:
            return True
        self.push()
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
        is_all = self.push()
        if self.is_frozen:
            return
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

    def push(self) -> bool:
        """Sends what the socket takes; whether that was all."""
        waiting, line = self._waiting, self.line
        if waiting and not self._outbox.settle():
            return False
        try:
            while waiting and line is None:
                sent = self._sock.send(waiting)
                del waiting[:sent]
                self.sent_bytes += sent
            while waiting and line is not None:
                allowed = line.may_send(len(waiting))
                if not allowed:
                    self._watch(0 if self.is_choked else READ)
                    return False
                sent = self._sock.send(waiting[:allowed])
                del waiting[:sent]
                self.sent_bytes += sent
                line.sent(sent)
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
        if self.is_frozen:
            return
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

    # For faults

    def discard(self) -> None:
        """Forgets what waits to be sent, as if it were sent."""
        self.sent_bytes += len(self._waiting)
        self._waiting.clear()

    def freeze(self) -> None:
        """Keeps the socket, but reads and writes nothing more, not even a goodbye."""
        if self._sock.fileno() >= 0:
            self.is_frozen = self.is_choked = True
            self.discard()
            self._loop.forget(self._sock)

    def read_little(self) -> None:
        """Lets the system take less from the other side than it likes to."""
        if self._sock.fileno() >= 0:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)

    def pause_reading(self) -> None:
        self._is_reading_paused = True
        self._watch(self._wanted_events)

    def resume_reading(self) -> None:
        self._is_reading_paused = False
        self._watch(self._wanted_events)
        if self._events & READ:
            self._read()  # at once, for a manual clock leaves no time between two of its timers

    def _shut(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:  # the other side is gone already, there is nobody to say goodbye to
            self.abort()
            return
        self._watch(READ)

    def _watch(self, events: int) -> None:
        self._wanted_events = events
        if self._is_reading_paused:
            events &= ~READ
        if events == self._events or self.is_frozen or self._sock.fileno() < 0:
            return
        self._events = events
        if events:
            self._loop.watch(self._sock, events, self._ready)
        else:
            self._loop.forget(self._sock)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self.flush()
        if events & READ and self._events & READ:
            self._read()

    def _read(self) -> None:
        if self._sock.fileno() < 0 or self.is_frozen:
            return
        line = self.line
        try:
            chunk = self._sock.recv(READ_BYTES if line is None else line.may_read(READ_BYTES))
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error))
            return
        if line is not None:
            line.was_read(len(chunk))
        if not chunk:
            self._end("")
        elif not self._is_closing:
            self.receiver.received(chunk)

    def _end(self, why: str) -> None:
        self.abort()
        if not self._is_closing:
            self.receiver.ended(why)
