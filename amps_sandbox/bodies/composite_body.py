"""Composite bodies: parts of other types, each behind its length as a 32-bit number.

Bytes after the last declared part are a payload that is nobody's part: no fields, never merged. A
part that is missing at the end is as good as an empty one, which means "unchanged" in a delta.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from .base import BodyType, Fields, InvalidBody, Value, add_value
from .selection import Select

LENGTH = struct.Struct(">I")


class _CompositeType(BodyType):
    def __init__(self, name: str, parts: Sequence[BodyType]):
        super().__init__(name)
        self.parts = tuple(parts)
        self.has_fields = any(part.has_fields for part in parts)

    def _cut(self, body: bytes) -> list[bytes]:
        """The bytes of each declared part, and of the payload as the last one."""
        found = []
        position = 0
        for index in range(len(self.parts)):
            if position == len(body):
                found.append(b"")
                continue
            start = position + LENGTH.size
            if start > len(body):
                raise InvalidBody(f"part {index}: its length is cut short at byte {position}")
            position = start + LENGTH.unpack_from(body, position)[0]
            if position > len(body):
                raise InvalidBody(
                    f"part {index}: {position - start} bytes, but {len(body) - start} are left"
                )
            found.append(body[start:position])
        return [*found, body[position:]]

    def _part_fields(self, body: bytes) -> Iterator[tuple[int, Fields]]:
        for index, (part, data) in enumerate(zip(self.parts, self._cut(body))):
            if part.has_fields and data:
                with _Part(index):
                    yield index, part.fields(data)


class CompositeLocalType(_CompositeType):
    """Parts whose number is the first step of their fields' paths: `/0/id`."""

    merges = True

    def fields(self, body: bytes) -> Fields:
        return {
            f"/{index}{path}": value
            for index, fields in self._part_fields(body)
            for path, value in fields.items()
        }

    def merge(self, stored: bytes, update: bytes) -> bytes:
        """Also: an update's payload takes the stored one's place, if it has one."""
        *before, old_payload = self._cut(stored)
        *after, new_payload = self._cut(update)
        merged = []
        for index, (part, old, new) in enumerate(zip(self.parts, before, after)):
            with _Part(index):
                merged.append(_merge_part(part, old, new))
        return _joined(merged, new_payload or old_payload)

    def changes(
        self, old: bytes, new: bytes, keys: Collection[str], with_keys: bool
    ) -> tuple[bytes, bool]:
        """Also: a part without changes or wanted keys is empty; opaque parts and the payload are
        sent whole where they differ."""
        *before, old_payload = self._cut(old)
        *after, new_payload = self._cut(new)
        sent = []
        changed = new_payload not in (old_payload, b"")
        for index, (part, old_data, new_data) in enumerate(zip(self.parts, before, after)):
            inner = [key[len(f"/{index}") :] for key in keys if key.startswith(f"/{index}/")]
            with _Part(index):
                data, differs = _part_changes(part, old_data, new_data, inner, with_keys)
            sent.append(data)
            changed = changed or differs
        return _joined(sent, b"" if new_payload == old_payload else new_payload), changed

    def select(self, body: bytes, select: Select) -> bytes:
        """Also: an opaque part is one field, `/1`; the payload is kept if what is not named is."""
        *parts, payload = self._cut(body)
        kept = []
        for index, (part, data) in enumerate(zip(self.parts, parts)):
            path = f"/{index}"
            if not select.reaches_into(path) or not part.has_fields:
                kept.append(data if select.keeps(path) else b"")
                continue
            with _Part(index):
                kept.append(part.select(data, select.below(path)) if data else data)
        return _joined(kept, payload if select.keeps("") else b"")

    def compose(self, values: Mapping[str, Value]) -> bytes:
        numbers = {str(i): i for i, part in enumerate(self.parts) if part.has_fields}
        inner: list[dict[str, Value]] = [{} for _ in self.parts]
        for path, value in values.items():
            number, slash, rest = path[1:].partition("/")
            index = numbers.get(number)
            if path[:1] != "/" or index is None or not slash:
                raise InvalidBody(f"no path of a {self.name} field: {path[:40]!r}")
            inner[index]["/" + rest] = value
        composed = []
        for index, (part, fields) in enumerate(zip(self.parts, inner)):
            with _Part(index):
                composed.append(part.compose(fields) if fields else b"")
        return _joined(composed)


class CompositeGlobalType(_CompositeType):
    """Parts whose fields are one set: a path that has values in several parts is an array."""

    def fields(self, body: bytes) -> Fields:
        found: Fields = {}
        for _, fields in self._part_fields(body):
            for path, value in fields.items():
                if found.get(path) is None:
                    found[path] = value
                elif value is not None:
                    for one in value if isinstance(value, list) else [value]:
                        add_value(found, path, one)
        return found

    def select(self, body: bytes, select: Select) -> bytes:
        """Also: the same list counts in each part; opaque parts and the payload stay."""
        *parts, payload = self._cut(body)
        kept = []
        for index, (part, data) in enumerate(zip(self.parts, parts)):
            with _Part(index):
                kept.append(part.select(data, select) if data else data)
        return _joined(kept, payload)

    def compose(self, values: Mapping[str, Value]) -> bytes:
        """Also: the first part that can have fields has them all."""
        target = next((part for part in self.parts if part.has_fields), None)
        if target is None and values:
            raise InvalidBody(f"{self.name} has no part with fields")
        return _joined([part.compose(values) if part is target else b"" for part in self.parts])


class _Part:
    """Adds the part's number to what is wrong with it."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, InvalidBody):
            raise InvalidBody(f"part {self.index}: {error}") from error


def _merge_part(part: BodyType, old: bytes, new: bytes) -> bytes:
    if not new:
        return old
    if old:
        return part.merge(old, new)
    part.fields(new)  # only a body of its type becomes the stored one
    return new


def _part_changes(
    part: BodyType, old: bytes, new: bytes, keys: Collection[str], with_keys: bool
) -> tuple[bytes, bool]:
    if not new:
        return b"", False
    if not old:
        return new, True
    if not part.merges:
        return (b"", False) if old == new else (new, True)
    data, differs = part.changes(old, new, keys, with_keys)
    return (data if differs or (keys and with_keys) else b""), differs


def _joined(parts: Iterable[bytes], payload: bytes = b"") -> bytes:
    return b"".join([LENGTH.pack(len(part)) + part for part in parts]) + payload
