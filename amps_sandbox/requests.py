"""What a command that reads asks for, taken from its header and checked."""

from __future__ import annotations

from typing import Callable

from .acks import Refused
from .bodies import Select
from .expressions import BadExpression, Filter, Order, parse_filter, parse_order
from .options import parse_options
from .patterns import is_regex, topic_pattern
from .trace import text
from .wire import INTEGER_MAX, Header

BATCH_SIZE_MAX = 10_000

FLAGS = {"replace", "timestamp", "oof", "no_empties", "send_keys", "no_sowkey", "non_regex_topic"}
VALUES = {"top_n", "skip_n", "select"}
IGNORED = {"live", "fully_durable", "bookmark"}  # known, and without effect here

_LEGACY = (("send_oof", b"true", "oof"), ("send_keys", b"true", "send_keys"))
_LEGACY += (("send_empty", b"false", "no_empties"),)


class Request:
    """One read command's wishes. Raises Refused with the reason that its ack says."""

    def __init__(self, header: Header):
        self.verb: bytes = header["c"]
        self.options = parse_options(text(header.get("opts", b"")))
        for name, value, option in _LEGACY:
            if header.get(name, b"").lower() == value:
                self.options.setdefault(option, "")
        self.topic: bytes = header.get("t") or _refuse("no topic")
        self.matches_topic: Callable[[bytes], bool] | None = None  # None: this topic and no other
        if "non_regex_topic" not in self.options and is_regex(self.topic):
            self.matches_topic = pattern_of(self.topic)
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
        self.select = self._select()

    @property
    def is_delta(self) -> bool:
        return self.verb in (b"delta_subscribe", b"sow_and_delta_subscribe")

    @property
    def unknown_options(self) -> list[str]:
        return sorted(set(self.options) - FLAGS - VALUES - IGNORED)

    def has(self, option: str) -> bool:
        return option in self.options

    def covers(self, topic: bytes) -> bool:
        if self.matches_topic is None:
            return topic == self.topic
        return self.matches_topic(topic)

    def refuse_replay(self, header: Header) -> None:
        """Refuses what needs a transaction log rather than doing half of it."""
        if header.get("bm"):
            raise Refused("invalid options" if self.is_delta else "invalid topic", "no such log")
        if self.has("pause") or self.has("resume"):
            raise Refused("invalid options", "pause or resume without a replay")

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
        said = self.options.get("select")
        if said is None:
            return None
        try:
            return Select.parse(said.encode("utf-8", "surrogateescape").decode("latin-1"))
        except ValueError as error:
            raise Refused("invalid options", error) from error


def _refuse(reason: str) -> bytes:
    raise Refused(reason)


def pattern_of(topic: bytes) -> Callable[[bytes], bool]:
    try:
        return topic_pattern(topic)
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


def keys_of(header: Header) -> tuple[bytes, ...] | None:
    """The keys that a command names, each once; None if it names none."""
    said = header.get("sow_keys")
    if not said:
        return None
    keys = dict.fromkeys(key.strip() for key in said.split(b","))
    keys.pop(b"", None)
    return tuple(keys)
