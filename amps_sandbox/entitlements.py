"""Decides who may read which topics, and which of their messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple, Union

from .declarations import Permission, User
from .expressions import BadExpression, Filter, parse_filter
from .patterns import name_or_pattern

Readable = Union[bool, Filter]


class _Rule(NamedTuple):
    fits: Callable[[bytes], bool]
    read: Readable


class Entitlements:
    """What the users may read. While nobody has any permissions listed, all may read all."""

    def __init__(self, users: Iterable[User]):
        self._rules: dict[str, list[_Rule] | None] = {
            user.name: None
            if user.permissions is None
            else [_rule(user.name, one) for one in user.permissions]
            for user in users
        }
        self._is_open = all(rules is None for rules in self._rules.values())

    def reading(self, user: str, topic: bytes) -> Readable:
        """True, False, or the filter of the messages that this user may read."""
        if self._is_open:
            return True
        rules = self._rules.get(user, [])
        if rules is None:
            return True
        return next((rule.read for rule in rules if rule.fits(topic)), False)


def _rule(user: str, permission: Permission) -> _Rule:
    try:
        read: Readable
        if isinstance(permission.read, bool):
            read = permission.read
        else:
            text = permission.read.encode("utf-8", "surrogateescape").decode("latin-1")
            read = parse_filter(text)
        return _Rule(name_or_pattern(permission.topic.encode("utf-8", "surrogateescape")), read)
    except BadExpression as error:
        raise ValueError(f"user {user!r}: permission {permission.topic!r}: {error}") from error
