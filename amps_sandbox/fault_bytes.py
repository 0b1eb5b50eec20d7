"""Does harm to the bytes of one connection: cuts, holds and slows them down."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Callable

from .clock import Clock
from .loop import Timer

if TYPE_CHECKING:
    from .connection import Connection

READS_PER_S = 10  # how often a slow reader reads, if its pace allows for so much


class Line:
    """What stands between one connection and its socket, once a fault strikes it.

    The connection asks how many bytes it may send or read, and tells how many it did.
    """

    def __init__(self, connection: Connection, clock: Clock):
        self._connection = connection
        self._clock = clock
        self._passed = 0  # bytes out since this line is there
        self._stops: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._open_at = 0.0
        self._timer: Timer | None = None
        self._burst: tuple[int, float] | None = None
        self._burst_left = 0
        self._read_pace = 0.0

    # Going out

    def after(self, further: int, action: Callable[[], object], is_from_here: bool = False) -> None:
        """Calls `action` when so many bytes were sent, counted from the end of those that wait.

        Nothing beyond them is sent before. `is_from_here` counts from the last one that is sent.
        """
        waiting = 0 if is_from_here else self._connection.waiting_bytes
        stop = self._passed + waiting + further
        heapq.heappush(self._stops, (stop, next(self._order), action))
        self._run_due()

    def may_send(self, size: int) -> int:
        """How many of these bytes may be sent now."""
        if self._is_shut:
            return 0
        if self._burst is not None:
            size = min(size, self._burst_left)
        if self._stops:
            size = min(size, self._stops[0][0] - self._passed)
        return size

    def sent(self, size: int) -> None:
        self._passed += size
        if self._burst is not None:
            self._burst_left -= size
            if self._burst_left == 0:
                self._clock.after(self._burst[1], self._next_burst)
        self._run_due()

    def _run_due(self) -> None:
        while self._stops and self._stops[0][0] <= self._passed and not self._is_shut:
            heapq.heappop(self._stops)[2]()

    @property
    def _is_shut(self) -> bool:
        return self._timer is not None

    def stall(self, seconds: float) -> None:
        """Sends nothing for so long."""
        self._open_at = max(self._open_at, self._clock.monotonic() + seconds)
        if self._timer is None:
            self._timer = self._clock.after(seconds, self._reopen)

    def _reopen(self) -> None:
        left = self._open_at - self._clock.monotonic()
        self._timer = self._clock.after(left, self._reopen) if left > 0 else None
        if self._timer is None:
            self._run_due()
            self._connection.flush()

    def dribble(self, size: int, seconds: float) -> None:
        """From now on sends so many bytes at a time, with a pause after each."""
        if self._burst is None:
            self._burst_left = size
        self._burst = size, seconds

    def _next_burst(self) -> None:
        assert self._burst is not None
        self._burst_left = self._burst[0]
        self._connection.flush()

    # Coming in

    def slow_read(self, bytes_per_s: float) -> None:
        """From now on reads no faster than this."""
        self._read_pace = bytes_per_s
        self._connection.read_little()

    def may_read(self, size: int) -> int:
        return min(size, max(int(self._read_pace / READS_PER_S), 1)) if self._read_pace else size

    def was_read(self, size: int) -> None:
        if self._read_pace:
            self._connection.pause_reading()
            self._clock.after(size / self._read_pace, self._connection.resume_reading)
