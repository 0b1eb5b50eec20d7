"""The State of the World of one topic: the newest record of each key, as long as it lives."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Collection, Mapping
from typing import Any, Callable, NamedTuple

from .clock import NANOSECONDS, Clock
from .loop import Timer

EXPIRY_SLACK = 1_000  # entries of replaced records that may wait among those that expire
KEY_BYTES = 8

Fields = Mapping[str, Any]


class Record:
    """One message as the engine knows it. It is never changed; an update makes another one.

    `number` counts the keys of a topic in the order they came, which is how equals are ordered.
    Times are nanoseconds since 1970; `lifetime_s` is how long it lives from `time_ns` on, None if
    for ever. `fields` are read from the body when somebody asks, once.
    """

    __slots__ = (
        *("key", "body", "x", "time_ns", "lifetime_s", "number", "bookmark"),
        *("_read", "_fields"),
    )

    def __init__(
        self,
        key: bytes | None,
        body: bytes,
        read: Callable[[bytes], Fields],
        *,
        x: bytes | None = None,
        time_ns: int = 0,
        lifetime_s: float | None = None,
        fields: Fields | None = None,
        number: int = 0,
    ):
        self.key = key
        self.body = body
        self.x = x
        self.time_ns = time_ns
        self.lifetime_s = lifetime_s
        self.number = number
        self.bookmark: bytes | None = None  # once it is logged
        self._read = read
        self._fields = fields

    @property
    def fields(self) -> Fields:
        if self._fields is None:
            self._fields = self._read(self.body)
        return self._fields


class Change(NamedTuple):
    """What happened to one record: `old` became `new`; without a new one it is gone.

    `cause` is empty for a publish, else why it went: deleted, expired, match or entitlement.
    `shown` is what is told about a record that went, the old one unless set.
    """

    old: Record | None
    new: Record | None
    cause: bytes = b""
    shown: Record | None = None

    @property
    def told(self) -> Record:
        record = self.new or self.shown or self.old
        assert record is not None
        return record

    @property
    def key(self) -> bytes | None:
        return self.told.key


class Store:
    """The records of one topic by their keys, oldest first."""

    def __init__(
        self,
        topic: bytes,
        clock: Clock,
        *,
        key: tuple[str, ...] = (),
        key_domain: bytes = b"",
        expires: bool = False,
        lifetime_s: float | None = None,
        is_derived: bool = False,
    ):
        self.topic = topic
        self.key_paths = key
        self.is_derived = is_derived  # a view's or a conflated topic's: not to be published to
        self.records: dict[bytes, Record] = {}
        self.expired: Callable[[Record], None] | None = None  # is told whose time is up
        self.settle: Callable[[], None] = _settled  # brings records up to date before they are read
        self.touched: Callable[[bytes], None] | None = None  # is told whose record is another one
        self._key_domain = key_domain
        self._clock = clock
        self._expires = expires
        self._lifetime_s = lifetime_s
        self._due: list[tuple[int, int, Record]] = []
        self._order = itertools.count()
        self._numbers = itertools.count()
        self._timer: Timer | None = None

    @property
    def has_explicit_keys(self) -> bool:
        return not self.key_paths

    def key_of(self, fields: Fields) -> bytes:
        return generated_key(self._key_domain, [fields.get(path) for path in self.key_paths])

    def lifetime_s(self, said: int | None, old: Record | None) -> float | None:
        """How long a new record lives, when its message said so, or replaces `old` in parts."""
        if not self._expires:
            return None
        if said is not None:
            return said or None
        return self._lifetime_s if old is None else old.lifetime_s

    def put(self, record: Record) -> Record | None:
        """Inserts or replaces; gives back what was there before."""
        assert record.key is not None
        old = self.records.get(record.key)
        self.records[record.key] = record
        if not self.is_derived:  # what they keep is numbered, and expires, where it comes from
            record.number = next(self._numbers) if old is None else old.number
            if record.lifetime_s is not None:
                self._await(record)
            if self.touched is not None:
                self.touched(record.key)
        return old

    def restore(self, record: Record) -> None:
        """Takes back a record that was stored, with its number; the highest comes last."""
        assert record.key is not None
        self.records[record.key] = record
        self._numbers = itertools.count(record.number + 1)
        if record.lifetime_s is not None:
            self._await(record)

    def remove(self, key: bytes) -> Record | None:
        if self.touched is not None:
            self.touched(key)
        return self.records.pop(key, None)

    def chosen(self, keys: Collection[bytes] | None = None) -> Collection[Record]:
        """All records, or those of these keys."""
        self.settle()
        if keys is None:
            return self.records.values()
        chosen = [self.records[key] for key in keys if key in self.records]
        return sorted(chosen, key=lambda record: record.number)

    def retire(self) -> None:
        """Nothing expires any more, and nobody is told of anything."""
        self._due = []
        self.touched = None
        self.watch_expiry()

    # Expiration

    def _await(self, record: Record) -> None:
        heapq.heappush(self._due, (_end_ns(record), next(self._order), record))
        if len(self._due) > 2 * len(self.records) + EXPIRY_SLACK:
            self._due = [entry for entry in self._due if self._is_current(entry[2])]
            heapq.heapify(self._due)
        if self._due[0][2] is record:
            self.watch_expiry()

    def _is_current(self, record: Record) -> bool:
        return self.records.get(record.key or b"") is record

    def watch_expiry(self) -> None:
        """Sets the timer to the record that is due first; at a start, those overdue go at once."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._due:
            left = self._due[0][0] - self._clock.time_ns()
            self._timer = self._clock.after(max(left, 0) / NANOSECONDS, self._expire)

    def _expire(self) -> None:
        now = self._clock.time_ns()
        while self._due and self._due[0][0] <= now:
            record = heapq.heappop(self._due)[2]
            if self._is_current(record) and self.expired is not None:
                self.expired(record)
        self.watch_expiry()


def _settled() -> None:
    """Nothing is left to be done."""


def _end_ns(record: Record) -> int:
    return record.time_ns + round((record.lifetime_s or 0) * NANOSECONDS)


def generated_key(domain: bytes, values: list[Any]) -> bytes:
    """The key that these values make: digits that are the same for the same values, in any topic
    of this domain. Whatever is missing counts as empty.

    >>> generated_key(b"orders", [7, "eu"]) == generated_key(b"orders", ["7", "eu"]) != b"0"
    True
    """
    joined = b"\1".join([domain, *map(_key_text, values)])
    digest = hashlib.blake2b(joined, digest_size=KEY_BYTES).digest()
    return b"%d" % max(int.from_bytes(digest, "big"), 1)


def _key_text(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    if isinstance(value, (list, tuple)):
        return b",".join(map(_key_text, value))
    return str(value).encode()
