"""Makes one record of each group of records, and keeps it up to date."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from .bodies import InvalidBody
from .deliveries import Source
from .expressions import Projection, Scope
from .sow import Change, Record, generated_key


class _Group:
    """The records of one group and what they make.

    Of each record is kept what it adds to the aggregates. The totals follow as far as values can be
    taken back from them; otherwise they are added up again. What is not aggregated is of the record
    that came last, also when that is gone.
    """

    __slots__ = ("inputs", "newest", "number", "totals", "record")

    def __init__(self, newest: Scope, number: int) -> None:
        self.number = number
        self.inputs: dict[bytes, tuple[Any, ...]] = {}
        self.newest = newest
        self.totals: list[Any] | None = None
        self.record: Record | None = None


class Aggregation:
    """A projection of the records of one topic.

    `made` is the source of what it makes: its topic, and the paths that its keys are found at.
    """

    def __init__(self, projection: Projection, source: Source, topic: bytes):
        self.made = source._replace(topic=topic, key_paths=key_columns(projection), shown=None)
        self._projection = projection
        self._source = source
        self._touched: dict[tuple[Any, ...], int] = {}  # groups to be projected, as of which time
        self._groups: dict[tuple[Any, ...], _Group] = {}
        self._numbers = itertools.count()
        self._group_of: dict[bytes, tuple[Any, ...]] = {}

    @property
    def records(self) -> list[Record]:
        return [group.record for group in self._groups.values() if group.record is not None]

    def fill(self, records: Iterable[Record], now_ns: int) -> list[Record]:
        """Takes the first records, all at once; gives what they make."""
        for record in records:
            self._enter(record, now_ns)
        self.settle()
        return self.records

    def apply(self, change: Change, now_ns: int) -> list[Change]:
        """What a change means for the groups: first for the one it leaves, then where it comes."""
        self.note(change, now_ns)
        return self.settle()

    def note(self, change: Change, now_ns: int) -> None:
        """Takes a change; what it means is worked out by `settle`."""
        key = change.key
        assert key is not None
        left = self._group_of.pop(key, None)
        if left is not None:
            group = self._groups[left]
            inputs = group.inputs.pop(key)
            if group.totals is not None and not self._projection.remove(group.totals, inputs):
                group.totals = None
            self._touched[left] = now_ns
        if change.new is not None:
            self._enter(change.new, now_ns)

    def settle(self) -> list[Change]:
        """What has changed since the last time, once for each group."""
        touched, self._touched = self._touched, {}
        changes = [self._project(name, now_ns) for name, now_ns in touched.items()]
        return [change for change in changes if change.old or change.new]

    def _enter(self, record: Record, now_ns: int) -> None:
        assert record.key is not None
        scope = self._source.scope(self._source.permitted(record), now_ns)
        name = self._projection.group_key(scope)
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group(scope, next(self._numbers))
            group.totals = self._projection.totals()
        group.newest = scope
        inputs = group.inputs[record.key] = self._projection.inputs(scope)
        if group.totals is not None:
            self._projection.add(group.totals, inputs)
        self._group_of[record.key] = name
        self._touched[name] = now_ns

    def _project(self, name: tuple[Any, ...], now_ns: int) -> Change:
        group = self._groups[name]
        before = group.record
        if not group.inputs:
            del self._groups[name]
            return Change(before, None, b"deleted")
        if group.totals is None:
            group.totals = self._projection.totals()
            for inputs in group.inputs.values():
                self._projection.add(group.totals, inputs)
        values = self._projection.result(group.totals, group.newest)
        group.record = Record(
            generated_key(self.made.topic, list(name)),
            self.made.type.compose(values),
            self.made.type.fields,
            time_ns=now_ns,
            number=group.number,
        )
        return Change(before, group.record)


def key_columns(projection: Projection) -> tuple[str, ...]:
    """The paths at which a projected record has the values that it is grouped by."""
    marks = {path: f"\0{number}" for number, path in enumerate(projection.grouping)}
    values = projection.project([Scope(marks)])
    return tuple(path for path, value in values.items() if value in marks.values())


def check(projection: Projection, source: Source) -> None:
    """Raises ValueError if no message of the type can have these fields, or they change by chance.

    A value of the moment, such as the time, would be another one each time it is looked at.
    """
    if not projection.is_deterministic:
        raise ValueError("the projection is not deterministic")
    if not source.type.has_fields:
        raise ValueError(f"a {source.type.name} message has no fields")
    try:
        source.type.compose(projection.project([]))
    except InvalidBody as error:
        raise ValueError(f"projection: {error}") from error
