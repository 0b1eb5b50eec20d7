"""Holds what an expression says, as a tree."""

from __future__ import annotations

from typing import Any, NamedTuple


class Literal(NamedTuple):
    """A number, a text, or None for NULL."""

    value: int | float | str | None


class Path(NamedTuple):
    """A field of the message; `qualifier` is (message type or None, topic) or None."""

    path: str
    index: int | None
    qualifier: tuple[str | None, str] | None


class Call(NamedTuple):
    """A function with its arguments."""

    name: str
    arguments: tuple[Any, ...]
    position: int


class Negative(NamedTuple):
    operand: Any


class Arithmetic(NamedTuple):
    """Sums or products from left to right: the first operand, then (operator, operand)."""

    first: Any
    rest: tuple[tuple[str, Any], ...]


class Compare(NamedTuple):
    """`operator` is one of = != < <= > >=."""

    operator: str
    left: Any
    right: Any


class In(NamedTuple):
    item: Any
    choices: tuple[Any, ...]


class Between(NamedTuple):
    item: Any
    low: Any
    high: Any


class Like(NamedTuple):
    """`pattern` is the regular expression or, raw, the text to be found."""

    item: Any
    pattern: str
    is_raw: bool
    position: int


class Affix(NamedTuple):
    """`operator` is BEGINS or ENDS."""

    operator: str
    item: Any
    choices: tuple[Any, ...]


class Is(NamedTuple):
    """`what` is NULL or NAN."""

    item: Any
    what: str


class Not(NamedTuple):
    operand: Any


class And(NamedTuple):
    operands: tuple[Any, ...]


class Or(NamedTuple):
    operands: tuple[Any, ...]


class Field(NamedTuple):
    """One field of a projection: its value, and its path in the output."""

    value: Any
    path: str
    position: int
