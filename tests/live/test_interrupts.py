"""Ctrl-C ends every wait soon, and the client can still be used or closed (smoke point 12)."""

import signal
import threading
import time

import pytest

import AMPS

from .calls import INTERRUPT_S_MAX, Failing, assert_interrupted
from .scripted_peer import black_hole, delivery, say, stay_silent, stop_reading, wait_until


@pytest.fixture(autouse=True)
def on_the_main_thread():
    assert threading.current_thread() is threading.main_thread()


def test_connect_into_a_black_hole(sandbox, new_client):
    """Case 10 of the conformance list, for a plain client."""
    client = new_client()
    with black_hole() as uri:
        for _ in range(3):
            dialing = threading.Event()

            def connect(dialing=dialing):
                dialing.set()
                client.connect(uri)

            assert_interrupted(connect, dialing.wait)
    client.connect(sandbox.uri())
    client.logon(5000)
    client.publish_flush(5000)


@pytest.mark.parametrize("timeout", [0, 30_000])
def test_logon(peer, new_client, timeout):
    server = peer(logon=stay_silent)
    client = new_client()
    client.connect(server.uri())
    assert_interrupted(lambda: client.logon(timeout), lambda: server.wait_for("logon"))
    server.wait_gone()
    server.answers["logon"] = say()
    client.connect(server.uri())
    client.logon(5000)


@pytest.mark.parametrize("timeout", [0, 30_000])
def test_subscribe(peer, log_on, inbox, timeout):
    server = peer(subscribe=stay_silent)
    client = log_on(server)

    def subscribe():
        client.subscribe(inbox, "t", timeout=timeout, sub_id="s")

    assert_interrupted(subscribe, lambda: server.wait_for("subscribe"))
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "s"
    server.send(delivery(b"late"))
    client.publish_flush(5000)
    assert inbox.is_empty()
    server.answers["subscribe"] = say()
    client.subscribe(inbox, "t", sub_id="s")


@pytest.mark.parametrize("timeout", [0, 30_000])
def test_publish_flush(peer, log_on, timeout):
    server = peer(flush=stay_silent)
    client = log_on(server)
    for count in range(1, 4):
        assert_interrupted(
            lambda: client.publish_flush(timeout), lambda c=count: server.wait_for("flush", c)
        )
    server.answers["flush"] = say()
    client.publish_flush(5000)


@pytest.mark.parametrize("timeout", [0, 30_000])
def test_the_next_message_of_a_stream(sandbox, log_on, timeout):
    client = log_on(sandbox)
    stream = client.subscribe("t").timeout(timeout)
    waiting = threading.Event()

    def iterate():
        waiting.set()
        next(stream)

    for _ in range(3):
        waiting.clear()
        assert_interrupted(iterate, waiting.wait)
    client.publish("t", "x")
    assert next(stream).get_data() == "x"


def test_a_publish_that_waits_for_room(peer, log_on):
    server = peer(logon=stop_reading)
    client = log_on(server, send_buffer_size=100_000)
    client.set_exception_listener(lambda error: None)
    count = [0]

    def publish():
        while True:
            client.publish("t", "x" * 1000)
            count[0] += 1

    assert_interrupted(publish, lambda: wait_until(lambda: stands_still(count)))
    server.go_on_reading()
    client.publish_flush(5000)
    assert len(server.seen("p")) == count[0]


@pytest.mark.parametrize("size", [200_000, 20_000_000])
def test_a_publish_around_the_buffer(peer, log_on, size):
    """What was begun must be finished, or every later frame would be garbage."""
    server = peer(logon=stop_reading)
    client = log_on(server, send_buffer_size=100_000)
    count = [0]

    def publish():
        while True:
            client.publish("t", b"x" * size)
            count[0] += 1

    assert_interrupted(publish, lambda: wait_until(lambda: stands_still(count)))
    server.go_on_reading()
    client.publish("t", b"after")
    client.publish_flush(5000)
    bodies = [seen["body"] for seen in server.seen("p")]
    assert bodies[-1] == b"after"
    assert {len(body) for body in bodies[:-1]} == {size}
    assert len(bodies) - 1 in (count[0], count[0] + 1)


def stands_still(count):
    before, pause = count[0], threading.Event()
    pause.wait(0.2)
    return count[0] == before


def test_set_heartbeat(peer, log_on):
    server = peer(heartbeat=stay_silent)
    client = log_on(server)
    assert_interrupted(lambda: client.set_heartbeat(30), lambda: server.wait_for("heartbeat"))
    client.publish_flush(5000)


def test_close_while_a_handler_does_not_return(sandbox, log_on):
    client = log_on(sandbox)
    may_go, began = threading.Event(), threading.Event()

    def handler(message):
        began.set()
        may_go.wait(20)

    client.subscribe(handler, "t")
    client.publish("t", "x")
    assert began.wait(5)
    closing = threading.Event()

    def close():
        closing.set()
        client.close()

    assert_interrupted(close, closing.wait)
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")
    may_go.set()
    client.close()
    client.connect(sandbox.uri())
    client.logon(5000)


def test_a_python_signal_handler_runs_while_a_call_waits(peer, log_on):
    server, ran = peer(flush=stay_silent), []
    client = log_on(server)
    before = signal.signal(signal.SIGALRM, lambda number, stack: ran.append(time.monotonic()))
    try:
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with pytest.raises(AMPS.TimedOutException):
            client.publish_flush(400)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(ran) >= 3 and time.monotonic() - began < 0.4 + INTERRUPT_S_MAX


def test_ctrl_c_on_the_main_thread_leaves_other_threads_waiting(peer, log_on):
    server = peer(flush=stay_silent)
    client = log_on(server)
    other = Failing(client.publish_flush)
    server.wait_for("flush")
    assert_interrupted(client.publish_flush, lambda: server.wait_for("flush", 2))
    assert other.is_alive()
    client.close()
    assert isinstance(other.result(), AMPS.DisconnectedException)
