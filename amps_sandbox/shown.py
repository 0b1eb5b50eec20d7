"""What a sandbox shows of itself: its listeners, subscriptions and records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .clock import NANOSECONDS, timestamp
from .log import Entry
from .server import Server
from .sow import Record
from .trace import text


class SubscriptionInfo(NamedTuple):
    """One live subscription."""

    client: str
    connection: int
    sub_id: str
    topic: str
    message_type: str


class SowRecord(NamedTuple):
    """One record of a topic's State of the World. `expires` is in seconds since 1970."""

    key: str
    body: bytes
    correlation_id: str | None
    timestamp: str
    expires: float | None


def shown_record(record: Record) -> SowRecord:
    seconds = record.lifetime_s
    return SowRecord(
        text(record.key or b""),
        record.body,
        None if record.x is None else text(record.x),
        timestamp(record.time_ns).decode(),
        None if seconds is None else record.time_ns / NANOSECONDS + seconds,
    )


class JournalEntry(NamedTuple):
    """One entry of the transaction log. Its kind is "publish" or "sow_delete".

    `client` is the name of who published, and `sequence` the number within the bookmark.
    """

    position: int
    bookmark: str
    client: str
    sequence: int
    topic: str
    message_type: str
    kind: str
    key: str | None
    data: bytes
    correlation_id: str | None
    user: str | None
    expiration: int | None
    timestamp: str


def shown_entry(entry: Entry, names: Mapping[int, bytes]) -> JournalEntry:
    publisher, sequence = entry.identity
    label = entry.label
    return JournalEntry(
        entry.position,
        text(entry.bookmark),
        text(names.get(publisher, b"")),
        sequence,
        text(label.topic),
        label.message_type,
        "sow_delete" if label.is_delete else "publish",
        None if entry.key is None else text(entry.key),
        entry.body,
        None if entry.x is None else text(entry.x),
        None if label.user is None else text(label.user),
        entry.lifetime_s,
        timestamp(entry.time_us * 1000).decode(),
    )


class SandboxListener:
    """One of the addresses that a sandbox listens on."""

    def __init__(self, server: Server, index: int):
        self._server = server
        self._index = index
        self._listener = server.listeners[index]

    @property
    def host(self) -> str:
        return self._listener.host

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def is_open(self) -> bool:
        return self._listener.is_open

    def uri(self, message_type: str = "json") -> str:
        return self._listener.uri(message_type)

    def stop(self) -> None:
        """Refuses new connections and ends those that came in here."""
        self._server.run(lambda: self._server.stop_listener(self._index))

    def start(self) -> None:
        """Listens again, on the same port. The sandbox must be running."""
        if not self._server.loop.is_running:
            raise RuntimeError("the sandbox is not running: start it, not its listener")
        self._server.run(lambda: self._server.start_listener(self._index))
