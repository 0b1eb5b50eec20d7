"""One message of a queue, and those of them that wait, in the order in which they will go."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Union

from ..subscriptions import Gate

if TYPE_CHECKING:
    from .consumers import Consumer

WAITING, BLOCKED, LEASED, SENT, GONE = range(5)  # blocked: by a barrier; sent: at most once,
# and like those that are gone not in the queue any more
SLACK = 1_000  # entries of a line that may be outdated

Rank = tuple[Union[float, int], int]


class Item:
    """A message's place in the queue. Its bytes are in the log, at `position`.

    `turn` counts how often it came back, so that its older places in line are known as such.
    """

    __slots__ = (
        *("position", "bookmark", "rank", "state", "turn", "holder", "is_barrier"),
        *("deliveries", "cancels", "leased_ns", "due", "due_ns"),
    )

    def __init__(self, position: int, bookmark: bytes, rank: float = 0, is_barrier: bool = False):
        self.position = position
        self.bookmark = bookmark
        self.rank: Rank = (rank, position)  # the lowest goes first
        self.state = WAITING
        self.turn = 0
        self.holder: Consumer | None = None
        self.is_barrier = is_barrier
        self.deliveries = 0
        self.cancels = 0
        self.leased_ns: int | None = None  # when it was, last
        self.due = 0.0  # the end of its lease, by the clock that never jumps
        self.due_ns: int | None = None  # the end of its life


class Row:
    """Messages that wait for subscribers of equal wishes, and those who have room for one."""

    def __init__(self, gate: Gate):
        self.gate = gate
        self.consumers: dict[Consumer, None] = {}
        self.with_room: dict[Consumer, None] = {}
        self._heap: list[tuple[Rank, int, Item]] = []

    def add(self, item: Item) -> None:
        heapq.heappush(self._heap, (item.rank, item.turn, item))

    def first(self) -> Item | None:
        """The message that is next; it stays where it is."""
        heap = self._heap
        while heap and not _is_current(heap[0]):
            heapq.heappop(heap)
        return heap[0][2] if heap else None

    def tidy(self, waiting: int) -> None:
        """Forgets outdated places when they are more than those of so many that wait."""
        if len(self._heap) > 2 * waiting + SLACK:
            self._heap = [entry for entry in self._heap if _is_current(entry)]
            heapq.heapify(self._heap)


def _is_current(entry: tuple[Rank, int, Item]) -> bool:
    _, turn, item = entry
    return item.state == WAITING and item.turn == turn
