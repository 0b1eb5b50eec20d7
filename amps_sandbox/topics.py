"""Knows who subscribed to which topics, and hands each published message to them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from .wire import LENGTH, member

if TYPE_CHECKING:
    from .peer import Peer

ROUTES_MAX = 10_000  # topics whose subscribers are remembered between publishes
REGEX_BYTES_MAX = 4096

_REGEX_CHARACTERS = re.compile(rb"[.*+?^$|()\[\]{}\\]")


class BadRegexTopic(ValueError):
    """A topic that has characters of a regular expression, but is none."""


def is_regex(topic: bytes) -> bool:
    """Whether a subscription's topic is a regular expression.

    >>> is_regex(b"orders"), is_regex(b"orders.us")
    (False, True)
    """
    return _REGEX_CHARACTERS.search(topic) is not None


def compile_topic(topic: bytes) -> re.Pattern[bytes]:
    """The pattern that a message's topic is searched with, unanchored. Raises BadRegexTopic."""
    if len(topic) > REGEX_BYTES_MAX:
        raise BadRegexTopic(f"regex topic over {REGEX_BYTES_MAX} bytes")
    try:
        return re.compile(topic.replace(b"(?A)", rb"\A"))
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise BadRegexTopic(str(error)) from error


class Subscription:
    """One subscription of one peer. Identifiers are bytes, as they came."""

    __slots__ = ("peer", "sub_id", "query_id", "topic", "pattern", "wants_timestamp")

    def __init__(
        self,
        peer: Peer,
        sub_id: bytes,
        topic: bytes,
        *,
        query_id: bytes | None = None,
        is_literal: bool = False,
        wants_timestamp: bool = False,
    ):
        self.peer = peer
        self.sub_id = sub_id
        self.query_id = query_id
        self.topic = topic
        self.pattern = None if is_literal or not is_regex(topic) else compile_topic(topic)
        self.wants_timestamp = wants_timestamp

    def matches(self, topic: bytes) -> bool:
        if self.pattern is None:
            return topic == self.topic
        return self.pattern.search(topic) is not None


class _Route(NamedTuple):
    """How a message on one topic reaches one peer."""

    peer: Peer
    start: bytes  # of the header, up to and with the ids
    wants_timestamp: bool


class Topics:
    """The topics of one message type.

    What a topic's subscribers are is worked out at its first publish and kept until any
    subscription changes.
    """

    def __init__(self) -> None:
        self._subscriptions: dict[tuple[Peer, bytes], Subscription] = {}
        self._routes: dict[bytes, list[_Route]] = {}

    def add(self, subscription: Subscription) -> None:
        """Adds it, or replaces the peer's subscription of the same id, from the next message on."""
        self._subscriptions[subscription.peer, subscription.sub_id] = subscription
        self._routes.clear()

    def remove(self, subscriptions: Iterable[Subscription]) -> None:
        for subscription in subscriptions:
            del self._subscriptions[subscription.peer, subscription.sub_id]
        self._routes.clear()

    def deliver(self, topic: bytes, body: bytes, extras: dict[str, bytes]) -> None:
        """Sends one frame to each peer that has a matching subscription, with all matching ids."""
        routes = self._routes.get(topic)
        if routes is None:
            routes = self._find_routes(topic)
        if not routes:
            return
        added = b"".join(b"," + member(key, value) for key, value in extras.items())
        tail = b'%b,"l":%d}%b' % (added, len(body), body)
        stamp = None
        for peer, start, wants_timestamp in routes:
            if wants_timestamp:
                stamp = stamp or b"," + member("ts", timestamp())
                start += stamp
            peer.send(b"%b%b%b" % (LENGTH.pack(len(start) + len(tail)), start, tail))

    def _find_routes(self, topic: bytes) -> list[_Route]:
        found: dict[Peer, list[Subscription]] = {}
        for subscription in self._subscriptions.values():
            if subscription.matches(topic):
                found.setdefault(subscription.peer, []).append(subscription)
        routes = []
        for peer, matching in found.items():
            sids = b",".join(subscription.sub_id for subscription in matching)
            start = b'{"c":"p",' + member("t", topic) + b"," + member("sids", sids)
            stamped = any(subscription.wants_timestamp for subscription in matching)
            routes.append(_Route(peer, start, stamped))
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        self._routes[topic] = routes
        return routes


def timestamp() -> bytes:
    """Now, in UTC, as `ts` headers say it."""
    seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds)).encode() + b".%06dZ" % micros
