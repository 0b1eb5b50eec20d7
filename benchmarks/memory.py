"""What a message weighs while it waits in a stream."""

import os
import subprocess
import sys
import time
from pathlib import Path

from peer import BODY
from receiving import SUB_ID, connected
from table import AT_MOST, BYTES, interleave, plain_row

FRAME_SIZE = 4 + len('{"c":"p","t":"pour","sids":"1"}') + len(BODY)
WAIT_SECONDS_MAX = 120
SHARE = 2  # half the messages of the other rows wait at once
WEIGHT_MAX = (AT_MOST, 200)
STATM = Path("/proc/self/statm")


def resident_bytes():
    """How much memory this process has now."""
    if STATM.exists():
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    command = ["ps", "-o", "rss=", "-p", str(os.getpid())]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout) << 10


def print_growth(uri, count):
    """In a fresh process: lets messages wait in a stream, prints how many bytes that took."""
    with connected(uri) as client:
        stream = client.subscribe("any", sub_id=SUB_ID)
        before = resident_bytes()
        client.publish("pour", str(count))
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while stream.get_depth() < count:
            if time.monotonic() > deadline:
                raise SystemExit(f"{stream.get_depth()} of {count} messages came")
            time.sleep(0.01)
        print(resident_bytes() - before)


def weight(peer, count):
    """Bytes per waiting message beyond those of its frame."""
    command = [sys.executable, __file__, peer.uri, str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=2 * WAIT_SECONDS_MAX)
    return int(done.stdout) / count - FRAME_SIZE


def waiting(peer, rounds, count):
    """Yields the row of memory."""
    (weights,) = interleave(rounds, lambda: weight(peer, count // SHARE))
    yield plain_row("memory per waiting message", BYTES, weights, WEIGHT_MAX)


BENCHMARKS = {"memory": waiting}

if __name__ == "__main__":
    print_growth(sys.argv[1], int(sys.argv[2]))
