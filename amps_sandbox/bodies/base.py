"""What every message type can do with a body; the base is the type of bodies nobody looks into."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from .selection import Select

Value = Any  # None, int, float, str with one character per byte, or a list of these
Fields = dict[str, Value]  # path -> value

SIGNED_MIN, UNSIGNED_MAX = -(2**63), 2**64 - 1


class InvalidBody(ValueError):
    """A body that is not of its type, or values that it cannot hold: says why and where."""


def bounded(number: int) -> int | float:
    """An integer as it is if 64 bits hold it, signed or unsigned, else the nearest float.

    >>> bounded(2**64 - 1), bounded(2**64), bounded(-(10**400))
    (18446744073709551615, 1.8446744073709552e+19, -inf)
    """
    if SIGNED_MIN <= number <= UNSIGNED_MAX:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def encoded(text: str) -> bytes:
    """The bytes that a text stands for. Raises InvalidBody if it is not one character per byte."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise InvalidBody(f"not one character per byte: {text[:40]!r}") from error


def number_text(number: int | float) -> str | None:
    """How a body writes a number, integers as integers. None if no decimal number says it.

    >>> number_text(3), number_text(3.0), number_text(float("nan"))
    ('3', '3.0', None)
    """
    if isinstance(number, int):
        number = bounded(int(number))  # a bool is 1 or 0
    return repr(number) if math.isfinite(number) else None


def add_value(found: Fields, path: str, value: Value) -> None:
    """Adds one more value at a path: what comes after the first makes an array."""
    if path not in found:
        found[path] = value
        return
    present = found[path]
    if isinstance(present, list):
        present.append(value)
    else:
        found[path] = [present, value]


class BodyType:
    """One message type. This one is opaque: no fields, a delta is a plain publish."""

    has_fields = False  # whether a path can ever have a value
    merges = False  # whether a delta can be merged into a stored body

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def fields(self, body: bytes) -> Fields:
        """The values of a body by path; a field that is NULL may be there as None. InvalidBody."""
        return {}

    def merge(self, stored: bytes, update: bytes) -> bytes:
        """The stored body with the fields of the update. Raises InvalidBody."""
        return update

    def changes(
        self, old: bytes, new: bytes, keys: Collection[str], with_keys: bool
    ) -> tuple[bytes, bool]:
        """What a delta subscriber is sent, and whether any field changed that is not in `keys`.

        `keys` are paths. They are part of the body only if `with_keys`, changed or not.
        Raises InvalidBody. Opaque bodies are sent whole and count as changed.
        """
        return new, True

    def select(self, body: bytes, select: Select) -> bytes:
        """The body without the fields that are not kept. Raises InvalidBody."""
        return body

    def compose(self, values: Mapping[str, Value]) -> bytes:
        """A body that has these fields, in this order; NULL fields are written as empty ones.

        NaN and infinity become NULL. Raises InvalidBody for a path that no body of this type can
        have, whatever its value: so a declaration can be tried out when it is made.
        """
        return b""
