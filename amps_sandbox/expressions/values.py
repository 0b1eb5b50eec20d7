"""Knows what values are: NULL, NaN, numbers, texts, arrays, and how they compare and add up."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterable
from typing import Any, Callable, Optional, Union

from .limits import INTEGER_MAX, INTEGER_MIN, PAIRS_MAX, TEXT_BYTES_MAX

Number = Union[int, float]
Truth = Optional[int]  # 1, 0 or None: true, false, NULL
Test = Callable[[Any, Any], bool]

NAN = math.nan
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?")
_INTEGER_DIGITS_MAX = 20  # of an integer up to 2**64 - 1

TESTS: dict[str, Test] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# Numbers


def fit(number: Number) -> Number:
    """The number itself, or an integer beyond 64 bits as floating point."""
    if number.__class__ is float or INTEGER_MIN <= number <= INTEGER_MAX:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def literal_number(text: str) -> Number:
    """The value of a number's text, which must be one."""
    if "." in text or "e" in text or "E" in text:
        return float(text)
    digits = text.lstrip("+-0")
    if len(digits) > _INTEGER_DIGITS_MAX:
        return float(text)
    return fit(int(text))


def parse_number(text: str) -> Number | None:
    """The number that a text is, or None.

    >>> parse_number("2.50"), parse_number("-7"), parse_number("7 "), parse_number("nan")
    (2.5, -7, None, None)
    """
    return literal_number(text) if _NUMBER.fullmatch(text) else None


def number_of(value: Any) -> Number | None:
    """A value used as a number: NULL stays None, a text that is no number is NaN."""
    if value.__class__ is int:
        return value if INTEGER_MIN <= value <= INTEGER_MAX else fit(value)
    if value.__class__ is float:
        return value
    value = first(value)
    if value is None:
        return None
    if isinstance(value, str):
        number = parse_number(value)
        return NAN if number is None else number
    return fit(value)


def is_nan(value: Any) -> bool:
    return value.__class__ is float and value != value


# Other views of a value


def first(value: Any) -> Any:
    """The value, or an array's first element; what is empty is NULL."""
    while value.__class__ is list:
        value = value[0] if value else None
    return None if value == "" else value


def text_of(value: Any) -> str | None:
    """A value used as a text; NULL stays None."""
    if value.__class__ is str:
        return value or None
    value = first(value)
    if value is None or value.__class__ is str:
        return value
    return repr(value) if value.__class__ is float else str(fit(value))


def text_or_null(text: str) -> str | None:
    """What a function gives for a text: an empty one is NULL, and so is one over the limit."""
    return text if 0 < len(text) <= TEXT_BYTES_MAX else None


def elements(value: Any) -> list[Any]:
    """What an array holds that is not NULL; any other value is an array of one."""
    values = value if value.__class__ is list else [value]
    return [each for each in values if each is not None and each != ""]


def truth(value: Any) -> Truth:
    """A value used as a condition: a number other than zero is true, NaN is as NULL."""
    number = number_of(value)
    if number is None or number != number:
        return None
    return 1 if number else 0


def any_true(truths: Iterable[Truth]) -> Truth:
    """Whether one is true; NULL if there is nothing but NULL."""
    found = None
    for each in truths:
        if each:
            return 1
        if each is not None:
            found = 0
    return found


# Comparison


def compare(test: Test, left: Any, right: Any) -> Truth:
    """Whether any element of one and any of the other pass the test; a value is its own element.

    >>> compare(TESTS["<"], 10, "2"), compare(TESTS["!="], [1, "zebra"], "zebra")
    (0, 1)
    """
    left_is_list, right_is_list = left.__class__ is list, right.__class__ is list
    if not left_is_list and not right_is_list:
        return compare_elements(test, left, right)
    if not right_is_list:
        return any_true(compare_elements(test, each, right) for each in left)
    if not left_is_list:
        return any_true(compare_elements(test, left, each) for each in right)
    if len(left) * len(right) > PAIRS_MAX:
        return None
    return any_true(compare_elements(test, one, other) for one in left for other in right)


def compare_elements(test: Test, left: Any, right: Any) -> Truth:
    """Compares two values that are no arrays."""
    if left is None or right is None or left == "" or right == "":
        return None
    left_is_text, right_is_text = left.__class__ is str, right.__class__ is str
    if left_is_text != right_is_text:
        if left_is_text:
            left, right = _mixed(left, right)
        else:
            right, left = _mixed(right, left)
    return 1 if test(left, right) else 0


def _mixed(text: str, number: Number) -> tuple[Number, Number]:
    """Two numbers that compare as a text and a number do: a text that is no number is greater."""
    value = parse_number(text)
    if value is not None:
        return value, number
    return (1, 0) if number == number else (1, NAN)


def rank(value: Any) -> tuple[int, Any]:
    """Where a value stands in an order: NULL lowest, then NaN, numbers, texts."""
    value = first(value)
    if value is None:
        return (0, 0)
    if value.__class__ is str:
        return (3, value)
    return (2, value) if value == value else (1, 0)


# Arithmetic


def add(left: Number, right: Number) -> Number | None:
    return left + right


def subtract(left: Number, right: Number) -> Number | None:
    return left - right


def multiply(left: Number, right: Number) -> Number | None:
    return left * right


def divide(left: Number, right: Number) -> Number | None:
    """Integers truncate toward zero, and by zero give NULL; floating point is as IEEE says."""
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            return None
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    if right == 0:
        if left == 0 or left != left:
            return NAN
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def remainder(left: Number, right: Number) -> Number | None:
    """What division leaves; it has the left operand's sign."""
    if isinstance(left, int) and isinstance(right, int):
        if right == 0:
            return None
        rest = abs(left) % abs(right)
        return rest if left >= 0 else -rest
    if right == 0 or math.isinf(left) or left != left or right != right:
        return NAN
    return math.fmod(left, right)


ARITHMETIC: dict[str, Callable[[Number, Number], Number | None]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
}


def calculate(operation: str, left: Any, right: Any) -> Number | None:
    """Left operation right; NULL if one of them is."""
    one, other = number_of(left), number_of(right)
    if one is None or other is None:
        return None
    result = ARITHMETIC[operation](one, other)
    return None if result is None else fit(result)


def least_and_greatest(values: Iterable[Any], *, greatest: bool) -> Any:
    """The least or greatest by comparison; NULL is ignored, NaN stays."""
    test = operator.gt if greatest else operator.lt
    best = None
    for value in values:
        if value is None or value == "":
            continue
        if value != value:
            return value
        if best is None or compare_elements(test, value, best):
            best = value
    return best
