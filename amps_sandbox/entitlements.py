"""Decides who may read and write which topics, and which of their messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple, Union

from .bodies import Select
from .declarations import Permission, User
from .expressions import Filter, parse_filter
from .patterns import name_or_pattern

Allowed = Union[bool, Filter]


class _Rule(NamedTuple):
    fits: Callable[[bytes], bool]
    read: Allowed
    write: Allowed
    shown: Select | None


class Entitlements:
    """What the users may do. While nobody has any permissions listed, all may do all.

    Raises ValueError that names the user and the permission that is wrong.
    """

    def __init__(self, users: Iterable[User]):
        self._rules: dict[str, list[_Rule] | None] = {}
        self._kept_out: set[str] = set()
        for user in users:
            self._rules[user.name] = _rules(user.name, user.permissions)
            if not user.logon:
                self._kept_out.add(user.name)
        self._is_open = self._says_nothing()

    def _says_nothing(self) -> bool:
        return all(rules is None for rules in self._rules.values())

    def change(
        self, user: str, permissions: list[Permission] | None, logon: bool
    ) -> Callable[[str], bool]:
        """Gives a user other permissions. Says whom that concerns: the first permissions of all
        take everything from those who are no users of this sandbox."""
        self._rules[user] = _rules(user, permissions)
        was_open, self._is_open = self._is_open, self._says_nothing()
        (self._kept_out.discard if logon else self._kept_out.add)(user)
        known = set(self._rules) if was_open != self._is_open else None
        return lambda name: name == user or (known is not None and name not in known)

    def may_log_on(self, user: str) -> bool:
        return user not in self._kept_out

    def reading(self, user: str, topic: bytes) -> Allowed:
        """True, False, or the filter of the messages that this user may read."""
        rule = self._rule(user, topic)
        return rule if isinstance(rule, bool) else rule.read

    def writing(self, user: str, topic: bytes) -> Allowed:
        """True, False, or the filter of the messages that this user may publish or delete."""
        rule = self._rule(user, topic)
        return rule if isinstance(rule, bool) else rule.write

    def shown(self, user: str, topic: bytes) -> Select | None:
        """The fields of a message that this user may see; None if all."""
        rule = self._rule(user, topic)
        return None if isinstance(rule, bool) else rule.shown

    def _rule(self, user: str, topic: bytes) -> bool | _Rule:
        """The first rule that fits; without one, what is so for all messages. Where that cannot
        be found out, for a search takes too long, nothing is allowed."""
        if self._is_open:
            return True
        rules = self._rules.get(user, [])
        if rules is None:
            return True
        try:
            return next((rule for rule in rules if rule.fits(topic)), False)
        except TimeoutError:
            return False


def _rules(user: str, permissions: Iterable[Permission] | None) -> list[_Rule] | None:
    return None if permissions is None else [_rule(user, one) for one in permissions]


def _rule(user: str, permission: Permission) -> _Rule:
    try:
        name = permission.topic.encode("utf-8", "surrogateescape")
        fits = name_or_pattern(name, _give_up)
        shown = Select.parse(_bytewise(permission.select)) if permission.select else None
        return _Rule(fits, _allowed(permission.read), _allowed(permission.write), shown)
    except ValueError as error:
        raise ValueError(f"user {user!r}: permission {permission.topic!r}: {error}") from error


def _give_up(line: str) -> None:
    raise TimeoutError(line)


def _allowed(said: bool | str) -> Allowed:
    return said if isinstance(said, bool) else parse_filter(_bytewise(said))


def _bytewise(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
