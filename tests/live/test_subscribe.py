"""A subscriber is told what it asked for, once for each subscription, for as long as it wants."""

import functools
import queue

import pytest

import AMPS

from .scripted_peer import ack, delivery, frame, stay_silent


def test_a_handler_is_given_what_is_published(sandbox, log_on, inbox):
    client = log_on(sandbox)
    sub_id = client.subscribe(inbox, "orders")
    assert isinstance(sub_id, str) and sub_id
    client.publish("orders", '{"id":1}')
    message = inbox.get()
    told = [message.get_command(), message.get_topic(), message.get_data(), message.get_sub_id()]
    assert told == ["publish", "orders", '{"id":1}', sub_id]


def test_the_subscribe_command_says_what_was_asked(peer, log_on):
    server = peer()
    client = log_on(server)
    client.subscribe(print, "t", "/id > 1", "timestamp", 5000, "mine")
    (seen,) = server.seen("subscribe")
    expected = {"t": "t", "filter": "/id > 1", "opts": "timestamp", "sub_id": "mine"}
    assert {**seen, **expected, "a": "processed"} == seen
    client.subscribe(on_message=None, topic="t", filter=None, options=0, timeout=None, sub_id="")
    assert not {"filter", "opts"} & set(server.seen("subscribe")[1])
    assert server.seen("subscribe")[1]["sub_id"] == server.seen("subscribe")[1]["cid"]


class Callable:
    def __init__(self, put):
        self.put = put

    def __call__(self, message):
        self.put(message)

    def method(self, message):
        self.put(message)


@pytest.mark.parametrize(
    "made_of",
    [
        lambda put: put,
        lambda put: lambda message: put(message),
        Callable,
        lambda put: Callable(put).method,
        lambda put: functools.partial(put),
    ],
)
def test_anything_callable_is_a_handler_and_is_kept_alive(sandbox, log_on, made_of):
    client, got = log_on(sandbox), queue.Queue()
    client.subscribe(made_of(got.put), "t")
    client.publish("t", "x")
    assert got.get(timeout=5).get_data() == "x"


