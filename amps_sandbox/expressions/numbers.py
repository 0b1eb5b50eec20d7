"""Functions of numbers, checksums and distances. NULL gives NULL, what is no number gives NaN."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any

from .limits import CRC64_BYTES_MAX, INTEGER_MAX
from .texts import whole
from .values import NAN, Number, fit, least_and_greatest, number_of, text_of

EARTH_RADIUS_M = 6_371_008.8  # the mean one
_EXACT_FLOAT_MAX = 2.0**53  # from here on a floating point number has no fraction
_CRC64_POLYNOMIAL = 0xC96C5795D7870F42  # ECMA-182, as xz has it
_WIDE = Context(prec=60)


def _of_number(calculate: Callable[[Number], Any]) -> Callable[[Any], Any]:
    """A function of one number; outside its domain it gives NaN, beyond all numbers infinity."""

    def run(value: Any) -> Number | None:
        number = number_of(value)
        return None if number is None else _safely(calculate, number)

    return run


def _of_numbers(calculate: Callable[..., Any]) -> Callable[..., Any]:
    def run(*values: Any) -> Number | None:
        numbers = [number_of(value) for value in values]
        return None if None in numbers else _safely(calculate, *numbers)

    return run


def _safely(calculate: Callable[..., Any], *numbers: Any) -> Number | None:
    try:
        result = calculate(*numbers)
    except ValueError:
        return NAN
    except OverflowError:
        return math.inf
    return None if result is None else fit(result)


def _as_integer(change: Callable[[float], int]) -> Callable[[Number], Number]:
    """Integers stay, and so does what is beyond them."""
    return lambda number: change(number) if math.isfinite(number) else number


def _sign(number: Number) -> Number:
    return number if number != number else (number > 0) - (number < 0)


def _logarithm(calculate: Callable[[float], float]) -> Callable[[Number], float]:
    return lambda number: calculate(number) if number != 0 else -math.inf


def _power(base: Number, exponent: Number) -> Number:
    if base == 0 and exponent < 0:
        return math.inf
    nearly = math.pow(base, exponent)
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return base**exponent if abs(nearly) <= INTEGER_MAX else nearly
    return nearly


def _round(number: Number, places: Number = 0) -> Number | None:
    """Halves go away from zero; without places it is an integer."""
    digits = whole(places)
    if digits is None or not math.isfinite(number):
        return number if digits is not None else NAN
    if isinstance(number, int) and digits >= 0:
        return number
    if digits < -20:
        return 0 if isinstance(number, int) else 0.0
    if digits > 17 or (digits > 0 and abs(number) >= _EXACT_FLOAT_MAX):
        return number
    if abs(number) >= 1e40:
        return number
    exact = Decimal(number) if isinstance(number, int) else Decimal(repr(number))
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _WIDE)
    return int(rounded) if digits == 0 or isinstance(number, int) else float(rounded)


def _width_bucket(number: Number, low: Number, high: Number, count: Number) -> int | None:
    """Which of `count` equal steps from low to high; 0 below them, count + 1 from their end on."""
    buckets = whole(count)
    if buckets is None or buckets < 1 or low == high or not math.isfinite(number - low):
        return None
    place = (number - low) / (high - low)
    if not math.isfinite(place):
        return None
    return 0 if place < 0 else buckets + 1 if place >= 1 else int(place * buckets) + 1


def _geo_distance(latitude: float, longitude: float, latitude2: float, longitude2: float) -> float:
    """In metres, over a sphere, of degrees."""
    north, north2 = math.radians(latitude), math.radians(latitude2)
    turn = math.sin(math.radians(longitude2 - longitude) / 2) ** 2
    chord = math.sin((north2 - north) / 2) ** 2 + math.cos(north) * math.cos(north2) * turn
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(chord, 1.0)))


def _bytes_of(value: Any) -> bytes | None:
    text = text_of(value)
    return None if text is None else text.encode("latin-1", "replace")


def _crc32(value: Any) -> int | None:
    data = _bytes_of(value)
    return None if data is None else zlib.crc32(data)


@lru_cache(maxsize=1)
def _crc64_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_CRC64_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return table


def _crc64(value: Any) -> int | None:
    data = _bytes_of(value)
    if data is None or len(data) > CRC64_BYTES_MAX:
        return None
    table, crc = _crc64_table(), INTEGER_MAX
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ INTEGER_MAX


def _greatest(*values: Any) -> Any:
    return least_and_greatest(values, greatest=True)


def _least(*values: Any) -> Any:
    return least_and_greatest(values, greatest=False)


_ONE_NUMBER: dict[str, Callable[[Number], Any]] = {
    "ABS": abs,
    "CEILING": _as_integer(math.ceil),
    "FLOOR": _as_integer(math.floor),
    "SIGN": _sign,
    "SQRT": math.sqrt,
    "EXP": math.exp,
    "LOG2": _logarithm(math.log2),
    "LN": _logarithm(math.log),
    "LOG10": _logarithm(math.log10),
    **{"SIN": math.sin, "COS": math.cos, "TAN": math.tan},
    **{"ASIN": math.asin, "ACOS": math.acos, "ATAN": math.atan},
    **{"DEGREES": math.degrees, "RADIANS": math.radians},
}
NUMBERS = {
    **{name: (1, 1, _of_number(calculate)) for name, calculate in _ONE_NUMBER.items()},
    "ROUND": (1, 2, _of_numbers(_round)),
    "POWER": (2, 2, _of_numbers(_power)),
    "ATAN2": (2, 2, _of_numbers(math.atan2)),
    "WIDTH_BUCKET": (4, 4, _of_numbers(_width_bucket)),
    "GEO_DISTANCE": (4, 4, _of_numbers(_geo_distance)),
    "CRC32": (1, 1, _crc32),
    "CRC64": (1, 1, _crc64),
    "NAN_VALUE": (0, 0, lambda: NAN),
    "TRUE_VALUE": (0, 0, lambda: 1),
    "FALSE_VALUE": (0, 0, lambda: 0),
}
MANY_NUMBERS = {"GREATEST": _greatest, "LEAST": _least}
