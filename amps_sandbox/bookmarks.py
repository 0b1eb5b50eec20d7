"""Reads where in the log a replay is to begin and end.

>>> parse(b"0"), parse(b"7|42|")
(Span(begin=[(0, 0)]), Span(begin=[(7, 42)]))
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Union

from .log import Identity, Log
from .wire import U64, U64_DIGITS

PLACES_MAX = 10_000  # in one list
PLACE_BYTES_MAX = 100

EPOCH: Identity = (0, 0)  # before the first entry
NOW: Identity = (0, 1)  # after the last one

_BOOKMARK = re.compile(rb"([0-9]+)\|([0-9]+)\|?")
_MOMENT = re.compile(
    rb"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?Z?"
)
_RANGE = re.compile(rb"([\[(])([^:]*):([^:]*)([\])])")
_START = datetime(1970, 1, 1, tzinfo=timezone.utc)


class BadBookmark(ValueError):
    """A starting point that is none, and why."""


class Moment(NamedTuple):
    """A time, in microseconds since 1970, UTC."""

    time_us: int


Place = Union[Identity, Moment]


class Span(NamedTuple):
    """From where, and up to where if it is a range. Of several places the widest are meant."""

    begin: list[Place]
    end: list[Place] = []
    with_begin: bool = False
    with_end: bool = False

    def __repr__(self) -> str:
        shown = [f"begin={self.begin}", f"end={self.end}"]
        shown += [f"with_begin={self.with_begin}", f"with_end={self.with_end}"]
        return f"Span({', '.join(shown if self.end else shown[:1])})"


class End(NamedTuple):
    """Where a range ends: at a position, or at what is still to come."""

    position: int | None = None
    time_us: int | None = None  # the first time that is beyond
    awaited: frozenset[Identity] = frozenset()
    with_awaited: bool = False


def parse(said: bytes) -> Span:
    """Raises BadBookmark."""
    said = said.strip()
    if said[:1] not in (b"[", b"("):
        return Span(_places(said))
    found = _RANGE.fullmatch(said)
    if found is None:
        raise BadBookmark("a range: want [begin:end], either bracket round or square")
    opening, begin, end, closing = found.groups()
    return Span(_places(begin), _places(end), opening == b"[", closing == b"]")


def _places(said: bytes) -> list[Place]:
    if said.count(b",") >= PLACES_MAX:
        raise BadBookmark(f"a list of over {PLACES_MAX} bookmarks")
    return [_place(word.strip()) for word in said.split(b",")]


def _place(word: bytes) -> Place:
    if word == b"0":
        return EPOCH
    shown = ascii(word[:PLACE_BYTES_MAX])[1:]
    if len(word) > PLACE_BYTES_MAX:
        raise BadBookmark(f"{shown}... is too long")
    found = _BOOKMARK.fullmatch(word)
    if found is not None:
        publisher, sequence = (number.lstrip(b"0") or b"0" for number in found.groups())
        if max(len(publisher), len(sequence)) > U64_DIGITS:
            raise BadBookmark(f"{shown} is out of range")
        identity = int(publisher), int(sequence)
        if max(identity) > U64:
            raise BadBookmark(f"{shown} is out of range")
        return identity
    found = _MOMENT.fullmatch(word)
    if found is None:
        raise BadBookmark(f"{shown}: want a bookmark or YYYYmmddTHHMMSS")
    *numbers, fraction = found.groups()
    try:
        second = datetime(*map(int, numbers), tzinfo=timezone.utc)
    except ValueError as error:
        raise BadBookmark(f"{shown}: {error}") from error
    micros = int((fraction or b"0").ljust(6, b"0")[:6])
    return Moment((second - _START) // timedelta(microseconds=1) + micros)


def begin_of(span: Span, log: Log) -> int | None:
    """The first position to replay; None if no bookmark is known."""
    found = [_begin(place, span, log) for place in span.begin]
    return min((position for position in found if position is not None), default=None)


def _begin(place: Place, span: Span, log: Log) -> int | None:
    if isinstance(place, Moment):
        is_after = bool(span.end) and not span.with_begin
        return log.first_at(place.time_us + is_after)
    if place == EPOCH:
        return 0
    at = log.end - 1 if place == NOW else log.find(place)
    if at is None:
        return None
    return max(at if span.with_begin else at + 1, 0)


def not_before(span: Span) -> int:
    """The time before which nothing is in a range, in microseconds; 0 if it has none."""
    if not span.end:
        return 0
    times = [place.time_us if isinstance(place, Moment) else 0 for place in span.begin]
    return min(times) + (not span.with_begin) if min(times) else 0


def end_of(span: Span, log: Log, now_us: int) -> End | None:
    """Where a range ends, as far as is known now; None if it is no range."""
    if not span.end:
        return None
    moments = [place.time_us for place in span.end if isinstance(place, Moment)]
    beyond_us = max(moments) + span.with_end if moments else 0
    if beyond_us > now_us:
        return End(time_us=beyond_us)
    known = [log.first_at(beyond_us)] if moments else []
    unknown = set()
    for place in span.end:
        if isinstance(place, Moment):
            continue
        at = {EPOCH: -1, NOW: log.end - 1}.get(place, log.find(place))
        if at is None:
            unknown.add(place)
        else:
            known.append(max(at + span.with_end, 0))
    return End(max(known)) if known else End(None, None, frozenset(unknown), span.with_end)
