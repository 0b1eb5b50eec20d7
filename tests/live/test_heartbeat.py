"""Signs of life go both ways, whatever handlers do, and silence ends the connection."""

import queue
import threading
import time

import pytest

import AMPS
from amps_sandbox import Sandbox

from .calls import Failing
from .scripted_peer import frame, refuse, stay_silent

INTERVAL_S = 0.1


def beats(server):
    return [seen for seen in server.seen("heartbeat") if seen["opts"] == "beat"]


@pytest.mark.parametrize("early", [True, False], ids=["before logon", "after logon"])
def test_a_heartbeat_is_started_with_the_server(sandbox, new_client, early):
    client = new_client()
    client.connect(sandbox.uri())
    if early:
        client.set_heartbeat(7, 20)
    client.logon(5000)
    if not early:
        client.set_heartbeat(7, 20)
    assert sandbox.wait_for("heartbeat")[0].header["opts"] == "start,7"


def test_it_is_started_again_after_each_logon(sandbox, log_on):
    client = log_on(sandbox)
    client.set_heartbeat(7)
    client.disconnect()
    client.connect(sandbox.uri())
    client.logon(5000)
    sandbox.wait_for("heartbeat", 2)


def test_a_quiet_client_beats_and_keeps_its_connection(log_on):
    """Point 9 of the protocol's list."""
    with Sandbox(strict_heartbeats=True) as sandbox:
        client = log_on(sandbox)
        client.set_heartbeat(INTERVAL_S)
        sandbox.wait_for(lambda f: f.direction == "in" and f.header.get("opts") == "beat", 8)
        client.publish_flush(5000)


def test_a_slow_handler_does_not_stop_the_beats(log_on):
    with Sandbox(strict_heartbeats=True) as sandbox:
        client, may_go, began = log_on(sandbox), threading.Event(), threading.Event()

        def slow(message):
            began.set()
            may_go.wait(20)

        client.subscribe(slow, "t")
        client.set_heartbeat(INTERVAL_S)
        client.publish("t", "x")
        assert began.wait(5)
        sandbox.forget_frames()
        sandbox.wait_for(lambda f: f.direction == "in" and f.header.get("opts") == "beat", 8)
        may_go.set()
        client.publish_flush(5000)


def test_a_handler_that_never_lets_go_of_the_interpreter_does_not_stop_them(log_on, peer):
    server = peer()
    client = log_on(server)
    client.set_heartbeat(INTERVAL_S, 5)
    before = len(beats(server))
    sum(range(30_000_000))  # C code that keeps the interpreter's lock for most of the time
    server.wait_until(lambda: len(beats(server)) > before + 2)


@pytest.mark.parametrize("traffic", ["heartbeats", "messages", "half a frame, byte by byte"])
def test_any_byte_is_a_sign_of_life(peer, log_on, traffic):
    server = peer()
    client = log_on(server)
    client.set_heartbeat(INTERVAL_S, 4 * INTERVAL_S)
    data = frame({"c": "heartbeat"}) if traffic == "heartbeats" else frame({"c": "p"}, b"x" * 50)
    pause = threading.Event()
    for number in range(20):
        pause.wait(INTERVAL_S / 2)
        server.send(data if "byte" not in traffic else data[number : number + 1])
    server.send(data[20:] if "byte" in traffic else b"")
    client.publish_flush(5000)


def test_silence_ends_the_connection_in_time(peer, log_on):
    server, told = peer(), queue.Queue()
    client = log_on(server)
    client.set_exception_listener(told.put)
    stream = client.subscribe("t")
    client.set_heartbeat(INTERVAL_S, 3 * INTERVAL_S)
    began = time.monotonic()
    error = told.get(timeout=5)
    assert 2 * INTERVAL_S < time.monotonic() - began < 3
    assert isinstance(error, AMPS.DisconnectedException)
    assert "no sign of life" in str(error) and str(server.port) in str(error)
    with pytest.raises(AMPS.DisconnectedException, match="no sign of life"):
        next(stream)
    server.wait_gone()


def test_the_client_may_come_back_after_silence(peer, log_on):
    server, gone = peer(), threading.Event()
    client = log_on(server)
    client.set_disconnect_handler(lambda lost: gone.set())
    client.set_heartbeat(INTERVAL_S)
    assert gone.wait(5)
    client.set_heartbeat(5)
    client.connect(server.uri())
    client.logon(5000)
    client.publish_flush(5000)


def test_an_echoing_server_starts_no_ping_pong(peer, log_on):
    """A server that answers each beat with a heartbeat, and the client each heartbeat...

    Point 9 of the protocol's list.
    """
    server = peer()
    client = log_on(server)

    def echo(server, seen):
        server.send(frame({"c": "heartbeat"}) * 3)

    client.set_heartbeat(INTERVAL_S, 2)
    began = time.monotonic()
    count = 0
    while time.monotonic() - began < 10 * INTERVAL_S:
        server.wait_until(lambda c=count: len(beats(server)) > c)
        count = len(beats(server))
        echo(server, None)
    assert count <= 25


def test_beats_are_not_shown_to_the_program(peer, log_on, inbox):
    server = peer()
    client = log_on(server)
    client.set_last_chance_message_handler(inbox)
    client.set_heartbeat(INTERVAL_S, 5)
    server.send(frame({"c": "heartbeat"}) * 5)
    client.publish_flush(5000)
    assert inbox.is_empty()


def test_zero_ends_it(sandbox, log_on):
    client = log_on(sandbox)
    client.set_heartbeat(INTERVAL_S)
    client.set_heartbeat(0)
    sandbox.wait_for(lambda f: f.header.get("opts") == "stop")
    count = len(sandbox.received("heartbeat"))
    stream = client.subscribe("t").timeout(300)
    assert next(stream) is None
    assert len(sandbox.received("heartbeat")) == count


def test_ending_it_does_not_wait_for_ever(peer, log_on):
    """A server need not answer a stop; the caller gave no timeout that could end a wait."""
    server = peer()
    client = log_on(server)
    client.set_heartbeat(1)
    server.answers["heartbeat"] = stay_silent
    ending = Failing(client.set_heartbeat, 0)
    server.wait_for("heartbeat", 2)
    ending.join(6)
    is_waiting = ending.is_alive()
    client.close()
    ending.result()
    assert not is_waiting


def test_a_server_that_does_not_answer_the_start_is_an_error_in_time(peer, log_on):
    client = log_on(peer(heartbeat=stay_silent))
    with pytest.raises(AMPS.TimedOutException, match="heartbeat"):
        client.set_heartbeat(INTERVAL_S, 2 * INTERVAL_S)


def test_a_refused_start_is_an_error_of_the_logon(peer, new_client):
    client = new_client()
    client.set_heartbeat(3)
    client.connect(peer(heartbeat=refuse("invalid options")).uri())
    with pytest.raises(AMPS.InvalidOptionsException, match="start,3"):
        client.logon(5000)


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ((5, 4), AMPS.UsageException),
        ((-1,), (AMPS.UsageException, ValueError)),
        ((5, -1), (AMPS.UsageException, ValueError)),
        (("5",), TypeError),
        ((float("nan"),), ValueError),
        ((float("inf"),), (ValueError, OverflowError)),
        ((1e12,), (ValueError, OverflowError)),
    ],
)
def test_times_that_make_no_sense_are_refused(sandbox, log_on, args, problem):
    client = log_on(sandbox)
    with pytest.raises(problem):
        client.set_heartbeat(*args)
    assert not sandbox.received("heartbeat")
