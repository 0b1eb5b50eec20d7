"""Messages given to handlers are acknowledged when these have returned."""

import copy
import ctypes
import threading

import pytest

import AMPS

from .failover import Watched
from .queue_peer import QUICK_MS, acks_seen, everything, grant, item, items, wait_acks
from .scripted_peer import delivery, frame, say

CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


@pytest.fixture
def served(peer, log_on):
    """A peer with a queue, and a client that acknowledges of itself: served(handler)."""

    def make(handler, backlog=100, topic="Q", **answers):
        server = peer(subscribe=grant(backlog), **answers)
        client = log_on(server)
        client.problems = Watched()
        client.set_exception_listener(client.problems)
        client.set_auto_ack(True)
        client.subscribe(handler, topic, sub_id="q")
        return server, client

    return make


def test_a_message_is_acknowledged_when_its_handler_has_returned(served):
    inside, go_on = threading.Event(), threading.Event()

    def handler(message):
        inside.set()
        assert go_on.wait(10)

    server, client = served(handler)
    assert client.get_auto_ack() is True
    server.send(items(2))
    assert inside.wait(10)
    assert everything(server, client) == []
    go_on.set()
    assert wait_acks(server, 2) == [("Q", [1]), ("Q", [2])]


def test_batches_of_messages_acknowledged_of_themselves(served):
    server, client = served(lambda message: None)
    client.set_ack_batch_size(4)
    client.set_ack_timeout(QUICK_MS)
    server.send(items(10))
    assert wait_acks(server, 3) == [("Q", [1, 2, 3, 4]), ("Q", [5, 6, 7, 8]), ("Q", [9, 10])]


def test_case_90_a_handler_that_raises_gives_its_message_back(served):
    """QU-7 says that then nothing is sent; the documented behaviour (protocol.md 9) is `cancel`,
    and rules: at once, behind what is gathered of that topic."""

    def handler(message):
        if message.get_data() == "3":
            raise ValueError("no good")

    server, client = served(handler)
    client.set_ack_batch_size(100)
    server.send(items(3))
    assert wait_acks(server, 2) == [("Q", [1, 2]), ("Q", [3], "cancel")]
    (problem,) = client.problems.wait_for(len)
    assert str(problem) == "no good"


@pytest.mark.parametrize(
    "acknowledge",
    [
        lambda client, message: message.ack(),
        lambda client, message: client.ack(message),
        lambda client, message: client.ack("Q", message.get_bookmark()),
        lambda client, message: client.ack("Q", f"1|77|, {message.get_bookmark()}"),
        lambda client, message: copy.deepcopy(message).ack(),
    ],
)
@pytest.mark.parametrize("raises", [False, True])
def test_what_the_handler_acknowledges_itself_is_left_alone(served, acknowledge, raises):
    def handler(message):
        if message.get_data() == "2":
            acknowledge(client, message)
            assert not raises

    server, client = served(handler)
    server.send(items(3))
    server.wait_until(lambda: acks_seen(server)[-1:] == [("Q", [3])])
    sent = [numbers for _, numbers in acks_seen(server)]
    assert [n for numbers in sent for n in numbers if n != 77] == [1, 2, 3]


def test_what_the_handler_cancels_is_not_acknowledged(served):
    server, client = served(lambda message: message.ack("cancel"))
    server.send(items(2))
    wait_acks(server, 2)
    assert everything(server, client) == [("Q", [1], "cancel"), ("Q", [2], "cancel")]


def test_another_message_acknowledged_in_a_handler_is_another(served):
    server, client = served(lambda message: client.ack("Q", "1|50|"))
    server.send(items(1))
    assert wait_acks(server, 2) == [("Q", [50]), ("Q", [1])]


def test_a_message_changed_by_its_handler_is_still_itself(served):
    def handler(message):
        message.set_topic("other").set_bookmark("9|9|").set_lease_period("")

    server, _ = served(handler)
    server.send(items(2))
    assert wait_acks(server, 2) == [("Q", [1]), ("Q", [2])]


def test_a_message_emptied_or_kept_by_its_handler(served):
    kept = []

    def handler(message):
        kept.append(message)
        if len(kept) == 1:
            message.reset()

    server, _ = served(handler)
    server.send(items(3))
    assert wait_acks(server, 3) == [("Q", [1]), ("Q", [2]), ("Q", [3])]
    assert [message.get_data() for message in kept] == ["", "2", "3"]


def test_the_handler_turns_it_off(served):
    server, client = served(lambda message: client.set_auto_ack(message.get_data() != "2"))
    server.send(items(3))
    assert wait_acks(server, 1) == [("Q", [1])]
    assert everything(server, client) == [("Q", [1])]


def test_a_handler_that_closes_its_client(served):
    server, client = served(lambda message: client.close())
    server.send(items(3))
    server.wait_gone()
    assert acks_seen(server) == []


