"""Topics made of another topic: views, and conflated copies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .aggregation import Aggregation
from .conflation import Conflater
from .deliveries import News, Source
from .expressions import Filter
from .sow import Change, Store
from .subscriptions import Gate

if TYPE_CHECKING:
    from .topics import Topics


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
    """A topic of groups: each change below changes the records of one group, or of two.

    While nobody is told of its changes, its records are made when somebody reads them.
    """

    def __init__(
        self,
        store: Store,
        aggregation: Aggregation,
        source: Source,
        condition: Filter | None,
        topics: Topics,
    ):
        super().__init__(source, condition)
        self._store = store
        self._aggregation = aggregation
        self._topics = topics
        store.settle = self._settle

    def follow(self, change: Change, time_ns: int) -> None:
        seen = self.seen(change, time_ns)
        if seen is None:
            return
        self._aggregation.note(seen, time_ns)
        if self._topics.is_observed(self._store.topic):
            for made in self._aggregation.settle():
                keep(self._store, made)
                self._topics.spread(self._store, made, time_ns)

    def _settle(self) -> None:
        for made in self._aggregation.settle():
            keep(self._store, made)

    def wake(self) -> None:
        """A view holds nothing back."""


class ConflatedTopic(_Filtered):
    """A copy whose records change at the end of intervals; it has the keys of what it copies."""

    def __init__(
        self,
        store: Store,
        interval_s: float,
        source: Source,
        condition: Filter | None,
        topics: Topics,
    ):
        super().__init__(source, condition)
        self._store = store
        self._topics = topics
        self._conflater: Conflater[None] = Conflater(
            topics.clock, interval_s, self._pass_on, tracks_departures=True
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
        self._topics.spread(self._store, change, time_ns)


def keep(store: Store, change: Change) -> None:
    """Does to a store what a change says."""
    if change.new is not None:
        store.put(change.new)
    elif change.key is not None:
        store.remove(change.key)
