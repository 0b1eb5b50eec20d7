"""Sorts records: NULL lowest, numbers before texts, equal ones as they were."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Callable

from .compiling import Compiler
from .limits import CACHED_BYTES_MAX, FILTERS_CACHED_MAX
from .parser import Parser
from .scope import Scope
from .values import rank


class _Descending:
    """A rank that sorts the other way round."""

    __slots__ = ("rank",)

    def __init__(self, rank: tuple[int, Any]):
        self.rank = rank

    def __lt__(self, other: _Descending) -> bool:
        return other.rank < self.rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.rank == self.rank

    __hash__ = None  # type: ignore[assignment]


class Order:
    """One order. Sort with its `key`, stably; of an array the first element counts.

    >>> order = Order("/px DESC, /id")
    >>> rows = [{"/px": 1, "/id": 1}, {"/id": 2}, {"/px": "x", "/id": 3}, {"/px": 1, "/id": 0}]
    >>> [row["/id"] for row in sorted(rows, key=order.key)]
    [3, 0, 1, 2]
    """

    __slots__ = ("text", "paths", "_columns")

    def __init__(self, text: str):
        compiler = Compiler()
        self.text = text
        self._columns: list[tuple[Callable[[Scope], Any], bool]] = [
            (compiler.value(path), descends) for path, descends in Parser(text).order()
        ]
        self.paths = frozenset(compiler.paths)

    def key(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        """What records of the same order are compared by."""
        scope = Scope(fields)
        return tuple(
            [
                _Descending(rank(get(scope))) if descends else rank(get(scope))
                for get, descends in self._columns
            ]
        )

    def __repr__(self) -> str:
        return f"<Order {self.text!r}>"


def parse_order(text: str) -> Order:
    """The order that `path [ASC|DESC], ...` says. Raises BadExpression, also for an empty one."""
    return _kept_order(text) if len(text) <= CACHED_BYTES_MAX else Order(text)


_kept_order = lru_cache(maxsize=FILTERS_CACHED_MAX)(Order)
