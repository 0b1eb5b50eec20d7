"""What lies between a topic and a subscription that takes no message as it comes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from .acks import Refused
from .aggregation import Aggregation, check
from .clock import Clock
from .conflation import Conflater
from .deliveries import Source
from .pagination import Page
from .requests import Request
from .sow import Change, Record

if TYPE_CHECKING:
    from .subscriptions import Subscription
    from .topics import Topics


class Shape:
    """Records are grouped and projected, then a page of them is taken, then changes are conflated:
    as far as the subscription asks for it. What comes out is sent to that subscription alone.
    """

    def __init__(
        self,
        subscription: Subscription,
        clock: Clock,
        aggregation: Aggregation | None = None,
        page: Page | None = None,
    ):
        self._subscription = subscription
        self._aggregation = aggregation
        self._page = page
        self._conflater: Conflater[tuple[Source, bytes | None]] | None = None
        interval_s = subscription.request.conflation_s
        if interval_s is not None:
            self._conflater = Conflater(
                clock, interval_s, self._send, tracks_departures=subscription.wants_oof
            )

    @property
    def needs_departures(self) -> bool:
        """Whether it must know of records that leave, wanted by its client or not."""
        return self._aggregation is not None or self._page is not None

    def made(self, source: Source) -> Source:
        """The source of what comes out."""
        return source if self._aggregation is None else self._aggregation.made

    @property
    def is_paginated(self) -> bool:
        return self._page is not None

    def fill(self, records: Iterable[Record], now_ns: int) -> tuple[list[Record], int]:
        """Takes what is there at the beginning; gives what is seen of it, and of how much."""
        if self._aggregation is None:
            made = list(records)
        else:
            made = self._aggregation.fill(records, now_ns)
        return made if self._page is None else self._page.fill(made), len(made)

    def know(self, source: Source, records: Iterable[Record]) -> None:
        """These records have been sent."""
        if self._conflater is not None:
            for record in records:
                self._conflater.know(self._slot(source, record), record)

    def visible(self) -> list[Record] | None:
        """What the client sees now; None if that is just what passes its filter."""
        if self._page is not None:
            return self._page.records
        return None if self._aggregation is None else self._aggregation.records

    def feed(self, source: Source, change: Change, time_ns: int, user_id: bytes | None) -> None:
        changes = [change]
        if self._aggregation is not None:
            changes = self._aggregation.apply(change, time_ns)
            user_id = None
        if self._page is not None:
            changes = [shown for each in changes for shown in self._page.apply(each)]
        context = self.made(source), user_id
        for each in changes:
            if self._conflater is None or not self._is_conflated(source):
                self._send(each, time_ns, context)
            else:
                self._conflater.feed(self._slot(source, each.told), each, time_ns, context)

    def flush(self) -> None:
        """Sends what is held back."""
        if self._conflater is not None:
            self._conflater.flush()

    def stop(self) -> None:
        if self._conflater is not None:
            self._conflater.stop()

    def _send(self, change: Change, time_ns: int, context: tuple[Source, bytes | None]) -> None:
        source, user_id = context
        if change.new is not None or self._subscription.wants_oof:
            self._subscription.tell(source, change, time_ns, user_id)

    def _is_conflated(self, source: Source) -> bool:
        """A regex may cover topics that have no keys: those are sent as they come."""
        return bool(self._subscription.request.conflation_key or source.keeps_records)

    def _slot(self, source: Source, record: Record) -> Hashable:
        paths = self._subscription.request.conflation_key
        if not paths:
            return source.topic, record.key
        values = (record.fields.get(path) for path in paths)
        return (source.topic, *(tuple(one) if isinstance(one, list) else one for one in values))


def shape_of(subscription: Subscription, topics: Topics) -> Shape | None:
    """What the subscription asks for. Raises Refused where its topic does not allow it."""
    request = subscription.request
    source = topics.source_for(subscription.peer, request.topic)
    aggregation = page = None
    if request.projection is not None:
        aggregation = _aggregation(request, source)
    if request.is_paginated and source.keeps_records:
        page = Page(request.skip_n or 0, request.top_n or 0, request.order)
    if request.conflation_s is not None:
        _check_conflation(request, topics)
    if aggregation is not None or page is not None:
        request.refuse_chance()
    elif request.conflation_s is None:
        return None
    return Shape(subscription, topics.clock, aggregation, page)


def _aggregation(request: Request, source: Source) -> Aggregation:
    assert request.projection is not None
    if not source.keeps_records:
        raise Refused("invalid options", "a projection of a topic without records")
    try:
        check(request.projection, source)
    except ValueError as error:
        raise Refused("invalid options", error) from error
    return Aggregation(request.projection, source, source.topic)


def _check_conflation(request: Request, topics: Topics) -> None:
    paths = request.conflation_key
    covered = [store for topic, store in topics.stores.items() if request.covers(topic)]
    if request.matches_topic is None and not covered and not paths:
        raise Refused("invalid options", "conflation needs a conflation_key here")
    if paths and request.has("oof"):
        for store in covered:
            if set(paths) != set(store.key_paths):
                raise Refused("invalid options", "with oof, conflation_key must be the topic's key")
