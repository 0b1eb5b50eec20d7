"""Parses JSON bodies: once to values, once to the text that each value had.

All text is Latin-1, one character per byte, so that what comes out again is what went in. Objects
are tuples of (key, value) pairs, arrays are lists.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, NoReturn

from .base import InvalidBody

DEPTH_MAX = 100  # objects and arrays inside of each other
NUMBER_BYTES_MAX = 640  # of one number; Python reads so many digits, whatever its own limit is
PLAIN_BYTES_MAX = NUMBER_BYTES_MAX  # a body up to this size cannot hold a number over the limit

Pairs = tuple[tuple[str, Any], ...]

_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")
_NESTING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|([\[{])|([\]}])|(")', re.DOTALL)
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"\\(?:u([dD][89abAB]{_HEX}{{2}})\\u([dD][c-fC-F]{_HEX}{{2}})|u({_HEX}{{4}})|(.))", re.DOTALL
)
_ANY_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")


class Number(str):
    """The text of a number."""

    __slots__ = ()


def _bounded_text(text: str) -> str:
    if len(text) > NUMBER_BYTES_MAX:
        raise InvalidBody(f"a number over {NUMBER_BYTES_MAX} bytes: {text[:20]}...")
    return text


def _constant(text: str) -> NoReturn:
    raise InvalidBody(f"{text} is no JSON value")


def _decoder(**numbers: Any) -> json.JSONDecoder:
    # Tuples tell objects from arrays, and keep a repeated key, without a call into Python.
    hook: Any = tuple
    return json.JSONDecoder(object_pairs_hook=hook, parse_constant=_constant, **numbers)


_PLAIN = _decoder()
_LARGE = _decoder(
    parse_int=lambda text: int(_bounded_text(text)),
    parse_float=lambda text: float(_bounded_text(text)),
)
_RAW = _decoder(
    parse_int=lambda text: Number(_bounded_text(text)),
    parse_float=lambda text: Number(_bounded_text(text)),
)


def parse(body: bytes) -> Pairs:
    """The members of a body, values as Python has them. Raises InvalidBody."""
    text = _checked(body)
    decoder = _PLAIN if len(text) <= PLAIN_BYTES_MAX else _LARGE
    if "\\u" not in text:
        return _scan(decoder, text)
    escaped = _ESCAPE.sub(_utf8, text)
    try:
        return _scan(decoder, escaped)
    except InvalidBody:
        _scan(decoder, text)  # says the same of the body's own text, so at the right byte
        raise


def parse_raw(body: bytes) -> Pairs:
    """The members of a body, values and keys as their text: numbers, and strings unquoted.

    >>> parse_raw(b'{ "a" : 1.10, "caf\\\\u00e9" : ["x\\\\"y", true] }')
    (('a', '1.10'), ('caf\\\\u00e9', ['x\\\\"y', True]))
    """
    text = _checked(body)
    if "\\" not in text:
        return _scan(_RAW, text)
    _scan(_RAW, text)  # refuses wrong escapes, which are no escapes any more after the next line
    return _scan(_RAW, _ANY_ESCAPE.sub(_keep_escape, text))


def plain(raw: str) -> str:
    """What a string's text between its quotes stands for.

    >>> plain("caf\\\\u00e9").encode("latin-1").decode()
    'café'
    """
    if "\\" not in raw:
        return raw
    return _PLAIN.decode(f'"{_ESCAPE.sub(_utf8, raw)}"')


def members(pairs: Pairs, meaning: Callable[[str], str] = plain) -> dict[str, tuple[str, Any]]:
    """The pairs of a raw object by what their keys mean; of equal keys the first counts."""
    found: dict[str, tuple[str, Any]] = {}
    for pair in pairs:
        found.setdefault(meaning(pair[0]), pair)
    return found


def write(value: Any) -> str:
    """The text of a raw value, without blanks."""
    kind = type(value)
    if kind is str:
        return f'"{value}"'
    if kind is tuple:
        return "{" + ",".join([f'"{key}":{write(inner)}' for key, inner in value]) + "}"
    if kind is list:
        return "[" + ",".join([write(inner) for inner in value]) + "]"
    if kind is Number:
        return value
    return "null" if value is None else "true" if value else "false"


def are_equal(old: Any, new: Any) -> bool:
    """Whether two raw values mean the same: numbers by value, objects in any order."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind is Number:
        return old == new or _exact(old) == _exact(new)
    if kind is str:
        return old == new or plain(old) == plain(new)
    if kind is list:
        return len(old) == len(new) and all(map(are_equal, old, new))
    if kind is tuple:
        old, new = members(old), members(new)
        return old.keys() == new.keys() and all(are_equal(old[key][1], new[key][1]) for key in old)
    return old is new


def _exact(number: Number) -> tuple[str, str, int]:
    """Sign, digits and exponent of a number: equal ones have equal values, however large."""
    sign, whole, fraction, exponent = _NUMBER.fullmatch(number).groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "", "", 0
    significant = digits.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    return sign, significant, power


def _checked(body: bytes) -> str:
    """The body as Latin-1 text, if it is UTF-8 and not nested too deeply."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise InvalidBody(f"no UTF-8 at byte {error.start}: {error.reason}") from error
    text = body.decode("latin-1")
    if text.count("{") + text.count("[") > DEPTH_MAX:
        _check_depth(text)
    return text


def _check_depth(text: str) -> None:
    depth = 0
    for found in _NESTING.finditer(text):
        opening, closing, lone_quote = found.groups()
        if opening:
            depth += 1
            if depth > DEPTH_MAX:
                raise InvalidBody(f"nested deeper than {DEPTH_MAX} at byte {found.start()}")
        elif closing:
            depth -= 1
        elif lone_quote:
            raise InvalidBody(f"a string without an end at byte {found.start()}")


def _scan(decoder: json.JSONDecoder, text: str) -> Pairs:
    start = 0 if text[:1] == "{" else _SPACE.match(text).end()
    try:
        tree, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise InvalidBody(f"no JSON at byte {error.pos}: {error.msg}") from error
    if type(tree) is not tuple:
        raise InvalidBody("a JSON value that is no object")
    if end != len(text) and text[end:].strip(_SPACES):
        raise InvalidBody(f"something follows the JSON object at byte {end}")
    return tree


def _utf8(found: re.Match[str]) -> str:
    """The UTF-8 bytes of an escaped character; ASCII stays escaped, a lone surrogate is a `?`."""
    high, low, single, _ = found.groups()
    if high:
        code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00
        return chr(code).encode().decode("latin-1")
    if not single or int(single, 16) < 0x80:
        return found[0]
    return chr(int(single, 16)).encode("utf-8", "replace").decode("latin-1")


def _keep_escape(found: re.Match[str]) -> str:
    """An escape, escaped itself, so that parsing gives it back."""
    return "\\\\" + {'"': '\\"', "\\": "\\\\"}.get(found[1], found[1])
