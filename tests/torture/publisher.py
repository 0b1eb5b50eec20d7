"""A publisher is killed at random moments while its servers fail over: nothing is lost or doubled.

python -m tests.torture.publisher --kills 200 [--seed N]
"""

from __future__ import annotations

import json
import pathlib
import random
import tempfile
import time
from typing import NamedTuple

from .common import Life, Pair, arguments, lines_of

KILLS = 200
START_S = 0.12  # a Python takes about so long to begin
LIFE_S = 0.45  # a life lasts at most so much longer


class Figures(NamedTuple):
    """What came of a story."""

    kills: int
    failures: int  # of the servers
    promised: int  # messages whose publish() was seen to return
    logged: int
    seconds: float


def run(kills: int, seed: int, folder: pathlib.Path) -> Figures:
    """Tells the story, and raises AssertionError for whatever does not hold at its end."""
    began = time.monotonic()
    chance = random.Random(seed)
    testimony = folder / "testimony"
    with Pair(chance.random()) as pair:
        pair.fail()
        for life in range(kills):
            cut_short = Life(
                "publisher_life",
                folder / "store",
                f"{seed}{life:06}",
                *pair.uris(),
                testimony=testimony,
            )
            cut_short.kill_after(START_S * chance.random() * 2 + LIFE_S * chance.random() ** 2)
        last = Life(
            "publisher_life",
            folder / "store",
            f"{seed}999999",
            *pair.uris(),
            testimony=testimony,
        )
        pair.settle()
        last.end()
        pair.wait_same()
        promised = {int(sequence): identity for sequence, identity, _ in lines_of(testimony)}
        for server in pair.servers:
            check(server.journal(), promised)
        return Figures(
            kills, pair.failures, len(promised), len(server.journal()), time.monotonic() - began
        )


def check(entries, promised: dict[int, str]) -> None:
    """Each promise is kept, once; and the log is in order."""
    sequences = [entry.sequence for entry in entries]
    assert all(low < high for low, high in zip(sequences, sequences[1:])), "not in order"
    logged = {entry.sequence: json.loads(entry.data)["id"] for entry in entries}
    assert len(set(logged.values())) == len(logged), "a message is there twice"
    lost = {number: body for number, body in promised.items() if logged.get(number) != body}
    assert not lost, f"{len(lost)} of {len(promised)} are lost: {list(lost.items())[:5]}"


def main() -> None:
    given = arguments(__doc__, kills=KILLS)
    with tempfile.TemporaryDirectory() as folder:
        print(run(given.kills, given.seed, pathlib.Path(folder)))


if __name__ == "__main__":
    main()
