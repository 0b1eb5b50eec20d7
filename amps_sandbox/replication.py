"""Lets two sandboxes share a log: what is published at one comes to the other after a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from .acks import Refused
from .log import Entry, Identity, Log
from .loop import Timer
from .options import parse_seconds
from .publications import Publication

if TYPE_CHECKING:
    from .server import Server

ENTRIES_AT_ONCE = 2_000  # handed over together
ANSWER_S_MAX = 5.0  # how long one that comes back waits for the other before it opens alone


class _Batch(NamedTuple):
    """Entries of one log from a position on, and the client names of their publishers."""

    edition: object  # of that log
    start: int
    entries: list[Entry]
    names: dict[int, bytes]


class Link:
    """One end of a pair. It belongs to its server's loop and talks to the other end by posts.

    One batch at a time is under way. Its answer is what the other expects next: a log and a
    position in it, so that whoever has lost its data, or was away, gets everything it lacks. What
    it has, it knows by the sequences of each publisher, and drops.
    """

    def __init__(self, server: Server, lag_s: float, is_sync: bool):
        self._server = server
        self._lag_us = round(lag_s * 1e6)
        self._is_sync = is_sync
        self.other: Link | None = None
        self._is_up = False  # this end
        self._is_other_up = False
        self._given = 0  # of the own log, as the other has confirmed
        self._is_under_way = False
        self._timer: Timer | None = None
        self._from: tuple[object, int] = None, 0  # of the other's log, what is here
        self._applied: Identity | None = None
        self._opens: Callable[[], None] | None = None

    def _post(self, action: Callable[[Link], None]) -> bool:
        """Lets the other end do something on its own loop; False if it is not running."""
        other = self.other
        return other is not None and other._server.loop.post(lambda: action(other))

    # Coming and going

    def come(self, opens: Callable[[], None]) -> None:
        """This end is back. It `opens` once it has what the other end has."""
        self._is_up = True
        self._is_other_up = self._is_under_way = False
        self._opens = opens
        known = self._from
        if self._post(lambda other: other._welcome(known)):
            self._server.loop.after(ANSWER_S_MAX, self._open)
        else:
            self._open()

    def _open(self) -> None:
        opens, self._opens = self._opens, None
        if opens is not None and self._is_up:
            opens()

    def go(self) -> None:
        """This end is down: it neither gives nor takes."""
        self._is_up = False
        self._stop()
        self._post(lambda other: other._miss())

    def forget(self) -> None:
        """This end has another log now, and nothing in it of the other's."""
        self._from = None, 0
        self._given = 0

    def _welcome(self, known: tuple[object, int]) -> None:
        """The other end comes back and says what it has of this one's log."""
        if not self._is_up:
            self._post(lambda other: other._open())
            return
        log = self._log
        start = known[1] if known[0] is log.edition else 0
        self._is_other_up = True
        self._is_under_way = True
        self._confirm(start)
        batch, mine = self._batch(start, log.end), self._from
        self._post(lambda other: other._catch_up(batch, mine))

    def _catch_up(self, batch: _Batch, known: tuple[object, int]) -> None:
        if not self._is_up:
            return
        self._is_other_up = True
        self._given = known[1] if known[0] is self._log.edition else 0
        self._watch()
        self._take(batch)
        self._open()
        self._wake()

    def _miss(self) -> None:
        """The other end is down: nobody waits for it."""
        self._is_other_up = self._is_under_way = False
        self._stop()
        self._log.synced = None
        self._server.persisted_more()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._log.watchers.pop(self._wake, None)
        self._log.synced = None

    # Giving

    @property
    def _log(self) -> Log:
        log = self._server.txlog
        assert log is not None
        return log

    def _batch(self, start: int, stop: int) -> _Batch:
        entries = list(self._log.entries(start, stop))
        names = self._server.sequences.names
        publishers = {entry.identity[0] for entry in entries}
        return _Batch(self._log.edition, start, entries, {one: names[one] for one in publishers})

    def _watch(self) -> None:
        self._log.watchers[self._wake] = None
        if self._is_sync:
            self._log.synced = self._given

    def _wake(self) -> None:
        """There may be something to give, once it is old enough."""
        idle = self._is_other_up and not self._is_under_way and self._timer is None
        if idle and self._given < self._log.end:
            clock = self._server.clock
            due_us = self._log.times_us[self._given] + self._lag_us
            left_us = max(due_us - clock.time_ns() // 1000, 0)
            self._timer = clock.after(left_us / 1e6, self._give)

    def _give(self) -> None:
        self._timer = None
        old_us = self._server.clock.time_ns() // 1000 - self._lag_us
        stop = min(self._log.first_at(old_us + 1), self._given + ENTRIES_AT_ONCE)
        if stop <= self._given:
            self._wake()
            return
        batch = self._batch(self._given, stop)
        self._is_under_way = self._post(lambda other: other._receive(batch))

    def _confirm(self, position: int) -> None:
        self._given = position
        self._watch()
        self._server.persisted_more()

    def _answer(self, edition: object, position: int) -> None:
        """The other end has this log up to a position."""
        if edition is self._log.edition and self._is_up and self._is_other_up:
            self._is_under_way = False
            self._confirm(position)
            self._wake()

    # Taking

    def _receive(self, batch: _Batch) -> None:
        if self._is_up and self._is_other_up:
            self._take(batch)

    def _take(self, batch: _Batch) -> None:
        """Applies a batch that begins where the last one ended; says what is here now."""
        known, position = self._from
        position = position if known is batch.edition else 0
        if batch.start == position:
            for publisher, name in batch.names.items():
                self._server.sequences.learn(publisher, name)
            for entry in batch.entries:
                self._apply(entry)
            position += len(batch.entries)
        self._from = batch.edition, position
        self._post(lambda other: other._answer(batch.edition, position))

    def _apply(self, entry: Entry) -> None:
        """Does what a client of the other end did, unless it is known here."""
        publisher, sequence = entry.identity
        label = entry.label
        is_new = self._server.sequences.advance(publisher, sequence)
        # One command may have deleted several records, under one and the same bookmark.
        if not is_new and not (label.is_delete and entry.identity == self._applied):
            return
        self._applied = entry.identity
        if label.message_type not in self._server.settings.message_types:
            return
        topics = self._server.topics_of(label.message_type)
        store = topics.stores.get(label.topic)
        if label.is_delete:
            if label.topic in topics.queues:
                topics.queues[label.topic].apply(entry)
            elif store is not None and entry.key is not None:
                topics.delete_as(store, entry.key, label.user, entry.identity)
            return
        message = Publication(
            entry.body,
            entry.key,
            entry.x,
            entry.lifetime_s,
            user_id=label.user if self._server.settings.expose_user else None,
            user=label.user,
            identity=entry.identity,
        )
        try:
            if store is None:
                topics.deliver(label.topic, message)
            else:
                topics.publish(store, message)
        except Refused as refusal:
            self._server.log(f"replication: {refusal.reason}: {refusal.detail}")


def connect(first: Server, second: Server, lag: str | float, is_sync: bool) -> None:
    """Makes a pair of two servers. Raises ValueError if they cannot be one."""
    lag_s = None if isinstance(lag, bool) else parse_seconds(str(lag))
    if lag_s is None:
        raise ValueError(f"lag {lag!r}: want a time")
    if first.link is not None:
        raise ValueError("replica_of: it is one of a pair already")
    if first.txlog is None or second.txlog is None:
        raise ValueError("replica_of: both need a transaction log")
    ends = [Link(server, lag_s, is_sync) for server in (first, second)]
    ends[0].other, ends[1].other = ends[1], ends[0]

    def adopt() -> None:
        first.link = ends[0]
        if first.is_up:
            ends[0].come(_opened)

    second.link = ends[1]
    first.run(adopt)


def _opened() -> None:
    """It is open already."""
