"""A subscriber is killed at random moments while its servers fail over: all is processed, and
nothing again whose discard() had returned.

python -m tests.torture.subscriber --kills 200 [--seed N]
"""

from __future__ import annotations

import pathlib
import random
import tempfile
import threading
import time
from typing import NamedTuple

import AMPS

from .common import LIFE_S_MAX, Life, Pair, arguments, lines_of

KILLS = 200
START_S = 0.12  # a Python takes about so long to begin
LIFE_S = 0.45  # a life lasts at most so much longer
PUBLISHERS = 2
BURST_MAX = 20  # messages
PAUSE_S_MAX = 0.02  # after each burst


class Figures(NamedTuple):
    """What came of a story."""

    kills: int
    failures: int  # of the servers
    published: int
    processed: int  # with those that came more than once
    again: int  # processed a second time: the kill came before the discard had returned
    seconds: float


class Publisher(threading.Thread):
    """Publishes '<name>-<number>' until told to stop, through all failures of the servers."""

    def __init__(self, name: str, uris: list[str], chance: random.Random):
        super().__init__(daemon=True)
        self.published: list[str] = []
        self.error: BaseException | None = None
        self._name, self._chance = name, chance
        self._ends = threading.Event()
        chooser = AMPS.DefaultServerChooser()
        chooser.add_all(uris)
        self._client = AMPS.HAClient(name)
        self._client.set_exception_listener(lambda error: None)  # losses are what this is about
        self._client.set_server_chooser(chooser)
        self._client.set_reconnect_delay(20)

    def run(self) -> None:
        try:
            self._client.connect_and_logon()
            while not self._ends.wait(PAUSE_S_MAX * self._chance.random()):
                for _ in range(self._chance.randrange(1, BURST_MAX)):
                    body = f"{self._name}-{len(self.published)}"
                    self._client.publish("t", body)
                    self.published.append(body)
            self._client.publish_flush(int(LIFE_S_MAX * 1000))
        except BaseException as error:
            self.error = error
        finally:
            self._client.close()

    def end(self) -> None:
        """Everything is in the logs now. Raises what went wrong."""
        self._ends.set()
        self.join(LIFE_S_MAX * 2)
        assert not self.is_alive(), f"{self._name} does not end"
        if self.error is not None:
            raise self.error


def run(kills: int, seed: int, folder: pathlib.Path) -> Figures:
    """Tells the story, and raises AssertionError for whatever does not hold at its end."""
    began = time.monotonic()
    chance = random.Random(seed)
    testimony = folder / "testimony"
    with Pair(chance.random()) as pair:
        publishers = [
            Publisher(f"publisher-{each}", pair.uris(), random.Random(chance.random()))
            for each in range(PUBLISHERS)
        ]
        for each in publishers:
            each.start()
        pair.fail()
        for life in range(kills):
            live(folder, f"{seed}{life:06}", pair.uris(), testimony).kill_after(
                START_S * chance.random() * 2 + LIFE_S * chance.random() ** 2
            )
        pair.settle()
        for each in publishers:
            each.end()
        pair.wait_same()
        published = [body for each in publishers for body in each.published]
        last = live(folder, f"{seed}999999", pair.uris(), testimony)
        wait_all(testimony, published)
        last.end()
        lines = lines_of(testimony)
        check(lines, published)
        processed = [words[1] for words in lines if words[0] == "processed"]
        again = len(processed) - len(set(processed))
        return Figures(
            kills, pair.failures, len(published), len(processed), again, time.monotonic() - began
        )


def live(folder: pathlib.Path, seed: str, uris: list[str], testimony: pathlib.Path) -> Life:
    return Life("subscriber_life", folder / "store", seed, *uris, testimony=testimony)


def wait_all(testimony: pathlib.Path, published: list[str]) -> None:
    """Until the last life has processed what was left, or has had time enough."""
    deadline = time.monotonic() + LIFE_S_MAX
    pause = threading.Event()
    while time.monotonic() < deadline:
        if len({words[1] for words in lines_of(testimony)}) >= len(published):
            return
        pause.wait(0.05)


def check(lines: list[list[str]], published: list[str]) -> None:
    """Nothing is missed, and what was discarded stays so. Only a copy that was already on its way
    to the handler may come right after another thread has discarded it."""
    processed = {words[1] for words in lines if words[0] == "processed"}
    lost = [body for body in published if body not in processed]
    assert not lost, f"{len(lost)} of {len(published)} never came: {lost[:5]}"
    discarded: dict[str, tuple[str, str]] = {}
    for verb, body, life in lines:
        if verb != "processed":
            discarded.setdefault(body, (verb, life))
        elif body in discarded and discarded[body] != ("discarded-elsewhere", life):
            raise AssertionError(f"{body}: {' in '.join(discarded[body])}, came again in {life}")


def main() -> None:
    given = arguments(__doc__, kills=KILLS)
    with tempfile.TemporaryDirectory() as folder:
        print(run(given.kills, given.seed, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
