"""JSON bodies: their fields, merges, changes and selections."""

from __future__ import annotations

from typing import Any

from .base import SIGNED_MIN, UNSIGNED_MAX, BodyType, Fields, InvalidBody, Value, bounded
from .json_text import Pairs, members, parse, parse_raw, write

OBJECT_PATH_BYTES_MAX = 1024  # of an object: each field below it has a path that repeats this one


class JsonType(BodyType):
    """JSON objects. What is not changed keeps the text it had; blanks between values go."""

    has_fields = True
    merges = True

    def fields(self, body: bytes) -> Fields:
        found: Fields = {}
        pairs = parse(body)
        for key, value in pairs:
            kind = type(value)
            if kind is str:
                found["/" + key] = value or None
            elif kind is int:
                if not SIGNED_MIN <= value <= UNSIGNED_MAX:
                    value = bounded(value)
                found["/" + key] = value
            elif kind is tuple or kind is list:
                break
            else:
                found["/" + key] = int(value) if kind is bool else value
        if len(found) == len(pairs):
            return found
        return _flatten(pairs)

    def merge(self, stored: bytes, update: bytes) -> bytes:
        merged = _merge(parse_raw(stored), parse_raw(update))
        return write(merged).encode("latin-1")


def _flatten(pairs: Pairs) -> Fields:
    found: Fields = {}
    _add_object(found, "", pairs, False)
    return found


def _add_object(found: Fields, path: str, pairs: Pairs, is_in_array: bool) -> None:
    if len(path) > OBJECT_PATH_BYTES_MAX:
        raise InvalidBody(f"an object's path over {OBJECT_PATH_BYTES_MAX} bytes: {path[:40]}...")
    for key, value in members(pairs, str).values():
        _add(found, f"{path}/{key}", value, is_in_array)


def _add(found: Fields, path: str, value: Any, is_in_array: bool) -> None:
    kind = type(value)
    if kind is tuple:
        _add_object(found, path, value, is_in_array)
    elif kind is list:
        if not value and not is_in_array:
            found.setdefault(path, None)
        for inner in value:
            _add(found, path, inner, True)
    else:
        _add_scalar(found, path, _scalar(value), is_in_array)


def _add_scalar(found: Fields, path: str, value: Value, is_in_array: bool) -> None:
    if path not in found:
        found[path] = [value] if is_in_array else value
        return
    present = found[path]
    if isinstance(present, list):
        present.append(value)
    else:
        found[path] = [present, value]


def _scalar(value: Any) -> Value:
    if isinstance(value, int):
        return bounded(int(value))
    return None if value == "" else value


def _is_void(value: Any) -> bool:
    """Whether an update's value means: no update. Zero and false do not."""
    return value is None or (isinstance(value, (str, list, tuple)) and not value)


def _merge(stored: Pairs, update: Pairs) -> Pairs:
    merged = members(stored)
    for name, (key, value) in members(update).items():
        if _is_void(value):
            continue
        present = merged.get(name)
        if present is None:
            merged[name] = (key, value)
            continue
        if type(value) is tuple and type(present[1]) is tuple:
            value = _merge(present[1], value)
        merged[name] = (present[0], value)
    return tuple(merged.values())
