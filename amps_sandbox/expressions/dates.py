"""Functions of dates, all in UTC. A time is in seconds since 1970; one beyond year 9999 is NULL."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

from .date_formats import read_date, write_date
from .limits import DATE_BYTES_MAX
from .scope import Scope
from .values import number_of, text_of

_DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _date_of(value: Any) -> datetime | None:
    """A time as a date, to the microsecond."""
    seconds = number_of(value)
    if seconds is None or seconds != seconds:
        return None
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _part(name: str) -> Callable[[Any], Any]:
    def run(value: Any) -> int | None:
        date = _date_of(value)
        return None if date is None else getattr(date, name)

    return run


def _midnight(value: Any) -> int | None:
    """When the day of a time began."""
    date = _date_of(value)
    return None if date is None else (date - _EPOCH).days * _DAY_SECONDS


def _strftime(form: Any, value: Any) -> str | None:
    text, date = text_of(form), _date_of(value)
    if text is None or date is None or len(text) > DATE_BYTES_MAX:
        return None
    written = write_date(text, date)
    return written if written and len(written) <= DATE_BYTES_MAX else None


def _strptime(value: Any, form: Any) -> int | float | None:
    """The time that a text says; an integer if it has no fraction."""
    text, expected = text_of(value), text_of(form)
    if text is None or expected is None or len(text + expected) > 2 * DATE_BYTES_MAX:
        return None
    date = read_date(text, expected)
    if date is None:
        return None
    micros = (date - _EPOCH) // timedelta(microseconds=1)
    return micros // 1_000_000 if micros % 1_000_000 == 0 else micros / 1_000_000


def _now(scope: Scope) -> float:
    return float(time.time() if scope.now is None else scope.now)


def _today(scope: Scope) -> int | None:
    return _midnight(_now(scope))


DATES = {
    "STRFTIME": (2, 2, _strftime),
    "STRPTIME": (2, 2, _strptime),
    "YEAR": (1, 1, _part("year")),
    "MONTH": (1, 1, _part("month")),
    "DAY": (1, 1, _part("day")),
    "DATE": (1, 1, _midnight),
    "DATE_UTC": (1, 1, _midnight),
    "TIMEZONEOFFSET": (0, 0, lambda: 0),
}
NOW = {"UNIX_TIMESTAMP": _now, "TODAY": _today, "TODAY_UTC": _today}
