"""Makes the topics of all message types, as a sandbox is told to have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable

from .aggregation import Aggregation, check
from .bodies import BodyType, body_type
from .clock import Clock
from .config import Plan, bad
from .declarations import Conflated, Topic, View
from .deliveries import Source
from .derived import ConflatedTopic, ViewTopic
from .entitlements import Entitlements
from .expressions import Filter, parse_filter, parse_projection
from .log import Log
from .queues.queue_topic import QueueTopic
from .sow import Store
from .topics import Topics

if TYPE_CHECKING:
    from .storage import Storage


def make_entitlements(plan: Plan) -> Entitlements:
    """What the users may do. Raises BadConfig."""
    try:
        return Entitlements(plan.users)
    except ValueError as error:
        raise bad(plan.where, error) from error


def make_topics(
    plan: Plan,
    message_types: Iterable[str],
    clock: Clock,
    entitlements: Entitlements,
    log: Callable[[str], None],
    txlog: Log | None = None,
) -> dict[str, Topics]:
    """The topics by message type. Raises BadConfig for what no such type can have."""
    try:
        return {
            name: _topics(plan, body_type(name, plan.composites), clock, entitlements, log, txlog)
            for name in sorted(message_types)
        }
    except ValueError as error:
        raise bad(plan.where, error) from error


def make_storage(plan: Plan) -> Storage | None:
    """Where data outlives the process, if it shall. Raises BadConfig."""
    if not plan.storage:
        return None
    try:
        from .storage import Storage  # here, for few sandboxes need it, and some Pythons lack it
    except ImportError as error:
        raise bad(plan.where, f"storage: {error}") from error
    return Storage(plan.storage)


def _topics(
    plan: Plan,
    kind: BodyType,
    clock: Clock,
    entitlements: Entitlements,
    log: Callable[[str], None],
    txlog: Log | None,
) -> Topics:
    declared = [topic for topic in plan.topics if topic.message_type == kind.name]
    for topic in declared:
        if topic.key and not kind.has_fields:
            raise ValueError(
                f"topic {topic.name!r}: key {topic.key[0]!r}: a {kind.name} message has no fields,"
                " so its publisher must name the record: want no key"
            )
    stores = [_store(topic, clock) for topic in declared]
    topics = Topics(kind, clock, stores, entitlements, log, txlog)
    for queue in plan.queues:
        if queue.message_type == kind.name and txlog is not None:
            try:
                topics.queues[_bytes(queue.name)] = QueueTopic(queue, topics, txlog)
            except ValueError as error:
                raise ValueError(f"queue {queue.name!r}: {error}") from error
    derived: list[View | Conflated] = [*plan.views, *plan.conflated]
    for made in derived:
        if made.message_type == kind.name:
            try:
                _add_view(topics, made) if isinstance(made, View) else _add_copy(topics, made)
            except ValueError as error:
                raise ValueError(f"{made.name!r}: {error}") from error
    return topics


def _add_view(topics: Topics, view: View) -> None:
    below, condition = _below(topics, view)
    projection = parse_projection(
        *(",".join(map(_bytewise, list_)) for list_ in (view.projection, view.grouping))
    )
    check(projection, below)
    name = _bytes(view.name)
    aggregation = Aggregation(projection, below, name)
    store = Store(name, topics.clock, key=aggregation.made.key_paths, is_derived=True)
    topics.add_store(store)
    topics.follow(below.topic, ViewTopic(store, aggregation, below, condition, topics))


def _add_copy(topics: Topics, copy: Conflated) -> None:
    below, condition = _below(topics, copy)
    store = Store(_bytes(copy.name), topics.clock, key=below.key_paths, is_derived=True)
    topics.add_store(store)
    follower = ConflatedTopic(store, copy.interval_s, below, condition, topics)
    topics.follow(below.topic, follower)


def _below(topics: Topics, made: View | Conflated) -> tuple[Source, Filter | None]:
    """The underlying topic, and which of its messages count."""
    condition = parse_filter(_bytewise(made.filter)) if made.filter else None
    if condition is not None and not condition.is_deterministic:
        raise ValueError("filter: it is not deterministic")
    source = topics.source(_bytes(made.underlying))
    return source._replace(keeps_records=True), condition


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _bytewise(value: str) -> str:
    return _bytes(value).decode("latin-1")


def _store(topic: Topic, clock: Clock) -> Store:
    return Store(
        _bytes(topic.name),
        clock,
        key=topic.key,
        key_domain=_bytes(topic.key_domain),
        expires=topic.expires,
        lifetime_s=topic.lifetime_s,
    )
