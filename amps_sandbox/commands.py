"""Does what each command says, once its sender is logged on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from .acks import Acks, query_id_of
from .options import parse_options
from .topics import BadRegexTopic, Subscription, is_regex
from .trace import text
from .wire import Frame, Header, encode

if TYPE_CHECKING:
    from .peer import Peer

SUBSCRIPTIONS_MAX = 100_000  # per connection
TIMERS_MAX = 1_000  # per connection
RESERVED = b"/AMPS"
DEVNULL = b"/AMPS/devnull"
KNOWN_OPTIONS = {"replace", "timestamp", "non_regex_topic"}


class Refused(Exception):
    """A command that is understood but cannot be done, and why."""


def publish(peer: Peer, frame: Frame, acks: Acks) -> None:
    header = frame.header
    topic = header.get("t")
    if not topic:
        acks.fail("no topic")
        return
    if topic.startswith(RESERVED):
        if topic != DEVNULL:
            acks.fail("invalid topic")
            return
    else:
        peer.topics.deliver(topic, frame.body, _passed_on(peer, header))
    for kind in ("processed", "completed", "persisted"):
        acks.send(kind)


def _passed_on(peer: Peer, header: Header) -> dict[str, bytes]:
    extras = {key: header[key] for key in ("k", "x") if key in header}
    if peer.server.settings.expose_user and peer.user:
        extras["user_id"] = peer.user.encode("utf-8", "surrogateescape")
    return extras


def subscribe(peer: Peer, frame: Frame, acks: Acks) -> None:
    try:
        _subscribe(peer, frame.header)
    except Refused as refusal:
        acks.fail(str(refusal))
        return
    acks.send("processed")
    if frame.header["c"] == b"delta_subscribe":
        acks.send("stats", topic_matches=0, matches=0, records_returned=0)


def _subscribe(peer: Peer, header: Header, query_id: bytes | None = None) -> None:
    options = _options(header)
    sub_id = header.get("sub_id") or header.get("cid")
    topic = header.get("t")
    if not topic:
        raise Refused("no topic")
    _refuse_what_needs_more(header, options)
    if not sub_id or b"," in sub_id:
        raise Refused("invalid sub id")
    if sub_id in peer.subscriptions and "replace" not in options:
        raise Refused("subid in use" if header.get("sub_id") else "subscription already exists")
    if len(peer.subscriptions) >= SUBSCRIPTIONS_MAX:
        raise Refused("too many subscriptions")
    try:
        subscription = Subscription(
            peer,
            sub_id,
            topic,
            query_id=query_id,
            is_literal="non_regex_topic" in options,
            wants_timestamp="timestamp" in options,
        )
    except BadRegexTopic as error:
        peer.note(f"bad regex topic {text(topic[:100])!a}: {error}")
        raise Refused("bad regex topic") from error
    peer.subscriptions[sub_id] = subscription
    peer.topics.add(subscription)
    ignored = ", ".join(sorted(set(options) - KNOWN_OPTIONS))
    if ignored:
        peer.note(f"ignored options: {ignored[:100]!a}")
    peer.note(f"{text(header['c'])} to {text(topic[:100])!a} as {text(sub_id[:100])!a}")


def _refuse_what_needs_more(header: Header, options: dict[str, str]) -> None:
    """Refuses what needs a filter, a transaction log or the SOW rather than doing half of it."""
    if header.get("filter"):
        raise Refused("filter not supported")
    is_delta = header["c"] in (b"delta_subscribe", b"sow_and_delta_subscribe")
    if header.get("bm"):
        raise Refused("invalid options" if is_delta else "invalid topic")
    if "pause" in options or "resume" in options:
        raise Refused("invalid options")


def unsubscribe(peer: Peer, frame: Frame, acks: Acks) -> None:
    header = frame.header
    sub_ids = _ids(header.get("sub_id")) | _ids(header.get("sids"))
    query_ids = _ids(header.get("query_id"))
    if not sub_ids and not query_ids:
        acks.fail("invalid sub id")
        return
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


def _ids(value: bytes | None) -> set[bytes]:
    return {word.strip() for word in (value or b"").split(b",")} - {b""}


def flush(_peer: Peer, _frame: Frame, acks: Acks) -> None:
    for kind in ("processed", "completed", "persisted"):
        acks.send(kind)


def heartbeat(peer: Peer, frame: Frame, acks: Acks) -> None:
    if peer.heartbeat.obey(text(frame.header.get("opts", b""))):
        acks.send("processed")
    else:
        acks.fail("invalid options")


def start_timer(peer: Peer, frame: Frame, acks: Acks) -> None:
    if len(peer.timers) >= TIMERS_MAX:
        acks.fail("too many timers")
        return
    peer.timers[_timer_id(frame.header)] = time.monotonic()
    acks.send("processed")
    acks.send("completed")


def stop_timer(peer: Peer, frame: Frame, acks: Acks) -> None:
    name = _timer_id(frame.header)
    began = peer.timers.pop(name, None)
    if began is not None:
        elapsed = time.monotonic() - began
        peer.note(f"timer {text(name[:100])!a}: {elapsed:.6f} s")
    for kind in ("processed", "completed", "stats"):
        acks.send(kind)


def _timer_id(header: Header) -> bytes:
    return header.get("t") or header.get("cid") or b""


def sow(peer: Peer, frame: Frame, acks: Acks) -> None:
    """Queries topics. None of them keeps records: a named one is refused, a regex finds nothing."""
    header = frame.header
    topic = header.get("t")
    if not topic:
        acks.fail("no topic")
    elif header.get("filter"):
        acks.fail("filter not supported")
    elif "non_regex_topic" in _options(header) or not is_regex(topic):
        acks.fail("invalid topic")
    else:
        acks.send("processed")
        _send_no_records(peer, header, acks)


def sow_and_subscribe(peer: Peer, frame: Frame, acks: Acks) -> None:
    """An empty result, for no topic keeps records, then whatever is published."""
    header = frame.header
    try:
        _subscribe(peer, header, query_id_of(header))
    except Refused as refusal:
        acks.fail(str(refusal))
        return
    acks.send("processed")
    _send_no_records(peer, header, acks)


def _send_no_records(peer: Peer, header: Header, acks: Acks) -> None:
    query_id = query_id_of(header) or b""
    peer.send(encode({"c": b"group_begin", "query_id": query_id}))
    peer.send(encode({"c": b"group_end", "query_id": query_id}))
    counts = {"topic_matches": 0, "matches": 0, "records_returned": 0}
    acks.send("completed", **counts)
    acks.send("stats", **counts)


def sow_delete(_peer: Peer, frame: Frame, acks: Acks) -> None:
    """Deletes records. No topic keeps any: a named one is refused, a regex finds nothing."""
    header = frame.header
    topic = header.get("t")
    ways = [header.get("filter"), header.get("sow_keys"), header.get("bm"), frame.body]
    if not topic:
        acks.fail("no topic")
    elif sum(map(bool, ways)) != 1:
        acks.fail("invalid sow_delete")
    elif not is_regex(topic):
        acks.fail("invalid topic")
    elif header.get("filter"):
        acks.fail("filter not supported")
    else:
        acks.send("processed")
        acks.send("completed")
        acks.send("stats", topic_matches=0, matches=0, records_deleted=0)
        acks.send("persisted")


def _options(header: Header) -> dict[str, str]:
    return parse_options(text(header.get("opts", b"")))


VERBS: dict[bytes, Callable[[Peer, Frame, Acks], None]] = {
    b"p": publish,
    b"publish": publish,
    b"delta_publish": publish,
    b"subscribe": subscribe,
    b"delta_subscribe": subscribe,
    b"unsubscribe": unsubscribe,
    b"flush": flush,
    b"heartbeat": heartbeat,
    b"start_timer": start_timer,
    b"stop_timer": stop_timer,
    b"sow": sow,
    b"sow_and_subscribe": sow_and_subscribe,
    b"sow_and_delta_subscribe": sow_and_subscribe,
    b"sow_delete": sow_delete,
    b"ack": sow_delete,
}
