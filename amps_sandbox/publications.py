"""One message on its way into a topic."""

from __future__ import annotations

from typing import NamedTuple

from .log import Identity


class Publication(NamedTuple):
    """One message for a topic that keeps records. `lifetime_s` is what it says itself."""

    body: bytes
    key: bytes | None = None
    x: bytes | None = None
    lifetime_s: int | None = None
    is_delta: bool = False
    user_id: bytes | None = None  # as subscribers are told
    user: bytes | None = None
    identity: Identity | None = None  # without one it is not logged
