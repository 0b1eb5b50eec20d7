"""Ctrl-C ends the calls that wait for a command's answer soon, and nothing is left of it."""

import threading

import pytest

import AMPS

from .calls import assert_interrupted
from .results import give
from .scripted_peer import delivery, say, say_all, stay_silent

CALLS = {
    "execute": ("sow", lambda client, _: client.execute(sow().set_query_id("q"))),
    "execute_async": ("sow", lambda client, inbox: client.execute_async(sow(), inbox)),
    "execute flush": ("flush", lambda client, _: client.execute(AMPS.Command("flush"))),
    "sow": ("sow", lambda client, _: client.sow("t")),
    "sow with a handler": ("sow", lambda client, inbox: client.sow(inbox, "t")),
    "sow with a timeout": ("sow", lambda client, _: client.sow("t", timeout=30_000)),
    "sow_and_subscribe": ("sow_and_subscribe", lambda client, _: client.sow_and_subscribe("t")),
    "sow_delete": ("sow_delete", lambda client, _: client.sow_delete("t", "1=1")),
    "sow_delete with a handler": (
        "sow_delete",
        lambda client, inbox: client.sow_delete(inbox, "t", "1=1"),
    ),
    "sow_delete_by_keys": ("sow_delete", lambda client, _: client.sow_delete_by_keys("t", "1")),
    "send": ("flush", lambda client, _: client.send(flush_message(), None, 0)),
}


def sow():
    return AMPS.Command("sow").set_topic("t")


def flush_message():
    return AMPS.Message().set_command("flush").set_ack_type("processed")


@pytest.fixture(autouse=True)
def on_the_main_thread():
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize(("verb", "call"), CALLS.values(), ids=CALLS)
def test_a_command_without_an_answer(peer, log_on, inbox, verb, call):
    server = peer(**{verb: stay_silent})
    client = log_on(server)
    for count in (1, 2):
        assert_interrupted(lambda: call(client, inbox), lambda c=count: server.wait_for(verb, c))
    server.answers["flush"] = say_all()
    client.publish_flush(5000)
    ids = [seen.get("query_id") for seen in server.seen(verb) if "query_id" in seen]
    ended = [seen.get("query_id") for seen in server.seen("unsubscribe")]
    if "subscribe" in verb:
        ended = [seen["sub_id"] for seen in server.seen("unsubscribe")]
    assert ended == ids, "the server is told once for each"
    for id in ids:
        server.send(delivery(b"late", sub_id=id))
    server.answers[verb] = say_all() if verb in ("flush", "sow_delete") else give()
    call(client, inbox)
    client.publish_flush(5000)


def test_a_delete_that_was_accepted_and_not_counted(peer, log_on):
    server = peer(sow_delete=say())
    client = log_on(server)
    assert_interrupted(lambda: client.sow_delete("t", "1=1"), lambda: server.wait_for("sow_delete"))
    server.answers["sow_delete"] = say_all(records_deleted=2)
    assert client.sow_delete("t", "1=1", 5000).get_sow_deleted() == "2"


def test_the_next_record_of_a_query(peer, log_on):
    server = peer(sow=lambda s, seen: say(query_id=seen["query_id"])(s, seen))
    client = log_on(server)
    stream = client.sow("t")
    for take in (stream.next, lambda: list(stream), lambda: stream.batch(5)):
        waiting = threading.Event()

        def wait(take=take, waiting=waiting):
            waiting.set()
            take()

        assert_interrupted(wait, waiting.wait)
    assert not stream.ended
    stream.close()
    assert server.wait_for("unsubscribe")[0]["query_id"] == server.seen("sow")[0]["query_id"]
