"""How fast one client publishes, from one thread and from four."""

import threading
import time
from itertools import repeat

from peer import BODY
from table import AT_LEAST, RATE, interleave, ratio_row

import AMPS

THREADS = 4
ONE_SEND_SHARE = 10  # one send each is slow: a tenth of the messages tells its rate
FLUSH_MS_MAX = 120_000
OF_FLOOR = (AT_LEAST, 0.25)
OF_ONE_SEND = (AT_LEAST, 15)


def publish(client, body, count):
    """The loop that is measured."""
    send = client.publish
    for _ in repeat(None, count):
        send("sink", body)


def rate(client, body, count):
    """Messages a second, until the peer says it has them all."""
    began = time.perf_counter()
    publish(client, body, count)
    client.publish_flush(FLUSH_MS_MAX)
    return count / (time.perf_counter() - began)


def rate_of_threads(client, body, count):
    """The same from several threads that share the client and the messages."""
    share = count // THREADS
    threads = [threading.Thread(target=publish, args=(client, body, share)) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.publish_flush(FLUSH_MS_MAX)
    return share * THREADS / (time.perf_counter() - began)


def one_connection(peer, rounds, count):
    """Yields the rows of publishing."""
    with AMPS.Client("benchmark") as client:
        client.connect(peer.uri)
        client.logon()
        floors, one_send, of_bytes, of_str, of_threads = interleave(
            rounds,
            lambda: peer.publish_rate(count),
            lambda: peer.publish_rate(count // ONE_SEND_SHARE, piece_size=0),
            lambda: rate(client, BODY, count),
            lambda: rate(client, BODY.decode(), count),
            lambda: rate_of_threads(client, BODY, count),
        )
    yield ratio_row("publish bytes", RATE, of_bytes, floors, OF_FLOOR)
    yield ratio_row("publish str", RATE, of_str, floors, OF_FLOOR)
    yield ratio_row(f"publish bytes, {THREADS} threads", RATE, of_threads, floors, OF_FLOOR)
    yield ratio_row("publish bytes / one send each", RATE, of_bytes, one_send, OF_ONE_SEND)


BENCHMARKS = {"publish": one_connection}
