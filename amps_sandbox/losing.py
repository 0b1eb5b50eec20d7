"""Forgets the newest entries of the log, as a server does that lags behind one that died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import NANOSECONDS
from .log import Entry, Log
from .sow import Record

if TYPE_CHECKING:
    from .server import Server

MICROSECOND_NS = NANOSECONDS // 1_000_000


def lose_tail(server: Server, most: int) -> int:
    """Forgets so many entries at most, and what they did to records and sequences.

    It stops at the newest entry whose publisher was told that it is persisted. Says how many.
    """
    log, sequences = server.txlog, server.sequences
    if log is None:
        return 0
    end = log.end
    while end > max(log.end - most, 0) and not sequences.is_told(log.identity(end - 1)):
        end -= 1
    lost = list(log.entries(end))
    server.queues.clear()
    log.truncate(end)
    server.queues.rebuild()
    for entry in reversed(lost):
        sequences.take_back(entry.identity)
    touched = {(entry.label.message_type, entry.label.topic, entry.key) for entry in lost}
    for message_type, topic, key in touched:
        topics = server.topics_of(message_type)
        store = topics.stores.get(topic)
        if store is not None and key is not None:
            entry = _newest(log, message_type, topic, key)
            record = None
            if entry is not None:
                record = Record(
                    key,
                    entry.body,
                    topics.fields,
                    x=entry.x,
                    time_ns=entry.time_us * MICROSECOND_NS,
                    lifetime_s=store.lifetime_s(entry.lifetime_s, None),
                )
                record.bookmark = entry.bookmark
            topics.rewind(store, key, record)
    return len(lost)


def _newest(log: Log, message_type: str, topic: bytes, key: bytes) -> Entry | None:
    """What made the record that a key has now; None if it has none."""
    for position in range(log.end - 1, -1, -1):
        label = log.labels[position]
        if log.keys[position] == key and (label.message_type, label.topic) == (message_type, topic):
            return None if label.is_delete else log.entry(position)
    return None
