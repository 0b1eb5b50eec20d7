"""Tells one connection which of its messages are safe, many at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .acks import Acks, Refused
from .clock import Clock
from .log import Identity, Log
from .loop import Timer
from .sequences import DUPLICATE, Sequences
from .wire import LENGTH, Header, encode, parse_header

if TYPE_CHECKING:
    from .peer import Peer


class Persisting:
    """The persisted acks of one connection.

    Successes are held back for an interval, then one ack is for all of them. Any other persisted
    ack goes out at once, after one for the successes before it. All wait, in order, for the log
    to be persisted so far.
    """

    def __init__(self, peer: Peer, log: Log, sequences: Sequences, clock: Clock, interval_s: float):
        self.interval_s = interval_s
        self.publisher = sequences.know(peer.name)
        self._sequences = sequences
        self._peer = peer
        self._log = log
        self._clock = clock
        self._sequence = 0
        self._bookmark: bytes | None = None  # of the newest success nobody was told of
        self._timer: Timer | None = None
        self._waiting: deque[tuple[int, bytes, Header | None]] = deque()  # by the end of the log

    def identify(self, header: Header) -> Identity:
        """What a message is known by from now on, or that it is a duplicate. Raises Refused."""
        sequence = header.get("s")
        if sequence is None:
            return self._sequences.assign(self.publisher)
        if self._sequences.advance(self.publisher, sequence):
            return self.publisher, sequence
        if self._peer.server.settings.duplicates_fail:
            raise Refused("duplicate")
        return DUPLICATE

    def done(self, acks: Acks, header: Header, identity: Identity) -> None:
        """The message is processed, and its sender may want to know when it is persisted."""
        if not acks.wants("persisted"):
            return
        if "s" not in header:
            acks.send("persisted", bm=b"%d|%d|" % identity)
            return
        self._sequence = self._sequences.mark(self.publisher)
        self._bookmark = b"%d|%d|" % (self.publisher, self._sequence)
        if not self.interval_s:
            self.flush()
        elif self._timer is None:
            self._timer = self._clock.after(self.interval_s, self.flush)

    def flush(self) -> None:
        """Tells of all successes so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._bookmark is not None:
            ack: Header = {"c": b"ack", "s": self._sequence, "bm": self._bookmark}
            self._bookmark = None
            self._send(encode({**ack, "a": b"persisted", "status": b"success"}))

    def then(self, frame: bytes, header: Header) -> None:
        """Sends an ack that is not conflated, after one for the successes before it."""
        self.flush()
        self._send(frame, header)

    def _send(self, frame: bytes, header: Header | None = None) -> None:
        if self._waiting or self._log.persisted < self._log.end:
            self._waiting.append((self._log.end, frame, header))
        else:
            self._peer.send_ack("persisted", frame, header)

    def told(self, frame: bytes) -> None:
        """An ack is on its way: what it says is persisted, must never be lost."""
        if b'"a":"persisted"' in frame:
            header, _ = parse_header(frame, LENGTH.size)
            if header["status"] == b"success" and "bm" in header and "sub_id" not in header:
                publisher, sequence, *_ = header["bm"].split(b"|")
                self._sequences.tell((int(publisher), int(sequence)))

    def proceed(self) -> None:
        """More of the log is persisted."""
        while self._waiting and self._waiting[0][0] <= self._log.persisted:
            _, frame, header = self._waiting.popleft()
            self._peer.send_ack("persisted", frame, header)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
