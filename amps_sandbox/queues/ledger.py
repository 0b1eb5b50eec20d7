"""Remembers what became of a queue's messages, for tests that want to know."""

from __future__ import annotations

from collections import Counter

ACKNOWLEDGED, EXPIRED, DELIVERED = b"", b"expired", b"delivered"  # why it is gone, as logged


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
