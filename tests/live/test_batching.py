"""Gathered publishes leave in few pieces: by size, by time, before other commands, at the end."""

import threading
import time

import pytest

import AMPS

from .calls import publish_from_four_threads
from .scripted_peer import PATIENCE_S

HOUR_MS = 3_600_000
SHORT_S = 0.1  # so long nothing must come


@pytest.fixture
def batching(peer, log_on):
    """A client that gathers up to a thousand bytes, for an hour, and its peer."""
    server = peer()
    client = log_on(server)
    client.set_publish_batching(1000, HOUR_MS)
    return client, server


def nothing_comes(server):
    threading.Event().wait(SHORT_S)
    return not server.seen("p")


def numbers(server, count):
    return [int(seen["body"]) for seen in server.wait_for("p", count)]


def test_publishes_are_gathered_until_one_more_does_not_fit(batching):
    """Case 104 of the conformance list, the part about size."""
    client, server = batching
    size = len(b'....{"c":"p","t":"t"}10')
    for number in range(10, 10 + 1000 // size):
        client.publish("t", str(number))
    assert nothing_comes(server)
    client.publish("t", "99")
    assert len(server.wait_for("p", 1000 // size)) == 1000 // size
    client.publish_flush(5000)
    assert numbers(server, 0) == [*range(10, 10 + 1000 // size), 99]


def test_a_batch_leaves_when_its_time_is_up(batching):
    client, server = batching
    client.set_publish_batching(batchSize=1000, batchTimeoutMillis=50)
    began = time.monotonic()
    for number in range(3):
        client.publish("t", str(number))
    client.delta_publish("t", "3")
    assert numbers(server, 3) == [0, 1, 2]
    assert time.monotonic() - began >= 0.05
    assert server.wait_for("delta_publish")[0]["body"] == b"3"


def test_a_command_follows_what_was_gathered_before_it(batching):
    client, server = batching
    client.publish("t", "1")
    kept = client.subscribe("t", timeout=5000)
    client.publish("t", "2")
    client.publish_flush(5000)
    assert [seen["c"] for seen in server.frames[1:]] == ["p", "subscribe", "p", "flush"]
    kept.close()


@pytest.mark.parametrize("size", [1001, 3_000_000])
def test_a_large_message_leaves_at_once_after_those_gathered(batching, size):
    client, server = batching
    client.publish("t", "1")
    client.publish("t", b"2" * size)
    client.publish("t", "3")
    assert [len(seen["body"]) for seen in server.wait_for("p", 2)] == [1, size]
    client.publish_flush(5000)
    assert len(server.seen("p")) == 3


@pytest.mark.parametrize("end", ["disconnect", "close"])
def test_what_was_gathered_leaves_before_the_end(batching, end):
    client, server = batching
    client.publish("t", "1")
    getattr(client, end)()
    assert numbers(server, 1) == [1]


def test_no_batching_sends_what_was_gathered_and_gathers_no_more(batching):
    client, server = batching
    client.publish("t", "1")
    client.set_publish_batching(0, 5000)
    assert numbers(server, 1) == [1]
    client.publish("t", "2")
    assert numbers(server, 2) == [1, 2]


def test_a_batch_larger_than_the_send_buffer_leaves_when_that_is_full(peer, log_on):
    server = peer()
    client = log_on(server, send_buffer_size=4096)
    client.set_publish_batching(1 << 40, 0)
    for number in range(1000):
        client.publish("t", f"{number:0100}")
    server.wait_for("p", 900)
    client.publish_flush(5000)
    assert numbers(server, 1000) == list(range(1000))


def test_a_lost_connection_counts_what_was_gathered(batching):
    """Case 105 of the conformance list, for a plain client: the listener is told the count."""
    client, server = batching
    told = []
    lost = threading.Event()
    client.set_exception_listener(lambda problem: (told.append(problem), lost.set()))
    for number in range(5):
        client.publish("t", str(number))
    server.hang_up()
    assert lost.wait(PATIENCE_S)
    assert isinstance(told[0], AMPS.DisconnectedException)
    assert told[0].unsent == 5
    assert not server.seen("p")


def test_batching_stays_when_the_client_connects_again(batching):
    client, server = batching
    client.disconnect()
    client.connect(server.uri())
    client.logon(5000)
    client.publish("t", "1")
    assert nothing_comes(server)
    client.publish_flush(5000)
    assert numbers(server, 1) == [1]


def test_batches_of_many_threads_arrive_whole_and_in_order(sandbox, log_on):
    client = log_on(sandbox)
    client.set_publish_batching(500, 1)

    publish_from_four_threads(client, 2000)
    by_topic = {}
    for seen in sandbox.wait_for("publish", 8000):
        by_topic.setdefault(seen.header["t"], []).append(int(seen.body))
    assert by_topic == {name: list(range(2000)) for name in "abcd"}


def test_it_may_be_set_before_connecting_and_by_either_spelling(new_client):
    client = new_client()
    client.set_publish_batching(batch_size=10, batch_timeout_millis=0)
    client.set_publish_batching(10, batch_timeout_millis=0)


@pytest.mark.parametrize(
    ("args", "kwargs", "kind", "words"),
    [
        ((), {}, TypeError, "missing argument: batchSize"),
        ((10,), {}, TypeError, "missing argument: batchTimeoutMillis"),
        ((10, 0), {"batch_size": 10}, TypeError, "batchSize was given in both its spellings"),
        (("10", 0), {}, TypeError, "batchSize must be an int"),
        ((1.5, 0), {}, TypeError, "batchSize must be an int"),
        ((10, "0"), {}, TypeError, "batchTimeoutMillis must be an int"),
        ((-1, 0), {}, AMPS.UsageException, "batchSize must not be negative, not -1"),
        ((10, -1), {}, AMPS.UsageException, "batchTimeoutMillis must not be negative"),
        ((10, 1 << 40), {}, ValueError, "batchTimeoutMillis must be at most"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(batching, args, kwargs, kind, words):
    client, server = batching
    client.publish("t", "1")
    with pytest.raises(kind, match=words):
        client.set_publish_batching(*args, **kwargs)
    assert nothing_comes(server)
