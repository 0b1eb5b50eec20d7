"""Keeps what was published to logged topics, in the order in which it came."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Callable, NamedTuple, Protocol

from .patterns import name_or_pattern

LABELS_MAX = 100_000  # combinations of topic and user that are remembered, not how many may be

Identity = tuple[int, int]  # who published, and which of theirs it is: a bookmark's two numbers


class Label(NamedTuple):
    """What many entries have in common."""

    message_type: str
    topic: bytes
    user: bytes | None
    is_delete: bool


class Entry(NamedTuple):
    """One logged message, or a record's deletion. Times are microseconds since 1970, UTC."""

    position: int
    identity: Identity
    time_us: int
    label: Label
    key: bytes | None
    body: bytes
    x: bytes | None = None
    lifetime_s: int | None = None

    @property
    def bookmark(self) -> bytes:
        return b"%d|%d|" % self.identity


class Follower(Protocol):
    """Who has seen all entries and is told of each new one."""

    def follows(self, label: Label) -> bool: ...

    def tell(self, position: int) -> None: ...


class Log:
    """The transaction log: entries by position, from 0 on.

    They are kept in columns, some 60 bytes each besides key and body. Of one publisher the
    sequences never go back, nor do the times, so that both are found by bisection.
    """

    def __init__(self, topics: Iterable[bytes]):
        self._fits = [name_or_pattern(topic) for topic in topics]
        self.edition = object()  # another one whenever positions no longer mean the same
        self.labels: list[Label] = []
        self.keys: list[bytes | None] = []
        self.bodies: list[bytes] = []
        self.times_us = array("q")
        self._publishers = array("Q")
        self._sequences = array("Q")
        self._more: dict[int, tuple[bytes | None, int | None]] = {}  # what few entries have
        self._index: dict[int, tuple[array[int], array[int]]] = {}  # sequences, positions
        self._interned: dict[Label, Label | None] = {}
        self._shared: dict[Label, Label] = {}  # of entries that came from elsewhere
        self._followers: dict[Follower, None] = {}
        self._routes: dict[Label, list[Follower]] = {}
        self._untold: deque[int] = deque()  # entries that not all of them know yet
        self.watchers: dict[Callable[[], None], None] = {}  # are told that there is more
        self.synced: int | None = None  # entries that the other of a pair has; None: nobody asks

    @property
    def end(self) -> int:
        return len(self.labels)

    @property
    def persisted(self) -> int:
        """How many entries nobody needs to publish again."""
        return len(self.labels) if self.synced is None else min(self.synced, len(self.labels))

    def covers(self, topic: bytes) -> bool:
        return any(fits(topic) for fits in self._fits)

    def label(
        self, message_type: str, topic: bytes, user: bytes | None = None, is_delete: bool = False
    ) -> Label | None:
        """The label of such entries, or None: the topic is not logged."""
        wanted = Label(message_type, topic, user, is_delete)
        try:
            return self._interned[wanted]
        except KeyError:
            if len(self._interned) >= LABELS_MAX:
                self._interned.clear()
            found = wanted if self.covers(topic) else None
            self._interned[wanted] = found
            return found

    def known(self, label: Label) -> Label:
        """An equal label, the same one each time, whether or not its topic is still logged."""
        return self._interned.get(label) or self._shared.setdefault(label, label)

    def append(
        self,
        label: Label,
        identity: Identity,
        time_ns: int,
        body: bytes,
        key: bytes | None = None,
        x: bytes | None = None,
        lifetime_s: int | None = None,
    ) -> None:
        """Adds an entry and tells those who follow."""
        position = len(self.labels)
        time_us = time_ns // 1000
        if position and time_us < self.times_us[-1]:
            time_us = self.times_us[-1]  # the clock was set back: the order stays
        publisher, sequence = identity
        self.labels.append(label)
        self.keys.append(key)
        self.bodies.append(body)
        self.times_us.append(time_us)
        self._publishers.append(publisher)
        self._sequences.append(sequence)
        if x is not None or lifetime_s is not None:
            self._more[position] = x, lifetime_s
        self._note(publisher, sequence, position)
        self._untold.append(position)
        if len(self._untold) == 1:
            self._tell()
        for watcher in list(self.watchers):
            watcher()

    def _tell(self) -> None:
        """Tells of new entries in their order, also of those that come from telling."""
        try:
            while self._untold:
                position = self._untold[0]
                label = self.labels[position]
                for follower in self._routes.get(label) or self._find_routes(label):
                    follower.tell(position)
                self._untold.popleft()
        finally:
            self._untold.clear()

    def _note(self, publisher: int, sequence: int, position: int) -> None:
        index = self._index.get(publisher)
        if index is None:
            index = self._index[publisher] = array("Q"), array("Q")
        index[0].append(sequence)
        index[1].append(position)

    def truncate(self, end: int) -> None:
        """Forgets all entries from a position on. Nobody may follow meanwhile."""
        self.edition = object()
        for position in range(self.end - 1, end - 1, -1):
            for column in self._index[self._publishers[position]]:
                column.pop()
            self._more.pop(position, None)
        for column in (self.labels, self.keys, self.bodies):
            del column[end:]
        for numbers in (self.times_us, self._publishers, self._sequences):
            del numbers[end:]

    # Reading

    def identity(self, position: int) -> Identity:
        return self._publishers[position], self._sequences[position]

    def bookmark(self, position: int) -> bytes:
        return b"%d|%d|" % (self._publishers[position], self._sequences[position])

    def more(self, position: int) -> tuple[bytes | None, int | None]:
        """The correlation id and the lifetime that the message said."""
        return self._more.get(position, (None, None))

    def entry(self, position: int) -> Entry:
        return Entry(
            position,
            self.identity(position),
            self.times_us[position],
            self.labels[position],
            self.keys[position],
            self.bodies[position],
            *self.more(position),
        )

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        return map(self.entry, range(start, self.end if stop is None else min(stop, self.end)))

    def find(self, identity: Identity) -> int | None:
        """The position of the entry with this bookmark: of several, the last."""
        sequences, positions = self._index.get(identity[0], ((), ()))
        at = bisect_right(sequences, identity[1]) - 1
        return positions[at] if at >= 0 and sequences[at] == identity[1] else None

    def first_at(self, time_us: int) -> int:
        """The position of the first entry at or after a time; the end if there is none."""
        return bisect_left(self.times_us, time_us)

    # Following

    def follow(self, follower: Follower) -> None:
        self._followers[follower] = None
        self._routes.clear()

    def leave(self, follower: Follower) -> None:
        self._followers.pop(follower, None)
        self._routes.clear()

    def _find_routes(self, label: Label) -> list[Follower]:
        if len(self._routes) >= LABELS_MAX:
            self._routes.clear()
        found = [follower for follower in self._followers if follower.follows(label)]
        self._routes[label] = found
        return found
