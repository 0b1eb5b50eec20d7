"""Writes what subscribers are sent: messages, deltas, and records that went out of focus."""

from __future__ import annotations

from typing import Callable, NamedTuple

from .bodies import BodyType, InvalidBody, Select
from .clock import NANOSECONDS, timestamp
from .expressions import Scope
from .sow import Change, Record
from .wire import LENGTH, member


class Source(NamedTuple):
    """Where changes come from: a topic, the type of its bodies, and the paths of its keys.

    `log` is told what a filter gave up; without `keeps_records` messages have no old ones.
    `shown` are the fields that the reader's user may see; None if all.
    """

    topic: bytes
    type: BodyType
    log: Callable[[str], None]
    key_paths: tuple[str, ...] = ()
    keeps_records: bool = False
    shown: Select | None = None

    def scope(self, record: Record, now_ns: int) -> Scope:
        """What a filter may ask about a record."""
        return Scope(
            record.fields,
            topic=self.topic,
            sow_key=record.key,
            bookmark=record.bookmark,
            correlation_id=record.x,
            message_size=len(record.body),
            last_updated=record.time_ns / NANOSECONDS,
            now=now_ns / NANOSECONDS,
            tell=self.log,
        )

    def selected(self, body: bytes, select: Select | None) -> bytes:
        """The body with the fields that may be seen and are wanted."""
        if self.shown is not None:
            body = self._permitted(body, self.shown)
        if select is None:
            return body
        try:
            return self.type.select(body, select)
        except InvalidBody:  # nothing can be left out of what cannot be read
            return body

    def permitted(self, record: Record) -> Record:
        """A record as its reader's user may see it."""
        if self.shown is None:
            return record
        body = self._permitted(record.body, self.shown)
        fields = self.type.fields(body) if body else {}
        return Record(record.key, body, self.type.fields, time_ns=record.time_ns, fields=fields)

    def _permitted(self, body: bytes, shown: Select) -> bytes:
        """What a user may see of a body: of one that cannot be read, nothing."""
        try:
            return self.type.select(body, shown) if self.type.has_fields else b""
        except InvalidBody:
            return b""


class News:
    """One change on its way to subscribers. What several of them need is made once."""

    __slots__ = ("source", "change", "time_ns", "user_id", "_scopes", "_deltas")

    def __init__(self, source: Source, change: Change, time_ns: int, user_id: bytes | None = None):
        self.source = source
        self.change = change
        self.time_ns = time_ns
        self.user_id = user_id
        self._scopes: list[Scope | None] = [None, None]
        self._deltas: dict[bool, tuple[bytes, bool] | None] = {}

    def scope(self, is_new: bool) -> Scope:
        """What a filter may ask of the record after, or before, the change."""
        found = self._scopes[is_new]
        if found is None:
            record = self.change.new if is_new else self.change.old
            assert record is not None
            found = self._scopes[is_new] = self.source.scope(record, self.time_ns)
        return found

    def delta(self, with_keys: bool) -> tuple[bytes, bool] | None:
        """The changed fields, and whether any but key fields changed; None: there is no delta."""
        if with_keys not in self._deltas:
            old, new = self.change.old, self.change.new
            has_both = old is not None and new is not None
            self._deltas[with_keys] = (
                delta_of(self.source, old.body, new.body, with_keys) if has_both else None
            )
        return self._deltas[with_keys]

    def publish(
        self, sids: bytes, body: bytes, *, has_key: bool, has_stamp: bool, has_bookmark: bool
    ) -> bytes:
        record = self.change.told
        return publish_frame(
            self.source.topic,
            sids,
            body,
            key=record.key if has_key else None,
            x=record.x,
            stamp=timestamp(self.time_ns) if has_stamp else None,
            user_id=self.user_id,
            bookmark=record.bookmark if has_bookmark else None,
        )


def delta_of(source: Source, old: bytes, new: bytes, with_keys: bool) -> tuple[bytes, bool] | None:
    """The changed fields of a body, and whether any but key fields changed; None if it has none."""
    if not source.type.merges:
        return None
    try:
        return source.type.changes(old, new, source.key_paths, with_keys)
    except InvalidBody:  # stored under a key of the publisher's, so nobody has read it before
        return None


def publish_frame(
    topic: bytes,
    sids: bytes,
    body: bytes,
    *,
    key: bytes | None,
    x: bytes | None,
    stamp: bytes | None,
    user_id: bytes | None,
    bookmark: bytes | None = None,
) -> bytes:
    parts = [b'{"c":"p",', member("t", topic), b",", member("sids", sids)]
    _add(parts, bm=bookmark, k=key, x=x, ts=stamp, user_id=user_id)
    return _framed(parts, body)


def oof_frame(
    topic: bytes,
    sids: bytes,
    reason: bytes,
    record: Record,
    body: bytes,
    *,
    has_key: bool,
    stamp: bytes | None,
) -> bytes:
    parts = [b'{"c":"oof",', member("t", topic), b",", member("sids", sids)]
    _add(parts, k=record.key if has_key else None, reason=reason, x=record.x, ts=stamp)
    return _framed(parts, body)


def _add(parts: list[bytes], **fields: bytes | None) -> None:
    for key, value in fields.items():
        if value is not None:
            parts += (b",", member(key, value))


def _framed(parts: list[bytes], body: bytes) -> bytes:
    parts.append(b',"l":%d}' % len(body))
    header = b"".join(parts)
    return b"%b%b%b" % (LENGTH.pack(len(header) + len(body)), header, body)
