"""Functions over all records of a group. What each gathers is no array and never NULL."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from .limits import DISTINCT_MAX, TEXT_BYTES_MAX
from .values import NAN, TESTS, compare_elements, fit, is_nan, number_of, text_of

PART_BITS = 1074  # every floating point number is a multiple of 2**-PART_BITS


class Aggregate:
    """Gathers values. What can be taken back exactly, is taken back by `remove`."""

    def add(self, value: Any) -> None:
        raise AssertionError("each has its own")

    def remove(self, _value: Any) -> bool:
        """Takes a value back that was added; False if all others have to be added anew."""
        return False

    def result(self) -> Any:
        raise AssertionError("each has its own")


class Sum(Aggregate):
    """Integers give an integer, unless it is beyond 64 bits; NaN stays NaN.

    The sum is exact and rounded at the end, so that it depends on no order.
    """

    def __init__(self) -> None:
        self.count = 0
        self._whole = 0  # of the integers
        self._floats = 0  # how many are floating point
        self._parts = 0  # their sum, in parts of 2**-PART_BITS
        self._odd: Counter[str] = Counter()  # NaN and infinity, by their names

    def add(self, value: Any) -> None:
        self._count(number_of(value), 1)

    def remove(self, value: Any) -> bool:
        self._count(number_of(value), -1)
        return True

    def _count(self, number: Any, sign: int) -> None:
        self.count += sign
        if number.__class__ is int:
            self._whole += sign * number
            return
        self._floats += sign
        if math.isfinite(number):
            top, bottom = number.as_integer_ratio()
            self._parts += sign * (top << (PART_BITS + 1 - bottom.bit_length()))
        else:
            self._odd[str(number)] += sign

    def result(self) -> Any:
        if not self.count:
            return None
        odd = +self._odd  # those that are still there
        if odd:
            return float(next(iter(odd))) if len(odd) == 1 else NAN
        if not self._floats:
            return fit(self._whole)
        total = (self._whole << PART_BITS) + self._parts
        try:
            return total / (1 << PART_BITS)
        except OverflowError:
            return math.inf if total > 0 else -math.inf


class Average(Sum):
    """Always floating point."""

    def result(self) -> Any:
        return super().result() / self.count if self.count else None


class StandardDeviation(Aggregate):
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


class _Extreme(Aggregate):
    """The least or greatest, as values compare; NaN stays."""

    test = TESTS["<"]

    def __init__(self) -> None:
        self._best: Any = None

    def add(self, value: Any) -> None:
        if is_nan(self._best):
            return
        if self._best is None or is_nan(value) or self._is_better(value):
            self._best = value

    def remove(self, value: Any) -> bool:
        return not is_nan(self._best) and compare_elements(TESTS["="], value, self._best) != 1

    def _is_better(self, value: Any) -> bool:
        return compare_elements(type(self).test, value, self._best) == 1

    def result(self) -> Any:
        return self._best


class Minimum(_Extreme):
    """The least value."""


class Maximum(_Extreme):
    """The greatest value."""

    test = TESTS[">"]


class Count(Aggregate):
    """How many values there are."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, _value: Any) -> None:
        self._count += 1

    def remove(self, _value: Any) -> bool:
        self._count -= 1
        return True

    def result(self) -> Any:
        return self._count


class CountDistinct(Aggregate):
    """How many different values there are; 2 and 2.0 are the same, '2' is another."""

    def __init__(self) -> None:
        self._seen: dict[Any, int] = {}  # how often

    def add(self, value: Any) -> None:
        if len(self._seen) <= DISTINCT_MAX:
            value = NAN if value != value else value
            self._seen[value] = self._seen.get(value, 0) + 1

    def remove(self, value: Any) -> bool:
        if len(self._seen) > DISTINCT_MAX:
            return False
        value = NAN if value != value else value
        self._seen[value] -= 1
        if not self._seen[value]:
            del self._seen[value]
        return True

    def result(self) -> Any:
        return len(self._seen) if len(self._seen) <= DISTINCT_MAX else None


class AnyOf(Aggregate):
    """One of the values: the last."""

    def __init__(self) -> None:
        self._value: Any = None

    def add(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        return self._value


class Unique(Aggregate):
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


class GroupConcat(Aggregate):
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
