"""Reads and writes AMPS frames: a length, a flat header, a body.

Header values are bytes, exactly as they were on the wire after unescaping; fields that the
protocol counts with are ints. Keys are the canonical short names, whatever alias was sent.

>>> encode({"c": b"p", "t": b"test"}, b"{}")
b'\\x00\\x00\\x00\\x16{"c":"p","t":"test"}{}'
>>> header, end = parse_header(b'{ "cmd":"publish", "topic":"a\\\\"b", "seq":"7" }body')
>>> header, end
({'c': b'publish', 't': b'a"b', 's': 7}, 46)
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, Union

MESSAGE_BYTES_MAX = 256 * 1024 * 1024  # what one frame may claim to hold, unless configured
KNOWN_HEADERS_MAX = 512  # publish headers remembered per connection, so that repeats cost nothing
KNOWN_HEADER_BYTES_MAX = 512

Value = Union[bytes, int]
Header = dict[str, Any]  # each field's value is of one type: bytes, or int for those in INTEGER_MAX

LENGTH = struct.Struct(">I")
U32, U64 = 2**32 - 1, 2**64 - 1
U64_DIGITS = len(str(U64))

_TEXT_FIELDS = (
    "c cmd|cid cmd_id|t topic|a ack_type|sub_id|sids|query_id|filter f|opts o options|bm bookmark"
    "|k sow_key|sow_keys|orderby order_by|x correlation_id|ts timestamp"
    "|lp leaseperiod lease_period|status|reason|user_id|pw password|client_name|mt message_type"
    "|version v|use_ns|src|send_matching_ids|data_only|send_empty|send_keys|send_oof"
)
_U32_FIELDS = (
    "e expiration|bs batch_size|top_n|l msg_len|matches|topic_matches|records_returned"
    "|records_inserted|records_updated|records_deleted|gseq group_sequence_number"
    "|max_msgs maximum_messages|timeout_interval|heartbeat|grace_period|skip_n"
)
_U64_FIELDS = "s seq"


def _spellings(table: str) -> list[list[str]]:
    return [row.split() for row in table.split("|")]


CANONICAL = {
    spelling.encode(): row[0]
    for table in (_TEXT_FIELDS, _U32_FIELDS, _U64_FIELDS)
    for row in _spellings(table)
    for spelling in row
}
INTEGER_MAX = {row[0]: U32 for row in _spellings(_U32_FIELDS)}
INTEGER_MAX.update({row[0]: U64 for row in _spellings(_U64_FIELDS)})

_REPEATED = {b"p", b"publish", b"delta_publish"}
_ONE_OFF = {"s", "cid"}  # fields that make each header a new one

_SPACE = rb"[ \t\r\n]*"
_QUOTED = rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
_KEY = _SPACE + _QUOTED + _SPACE + b":" + _SPACE
_LEADING = re.compile(_SPACE)
_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_MEMBER = re.compile(
    _KEY + rb"(?:" + _QUOTED + rb'|([^ \t\r\n",:{}\[\]]+))' + _SPACE + rb"(?=[,}])", re.DOTALL
)
_NESTED_KEY = re.compile(_KEY + rb"(?=[\[{])", re.DOTALL)
_NESTED_PART = re.compile(rb'([\[{])|([\]}])|"[^"\\]*(?:\\.[^"\\]*)*"|(")', re.DOTALL)

_ESCAPED = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|u([0-9a-fA-F]{4})|(.))",
    re.DOTALL,
)
_UNESCAPED = {b'"': b'"', b"\\": b"\\", b"/": b"/"}
_UNESCAPED.update({b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"})
_UNSAFE = re.compile(rb'[\x00-\x1f"\\]')
_ESCAPE = {bytes([code]): b"\\u%04x" % code for code in range(0x20)}
_ESCAPE.update(
    {plain: b"\\" + letter for letter, plain in _UNESCAPED.items() if plain not in (b"/",)}
)


class Malformed(Exception):
    """Bytes that are no frame: what is wrong, where, and what was understood before."""

    def __init__(self, category: str, offset: int, header: Header, sample: bytes):
        super().__init__(f"{category} at offset {offset}")
        self.category = category
        self.offset = offset
        self.header = header
        self.sample = sample


class Frame(NamedTuple):
    """One command as it arrived. Frames with equal headers may share one dict: do not change it."""

    header: Header
    body: bytes


def encode(header: Header, body: bytes = b"") -> bytes:
    """One frame in canonical form; integers are written bare, everything else quoted."""
    members = b",".join(member(key, value) for key, value in header.items())
    return b"".join((LENGTH.pack(len(members) + 2 + len(body)), b"{", members, b"}", body))


def member(key: str, value: Value) -> bytes:
    """One `"key":value` of a header."""
    if isinstance(value, int):
        return b'"%b":%d' % (key.encode(), value)
    return b'"%b":"%b"' % (key.encode(), _UNSAFE.sub(lambda found: _ESCAPE[found[0]], value))


def parse_header(data: bytes, start: int = 0, stop: int | None = None) -> tuple[Header, int]:
    """The header that begins at `start`, and where its closing brace ends.

    Raises Malformed, with the fields that were read before the fault.
    """
    stop = len(data) if stop is None else stop
    header: Header = {}
    position = _LEADING.match(data, start, stop).end()
    if position >= stop or data[position] != ord("{"):
        raise Malformed("no header", position, header, data[start : start + 4096])
    position += 1
    while True:
        position = _BETWEEN.match(data, position, stop).end()
        if position < stop and data[position] == ord("}"):
            return header, position + 1
        found = _MEMBER.match(data, position, stop)
        if found:
            position = found.end()
            key, quoted, bare = found.groups()
            name = CANONICAL.get(key)
            if name is not None:
                _set(header, name, bare if quoted is None else _unescaped(quoted))
            continue
        position = _skip_nested(data, position, stop)
        if position < 0:
            raise Malformed("unreadable header", start, header, data[start : start + 4096])


def _set(header: Header, name: str, value: bytes) -> None:
    limit = INTEGER_MAX.get(name)
    if limit is None:
        header[name] = value
        return
    digits = value.lstrip(b"0") or b"0"
    if value.isdigit() and len(digits) <= U64_DIGITS and int(digits) <= limit:
        header[name] = int(digits)
    else:
        header.pop(name, None)  # no number it can hold: the field counts as absent


def _unescaped(value: bytes) -> bytes:
    return _ESCAPED.sub(_unescape, value) if b"\\" in value else value


def _unescape(found: re.Match[bytes]) -> bytes:
    high, low, single, letter = found.groups()
    if high:
        code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00
        return chr(code).encode()
    if single:
        return chr(int(single, 16)).encode("utf-8", "replace")
    return _UNESCAPED.get(letter, found[0])


def _skip_nested(data: bytes, start: int, stop: int) -> int:
    """Where a member whose value is an object or array ends, or -1: no field has such a value."""
    key = _NESTED_KEY.match(data, start, stop)
    if not key:
        return -1
    depth = 0
    for part in _NESTED_PART.finditer(data, key.end(), stop):
        opening, closing, lone_quote = part.groups()
        if lone_quote:
            return -1
        depth += bool(opening) - bool(closing)
        if depth == 0:
            return part.end()
    return -1


class FrameReader:
    """Cuts the bytes of one connection into frames, however they were split on the way."""

    def __init__(self, message_bytes_max: int = MESSAGE_BYTES_MAX):
        self.message_bytes_max = message_bytes_max
        self._rest = bytearray()
        self._wanted = LENGTH.size
        self._offset = 0  # of the bytes at hand, in the whole stream
        self._at = 0  # of the newest frame, among these
        self._known: dict[bytes, Header] = {}

    @property
    def is_inside_frame(self) -> bool:
        """Whether bytes of an unfinished frame are waiting for the others."""
        return bool(self._rest)

    @property
    def frame_offset(self) -> int:
        """Where in the whole stream the frame began that `feed` gave last; ask before the next."""
        return self._offset + self._at

    def forget(self) -> None:
        """Gives back what is held; nothing more will be fed."""
        self._rest = bytearray()
        self._known = {}

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that `chunk` completes. Raises Malformed; after that, feed no more."""
        data = chunk
        if self._rest:
            self._rest += chunk
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
        position, size, wanted = 0, len(data), LENGTH.size
        while size - position >= LENGTH.size:
            (length,) = LENGTH.unpack_from(data, position)
            if length > self.message_bytes_max:
                raise Malformed(
                    f"length {length} over the limit of {self.message_bytes_max}",
                    self._offset + position,
                    {},
                    data[position : position + 4096],
                )
            stop = position + LENGTH.size + length
            if stop > size:
                wanted += length
                break
            self._at = position
            if length:
                yield self._frame(data, position + LENGTH.size, stop)
            position = stop
        self._rest = bytearray(data[position:])
        self._wanted = wanted
        self._offset += position

    def _frame(self, data: bytes, start: int, stop: int) -> Frame:
        end = data.find(b"}", start, stop) + 1
        header = self._known.get(data[start:end])
        if header is None:
            try:
                header, end = parse_header(data, start, stop)
            except Malformed as fault:
                fault.offset += self._offset
                raise
            self._remember(data[start:end], header)
        return Frame(header, data[end:stop])

    def _remember(self, raw: bytes, header: Header) -> None:
        if (
            header.get("c") not in _REPEATED
            or not _ONE_OFF.isdisjoint(header)
            or len(raw) > KNOWN_HEADER_BYTES_MAX
        ):
            return
        if len(self._known) >= KNOWN_HEADERS_MAX:
            self._known.clear()
        self._known[raw] = header
