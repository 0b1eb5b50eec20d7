"""Remembers what became of a queue's messages, for tests that want to know."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from ..trace import text

ACKNOWLEDGED, EXPIRED, DELIVERED = b"", b"expired", b"delivered"  # why it is gone, as logged


class QueueInfo(NamedTuple):
    """A queue as it is, and what became of its messages. Bookmarks are those of the log.

    `acknowledged` and `expired` count how often the log says so of each bookmark; `deliveries` how
    often each was sent to anybody, `by_client` and `by_subscription` (client name and id) to whom.
    `late_acks` were of messages that were gone, leased to others, or never there.
    """

    name: str
    message_type: str
    waiting: int
    leased: int
    acknowledged: dict[str, int]
    expired: dict[str, int]
    deliveries: dict[str, int]
    by_client: dict[str, int]
    by_subscription: dict[tuple[str, str], int]
    late_acks: int

    @property
    def depth(self) -> int:
        """How many messages are neither acknowledged nor gone otherwise."""
        return self.waiting + self.leased


class Ledger:
    """What became of the messages of one queue."""

    def __init__(self) -> None:
        self.acknowledged: Counter[bytes] = Counter()
        self.expired: Counter[bytes] = Counter()
        self.deliveries: Counter[bytes] = Counter()
        self.receivers: Counter[tuple[bytes, bytes]] = Counter()
        self.late_acks = 0

    def delivered(self, bookmark: bytes, client: bytes, sub_id: bytes) -> None:
        self.deliveries[bookmark] += 1
        self.receivers[client, sub_id] += 1

    def gone(self, bookmark: bytes, why: bytes) -> None:
        """The log says that a message is gone."""
        if why == ACKNOWLEDGED:
            self.acknowledged[bookmark] += 1
        elif why == EXPIRED:
            self.expired[bookmark] += 1

    def forget_log(self) -> None:
        """The log will be read again from its beginning."""
        self.acknowledged.clear()
        self.expired.clear()

    def go_on_from(self, before: Ledger) -> None:
        """Takes over what no log knows."""
        self.deliveries, self.receivers = before.deliveries, before.receivers
        self.late_acks = before.late_acks

    def shown(self, name: str, message_type: str, waiting: int, leased: int) -> QueueInfo:
        by_client: Counter[str] = Counter()
        for (client, _), count in self.receivers.items():
            by_client[text(client)] += count
        return QueueInfo(
            name,
            message_type,
            waiting,
            leased,
            _texts(self.acknowledged),
            _texts(self.expired),
            _texts(self.deliveries),
            dict(by_client),
            {(text(one), text(two)): count for (one, two), count in self.receivers.items()},
            self.late_acks,
        )


def _texts(counts: Counter[bytes]) -> dict[str, int]:
    return {text(bookmark): count for bookmark, count in counts.items()}
