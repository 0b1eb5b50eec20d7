"""Takes the options of a command apart."""

from __future__ import annotations

import re

_ITEM = re.compile(r"(?:[^,\[]|\[[^\]]*\]?)+")
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})\s*(ms|s|m|h)?", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_options(text: str) -> dict[str, str]:
    """Names and values of a comma-separated list; commas inside brackets belong to the value.

    >>> parse_options("replace, top_n=5,none,,select=[-/,+/id]")
    {'replace': '', 'top_n': '5', 'select': '[-/,+/id]'}
    """
    found = {}
    for item in _ITEM.findall(text):
        name, _, value = item.strip().partition("=")
        if name and name != "none":
            found[name.strip().lower()] = value.strip()
    return found


def parse_seconds(text: str) -> float | None:
    """A time as seconds: a number with `ms`, `s`, `m`, `h` or no unit. None if it is none.

    >>> parse_seconds("2"), parse_seconds("500ms"), parse_seconds("soon")
    (2.0, 0.5, None)
    """
    found = _DURATION.fullmatch(text.strip())
    if not found:
        return None
    number, unit = found.groups()
    return float(number) * _SECONDS[(unit or "s").lower()]
