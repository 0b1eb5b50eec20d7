"""Many threads, and handlers that do what handlers should not: order holds and nothing hangs."""

import queue
import sys
import threading

import pytest

import AMPS

from .scripted_peer import PATIENCE_S, delivery, wait_until

PUBLISHERS = 8
EACH = 2000


def run_all(*calls):
    """Runs the calls at the same time and waits for them; gives what they raised."""
    errors, start = [], threading.Barrier(len(calls))

    def run(call):
        start.wait(PATIENCE_S)
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * PATIENCE_S)
        assert not thread.is_alive(), "a thread does not end"
    return errors


def publisher(client, name, count=EACH, body=""):
    def publish():
        for number in range(count):
            client.publish("t", f"{name}:{number}:{body}")

    return publish


def assert_in_order(bodies, names, count):
    """Each thread's messages are all there, in the order of its calls."""
    for name in names:
        mine = [int(b.split(":")[1]) for b in bodies if b.startswith(f"{name}:")]
        assert mine == list(range(count)), f"publisher {name}"


@pytest.mark.parametrize("body", ["", "x" * 3000], ids=["small", "around the buffer too"])
def test_each_threads_publishes_arrive_in_its_order(sandbox, log_on, body):
    """Cases 7 and 8 of the conformance list, without stores."""
    client = log_on(sandbox, send_buffer_size=4096 if body else 1 << 20)
    count = EACH // (8 if body else 1)

    def mixed(name):
        for number in range(count):
            client.publish("t", f"{name}:{number}:{body * (number % 3)}")

    errors = run_all(*[lambda n=name: mixed(n) for name in range(PUBLISHERS)])
    client.publish_flush(20_000)
    bodies = [seen.body.decode() for seen in sandbox.received("publish")]
    assert not errors and len(bodies) == PUBLISHERS * count
    assert_in_order(bodies, range(PUBLISHERS), count)


def test_eight_publish_while_two_iterate_and_one_closes(sandbox, log_on):
    client, other = log_on(sandbox), log_on(sandbox, "other")
    streams, got = [client.subscribe("t"), client.subscribe("^t$")], [[], []]
    halfway = threading.Event()

    def iterate(stream, mine):
        for message in stream:
            mine.append(message.get_data())
            if len(mine) == PUBLISHERS * EACH // 4:
                halfway.set()

    def close():
        assert halfway.wait(PATIENCE_S)
        client.close()

    errors = run_all(
        *[publisher(client, name) for name in range(PUBLISHERS)],
        *[lambda s=s, mine=mine: iterate(s, mine) for s, mine in zip(streams, got)],
        close,
    )
    assert {type(error) for error in errors} <= {AMPS.DisconnectedException}
    for mine in got:
        assert len(mine) >= PUBLISHERS * EACH // 4
        for name in range(PUBLISHERS):
            numbers = [int(b.split(":")[1]) for b in mine if b.startswith(f"{name}:")]
            assert numbers == list(range(len(numbers)))
    other.publish_flush(5000)


def test_all_kinds_of_calls_at_once(sandbox, log_on, inbox):
    client = log_on(sandbox)

    def subscribe():
        for _ in range(100):
            client.unsubscribe(client.subscribe(inbox, "t"))

    def stream():
        for _ in range(100):
            with client.subscribe("t").timeout(1) as stream:
                next(stream)

    def flush():
        for _ in range(200):
            client.publish_flush(5000)

    def look():
        for _ in range(2000):
            assert "connected" in repr(client) and client.get_uri() == sandbox.uri()

    publish = [publisher(client, name, 500) for name in range(2)]
    assert not run_all(subscribe, subscribe, stream, stream, flush, flush, look, *publish)
    assert not sandbox.subscriptions()


def test_opening_and_closing_from_many_threads_leaves_a_usable_client(sandbox, new_client):
    client = new_client()

    def open_and_close():
        for _ in range(25):
            try:
                client.connect(sandbox.uri())
                client.logon(5000)
                client.publish("t", "x")
            except (AMPS.ConnectionException, AMPS.DuplicateLogonException):
                continue  # another thread was quicker
            except AMPS.LogonRequiredException:
                continue
            finally:
                client.close()

    assert not run_all(*[open_and_close] * 4)
    client.close()
    client.connect(sandbox.uri())
    client.logon(5000)
    client.publish_flush(5000)


def test_what_a_handler_raises_goes_to_the_listener_and_the_rest_is_delivered(sandbox, log_on):
    """Case 2 of the conformance list."""
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
    "publish_flush": lambda client, uri: client.publish_flush(),
    "flush": lambda client, uri: client.flush(),
    "set_heartbeat": lambda client, uri: client.set_heartbeat(5),
}


@pytest.mark.parametrize("call", BLOCKING.values(), ids=BLOCKING)
def test_what_waits_for_the_server_is_refused_inside_a_handler(sandbox, log_on, call):
    """Case 1 of the conformance list."""
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
    client, other = log_on(sandbox), log_on(sandbox, "other")
    once = []
    inner = client.subscribe("^u|v$")

    def handler(message):
        once.append(message.get_data())
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


def test_two_clients_may_share_a_handler(sandbox, log_on, inbox):
    first, second = log_on(sandbox, "first"), log_on(sandbox, "second")
    for client in (first, second):
        client.subscribe(inbox, "t")
    errors = run_all(*[publisher(client, client.name(), 500) for client in (first, second)])
    bodies = inbox.bodies(2000)
    assert not errors and inbox.is_empty()
    assert sorted(bodies)[::2] == sorted(bodies)[1::2]


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
