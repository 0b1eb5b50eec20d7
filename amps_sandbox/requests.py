"""What a command that reads asks for, taken from its header and checked."""

from __future__ import annotations

from typing import Callable

from .acks import Refused
from .bodies import Select
from .conflation import AUTO_S
from .declarations import KEY_PATHS_MAX, RESERVED as RESERVED_NAMES
from .expressions import (
    BadExpression,
    Filter,
    Order,
    Projection,
    parse_filter,
    parse_order,
    parse_projection,
)
from .options import parse_options, parse_seconds, split_list, unbracketed
from .patterns import is_regex, topic_pattern
from .trace import text
from .wire import INTEGER_MAX, Header

BATCH_SIZE_MAX = 10_000
RESERVED = RESERVED_NAMES.encode()

FLAGS = {"replace", "timestamp", "oof", "no_empties", "send_keys", "no_sowkey", "non_regex_topic"}
VALUES = {"top_n", "skip_n", "select", "conflation", "conflation_key", "projection", "grouping"}
OF_QUEUES = {"max_backlog", "cancel", "expire"}
PAGING = {b"sow_and_subscribe", b"sow_and_delta_subscribe"}
AGGREGATING = {b"sow", *PAGING}
OF_REPLAYS = {"pause", "resume", "rate", "rate_max_gap", "bookmark_not_found"}
IGNORED = {"live", "fully_durable", "bookmark"}  # known, and without effect on what is live

_LEGACY = (
    ("send_oof", b"true", "oof"),
    ("send_keys", b"true", "send_keys"),
    ("send_empty", b"false", "no_empties"),
)


