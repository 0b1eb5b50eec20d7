"""Calls on an HAClient while it is not ready, and handlers that no reconnect disturbs."""

import sys
import threading
import time

import pytest

import AMPS

from .calls import Failing, wait_handled
from .failover import bodies, wait_back, wait_ready, watch
from .scripted_peer import (
    PATIENCE_S,
    delivery,
    frame,
    hang_up,
    in_turn,
    say,
    stay_silent,
    stop_reading,
    wait_until,
)

QUICK_S = 0.5  # far below any wait for a server; 10 ms when the machine is not busy


def test_case_1_what_waits_is_refused_in_a_handler_and_the_rest_goes_on(sandbox, come_up, inbox):
    client, raised = come_up(sandbox), []

    def handler(message):
        try:
            client.subscribe(print, "u")
        except AMPS.UsageException as problem:
            raised.append(problem)
        inbox(copied(message))

    client.subscribe(handler, "t")
    for body in "ab":
        sandbox.publish("t", body)
    assert [inbox.get(), inbox.get()] == ["a", "b"]
    assert len(raised) == 2
    assert len(sandbox.received("subscribe")) == 1


def copied(message):
    return message.get_data()


def test_case_1_a_disconnect_handler_of_an_haclient_replaces_the_way_back(peer, come_up, inbox):
    server, asked = peer(), []
    client = come_up(server)

    def handler(it):
        asked.append(it)
        it.connect_and_logon()
        it.subscribe(lambda message: inbox(message.get_data()), "t", sub_id="again")

    client.set_disconnect_handler(handler)
    server.hang_up()
    server.wait_for("subscribe")
    server.send(delivery(b"x", "again"))
    assert inbox.get() == "x"
    assert asked == [client]


def test_case_2_a_handler_that_raises_costs_its_message_only(sandbox, come_up, inbox):
    client = come_up(sandbox)

    def handler(message):
        if message.get_data() == "2":
            raise ValueError("not this one")
        inbox(message.get_data())

    client.subscribe(handler, "t")
    for number in range(1, 4):
        sandbox.publish("t", str(number))
    assert [inbox.get(), inbox.get()] == ["1", "3"]
    assert [str(problem) for problem in client.problems.items] == ["not this one"]


def test_case_3_without_a_listener_it_goes_to_the_hook(sandbox, come_up, inbox, monkeypatch):
    client = come_up(sandbox)
    client.set_exception_listener(None)
    monkeypatch.setattr(sys, "unraisablehook", lambda told: inbox(str(told.exc_value)))

    def handler(message):
        raise ValueError("heard?")

    client.subscribe(handler, "t")
    sandbox.publish("t", "x")
    assert inbox.get() == "heard?"


def test_case_4_a_kept_message_keeps_its_data(peer, come_up, inbox):
    server = peer()
    client = come_up(server)
    client.subscribe(inbox, "t", sub_id="s")
    server.send(delivery(b"the first", "s") + delivery(b"z" * 50, "s") * 1000)
    kept = [inbox.get() for _ in range(1001)]
    assert kept[0].get_data() == "the first" and kept[0].get_topic() == "t"


def test_case_6_handlers_never_overlap_across_a_reconnect(peer, come_up):
    """The next connection's messages wait for the handler that the last one's is still in."""
    server, may_go, began = peer(), threading.Event(), threading.Event()
    client, running, overlaps, got = come_up(server), [], [], []

    def handler(message):
        running.append(1)
        overlaps.append(len(running))
        got.append(message.get_data())
        began.set()
        may_go.wait(PATIENCE_S)
        running.pop()

    client.subscribe(handler, "t", sub_id="s")
    states = watch(client)
    server.send(delivery(b"old", "s"))
    assert began.wait(PATIENCE_S)
    server.hang_up()
    server.wait_gone()
    assert states.items == [] and got == ["old"]
    may_go.set()
    wait_ready(states)
    server.send(delivery(b"new", "s"))
    wait_until(lambda: got == ["old", "new"])
    assert set(overlaps) == {1}


def test_case_7_eight_publishers_a_handler_and_a_python_store(sandbox, come_up):
    """Shorter than the case's 60 s: any deadlock of locks and interpreter shows at once."""
    client = come_up(sandbox)
    got, counts = [], 2000
    client.subscribe(lambda message: got.append(message.get_data()), "t")
    numbers = [[] for _ in range(8)]

    def publish(mine):
        mine += [client.publish("t", "x") for _ in range(counts)]

    threads = [Failing(publish, mine) for mine in numbers]
    assert [thread.result() for thread in threads] == [None] * 8
    client.publish_flush(30_000)
    wait_until(lambda: len(got) == 8 * counts)
    every = [number for mine in numbers for number in mine]
    assert len(set(every)) == len(every)
    assert all(mine == sorted(mine) for mine in numbers)


def test_case_8_the_server_sees_rising_numbers_from_sixteen_threads(peer, come_up):
    server = peer(p=lambda peer, seen: None)
    client = come_up(server)

    def publish():
        for _ in range(1000):
            client.publish("t", "x")

    threads = [Failing(publish) for _ in range(16)]
    assert [thread.result() for thread in threads] == [None] * 16
    numbers = [seen["s"] for seen in server.wait_for("p", 16_000)]
    assert numbers == sorted(numbers) and len(set(numbers)) == 16_000


def test_case_28_a_publish_with_a_store_returns_at_once_and_arrives_once(sandbox, come_up):
    client = come_up(sandbox)
    states = watch(client)
    sandbox.kill()
    states.wait_for(lambda seen: 0 in seen)
    began = time.monotonic()
    number = client.publish("t", "x")
    assert time.monotonic() - began < QUICK_S
    assert number > 0
    sandbox.restart()
    client.publish_flush(10_000)
    assert [seen.header["s"] for seen in sandbox.wait_for("publish")] == [number]
    assert bodies(sandbox, 1) == [b"x"]