def test_a_handler_that_unsubscribes_itself_has_done_its_message(served):
    server, client = served(lambda message: client.unsubscribe("q"))
    server.send(items(3))
    assert wait_acks(server, 1) == [("Q", [1])]
    assert everything(server, client) == [("Q", [1])]


def test_what_is_not_from_a_queue(served):
    server, client = served(lambda message: None)
    server.answers["subscribe"] = say()
    client.subscribe(lambda message: None, "t", sub_id="s")
    server.send(delivery(b"1", "s") + delivery(b"2", "s", bm="1|2|") + item(3))
    assert wait_acks(server, 1) == [("Q", [3])]


@pytest.mark.parametrize(
    "header",
    [
        b'{"c":"p","t":"Q","sids":"q","lp":"x"}',
        b'{"c":"p","t":"Q","sids":"q","lp":"x","bm":""}',
        b'{"c":"p","sids":"q","lp":"x","bm":"1|1|"}',
        b'{"c":"p","t":"","sids":"q","lp":"x","bm":"1|1|"}',
        b'{"c":"p","t":"Q","sids":"q","lp":"x","bm":", ,"}',
    ],
)
def test_messages_that_nobody_could_acknowledge(served, header):
    server, client = served(lambda message: None)
    server.send(frame(header) + item(2))
    server.wait_until(lambda: acks_seen(server)[-1:] == [("Q", [2])])


@pytest.mark.parametrize(
    "header",
    [
        b'{"c":"p","t":"Q","sids":"q","lp":"x","bm":"%s"}' % (b"9" * 257),
        b'{"c":"p","t":"%s","sids":"q","lp":"x","bm":"1|1|"}' % (b"Q" * 300_000),
    ],
)
def test_what_is_too_long_to_be_acknowledged_is_told(served, header):
    server, client = served(lambda message: None)
    server.send(frame(header) + item(2))
    assert wait_acks(server, 1) == [("Q", [2])]
    (problem,) = client.problems.wait_for(len)
    assert isinstance(problem, AMPS.AMPSException)


def test_a_function_in_c(served):
    seen = Watched()
    function = CALLBACK(lambda message, data: seen(1))
    server, client = served(AMPS.CMessageHandler(function))
    client.set_ack_batch_size(3)
    server.send(items(6))
    assert wait_acks(server, 2) == [("Q", [1, 2, 3]), ("Q", [4, 5, 6])]
    client.set_auto_ack(False)
    server.send(items(1, first=50))
    seen.wait_for(lambda calls: len(calls) == 7)
    client.publish_flush(5000)
    assert len(acks_seen(server)) == 2


def test_a_function_in_c_alone(served):
    function = CALLBACK(lambda message, data: None)
    server, client = served(AMPS.CMessageHandler(function))
    server.send(items(100))
    assert wait_acks(server, 100) == [("Q", [n]) for n in range(1, 101)]


def test_many_messages_at_once(served):
    """More than one burst; every one is acknowledged once, in order, in full batches."""
    server, client = served(lambda message: None, backlog=10_000)
    client.set_ack_batch_size(100)
    server.send(items(5000))
    sent = wait_acks(server, 50)
    assert [n for _, numbers in sent for n in numbers] == list(range(1, 5001))
    assert {len(numbers) for _, numbers in sent} == {100}


def test_a_handler_that_minds_duplicates_too(served):
    handler = Watched()
    server, client = served(handler)
    client.set_duplicate_message_handler(handler)
    server.send(items(2))
    assert wait_acks(server, 2) == [("Q", [1]), ("Q", [2])]


def test_two_subscriptions_share_a_batch(served):
    server, client = served(lambda message: None)
    client.subscribe(lambda message: None, "Q", sub_id="r")
    client.set_ack_batch_size(4)
    server.send(item(1) + item(2, "r") + item(3) + item(4, "r"))
    assert wait_acks(server, 1) == [("Q", [1, 2, 3, 4])]


def test_a_list_of_subscriptions_acknowledges_once_each_batch(served):
    server, client = served(lambda message: None)
    client.subscribe(lambda message: None, "Q", sub_id="r")
    client.set_ack_batch_size(2)
    server.send(item(1, "q,r") + item(2, "q,r"))
    assert wait_acks(server, 1) == [("Q", [1, 2])]


def test_client_side_conflation_never_replaces_queue_messages(peer, log_on):
    """QU-13, with a lease, and without one where the server has granted a backlog."""
    server = peer(subscribe=grant(100))
    client = log_on(server)
    stream = client.subscribe("Q", sub_id="q").conflate().timeout(5000)
    server.send(item(1, k="7") + item(2, k="7") + item(3, k="7", lp=None) + item(4, k="7", lp=None))
    assert [next(stream).get_data() for _ in range(4)] == ["1", "2", "3", "4"]
