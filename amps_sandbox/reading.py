"""Does what the commands say that read: subscriptions and queries, or both at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import queries, replaying
from .acks import Acks, Refused, query_id_of
from .events import asked
from .queries import Found
from .queues.consuming import begin, consumer_of, granted
from .requests import Request
from .shaping import shape_of
from .sow import Change
from .subscriptions import Subscription
from .trace import text
from .wire import Frame, Header

if TYPE_CHECKING:
    from .peer import Peer

SUBSCRIPTIONS_MAX = 100_000  # per connection
NO_RECORDS = {"topic_matches": 0, "matches": 0, "records_returned": 0}


def subscribe(peer: Peer, frame: Frame, acks: Acks) -> None:
    if replaying.changes_state(peer, frame.header, acks):
        return
    request = Request(frame.header, peer.note)
    subscription = _subscription(peer, frame.header, request)
    subscription.replay = replaying.replay_of(subscription, frame.header, acks)
    if subscription.replay is None:
        subscription.consumer = consumer_of(subscription)
    before = _add(peer, subscription)
    _note_ignored(peer, request, frame.header)
    acks.send("processed", **granted(subscription))
    peer.server.events.subscribed(subscription)
    if subscription.consumer is not None:
        begin(subscription.consumer, before)
    elif subscription.replay is not None:
        peer.replays.begin(subscription.replay)
    if request.is_delta:
        acks.send("stats", **NO_RECORDS)


def sow(peer: Peer, frame: Frame, acks: Acks) -> None:
    """Queries topics; a named one must keep records, a regex finds what it finds."""
    request = Request(frame.header, peer.note)
    if request.matches_topic is None or request.topic in peer.topics.queues:
        if request.topic not in (*peer.topics.stores, *peer.topics.queues):
            raise Refused("invalid topic", "it keeps no records")
        _refuse_unreadable(peer, request)
    found = queries.find(peer.topics, peer, request)
    _note_ignored(peer, request, frame.header)
    acks.send("processed")
    _send(peer, frame.header, acks, request, found)


def sow_and_subscribe(peer: Peer, frame: Frame, acks: Acks) -> None:
    """What matches now, and from then on what is published: nothing is missed or sent twice."""
    request = Request(frame.header, peer.note)
    query_id = query_id_of(frame.header)
    subscription = _subscription(peer, frame.header, request, query_id)
    subscription.consumer = consumer_of(subscription)
    found = queries.find(peer.topics, peer, request, shape=subscription.shape)
    before = peer.subscriptions.get(subscription.sub_id)
    left: list[Found] = []
    if subscription.shape is not None:
        for one in found:
            subscription.shape.know(one.source, one.records)
    if before is not None and before.request.is_query:
        has = _visible(peer, subscription)
        had = _visible(peer, before)
        found, left = _without(found, had), _without(had, has)
    _add(peer, subscription)
    _note_ignored(peer, request, frame.header)
    acks.send("processed", **granted(subscription))
    _send(peer, frame.header, acks, request, found)
    peer.server.events.subscribed(subscription)
    if subscription.consumer is not None:
        begin(subscription.consumer, before)
    elif subscription.wants_oof:
        for one in left:
            for record in one.records:
                change = Change(record, None, b"match")
                subscription.tell(one.source, change, peer.topics.clock.time_ns(), None)


def _subscription(
    peer: Peer, header: Header, request: Request, query_id: bytes | None = None
) -> Subscription:
    """The subscription that a command asks for, not yet added. Raises Refused."""
    sub_id = header.get("sub_id") or header.get("cid")
    request.refuse_replay(header, peer.server.txlog is not None)
    if not sub_id or b"," in sub_id:
        raise Refused("invalid sub id")
    if sub_id not in peer.subscriptions:
        if request.matches_topic is None or request.topic in peer.topics.queues:
            _refuse_unreadable(peer, request)
        if len(peer.subscriptions) >= SUBSCRIPTIONS_MAX:
            raise Refused("too many subscriptions")
    elif not request.has("replace"):
        raise Refused("subid in use" if header.get("sub_id") else "subscription already exists")
    else:
        _refuse_other_shape(peer.subscriptions[sub_id].request, request)
    subscription = Subscription(peer, sub_id, request, query_id)
    if request.topic not in peer.topics.queues:  # a queue sends each message once, as it is
        if request.has("oof"):
            request.refuse_chance()
        subscription.shape = shape_of(subscription, peer.topics)
    return subscription


def _refuse_other_shape(before: Request, request: Request) -> None:
    """Of a projected subscription only the page may be changed, of a page its place and size."""
    if before.is_paginated and not (request.is_paginated and request.topic == before.topic):
        raise Refused("invalid options", "a page must stay one, of the same topic")
    kept = [(one.projected_by, one.projection and one.topic) for one in (before, request)]
    if kept[0] != kept[1]:
        raise Refused("invalid options", "a projection cannot be replaced")


def _refuse_unreadable(peer: Peer, request: Request) -> None:
    if peer.topics.gate(peer, request, request.topic) is None:
        raise Refused("not entitled")


def _add(peer: Peer, subscription: Subscription) -> Subscription | None:
    """Adds it, in the place of one that was there before, which is given back."""
    request = subscription.request
    before = peer.subscriptions.get(subscription.sub_id)
    if before is not None and not subscription.takes_place_of(before):
        peer.topics.remove([before])
    peer.subscriptions[subscription.sub_id] = subscription
    if subscription.is_routed:
        peer.topics.add(subscription)
    shown = f"{text(request.topic[:100])!a} as {text(subscription.sub_id[:100])!a}"
    peer.note(f"{text(request.verb)} to {shown}")
    return before


def _note_ignored(peer: Peer, request: Request, header: Header) -> None:
    if header.get("bm") and request.is_query:
        peer.note("ignored bookmark: the query is about now")
    if request.unknown_options:
        peer.note(f"ignored options: {', '.join(request.unknown_options)[:100]!a}")


def _send(peer: Peer, header: Header, acks: Acks, request: Request, found: list[Found]) -> None:
    query_id = query_id_of(header) or b""
    has_single_group = peer.server.settings.has_single_group
    returned = queries.write(peer.send_result, query_id, found, request, has_single_group)
    counts = {
        "topic_matches": sum(one.examined for one in found),
        "matches": sum(one.matches for one in found),
        "records_returned": returned,
    }
    acks.send("completed", **counts)
    acks.send("stats", **counts)
    peer.server.events.tell(peer, "sow", query_id=query_id.decode("latin-1"), **asked(request))


def _visible(peer: Peer, subscription: Subscription) -> list[Found]:
    """All that the client of a subscription may know of."""
    shape = subscription.shape
    seen = None if shape is None else shape.visible()
    if shape is None or seen is None:
        return queries.find(peer.topics, peer, subscription.request, is_limited=False)
    source = shape.made(peer.topics.source_for(peer, subscription.topic))
    return [Found(source, seen, len(seen), len(seen))]


def _without(found: list[Found], others: list[Found]) -> list[Found]:
    keys = {(one.source.topic, record.key) for one in others for record in one.records}
    return [
        one._replace(
            records=[each for each in one.records if (one.source.topic, each.key) not in keys]
        )
        for one in found
    ]
