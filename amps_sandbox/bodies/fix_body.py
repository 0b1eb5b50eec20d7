"""FIX and NVFIX bodies: `tag=value` fields, each ended by the byte 0x01.

A part that is no such field says nothing: it gives no value, a merge leaves it where it is in the
stored body, and in an update it is ignored (else each delta would make the record longer).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from .base import BodyType, Fields, InvalidBody, Value, add_value, bounded, encoded, number_text
from .selection import Select

SEPARATOR = b"\x01"
INTEGER_DIGITS_MAX = 400  # of an integer; longer ones are read as floats, thus infinite
_SHORT_DIGITS_MAX = 18  # such an integer fits 64 bits whatever its digits

_INTEGER = re.compile(rb"[+-]?\d+")
_FLOAT = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")

Part = tuple[bytes, bytes, bytes]  # what stands between separators, its tag if any, its value


class NvfixType(BodyType):
    """Fields whose tags are texts. A tag that comes again makes an array. No body is invalid."""

    has_fields = True
    merges = True

    def fields(self, body: bytes) -> Fields:
        found: Fields = {}
        for part in body.split(SEPARATOR):
            tag, equals, text = part.partition(b"=")
            tag = self._tag(tag)
            if not equals or not tag:
                continue
            add_value(found, "/" + tag.decode("latin-1"), infer(text))
        return found

    def merge(self, stored: bytes, update: bytes) -> bytes:
        """Also: all values of a tag are replaced where its first one is; `tag=` changes nothing."""
        new: dict[bytes, list[bytes]] = {}
        for part, tag, value in self._parts(update):
            if tag and value:
                new.setdefault(tag, []).append(part)
        merged: list[bytes] = []
        seen = set()
        for part, tag, _ in self._parts(stored):
            if tag not in new:
                merged.append(part)
            elif tag not in seen:
                seen.add(tag)
                merged += new[tag]
        for tag, parts in new.items():
            if tag not in seen:
                merged += parts
        return _joined(merged)

    def changes(
        self, old: bytes, new: bytes, keys: Collection[str], with_keys: bool
    ) -> tuple[bytes, bool]:
        """Also: a tag that differs is sent with all its values, compared as they are written."""
        before, after = self._values(old), self._values(new)
        changed = {tag for tag, values in after.items() if values != before.get(tag)}
        key_tags = {tag for tag in after if "/" + tag.decode("latin-1") in keys}
        changed -= key_tags
        sent = changed | key_tags if with_keys else changed
        return _joined([part for part, tag, _ in self._parts(new) if tag in sent]), bool(changed)

    def select(self, body: bytes, select: Select) -> bytes:
        """Also: a part that is no field is kept if fields that are not named are."""
        return _joined(
            [
                part
                for part, tag, _ in self._parts(body)
                if select.keeps("/" + tag.decode("latin-1") if tag else "")
            ]
        )

    def compose(self, values: Mapping[str, Value]) -> bytes:
        """Also: a separator inside of a text becomes a `?`, for no value can hold one."""
        parts = []
        for path, value in values.items():
            tag = encoded(path[1:])
            if self.fields(tag + b"=1") != {path: 1}:
                raise InvalidBody(f"no path of a {self.name} field: {path[:40]!r}")
            several = value if isinstance(value, list) and value else [value]
            parts += [tag + b"=" + _value_text(one) for one in several]
        return _joined(parts)

    def _values(self, body: bytes) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for _, tag, value in self._parts(body):
            if tag:
                found.setdefault(tag, []).append(value)
        return found

    def _parts(self, body: bytes) -> Iterator[Part]:
        for part in body.split(SEPARATOR):
            if part:
                tag, equals, value = part.partition(b"=")
                yield part, (self._tag(tag) if equals else b""), value

    @staticmethod
    def _tag(text: bytes) -> bytes:
        """The tag as a path says it, empty if it is none."""
        return text


class FixType(NvfixType):
    """Fields whose tags are numbers: 035 and 35 are one tag, -1 and x are none."""

    @staticmethod
    def _tag(text: bytes) -> bytes:
        if not text.isdigit():
            return b""
        return text if text[0] != ord("0") else text.lstrip(b"0") or b"0"


def infer(text: bytes) -> Value:
    """The value of a text: an integer, else a float, else the text itself; empty is NULL.

    >>> [infer(text) for text in (b"7", b"-1.5e3", b"1_0", b"")]
    [7, -1500.0, '1_0', None]
    """
    if text.isdigit() and len(text) <= _SHORT_DIGITS_MAX:
        return int(text)
    if not text:
        return None
    if _INTEGER.fullmatch(text) and len(text) <= INTEGER_DIGITS_MAX:
        return bounded(int(text))
    if _FLOAT.fullmatch(text):
        return float(text)
    return text.decode("latin-1")


def _value_text(value: Value) -> bytes:
    if isinstance(value, str):
        return encoded(value).replace(SEPARATOR, b"?")
    return (number_text(value) or "").encode() if isinstance(value, (int, float)) else b""


def _joined(parts: list[bytes]) -> bytes:
    return b"".join([part + SEPARATOR for part in parts])
