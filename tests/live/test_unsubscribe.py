"""Subscriptions and queries ended early: the server is told once, by the right id, and all end."""

import gc
import threading

import pytest

import AMPS

from .calls import Failing
from .results import accepted, give, group, marker, only_accept, records
from .scripted_peer import PATIENCE_S, delivery, say_all, wait_until

END = {"close": lambda stream: stream.close(), "gc": lambda stream: None}
QUERIES = ("sow", "sow_and_subscribe", "sow_and_delta_subscribe")
SUBSCRIPTIONS = ("subscribe", "delta_subscribe", "sow_and_subscribe", "sow_and_delta_subscribe")


def begun(server, seen):
    """An answer: accepted, and one record of more that never come."""
    server.send(accepted(seen) + marker(seen, "group_begin") + records(seen, "a"))


@pytest.fixture
def server(peer):
    return peer(**dict.fromkeys(QUERIES, begun))


def told(server, client):
    """The ids in the unsubscribe commands that have come."""
    client.publish_flush(5000)
    return [
        {key: seen[key] for key in ("sub_id", "query_id") if key in seen}
        for seen in server.seen("unsubscribe")
    ]


@pytest.mark.parametrize("end", END)
@pytest.mark.parametrize("verb", SUBSCRIPTIONS)
def test_a_stream_closed_early_unsubscribes_once_by_sub_id(server, log_on, verb, end):
    """MS-10, MS-11."""
    client = log_on(server)
    stream = client.execute(AMPS.Command(verb).set_topic("t").set_sub_id("s").set_query_id("q"))
    END[end](stream)
    stream = None
    gc.collect()
    assert told(server, client) == [{"sub_id": "s"}]


@pytest.mark.parametrize("end", END)
def test_a_query_closed_early_is_cancelled_once_by_query_id(server, log_on, end):
    client = log_on(server)
    stream = client.execute(AMPS.Command("sow").set_topic("t").set_query_id("q"))
    assert next(stream).get_command() == "group_begin"
    END[end](stream)
    stream = None
    gc.collect()
    assert told(server, client) == [{"query_id": "q"}]
    assert client.execute(AMPS.Command("sow").set_topic("t").set_query_id("q")).get_max_depth() == 0


def test_a_query_read_to_its_end_is_not_unsubscribed(peer, log_on):
    server = peer(sow=give("a"))
    client = log_on(server)
    with client.sow("t") as stream:
        assert len(list(stream)) == 3
    with client.sow("t") as stream:
        wait_until(lambda: stream.get_depth() == 3)
    assert told(server, client) == []


@pytest.mark.parametrize("verb", SUBSCRIPTIONS)
def test_unsubscribe_ends_a_stream_after_what_had_arrived(server, log_on, verb):
    """MS-3."""
    client = log_on(server)
    stream = client.execute(AMPS.Command(verb).set_topic("t").set_sub_id("s")).timeout(5000)
    server.send(delivery(b"x"))
    count = 3 if verb.startswith("sow") else 1
    wait_until(lambda: len(stream) == count)
    client.unsubscribe("s")
    assert len(list(stream)) == count
    assert stream.ended
    stream.close()
    assert told(server, client) == [{"sub_id": "s"}]


@pytest.mark.parametrize("how", ["unsubscribe", "all", "None", "execute"])
def test_unsubscribe_wakes_who_waits(peer, log_on, how):
    client = log_on(peer(unsubscribe=say_all()))
    stream = client.subscribe("t", sub_id="s")
    reading = Failing(list, stream)
    if how == "execute":
        client.execute(AMPS.Command("unsubscribe").set_sub_id("s"))
    else:
        client.unsubscribe({"unsubscribe": "s", "all": "all", "None": None}[how])
    assert reading.result() is None
    assert stream.ended


