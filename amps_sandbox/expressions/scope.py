"""Holds what an expression may ask about one message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Union

Text = Union[str, bytes, None]

_NO_FIELDS: Mapping[str, Any] = {}


class Scope:
    """One message, its record and who asks. None is NULL; texts may be bytes or Latin-1 text.

    `now` is the clock's time in seconds, or None for the system's. `tell` is given a line when a
    pattern was given up because it took too long.
    """

    __slots__ = (
        "aggregates",
        "bookmark",
        "client_name",
        "correlation_id",
        "fields",
        "instance_name",
        "last_leased",
        "last_updated",
        "lease_count",
        "message_size",
        "now",
        "sow_key",
        "tell",
        "topic",
        "user",
        "watch",
    )

    def __init__(
        self,
        fields: Mapping[str, Any] = _NO_FIELDS,
        *,
        topic: Text = None,
        sow_key: Text = None,
        bookmark: Text = None,
        correlation_id: Text = None,
        message_size: int | None = None,
        last_updated: Any = None,
        client_name: Text = None,
        user: Text = None,
        instance_name: Text = None,
        lease_count: int | None = None,
        last_leased: Any = None,
        now: float | None = None,
        tell: Callable[[str], None] | None = None,
    ):
        self.fields = fields
        self.topic = topic
        self.sow_key = sow_key
        self.bookmark = bookmark
        self.correlation_id = correlation_id
        self.message_size = message_size
        self.last_updated = last_updated
        self.client_name = client_name
        self.user = user
        self.instance_name = instance_name
        self.lease_count = lease_count
        self.last_leased = last_leased
        self.now = now
        self.tell = tell
        self.watch: Any = None
        self.aggregates: Any = ()
