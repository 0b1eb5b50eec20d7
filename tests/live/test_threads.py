"""Many threads use one client: each keeps its order, and nothing hangs."""

import threading

import pytest

import AMPS

from .scripted_peer import PATIENCE_S

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


def test_two_clients_may_share_a_handler(sandbox, log_on, inbox):
    first, second = log_on(sandbox, "first"), log_on(sandbox, "second")
    for client in (first, second):
        client.subscribe(inbox, "t")
    errors = run_all(*[publisher(client, client.name(), 500) for client in (first, second)])
    bodies = inbox.bodies(2000)
    assert not errors and inbox.is_empty()
    assert sorted(bodies)[::2] == sorted(bodies)[1::2]