class Request:
    """One read command's wishes. Raises Refused with the reason that its ack says.

    `tell` is given a line when a regular expression was given up because it took too long.
    """

    def __init__(self, header: Header, tell: Callable[[str], None] | None = None):
        self.verb: bytes = header["c"]
        self.options = parse_options(text(header.get("opts", b"")))
        for name, value, option in _LEGACY:
            if header.get(name, b"").lower() == value:
                self.options.setdefault(option, "")
        self.topic: bytes = header.get("t") or _refuse("no topic")
        self.matches_topic: Callable[[bytes], bool] | None = None  # None: this topic and no other
        if "non_regex_topic" not in self.options and is_regex(self.topic):
            self.matches_topic = pattern_of(self.topic, tell)
        self.filter = filter_of(header)
        self.order = _order(header)
        self.batch_size = header.get("bs", 1) or 1
        if self.batch_size > BATCH_SIZE_MAX:
            raise Refused("batch size too large", f"{self.batch_size} records")
        self.sow_keys = keys_of(header)
        self.top_n = self._count(header, "top_n")
        self.skip_n = self._count(header, "skip_n")
        if self.skip_n is not None and self.top_n is None:
            raise Refused("invalid options", "skip_n without top_n")
        if self.skip_n is not None and self.verb == b"sow" and self.order is None:
            raise Refused("orderby required", "skip_n")
        self.select = self._select()
        self.projection = self._projection()
        self.conflation_s, self.conflation_key = self._conflation()
        if self.is_paginated and self.matches_topic is not None:
            raise Refused("invalid options", "a page of more than one topic")

    @property
    def is_delta(self) -> bool:
        return self.verb in (b"delta_subscribe", b"sow_and_delta_subscribe")

    @property
    def is_query(self) -> bool:
        """Whether the records that are there come first."""
        return self.verb in AGGREGATING

    @property
    def is_paginated(self) -> bool:
        """Whether a subscription shows a page, rather than its query alone."""
        has_both = self.top_n is not None and self.skip_n is not None
        return has_both and self.verb in PAGING

    @property
    def unknown_options(self) -> list[str]:
        return sorted(set(self.options) - FLAGS - VALUES - OF_REPLAYS - OF_QUEUES - IGNORED)

    def has(self, option: str) -> bool:
        return option in self.options

    @property
    def projected_by(self) -> tuple[str, ...]:
        """What a replacement of a projected subscription must say again; empty for others."""
        if self.projection is None:
            return ()
        condition = self.filter.text if self.filter else ""
        return self._bytewise("projection"), self._bytewise("grouping"), condition

    def covers(self, topic: bytes) -> bool:
        if self.matches_topic is None:
            return topic == self.topic
        if topic.startswith(RESERVED) and not self.topic.lstrip(b"^").startswith(RESERVED):
            return False  # who means all topics does not mean the server's own
        return self.matches_topic(topic)

    def refuse_replay(self, header: Header, has_log: bool) -> None:
        """Refuses what only a replay can be, and what a replay cannot."""
        is_replay = header.get("bm") and not self.is_query
        if header.get("bm"):  # a query has the records of now, whatever it begins with
            if self.is_delta or self.projection is not None:
                raise Refused("invalid options", "a bookmark with deltas or a projection")
            if is_replay and not has_log:
                raise Refused("invalid topic", "a bookmark, but there is no log")
        if not is_replay and {"pause", "resume", "rate", "rate_max_gap"} & set(self.options):
            raise Refused("invalid options", "pause, resume or rate without a replay")

    def refuse_chance(self) -> None:
        """Refuses a filter whose answer may change while the record does not."""
        if self.filter is not None and not self.filter.is_deterministic:
            raise Refused("bad filter", "not deterministic")

    def _count(self, header: Header, name: str) -> int | None:
        said = self.options.get(name)
        if said is None:
            return header.get(name)
        digits = said.lstrip("0") or "0"
        if not (said.isascii() and said.isdigit() and len(digits) <= len(str(INTEGER_MAX[name]))):
            raise Refused("invalid options", f"{name}={said}")
        return int(digits)

    def _select(self) -> Select | None:
        if not self.has("select"):
            return None
        try:
            return Select.parse(self._bytewise("select"))
        except ValueError as error:
            raise Refused("invalid options", error) from error

    def _projection(self) -> Projection | None:
        lists = [self._bytewise(name) for name in ("projection", "grouping")]
        if lists == ["", ""]:
            return None
        problem = ""
        if not all(lists):
            problem = "projection and grouping need each other"
        elif self.verb not in AGGREGATING:
            problem = f"no projection in {text(self.verb)}"
        elif self.matches_topic is not None:
            problem = "a projection of more than one topic"
        elif self.select is not None:
            problem = "select and a projection"
        if problem:
            raise Refused("invalid options", problem)
        try:
            return parse_projection(*map(unbracketed, lists))
        except BadExpression as error:
            raise Refused("invalid options", error) from error

    def _conflation(self) -> tuple[float | None, tuple[str, ...]]:
        """The interval in seconds, and the paths that messages are conflated by."""
        said = self.options.get("conflation", "").lower()
        paths = tuple(filter(None, split_list(unbracketed(self._bytewise("conflation_key")))))
        if not said and paths:
            raise Refused("invalid options", "conflation_key without conflation")
        if said in ("", "none"):
            return None, paths
        interval_s = AUTO_S if said == "auto" else parse_seconds(said)
        is_key = len(paths) <= KEY_PATHS_MAX and all(path.startswith("/") for path in paths)
        if not interval_s or not is_key:
            raise Refused("invalid options", f"conflation={said}, key {','.join(paths)}")
        return interval_s, paths

    def _bytewise(self, name: str) -> str:
        """An option's value with one character per byte, as expressions read it."""
        return self.options.get(name, "").encode("utf-8", "surrogateescape").decode("latin-1")


def _refuse(reason: str) -> bytes:
    raise Refused(reason)


def pattern_of(topic: bytes, tell: Callable[[str], None] | None = None) -> Callable[[bytes], bool]:
    """Which topics a regular expression means."""
    try:
        return topic_pattern(topic, tell)
    except BadExpression as error:
        raise Refused("bad regex topic", f"{text(topic[:100])}: {error}") from error


def filter_of(header: Header) -> Filter | None:
    """The filter of a command, if it has one."""
    said = header.get("filter")
    if not said:
        return None
    try:
        return parse_filter(said.decode("latin-1"))
    except BadExpression as error:
        raise Refused("bad filter", error) from error


def _order(header: Header) -> Order | None:
    said = header.get("orderby")
    if not said:
        return None
    try:
        return parse_order(said.decode("latin-1"))
    except BadExpression as error:
        raise Refused("invalid orderby", error) from error


def keys_of(header: Header) -> frozenset[bytes] | None:
    """The keys that a command names; None if it names none."""
    said = header.get("sow_keys")
    if not said:
        return None
    return frozenset(key.strip() for key in said.split(b",")) - {b""}
