"""Makes consumers of subscriptions to a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..acks import Refused
from .consumers import Consumer

if TYPE_CHECKING:
    from ..requests import Request
    from ..subscriptions import Subscription

BACKLOG_DIGITS_MAX = 9


def consumer_of(subscription: Subscription) -> Consumer | None:
    """The part that a subscription will have in a queue; None if it is about none.

    Raises Refused.
    """
    peer, request = subscription.peer, subscription.request
    queue = peer.topics.queues.get(request.topic)
    if queue is None:
        return None
    if request.projection is not None:
        raise Refused("invalid options", "a projection of a queue's messages to come")
    gate = peer.topics.gate(peer, request, queue.topic)
    if gate is None:  # a replacement by what may not be read: allowed, and there is nothing
        return None
    backlog = min(_wanted_backlog(request), queue.declared.subscription_backlog)
    return Consumer(queue, subscription, gate, backlog)


def _wanted_backlog(request: Request) -> int:
    said = request.options.get("max_backlog", "1")
    if not (said.isascii() and said.isdigit() and len(said) <= BACKLOG_DIGITS_MAX):
        raise Refused("invalid options", f"max_backlog={said}")
    return int(said)


def granted(subscription: Subscription) -> dict[str, bytes]:
    """What the processed ack of a subscription to a queue says more than others."""
    consumer = subscription.consumer
    return {} if consumer is None else {"opts": b"max_backlog=%d" % consumer.backlog}


def begin(consumer: Consumer, before: Subscription | None) -> None:
    """Lets a consumer take part, in the place of the one that its subscription replaces."""
    former = None if before is None else before.consumer
    if former is not None and former.queue is not consumer.queue:
        former = None
    consumer.queue.join(consumer, former)
    consumer.queue.pump()
