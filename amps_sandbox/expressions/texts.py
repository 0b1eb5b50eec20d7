"""Functions of texts. A text has one character per byte; an empty one is NULL."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import Any, Callable

from .limits import INTEGER_MAX, TEXT_BYTES_MAX
from .patterns import Pattern, Watch
from .values import number_of, text_of, text_or_null

_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_BLANKS = " \t\r\n\f\v"


def whole(value: Any) -> int | None:
    """A value used as a whole number: its fraction is cut off, NaN is NULL."""
    number = number_of(value)
    if number is None or number != number:
        return None
    return int(max(-INTEGER_MAX, min(INTEGER_MAX, number)))


def _of_text(change: Callable[[str], str | None]) -> Callable[[Any], str | None]:
    """A function that changes a text and leaves NULL alone."""

    def run(value: Any) -> str | None:
        text = text_of(value)
        return None if text is None else change(text) or None

    return run


def _instr(value: Any, part: Any) -> int | None:
    text, wanted = text_of(value), text_of(part)
    return None if text is None or wanted is None else text.find(wanted) + 1


def _instr_i(value: Any, part: Any) -> int | None:
    text, wanted = text_of(value), text_of(part)
    if text is None or wanted is None:
        return None
    return text.translate(_LOWER).find(wanted.translate(_LOWER)) + 1


def _strequal_i(left: Any, right: Any) -> int | None:
    one, other = text_of(left), text_of(right)
    if one is None or other is None:
        return None
    return 1 if one.translate(_LOWER) == other.translate(_LOWER) else 0


def _length(value: Any) -> int | None:
    text = text_of(value)
    return None if text is None else len(text)


def _substr(value: Any, start: Any, length: Any = INTEGER_MAX) -> str | None:
    """From a place counted from 1, or from the end when negative; 0 is as 1."""
    text, place, count = text_of(value), whole(start), whole(length)
    if text is None or place is None or count is None:
        return None
    begin = place - 1 if place > 0 else max(len(text) + place, 0) if place else 0
    return text[begin : begin + max(count, 0)] or None


def _left(value: Any, count: Any) -> str | None:
    text, size = text_of(value), whole(count)
    if text is None or size is None or size <= 0:
        return None
    return text[:size]


def _right(value: Any, count: Any) -> str | None:
    text, size = text_of(value), whole(count)
    if text is None or size is None or size <= 0:
        return None
    return text[-size:]


def _concat(*values: Any) -> str | None:
    parts = [text_of(value) or "" for value in values]
    return "".join(parts) or None if sum(map(len, parts)) <= TEXT_BYTES_MAX else None


def _replace(value: Any, old: Any, new: Any) -> str | None:
    text, part, other = text_of(value), text_of(old), text_of(new) or ""
    if text is None or part is None:
        return text
    size = len(text) + text.count(part) * (len(other) - len(part))
    return text.replace(part, other) or None if size <= TEXT_BYTES_MAX else None


def _regexp_match(pattern: Pattern, watch: Watch | None, value: Any) -> str | None:
    text = text_of(value)
    return None if text is None else pattern.find(text, watch) or None


def _regexp_replace(pattern: Pattern, watch: Watch | None, value: Any, new: Any) -> str | None:
    text = text_of(value)
    if text is None:
        return None
    return text_or_null(pattern.sub(text, text_of(new) or "", watch) or "")


def _char_value(value: Any) -> str | None:
    code = whole(value)
    return chr(code) if code is not None and 0 <= code <= 255 else None


TEXTS = {
    "INSTR": (2, 2, _instr),
    "INSTR_I": (2, 2, _instr_i),
    "STREQUAL_I": (2, 2, _strequal_i),
    "SUBSTR": (2, 3, _substr),
    "REVERSE": (1, 1, _of_text(lambda text: text[::-1])),
    "UPPER": (1, 1, _of_text(lambda text: text.translate(_UPPER))),
    "LOWER": (1, 1, _of_text(lambda text: text.translate(_LOWER))),
    "TRIM": (1, 1, _of_text(lambda text: text.strip(_BLANKS))),
    "LTRIM": (1, 1, _of_text(lambda text: text.lstrip(_BLANKS))),
    "RTRIM": (1, 1, _of_text(lambda text: text.rstrip(_BLANKS))),
    "LEFT": (2, 2, _left),
    "RIGHT": (2, 2, _right),
    "REPLACE": (3, 3, _replace),
    "LENGTH": (1, 1, _length),
    "CHAR_VALUE": (1, 1, _char_value),
}
MANY_TEXTS = {"CONCAT": _concat}
PATTERNS = {"REGEXP_MATCH": (2, 2, _regexp_match), "REGEXP_REPLACE": (3, 3, _regexp_replace)}
