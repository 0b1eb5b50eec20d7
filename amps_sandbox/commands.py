"""Does what each command says, once its sender is logged on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from . import deleting, reading
from .acks import Acks, Refused
from .log import Identity
from .publications import Publication
from .queues.queue_topic import target_of
from .sequences import DUPLICATE
from .sow import Record
from .subscriptions import Subscription
from .trace import text
from .wire import Frame, Header

if TYPE_CHECKING:
    from .peer import Peer

TIMERS_MAX = 1_000  # per connection
RESERVED = b"/AMPS"
DEVNULL = b"/AMPS/devnull"


def publish(peer: Peer, frame: Frame, acks: Acks) -> None:
    header, topics = frame.header, peer.topics
    identity = peer.identify(header)
    if identity is DUPLICATE:
        acks.send("processed")
        acks.send("completed")
        peer.persist(acks, header, DUPLICATE)
        return
    topic = header.get("t")
    if not topic:
        raise Refused("no topic")
    target = target_of(topics, topic)
    store = topics.stores.get(target)
    is_new = None
    if topic.startswith(RESERVED):
        if topic != DEVNULL:
            raise Refused("invalid topic")
    elif store is None:
        _refuse_unwritable(peer, topic, frame.body)
        topics.deliver(target, _publication(peer, frame, identity))
    else:
        _refuse_unwritable(peer, topic, frame.body)
        is_new = topics.publish(store, _publication(peer, frame, identity))
    acks.send("processed")
    acks.send("completed")
    if is_new is not None:
        acks.send("stats", records_inserted=int(is_new), records_updated=int(not is_new))
    peer.persist(acks, header, identity)


def _refuse_unwritable(peer: Peer, topic: bytes, body: bytes) -> None:
    gate = peer.topics.may_write(peer, topic)
    if gate is None:
        raise Refused("not entitled")
    if not gate.is_open:
        now = peer.topics.clock.time_ns()
        record = Record(None, body, peer.topics.fields, time_ns=now)
        if not gate.admits(peer.topics.source(topic).scope(record, now)):
            raise Refused("not entitled", "outside the filter of what may be written")


def _publication(peer: Peer, frame: Frame, identity: Identity | None) -> Publication:
    header = frame.header
    is_delta = header["c"] == b"delta_publish"
    key, x, user = header.get("k"), header.get("x"), peer.user_bytes
    user_id = user if peer.server.settings.expose_user else None
    return Publication(frame.body, key, x, header.get("e"), is_delta, user_id, user, identity)


def unsubscribe(peer: Peer, frame: Frame, acks: Acks) -> None:
    header = frame.header
    sub_ids = _ids(header.get("sub_id")) | _ids(header.get("sids"))
    query_ids = _ids(header.get("query_id"))
    if not sub_ids and not query_ids:
        raise Refused("invalid sub id")
    is_all = b"all" in sub_ids | query_ids
    ended = [
        subscription
        for subscription in peer.subscriptions.values()
        if is_all
        or subscription.sub_id in sub_ids
        or (subscription.query_id or subscription.sub_id) in query_ids
    ]
    _end(peer, ended)
    acks.send("processed")


def _end(peer: Peer, subscriptions: Iterable[Subscription]) -> None:
    for subscription in subscriptions:
        del peer.subscriptions[subscription.sub_id]
        peer.note(f"unsubscribed {text(subscription.sub_id[:100])!a}")
    peer.topics.remove(subscriptions)
    for subscription in subscriptions:
        peer.server.events.ended(subscription)


def _ids(value: bytes | None) -> set[bytes]:
    return {word.strip() for word in (value or b"").split(b",")} - {b""}


def flush(_peer: Peer, _frame: Frame, acks: Acks) -> None:
    """Of the acks that were asked for, the persisted one comes after those of messages before."""
    for kind in ("processed", "completed", "persisted"):
        acks.send(kind)


def heartbeat(peer: Peer, frame: Frame, acks: Acks) -> None:
    if not peer.heartbeat.obey(text(frame.header.get("opts", b""))):
        raise Refused("invalid options")
    acks.send("processed")


def start_timer(peer: Peer, frame: Frame, acks: Acks) -> None:
    if len(peer.timers) >= TIMERS_MAX:
        raise Refused("too many timers")
    peer.timers[_timer_id(frame.header)] = peer.topics.clock.monotonic()
    acks.send("processed")
    acks.send("completed")


def stop_timer(peer: Peer, frame: Frame, acks: Acks) -> None:
    name = _timer_id(frame.header)
    began = peer.timers.pop(name, None)
    if began is not None:
        elapsed = peer.topics.clock.monotonic() - began
        peer.note(f"timer {text(name[:100])!a}: {elapsed:.6f} s")
    for kind in ("processed", "completed", "stats"):
        acks.send(kind)


def _timer_id(header: Header) -> bytes:
    return header.get("t") or header.get("cid") or b""


VERBS: dict[bytes, Callable[[Peer, Frame, Acks], None]] = {
    b"p": publish,
    b"publish": publish,
    b"delta_publish": publish,
    b"subscribe": reading.subscribe,
    b"delta_subscribe": reading.subscribe,
    b"unsubscribe": unsubscribe,
    b"flush": flush,
    b"heartbeat": heartbeat,
    b"start_timer": start_timer,
    b"stop_timer": stop_timer,
    b"sow": reading.sow,
    b"sow_and_subscribe": reading.sow_and_subscribe,
    b"sow_and_delta_subscribe": reading.sow_and_subscribe,
    b"sow_delete": deleting.sow_delete,
    b"ack": deleting.sow_delete,
}
