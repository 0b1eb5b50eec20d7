"""Who takes messages from a queue, how much room each has, and whose turn it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..clock import timestamp
from ..wire import LENGTH, member
from .items import Item

if TYPE_CHECKING:
    from ..deliveries import Source
    from ..log import Log
    from ..subscriptions import Gate, Subscription
    from .items import Row
    from .queue_topic import QueueTopic


class Consumer:
    """One subscription to a queue, and the messages that it has not acknowledged."""

    __slots__ = (*("queue", "subscription", "gate", "backlog", "held", "number", "row", "start"),)

    def __init__(self, queue: QueueTopic, subscription: Subscription, gate: Gate, backlog: int):
        self.queue = queue
        self.subscription = subscription
        self.gate = gate
        self.backlog = backlog
        self.held: dict[Item, None] = {}
        self.number = 0  # which subscription of the queue it was
        self.row: Row | None = None  # while it takes part
        ids = member("t", queue.topic) + b"," + member("sids", subscription.sub_id)
        self.start = b'{"c":"p",' + ids + b',"bm":"'

    @property
    def has_room(self) -> bool:
        return len(self.held) < self.backlog

    def frame(self, item: Item, log: Log, source: Source, lease_end: bytes | None) -> bytes:
        """A message as it is sent; without the end of a lease nobody needs to acknowledge it."""
        subscription, position = self.subscription, item.position
        header = b'%b%b"' % (self.start, item.bookmark)
        if lease_end is not None:
            header += b',"lp":"%b"' % lease_end
        x = log.more(position)[0]
        if x is not None:
            header += b"," + member("x", x)
        if subscription.has_stamp:
            header += b"," + member("ts", timestamp(log.times_us[position] * 1000))
        user = log.labels[position].user
        if user is not None and subscription.peer.server.settings.expose_user:
            header += b"," + member("user_id", user)
        if self.gate.shown is not None:
            source = source._replace(shown=self.gate.shown)
        body = source.selected(log.bodies[position], subscription.request.select)
        tail = b',"l":%d}%b' % (len(body), body)
        return b"%b%b%b" % (LENGTH.pack(len(header) + len(tail)), header, tail)


class Fairness:
    """Chooses who gets the next message of those who have room, by the queue's rule."""

    def __init__(self, rule: str):
        self._choose = {
            "fast": self._first,
            "round-robin": self._next,
            "proportional": self._idlest,
        }[rule]
        self._last = 0

    def choose(self, consumers: Collection[Consumer]) -> Consumer:
        return self._choose(consumers)

    @staticmethod
    def _first(consumers: Collection[Consumer]) -> Consumer:
        return min(consumers, key=_number)

    def _next(self, consumers: Collection[Consumer]) -> Consumer:
        later = [one for one in consumers if one.number > self._last]
        found = min(later or consumers, key=_number)
        self._last = found.number
        return found

    @staticmethod
    def _idlest(consumers: Collection[Consumer]) -> Consumer:
        """The one with the least part of its backlog in use; of equals the first."""
        best, least = None, (2.0, 0)
        for one in consumers:
            use = len(one.held) / one.backlog, one.number
            if use < least:
                best, least = one, use
        assert best is not None
        return best


def _number(consumer: Consumer) -> int:
    return consumer.number
