"""Functions over all records of a group. What each gathers is no array and never NULL."""

from __future__ import annotations

import math
from typing import Any

from .limits import DISTINCT_MAX, TEXT_BYTES_MAX
from .values import NAN, TESTS, Number, add, compare_elements, fit, is_nan, number_of, text_of


class Sum:
    """Integers give an integer, unless it is beyond 64 bits; NaN stays NaN."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Number = 0

    def add(self, value: Any) -> None:
        self.count += 1
        self.total = fit(add(self.total, number_of(value)))

    def result(self) -> Any:
        return self.total if self.count else None


class Average(Sum):
    """Always floating point."""

    def result(self) -> Any:
        return self.total / self.count if self.count else None


class StandardDeviation:
    """Of the whole population; adds up in one pass without losing digits (Welford)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = self._squares = 0.0

    def add(self, value: Any) -> None:
        number = number_of(value)
        self.count += 1
        distance = number - self._mean
        self._mean += distance / self.count
        self._squares += distance * (number - self._mean)

    def result(self) -> Any:
        if not self.count:
            return None
        return NAN if self._squares != self._squares else math.sqrt(self._squares / self.count)


class _Extreme:
    """The least or greatest, as values compare; NaN stays."""

    test = TESTS["<"]

    def __init__(self) -> None:
        self._best: Any = None

    def add(self, value: Any) -> None:
        if is_nan(self._best):
            return
        if self._best is None or is_nan(value) or self._is_better(value):
            self._best = value

    def _is_better(self, value: Any) -> bool:
        return compare_elements(type(self).test, value, self._best) == 1

    def result(self) -> Any:
        return self._best


class Minimum(_Extreme):
    """The least value."""


class Maximum(_Extreme):
    """The greatest value."""

    test = TESTS[">"]


class Count:
    """How many values there are."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, _value: Any) -> None:
        self._count += 1

    def result(self) -> Any:
        return self._count


class CountDistinct:
    """How many different values there are; 2 and 2.0 are the same, '2' is another."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()

    def add(self, value: Any) -> None:
        if len(self._seen) <= DISTINCT_MAX:
            self._seen.add(NAN if value != value else value)

    def result(self) -> Any:
        return len(self._seen) if len(self._seen) <= DISTINCT_MAX else None


class AnyOf:
    """One of the values: the last."""

    def __init__(self) -> None:
        self._value: Any = None

    def add(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value


class Unique:
    """The value if all are the same, otherwise NULL."""

    def __init__(self) -> None:
        self._value: Any = None
        self._differs = False

    def add(self, value: Any) -> None:
        if self._value is None:
            self._value = value
        elif value != self._value:
            self._differs = True

    def result(self) -> Any:
        return None if self._differs else self._value


class GroupConcat:
    """All values as one text; NULL when it would be over the limit."""

    def __init__(self, separator: Any = ",") -> None:
        self._separator = text_of(separator) or ""
        self._texts: list[str] = []
        self._size = 0

    def add(self, value: Any) -> None:
        text = text_of(value) or ""
        self._size += len(text) + len(self._separator)
        if self._size <= TEXT_BYTES_MAX:
            self._texts.append(text)

    def result(self) -> Any:
        if self._size > TEXT_BYTES_MAX:
            return None
        return self._separator.join(self._texts) or None


AGGREGATES = {
    "SUM": (1, 1, Sum),
    "AVG": (1, 1, Average),
    "MIN": (1, 1, Minimum),
    "MAX": (1, 1, Maximum),
    "COUNT": (1, 1, Count),
    "COUNT_DISTINCT": (1, 1, CountDistinct),
    "ANY": (1, 1, AnyOf),
    "UNIQUE": (1, 1, Unique),
    "STDDEV_POP": (1, 1, StandardDeviation),
    "GROUP_CONCAT": (1, 2, GroupConcat),
}
