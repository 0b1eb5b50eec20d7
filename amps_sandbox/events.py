"""Tells on a topic of the server's own what clients do: they come, subscribe, query and go."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .clock import timestamp
from .declarations import RESERVED
from .requests import Request
from .topics import Publication

if TYPE_CHECKING:
    from .peer import Peer
    from .server import Server
    from .subscriptions import Subscription

CLIENT_STATUS = f"{RESERVED}/ClientStatus".encode()
TYPES = ("json", "nvfix")  # in whose bodies an event can be said
FILTER_SHOWN_MAX = 1_000


class Events:
    """What happens is worked out only while somebody listens.

    An event that is caused by telling another one, such as the end of a slow listener, waits.
    """

    def __init__(self, server: Server):
        self._server = server
        self._watchers: list[Subscription] = []
        self._waiting: deque[dict[str, str]] = deque()
        self._is_telling = False

    def subscribed(self, subscription: Subscription) -> None:
        self.tell(subscription.peer, "subscribe", **of(subscription))
        if subscription.request.covers(CLIENT_STATUS):
            self._watchers.append(subscription)

    def ended(self, subscription: Subscription, reason: str = "") -> None:
        self.tell(subscription.peer, "unsubscribe", reason=reason, **of(subscription))

    def tell(self, peer: Peer, event: str, **details: str) -> None:
        """One event; details that are empty are left out."""
        self._watchers = [
            one for one in self._watchers if one.peer.subscriptions.get(one.sub_id) is one
        ]
        if not self._watchers:
            return
        said = {
            "timestamp": timestamp(self._server.clock.time_ns()).decode(),
            "event": event,
            "client_name": peer.name.decode("latin-1"),
            "connection_name": f"connection-{peer.number}",
            "user_id": _bytewise(peer.user),
            **details,
        }
        self._waiting.append({f"/ClientStatus/{name}": value for name, value in said.items()})
        if not self._is_telling:
            self._is_telling = True
            try:
                self._tell_all()
            finally:
                self._is_telling = False

    def _tell_all(self) -> None:
        while self._waiting:
            event = self._waiting.popleft()
            said = {path: value for path, value in event.items() if value}
            for name in {one.peer.message_type for one in self._watchers}.intersection(TYPES):
                topics = self._server.topics_of(name)
                topics.deliver(CLIENT_STATUS, Publication(topics.type.compose(said)))


def of(subscription: Subscription) -> dict[str, str]:
    """What an event says of a subscription."""
    sub_id, query_id = subscription.sub_id, subscription.query_id or b""
    ids = {"sub_id": sub_id.decode("latin-1"), "query_id": query_id.decode("latin-1")}
    return {**asked(subscription.request), **ids}


def asked(request: Request) -> dict[str, str]:
    """What an event says of a query."""
    options = (f"{name}={value}" if value else name for name, value in request.options.items())
    return {
        "topic": request.topic.decode("latin-1"),
        "filter": request.filter.text[:FILTER_SHOWN_MAX] if request.filter else "",
        "options": _bytewise(",".join(options)),
    }


def _bytewise(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
