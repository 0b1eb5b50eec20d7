"""Notices when what waits for one client has waited for too long."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Callable

from .clock import Clock

if TYPE_CHECKING:
    from .connection import Connection
    from .peer import Peer

STEPS = 16  # an age is known to this part of the limit


class MessageAge:
    """How long the oldest message of one connection has waited to be sent.

    Messages are known by where they end in the stream of bytes. `is_too_old` is called at most a
    sixteenth later than it should be.
    """

    def __init__(
        self,
        clock: Clock,
        most_s: float,
        sent_bytes: Callable[[], int],
        is_too_old: Callable[[], None],
    ):
        self._clock = clock
        self._most_s = most_s
        self._sent_bytes = sent_bytes
        self._is_too_old = is_too_old
        self._marks: deque[tuple[float, int]] = (
            deque()
        )  # the newest of a mark's messages ends there
        self._is_watching = False

    def waits(self, end: int) -> None:
        """A message waits that ends here."""
        now = self._clock.monotonic()
        marks = self._marks
        if marks and now - marks[-1][0] < self._most_s / STEPS:
            marks[-1] = (marks[-1][0], end)
        else:
            self._forget_sent()
            marks.append((now, end))
        if not self._is_watching:
            self._watch(self._most_s)

    def _watch(self, seconds: float) -> None:
        self._is_watching = True
        self._clock.after(seconds + self._most_s / STEPS, self._check)

    def _forget_sent(self) -> None:
        sent = self._sent_bytes()
        while self._marks and self._marks[0][1] <= sent:
            self._marks.popleft()

    def _check(self) -> None:
        self._is_watching = False
        self._forget_sent()
        if self._marks:
            left = self._marks[0][0] + self._most_s - self._clock.monotonic()
            if left > 0:
                self._watch(left)
            else:
                self._is_too_old()


def limit_age(connection: Connection, peer: Peer, clock: Clock, most_s: float) -> None:
    """Closes a peer for which a message waits longer than this; 0 lets it wait."""
    if most_s:
        connection.age = MessageAge(
            clock,
            most_s,
            lambda: connection.sent_bytes,
            lambda: peer.close("slow client", f"a message waited {most_s:g} s", at_once=True),
        )
