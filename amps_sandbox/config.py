"""Brings together what a sandbox has: from a TOML file, a dict, and its arguments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple, Union

from .declarations import RESERVED, Conflated, Topic, User, View, topic_of, user_of
from .expressions import BadExpression
from .logon import MODES
from .options import parse_seconds
from .patterns import name_or_pattern
from .queues.declaration import Queue, queue_of

DUPLICATES = ("failure", "success")  # how a publish is acked that was there before
REGEX_GROUPS = ("per_topic", "single")
PARTS_MAX = 64  # of a composite message type
COMPOSITES = ("composite-local", "composite-global")

Source = Union[None, str, "os.PathLike[str]", Mapping[str, Any]]
Users = Union[Mapping[str, str], Iterable[Union[User, "tuple[str, str]"]]]


class BadConfig(ValueError):
    """A configuration that cannot be used: which file, which key, and why."""


class Plan(NamedTuple):
    """All that a sandbox is told to have, and `where` that is said."""

    where: str
    name: str
    listen: list[str]
    message_types: frozenset[str]
    composites: dict[str, tuple[str, list[str]]]
    topics: list[Topic]
    views: list[View]
    conflated: list[Conflated]
    queues: list[Queue]
    users: list[User]
    has_single_group: bool
    txlog: list[str]
    ack_conflation_s: float
    duplicates_fail: bool
    storage: str
    auth: str | None = None  # None: passwords, if there are users
    expose_user: bool = False


def plan(
    config: Source = None,
    *,
    message_types: Iterable[str],
    topics: Iterable[Topic | str] = (),
    views: Iterable[View] = (),
    conflated: Iterable[Conflated] = (),
    queues: Iterable[Queue | str] = (),
    users: Users = (),
    txlog: Iterable[str] = (),
    ack_conflation: str | float | None = None,
    duplicate_acks: str | None = None,
    db: str | os.PathLike[str] = "",
) -> Plan:
    """Everything of both, the file's first. Raises BadConfig, and OSError if there is no file."""
    source, where = _read(config)
    try:
        told = _Told(source)
        types = told.words("message_types")
        composites = told.composites()
        pairs = users.items() if isinstance(users, Mapping) else users
        queued = told.each("queue", Queue) + [queue_of(queue) for queue in queues]
        logged = [topic for queue in queued for topic in queue.topics]
        found = Plan(
            where=where,
            name=told.text("name") or "SANDBOX",
            listen=told.listeners(),
            message_types=frozenset(types or message_types) | frozenset(composites),
            composites=composites,
            topics=told.each("topic", Topic) + [topic_of(topic) for topic in topics],
            views=told.each("view", View) + list(views),
            conflated=told.each("conflated", Conflated) + list(conflated),
            queues=queued,
            users=told.each("user", User) + [user_of(user) for user in pairs],
            has_single_group=told.regex_groups() == "single",
            txlog=told.logged() + _logged([*_listed(txlog), *logged]),
            storage=os.fspath(db) or told.storage(),
            **told.acks(ack_conflation, duplicate_acks),
            **told.auth(),
        )
        told.refuse_the_rest()
        _check(found)
    except ValueError as error:
        raise bad(where, error) from error
    return found


def bad(where: str, problem: object) -> BadConfig:
    return BadConfig(f"{where}: {problem}" if where else str(problem))


def _read(config: Source) -> tuple[dict[str, Any], str]:
    """What it says, and the name of its file."""
    if config is None:
        return {}, ""
    if isinstance(config, Mapping):
        return dict(config), "config"
    where = os.fspath(config)
    try:
        import tomllib  # here, for a sandbox without a file needs none, and 3.10 has none
    except ImportError:
        raise BadConfig(
            f"{where}: a TOML file needs Python 3.11 or later: pass a dict instead"
        ) from None
    try:
        with open(where, "rb") as file:  # noqa: PTH123 (pathlib would be one more import)
            return tomllib.load(file), where
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{where}: {error}") from error


