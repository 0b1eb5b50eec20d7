"""What the torture stories share: servers that fail over, lives cut short, seeds.

A story is given by its seed: who is killed and when. What the threads make of it differs from run
to run, so a seed that found something is run a few times.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading

from amps_sandbox import Fault, Sandbox

LAG_S = 0.005  # of the replication within the pair
QUIET_S_MAX = 0.5  # between two failures of the pair
OUTAGE_S_MAX = 0.3
CUT_BYTES_MAX = 200_000  # a connection is cut at the latest after so many
LIFE_S_MAX = 60.0  # no life waits longer for anything
SEED_MAX = 1_000_000


class Pair:
    """Two servers with the same log, of which at most one is down at any time.

    Replication is synchronous: what was acked is in both logs. `fail()` begins a thread that kills
    one of them, disconnects everybody or cuts a connection in the middle of a frame, at random,
    until `settle()`, after which both are up.
    """

    def __init__(self, seed: int, **options):
        options = {"txlog": [".*"], "ack_conflation": "10ms", **options}
        self._first = Sandbox(**options)
        self.servers = [
            self._first,
            Sandbox(**options, replica_of=self._first, lag=LAG_S, sync=True),
        ]
        self._random = random.Random(seed)
        self._settles = threading.Event()
        self._thread = threading.Thread(target=self._fail, daemon=True)
        self.failures = 0
        self.error: BaseException | None = None

    def __enter__(self) -> Pair:
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._settles.set()
        if self._thread.is_alive():
            self._thread.join(LIFE_S_MAX)
        for server in reversed(self.servers):
            server.stop()

    def uris(self) -> list[str]:
        return [server.uri("json") for server in self.servers]

    def fail(self) -> None:
        self._thread.start()

    def settle(self) -> None:
        """No more failures. Raises what went wrong with them."""
        self._settles.set()
        self._thread.join(LIFE_S_MAX)
        assert not self._thread.is_alive(), "the servers' failures do not end"
        if self.error is not None:
            raise self.error
        for server in self.servers:
            server.faults.clear()

    def _fail(self) -> None:
        try:
            while not self._settles.wait(self._random.uniform(0, QUIET_S_MAX)):
                self._fail_once(self._random.choice(self.servers))
                self.failures += 1
        except BaseException as error:
            self.error = error

    def _fail_once(self, server: Sandbox) -> None:
        kind = self._random.choice(["kill", "kill", "disconnect", "cut_in", "cut_out"])
        if kind == "kill":
            server.kill()
            self._settles.wait(self._random.uniform(0, OUTAGE_S_MAX))
            server.restart(keep_data=True)
        elif kind == "disconnect":
            server.disconnect()
        else:
            on = "bytes_in" if kind == "cut_in" else "bytes_out"
            after = self._random.randrange(1, CUT_BYTES_MAX)
            server.faults.add(Fault(on=on, action="reset", after=after))

    def wait_same(self) -> None:
        """Until both logs hold the same messages."""
        last = self.servers[1]
        last.wait_until(
            lambda: len({len(each.journal()) for each in self.servers}) == 1, LIFE_S_MAX
        )


class Life:
    """One run of a program beside this one; what it says on its standard output is its testimony.

    Each line was written by one call after the fact it tells of, so it is whole, and true even when
    the program was killed the moment after.
    """

    def __init__(self, program: str, *arguments: object, testimony: pathlib.Path):
        paths = os.pathsep.join(path or str(pathlib.Path.cwd()) for path in sys.path)
        with testimony.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.{program}", *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=out,
                env={**os.environ, "PYTHONPATH": paths},
            )

    def kill_after(self, seconds: float) -> None:
        """SIGKILL so long from now. That it ended by itself is an error of the story."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL, now."""
        self._process.kill()
        code = self._process.wait()
        self._process.stdin.close()
        assert code == -signal.SIGKILL, f"it ended by itself, with {code}"

    def freeze(self) -> None:
        """It does nothing more, until `thaw`; its connections stay."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Asks for an orderly end, by closing its standard input, and waits for it."""
        self._process.stdin.close()
        try:
            code = self._process.wait(LIFE_S_MAX)
        finally:
            self._process.kill()
        assert code == 0, f"the last life ended with {code}"


def lines_of(testimony: pathlib.Path) -> list[list[str]]:
    """The words of each line. The last one may be cut, if it was being written at the kill."""
    return [line.split() for line in testimony.read_text().splitlines()]


def arguments(doc: str | None, **counts: int) -> argparse.Namespace:
    """Counts by name, such as --kills, and --seed, by chance unless given; prints them."""
    parser = argparse.ArgumentParser(description=doc)
    for name, count in counts.items():
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=random.randrange(SEED_MAX))
    given = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in vars(given).items()), flush=True)
    return given
