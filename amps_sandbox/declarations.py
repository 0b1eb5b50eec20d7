"""What a sandbox is told to have: topics that keep records, views, conflated topics, users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Union

from .options import parse_seconds

RESERVED = "/AMPS"
KEY_PATHS_MAX = 64
NAME_BYTES_MAX = 4096

_PATH = re.compile(r"(?:/@?[\w\-.:\x80-\U0010ffff]+)+")

Paths = Union[str, Iterable[str]]


class Topic:
    """A topic with a State of the World: it keeps the newest message of each key.

    `key` is one path or several ("/id", "/id,/region", ["/id", "/region"]); with none at all, the
    publisher names each record by its `k` header. Equal values under an equal `key_domain` (the
    topic's name, unless set) make equal keys. `expiration` is "disabled", "enabled" (messages may
    say how many seconds they live) or the lifetime of those that say nothing: "30s", "5m".
    Raises ValueError that says what is wrong.
    """

    def __init__(
        self,
        name: str,
        key: Paths = (),
        message_type: str = "json",
        key_domain: str = "",
        expiration: str = "disabled",
    ):
        self.name = _name(name, "topic")
        self.key = _paths(key, f"topic {name!r}: key")
        self.message_type = message_type
        self.key_domain = _text(key_domain, f"topic {name!r}: key_domain") or name
        self.expires, self.lifetime_s = _expiration(expiration, name)

    def __repr__(self) -> str:
        return f"Topic({self.name!r}, key={list(self.key)!r}, message_type={self.message_type!r})"


class View:
    """A topic made of another one: its records grouped, and each group projected to one record."""

    def __init__(
        self,
        name: str,
        underlying: str,
        projection: Paths,
        grouping: Paths,
        message_type: str = "json",
        filter: str = "",
    ):
        self.name = _name(name, "view")
        self.underlying = _name(underlying, f"view {name!r}: underlying")
        self.projection = _list(projection, f"view {name!r}: projection")
        self.grouping = _list(grouping, f"view {name!r}: grouping")
        self.message_type = message_type
        self.filter = _text(filter, f"view {name!r}: filter")


class Conflated:
    """A copy of another topic whose records change at most once in an interval ("5s")."""

    def __init__(
        self,
        name: str,
        underlying: str,
        interval: str | float = "5s",
        message_type: str = "json",
        filter: str = "",
    ):
        self.name = _name(name, "conflated topic")
        self.underlying = _name(underlying, f"conflated topic {name!r}: underlying")
        seconds = None if isinstance(interval, bool) else parse_seconds(str(interval))
        if not seconds:
            raise ValueError(f"conflated topic {name!r}: interval {interval!r}: want a time > 0")
        self.interval_s = seconds
        self.message_type = message_type
        self.filter = _text(filter, f"conflated topic {name!r}: filter")


class Permission:
    """What a user may do with the topics that a name or regular expression says.

    `read` is True, False or a filter that a message must match to be seen; `write` one that it
    must match to be published, or a record to be deleted. `select` are the fields that may be
    seen, such as "-/,+/id"; without it all are.
    """

    def __init__(
        self, topic: str, read: bool | str = False, write: bool | str = True, select: str = ""
    ):
        self.topic = _name(topic, "permission")
        if not isinstance(read, (bool, str)):
            raise ValueError(f"permission {topic!r}: read {read!r}: want true, false or a filter")
        if not isinstance(write, (bool, str)):
            raise ValueError(f"permission {topic!r}: write {write!r}: want true, false or a filter")
        self.read = read
        self.write = write
        self.select = _text(select, f"permission {topic!r}: select")


class User:
    """Somebody who may log on. The first of `topics` that fits a topic decides, none means no.

    Without any `topics` the user may do everything; without `logon` not even come in.
    """

    def __init__(
        self,
        name: str,
        password: str = "",
        topics: Iterable[Permission | Mapping[str, Any]] | None = None,
        logon: bool = True,
    ):
        self.name = _name(name, "user")
        if not isinstance(password, str):
            raise ValueError(f"user {name!r}: the password is no text")  # and not told here
        self.password = password
        self.permissions = None if topics is None else _permissions(name, topics)
        if not isinstance(logon, bool):
            raise ValueError(f"user {name!r}: logon {logon!r}: want true or false")
        self.logon = logon


def _permissions(user: str, given: Any) -> list[Permission]:
    if not isinstance(given, Iterable):
        raise ValueError(f"user {user!r}: topics: {given!r} is no list")
    return [_permission(user, one) for one in given]


def _permission(user: str, given: Permission | Mapping[str, Any]) -> Permission:
    if isinstance(given, Permission):
        return given
    if not isinstance(given, Mapping):
        raise ValueError(f"user {user!r}: topics: {given!r}: want a table")
    unknown = set(given) - {"topic", "read", "write", "select"}
    if unknown:
        raise ValueError(f"user {user!r}: topics: unknown key {min(unknown)!r}")
    if "topic" not in given:
        raise ValueError(f"user {user!r}: topics: an entry without 'topic'")
    return Permission(**given)


def topic_of(given: Topic | str) -> Topic:
    """A topic as such, or from its short form.

    >>> topic_of("orders:/id,/region")
    Topic('orders', key=['/id', '/region'], message_type='json')
    """
    if isinstance(given, Topic):
        return given
    name, colon, key = _text(given, "topic").partition(":")
    if not (name and colon and key):
        raise ValueError(f"invalid topic {given!r}: want NAME:/key[,/key2]")
    return Topic(name, key)


def user_of(given: User | tuple[str, str]) -> User:
    return given if isinstance(given, User) else User(*given)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what}: {value!r} is no text")
    return value


def _name(value: Any, what: str) -> str:
    if not _text(value, what):
        raise ValueError(f"{what}: an empty name")
    if len(value.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise ValueError(f"{what}: a name over {NAME_BYTES_MAX} bytes")
    return str(value)


def _list(value: Paths, what: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    try:
        found = list(value)
    except TypeError:
        raise ValueError(f"{what}: {value!r} is no list") from None
    return [_text(item, what) for item in found]


def _paths(value: Paths, what: str) -> tuple[str, ...]:
    """Paths one by one, in the form that messages' fields have: one character per byte."""
    items = value.split(",") if isinstance(value, str) else _list(value, what)
    paths = [item.strip() for item in items]
    if len(paths) > KEY_PATHS_MAX:
        raise ValueError(f"{what}: over {KEY_PATHS_MAX} paths")
    for path in paths:
        if not _PATH.fullmatch(path):
            raise ValueError(f"{what} {path!r}: want a path such as /id")
    return tuple(path.encode("utf-8", "surrogateescape").decode("latin-1") for path in paths)


def _expiration(value: Any, name: str) -> tuple[bool, float | None]:
    """Whether records may expire, and the lifetime of those whose message says none."""
    if value in ("disabled", "enabled"):
        return value == "enabled", None
    seconds = parse_seconds(str(value)) if isinstance(value, (str, int, float)) else None
    if not seconds or isinstance(value, bool):
        raise ValueError(
            f"topic {name!r}: expiration {value!r}: want 'disabled', 'enabled' or a time"
        )
    return True, seconds
