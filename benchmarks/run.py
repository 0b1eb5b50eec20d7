"""Measures the installed client against floors written in C: one command, one line a row."""

import argparse
import os
import platform
import signal
import sys
import time
from pathlib import Path

import keeping
import memory
import publishing
import querying
import queueing
import receiving
import round_trips
import sandbox
import startup
from peer import Peer, build_peer
from table import HEADING

import AMPS

BENCHMARKS = {
    **publishing.BENCHMARKS,
    **receiving.BENCHMARKS,
    **querying.BENCHMARKS,
    **round_trips.BENCHMARKS,
    **memory.BENCHMARKS,
    **keeping.BENCHMARKS,
    **queueing.BENCHMARKS,
    **startup.BENCHMARKS,
    **sandbox.BENCHMARKS,
}
MESSAGES_MIN = 1000
SECONDS_MAX = 600  # for one benchmark, all its rounds; a stuck one must not stay


def at_least(bound):
    """A type for argparse: a whole number that is not below the bound."""

    def number(text):
        value = int(text)
        if value < bound:
            raise argparse.ArgumentTypeError(f"{value} is below {bound}")
        return value

    return number


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=at_least(1), default=5, help="medians are of so many")
    parser.add_argument(
        "--messages", type=at_least(MESSAGES_MIN), default=1_000_000, help="per round"
    )
    parser.add_argument(
        "--only",
        choices=BENCHMARKS,
        action="append",
        metavar="NAME",
        help=f"one of {', '.join(BENCHMARKS)}; may be repeated",
    )
    return parser.parse_args()


def processor():
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_where(wanted):
    """Says what a figure depends on: a figure without its machine says little."""
    print(time.strftime("%Y-%m-%d"), platform.platform())
    print(f"{processor()}, {os.cpu_count()} processors")
    print(f"Python {platform.python_version()}, AMPS {AMPS.VERSION} ({AMPS.__file__})")
    print(f"median of {wanted.rounds} rounds, {wanted.messages:,} messages of 100 bytes each\n")


def leave(number, frame):
    """Unwinds like Ctrl-C, so that no process of ours stays behind."""
    sys.exit(f"benchmarks: ended by {signal.Signals(number).name}")


def main():
    wanted = arguments()
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGALRM, leave)
    program = build_peer()
    print_where(wanted)
    print(HEADING)
    with Peer(program) as peer:
        for name in wanted.only or BENCHMARKS:
            signal.alarm(SECONDS_MAX)
            for row in BENCHMARKS[name](peer, wanted.rounds, wanted.messages):
                print(row, flush=True)


if __name__ == "__main__":
    main()
