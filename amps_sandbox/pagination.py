"""Shows a page of an ordered set of records, and how that page changes with the set."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any

from .expressions import Order
from .sow import Change, Record


class Page:
    """The `top_n` records after the first `skip_n`, by an order or else by their keys."""

    def __init__(self, skip_n: int, top_n: int, order: Order | None):
        self._start = skip_n
        self._stop = skip_n + top_n
        self._order = order
        self._records: dict[bytes, Record] = {}
        self._entries: dict[bytes, tuple[Any, int, bytes]] = {}
        self._ranked: list[tuple[Any, int, bytes]] = []
        self._shown: dict[bytes, Record] = {}

    @property
    def records(self) -> list[Record]:
        """Those on the page, in order."""
        return list(self._shown.values())

    def fill(self, records: Iterable[Record]) -> list[Record]:
        """Takes the first records, all at once; gives the page."""
        for record in records:
            self._ranked.append(self._enter(record))
        self._ranked.sort()
        self._shown = self._page()
        return self.records

    def apply(self, change: Change) -> list[Change]:
        """What a change of the set means for the page: first who leaves it, then who enters."""
        key = change.key
        assert key is not None
        entry = self._entries.pop(key, None)
        if entry is not None:
            del self._ranked[bisect_left(self._ranked, entry)]
            del self._records[key]
        if change.new is not None:
            insort(self._ranked, self._enter(change.new))
        before, self._shown = self._shown, self._page()
        shown = self._shown
        changes = [
            change if one == key and change.new is None else self._left(before[one])
            for one in before
            if one not in shown
        ]
        changes += [Change(None, shown[one]) for one in shown if one not in before]
        if change.new is not None and key in before and key in shown:
            changes.append(Change(before[key], change.new))
        return changes

    def _left(self, record: Record) -> Change:
        assert record.key is not None
        return Change(record, None, b"match", self._records[record.key])

    def _enter(self, record: Record) -> tuple[Any, int, bytes]:
        key = record.key
        assert key is not None
        rank = key if self._order is None else self._order.key(record.fields)
        self._entries[key] = entry = rank, record.number, key
        self._records[key] = record
        return entry

    def _page(self) -> dict[bytes, Record]:
        return {key: self._records[key] for *_, key in self._ranked[self._start : self._stop]}
