"""Knows who subscribed to which topics, and hands each change to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable, NamedTuple

from .acks import Refused
from .bodies import BodyType, InvalidBody
from .clock import Clock, timestamp
from .deliveries import News, Source, oof_frame
from .entitlements import Entitlements
from .log import Identity, Log
from .publications import Publication
from .requests import Request
from .sow import Change, Fields, Record, Store
from .subscriptions import Gate, Subscription
from .trace import text
from .wire import LENGTH, member

if TYPE_CHECKING:
    from .derived import Derived
    from .peer import Peer
    from .queues.queue_topic import QueueTopic

ROUTES_MAX = 10_000  # topics whose subscribers are remembered between publishes


class _Plain(NamedTuple):
    """How any message on one topic reaches a peer whose subscriptions take all as it comes."""

    peer: Peer
    start: bytes  # of the header, up to and with the ids
    has_stamp: bool


class _Routes(NamedTuple):
    """Who hears of one topic."""

    plain: list[_Plain]
    choosy: list[tuple[Peer, list[tuple[Subscription, Gate]]]]


class Topics:
    """The topics of one message type.

    What a topic's subscribers are is worked out at its first publish and kept until any
    subscription changes.
    """

    def __init__(
        self,
        body_type: BodyType,
        clock: Clock,
        stores: Iterable[Store],
        entitlements: Entitlements,
        log: Callable[[str], None],
        txlog: Log | None = None,
    ):
        self.type = body_type
        self.clock = clock
        self.stores: dict[bytes, Store] = {}
        self.queues: dict[bytes, QueueTopic] = {}
        self.changes = 0  # of records, in all stores
        self._entitlements = entitlements
        self._log = log
        self._txlog = txlog
        self._derived: dict[bytes, list[Derived]] = {}
        self._subscriptions: dict[tuple[Peer, bytes], Subscription] = {}
        self._routes: dict[bytes, _Routes] = {}
        for store in stores:
            self.add_store(store)

    def add_store(self, store: Store) -> None:
        self.stores[store.topic] = store
        store.expired = lambda record: self.delete(store, record, b"expired")

    def wake(self) -> None:
        """The clock runs, perhaps again: what should have expired meanwhile, does so now."""
        for each in (*self.stores.values(), *self.queues.values()):
            each.watch_expiry()
        for followers in self._derived.values():
            for derived in followers:
                derived.wake()

    def retire(self) -> None:
        """Others take its place: from now on it does nothing by itself."""
        for each in (*self.stores.values(), *self.queues.values()):
            each.retire()

    def derived_of(self, topic: bytes) -> Iterable[Derived]:
        """What is made of a topic."""
        return self._derived.get(topic, ())

    def follow(self, topic: bytes, derived: Derived) -> None:
        """From now on it is told of each change of the topic; views come before conflated ones."""
        self._derived.setdefault(topic, []).append(derived)

    def add(self, subscription: Subscription) -> None:
        """Adds it, or replaces the peer's subscription of the same id, from the next message on."""
        for store in self.stores.values():
            store.settle()
        key = subscription.peer, subscription.sub_id
        before = self._subscriptions.get(key)
        if before is not None and before.shape is not None:
            before.shape.flush()
        self._subscriptions[key] = subscription
        self._routes.clear()

    def remove(self, subscriptions: Iterable[Subscription]) -> None:
        for subscription in subscriptions:
            if subscription.replay is not None:
                subscription.replay.stop()
                continue
            if subscription.consumer is not None:
                subscription.consumer.queue.leave(subscription.consumer)
                continue
            del self._subscriptions[subscription.peer, subscription.sub_id]
            if subscription.shape is not None:
                subscription.shape.stop()
        self._routes.clear()
        for queue in self.queues.values():
            queue.pump()

    def is_observed(self, topic: bytes) -> bool:
        """Whether anybody is told of its changes."""
        routes = self._routes.get(topic) or self._find_routes(topic)
        return bool(routes.plain or routes.choosy or topic in self._derived)

    def source(self, topic: bytes) -> Source:
        store = self.stores.get(topic)
        if store is None:
            return Source(topic, self.type, self._log)
        return Source(topic, self.type, self._log, store.key_paths, True)

    def source_for(self, peer: Peer, topic: bytes) -> Source:
        """The same, as this peer may see it."""
        return self.source(topic)._replace(shown=self._entitlements.shown(peer.user, topic))

    def gate(self, peer: Peer, request: Request, topic: bytes) -> Gate | None:
        """What this request may see of a topic; None if nothing."""
        readable = self._entitlements.reading(peer.user, topic)
        if readable is False:
            return None
        user = peer.user.encode("utf-8", "surrogateescape")
        allowed = None if readable is True else readable
        shown = self._entitlements.shown(peer.user, topic)
        return Gate(request.filter, request.sow_keys, allowed, peer.name, user, shown)

    def may_write(self, peer: Peer, topic: bytes) -> Gate | None:
        """Which messages this peer may publish or delete there; None if it may not at all."""
        allowed = self._entitlements.writing(peer.user, topic)
        if allowed is False:
            return None
        user = peer.user.encode("utf-8", "surrogateescape")
        return Gate(None, None, None if allowed is True else allowed, peer.name, user)

    # What happens to records, in this order: the store, subscribers, views, conflated topics

    def publish(self, store: Store, message: Publication) -> bool:
        """Stores a message and hands it on. Says whether it made a new record. Raises Refused."""
        if store.is_derived:
            raise Refused("invalid topic", "it is made of another topic")
        now = self.clock.time_ns()
        try:
            record = self._record(store, message, now)
        except InvalidBody as error:
            raise Refused("invalid message", error) from error
        old = store.put(record)
        record.bookmark = self._logged(store.topic, message, record, now)
        self.spread(store, Change(old, record), now, message.user_id)
        return old is None

    def _logged(self, topic: bytes, message: Publication, record: Record, now: int) -> bytes | None:
        """Puts a message into the log if its topic is logged; its bookmark there."""
        if self._txlog is None or message.identity is None:
            return None
        label = self._txlog.label(self.type.name, topic, message.user)
        if label is None:
            return None
        key, body, x = record.key, record.body, record.x
        self._txlog.append(label, message.identity, now, body, key, x, message.lifetime_s)
        return b"%d|%d|" % message.identity

    def is_logged(self, topic: bytes) -> bool:
        """Whether the log has what is published there; what is made of other topics, it has not."""
        store = self.stores.get(topic)
        if self._txlog is None or (store is not None and store.is_derived):
            return False
        return self._txlog.label(self.type.name, topic) is not None

    def delete_as(self, store: Store, key: bytes, user: bytes | None, by: Identity) -> None:
        """Deletes a record, if it is there, at a client's command, and logs that."""
        record = store.remove(key)
        now = self.clock.time_ns()
        if self._txlog is not None:
            label = self._txlog.label(self.type.name, store.topic, user, is_delete=True)
            if label is not None:
                self._txlog.append(label, by, now, b"", key)
        if record is not None:
            self.spread(store, Change(record, None, b"deleted"), now)

    def delete(self, store: Store, record: Record, cause: bytes = b"deleted") -> None:
        assert record.key is not None
        store.remove(record.key)
        self.spread(store, Change(record, None, cause), self.clock.time_ns())

    def restore(self, store: Store, records: Iterable[Record]) -> None:
        """Takes back records that were stored, also into the topics that are made of this one."""
        for record in records:
            store.restore(record)
            for derived in self.derived_of(store.topic):
                derived.follow(Change(None, record), record.time_ns)

    def rewind(self, store: Store, key: bytes, record: Record | None) -> None:
        """Puts a key's former record back, or none, also in the topics made of this one."""
        old = store.remove(key) if record is None else store.put(record)
        self.changes += 1
        if old is not None or record is not None:
            change = Change(old, record, b"" if record is not None else b"deleted")
            for derived in self.derived_of(store.topic):
                derived.follow(change, self.clock.time_ns())

    def key_of(self, store: Store, body: bytes, key: bytes | None) -> tuple[bytes, Fields | None]:
        """The key that a message has in a store, and its fields if they had to be read."""
        if store.has_explicit_keys:
            if not key:
                raise Refused("missing sow key")
            return key, None
        fields = self.type.fields(body)
        missing = [path for path in store.key_paths if fields.get(path) is None]
        if missing:
            where = text(store.topic[:100])
            self._log(f"topic {where!a}: a message without {', '.join(missing)} in its key")
        return store.key_of(fields), fields

    def _record(self, store: Store, message: Publication, now: int) -> Record:
        key, fields = self.key_of(store, message.body, message.key)
        body, x, updated = message.body, message.x, None
        if message.is_delta and self.type.merges:
            updated = store.records.get(key)
        if updated is not None:
            body, fields = self.type.merge(updated.body, body), None
            x = updated.x if x is None else x
        lifetime_s = store.lifetime_s(message.lifetime_s, updated)
        return Record(
            key, body, self.fields, x=x, time_ns=now, lifetime_s=lifetime_s, fields=fields
        )

    def fields(self, body: bytes) -> Fields:
        """What a filter sees of a body. One that cannot be read has no fields."""
        try:
            return self.type.fields(body)
        except InvalidBody as error:
            self._log(f"no fields in a {self.type.name} message: {error}")
            return {}

    # Fan-out

    def deliver(self, topic: bytes, message: Publication) -> None:
        """Sends a message of a topic without records; one frame to each peer, with all its ids."""
        body, key, x, user_id = message.body, message.key, message.x, message.user_id
        routes = self._routes.get(topic) or self._find_routes(topic)
        if routes.choosy or message.identity is not None:
            now = self.clock.time_ns()
            record = Record(key, body, self.fields, x=x, time_ns=now)
            record.bookmark = self._logged(topic, message, record, now)
        if routes.plain:
            self._tell_plain(routes.plain, body, key, x, user_id)
        if routes.choosy:
            source = Source(topic, self.type, self._log)
            self._tell(routes, News(source, Change(None, record), now, user_id))

    def spread(
        self, store: Store, change: Change, time_ns: int, user_id: bytes | None = None
    ) -> None:
        """Tells subscribers of a change that is in the store, then the topics made of this one."""
        self.changes += 1
        topic = store.topic
        routes = self._routes.get(topic) or self._find_routes(topic)
        if routes.plain and change.new is not None:
            new = change.new
            self._tell_plain(routes.plain, new.body, new.key, new.x, user_id, time_ns)
        if routes.choosy:
            self._tell(routes, News(self.source(topic), change, time_ns, user_id))
        for derived in self.derived_of(topic):
            derived.follow(change, time_ns)

    def _tell_plain(
        self,
        routes: list[_Plain],
        body: bytes,
        key: bytes | None,
        x: bytes | None,
        user_id: bytes | None,
        time_ns: int | None = None,
    ) -> None:
        """Sends a message that was published at that time, or right now."""
        stamp = None
        extras = ("k", key), ("x", x), ("user_id", user_id)
        added = b"".join(b"," + member(*extra) for extra in extras if extra[1] is not None)
        tail = b'%b,"l":%d}%b' % (added, len(body), body)
        for peer, start, has_stamp in routes:
            if has_stamp:
                stamp = stamp or timestamp(time_ns or self.clock.time_ns())
                start += b"," + member("ts", stamp)
            peer.send(b"%b%b%b" % (LENGTH.pack(len(start) + len(tail)), start, tail))

    def _tell(self, routes: _Routes, news: News) -> None:
        for peer, interested in routes.choosy:
            sharers: list[tuple[Subscription, Change]] = []
            gone: dict[bytes, tuple[Change, list[Subscription]]] = {}
            for subscription, gate in interested:
                change = subscription.focus(news, gate)
                if change is None:
                    continue
                if subscription.shape is not None:
                    source = news.source._replace(shown=gate.shown)
                    subscription.shape.feed(source, change, news.time_ns, news.user_id)
                elif subscription.request.select is not None or gate.shown is not None:
                    source = news.source._replace(shown=gate.shown)
                    subscription.tell(source, change, news.time_ns, news.user_id)
                elif change.new is None:
                    gone.setdefault(change.cause, (change, []))[1].append(subscription)
                else:
                    sharers.append((subscription, change))
            for change, leaving in gone.values():
                self._tell_gone(peer, leaving, change, news)
            if sharers:
                self._tell_sharers(peer, sharers, news)

    @staticmethod
    def _tell_gone(peer: Peer, leaving: list[Subscription], change: Change, news: News) -> None:
        is_stamped = any(one.has_stamp for one in leaving)
        peer.send(
            oof_frame(
                news.source.topic,
                b",".join(one.sub_id for one in leaving),
                change.cause,
                change.told,
                change.told.body,
                has_key=any(one.has_key for one in leaving),
                stamp=timestamp(news.time_ns) if is_stamped else None,
            )
        )

    @staticmethod
    def _tell_sharers(peer: Peer, sharers: list[tuple[Subscription, Change]], news: News) -> None:
        """One frame for all; as soon as one of them gets the whole message, all do."""
        told = []
        is_full = False
        for subscription, change in sharers:
            delta = None
            if subscription.is_delta and change.old is not None:
                delta = news.delta(subscription.with_keys)
            if delta is None or delta[1] or not subscription.no_empties:
                told.append(subscription)
                is_full = is_full or delta is None
        if not told:
            return
        delta = None if is_full else news.delta(any(one.with_keys for one in told))
        body = news.change.told.body if delta is None else delta[0]
        peer.send(
            news.publish(
                b",".join(one.sub_id for one in told),
                body,
                has_key=any(one.has_key for one in told),
                has_stamp=any(one.has_stamp for one in told),
                has_bookmark=any(one.has_bookmark for one in told),
            )
        )

    def _find_routes(self, topic: bytes) -> _Routes:
        found: dict[Peer, list[tuple[Subscription, Gate]]] = {}
        for subscription in self._subscriptions.values():
            if subscription.request.covers(topic):
                gate = self.gate(subscription.peer, subscription.request, topic)
                if gate is not None:
                    found.setdefault(subscription.peer, []).append((subscription, gate))
        routes = _Routes([], [])
        has_records = topic in self.stores
        for peer, matching in found.items():
            if all(one.is_plain(has_records) and gate.is_plain for one, gate in matching):
                sids = b",".join(subscription.sub_id for subscription, _ in matching)
                start = b'{"c":"p",' + member("t", topic) + b"," + member("sids", sids)
                stamped = any(subscription.has_stamp for subscription, _ in matching)
                routes.plain.append(_Plain(peer, start, stamped))
            else:
                routes.choosy.append((peer, matching))
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        self._routes[topic] = routes
        return routes
