"""How many messages a second the sandbox carries from one publisher to one subscriber."""

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import islice

from peer import BODY
from table import AT_LEAST, RATE, interleave, plain_row

import AMPS

SHARE = 20  # one message here for so many of the other rows
STOP_SECONDS_MAX = 10
RATE_MIN = (AT_LEAST, 50_000)


@contextmanager
def running_sandbox():
    """The connection string of a sandbox in a process of its own."""
    command = [sys.executable, "-m", "amps_sandbox", "--listen", "127.0.0.1:0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}  # its log is not for here
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            uri = re.search(r"tcp://\S+", process.stdout.readline())
            if uri is None:
                raise SystemExit(f"no sandbox: {' '.join(command)} says why")
            yield uri.group()
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def rate(publisher, stream, count):
    """Messages a second, from the first publish to the last message taken."""
    began = time.perf_counter()
    for _ in range(count):
        publisher.publish("any", BODY)
    for _ in islice(stream, count):
        continue
    return count / (time.perf_counter() - began)


def carried(peer, rounds, count):
    """Yields the row of the sandbox."""
    count = max(count // SHARE, 1)
    with running_sandbox() as uri, AMPS.Client("p") as publisher, AMPS.Client("s") as subscriber:
        for client in (publisher, subscriber):
            client.connect(uri)
            client.logon()
        stream = subscriber.subscribe("any")
        (rates,) = interleave(rounds, lambda: rate(publisher, stream, count))
    yield plain_row("sandbox carries", RATE, rates, RATE_MIN)


BENCHMARKS = {"sandbox": carried}
