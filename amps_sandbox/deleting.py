"""Does what `sow_delete` says: takes records out of their topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import queries
from .acks import Acks, Refused
from .bodies import InvalidBody
from .expressions import Filter
from .options import parse_options
from .patterns import is_regex
from .queues.acking import acknowledge
from .requests import filter_of, keys_of, pattern_of
from .sequences import DUPLICATE
from .sow import Record, Store
from .subscriptions import Gate
from .trace import text
from .wire import Frame, Header

if TYPE_CHECKING:
    from .peer import Peer


def sow_delete(peer: Peer, frame: Frame, acks: Acks) -> None:
    """Deletes by filter, by keys, or the record that a body would replace; by one of these.

    On a queue it acknowledges messages.
    """
    header = frame.header
    identity = peer.identify(header)
    if identity is DUPLICATE:
        acks.send("processed")
        acks.send("completed")
        acks.send("stats", topic_matches=0, matches=0, records_deleted=0)
        peer.persist(acks, header, DUPLICATE)
        return
    topic = header.get("t")
    if not topic:
        raise Refused("no topic")
    if topic in peer.topics.queues:
        acknowledge(peer, frame, acks, peer.topics.queues[topic], identity)
        _tell_event(peer, header)
        return
    if "bm" in header or header["c"] == b"ack":
        raise Refused("invalid sow_delete", "a bookmark, but it is no queue")
    ways = [bool(header.get("filter")), bool(header.get("sow_keys")), bool(frame.body)]
    if sum(ways) != 1:
        raise Refused("invalid sow_delete", "want a filter, keys or a body, and one of them only")
    condition = filter_of(header)
    options = parse_options(text(header.get("opts", b"")))
    is_literal = "non_regex_topic" in options or not is_regex(topic)
    stores = _stores(peer, topic, is_literal)
    writable = [(store, peer.topics.may_write(peer, store.topic)) for store in stores]
    if is_literal and writable[0][1] is None:
        raise Refused("not entitled")
    chosen = [
        _chosen(peer, store, gate, frame, condition) for store, gate in writable if gate is not None
    ]
    acks.send("processed")
    _tell_event(peer, header)
    deleted = 0
    for store, records, _ in chosen:
        for record in records:
            if store.records.get(record.key or b"") is record:
                if identity is None:
                    peer.topics.delete(store, record)
                else:
                    key = record.key or b""
                    peer.topics.delete_as(store, key, peer.user_bytes, identity)
                deleted += 1
    acks.send("completed")
    acks.send(
        "stats",
        topic_matches=sum(examined for *_, examined in chosen),
        matches=sum(len(records) for _, records, _ in chosen),
        records_deleted=deleted,
    )
    peer.persist(acks, header, identity)


def _tell_event(peer: Peer, header: Header) -> None:
    said = {"topic": header["t"], "filter": header.get("filter"), "options": header.get("opts")}
    shown = {name: (value or b"").decode("latin-1") for name, value in said.items()}
    peer.server.events.tell(peer, "sow_delete", **shown)


def _stores(peer: Peer, topic: bytes, is_literal: bool) -> list[Store]:
    """The topics that are meant, without those that are made of others."""
    stores = peer.topics.stores
    if is_literal:
        store = stores.get(topic)
        if store is None or store.is_derived:
            raise Refused("invalid topic", "it keeps no records of its own")
        return [store]
    fits = pattern_of(topic, peer.note)
    return [store for store in stores.values() if fits(store.topic) and not store.is_derived]


def _chosen(
    peer: Peer, store: Store, gate: Gate, frame: Frame, condition: Filter | None
) -> tuple[Store, list[Record], int]:
    """The records to delete, and how many were compared."""
    topics = peer.topics
    keys = keys_of(frame.header)
    if frame.body:
        keys = frozenset([_key_of_body(peer, store, frame.header, frame.body)])
    gate = gate._replace(wanted=condition)
    source, now_ns = topics.source(store.topic), topics.clock.time_ns()
    records, examined = queries.matching(source, store.chosen(keys), gate, now_ns)
    return store, records, examined


def _key_of_body(peer: Peer, store: Store, header: Header, body: bytes) -> bytes:
    try:
        return peer.topics.key_of(store, body, header.get("k"))[0]
    except InvalidBody as error:
        raise Refused("invalid message", error) from error
