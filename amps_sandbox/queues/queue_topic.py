"""A queue at work: takes messages from the log and hands each to one consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..expressions import Scope
from ..log import Entry, Identity, Label, Log
from ..sow import Change, Record, generated_key
from .consumers import Consumer, Fairness
from .declaration import Queue
from .intake import Intake
from .items import BLOCKED, GONE, LEASED, SENT, WAITING, Item, Row
from .leases import Leases, Lives
from .ledger import DELIVERED, EXPIRED, Ledger

if TYPE_CHECKING:
    from ..sequences import Sequences
    from ..subscriptions import Gate
    from ..topics import Topics


class QueueTopic:
    """A view of the log: the messages of its topics that are not done.

    It follows the log. What is gone is logged too, as a delete of the bookmarks under the queue's
    name, so that a log that is read again, lost in part, or copied makes the same queue.
    """

    def __init__(self, queue: Queue, topics: Topics, log: Log):
        self.declared = queue
        self.topic = _bytes(queue.name)
        self.target = _bytes(queue.target)
        self.items: dict[bytes, Item] = {}  # by bookmark, in the order of the log
        self.ledger = Ledger()
        self.changes = 0
        self._topics = topics
        self._clock = topics.clock
        self._log = log
        self._intake = Intake(queue, topics, log)
        self.covers = self._intake.covers
        self._fairness = Fairness(queue.fairness)
        self._leases = Leases(topics.clock, queue.lease_s, self._leases_ended)
        self._lives = Lives(topics.clock, self._lives_over)
        self._counts = [0] * (GONE + 1)  # of items by their state
        self._dam: deque[Item] = deque()  # barriers and what came after them, in their order
        self._rows: dict[object, Row] = {}
        self._consumers: dict[Consumer, None] = {}
        self._numbers = 0
        self._unsaid: list[tuple[bytes, bytes]] = []  # what is gone, and why, but not yet logged
        self._is_pumping = False
        log.follow(self)

    @property
    def waiting(self) -> int:
        return self._counts[WAITING] + self._counts[BLOCKED]

    @property
    def has_unsaid(self) -> bool:
        return bool(self._unsaid)

    @property
    def leased(self) -> int:
        return self._counts[LEASED]

    # For the log

    def follows(self, label: Label) -> bool:
        if label.message_type != self.declared.message_type:
            return False
        return label.topic == self.topic if label.is_delete else self.covers(label.topic)

    def tell(self, position: int) -> None:
        """A message came, or some are gone."""
        if self._log.labels[position].is_delete:
            why = self._log.bodies[position]
            for bookmark in (self._log.keys[position] or b"").split(b","):
                self.ledger.gone(bookmark, why)
                item = self.items.get(bookmark)
                if item is not None and not (why == DELIVERED and item.state == SENT):
                    self._remove(item)
        else:
            self._arrive(position)
        self.changes += 1
        self.pump()

    def log_gone(self, sequences: Sequences, publisher: int) -> None:
        """Logs what went without a client's command."""
        while self._unsaid:
            why = self._unsaid[0][1]
            count = next(
                (at for at, entry in enumerate(self._unsaid) if entry[1] != why), len(self._unsaid)
            )
            bookmarks = [bookmark for bookmark, _ in self._unsaid[:count]]
            del self._unsaid[:count]
            self._append(bookmarks, why, sequences.assign(publisher), None)

    def clear(self) -> None:
        """Forgets all messages, since the log will lose some. Nobody may be subscribed."""
        for item in self.items.values():
            self._tell_views(item, is_new=False)
        self.items.clear()
        self._dam.clear()
        self._unsaid.clear()
        self._lives.clear()
        self._counts = [0] * (GONE + 1)
        self.ledger.forget_log()

    def rebuild(self) -> None:
        """Reads the whole log."""
        for position, label in enumerate(self._log.labels):
            if self.follows(label):
                self.tell(position)

    def watch_expiry(self) -> None:
        """The clock runs, perhaps again: what should have ended meanwhile, does so now."""
        self._leases.watch()
        self._lives.watch()

    def retire(self) -> None:
        self._leases.stop()
        self._lives.clear()

    # Messages

    def _arrive(self, position: int) -> None:
        taken = self._intake.take(position)
        if taken is None:
            return
        item, scope = taken
        self.items[item.bookmark] = item
        self._counts[WAITING] += 1
        self._tell_views(item, is_new=True)
        if item.due_ns is not None:
            self._lives.add(item, len(self.items))
        if item.is_barrier or self._dam:
            self._become(item, BLOCKED)
            self._dam.append(item)
        else:
            self._offer(item, scope)

    def admits(self, gate: Gate, item: Item) -> bool:
        return gate.is_open or gate.admits(self._intake.scope(item.position, item))

    def _tell_views(self, item: Item, is_new: bool) -> None:
        """A message came into the queue, or is in it no more."""
        for derived in self._topics.derived_of(self.topic):
            record = self._record(item)
            change = Change(None, record) if is_new else Change(record, None, b"deleted")
            derived.follow(change, self._clock.time_ns())

    def _become(self, item: Item, state: int) -> None:
        if state > LEASED >= item.state:
            self._tell_views(item, is_new=False)
        self._counts[item.state] -= 1
        self._counts[state] += 1
        item.state = state

    def _offer(self, item: Item, scope: Scope | None = None) -> None:
        """Puts a message that waits into rows, for all who would take it."""
        for row in self._rows.values():
            gate = row.gate
            if not gate.is_open:
                scope = scope or self._intake.scope(item.position, item)
                if not gate.admits(scope):
                    continue
            row.add(item)
            row.tidy(self._counts[WAITING])

    def _release(self, item: Item) -> None:
        """Nobody has it any more."""
        holder, item.holder = item.holder, None
        if holder is not None:
            del holder.held[item]
            self._leases.end(item)
            self._look_for_room(holder)

    def _remove(self, item: Item) -> None:
        self._release(item)
        self._become(item, GONE)
        del self.items[item.bookmark]

    def _expire(self, item: Item) -> None:
        self._remove(item)
        self._unsaid.append((item.bookmark, EXPIRED))

    def _put_back(self, item: Item) -> None:
        """It waits again, where it did before, unless it has come to its end."""
        if item.state == SENT:
            self._remove(item)
            return
        most = self.declared
        is_tired = most.max_deliveries and item.deliveries >= most.max_deliveries
        if is_tired or self._lives.is_over(item):
            self._expire(item)
            return
        self._release(item)
        item.turn += 1
        self._become(item, WAITING)
        self._offer(item)

    def _leases_ended(self, items: Iterable[Item]) -> None:
        for item in items:
            self._put_back(item)
        self.changes += 1
        self.pump()

    def _lives_over(self, items: Iterable[Item]) -> None:
        for item in items:
            if item.state in (WAITING, BLOCKED):  # a lease is not broken
                self._expire(item)
        self.changes += 1
        self.pump()

    # Acknowledging

    def let_go(self, items: Collection[Item], why: bytes, by: Identity, user: bytes | None) -> None:
        """Logs that these are gone, at a client's command; the log tells the queue."""
        if items:
            self._append([item.bookmark for item in items], why, by, user)

    def _append(
        self, bookmarks: Iterable[bytes], why: bytes, by: Identity, user: bytes | None
    ) -> None:
        label = self._log.known(Label(self.declared.message_type, self.topic, user, True))
        now = self._clock.time_ns()
        self._log.append(label, by, now, why, b",".join(bookmarks))

    def apply(self, entry: Entry) -> None:
        """Does what the other of a pair has logged to be gone."""
        bookmarks = (entry.key or b"").split(b",")
        self._append(bookmarks, entry.body, entry.identity, entry.label.user)

    def cancel(self, items: Iterable[Item]) -> int:
        """Gives leased messages back; those that were too often, expire: how many."""
        expired = 0
        for item in items:
            item.cancels += 1
            if self.declared.max_cancels and item.cancels >= self.declared.max_cancels:
                self._expire(item)
            else:
                self._put_back(item)
            expired += item.state == GONE
        self.changes += 1
        self.pump()
        return expired

    # Consumers

    def join(self, consumer: Consumer, before: Consumer | None = None) -> None:
        """Takes part from now on, in the place of one that was there before it, if any."""
        if before is not None:
            self._detach(before)
            consumer.number, consumer.held = before.number, before.held
            for item in consumer.held:
                item.holder = consumer
        else:
            self._numbers += 1
            consumer.number = self._numbers
        key = None if consumer.gate.is_open else consumer.gate
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(consumer.gate)
            for item in self.items.values():
                if item.state == WAITING and self.admits(row.gate, item):
                    row.add(item)
        row.consumers[consumer] = None
        consumer.row = row
        self._consumers[consumer] = None
        self._look_for_room(consumer)

    def leave(self, consumer: Consumer) -> None:
        """Takes no part any more; what it had, waits again. Others get it when it is pumped."""
        if consumer in self._consumers:
            self._detach(consumer)
            for item in sorted(consumer.held, key=lambda one: one.rank):
                self._put_back(item)

    def _detach(self, consumer: Consumer) -> None:
        row, consumer.row = consumer.row, None
        del self._consumers[consumer]
        assert row is not None
        del row.consumers[consumer]
        row.with_room.pop(consumer, None)
        if not row.consumers:
            del self._rows[None if row.gate.is_open else row.gate]

    @staticmethod
    def _look_for_room(consumer: Consumer) -> None:
        if consumer.row is None:
            return
        if consumer.has_room:
            consumer.row.with_room[consumer] = None
        else:
            consumer.row.with_room.pop(consumer, None)

    # Delivering

    def pump(self) -> None:
        """Hands out all that somebody has room for."""
        if self._is_pumping:  # who is sent a message may be closed as too slow, and that comes here
            return
        self._is_pumping = True
        try:
            while self._hand_out_next() or self._pass_barriers():
                continue
        finally:
            self._is_pumping = False

    def _hand_out_next(self) -> bool:
        most = self.declared.max_backlog
        if most and self._counts[LEASED] + self._counts[SENT] >= most:
            return False
        best: Item | None = None
        candidates: Collection[Consumer] = ()
        for row in self._rows.values():
            item = row.first() if row.with_room else None
            if item is not None and (best is None or item.rank < best.rank):
                best, candidates = item, row.with_room
            elif item is not None and item is best:
                candidates = [*candidates, *row.with_room]
        if best is None:
            return False
        self._hand_out(best, self._fairness.choose(candidates))
        return True

    def _hand_out(self, item: Item, consumer: Consumer) -> None:
        item.deliveries += 1
        item.leased_ns = self._clock.time_ns()
        item.holder = consumer
        consumer.held[item] = None
        if self.declared.is_at_most_once:
            self._become(item, SENT)
            self._unsaid.append((item.bookmark, DELIVERED))
            end = self._leases.end_stamp()
        else:
            self._become(item, LEASED)
            end = self._leases.begin(item)
        self._look_for_room(consumer)
        self._send(item, consumer, end)

    def _send(self, item: Item, consumer: Consumer, lease_end: bytes | None) -> None:
        subscription = consumer.subscription
        self.ledger.delivered(item.bookmark, subscription.peer.name, subscription.sub_id)
        source = self._intake.source(item.position)
        subscription.peer.send(consumer.frame(item, self._log, source, lease_end))

    def _pass_barriers(self) -> bool:
        """Lets pass what nothing holds up any more; whether there was something."""
        has_passed = False
        while self._dam:
            item = self._dam[0]
            if item.state == BLOCKED and item.is_barrier:
                if self._counts[WAITING] or self._counts[LEASED] or not self._consumers:
                    break
                self._remove(item)
                self._unsaid.append((item.bookmark, DELIVERED))
                for consumer in list(self._consumers):
                    if consumer in self._consumers and self.admits(consumer.gate, item):
                        self._send(item, consumer, None)
            self._dam.popleft()
            if item.state == BLOCKED:
                self._become(item, WAITING)
                self._offer(item)
            has_passed = True
        return has_passed

    # Querying

    def _record(self, item: Item) -> Record:
        record = self._intake.record(item.position)
        record.key = generated_key(self.topic, [item.bookmark.decode("latin-1")])
        return record

    def chosen(self, keys: Collection[bytes] | None = None) -> list[Record]:
        """The messages that nobody has, or those of these keys, oldest first."""
        found = []
        for item in self.items.values():
            if item.state in (WAITING, BLOCKED):
                record = self._record(item)
                if keys is None or record.key in keys:
                    found.append(record)
        return found


def target_of(topics: Topics, topic: bytes) -> bytes:
    """Where a message for this topic really goes."""
    queue = topics.queues.get(topic)
    return topic if queue is None else queue.target


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
