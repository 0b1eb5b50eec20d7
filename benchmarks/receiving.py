"""How fast one client receives, by stream and by handler."""

import time
from itertools import islice

from table import AT_LEAST, RATE, interleave, ratio_row

import AMPS

SUB_ID = "1"  # as the floor's subscription, so that the frames are the same
FLUSH_MS_MAX = 120_000
OF_STREAM_FLOOR = (AT_LEAST, 0.25)
OF_HANDLER_FLOOR = (AT_LEAST, 0.20)


def connected(uri):
    """A client that is logged on."""
    client = AMPS.Client("benchmark")
    client.connect(uri)
    client.logon()
    return client


def stream_rate(client, stream, count):
    """Messages a second, from asking for them to the last one's data."""
    began = time.perf_counter()
    client.publish("pour", str(count))
    for message in islice(stream, count):
        message.get_data()
    return count / (time.perf_counter() - began)


def by_stream(peer, rounds, count):
    """Yields the row of a loop over a stream."""
    with connected(peer.uri) as client:
        stream = client.subscribe("any", sub_id=SUB_ID)
        floors, rates = interleave(
            rounds,
            lambda: peer.receive_rate(count),
            lambda: stream_rate(client, stream, count),
        )
    yield ratio_row("receive by stream", RATE, rates, floors, OF_STREAM_FLOOR)


def handle(message):
    """The least a handler does."""
    message.get_data()


def handler_rate(client, count, topic="pour"):
    """Messages a second, from asking for them until the peer's next answer has come behind them.

    Counting them in the handler would cost as much as the client itself.
    """
    began = time.perf_counter()
    client.publish(topic, str(count))
    client.publish_flush(FLUSH_MS_MAX)
    return count / (time.perf_counter() - began)


def by_handler(peer, rounds, count):
    """Yields the row of a handler."""
    with connected(peer.uri) as client:
        client.subscribe(handle, "any", sub_id=SUB_ID)
        floors, rates = interleave(
            rounds, lambda: peer.receive_rate(count), lambda: handler_rate(client, count)
        )
    yield ratio_row("receive by handler", RATE, rates, floors, OF_HANDLER_FLOOR)


BENCHMARKS = {"stream": by_stream, "handler": by_handler}
