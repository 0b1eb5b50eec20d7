"""Finds records that a query asks for, and writes them as its result."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Callable, NamedTuple, TypeVar

from .acks import Refused
from .aggregation import Aggregation
from .clock import timestamp
from .deliveries import Source
from .requests import Request
from .sow import Record, Store
from .subscriptions import Gate
from .wire import LENGTH, encode, member

if TYPE_CHECKING:
    from .peer import Peer
    from .queues.queue_topic import QueueTopic
    from .shaping import Shape
    from .topics import Topics

Each = TypeVar("Each")

QUERY_SECONDS_MAX = 10.0  # how long one query may hold everybody else up


class Found(NamedTuple):
    """What a query found in one topic: the records to be sent, and how many it looked at."""

    source: Source
    records: list[Record]
    examined: int
    matches: int
    has_bookmarks: bool = False


def stores_of(
    topics: Topics, peer: Peer, request: Request
) -> Iterator[tuple[Store | QueueTopic, Gate]]:
    """The topics with records that a request covers and its user may read, in their order."""
    stores: Collection[Store | QueueTopic]
    if request.topic in topics.queues:
        stores = [topics.queues[request.topic]]
    elif request.matches_topic is None:
        named = topics.stores.get(request.topic)
        stores = [] if named is None else [named]
    else:
        stores = [store for store in topics.stores.values() if request.covers(store.topic)]
    for store in stores:
        gate = topics.gate(peer, request, store.topic)
        if gate is not None:
            yield store, gate


def matching(
    source: Source, records: Collection[Record], gate: Gate, now_ns: int
) -> tuple[list[Record], int]:
    """The records that pass a gate, and how many were looked at. Who may not read, sees none."""
    if gate.is_open:
        return list(records), len(records)
    found, hidden = [], 0
    for record in in_time(records):
        scope = source.scope(record, now_ns)
        if not gate.may_read(scope):
            hidden += 1
        elif gate.wants(scope):
            found.append(record)
    return found, len(records) - hidden


def in_time(records: Iterable[Each]) -> Iterator[Each]:
    """One by one. Raises Refused when what is done with them takes too long."""
    limit = time.monotonic() + QUERY_SECONDS_MAX
    for record in records:
        if time.monotonic() > limit:
            raise Refused("timed out", f"it took over {QUERY_SECONDS_MAX} s")
        yield record


def find(
    topics: Topics,
    peer: Peer,
    request: Request,
    *,
    shape: Shape | None = None,
    is_limited: bool = True,
) -> list[Found]:
    """All that matches, cut to what is asked for: `skip_n` and `top_n` count over all topics.

    A `shape` is filled with it and decides what is seen. Raises Refused.
    """
    found = []
    now_ns = topics.clock.time_ns()
    skip, left = (request.skip_n or 0, request.top_n) if is_limited else (0, None)
    for store, gate in stores_of(topics, peer, request):
        source = topics.source_for(peer, store.topic)
        records, examined = matching(source, store.chosen(request.sow_keys), gate, now_ns)
        if shape is None and request.projection is not None:
            aggregation = Aggregation(request.projection, source, store.topic)
            source, records = aggregation.made, aggregation.fill(in_time(records), now_ns)
        matches = len(records)
        if shape is not None:
            records, matches = shape.fill(in_time(records), now_ns)
            source = shape.made(source)
        if shape is None or not shape.is_paginated:
            ordered(records, request)
            records = records[skip:] if left is None else records[skip : skip + left]
            skip = max(skip - matches, 0)
            left = None if left is None else left - len(records)
        is_queue = request.topic in topics.queues
        found.append(Found(source, records, examined, matches, is_queue))
    return found


def ordered(records: list[Record], request: Request) -> None:
    """Puts records into the order that is asked for; without one they stay as they are."""
    order = request.order
    if order is not None:
        records.sort(key=lambda record: order.key(record.fields))


def write(
    send: Callable[[bytes], None],
    query_id: bytes,
    found: Iterable[Found],
    request: Request,
    has_single_group: bool,
) -> int:
    """Sends groups of records, one for each topic or one for all; says how many records."""
    begin = encode({"c": b"group_begin", "query_id": query_id})
    end = encode({"c": b"group_end", "query_id": query_id})
    groups = [[one] for one in found if one.records]
    if has_single_group or not groups:
        groups = [[one for group in groups for one in group]]
    returned = 0
    for group in groups:
        send(begin)
        for one in group:
            returned += len(one.records)
            for frame in _frames(query_id, one, request):
                send(frame)
        send(end)
    return returned


def _frames(query_id: bytes, found: Found, request: Request) -> Iterator[bytes]:
    start = b'{"c":"sow",%b,%b,' % (member("t", found.source.topic), member("query_id", query_id))
    has_key, has_stamp = not request.has("no_sowkey"), request.has("timestamp")
    records = found.records
    for at in range(0, len(records), request.batch_size):
        batch = records[at : at + request.batch_size]
        parts = [start, b'"bs":%d}' % len(batch)]
        for record in batch:
            body = found.source.selected(record.body, request.select)
            header = _record_header(record, len(body), has_key, has_stamp, found.has_bookmarks)
            parts += (header, body)
        payload = b"".join(parts)
        yield LENGTH.pack(len(payload)) + payload


def _record_header(
    record: Record, size: int, has_key: bool, has_stamp: bool, has_bookmark: bool
) -> bytes:
    header = b'{"l":%d' % size
    if has_key and record.key is not None:
        header = b'{%b,"l":%d' % (member("k", record.key), size)
    if has_bookmark and record.bookmark is not None:
        header += b"," + member("bm", record.bookmark)
    if record.x is not None:
        header += b"," + member("x", record.x)
    if has_stamp:
        header += b"," + member("ts", timestamp(record.time_ns))
    return header + b"}"
