"""How long a publish takes to come back as a message, against a plain C ping-pong."""

import os
import threading
import time
from contextlib import ExitStack, contextmanager

from peer import BODY, Peer
from table import AT_MOST, MICROSECONDS, interleave, ratio_row

import AMPS

SHARE = 100  # one round trip for so many messages of the other rows
TRIPS_MIN = 100
WAIT_SECONDS_MAX = 120
P50_MAX = (AT_MOST, 1.5)


class HandlerTrips:
    """Publishes from inside the handler: only the receive thread plays."""

    def __init__(self, client, count):
        self.client, self.count = client, count
        self.done = threading.Event()

    def handle(self, message):
        self.took.append(time.perf_counter_ns() - self.sent)
        if len(self.took) == self.count:
            self.done.set()
            return
        self.serve()

    def serve(self):
        self.sent = time.perf_counter_ns()
        self.client.publish("echo", BODY)

    def run(self):
        """The time of each trip of one round."""
        self.took = []
        self.done.clear()
        self.serve()
        if not self.done.wait(WAIT_SECONDS_MAX):
            raise SystemExit(f"{len(self.took)} of {self.count} round trips came back")
        return self.took


def stream_trips(client, stream, count):
    """Publishes and waits on a stream, all on this thread."""
    took = []
    for _ in range(count):
        sent = time.perf_counter_ns()
        client.publish("echo", BODY)
        next(stream)
        took.append(time.perf_counter_ns() - sent)
    return took


def percentiles(took):
    """The p50 and p99 of a list of nanoseconds, as the floor gives them."""
    took = sorted(took)
    return took[len(took) // 2], took[len(took) - 1 - len(took) // 100]


def rows(name, trips, floors):
    """The two lines of one way to play."""
    mine, theirs = ([p50 / 1000 for p50, _ in some] for some in (trips, floors))
    yield ratio_row(f"{name} p50", MICROSECONDS, mine, theirs, P50_MAX)
    mine, theirs = ([p99 / 1000 for _, p99 in some] for some in (trips, floors))
    yield ratio_row(f"{name} p99", MICROSECONDS, mine, theirs, None)


@contextmanager
def on_processors(processors):
    """What starts meanwhile, runs on these only; None: wherever the system likes."""
    if processors is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def placements():
    """Yields (where the two ends run, the peer's processors, ours).

    Left alone, the scheduler puts them on one processor now and on two then, and each trip takes
    several times longer on two: results would say where they ran, and little else.
    """
    ours = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(ours) < 2:
        yield "", None, None
        return
    yield "apart", {ours[0]}, {ours[1]}
    yield "together", {ours[0]}, {ours[0]}


def play(peer, rounds, count):
    """The floor's percentiles and those of both ways to play, round by round."""
    with AMPS.Client("handler") as one, AMPS.Client("stream") as other:
        for client in (one, other):
            client.connect(peer.uri)
            client.logon()
        player = HandlerTrips(one, count)
        one.subscribe(player.handle, "echo")
        stream = other.subscribe("echo")
        return interleave(
            rounds,
            lambda: peer.floor("ping", count),
            lambda: percentiles(player.run()),
            lambda: percentiles(stream_trips(other, stream, count)),
        )


def round_trip(peer, rounds, count):
    """Yields the rows of both ways to play, in each placement, against a peer of their own."""
    count = max(count // SHARE, TRIPS_MIN)
    for where, theirs, ours in placements():
        with ExitStack() as stack:
            with on_processors(theirs):
                placed = stack.enter_context(Peer(peer.program))
            stack.enter_context(on_processors(ours))
            floors, in_handler, on_stream = play(placed, rounds, count)
        yield from rows(f"trip by handler {where}".strip(), in_handler, floors)
        yield from rows(f"trip by stream {where}".strip(), on_stream, floors)


BENCHMARKS = {"round_trip": round_trip}
