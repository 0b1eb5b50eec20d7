"""Holds changes back, so that of each key at most one is passed on in an interval."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Callable, Generic, NamedTuple, TypeVar

from .clock import Clock
from .loop import Timer
from .sow import Change, Record

AUTO_S = 0.25

Context = TypeVar("Context")


class _Held(NamedTuple):
    """What waits for the end of its interval, which began with a first change."""

    change: Change
    before: Record | None  # the first change's old record
    time_ns: int  # of the first change
    context: Any
    timer: Timer


class Conflater(Generic[Context]):
    """The first change of a key starts its interval, later ones replace it, the end passes on.

    With `tracks_departures` a record that goes is passed on if it ever was, with what it was then;
    otherwise the last change before it went is. `pass_on(change, time_ns, context)` is given the
    first change's time, and the newest one's context; the change's old record is what was passed
    on before, as far as that is tracked, else what the record was before the interval.
    """

    def __init__(
        self,
        clock: Clock,
        interval_s: float,
        pass_on: Callable[[Change, int, Context], None],
        *,
        tracks_departures: bool,
    ):
        self._clock = clock
        self._interval_s = interval_s
        self._pass_on = pass_on
        self._held: dict[Hashable, _Held] = {}
        self._passed: dict[Hashable, Record] | None = {} if tracks_departures else None

    def know(self, key: Hashable, record: Record) -> None:
        """This record has been passed on already."""
        if self._passed is not None:
            self._passed[key] = record

    def feed(self, key: Hashable, change: Change, time_ns: int, context: Context) -> None:
        held = self._held.get(key)
        if change.new is None and self._passed is None:
            return
        if held is not None:
            self._held[key] = held._replace(change=change, context=context)
            return
        timer = self._start(key)
        self._held[key] = _Held(change, change.old, time_ns, context, timer)

    def flush(self) -> None:
        """Passes everything on now."""
        for key in list(self._held):
            self._end(key)

    def stop(self) -> None:
        """Passes nothing on any more."""
        for held in self._held.values():
            held.timer.cancel()
        self._held.clear()

    def wake(self) -> None:
        """Starts the intervals again that a stopped clock has forgotten."""
        for key, held in self._held.items():
            held.timer.cancel()
            self._held[key] = held._replace(timer=self._start(key))

    def _start(self, key: Hashable) -> Timer:
        return self._clock.after(self._interval_s, lambda: self._end(key))

    def _end(self, key: Hashable) -> None:
        held = self._held.pop(key)
        held.timer.cancel()
        change, passed = held.change, None
        if self._passed is not None:
            passed = self._passed.pop(key, None)
            if change.new is None and passed is None:
                return
            if change.new is not None:
                self._passed[key] = change.new
        before = passed or held.before
        if change.new is None:
            self._pass_on(change._replace(old=before, shown=before), held.time_ns, held.context)
            return
        if before is not None and before.key != change.new.key:
            before = None  # another record under the same conflation key
        self._pass_on(Change(before, change.new), held.time_ns, held.context)
