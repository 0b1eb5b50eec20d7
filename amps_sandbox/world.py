"""Makes the topics of all message types, as a sandbox is told to have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from .bodies import BodyType, body_type
from .clock import Clock
from .config import Plan, bad
from .declarations import Topic
from .entitlements import Entitlements
from .sow import Store
from .topics import Topics


def make_topics(
    plan: Plan, message_types: Iterable[str], clock: Clock, log: Callable[[str], None]
) -> dict[str, Topics]:
    """The topics by message type. Raises BadConfig for what no such type can have."""
    try:
        entitlements = Entitlements(plan.users)
        return {
            name: _topics(plan, body_type(name, plan.composites), clock, entitlements, log)
            for name in sorted(message_types)
        }
    except ValueError as error:
        raise bad(plan.where, error) from error


def _topics(
    plan: Plan,
    kind: BodyType,
    clock: Clock,
    entitlements: Entitlements,
    log: Callable[[str], None],
) -> Topics:
    for derived in (*plan.views, *plan.conflated):
        raise ValueError(f"{derived.name!r}: views and conflated topics are not there yet")
    declared = [topic for topic in plan.topics if topic.message_type == kind.name]
    for topic in declared:
        if topic.key and not kind.has_fields:
            raise ValueError(
                f"topic {topic.name!r}: key {topic.key[0]!r}: a {kind.name} message has no fields,"
                " so its publisher must name the record: want no key"
            )
    return Topics(kind, clock, [_store(topic, clock) for topic in declared], entitlements, log)


def _store(topic: Topic, clock: Clock) -> Store:
    return Store(
        topic.name.encode("utf-8", "surrogateescape"),
        clock,
        key=topic.key,
        key_domain=topic.key_domain.encode("utf-8", "surrogateescape"),
        expires=topic.expires,
        lifetime_s=topic.lifetime_s,
    )