@pytest.mark.parametrize(
    ("args", "more", "problem"),
    [
        ((), {}, TypeError),
        (("",), {}, AMPS.InvalidTopicException),
        ((5,), {}, TypeError),
        ((print, 5), {}, TypeError),
        (("t", 5), {}, TypeError),
        (("a\0b",), {}, ValueError),
        (("t",), {"topic": "u"}, TypeError),
        (("t",), {"on_message": 5}, TypeError),
        (("t",), {"unknown": 1}, TypeError),
        (("t",), {"timeout": "1"}, TypeError),
        (("t",), {"timeout": -1}, (ValueError, AMPS.UsageException)),
        (("t", None, None, 0, "id", "more"), {}, TypeError),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(sandbox, log_on, args, more, problem):
    client = log_on(sandbox)
    with pytest.raises(problem):
        client.subscribe(*args, **more)
    assert not sandbox.received("subscribe")
    client.subscribe("t").close()


def test_subscribing_needs_a_connection_and_a_logon(sandbox, new_client):
    client = new_client()
    with pytest.raises(AMPS.DisconnectedException, match="connect"):
        client.subscribe("t")
    client.connect(sandbox.uri())
    with pytest.raises(AMPS.LogonRequiredException):
        client.subscribe("t")


def test_a_message_of_several_subscriptions_is_delivered_once_for_each(peer, log_on):
    """Point 3 of the protocol's list."""
    server, got = peer(), queue.Queue()
    client = log_on(server)
    for sub_id in ("a", "b", "c"):
        client.subscribe(lambda m, s=sub_id: got.put((s, m.get_sub_id(), m)), "t", sub_id=sub_id)
    server.send(delivery(b"x", sub_id="c, a ,gone,b"))
    told = [got.get(timeout=5) for _ in range(3)]
    assert [(route, shown) for route, shown, _ in told] == [("c", "c"), ("a", "a"), ("b", "b")]
    assert {m.get_sub_ids() for _, _, m in told} == {"c, a ,gone,b"}


def test_sids_wins_and_sub_id_alone_will_do(peer, log_on, inboxes):
    """Point 3 of the protocol's list."""
    server = peer()
    client = log_on(server)
    first, second = inboxes(), inboxes()
    client.subscribe(first, "t", sub_id="1")
    client.subscribe(second, "t", sub_id="2")
    server.send(frame({"c": "p", "t": "t", "sub_id": "1", "sids": "2"}, b"x"))
    server.send(frame({"c": "publish", "t": "t", "sub_id": "1"}, b"y"))
    assert (second.get().get_data(), first.get().get_data()) == ("x", "y")
    assert first.is_empty() and second.is_empty()


@pytest.mark.parametrize("sub_id", ['say "hi"', "back\\slash", "tab\there", "Grüße-🌍", "x" * 3000])
def test_an_id_of_any_characters_finds_its_handler(sandbox, log_on, inbox, sub_id):
    client = log_on(sandbox)
    assert client.subscribe(inbox, "t", sub_id=sub_id) == sub_id
    client.publish("t", "x")
    assert inbox.get().get_sub_id() == sub_id
    client.unsubscribe(sub_id)
    sandbox.wait_until(lambda: not sandbox.subscriptions())


def test_an_id_in_use_is_refused_without_asking_the_server(sandbox, log_on, inboxes):
    client = log_on(sandbox)
    first, second = inboxes(), inboxes()
    client.subscribe(first, "t", sub_id="mine")
    with pytest.raises(AMPS.SubidInUseException, match="mine"):
        client.subscribe(second, "t", sub_id="mine")
    assert len(sandbox.received("subscribe")) == 1
    client.publish("t", "to the first")
    assert first.get().get_data() == "to the first"
    client.unsubscribe("mine")
    client.subscribe(second, "t", sub_id="mine")
    client.publish("t", "to the second")
    assert second.get().get_data() == "to the second" and first.is_empty()


def test_after_unsubscribe_the_handler_is_not_called_and_the_server_knows(sandbox, log_on, inboxes):
    client = log_on(sandbox)
    gone, staying = inboxes(), inboxes()
    sub_id = client.subscribe(gone, "t")
    client.subscribe(staying, "t")
    client.unsubscribe(sub_id)
    client.publish("t", "x")
    assert staying.get().get_data() == "x" and gone.is_empty()
    assert [each.sub_id for each in sandbox.subscriptions()] == [str(int(sub_id) + 1)]
    client.unsubscribe("never heard of")


@pytest.mark.parametrize("args", [(), (None,), ("all",), (b"all",)])
def test_unsubscribe_can_end_all(sandbox, log_on, inbox, args):
    client = log_on(sandbox)
    stream = client.subscribe("t")
    client.subscribe(inbox, "t")
    client.unsubscribe(*args)
    client.publish_flush(5000)
    assert not sandbox.subscriptions()
    assert list(stream) == []


def test_late_messages_and_those_for_nobody_go_to_the_last_chance_handler(peer, log_on, inboxes):
    server, last_chance, inbox = peer(), inboxes(), inboxes()
    client = log_on(server)
    client.set_last_chance_message_handler(last_chance)
    client.subscribe(inbox, "t", sub_id="s")
    client.unsubscribe("s")
    server.send(delivery(b"late") + delivery(b"stranger", sub_id="x"))
    server.send(frame({"c": "p", "t": "t"}, b"no id") + frame({"c": "redirect"}, b"odd verb"))
    assert last_chance.bodies(4) == ["late", "stranger", "no id", "odd verb"]
    assert inbox.is_empty()


def test_messages_in_the_same_packet_as_the_ack_are_not_lost(peer, log_on, inbox):
    """Point 10 of the protocol's list."""

    def answer(server, seen):
        server.send(delivery(b"early") + ack(seen) + delivery(b"late"))

    log_on(peer(subscribe=answer)).subscribe(inbox, "t", sub_id="s")
    assert inbox.bodies(2) == ["early", "late"]


def test_a_refused_subscription_leaves_nothing_behind(sandbox, log_on, inbox):
    client = log_on(sandbox)
    with pytest.raises(AMPS.BadRegexTopicException, match=r"bad regex topic.*\(\(") as caught:
        client.subscribe(inbox, "((", sub_id="mine")
    assert caught.value.reason == "bad regex topic"
    assert caught.value.message.get_status() == "failure"
    client.subscribe(inbox, "t", sub_id="mine")
    client.publish("t", "x")
    assert inbox.bodies(1) == ["x"]


def test_a_subscription_that_timed_out_is_taken_back(peer, log_on, inbox):
    server = peer(subscribe=stay_silent)
    client = log_on(server)
    with pytest.raises(AMPS.TimedOutException, match="subscribe.*100 ms"):
        client.subscribe(inbox, "t", timeout=100, sub_id="s")
    assert server.wait_for("unsubscribe")[0]["sub_id"] == "s"
    late = server.seen("subscribe")[0]
    server.send(delivery(b"late") + ack(late))
    client.publish_flush(5000)
    assert inbox.is_empty()


def test_kept_messages_stay_as_they_were(sandbox, log_on, inbox):
    """Case 4 of the conformance list."""
    client = log_on(sandbox)
    client.subscribe(inbox, "t")
    for number in range(1200):
        client.publish("t", f"{number}-" + "x" * (number % 700), correlation_id=str(number))
    kept = [inbox.get() for _ in range(1200)]
    for number, message in enumerate(kept):
        assert message.get_data() == f"{number}-" + "x" * (number % 700)
        assert (message.get_correlation_id(), message.get_topic()) == (str(number), "t")


def test_messages_of_all_subscriptions_come_in_the_order_of_the_wire(sandbox, log_on):
    client, got = log_on(sandbox), queue.Queue()
    for topic in ("a", "b", "c"):
        client.subscribe(lambda message: got.put(message.get_data()), topic)
    for number in range(3000):
        client.publish("abc"[number % 3], str(number))
    assert [got.get(timeout=5) for _ in range(3000)] == [str(n) for n in range(3000)]


def test_a_regular_expression_subscribes_to_many_topics(sandbox, log_on, inbox):
    client = log_on(sandbox)
    client.subscribe(inbox, "^ord.*s$")
    for topic in ("orders", "order", "ords", "other"):
        client.publish(topic, topic)
    assert inbox.bodies(2) == ["orders", "ords"]
