"""Four workers on a queue are killed and frozen at random moments: each message is done once.

python -m tests.torture.queue --messages 100000 [--seed N]
"""

from __future__ import annotations

import itertools
import json
import pathlib
import random
import tempfile
import threading
import time
from collections import Counter
from typing import NamedTuple

from amps_sandbox import Queue, Sandbox

from .common import LIFE_S_MAX, Life, arguments, lines_of
from .queue_boss import QUEUE, Boss, Worker

MESSAGES = 100_000
LEASE_S = 1.0
WORKERS = (
    Worker("handler", 50),
    Worker("stream", 100),
    Worker("manual", 50),
    Worker("stored", 100),
)
START_S = 0.12  # a Python takes about so long to begin
KILLED_AT_START_CHANCE = 0.2
QUIET_S_MAX = 0.2  # from the first burst that all workers had a part in to the next strike
FREEZE_CHANCE = 0.3  # of a strike to freeze, not to kill
FROZEN_S_MAX = 1.5 * LEASE_S
STRIKES_MIN = 6  # even if all messages are published sooner
SPREAD_MAX = 0.2  # between the largest and the smallest share


class Figures(NamedTuple):
    """What came of a story."""

    messages: int
    kills: int
    freezes: int
    deliveries: int
    processed: int  # with those that were processed more than once
    late_acks: int
    bursts_measured: int
    measured: dict[str, int]  # deliveries by worker, in those bursts
    spread: float  # of these per message of backlog: how much the largest is above the smallest
    seconds: float


class Crew:
    """The workers: each lives until it is struck, and then again."""

    def __init__(self, server: Sandbox, chance: random.Random, seed: int, testimony: pathlib.Path):
        self.kills = self.freezes = 0
        self._server, self._chance, self._testimony = server, chance, testimony
        self._seed = seed
        self._births = 0
        self._lives: dict[Worker, tuple[str, Life]] = {}
        self._alive: int | None = None  # since which birth all are

    def alive(self) -> int | None:
        """Who is, as a number that changes with any of them; None while one is not."""
        return self._alive

    def come_up(self) -> None:
        """Brings those to life that are dead, some of which die at once; waits for all."""
        for worker in WORKERS:
            if worker not in self._lives:
                while self._chance.random() < KILLED_AT_START_CHANCE:
                    self._born(worker)[1].kill_after(2 * START_S * self._chance.random())
                    self.kills += 1
                self._lives[worker] = self._born(worker)
        names = {name for name, _ in self._lives.values()}
        self._server.wait_until(
            lambda: names <= {each.sub_id for each in self._server.subscriptions()}, LIFE_S_MAX
        )
        self._alive = self._births

    def _born(self, worker: Worker) -> tuple[str, Life]:
        self._births += 1
        name = f"{self._seed}-{self._births}"
        where = self._server.uri("json")
        return name, Life(
            "queue_life", worker.kind, name, worker.backlog, where, testimony=self._testimony
        )

    def strike(self) -> None:
        """Kills some of them, or freezes them for a while, after which they live on or die."""
        self._alive = None
        victims = self._chance.sample(WORKERS, self._chance.choice([1, 1, 1, 2, 3, 4]))
        if self._chance.random() < FREEZE_CHANCE:
            for victim in victims:
                self._lives[victim][1].freeze()
            threading.Event().wait(FROZEN_S_MAX * self._chance.random())
            self.freezes += len(victims)
            for victim in list(victims):
                if self._chance.random() < 0.5:
                    self._lives[victim][1].thaw()
                    victims.remove(victim)
        for victim in victims:
            self._lives.pop(victim)[1].kill()
            self.kills += 1
        self._births += 1  # also if nobody died: what was measured before is no longer the same

    def end(self) -> None:
        for _, life in self._lives.values():
            life.end()


def run(messages: int, seed: int, folder: pathlib.Path) -> Figures:
    """Tells the story, and raises AssertionError for whatever does not hold at its end."""
    began = time.monotonic()
    chance = random.Random(seed)
    tasks = Queue(
        QUEUE,
        ["work"],
        lease_period=LEASE_S,
        fairness="proportional",
        max_per_subscription_backlog=max(each.backlog for each in WORKERS),
    )
    with Sandbox(queues=[tasks], ack_conflation="10ms") as server:
        crew = Crew(server, chance, seed, folder / "testimony")
        boss = Boss(server, WORKERS, messages, random.Random(chance.random()), crew.alive)
        boss.start()
        strike_until_done(server, crew, boss, chance)
        crew.end()
        processed = [(who, int(number)) for who, number, _ in lines_of(folder / "testimony")]
        check(server, boss.published, processed)
        queue = server.queue(QUEUE)
        shares = [boss.measured[each.kind] / each.backlog for each in WORKERS]
        assert min(shares) > 0, f"a worker starves: {boss.measured}"
        spread = max(shares) / min(shares) - 1
        assert spread <= SPREAD_MAX, f"the shares differ by {spread:.0%}: {boss.measured}"
        return Figures(
            boss.published,
            crew.kills,
            crew.freezes,
            sum(queue.deliveries.values()),
            len(processed),
            queue.late_acks,
            boss.bursts_measured,
            dict(boss.measured),
            round(spread, 3),
            round(time.monotonic() - began, 1),
        )


def strike_until_done(server: Sandbox, crew: Crew, boss: Boss, chance: random.Random) -> None:
    """Between two strikes all are alive for at least one burst that is measured."""
    queue = server.queue(QUEUE)
    for strikes in itertools.count():
        crew.come_up()
        wait_measured(server, boss)
        if strikes >= STRIKES_MIN:
            boss.enough.set()
        threading.Event().wait(QUIET_S_MAX * chance.random())
        if boss.error is not None:
            raise boss.error
        if boss.is_done and queue.depth == 0:
            return
        crew.strike()


def wait_measured(server: Sandbox, boss: Boss) -> None:
    """Until one more burst has been measured, if there is one more."""
    before = boss.bursts_measured
    server.wait_until(lambda: boss.is_done or boss.bursts_measured > before, LIFE_S_MAX)


def check(server: Sandbox, messages: int, processed: list[tuple[str, int]]) -> None:
    """Each message was delivered, then acknowledged once by who had processed it; none is left."""
    queue = server.queue(QUEUE)
    assert (queue.waiting, queue.leased) == (0, 0)
    numbers = {entry.bookmark: json.loads(entry.data) for entry in server.journal("work")}
    assert sorted(numbers.values()) == list(range(messages)), "what was published is not there once"
    gone = server.journal(QUEUE)
    assert {(entry.kind, entry.data) for entry in gone} == {("sow_delete", b"")}, "some expired"
    acked = [(entry.client, mark) for entry in gone for mark in entry.key.split(",")]
    times = Counter(mark for _, mark in acked)
    assert set(times.values()) == {1}, f"acknowledged twice: {times.most_common(5)}"
    assert times.keys() == numbers.keys(), "some were never acknowledged"
    assert queue.acknowledged == times
    assert queue.deliveries.keys() == numbers.keys(), "some were never delivered"
    unseen = {(who, numbers[mark]) for who, mark in acked} - set(processed)
    assert not unseen, f"{len(unseen)} acknowledged by who has not processed it: {unseen}"


def main() -> None:
    given = arguments(__doc__, messages=MESSAGES)
    with tempfile.TemporaryDirectory() as folder:
        print(run(given.messages, given.seed, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
