"""Topics made of another topic: views, and conflated copies."""

from __future__ import annotations

from typing import Callable, Protocol

from .aggregation import Aggregation
from .clock import Clock
from .conflation import Conflater
from .deliveries import News, Source
from .expressions import Filter
from .sow import Change, Store
from .subscriptions import Gate

Spread = Callable[[Store, Change, int], None]


class Derived(Protocol):
    """Follows the changes of its underlying topic."""

    def follow(self, change: Change, time_ns: int) -> None: ...

    def wake(self) -> None: ...


class _Filtered:
    """The part of the underlying topic that a filter lets through."""

    def __init__(self, source: Source, condition: Filter | None):
        self._source = source
        self._gate = Gate(condition, None, None, b"", b"")

    def seen(self, change: Change, time_ns: int) -> Change | None:
        if self._gate.is_open:
            return change
        news = News(self._source, change, time_ns)
        had = change.old is not None and self._gate.admits(news.scope(False))
        if change.new is not None and self._gate.admits(news.scope(True)):
            return change if had else Change(None, change.new)
        if not had:
            return None
        return change if change.new is None else Change(change.old, None, b"deleted")


class ViewTopic(_Filtered):
    """A topic of groups: each change below changes the records of one group, or of two."""

    def __init__(
        self,
        store: Store,
        aggregation: Aggregation,
        source: Source,
        condition: Filter | None,
        spread: Spread,
    ):
        super().__init__(source, condition)
        self._store = store
        self._aggregation = aggregation
        self._spread = spread

    def follow(self, change: Change, time_ns: int) -> None:
        seen = self.seen(change, time_ns)
        if seen is None:
            return
        for made in self._aggregation.apply(seen, time_ns):
            keep(self._store, made)
            self._spread(self._store, made, time_ns)

    def wake(self) -> None:
        """A view holds nothing back."""


class ConflatedTopic(_Filtered):
    """A copy whose records change at the end of intervals; it has the keys of what it copies."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        interval_s: float,
        source: Source,
        condition: Filter | None,
        spread: Spread,
    ):
        super().__init__(source, condition)
        self._store = store
        self._spread = spread
        self._conflater: Conflater[None] = Conflater(
            clock, interval_s, self._pass_on, tracks_departures=True
        )

    def follow(self, change: Change, time_ns: int) -> None:
        seen = self.seen(change, time_ns)
        if seen is not None:
            self._conflater.feed(seen.key, seen, time_ns, None)

    def wake(self) -> None:
        self._conflater.wake()

    def _pass_on(self, change: Change, time_ns: int, _context: None) -> None:
        change = change._replace(old=self._store.records.get(change.key or b""))
        keep(self._store, change)
        self._spread(self._store, change, time_ns)


def keep(store: Store, change: Change) -> None:
    """Does to a store what a change says."""
    if change.new is not None:
        store.put(change.new)
    elif change.key is not None:
        store.remove(change.key)