class _Told:
    """A configuration from which one key after the other is taken."""

    def __init__(self, source: dict[str, Any]):
        self._left = source

    def refuse_the_rest(self) -> None:
        if self._left:
            raise ValueError(f"unknown key {min(map(str, self._left))!r}")

    def text(self, key: str) -> str:
        value = self._left.pop(key, "")
        if not isinstance(value, str):
            raise ValueError(f"{key}: {value!r} is no text")
        return value

    def words(self, key: str) -> list[str]:
        return _words(self._left.pop(key, []), key)

    def each(self, key: str, make: Callable[..., Any]) -> list[Any]:
        found = self._left.pop(key, [])
        if not isinstance(found, list):
            raise ValueError(f"{key}: want a list of tables")
        return [_made(make, entry, f"{key} {at + 1}") for at, entry in enumerate(found)]

    def listeners(self) -> list[str]:
        return [str(one.address) for one in self.each("listener", _Listen)]

    def composites(self) -> dict[str, tuple[str, list[str]]]:
        found = self._left.pop("composite", {})
        if not isinstance(found, Mapping):
            raise ValueError("composite: want a table of message types")
        return {
            str(name): _made(_Composite, entry, f"composite.{name}").parts()
            for name, entry in found.items()
        }

    def regex_groups(self) -> str:
        found = self._left.pop("sow", {})
        return "" if found == {} else str(_made(_Sow, found, "sow").regex_groups)

    def logged(self) -> list[str]:
        found = self._left.pop("txlog", {})
        return [] if found == {} else list(_made(_Txlog, found, "txlog").topics)

    def storage(self) -> str:
        found = self._left.pop("storage", {})
        return "" if found == {} else str(_made(_Storage, found, "storage").path)

    def auth(self) -> dict[str, Any]:
        found = self._left.pop("auth", {})
        return {} if found == {} else vars(_made(_Auth, found, "auth"))

    def acks(self, conflation: str | float | None, duplicate: str | None) -> dict[str, Any]:
        found = self._left.pop("acks", {})
        said = {"conflation": conflation, "duplicate": duplicate}
        if isinstance(found, Mapping):
            found = {**found, **{name: value for name, value in said.items() if value is not None}}
        made = _made(_Acks, found, "acks")
        return {"ack_conflation_s": made.conflation_s, "duplicates_fail": made.duplicates_fail}


