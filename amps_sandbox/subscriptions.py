"""What one subscription wants: which changes it sees, and in which form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .bodies import Select
from .clock import timestamp
from .deliveries import News, Source, delta_of, oof_frame, publish_frame
from .expressions import Filter, Scope
from .requests import Request
from .sow import Change

if TYPE_CHECKING:
    from .peer import Peer
    from .queues.consumers import Consumer
    from .replays import Replay
    from .shaping import Shape


class Gate(NamedTuple):
    """What a record must match: the client's filter and keys, and its user's permission."""

    wanted: Filter | None
    keys: frozenset[bytes] | None
    readable: Filter | None
    client_name: bytes
    user: bytes
    shown: Select | None = None  # the fields that its user may see; None if all

    @property
    def is_open(self) -> bool:
        return self.wanted is None and self.keys is None and self.readable is None

    @property
    def is_plain(self) -> bool:
        """Whether all goes through as it is."""
        return self.is_open and self.shown is None

    def admits(self, scope: Scope) -> bool:
        return self.is_open or (self.may_read(scope) and self.wants(scope))

    def may_read(self, scope: Scope) -> bool:
        if self.readable is None:
            return True
        given_up: list[str] = []
        tell, scope.tell = scope.tell, given_up.append
        passes = self._matches(self.readable, scope)
        scope.tell = tell
        if given_up and tell is not None:
            tell(given_up[0])
        return passes and not given_up  # what could not be found out, is not allowed

    def wants(self, scope: Scope) -> bool:
        if self.keys is not None and scope.sow_key not in self.keys:
            return False
        return self.wanted is None or self._matches(self.wanted, scope)

    def _matches(self, condition: Filter, scope: Scope) -> bool:
        scope.client_name = self.client_name
        scope.user = self.user
        return condition.matches(scope)


class Subscription:
    """One subscription of one peer. Identifiers are bytes, as they came."""

    __slots__ = (
        *("peer", "sub_id", "query_id", "request", "is_delta", "wants_oof", "has_key"),
        *("has_stamp", "has_bookmark", "no_empties", "with_keys", "shape", "replay", "consumer"),
    )

    def __init__(self, peer: Peer, sub_id: bytes, request: Request, query_id: bytes | None = None):
        self.peer = peer
        self.sub_id = sub_id
        self.query_id = query_id
        self.request = request
        self.is_delta = request.is_delta
        self.wants_oof = request.has("oof")
        self.has_key = not request.has("no_sowkey")
        self.has_stamp = request.has("timestamp")
        self.has_bookmark = request.has("bookmark")
        self.no_empties = request.has("no_empties")
        self.with_keys = not self.no_empties or request.has("send_keys")
        self.replay: Replay | None = None  # from its bookmark on, if it has one
        self.consumer: Consumer | None = None  # of a queue
        self.shape: Shape | None = None  # what it sends through, if messages do not go as they come

    @property
    def topic(self) -> bytes:
        return self.request.topic

    @property
    def is_routed(self) -> bool:
        """Whether it is told of publishes, rather than served from the log or a queue."""
        return self.replay is None and self.consumer is None

    def takes_place_of(self, before: Subscription) -> bool:
        """Whether it goes on where the one that it replaces was, which need not end for it."""
        if self.consumer is not None and before.consumer is not None:
            return self.consumer.queue is before.consumer.queue
        return self.is_routed and before.is_routed

    def is_plain(self, has_records: bool) -> bool:
        """Whether it takes each publish as it comes."""
        if self.request.select is not None or self.shape is not None:
            return False
        if not self.has_key or self.has_bookmark:
            return False
        return not (has_records and (self.is_delta or self.wants_oof))

    @property
    def sees_departures(self) -> bool:
        return self.wants_oof or (self.shape is not None and self.shape.needs_departures)

    def focus(self, news: News, gate: Gate) -> Change | None:
        """The change as this subscription sees it: a record may enter its view, or leave it."""
        change = news.change
        if change.new is not None:
            may_read = gate.readable is None or gate.may_read(news.scope(True))
            if may_read and (gate.is_open or gate.wants(news.scope(True))):
                if not self.sees_departures or change.old is None or self._had(news, gate):
                    return change
                return Change(None, change.new)
        if not self.sees_departures or change.old is None or not self._had(news, gate):
            return None
        if change.new is None:
            return change
        if not may_read:
            return Change(change.old, None, b"entitlement")
        return Change(change.old, None, b"match", change.new)

    @staticmethod
    def _had(news: News, gate: Gate) -> bool:
        return gate.is_open or gate.admits(news.scope(False))

    def tell(self, source: Source, change: Change, time_ns: int, user_id: bytes | None) -> None:
        """Sends a change to this subscription alone."""
        stamp = timestamp(time_ns) if self.has_stamp else None
        record = change.told
        if change.new is None:
            body = source.selected(record.body, self.request.select)
            self.peer.send(
                oof_frame(
                    source.topic,
                    self.sub_id,
                    change.cause,
                    record,
                    body,
                    has_key=self.has_key,
                    stamp=stamp,
                )
            )
            return
        chosen = self._body(source, change)
        if chosen is not None:
            self.peer.send(
                publish_frame(
                    source.topic,
                    self.sub_id,
                    chosen,
                    key=record.key if self.has_key else None,
                    x=record.x,
                    stamp=stamp,
                    user_id=user_id,
                    bookmark=record.bookmark if self.has_bookmark else None,
                )
            )

    def _body(self, source: Source, change: Change) -> bytes | None:
        """What is sent of a new record; None if nothing."""
        assert change.new is not None
        body = source.selected(change.new.body, self.request.select)
        if not self.is_delta or change.old is None:
            return body
        before = source.selected(change.old.body, self.request.select)
        delta = delta_of(source, before, body, self.with_keys)
        if delta is None:
            return body
        return delta[0] if delta[1] or not self.no_empties else None
