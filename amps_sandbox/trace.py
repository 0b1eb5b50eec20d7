"""Remembers the newest frames that went in and out, for tests to look at."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from .wire import LENGTH, Header, Value, parse_header

if TYPE_CHECKING:
    from .peer import Peer

TRACE_FRAMES_MAX = 100_000
TRACE_BYTES_MAX = 64 * 1024 * 1024
_RECORD_BYTES = 256  # what a remembered frame costs besides its body, roughly

LONG_NAMES = {"p": "publish"}


def text(value: bytes) -> str:
    """Bytes of a header as text; whatever is no UTF-8 survives the way back."""
    return value.decode("utf-8", "surrogateescape")


class SeenFrame(NamedTuple):
    """One frame as the sandbox saw it. Direction is "in" (from the client) or "out"."""

    direction: str
    time: float
    connection: int
    client: str
    header: dict[str, Any]
    body: bytes

    @property
    def command(self) -> str:
        """The verb by its long name: `p` is `publish`."""
        verb: str = self.header.get("c", "")
        return LONG_NAMES.get(verb, verb)


class Trace:
    """The newest frames in order of time. All methods belong to the loop's thread.

    What is noted is what costs least while messages flow: parsed headers coming in, whole bytes
    going out. They become SeenFrames when somebody asks.
    """

    def __init__(self, on_frame: Callable[[SeenFrame], None] | None = None) -> None:
        self.total = 0
        self._on_frame = on_frame
        self._records: deque[tuple[float, Peer, Header | None, bytes]] = deque()
        self._bytes = 0

    def note_in(self, peer: Peer, header: Header, body: bytes) -> None:
        self._note((time.time(), peer, header, body))

    def note_out(self, peer: Peer, frame: bytes) -> None:
        self._note((time.time(), peer, None, frame))

    def _note(self, record: tuple[float, Peer, Header | None, bytes]) -> None:
        records = self._records
        records.append(record)
        self.total += 1
        self._bytes += len(record[3]) + _RECORD_BYTES
        while len(records) > TRACE_FRAMES_MAX or (
            self._bytes > TRACE_BYTES_MAX and len(records) > 1
        ):
            self._bytes -= len(records.popleft()[3]) + _RECORD_BYTES
        if self._on_frame is not None:
            self._on_frame(seen(record))

    def clear(self) -> None:
        self._records.clear()
        self._bytes = 0

    def since(self, total: int) -> list[SeenFrame]:
        """The frames noted after the first `total` of all, as far as they are still remembered."""
        fresh = min(self.total - total, len(self._records))
        newest = list(islice(reversed(self._records), fresh))
        return [seen(record) for record in reversed(newest)]


def seen(record: tuple[float, Peer, Header | None, bytes]) -> SeenFrame:
    """A noted record as the public form, its password masked."""
    when, peer, header, body = record
    direction = "in"
    if header is None:
        direction = "out"
        header, end = parse_header(body, LENGTH.size)
        body = body[end:]
    shown = {key: _shown(key, value) for key, value in header.items()}
    return SeenFrame(direction, when, peer.number, text(peer.name), shown, body)


def _shown(key: str, value: Value) -> Any:
    if key == "pw":
        return "***"
    return value if isinstance(value, int) else text(value)


def summary(frames: Iterable[SeenFrame]) -> str:
    """How many frames of each command, for error texts."""
    counts = Counter(f"{frame.command or '?'} {frame.direction}" for frame in frames)
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "no frame"
