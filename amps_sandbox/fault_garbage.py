"""Makes bytes that no client should trust: frames of no sense, and spoiled batches of records."""

from __future__ import annotations

import random
import re
from typing import Callable

from .wire import LENGTH, Header, encode, parse_header

RANDOM_BYTES = 64
HUGE_LENGTH = 2**32 - 1


def _framed(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


_GARBAGE: dict[str, Callable[[random.Random], bytes]] = {
    "zero_length": lambda _: LENGTH.pack(0),
    "huge_length": lambda _: LENGTH.pack(HUGE_LENGTH) + b'{"c":"p"',
    "no_json": lambda _: _framed(b"this is no header"),
    "unterminated": lambda _: _framed(b'{"c":"p","t":"unterminated'),
    "random": lambda chance: bytes(chance.randrange(256) for _ in range(RANDOM_BYTES)),
    "unknown_command": lambda _: encode({"c": b"abracadabra", "t": b"t"}, b"x"),
    "unknown_cid": lambda _: encode(
        {"c": b"ack", "cid": b"nobody's", "a": b"processed", "status": b"success"}
    ),
    "unknown_sub_id": lambda _: encode({"c": b"p", "t": b"t", "sids": b"nobody's", "l": 1}, b"x"),
    "unknown_keys": lambda _: _framed(
        b'{"c":"ack","zz":"?","cid":"nobody\'s","deep":{"a":[1,"}"]},"a":"processed","yy":null}'
    ),
}


def garbage(kind: str, chance: random.Random) -> bytes:
    """The bytes of one kind; only `random` differs from time to time."""
    return _GARBAGE[kind](chance)


def spoiled(frame: bytes, kind: str) -> bytes:
    """A batch of records with something wrong in it. The frame itself is a good one."""
    header, start = parse_header(frame, LENGTH.size)
    body = frame[start:]
    if kind == "wrong_count":
        return encode({**header, "bs": header["bs"] + 1}, body)
    if kind == "missing_tail":
        return encode(header, _without_tail(header, body))
    return encode(header, re.sub(rb'"l":([0-9]+)', _one_more, body, count=1))


def _one_more(found: re.Match[bytes]) -> bytes:
    return b'"l":%d' % (int(found[1]) + 1)


def _without_tail(header: Header, body: bytes) -> bytes:
    """Without the second half of the last record."""
    last = 0
    position = 0
    for _ in range(header["bs"]):
        last = position
        record, end = parse_header(body, position)
        position = end + record["l"]
    return body[: last + (position - last) // 2]
