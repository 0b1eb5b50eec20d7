"""Takes the options of a command apart."""

from __future__ import annotations

import re

_SIGN = re.compile(r"""[\[\],'"]|\\.""", re.DOTALL)
_DURATION = re.compile(
    r"(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})\s*(ns|us|ms|s|m|h|d|w)?", re.IGNORECASE
)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SECONDS.update({"d": 24 * 3600.0, "w": 7 * 24 * 3600.0})


def parse_options(text: str) -> dict[str, str]:
    """Names and values of a comma-separated list; commas inside brackets belong to the value.

    >>> parse_options("replace, top_n=5,none,,select=[-/,+/id]")
    {'replace': '', 'top_n': '5', 'select': '[-/,+/id]'}
    """
    found = {}
    for item in split_list(text):
        name, _, value = item.partition("=")
        if name and name != "none":
            found[name.strip().lower()] = value.strip()
    return found


def split_list(text: str) -> list[str]:
    """The items between commas, trimmed; commas inside brackets (and quotes there) stay.

    >>> split_list("oof, grouping=[/a,/b], it's")
    ['oof', 'grouping=[/a,/b]', "it's"]
    """
    items, start, depth, quote = [], 0, 0, ""
    for found in _SIGN.finditer(text):
        sign = found[0]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"" and depth:
            quote = sign
        elif sign == "[":
            depth += 1
        elif sign == "]":
            depth = max(depth - 1, 0)
        elif sign == "," and not depth:
            items.append(text[start : found.start()].strip())
            start = found.end()
    return [*items, text[start:].strip()]


def unbracketed(value: str) -> str:
    """What is between the brackets, if there are any."""
    return value[1:-1] if value.startswith("[") and value.endswith("]") else value


def parse_seconds(text: str) -> float | None:
    """A time as seconds: a number with a unit from `ns` to `w` (week) or none. None if it is none.

    >>> parse_seconds("2"), parse_seconds("500ms"), parse_seconds("soon")
    (2.0, 0.5, None)
    """
    found = _DURATION.fullmatch(text.strip())
    if not found:
        return None
    number, unit = found.groups()
    return float(number) * _SECONDS[(unit or "s").lower()]
