"""Decides who may read and write which topics, and which of their messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple, Union

from .declarations import Permission, User
from .expressions import BadExpression, Filter, parse_filter
from .patterns import name_or_pattern

Allowed = Union[bool, Filter]


class _Rule(NamedTuple):
    fits: Callable[[bytes], bool]
    read: Allowed
    write: Allowed


class Entitlements:
    """What the users may do. While nobody has any permissions listed, all may do all."""

    def __init__(self, users: Iterable[User]):
        self._rules: dict[str, list[_Rule] | None] = {
            user.name: None
            if user.permissions is None
            else [_rule(user.name, one) for one in user.permissions]
            for user in users
        }
        self._is_open = all(rules is None for rules in self._rules.values())

    def reading(self, user: str, topic: bytes) -> Allowed:
        """True, False, or the filter of the messages that this user may read."""
        rule = self._rule(user, topic)
        return rule if isinstance(rule, bool) else rule.read

    def writing(self, user: str, topic: bytes) -> Allowed:
        """True, False, or the filter of the messages that this user may publish or delete."""
        rule = self._rule(user, topic)
        return rule if isinstance(rule, bool) else rule.write

    def _rule(self, user: str, topic: bytes) -> bool | _Rule:
        """The first rule that fits; without one, what is so for all messages."""
        if self._is_open:
            return True
        rules = self._rules.get(user, [])
        if rules is None:
            return True
        return next((rule for rule in rules if rule.fits(topic)), False)


def _rule(user: str, permission: Permission) -> _Rule:
    try:
        fits = name_or_pattern(permission.topic.encode("utf-8", "surrogateescape"))
        return _Rule(fits, _allowed(permission.read), _allowed(permission.write))
    except BadExpression as error:
        raise ValueError(f"user {user!r}: permission {permission.topic!r}: {error}") from error


def _allowed(said: bool | str) -> Allowed:
    if isinstance(said, bool):
        return said
    return parse_filter(said.encode("utf-8", "surrogateescape").decode("latin-1"))
