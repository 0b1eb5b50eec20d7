"""How fast one client takes the records of a query, and what the calls of our own cost or save."""

import json
import time
from itertools import islice

from receiving import connected
from table import AT_MOST, RATE, interleave, ratio_row

import AMPS

SHARE = 10  # one record for so many messages of the other rows
BATCH_SIZES = (10, 100)
TAKEN_AT_ONCE = 1000
OF_JSON_LOADS = (AT_MOST, 1.1)
ORDER = {"id": 123456, "symbol": "IBM", "px": 91.25, "qty": 100, "state": "open", "tags": ["a"] * 8}


def query(client, count, batch_size):
    """The stream of a query for so many records."""
    command = AMPS.Command("sow").set_topic("any").set_batch_size(batch_size).set_top_n(count)
    return client.execute(command)


def stream_rate(client, count, batch_size):
    """Records a second, from asking to the end of the results; markers are taken, too."""
    began = time.perf_counter()
    for message in query(client, count, batch_size):
        message.get_data()
    return count / (time.perf_counter() - began)


def by_query(peer, rounds, messages):
    """Yields a row for each batch size."""
    count = messages // SHARE
    with connected(peer.uri) as client:
        for batch_size in BATCH_SIZES:
            floors, rates = interleave(
                rounds,
                lambda size=batch_size: peer.query_rate(count, size),
                lambda size=batch_size: stream_rate(client, count, size),
            )
            name = f"sow, {batch_size} records a frame"
            yield ratio_row(name, RATE, rates, floors, None)


def waiting(client, stream, count):
    """Lets so many messages come to a stream and wait there."""
    client.publish("pour", str(count))
    client.publish_flush()


def taken_one_by_one(client, stream, count):
    """Messages a second that a loop takes of those that wait."""
    waiting(client, stream, count)
    began = time.perf_counter()
    for message in islice(stream, count):
        message.get_data()
    return count / (time.perf_counter() - began)


def taken_in_batches(client, stream, count):
    """The same by `batch`."""
    waiting(client, stream, count)
    left = count
    began = time.perf_counter()
    while left:
        messages = stream.batch(TAKEN_AT_ONCE)
        for message in messages:
            message.get_data()
        left -= len(messages)
    return count / (time.perf_counter() - began)


def by_batch(peer, rounds, messages):
    """Yields the row of `batch`, beside a plain loop."""
    with connected(peer.uri) as client:
        stream = client.subscribe("any", sub_id="1")
        loops, rates = interleave(
            rounds,
            lambda: taken_one_by_one(client, stream, messages // 4),
            lambda: taken_in_batches(client, stream, messages // 4),
        )
    yield ratio_row("stream.batch / iteration", RATE, rates, loops, None)


def took(function, count):
    """Microseconds of one call."""
    began = time.perf_counter()
    for _ in range(count):
        function()
    return (time.perf_counter() - began) / count * 1e6


def by_json(peer, rounds, messages):
    """Yields the row of `json()`, beside what a program would write itself."""
    message = AMPS.Message().set_topic("orders").set_data(json.dumps(ORDER))
    count = messages // SHARE
    plain, ours = interleave(
        rounds,
        lambda: took(lambda: json.loads(message.get_data()), count),
        lambda: took(message.json, count),
    )
    yield ratio_row("message.json / json.loads", "{:.2f} us", ours, plain, OF_JSON_LOADS)


BENCHMARKS = {"sow": by_query, "batch": by_batch, "json": by_json}