@pytest.mark.parametrize("form", ["handler", "stream", "none"])
def test_unsubscribe_cancels_a_query_by_query_id(peer, log_on, inbox, form):
    server = peer(sow=only_accept)
    client = log_on(server)
    command = AMPS.Command("sow").set_topic("t").set_query_id("q")
    if form == "stream":
        stream = client.execute(command).timeout(5000)
    else:
        assert client.execute_async(command, inbox if form == "handler" else None) == "q"
    client.unsubscribe("q")
    server.send(group(server.seen("sow")[0], "late"))
    expected = {"query_id": "q"} if form != "none" else {"sub_id": "q"}
    assert told(server, client) == [expected]
    assert inbox.is_empty()
    if form == "stream":
        assert list(stream) == []


def test_a_new_query_may_have_the_id_of_one_cancelled(peer, log_on, inboxes):
    """What is late of the first is not taken for an answer to the second."""
    server = peer(sow=only_accept)
    client = log_on(server)
    first, second = inboxes(), inboxes()
    command = AMPS.Command("sow").set_topic("t").set_query_id("q")
    client.execute_async(command, first)
    client.unsubscribe("q")
    server.answers["sow"] = give("new")
    client.execute_async(command, second)
    assert second.bodies(3) == ["", "new", ""]
    client.publish_flush(5000)
    assert first.is_empty() and second.is_empty()


@pytest.mark.parametrize("wait", ["next", "batch"])
def test_close_from_another_thread_wakes_who_waits(server, log_on, wait):
    """MS-10, case 99."""
    client = log_on(server)
    stream = client.subscribe("t", sub_id="s")
    results = []

    def read():
        results.append(stream.batch(5) if wait == "batch" else list(stream))

    reading = Failing(read)
    stream.close()
    assert reading.result() is None
    assert results == [[]] and stream.ended
    stream.close()
    assert told(server, client) == [{"sub_id": "s"}]


def test_closing_from_many_threads_tells_the_server_once(server, log_on):
    client = log_on(server)
    for number in range(20):
        stream = client.subscribe("t", sub_id=str(number))
        together = threading.Barrier(4)

        def close(stream=stream, together=together):
            together.wait(PATIENCE_S)
            stream.close()

        assert [each.result() for each in [Failing(close) for _ in range(4)]] == [None] * 4
    assert sorted(told(server, client), key=str) == sorted(
        ({"sub_id": str(number)} for number in range(20)), key=str
    )


def test_a_stream_closed_inside_a_handler_unsubscribes(server, log_on):
    client = log_on(server)
    stream = client.subscribe("t", sub_id="closed")
    client.subscribe(lambda message: stream.close(), "t", sub_id="s")
    server.send(delivery(b"x"))
    server.wait_for("unsubscribe")
    assert told(server, client) == [{"sub_id": "closed"}]


def test_unsubscribe_takes_a_list_and_ends_each(server, log_on, inbox):
    client = log_on(server)
    stream = client.subscribe("t", sub_id="a")
    client.subscribe(inbox, "t", sub_id="b")
    client.execute_async(AMPS.Command("sow").set_topic("t").set_query_id("q"), inbox)
    assert inbox.bodies(2) == ["", "a"]
    client.unsubscribe("a, b,q,never heard of")
    assert list(stream.timeout(5000)) == []
    server.send(delivery(b"late", sub_id="a") + delivery(b"late", sub_id="b"))
    ids = [{"sub_id": "a"}, {"sub_id": "b"}, {"query_id": "q"}, {"sub_id": "never heard of"}]
    assert told(server, client) == ids
    assert inbox.is_empty()


def test_a_full_stream_that_is_unsubscribed_lets_the_rest_through(server, log_on, inbox):
    client = log_on(server)
    stream = client.subscribe("t", sub_id="s").max_depth(2)
    client.subscribe(inbox, "t", sub_id="i")
    server.send(delivery(b"x") * 100 + delivery(b"through", sub_id="i"))
    wait_until(lambda: len(stream) == 2)
    assert inbox.is_empty()
    client.unsubscribe("s")
    assert inbox.bodies(1) == ["through"]
    assert len(list(stream)) <= 3


def test_queries_work_with_a_small_default_depth(peer, log_on):
    client = log_on(peer(sow=give(*map(str, range(50)))))
    client.set_default_max_depth(1)
    assert len(list(client.sow("t").timeout(5000))) == 52
    client.sow("t").close()
    assert len(list(client.sow("t").timeout(5000))) == 52
