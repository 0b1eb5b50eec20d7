"""A server that takes nothing: publishers wait, closing ends that, and every loss is told."""

import queue
import threading
import time

import pytest

import AMPS

from .calls import Failing
from .scripted_peer import PATIENCE_S, stop_reading, wait_until

PROMPT_S = 1.0  # a wait ends within this once its reason is gone
CLOSE_S = 3.0  # closing waits a second for unsent bytes, and a little for the other side


def fill(client, body="x" * 1000):
    """Publishes on a thread until it must wait; gives the thread and a count."""
    count = [0]

    def publish():
        while True:
            client.publish("t", body)
            count[0] += 1

    publishing = Failing(publish)
    last = -1
    pause = threading.Event()
    while count[0] != last:  # no progress for a while: it waits
        last = count[0]
        pause.wait(0.2)
    assert publishing.is_alive(), publishing.error
    return publishing, count


@pytest.fixture
def stuck(peer, log_on):
    """A client whose server has stopped reading after the logon, and what its listener is told."""
    server, told = peer(logon=stop_reading), queue.Queue()
    client = log_on(server, send_buffer_size=100_000)
    client.set_exception_listener(told.put)
    return server, client, told


def test_a_publisher_waits_for_a_server_that_does_not_read_and_loses_nothing(stuck):
    server, client, told = stuck
    publishing, count = fill(client)
    waited_at = count[0]
    server.go_on_reading()
    wait_until(lambda: count[0] > waited_at + 1000, "the publisher to go on")
    client.close()
    assert isinstance(publishing.result(), AMPS.DisconnectedException)
    server.wait_gone()
    assert len(server.seen("p")) == count[0]
    assert told.empty()


@pytest.mark.parametrize("end", ["close", "reset"])
def test_what_never_left_is_reported_with_its_count(stuck, end):
    server, client, told = stuck
    publishing, count = fill(client)
    began = time.monotonic()
    client.close() if end == "close" else server.reset()
    error = publishing.result()
    assert isinstance(error, AMPS.DisconnectedException)
    assert time.monotonic() - began < CLOSE_S
    report = told.get(timeout=PATIENCE_S)
    assert isinstance(report, AMPS.DisconnectedException)
    server.go_on_reading()
    server.wait_gone()
    assert f"{report.unsent} publishes were not sent" in str(report)
    assert 0 < report.unsent <= count[0]
    if end == "close":
        assert len(server.seen("p")) + report.unsent >= count[0]
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")
    assert told.empty()


def test_closing_is_prompt_for_all_who_wait_though_the_server_takes_nothing(peer, log_on):
    """Closing may go on trying to send for a second; those who wait are told long before."""
    server = peer(flush=lambda server, seen: server.reads.clear())
    client = log_on(server, send_buffer_size=100_000)
    client.set_exception_listener(print)
    stream = client.subscribe("t")
    waiting = [Failing(client.publish_flush), Failing(list, stream)]
    server.wait_for("flush")
    publishing, _ = fill(client)
    began = time.monotonic()
    client.close()
    for each in (*waiting, publishing):
        each.result()
    late = [each.error for each in (*waiting, publishing) if each.ended - began > PROMPT_S / 2]
    assert not late, "told only after closing had given up"


def test_closing_is_prompt_while_other_threads_send(sandbox, log_on):
    took = []
    for _ in range(20):
        client, busy = log_on(sandbox), threading.Barrier(3)

        def send(client=client, busy=busy):
            busy.wait(PATIENCE_S)
            while True:
                client.publish("t", "x")
                client.publish_flush(5000)

        senders = [Failing(send), Failing(send)]
        busy.wait(PATIENCE_S)
        client.publish_flush(5000)
        began = time.monotonic()
        client.close()
        took.append(time.monotonic() - began)
        assert {type(each.result()) for each in senders} == {AMPS.DisconnectedException}
    assert max(took) < PROMPT_S / 2


def test_a_body_larger_than_the_buffer_waits_too_and_is_reported(stuck):
    server, client, told = stuck
    publishing = Failing(client.publish, "t", b"x" * 50_000_000)
    small = Failing(lambda: [client.publish("t", "small") for _ in range(10)])
    publishing.join(0.3)
    assert publishing.is_alive()
    client.close()
    assert isinstance(publishing.result(), AMPS.DisconnectedException)
    assert small.result() is None or isinstance(small.error, AMPS.DisconnectedException)
