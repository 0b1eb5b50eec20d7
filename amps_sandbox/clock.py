"""Tells the time and runs what is due: the system's time, or one that moves only when told."""

from __future__ import annotations

import heapq
import itertools
import time
from functools import lru_cache
from typing import Callable, Union

from .loop import Loop, Timer

CLOCKS = ("system", "manual")
NANOSECONDS = 1_000_000_000
ADVANCE_S_MAX = 100 * 365 * 24 * 3600.0  # a century, so that dates stay dates


class SystemClock:
    """Time passes by itself."""

    def __init__(self, loop: Loop):
        self._loop = loop
        self._jumped_ns = 0
        self.monotonic = time.monotonic

    def time_ns(self) -> int:
        return time.time_ns() + self._jumped_ns

    def jump(self, seconds: float) -> None:
        """Changes the time of day; what is due after some seconds, stays so."""
        self._jumped_ns += round(seconds * NANOSECONDS)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        return self._loop.after(seconds, action)

    def forget(self) -> None:
        """Forgets all timers; the loop does so by itself when it ends."""

    def advance(self, seconds: float) -> None:
        raise RuntimeError("this clock is the system's: want Sandbox(clock='manual')")


class ManualClock:
    """Time stands still until `advance` moves it; it begins at the system's.

    All timers are due in order, each at its own moment, so that what one of them starts may
    become due within the same `advance`.
    """

    def __init__(self, loop: Loop):
        self._loop = loop
        self._passed_ns = 0
        self._monotonic_ns = time.monotonic_ns()
        self._time_ns = time.time_ns()
        self._timers: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return (self._monotonic_ns + self._passed_ns) / NANOSECONDS

    def time_ns(self) -> int:
        return self._time_ns + self._passed_ns

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        due = self._passed_ns + max(round(seconds * NANOSECONDS), 0)
        timer = Timer(due, action)
        heapq.heappush(self._timers, (due, next(self._order), timer))
        return timer

    def jump(self, seconds: float) -> None:
        """Changes the time of day; what is due after some seconds, stays so."""
        self._time_ns += round(seconds * NANOSECONDS)

    def forget(self) -> None:
        """Forgets all timers."""
        self._timers.clear()

    def advance(self, seconds: float) -> None:
        """Moves the time; what falls due has run when this returns. From any thread."""
        if not 0 <= seconds <= ADVANCE_S_MAX:
            raise ValueError(f"cannot advance by {seconds!r}: want 0 to {ADVANCE_S_MAX:.0f} s")
        self._loop.run(lambda: self._advance(round(seconds * NANOSECONDS)))

    def _advance(self, nanoseconds: int) -> None:
        end = self._passed_ns + nanoseconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            if timer.action is not None:
                self._passed_ns = max(due, self._passed_ns)
                self._loop.guard(timer.action)
        self._passed_ns = max(end, self._passed_ns)


Clock = Union[SystemClock, ManualClock]


def make_clock(name: str, loop: Loop) -> Clock:
    if name not in CLOCKS:
        raise ValueError(f"invalid clock {name!r}: want one of {', '.join(CLOCKS)}")
    return ManualClock(loop) if name == "manual" else SystemClock(loop)


def timestamp(time_ns: int) -> bytes:
    """A time in UTC as `ts` headers say it.

    >>> timestamp(0), timestamp(1_700_000_000_123_456_789)
    (b'19700101T000000.000000Z', b'20231114T221320.123456Z')
    """
    seconds, micros = divmod(time_ns // 1000, 1_000_000)
    return _second(seconds) + b".%06dZ" % micros


@lru_cache(maxsize=8)  # most stamps share the second of the one before
def _second(seconds: int) -> bytes:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)).encode()
