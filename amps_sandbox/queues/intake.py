"""Decides which entries of the log are messages of a queue, and what each of them is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clock import NANOSECONDS
from ..deliveries import Source
from ..expressions import Scope, parse_filter, parse_rating
from ..log import Log
from ..patterns import name_or_pattern
from ..replays import logged_record
from ..sow import Record
from .declaration import Queue
from .items import Item

if TYPE_CHECKING:
    from ..topics import Topics

LATER = {"latest": max, "earliest": min}  # of what a message says and what its queue says


class Intake:
    """The topics, filter, priority, barrier and lifetimes of a queue. Raises BadExpression."""

    def __init__(self, queue: Queue, topics: Topics, log: Log):
        self._declared = queue
        self._topics = topics
        self._log = log
        self._fits = [name_or_pattern(_bytes(topic)) for topic in queue.topics]
        self._filter = parse_filter(_bytewise(queue.filter)) if queue.filter else None
        self._rating = parse_rating(_bytewise(queue.priority)) if queue.priority else None
        self._barrier = parse_filter(_bytewise(queue.barrier)) if queue.barrier else None
        self._reads_all = any((self._filter, self._rating, self._barrier))

    def covers(self, topic: bytes) -> bool:
        """Whether what is published there comes into the queue."""
        return any(fits(topic) for fits in self._fits)

    def take(self, position: int) -> tuple[Item, Scope | None] | None:
        """The message that an entry is, with what was read of it; None if it is left out."""
        scope, rank, is_barrier = None, 0.0, False
        if self._reads_all:
            scope = self.scope(position)
            if self._filter is not None and not self._filter.matches(scope):
                return None
            rank = 0.0 if self._rating is None else -self._rating.number(scope)
            is_barrier = self._barrier is not None and self._barrier.matches(scope)
        item = Item(position, self._log.bookmark(position), rank, is_barrier)
        life_s = self._life_s(position)
        if life_s is not None:
            item.due_ns = self._log.times_us[position] * 1000 + round(life_s * NANOSECONDS)
        return item, scope

    def _life_s(self, position: int) -> float | None:
        said, own = self._log.more(position)[1] or None, self._declared.lifetime_s
        model = self._declared.expiration_model
        if model == "queue" or said is None:
            return own
        return said if own is None or model == "default" else LATER[model](said, own)

    def source(self, position: int) -> Source:
        return self._topics.source(self._log.labels[position].topic)

    def record(self, position: int) -> Record:
        return logged_record(self._log, position, self._topics.fields)

    def scope(self, position: int, item: Item | None = None) -> Scope:
        """What filters may ask about a message: its topic is the one that it was published to."""
        scope = self.source(position).scope(self.record(position), self._topics.clock.time_ns())
        scope.lease_count = 0 if item is None else item.deliveries
        if item is not None and item.leased_ns is not None:
            scope.last_leased = item.leased_ns / NANOSECONDS
        return scope


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _bytewise(value: str) -> str:
    return _bytes(value).decode("latin-1")
