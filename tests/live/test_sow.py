"""Queries, deletes and their like against topics that keep records."""

import json

import pytest

import AMPS
from amps_sandbox import Sandbox

from .calls import Failing

MARKERS = ("group_begin", "group_end")


@pytest.fixture
def sandbox():
    with Sandbox(topics=["orders:/id", "orders-old:/id", "empty:/id"]) as server:
        yield server


@pytest.fixture
def client(sandbox, log_on):
    return log_on(sandbox)


def fill(sandbox, count, topic="orders"):
    for number in range(count):
        sandbox.publish(topic, json.dumps({"id": number, "px": number % 5}))


def verbs(messages):
    return [message.get_command() for message in messages]


def ids(messages):
    return [each.json()["id"] for each in messages if each.get_command() not in MARKERS]


@pytest.mark.parametrize("batch_size", [1, 10, 100])
@pytest.mark.parametrize("count", [0, 1, 25])
def test_point_4_a_query_gives_every_record_between_its_markers(
    sandbox, client, inbox, count, batch_size
):
    """Point 4 of the smoke checklist."""
    fill(sandbox, count)
    got = list(client.sow("orders", batch_size=batch_size).timeout(5000))
    assert verbs(got) == ["group_begin", *["sow"] * count, "group_end"]
    assert sorted(ids(got)) == list(range(count))
    assert len({message.get_sow_key() for message in got[1:-1]}) == count
    query_id = client.sow(inbox, "orders", None, batch_size)
    got = [inbox.get() for _ in range(count + 2)]
    assert verbs(got) == ["group_begin", *["sow"] * count, "group_end"]
    assert {message.get_query_id() for message in got} == {query_id}
    client.publish_flush(5000)
    assert inbox.is_empty()


def test_a_query_filters_orders_and_limits(sandbox, client):
    fill(sandbox, 25)
    assert sorted(ids(client.sow("orders", "/px = 2"))) == [2, 7, 12, 17, 22]
    assert ids(client.sow("orders", "/px = 2", order_by="/id DESC")) == [22, 17, 12, 7, 2]
    assert ids(client.sow("orders", top_n=3, order_by="/id")) == [0, 1, 2]
    options = AMPS.Message.Options().set_skip_n(2).set_top_n(2)
    assert ids(client.sow("orders", order_by="/id", options=options)) == [2, 3]
    keys = [each.get_sow_key() for each in client.sow("orders", "/id < 2") if each.get_sow_key()]
    command = AMPS.Command("sow").set_topic("orders").set_sow_keys(",".join(keys))
    assert sorted(ids(client.execute(command))) == [0, 1]


def test_statistics_alone(sandbox, client):
    fill(sandbox, 25)
    command = AMPS.Command("sow").set_topic("orders").set_filter("/px = 2").set_top_n(0)
    *_, stats = client.execute(command.add_ack_type("stats")).timeout(5000)
    assert stats.get_ack_type() == "stats" and stats.get_matches() == "5"
    assert stats.get_topic_matches() == "25"


def test_a_query_over_several_topics_gives_each_topic_s_records(sandbox, client, inbox):
    fill(sandbox, 3)
    fill(sandbox, 2, "orders-old")
    got = list(client.sow("^orders").timeout(5000))
    assert sorted(ids(got)) == [0, 0, 1, 1, 2]
    assert {each.get_topic() for each in got if each.get_data()} == {"orders", "orders-old"}
    assert verbs(client.sow("^nothing").timeout(5000)) == list(MARKERS)
    client.sow(inbox, "^orders")
    assert sorted(ids(inbox.get() for _ in got)) == [0, 0, 1, 1, 2]


def test_a_query_and_subscribe_misses_nothing_and_doubles_nothing(sandbox, client, log_on):
    publisher = log_on(sandbox, "publisher")
    publishing = Failing(
        lambda: [publisher.publish("orders", json.dumps({"id": n})) for n in range(2000)]
    )
    streams = [client.sow_and_subscribe("orders", batch_size=50) for _ in range(5)]
    assert publishing.result() is None
    for stream in streams:
        stream.timeout(5000)
        got = []
        while len(got) < 2000:
            got += ids([next(stream)])
        assert sorted(got) == list(range(2000))
        assert ids(stream.batch(10, 20)) == []


def test_records_go_out_of_focus(sandbox, client):
    fill(sandbox, 3)
    stream = client.sow_and_subscribe("orders", "/px < 2", oof_enabled=True, timeout=5000)
    stream.timeout(5000)
    assert verbs(next(stream) for _ in range(4)) == ["group_begin", "sow", "sow", "group_end"]
    client.publish("orders", '{"id":1,"px":7}')
    client.sow_delete("orders", "/id = 0")
    first, second = next(stream), next(stream)
    assert (first.get_command(), first.get_reason(), ids([first])) == ("oof", "match", [1])
    assert (second.get_command(), second.get_reason()) == ("oof", "deleted")


