"""Functions of whole arrays; a value that is none is an array of one, NULL an empty one."""

from __future__ import annotations

from typing import Any

from .limits import TEXT_BYTES_MAX
from .values import add, elements, fit, least_and_greatest, number_of, text_of


def _count(array: Any) -> int:
    return len(array) if array.__class__ is list else len(elements(array))


def _minimum(array: Any) -> Any:
    return least_and_greatest(elements(array), greatest=False)


def _maximum(array: Any) -> Any:
    return least_and_greatest(elements(array), greatest=True)


def _sum(array: Any) -> Any:
    total = None
    for value in elements(array):
        number = number_of(value)
        total = number if total is None else fit(add(total, number))
    return total


def _to_string(array: Any, separator: Any) -> str | None:
    texts = [text_of(value) or "" for value in elements(array)]
    between = text_of(separator) or ""
    size = sum(map(len, texts)) + len(between) * len(texts)
    return between.join(texts) or None if size <= TEXT_BYTES_MAX else None


LISTS = {
    "ARRAY_COUNT": (1, 1, _count),
    "ARRAY_MIN": (1, 1, _minimum),
    "ARRAY_MAX": (1, 1, _maximum),
    "ARRAY_SUM": (1, 1, _sum),
    "ARRAY_TO_STRING": (2, 2, _to_string),
}
