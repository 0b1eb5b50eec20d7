"""Loses the end of the log, as a server does that crashes before it has written everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .log import Log
from .sequences import Sequences
from .sow import Change, Record, Store

if TYPE_CHECKING:
    from .topics import Topics

Place = tuple[str, bytes, bytes]  # of a record: message type, topic and key


def lose_tail(log: Log, sequences: Sequences, topics: Mapping[str, Topics], count: int) -> int:
    """Loses so many of the newest entries, but none that its publisher was told is persisted,
    nor any before such a one. Sequences and records are again what they were. Says how many."""
    end = log.end
    while end and log.end - end < count:
        publisher, sequence = log.identity(end - 1)
        if sequence <= sequences.acked.get(publisher, 0):
            break
        end -= 1
    lost = list(log.entries(end))
    log.truncate(end)
    for publisher in {entry.identity[0] for entry in lost}:
        newest = max(log.newest(publisher), sequences.acked.get(publisher, 0))
        sequences.marks[publisher] = newest
        sequences.changed.add(publisher)
    places = {
        (entry.label.message_type, entry.label.topic, entry.key)
        for entry in lost
        if entry.key is not None
    }
    for place, position in _newest(log, places).items():
        message_type, topic, key = place
        store = topics[message_type].stores.get(topic)
        if store is not None and not store.is_derived:
            _turn_back(topics[message_type], store, key, log, position)
    return len(lost)


def _newest(log: Log, places: set[Place]) -> dict[Place, int | None]:
    """The position of the newest entry about each of these records."""
    found: dict[Place, int | None] = dict.fromkeys(places)
    missing = set(places)
    for position in reversed(range(log.end)):
        if not missing:
            break
        label, key = log.labels[position], log.keys[position]
        place = label.message_type, label.topic, key or b""
        if key is not None and place in missing:
            missing.discard(place)
            found[place] = position
    return found


def _turn_back(topics: Topics, store: Store, key: bytes, log: Log, position: int | None) -> None:
    now = topics.clock.time_ns()
    if position is None or log.labels[position].is_delete:
        old = store.remove(key)
        if old is not None:
            topics.spread(store, Change(old, None, b"deleted"), now)
        return
    x, lifetime_s = log.more(position)
    record = Record(
        key,
        log.bodies[position],
        topics.fields,
        x=x,
        time_ns=log.times_us[position] * 1000,
        lifetime_s=store.lifetime_s(lifetime_s, None),
    )
    record.bookmark = log.bookmark(position)
    topics.spread(store, Change(store.put(record), record), now)