def _made(make: Callable[..., Any], entry: Any, where: str) -> Any:
    """One table as an object; a key that its maker does not know is refused by name."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: want a table")
    from inspect import signature  # here, for it is slow to import and few need it

    known = list(signature(make).parameters.values())
    names = [parameter.name for parameter in known]
    for key in entry:
        if key not in names:
            raise ValueError(f"{where}: unknown key {key!r}")
    for parameter in known:
        if parameter.default is parameter.empty and parameter.name not in entry:
            raise ValueError(f"{where}: no {parameter.name!r}")
    try:
        return make(**entry)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


class _Listen:
    def __init__(self, address: str):
        self.address = address


class _Sow:
    def __init__(self, regex_groups: str = "per_topic"):
        if regex_groups not in REGEX_GROUPS:
            known = ", ".join(REGEX_GROUPS)
            raise ValueError(f"regex_groups {regex_groups!r}: want one of {known}")
        self.regex_groups = regex_groups


class _Txlog:
    def __init__(self, topics: list[str]):
        self.topics = _logged(_words(topics, "topics"))


def _listed(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _logged(topics: list[str]) -> list[str]:
    for topic in topics:
        if not isinstance(topic, str) or not topic:
            raise ValueError(f"txlog: {topic!r}: want a topic or a regular expression")
        try:
            name_or_pattern(topic.encode("utf-8", "surrogateescape"))
        except BadExpression as error:
            raise ValueError(f"txlog: {topic!r}: {error}") from error
    return topics


class _Storage:
    def __init__(self, path: str = ""):
        if not isinstance(path, str):
            raise ValueError(f"path {path!r}: want the name of a file")
        self.path = path


class _Acks:
    def __init__(self, conflation: str | float = "1s", duplicate: str = "failure"):
        interval_s = None if isinstance(conflation, bool) else parse_seconds(str(conflation))
        if interval_s is None:
            raise ValueError(f"conflation {conflation!r}: want a time")
        if duplicate not in DUPLICATES:
            raise ValueError(f"duplicate {duplicate!r}: want one of {', '.join(DUPLICATES)}")
        self.conflation_s = interval_s
        self.duplicates_fail = duplicate == "failure"


class _Auth:
    def __init__(self, mode: str | None = None, expose_user: bool = False):
        if mode is not None and mode not in MODES:
            raise ValueError(f"mode {mode!r}: want one of {', '.join(MODES)}")
        if not isinstance(expose_user, bool):
            raise ValueError(f"expose_user {expose_user!r}: want true or false")
        self.auth = mode
        self.expose_user = expose_user


class _Composite:
    def __init__(self, module: str, parts: list[str]):
        if module not in COMPOSITES:
            raise ValueError(f"module {module!r}: want one of {', '.join(COMPOSITES)}")
        self._parts = module, _words(parts, "parts")
        if not 1 <= len(self._parts[1]) <= PARTS_MAX:
            raise ValueError(f"parts: want 1 to {PARTS_MAX}")

    def parts(self) -> tuple[str, list[str]]:
        return self._parts


def _words(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise ValueError(f"{what}: want a list of names")
    return value


def _check(plan: Plan) -> None:
    """What concerns more than one of them: names twice, underlying topics that are not there."""
    named: set[tuple[str, str]] = set()
    queues = {(queue.message_type, queue.name) for queue in plan.queues}
    declared: list[Topic | View | Conflated] = [*plan.topics, *plan.views, *plan.conflated]
    for topic in declared:
        if topic.message_type not in plan.message_types:
            raise ValueError(f"{topic.name!r}: unknown message type {topic.message_type!r}")
        if topic.name.startswith(RESERVED):
            raise ValueError(f"{topic.name!r}: names under {RESERVED} are the server's own")
        underlying = getattr(topic, "underlying", None)
        below = named | queues if isinstance(topic, View) else named
        if underlying is not None and (topic.message_type, underlying) not in below:
            raise ValueError(f"{topic.name!r}: no topic {underlying!r} declared before it")
        if (topic.message_type, topic.name) in named:
            raise ValueError(f"{topic.name!r}: declared twice")
        named.add((topic.message_type, topic.name))
    _check_queues(plan, named)
    users: set[str] = set()
    for user in plan.users:
        if user.name in users:
            raise ValueError(f"user {user.name!r}: declared twice")
        users.add(user.name)


def _check_queues(plan: Plan, named: set[tuple[str, str]]) -> None:
    """Queues are made of topics that are published to, and not of each other."""
    made = {(one.message_type, one.name) for one in (*plan.views, *plan.conflated)}
    queues = {(queue.message_type, queue.name) for queue in plan.queues}
    for queue in plan.queues:
        where = f"queue {queue.name!r}: "
        if queue.message_type not in plan.message_types:
            raise ValueError(where + f"unknown message type {queue.message_type!r}")
        for name in (queue.name, queue.target):
            if name.startswith(RESERVED):
                raise ValueError(where + f"{name!r}: names under {RESERVED} are the server's own")
        if (queue.message_type, queue.name) in named:
            raise ValueError(where + "declared twice")
        named.add((queue.message_type, queue.name))
        for topic in (*queue.topics, queue.target):
            known = queue.message_type, topic
            if known in made or (known in queues and topic != queue.name):
                raise ValueError(where + f"topic {topic!r} is made of others")
        if not any(name_or_pattern(_bytes(one))(_bytes(queue.target)) for one in queue.topics):
            raise ValueError(
                where + f"default_publish_target {queue.target!r} is none of its topics"
            )


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
