"""Knows whose lease ends when, and which message's life."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from typing import Callable

from ..clock import NANOSECONDS, Clock, timestamp
from ..loop import Timer
from .items import GONE, Item

FOREVER = b"99991231T235959.999999Z"
ROUNDING_S = 1e-6  # what a clock's numbers may be off by
SLACK = 1_000  # lives that are over and may still be known


class Leases:
    """The leased messages of a queue. All leases are of the same length, so the oldest ends first.

    `ended` is told which messages were not acknowledged in time.
    """

    def __init__(
        self, clock: Clock, seconds: float | None, ended: Callable[[list[Item]], None]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._ended = ended
        self._items: OrderedDict[Item, None] = OrderedDict()
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._items)

    def begin(self, item: Item) -> bytes:
        """Leases a message; the time at which that ends, as a header says it."""
        self._items[item] = None
        if self._seconds is None:
            return FOREVER
        item.due = self._clock.monotonic() + self._seconds
        if self._timer is None:
            self._timer = self._clock.after(self._seconds, self._check)
        return self.end_stamp()

    def end_stamp(self) -> bytes:
        """The end of a lease that begins now."""
        if self._seconds is None:
            return FOREVER
        return timestamp(self._clock.time_ns() + round(self._seconds * NANOSECONDS))

    def end(self, item: Item) -> None:
        self._items.pop(item, None)

    def watch(self) -> None:
        """Sets the timer anew: the old one may have been forgotten."""
        self.stop()
        if self._items and self._seconds is not None:
            left = next(iter(self._items)).due - self._clock.monotonic()
            self._timer = self._clock.after(max(left, 0), self._check)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        soon = self._clock.monotonic() + ROUNDING_S
        over = []
        for item in self._items:
            if item.due > soon:
                break
            over.append(item)
        for item in over:
            del self._items[item]
        if over:
            self._ended(over)
        self.watch()  # some may be leased again by now, but are not those that end next


class Lives:
    """When messages expire. `over` is told which did."""

    def __init__(self, clock: Clock, over: Callable[[list[Item]], None]) -> None:
        self._clock = clock
        self._over = over
        self._due: list[tuple[int, int, Item]] = []
        self._timer: Timer | None = None

    def add(self, item: Item, queued: int) -> None:
        """A message that will expire; so many are in the queue."""
        assert item.due_ns is not None
        heapq.heappush(self._due, (item.due_ns, item.position, item))
        if len(self._due) > 2 * queued + SLACK:
            self._due = [entry for entry in self._due if entry[2].state != GONE]
            heapq.heapify(self._due)
        if self._due[0][2] is item:
            self.watch()

    def is_over(self, item: Item) -> bool:
        return item.due_ns is not None and item.due_ns <= self._clock.time_ns()

    def watch(self) -> None:
        """Sets the timer to what is due first."""
        self.stop()
        if self._due:
            left = self._due[0][0] - self._clock.time_ns()
            self._timer = self._clock.after(max(left, 0) / NANOSECONDS, self._check)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def clear(self) -> None:
        self._due = []
        self.stop()

    def _check(self) -> None:
        self._timer = None
        over = []
        while self._due and self._due[0][0] <= self._clock.time_ns():
            over.append(heapq.heappop(self._due)[2])
        self._over(over)
        self.watch()
