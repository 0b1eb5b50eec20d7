"""The program's own code in the middle of a call: destructors, signal handlers, odd ids."""

import gc
import signal
import threading
import time
import weakref

import pytest

import AMPS

from .scripted_peer import say, stay_silent, wait_until


class Unhashable(str):
    """An id that cannot be kept in a dict."""

    __slots__ = ()

    def __hash__(self):
        raise LookupError("no hash")


def test_a_client_whose_init_was_not_called_says_so():
    class Forgetful(AMPS.Client):
        def __init__(self):
            """Does not call the base."""

    client = Forgetful()
    for call in (
        lambda: client.connect("tcp://127.0.0.1:1/amps"),
        lambda: client.publish("t", "x"),
        lambda: client.set_thread_created_callback(print),
        lambda: client.unsubscribe("x"),
    ):
        with pytest.raises(AMPS.UsageException, match="__init__"):
            call()
    assert (client.name(), client.get_uri(), client.get_server_version()) == ("", "", 0)
    client.close()


def test_a_stream_made_by_hand_says_so():
    stream = AMPS.MessageStream.__new__(AMPS.MessageStream)
    for call in (stream.next, stream.get_depth, stream.get_max_depth, lambda: stream.max_depth(1)):
        with pytest.raises(AMPS.UsageException, match="subscribe"):
            call()
    stream.close()


def test_an_id_with_a_hash_of_its_own_is_a_plain_id(sandbox, log_on, inbox):
    client = log_on(sandbox)
    assert client.subscribe(inbox, "t", sub_id=Unhashable("x")) == "x"
    gc.collect()
    sandbox.publish("t", "hello")
    assert inbox.bodies(1) == ["hello"]
    client.unsubscribe(Unhashable("x"))
    client.publish_flush(5000)
    assert not sandbox.subscriptions()


def test_the_end_of_a_message_may_take_the_next(sandbox, log_on):
    """A weak reference's callback runs while the next message is on its way out."""
    client, count = log_on(sandbox), 2000
    stream = client.subscribe("t").timeout(5000)
    for number in range(count):
        sandbox.publish("t", b"%06d" % number * 20)
    wait_until(lambda: stream.get_depth() == count)
    taken, references = [], []

    def take_more(_reference):
        while len(taken) < count - 50 and len(taken) % 500 != 499:
            taken.append(next(stream).get_data())
        taken.append(next(stream).get_data())

    while stream.get_depth() > 100:
        message = next(stream)
        taken.append(message.get_data())
        references.append(weakref.ref(message, take_more))
        del message
    while stream.get_depth():
        taken.append(next(stream).get_data())
    assert sorted(taken) == [f"{number:06d}" * 20 for number in range(count)]


def test_the_end_of_a_topic_may_publish(sandbox, log_on):
    client, other = log_on(sandbox), "two"

    class Topic(str):
        __slots__ = ()

        def __del__(self):
            client.publish(other, "from the end")

    client.publish(Topic("zero"), "0")
    client.publish("one", "1")
    client.publish(other, "for two")
    client.publish_flush(5000)
    seen = [(frame.header["t"], frame.body) for frame in sandbox.received("publish")]
    assert sorted(seen) == [
        ("one", b"1"),
        ("two", b"for two"),
        ("two", b"from the end"),
        ("zero", b"0"),
    ]


def test_a_signal_handler_cannot_publish_in_the_middle_of_a_large_publish(peer, log_on):
    """It would wait for the very call that it interrupts; closing from there is fine."""
    server = peer()
    client, told = log_on(server, send_buffer_size=65536), []
    server.reads.clear()

    def handler(number, frame):
        try:
            client.publish("bye", b"b" * 100_000)
        except AMPS.UsageException as error:
            told.append(error)
        began = time.monotonic()
        client.close()
        told.append(time.monotonic() - began)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        main = threading.main_thread().ident
        threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGUSR1)).start()
        with pytest.raises(AMPS.DisconnectedException):
            client.publish("big", b"x" * 30_000_000)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(told[0], AMPS.UsageException)
    assert told[1] < 4


def test_a_logon_on_a_connection_that_is_gone_by_then_fails(peer, new_client):
    def accept_and_go(server, seen):
        say()(server, seen)
        server.hang_up()

    server = peer(logon=accept_and_go)
    for _ in range(50):
        client, states = new_client(), []
        client.add_connection_state_listener(states.append)
        client.connect(server.uri())
        try:
            client.logon(5000)
        except AMPS.DisconnectedException:
            assert 4 not in states
        wait_until(lambda client=client: "not connected" in repr(client))
        client.close()
        assert [state for state in states if state not in (1, 4)] == [2, 0]
        assert 4 not in states or states[:3] == [2, 4, 0]


def test_a_loss_that_meets_a_close_is_told_once(peer, new_client):
    server = peer()
    for _ in range(50):
        client, states = new_client(), []
        client.add_connection_state_listener(states.append)
        client.connect(server.uri())
        client.logon(5000)
        server.hang_up()
        client.close()
        wait_until(lambda states=states: 0 in states)
        assert states in ([2, 4, 0], [2, 4, 0, 1])


def test_a_logon_whose_heartbeat_gets_no_answer_closes_the_connection(peer, new_client):
    server, client = peer(heartbeat=stay_silent), new_client()
    client.set_heartbeat(0.05, 0.1)
    client.connect(server.uri())
    with pytest.raises(AMPS.TimedOutException, match="heartbeat"):
        client.logon(5000)
    with pytest.raises(AMPS.DisconnectedException):
        client.publish("t", "x")


def test_a_handler_that_ends_may_subscribe_again(sandbox, log_on, inbox):
    """The server hears of the end before the handler's destructor runs."""
    client = log_on(sandbox)

    class Handler:
        def __call__(self, message):
            """Takes no notice."""

        def __del__(self):
            subscribing = threading.Thread(target=client.subscribe, args=(inbox, "t"))
            subscribing.start()
            subscribing.join()

    client.subscribe(Handler(), "t")
    client.unsubscribe()
    sandbox.publish("t", "x")
    assert inbox.bodies(1) == ["x"]


def test_a_client_let_go_in_its_own_handler_calls_no_further_one(sandbox):
    calls, done = [], threading.Event()
    kept = [AMPS.Client("let go")]
    kept[0].connect(sandbox.uri())
    kept[0].logon()

    def handler(message):
        calls.append(message.get_data())
        kept.clear()
        done.set()

    kept[0].subscribe(handler, "t")
    for number in range(100):
        sandbox.publish("t", str(number))
    assert done.wait(5)
    sandbox.wait_until(lambda: not sandbox.clients())
    assert calls == ["0"]


def test_unsubscribing_without_a_connection_is_no_error(sandbox, log_on):
    client = log_on(sandbox)
    sub_id = client.subscribe(print, "t")
    client.disconnect()
    client.unsubscribe(sub_id)
    client.unsubscribe()
