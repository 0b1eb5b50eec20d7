"""Handlers may raise, ask, close and unsubscribe: what cannot work is said, the rest works."""

import queue
import sys
import threading

import pytest

import AMPS

from .scripted_peer import delivery, wait_until


def test_what_a_handler_raises_goes_to_the_listener_and_the_rest_is_delivered(sandbox, log_on):
    """Case 2 of the conformance list. Point 8 of the smoke checklist."""
    client, told, got = log_on(sandbox), queue.Queue(), queue.Queue()
    client.set_exception_listener(told.put)
    problems = {"2": ValueError("two"), "4": SystemExit(4), "6": KeyboardInterrupt()}

    def handler(message):
        got.put(message.get_data())
        if message.get_data() in problems:
            raise problems[message.get_data()]

    client.subscribe(handler, "t")
    for number in range(1, 8):
        client.publish("t", str(number))
    assert [got.get(timeout=5) for _ in range(7)] == list("1234567")
    assert [told.get(timeout=5) for _ in range(3)] == list(problems.values())
    assert told.empty()


def test_without_a_listener_it_goes_to_the_unraisable_hook(sandbox, log_on, inbox, monkeypatch):
    """Case 3 of the conformance list."""
    client, told = log_on(sandbox), queue.Queue()
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.put(type(what.exc_value)))
    client.subscribe(lambda message: 1 / 0, "t")
    client.subscribe(inbox, "t")
    client.publish("t", "x")
    assert told.get(timeout=5) is ZeroDivisionError
    assert inbox.bodies(1) == ["x"]

    def listener(error):
        raise LookupError("the listener fails too")

    client.set_exception_listener(listener)
    client.publish("t", "x")
    assert told.get(timeout=5) is LookupError
    client.publish_flush(5000)


BLOCKING = {
    "connect": lambda client, uri: client.connect(uri),
    "logon": lambda client, uri: client.logon(),
    "subscribe": lambda client, uri: client.subscribe("u"),
    "subscribe with a handler": lambda client, uri: client.subscribe(print, "u"),
    **{
        name: lambda client, uri, name=name, args=args: getattr(client, name)(*args)
        for name, args in {
            "delta_subscribe": ("u",),
            "bookmark_subscribe": ("u", "0"),
            "sow": ("u",),
            "sow_and_subscribe": (print, "u"),
            "sow_and_delta_subscribe": ("u",),
            "sow_delete": ("u", "1=1"),
            "sow_delete_by_data": (print, "u", "{}"),
            "sow_delete_by_keys": ("u", "1"),
            "execute": (AMPS.Command("flush"),),
            "execute_async": (AMPS.Command("sow").set_topic("u"), print),
            "send": (AMPS.Message().set_command("flush").set_ack_type("processed"), None, 0),
        }.items()
    },
    "publish_flush": lambda client, uri: client.publish_flush(),
    "flush": lambda client, uri: client.flush(),
    "set_heartbeat": lambda client, uri: client.set_heartbeat(5),
}


@pytest.mark.parametrize("call", BLOCKING.values(), ids=BLOCKING)
def test_what_waits_for_the_server_is_refused_inside_a_handler(sandbox, log_on, call):
    """Case 1 of the conformance list. Point 9 of the smoke checklist."""
    client, told, got = log_on(sandbox), queue.Queue(), queue.Queue()
    client.set_exception_listener(told.put)

    def handler(message):
        got.put(message.get_data())
        call(client, sandbox.uri())

    client.subscribe(handler, "t")
    frames = len(sandbox.frames(direction="in"))
    client.publish("t", "1")
    client.publish("t", "2")
    for _ in range(2):
        error = told.get(timeout=5)
        assert type(error) is AMPS.UsageException and "handler" in str(error)
    assert [got.get(timeout=5) for _ in range(2)] == ["1", "2"]
    assert len(sandbox.frames(direction="in")) == frames + 2
    client.publish_flush(5000)


def test_iterating_a_stream_inside_a_handler_is_refused(sandbox, log_on):
    client, told = log_on(sandbox), queue.Queue()
    client.set_exception_listener(told.put)
    stream = client.subscribe("never")
    client.subscribe(lambda message: next(stream), "t")
    client.publish("t", "x")
    assert type(told.get(timeout=5)) is AMPS.UsageException


def test_a_handler_may_publish_unsubscribe_and_use_another_client(sandbox, log_on, inbox):
    """Point 9 of the smoke checklist."""
    client, other = log_on(sandbox), log_on(sandbox, "other")
    once = []
    inner = client.subscribe("^u|v$")

    def handler(message):
        once.append(message.get_data())
        client.execute_async(AMPS.Command("publish").set_topic("w").set_data("w"), None)
        client.publish("u", "from the handler")
        other.publish_flush(5000)
        other.subscribe(inbox, "v")
        inner.timeout(10)
        client.unsubscribe(sub_id)

    sub_id = client.subscribe(handler, "t")
    for _ in range(5):
        client.publish("t", "x")
    assert next(inner).get_data() == "from the handler"
    wait_until(lambda: "v" in [each.topic for each in sandbox.subscriptions()])
    assert "w" in [frame.header["t"] for frame in sandbox.received("publish")]
    client.publish("v", "y")
    assert inbox.bodies(1) == ["y"]
    assert once == ["x"]


def test_a_handler_may_close_its_client(sandbox, log_on):
    """Case 5 of the conformance list."""
    client, states, closed = log_on(sandbox), [], threading.Event()
    client.add_connection_state_listener(states.append)
    calls = []

    def handler(message):
        calls.append(message.get_data())
        client.close()
        client.close()
        closed.set()

    client.subscribe(handler, "t")
    for number in range(5):
        sandbox.publish("t", str(number))
    assert closed.wait(5)
    sandbox.wait_until(lambda: not sandbox.clients())
    client.close()
    assert (states, calls) == ([0, 1], ["0"])


def test_a_handler_may_close_a_stream_and_drop_the_client(sandbox, log_on):
    client, done = log_on(sandbox), threading.Event()
    stream = client.subscribe("t")

    def handler(message):
        stream.close()
        done.set()

    client.subscribe(handler, "t")
    client.publish("t", "x")
    assert done.wait(5) and list(stream) == []
    client.publish_flush(5000)


def test_handlers_of_one_client_never_overlap(peer, log_on):
    server, inside, done = peer(), threading.Lock(), queue.Queue()
    client = log_on(server)

    def handler(message):
        done.put(inside.acquire(blocking=False))
        threading.Event().wait(0.001)
        inside.release()

    for sub_id in ("a", "b"):
        client.subscribe(handler, "t", sub_id=sub_id)
    server.send(delivery(b"x", sub_id="a,b") * 50)
    assert all(done.get(timeout=5) for _ in range(100))
