"""Who fills the queue of the torture story, and measures how fairly it is handed out.

The measure: bursts that find the queue empty (up to a few messages), all workers subscribed and
with room for more than all of it. A burst reaches the server in one piece, so it is handed out
before anybody can have acknowledged any of it, and who gets how much is the rule of fairness
alone, however busy the machine is. (When there is more than room for it, who is quicker gets more.)
What counts is what was delivered between two looks at the
server, if all workers were alive at both and all the time between.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Callable, NamedTuple

import AMPS
from amps_sandbox import Sandbox

from .common import LIFE_S_MAX

QUEUE = "tasks"
FLOOD_CHANCE = 0.1  # of a burst to be more than the workers have room for
FLOOD = 3  # times that room
LEFT_MAX = 2  # messages of the burst before that may not be done yet: forgotten ones
BATCH_BYTES = 1_000_000  # more than a burst


class Worker(NamedTuple):
    """One of the four, through all its lives."""

    kind: str
    backlog: int  # messages


class Boss(threading.Thread):
    """Publishes numbers, so many at least, until it is told that it is `enough`.

    `alive()` says who has been alive since when: the same answer twice means that all were, all the
    time between, and None that they are not.
    """

    def __init__(
        self,
        server: Sandbox,
        workers: tuple[Worker, ...],
        messages: int,
        chance: random.Random,
        alive: Callable[[], int | None],
    ):
        super().__init__(daemon=True)
        self.measured: Counter[str] = Counter()  # deliveries, by worker
        self.bursts_measured = 0
        self.enough = threading.Event()
        self.published = 0  # messages
        self.is_done = False
        self.error: BaseException | None = None
        self._server, self._queue = server, server.queue(QUEUE)
        self._room = sum(each.backlog for each in workers)
        self._messages, self._chance, self._alive = messages, chance, alive
        self._client = AMPS.Client("boss")
        self._client.connect(server.uri("json"))
        self._client.logon()
        self._client.set_publish_batching(BATCH_BYTES, 0)

    def run(self) -> None:
        try:
            while self.published < self._messages or not self.enough.is_set():
                self._publish_burst()
        except BaseException as error:
            self.error = error
        finally:
            self.is_done = True
            self._client.close()

    def _publish_burst(self) -> None:
        """Publishes the next numbers once those before are done."""
        self._server.wait_until(lambda: self._queue.depth <= LEFT_MAX, LIFE_S_MAX)
        is_flood = self._chance.random() < FLOOD_CHANCE
        size = self._room * FLOOD
        if not is_flood:
            size = self._chance.randrange(self._room // 2, self._room * 3 // 4)
        alive, before = self._alive(), Counter(self._queue.by_client)
        for number in range(self.published, self.published + size):
            self._client.publish(QUEUE, str(number))
        self._client.publish_flush(int(LIFE_S_MAX * 1000))
        after = Counter(self._queue.by_client)
        self.published += size
        if not is_flood and alive is not None and alive == self._alive():
            self.measured += after - before
            self.bursts_measured += 1
