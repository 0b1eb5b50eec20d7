"""What a sandbox is told of a queue, checked as far as the queue alone decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

from ..declarations import _name, _text
from ..options import parse_seconds
from ..patterns import is_regex

SEMANTICS = ("at-least-once", "at-most-once")
FAIRNESS = ("proportional", "round-robin", "fast")
LEASING = ("sublet", "strict")
EXPIRATION_MODELS = ("default", "queue", "latest", "earliest")
TOPICS_MAX = 1_000  # that one queue is made of
COUNT_MAX = 10**9

Names = Union[str, Iterable[str]]


class Queue:
    """A topic whose messages go to one subscriber each: a view of what other topics log.

    `topics` are names or regular expressions, the queue's own name unless given; `underlying` is
    another word for them. They are logged without being told so. What is published to the queue
    goes to `default_publish_target`, by default the first of the topics that is a name. A `filter`
    leaves messages out.

    "at-least-once": a message is leased for `lease_period` ("" for ever) and comes again unless it
    is acknowledged; "at-most-once": it is gone when it is sent. A subscriber is given so many
    unacknowledged messages as it asks for, `max_per_subscription_backlog` at most, and all of them
    `max_backlog` (0: no limit). Who is next, `fairness` decides: "proportional", "round-robin" or
    "fast". With `leasing` "strict" only the holder of a lease may acknowledge.

    A message expires after `max_deliveries`, `max_cancels` (0: no limit) or its lifetime: what it
    says itself, else `expiration` ("" for ever); `expiration_model` "queue" means the queue's,
    "latest" and "earliest" one of both. `priority` is an expression, the highest goes first; those
    for which the filter `barrier` holds wait until all before them are gone, then go to everybody.

    Raises ValueError that says what is wrong.
    """

    def __init__(
        self,
        name: str,
        topics: Names = (),
        *,
        underlying: Names = (),
        message_type: str = "json",
        default_publish_target: str = "",
        filter: str = "",
        semantics: str = "at-least-once",
        lease_period: str | float = "30s",
        max_backlog: int = 0,
        max_per_subscription_backlog: int = 1,
        fairness: str = "",
        leasing: str = "sublet",
        expiration: str | float = "",
        expiration_model: str = "default",
        max_deliveries: int = 0,
        max_cancels: int = 0,
        priority: str = "",
        barrier: str = "",
    ):
        self.name = _name(name, "queue")
        self._where = f"queue {name!r}: "
        if topics and underlying:
            raise ValueError(self._where + "topics and underlying are the same: want one of them")
        self.topics = self._topics(topics or underlying)
        self.message_type = message_type
        self.target = self._target(default_publish_target)
        self.filter = _text(filter, self._where + "filter")
        self.is_at_most_once = self._one(SEMANTICS, semantics=semantics) == SEMANTICS[1]
        self.lease_s = self._seconds(lease_period=lease_period)
        self.max_backlog = self._count(0, max_backlog=max_backlog)
        self.subscription_backlog = self._count(
            1, max_per_subscription_backlog=max_per_subscription_backlog
        )
        self.fairness = self._fairness(fairness)
        self.is_strict = self._one(LEASING, leasing=leasing) == "strict"
        self.lifetime_s = self._seconds(expiration=expiration)
        self.expiration_model = self._one(EXPIRATION_MODELS, expiration_model=expiration_model)
        self.max_deliveries = self._count(0, max_deliveries=max_deliveries)
        self.max_cancels = self._count(0, max_cancels=max_cancels)
        self.priority = _text(priority, self._where + "priority")
        self.barrier = _text(barrier, self._where + "barrier")
        self._check_fit()

    def __repr__(self) -> str:
        return f"Queue({self.name!r}, topics={self.topics!r}, message_type={self.message_type!r})"

    def _check_fit(self) -> None:
        if self.priority and self.barrier:
            raise ValueError(self._where + "priority and barrier: want one of them")
        if self.is_at_most_once and (self.max_deliveries or self.max_cancels):
            raise ValueError(self._where + "at-most-once has no max_deliveries and no max_cancels")

    def _topics(self, given: Names) -> list[str]:
        if isinstance(given, str):
            given = [given]
        try:
            found = list(given)
        except TypeError:
            raise ValueError(self._where + f"topics: {given!r} is no list") from None
        if len(found) > TOPICS_MAX:
            raise ValueError(self._where + f"topics: over {TOPICS_MAX}")
        return [_name(one, self._where + "topics") for one in found] or [self.name]

    def _target(self, said: Any) -> str:
        what = self._where + "default_publish_target"
        if _text(said, what):
            return str(said)
        names = [one for one in self.topics if not _is_regex(one) or one == self.name]
        if not names:
            raise ValueError(f"{what}: none, and no topic of {self.topics!r} is a name")
        return names[0]

    def _one(self, known: tuple[str, ...], **given: Any) -> str:
        ((what, value),) = given.items()
        if value not in known:
            raise ValueError(self._where + f"{what} {value!r}: want one of {', '.join(known)}")
        return str(value)

    def _fairness(self, said: Any) -> str:
        if self.is_at_most_once:
            if said not in ("", "round-robin"):
                raise ValueError(self._where + f"fairness {said!r}: at-most-once has round-robin")
            return "round-robin"
        return self._one(FAIRNESS, fairness=said or FAIRNESS[0])

    def _count(self, least: int, **given: Any) -> int:
        ((what, value),) = given.items()
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= COUNT_MAX:
            raise ValueError(
                self._where + f"{what} {value!r}: want a number from {least} to {COUNT_MAX}"
            )
        return value

    def _seconds(self, **given: Any) -> float | None:
        """A time in seconds; None if it is empty."""
        ((what, value),) = given.items()
        if value == "" and isinstance(value, str):
            return None
        seconds = None
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            seconds = parse_seconds(str(value))
        if not seconds:
            raise ValueError(self._where + f"{what} {value!r}: want a time > 0, or '' for ever")
        return seconds


def _is_regex(name: str) -> bool:
    return is_regex(name.encode("utf-8", "surrogateescape"))


def queue_of(given: Queue | str) -> Queue:
    """A queue as such, or from its short form.

    >>> queue_of("ToDo:Work")
    Queue('ToDo', topics=['Work'], message_type='json')
    """
    if isinstance(given, Queue):
        return given
    name, colon, underlying = _text(given, "queue").partition(":")
    if not name or (colon and not underlying):
        raise ValueError(f"invalid queue {given!r}: want NAME or NAME:UNDERLYING")
    return Queue(name, [underlying] if underlying else ())
