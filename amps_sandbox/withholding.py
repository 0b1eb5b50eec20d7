"""Keeps acks back until they are released."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .acks import ACK_TYPES

if TYPE_CHECKING:
    from .peer import Peer

WITHHELD_ACKS_MAX = 100_000  # a client whose acks exceed this is closed as a slow one


class Withholding:
    """Acks of chosen types are kept, in order, until they are released."""

    def __init__(self) -> None:
        self._rules: set[tuple[str, bytes | None]] = set()
        self._kept: list[tuple[Peer, bytes]] = []

    def begin(self, kinds: Iterable[str], client: bytes | None) -> None:
        """Keeps back these types, for one client name or for all."""
        unknown = set(kinds) - set(ACK_TYPES)
        if unknown:
            known = ", ".join(ACK_TYPES)
            raise ValueError(f"unknown ack type {min(unknown)!r}: want one of {known}")
        self._rules.update((kind, client) for kind in kinds)

    def keeps_back(self, peer: Peer, kind: str, frame: bytes) -> bool:
        if not self._rules or self._rules.isdisjoint({(kind, None), (kind, peer.name)}):
            return False
        if len(self._kept) < WITHHELD_ACKS_MAX:
            self._kept.append((peer, frame))
        else:
            peer.close("slow client", "too many acks withheld", at_once=True)
        return True

    def release(self) -> None:
        """Sends what was kept, to those who are still there; from now on acks flow again."""
        self._rules = set()
        kept, self._kept = self._kept, []
        for peer, frame in kept:
            peer.tell(frame)