def test_case_29_a_client_with_a_store_stores_raises_and_sends_later(sandbox, new_client):
    client, store = new_client(), AMPS.MemoryPublishStore()
    client.set_publish_store(store)
    with pytest.raises(AMPS.DisconnectedException, match="the publish store has the message"):
        client.publish("t", "x")
    assert store.get_unpersisted_count() == 1
    client.connect(sandbox.uri())
    client.logon(5000)
    client.publish_flush(5000)
    assert bodies(sandbox, 1) == [b"x"]
    assert store.get_unpersisted_count() == 0


def test_case_31_with_retry_off_the_stored_and_the_placed_still_recover(peer, come_up, inbox):
    server = peer(logon=in_turn(stop_reading, say()), sow=stay_silent)
    client = come_up(server)
    client.set_retry_on_disconnect(False)
    states = watch(client)
    subscribing = Failing(client.subscribe, inbox, "t", None, None, 0)
    asking = Failing(client.sow, inbox, "u")
    client.publish("t", "stored")
    server.reset()
    assert type(asking.result()) is AMPS.DisconnectedException
    wait_ready(states)
    assert subscribing.result() is None
    assert server.wait_for("p")[0]["body"] == b"stored"
    server.wait_for("subscribe")


def test_with_retry_off_a_subscription_made_meanwhile_is_placed(peer, come_up, inbox):
    """The manager's subscriptions are exempt from the flag (DC-18)."""
    server = peer(logon=in_turn(say(), hang_up, hang_up, say()))
    client = come_up(server)
    client.set_retry_on_disconnect(False)
    states = watch(client)
    server.hang_up()
    states.wait_for(lambda seen: 0 in seen)
    client.subscribe(inbox, "t", sub_id="s", timeout=5000)
    server.send(delivery(b"x", "s"))
    assert inbox.get().get_data() == "x"


CUT_TWICE = {
    "sow": lambda client: client.sow(print, "t"),
    "sow_delete": lambda client: client.sow_delete(print, "t", "1=1"),
}


@pytest.mark.parametrize("verb", CUT_TWICE)
def test_case_30_a_query_cut_off_twice_says_so(peer, come_up, verb):
    server = peer(**{verb: hang_up})
    client = come_up(server, no_store=True)
    asking = Failing(CUT_TWICE[verb], client)
    assert type(asking.result()) is AMPS.RetryOperationException
    assert len(server.seen(verb)) == 2


@pytest.mark.parametrize("verb", CUT_TWICE)
def test_dc_18_cut_off_once_it_is_sent_again_with_its_id(peer, come_up, verb):
    server = peer(**{verb: in_turn(hang_up, stay_silent)})
    client = come_up(server, no_store=True)
    asking = Failing(CUT_TWICE[verb], client)
    first, second = server.wait_for(verb, 2)
    assert first["cid"] == second["cid"]
    client.close()
    assert type(asking.result()) is AMPS.DisconnectedException


def test_a_timeout_ends_the_wait_for_the_way_back(peer, come_up):
    server = peer(logon=in_turn(say(), stay_silent))
    client = come_up(server, no_store=True)
    server.hang_up()
    server.wait_for("logon", 2)
    for call in (
        lambda: client.publish_flush(50),
        lambda: client.sow(print, "t", timeout=50),
        lambda: client.subscribe(print, "t", timeout=50),
    ):
        with pytest.raises(AMPS.TimedOutException):
            call()


def test_dc_17_unsubscribing_and_closing_a_stream_meanwhile_return_at_once(peer, come_up):
    server = peer(logon=in_turn(say(), stay_silent, say()))
    client = come_up(server)
    client.set_timeout(200)
    states = watch(client)
    client.subscribe(print, "t", sub_id="a")
    stream = client.subscribe("t", sub_id="b")
    client.subscribe(print, "t", sub_id="c")
    server.hang_up()
    server.wait_for("logon", 2)
    client.unsubscribe("a")
    stream.close()
    wait_back(client, states, 1)
    assert [seen["sub_id"] for seen in server.seen("subscribe")] == ["a", "b", "c", "c"]


def test_case_102_a_busy_handler_is_no_silence(peer, come_up):
    """Data waits behind the handler for three times the timeout: it is read before judging."""
    server = peer()
    client, may_go, began = come_up(server), threading.Event(), threading.Event()
    states = watch(client)

    def busy(message):
        began.set()
        may_go.wait(PATIENCE_S)

    client.subscribe(busy, "t", sub_id="s")
    client.set_heartbeat(0.1)
    server.send(delivery(b"first", "s"))
    assert began.wait(PATIENCE_S)
    beats = len(server.seen("heartbeat"))
    server.send(delivery(b"second", "s"))
    server.wait_for("heartbeat", beats + 6)  # the client's own, one in 0.1 s
    may_go.set()
    server.send(frame({"c": "heartbeat"}))
    wait_handled(client)
    assert 0 not in states.items and server.connections == 1


def test_case_104_small_messages_are_gathered_and_arrive_before_what_follows(peer, come_up):
    server = peer(p=lambda peer, seen: None)
    client = come_up(server)
    writes = []
    client.set_transport_filter(lambda data, incoming: incoming or writes.append(len(data)))
    client.set_publish_batching(1000, 50)
    for number in range(100):
        client.publish("t", str(number))
    client.subscribe(print, "t")
    verbs = [seen["c"] for seen in server.frames if seen["c"] in ("p", "subscribe")]
    assert verbs == ["p"] * 100 + ["subscribe"]
    assert len(writes) < 20
    client.publish("t", "last")
    server.wait_for("p", 101)  # by its time alone
