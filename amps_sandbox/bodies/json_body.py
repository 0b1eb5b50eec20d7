"""JSON bodies: their fields, merges, changes and selections."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from .base import (
    SIGNED_MIN,
    UNSIGNED_MAX,
    BodyType,
    Fields,
    InvalidBody,
    Value,
    add_value,
    bounded,
    encoded,
    number_text,
)
from .json_text import DEPTH_MAX, Pairs, are_equal, members, parse, parse_raw, write
from .selection import Select

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
        """Also: null, "", [] and {} change nothing; an object that is new comes as it is."""
        merged = _merge(parse_raw(stored), parse_raw(update))
        return write(merged).encode("latin-1")

    def changes(
        self, old: bytes, new: bytes, keys: Collection[str], with_keys: bool
    ) -> tuple[bytes, bool]:
        """Also: numbers compare by value, arrays are sent whole, removed members are not told."""
        sent, changed = _changes(parse_raw(old), parse_raw(new), "", keys, with_keys)
        return write(sent).encode("latin-1"), changed

    def select(self, body: bytes, select: Select) -> bytes:
        """Also: an object or array that loses all it had goes too, unless it is kept itself."""
        return write(_select_object(parse_raw(body), "", select)).encode("latin-1")

    def compose(self, values: Mapping[str, Value]) -> bytes:
        """Also: below a path that has a value itself, the rest of a path is one member's name."""
        root: dict[str, Any] = {}
        for path, value in values.items():
            *parents, name = _steps(path, values)
            place = root
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = _value_text(value)
        return _object_text(root).encode()


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
        value = _scalar(value)
        add_value(found, path, [value] if is_in_array and path not in found else value)


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


def _changes(
    old: Pairs, new: Pairs, path: str, keys: Collection[str], with_keys: bool
) -> tuple[Pairs, bool]:
    """`keys` are those at or below `path`; without any, no path is worked out."""
    before = members(old)
    sent = []
    changed = False
    for name, (key, value) in members(new).items():
        here = f"{path}/{name}" if keys else ""
        if here in keys and type(value) is not tuple:
            if with_keys:
                sent.append((key, value))
            continue
        below = [inner for inner in keys if inner.startswith(here + "/")]
        present = before.get(name)
        if type(value) is tuple and present and type(present[1]) is tuple:
            value, differs = _changes(present[1], value, here, below, with_keys)
            is_sent = bool(value)
        else:
            differs = present is None or not are_equal(present[1], value)
            has_key = bool(below) and isinstance(value, list)  # somewhere in its elements
            is_sent = differs or (with_keys and has_key)
        changed = changed or differs
        if is_sent:
            sent.append((key, value))
    return tuple(sent), changed


def _select_object(pairs: Pairs, path: str, select: Select) -> Pairs:
    kept = []
    for name, (key, value) in members(pairs).items():
        value, is_kept = _selected(value, f"{path}/{name}", select)
        if is_kept:
            kept.append((key, value))
    return tuple(kept)


def _selected(value: Any, path: str, select: Select) -> tuple[Any, bool]:
    """What is left of a value, and whether it is there at all."""
    is_kept = select.keeps(path)
    if not isinstance(value, (list, tuple)) or not select.reaches_into(path):
        return value, is_kept
    if isinstance(value, tuple):
        value = _select_object(value, path, select)
    else:
        elements = [_selected(inner, path, select) for inner in value]
        value = [inner for inner, is_element_kept in elements if is_element_kept]
    return value, is_kept or bool(value)


def _steps(path: str, values: Collection[str]) -> list[str]:
    """The names of the members that lead to a path."""
    if not path.startswith("/") or path.count("/") > DEPTH_MAX:
        raise InvalidBody(f"no path of a JSON field: {path[:40]!r}")
    names = path[1:].split("/")
    parent = ""
    for index, name in enumerate(names[:-1]):
        parent += "/" + name
        if parent in values:
            return [*names[:index], "/".join(names[index:])]
    return names


def _object_text(place: Mapping[str, Any]) -> str:
    texts = [
        f"{_text(name)}:{inner if isinstance(inner, str) else _object_text(inner)}"
        for name, inner in place.items()
    ]
    return "{" + ",".join(texts) + "}"


def _value_text(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ",".join([_value_text(inner) for inner in value]) + "]"
    if isinstance(value, str):
        return _text(value)
    return "null" if value is None else number_text(value) or "null"


def _text(text: str) -> str:
    """A string in quotes. Bytes that are no UTF-8 (a character cut in two) become U+FFFD."""
    return json.dumps(encoded(text).decode("utf-8", "replace"), ensure_ascii=False)
