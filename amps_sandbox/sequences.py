"""Knows how far each publisher has got, so that nothing is published twice."""

from __future__ import annotations

from .clock import NANOSECONDS, Clock
from .log import Identity
from .logon import name_hash

DUPLICATE: Identity = (0, 0)  # instead of the identity of what was there before


class Sequences:
    """The highest sequence of each publisher, by the hash of its name.

    What is published without a sequence gets one of the server's own, under another hash, which
    no client's name has.
    """

    def __init__(self, instance: bytes, clock: Clock, given: int = 0):
        """`given`: the newest number that the server gave in a former life, of which it knows
        nothing else; starting anew within a second it would give it once more."""
        self._instance = instance
        self._clock = clock
        self.marks: dict[int, int] = {}
        self.names: dict[int, bytes] = {}  # of clients by both of their hashes
        self.changed: set[int] = set()  # whose mark or name is not stored yet
        self._told: dict[int, int] = {}  # the highest that each publisher knows to be persisted
        self._own: dict[int, int] = {}
        self._newest = 0
        self._given = given

    @property
    def newest(self) -> int:
        """The newest number of the server's own."""
        return max(self._newest, self._given)

    def know(self, name: bytes) -> int:
        """The publisher's hash of a client name."""
        publisher = name_hash(name)
        if publisher not in self._own:
            own = name_hash(b"%d\0%b" % (publisher, self._instance))
            self.names[publisher] = self.names[own] = name
            self._own[publisher] = own
            self.changed.update((publisher, own))
        return publisher

    def mark(self, publisher: int) -> int:
        return self.marks.get(publisher, 0)

    def advance(self, publisher: int, sequence: int) -> bool:
        """Takes note of a sequence; False if it, or a later one, was there before."""
        if sequence <= self.marks.get(publisher, 0):
            return False
        self.marks[publisher] = sequence
        self.changed.add(publisher)
        return True

    def tell(self, identity: Identity) -> None:
        """The publisher is told that its messages are persisted up to this one."""
        publisher, sequence = identity
        self._told[publisher] = max(sequence, self._told.get(publisher, 0))

    def is_told(self, identity: Identity) -> bool:
        return identity[1] <= self._told.get(identity[0], 0)

    def take_back(self, identity: Identity) -> None:
        """The newest message of a publisher was not persisted after all."""
        publisher, sequence = identity
        self.marks[publisher] = sequence - 1
        self.changed.add(publisher)

    def assign(self, publisher: int) -> Identity:
        """A new identity for what a known publisher sent without a sequence."""
        second = self._clock.time_ns() // NANOSECONDS * NANOSECONDS
        own = self._own[publisher]
        start = 0 if self._newest else max(second, self._given + 1)
        self._newest = max(self._newest + 1, self.mark(own) + 1, start)
        self.advance(own, self._newest)
        return own, self._newest

    def learn(self, publisher: int, name: bytes) -> None:
        """Takes note whose hash that is, of whatever server's."""
        if publisher not in self.names:
            self.names[publisher] = name
            self.changed.add(publisher)

    def restore(self, publisher: int, name: bytes, mark: int) -> None:
        """Takes back what was stored."""
        self.names[publisher] = name
        self.marks[publisher] = mark
        self.tell((publisher, mark))  # nobody knows any more who was told what
        self._newest = max(self._newest, mark if publisher != name_hash(name) else 0)