def test_deltas_give_what_changed(sandbox, client):
    fill(sandbox, 1)
    stream = client.sow_and_delta_subscribe("orders", options="send_keys").timeout(5000)
    assert verbs(next(stream) for _ in range(3)) == ["group_begin", "sow", "group_end"]
    client.delta_publish("orders", '{"id":0,"px":0}')
    client.delta_publish("orders", '{"id":0,"px":9}')
    assert next(stream).json() == {"id": 0, "px": 9}, "the one that changed nothing is left out"
    delta = client.delta_subscribe("orders").timeout(5000)
    client.publish("orders", '{"id":0,"px":10}')
    assert next(delta).json()["px"] == 10


def test_deleting_says_how_many(sandbox, client, inbox):
    fill(sandbox, 25)
    ack = client.sow_delete("orders", "/px = 2", 5000)
    told = (ack.get_command(), ack.get_ack_type(), ack.get_status(), ack.get_sow_deleted())
    assert told == ("ack", "stats", "success", "5")
    assert client.sow_delete_by_data("orders", '{"id":1}', 5000).get_sow_deleted() == "1"
    keys = [each.get_sow_key() for each in client.sow("orders", "/id < 5") if each.get_sow_key()]
    assert client.sow_delete_by_keys("orders", ",".join(keys)).get_sow_deleted() == "3"
    id = client.sow_delete(inbox, "orders", "1=1")
    ack = inbox.get()
    assert (ack.get_command_id(), ack.get_sow_deleted()) == (id, "16")
    assert sandbox.sow("orders") == []
    assert client.sow_delete("orders", "1=1").get_sow_deleted() == "0"


@pytest.mark.parametrize(
    ("call", "problem", "named"),
    [
        (lambda c: c.sow("nowhere"), AMPS.InvalidTopicException, "nowhere"),
        (lambda c: c.sow("orders", "/px >> ("), AMPS.BadFilterException, "/px >> ("),
        (lambda c: c.sow("((", timeout=5000), AMPS.BadRegexTopicException, "(("),
        (lambda c: c.sow("orders", order_by="nonsense!"), AMPS.InvalidOrderByException, "nonsense"),
        (lambda c: c.sow_and_subscribe("orders", "/("), AMPS.BadFilterException, "/("),
        (lambda c: c.sow_delete("nowhere", "1=1"), AMPS.InvalidTopicException, "nowhere"),
        (lambda c: c.sow_delete("orders", "/("), AMPS.BadFilterException, "/("),
        (lambda c: c.sow_delete(print, "orders", "/("), AMPS.BadFilterException, "/("),
        (lambda c: c.sow_delete("orders"), AMPS.AMPSException, "sow_delete"),
        (lambda c: c.sow_delete_by_keys("orders", ""), AMPS.AMPSException, "sow_delete"),
    ],
)
def test_a_refusal_names_what_was_wrong(sandbox, client, call, problem, named):
    fill(sandbox, 2)
    for _ in range(2):
        with pytest.raises(problem) as caught:
            call(client)
        assert named in str(caught.value)
    assert len(sandbox.sow("orders")) == 2 and not sandbox.subscriptions()
    assert sorted(ids(client.sow("orders"))) == [0, 1]


def test_queries_of_many_threads_do_not_mix(sandbox, client):
    fill(sandbox, 40)

    def ask(remainder):
        for _ in range(20):
            got = sorted(ids(client.sow("orders", f"/px = {remainder}").timeout(5000)))
            assert got == list(range(remainder, 40, 5))

    assert [each.result() for each in [Failing(ask, number) for number in range(4)]] == [None] * 4


def test_publishing_with_acks_tells_what_became_of_the_record(sandbox, client):
    command = AMPS.Command("publish").set_topic("orders").set_data('{"id":1}')
    command.add_ack_type("processed,persisted,completed")
    kinds = [ack.get_ack_type() for ack in client.execute(command).timeout(5000)]
    assert sorted(kinds) == ["completed", "persisted", "processed"]
    assert [record.body for record in sandbox.sow("orders")] == [b'{"id":1}']
    delta = AMPS.Command("delta_publish").set_topic("orders").set_data('{"id":1,"px":2}')
    assert list(client.execute(delta)) == []
    client.publish_flush(5000)
    assert json.loads(sandbox.sow("orders")[0].body) == {"id": 1, "px": 2}
