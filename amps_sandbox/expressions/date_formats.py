"""Writes and reads dates by C's format letters, and %f (micro-) and %03f (milliseconds).

English names, no locale, and the same on every platform.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_LETTER = re.compile(r"%(03f|[A-Za-z%])")
_SHORT = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "h": "%b",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}


def _week(date: datetime, first_weekday: int) -> int:
    """The week of the year, counted from the first such weekday (0 is Monday)."""
    return (date.timetuple().tm_yday + 6 - (date.weekday() - first_weekday) % 7) // 7


_WRITERS: dict[str, Callable[[datetime], str]] = {
    "a": lambda date: DAYS[date.weekday()][:3],
    "A": lambda date: DAYS[date.weekday()],
    "b": lambda date: MONTHS[date.month - 1][:3],
    "B": lambda date: MONTHS[date.month - 1],
    "C": lambda date: f"{date.year // 100:02d}",
    "d": lambda date: f"{date.day:02d}",
    "e": lambda date: f"{date.day:2d}",
    "f": lambda date: f"{date.microsecond:06d}",
    "03f": lambda date: f"{date.microsecond // 1000:03d}",
    "g": lambda date: f"{date.isocalendar()[0] % 100:02d}",
    "G": lambda date: f"{date.isocalendar()[0]:04d}",
    "H": lambda date: f"{date.hour:02d}",
    "I": lambda date: f"{(date.hour + 11) % 12 + 1:02d}",
    "j": lambda date: f"{date.timetuple().tm_yday:03d}",
    "m": lambda date: f"{date.month:02d}",
    "M": lambda date: f"{date.minute:02d}",
    "n": lambda date: "\n",
    "p": lambda date: "AM" if date.hour < 12 else "PM",
    "s": lambda date: str(int(date.timestamp() // 1)),
    "S": lambda date: f"{date.second:02d}",
    "t": lambda date: "\t",
    "u": lambda date: str(date.isoweekday()),
    "U": lambda date: f"{_week(date, 6):02d}",
    "V": lambda date: f"{date.isocalendar()[1]:02d}",
    "w": lambda date: str(date.isoweekday() % 7),
    "W": lambda date: f"{_week(date, 0):02d}",
    "y": lambda date: f"{date.year % 100:02d}",
    "Y": lambda date: f"{date.year:04d}",
    "z": lambda date: "+0000",
    "Z": lambda date: "UTC",
    "%": lambda date: "%",
}


def _spelled_out(form: str) -> str:
    return re.sub(r"%%|%([cDFhrRTxX])", lambda found: _SHORT.get(found[1], found[0]), form)


def write_date(form: str, date: datetime) -> str:
    """The date by a format; an unknown letter stays as it is.

    >>> write_date("%F %T.%03f, %a", datetime(2024, 2, 29, 13, 5, 9, 123456))
    '2024-02-29 13:05:09.123, Thu'
    """

    def replaced(found: re.Match[str]) -> str:
        writer = _WRITERS.get(found[1])
        return found[0] if writer is None else writer(date)

    return _LETTER.sub(replaced, _spelled_out(form))


_NAMES = {"a": DAYS, "A": DAYS, "b": MONTHS, "B": MONTHS}
_DIGITS = {
    **dict.fromkeys("CdeHImMSUVWygj", 2),
    **{"Y": 4, "G": 4, "j": 3, "u": 1, "w": 1, "f": 6, "03f": 3, "s": 12},
}


def read_date(text: str, form: str) -> datetime | None:
    """The date that the whole text says by a format, or None. Names are in any case.

    >>> read_date("2024-02-29 13:05:09.5", "%Y-%m-%d %H:%M:%S.%f").isoformat()
    '2024-02-29T13:05:09.500000+00:00'
    """
    found: dict[str, int] = {}
    place = 0
    for piece in re.findall(r"%03f|%.|\s+|[^%\s]|%", _spelled_out(form), re.DOTALL):
        if piece.isspace() or piece in ("%n", "%t"):
            place += len(text[place:]) - len(text[place:].lstrip())
            continue
        if len(piece) == 1 or piece == "%%":
            after = place + 1 if text.startswith(piece[0], place) else None
        else:
            after = _read_letter(piece[1:], text, place, found)
        if after is None:
            return None
        place = after
    return _assemble(found) if place == len(text) else None


def _read_letter(letter: str, text: str, place: int, found: dict[str, int]) -> int | None:
    """Reads what stands for one letter and returns the place behind it, or None."""
    if letter in _NAMES:
        return _read_name(_NAMES[letter], letter.lower(), text, place, found)
    if letter == "p":
        half = {"AM": 0, "PM": 12}.get(text[place : place + 2].upper())
        found["p"] = half or 0
        return None if half is None else place + 2
    if letter in "zZ":
        zone = re.compile(r"[+-][0-9]{2}:?[0-9]{2}|Z|UTC|GMT").match(text, place)
        if zone is None:
            return None
        digits = zone.group().replace(":", "")
        if digits[0] in "+-":
            found["z"] = int(digits[0] + "1") * (int(digits[1:3]) * 60 + int(digits[3:]))
        return zone.end()
    if letter not in _DIGITS:
        return None
    number = re.compile(f" ?[0-9]{{1,{_DIGITS[letter]}}}" if letter == "e" else _digits(letter))
    match = number.match(text, place)
    if match is None:
        return None
    key = {"e": "d", "03f": "f"}.get(letter, letter)
    digits = match.group().strip()
    found[key] = int(digits.ljust(6, "0") if key == "f" else digits)
    return match.end()


def _digits(letter: str) -> str:
    return f"[0-9]{{1,{_DIGITS[letter]}}}"


def _read_name(
    names: tuple[str, ...], key: str, text: str, place: int, found: dict[str, int]
) -> int | None:
    for number, name in enumerate(names, 1):
        for spelling in (name, name[:3]):
            if text[place : place + len(spelling)].upper() == spelling.upper():
                found["m" if key == "b" else "a"] = number
                return place + len(spelling)
    return None


def _assemble(found: dict[str, int]) -> datetime | None:
    """A date of its parts; what is missing is as in 1970-01-01 00:00:00."""
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    try:
        if "s" in found:
            return epoch + timedelta(seconds=found["s"], microseconds=found.get("f", 0))
        year = found.get("Y", _century_year(found))
        hour = found.get("H", 0)
        if "I" in found:
            if not 1 <= found["I"] <= 12:
                return None
            hour = found["I"] % 12 + found.get("p", 0)
        day = _day(year, found)
        clock = timedelta(
            hours=hour,
            minutes=found.get("M", 0) - found.get("z", 0),
            seconds=found.get("S", 0),
            microseconds=found.get("f", 0),
        )
        in_range = hour < 24 and found.get("M", 0) < 60 and found.get("S", 0) <= 60
        return day + clock if in_range else None
    except (ValueError, OverflowError):
        return None


def _century_year(found: dict[str, int]) -> int:
    if "C" in found:
        return found["C"] * 100 + found.get("y", 0)
    if "y" not in found:
        return 1970
    return found["y"] + (1900 if found["y"] >= 69 else 2000)


def _day(year: int, found: dict[str, int]) -> Any:
    if "j" in found and "m" not in found:
        first = datetime(year, 1, 1, tzinfo=timezone.utc)
        day = first + timedelta(days=found["j"] - 1)
        if day.year != year:
            raise ValueError("no such day in this year")
        return day
    return datetime(year, found.get("m", 1), found.get("d", 1), tzinfo=timezone.utc)
