"""The State of the World: what is kept under which key, and what a query gives back."""

import json

import pytest

from amps_sandbox import Sandbox, Topic, queries

from .driver import records_of

ORDERS = "orders:/id"


@pytest.fixture
def orders():
    with Sandbox(topics=[ORDERS]) as sandbox:
        yield sandbox


def body(**members):
    return json.dumps(members, separators=(",", ":")).encode()


def query(driver, topic="orders", **more):
    """What a query is answered with: its records and its acks."""
    driver.send({"c": "sow", "cid": "q", "t": topic, "a": "processed,completed,stats", **more})
    return driver.everything_before()


def found(driver, topic="orders", **more):
    return [record["id"] for record in bodies(query(driver, topic, **more))]


def bodies(messages):
    return [json.loads(text) for message in messages for _, text in records_of(message)]


def stats(messages):
    (ack,) = [each for each in messages if each["c"] == "ack" and each["a"] == "stats"]
    return {name: ack[name] for name in ("topic_matches", "matches", "records_returned")}


def fill(driver, count=25):
    for number in range(count):
        driver.publish("orders", body(id=number, px=number % 7, state="open"))


def test_case_27_a_key_has_one_record_the_newest(orders, connect):
    subscriber, publisher = connect(orders, "s"), connect(orders, "p")
    subscriber.subscribe("orders", "1")
    publisher.publish("orders", b'{"id":1,"v":"first"}', x="c1")
    publisher.publish("orders", b'{ "id": 1 }')
    publisher.everything_before()
    first, second = subscriber.read(), subscriber.read()
    assert (first.body, second.body) == (b'{"id":1,"v":"first"}', b'{ "id": 1 }')
    assert first["k"] == second["k"] and first["k"].isdigit() and first["k"] != "0"
    assert (first["x"], "x" in second) == ("c1", False)
    (record,) = orders.sow("orders")
    assert (record.key, record.body, record.correlation_id) == (first["k"], second.body, None)


def test_case_28_composite_keys_and_domains():
    one = Topic("one", ["/id", "/region"], key_domain="shared")
    other = Topic("other", "/region,/id", key_domain="shared")
    topics = [one, other, Topic("alone", ["/id", "/region"]), "plain:/id,/region"]
    lines = []
    with Sandbox(topics=topics, log=lines.append) as sandbox:
        for region in ("us", "eu"):
            sandbox.publish("one", json.dumps({"id": 1, "region": region}))
        sandbox.publish("other", '{"region":1,"id":"us"}')
        sandbox.publish("alone", '{"id":1,"region":"us"}')
        sandbox.publish("plain", '{"id":1}')
        keys = [record.key for record in sandbox.sow("one")]
        assert len(set(keys)) == 2
        assert sandbox.sow("other")[0].key == keys[0]
        assert sandbox.sow("alone")[0].key not in keys
        assert sandbox.sow("plain")[0].key.isdigit()
    assert lines == ["topic 'plain': a message without /region in its key"]


def test_case_29_a_topic_without_a_key_takes_the_publishers(connect):
    with Sandbox(topics=[Topic("blobs", message_type="binary")]) as sandbox:
        driver = connect(sandbox, "a", mt="binary")
        ack = driver.ask({"c": "p", "cid": "1", "t": "blobs", "a": "processed"}, b"\0\xff")
        assert (ack["status"], ack["reason"]) == ("failure", "missing sow key")
        driver.publish("blobs", b"\0\xff}{", k='k"1\\')
        driver.publish("blobs", b"two", k="2")
        messages = query(driver, "blobs", bs=10)
        assert [(header["k"], text) for header, text in records_of(messages[2])] == [
            ('k"1\\', b"\0\xff}{"),
            ("2", b"two"),
        ]


def test_a_key_that_the_publisher_says_is_ignored_where_keys_are_made(orders, connect):
    driver = connect(orders, "a")
    driver.publish("orders", b'{"id":1}', k="mine")
    driver.everything_before()
    assert orders.sow("orders")[0].key != "mine"


@pytest.mark.parametrize("verb", ["p", "delta_publish"])
def test_a_body_that_has_no_key_to_be_read_is_refused(orders, connect, verb):
    driver = connect(orders, "a")
    driver.send({"c": verb, "cid": "1", "t": "orders", "a": "processed,persisted,stats"}, b'{"id"')
    acks = driver.everything_before()
    assert [(ack["a"], ack["reason"]) for ack in acks] == [
        ("processed", "invalid message"),
        ("persisted", "invalid message"),
    ]
    assert orders.sow("orders") == []


def test_a_publish_tells_by_stats_whether_it_made_a_record(orders, connect):
    driver = connect(orders, "a")
    counts = []
    for _ in range(2):
        driver.send({"c": "p", "cid": "1", "t": "orders", "a": "stats"}, b'{"id":1}')
        ack = driver.read_ack(a="stats", status="success")
        counts.append((ack["records_inserted"], ack["records_updated"]))
    assert counts == [(1, 0), (0, 1)]


def test_case_30_records_come_in_batches(orders, connect):
    driver = connect(orders, "a")
    fill(driver)
    messages = query(driver, bs=10, query_id="mine")
    assert [message["c"] for message in messages] == (
        ["ack", "group_begin", "sow", "sow", "sow", "group_end", "ack", "ack"]
    )
    assert {message["query_id"] for message in messages} == {"mine"}
    assert [message["bs"] for message in messages[2:5]] == [10, 10, 5]
    assert [record["id"] for record in bodies(messages)] == list(range(25))
    header, _ = next(records_of(messages[2]))
    assert sorted(header) == ["k", "l"]
    assert [len(list(records_of(message))) for message in query(driver)[2:-3]] == [1] * 25


@pytest.mark.parametrize("verb", ["sow", "sow_and_subscribe"])
def test_case_30_a_batch_may_be_too_large(orders, connect, verb):
    driver = connect(orders, "a")
    ack = driver.ask({"c": verb, "cid": "1", "t": "orders", "bs": 10001})
    assert (ack["status"], ack["reason"]) == ("failure", "batch size too large")
    assert driver.ask({"c": verb, "cid": "2", "t": "orders", "bs": 10000})["status"] == "success"


@pytest.mark.parametrize("limit", [{"top_n": 0}, {"opts": "top_n=0"}, {"top_n": 9, "o": "top_n=0"}])
def test_case_31_nothing_is_asked_for_but_counts(orders, connect, limit):
    driver = connect(orders, "a")
    fill(driver)
    messages = query(driver, **limit)
    assert [message["c"] for message in messages] == [
        "ack",
        "group_begin",
        "group_end",
        "ack",
        "ack",
    ]
    assert stats(messages) == {"topic_matches": 25, "matches": 25, "records_returned": 0}


@pytest.mark.parametrize("limits", [{"top_n": 10, "skip_n": 20}, {"opts": "top_n=10, skip_n=20"}])
def test_case_32_a_page_in_order(orders, connect, limits):
    driver = connect(orders, "a")
    fill(driver)
    messages = query(driver, orderby="/px DESC, /id", bs=3, **limits)
    everything = sorted(range(25), key=lambda number: (-(number % 7), number))
    assert [record["id"] for record in bodies(messages)] == everything[20:]
    assert stats(messages) == {"topic_matches": 25, "matches": 25, "records_returned": 5}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"skip_n": 1}, "invalid options"),
        ({"opts": "skip_n=1"}, "invalid options"),
        ({"opts": "top_n=1,skip_n=1"}, "orderby required"),
        ({"opts": "top_n=-1"}, "invalid options"),
        ({"opts": "top_n=" + "9" * 5000}, "invalid options"),
        ({"opts": "top_n=\u0663"}, "invalid options"),
        ({"orderby": "/px DOWN"}, "invalid orderby"),
        ({"orderby": "px"}, "invalid orderby"),
        ({"opts": "select=[id]"}, "invalid options"),
    ],
)
def test_case_32_a_query_that_makes_no_sense_is_refused(orders, connect, more, reason):
    driver = connect(orders, "a")
    (ack,) = query(driver, **more)
    assert (ack["a"], ack["status"], ack["reason"]) == ("processed", "failure", reason)


def test_nothing_sorts_before_numbers_and_numbers_before_text(orders, connect):
    driver = connect(orders, "a")
    for number, value in enumerate(["b", 10, None, 9.5, "10", "", -1]):
        driver.publish("orders", body(id=number, v=value))
    assert found(driver, orderby="/v") == [2, 5, 6, 3, 1, 4, 0]
    assert found(driver, orderby="/v DESC, /id") == [0, 4, 1, 3, 6, 2, 5]


def test_case_33_a_query_needs_a_topic_that_keeps_records(orders, connect):
    driver = connect(orders, "a")
    (ack,) = query(driver, "elsewhere")
    assert ack["reason"] == "invalid topic"


@pytest.mark.parametrize("groups", ["per_topic", "single"])
def test_case_34_topics_of_a_regex_come_in_the_order_of_the_configuration(connect, groups):
    names = ["zoo-orders", "orders", "other", "a-orders"]
    config = {"sow": {"regex_groups": groups}}
    with Sandbox(config=config, topics=[f"{name}:/id" for name in names]) as sandbox:
        for name in sorted(names):
            sandbox.publish(name, '{"id":1}')
        driver = connect(sandbox, "a")
        messages = query(driver, "orders$", bs=5)
        assert [message["t"] for message in messages if message["c"] == "sow"] == [
            "zoo-orders",
            "orders",
            "a-orders",
        ]
        kinds = [message["c"] for message in messages]
        assert (
            kinds.count("group_begin")
            == kinds.count("group_end")
            == (3 if groups == "per_topic" else 1)
        )
        assert messages[-2]["a"] == "completed" and stats(messages)["records_returned"] == 3


def test_chosen_keys_may_be_filtered_too(orders, connect):
    driver = connect(orders, "a")
    fill(driver, 4)
    driver.everything_before()
    keys = [record.key for record in orders.sow("orders")]
    assert found(driver, sow_keys=f"{keys[3]}, {keys[1]},nonsense,{keys[3]}") == [1, 3]
    messages = query(driver, sow_keys=",".join(keys[:3]), filter="/px > 1")
    assert [record["id"] for record in bodies(messages)] == [2]
    assert stats(messages) == {"topic_matches": 3, "matches": 1, "records_returned": 1}


def test_a_record_says_what_is_known_of_it(orders, connect):
    driver = connect(orders, "a")
    driver.publish("orders", b'{"id":1}', x="corr\\")
    sow = query(driver, opts="timestamp,no_sowkey")[2]
    ((header, _),) = records_of(sow)
    assert header["x"] == "corr\\" and "k" not in header
    assert header["ts"] == orders.sow("orders")[0].timestamp


def test_a_query_is_never_too_slow_for_the_limit_of_a_buffer(connect):
    with Sandbox(topics=[ORDERS], client_buffer_bytes=10_000) as sandbox:
        for number in range(50):
            sandbox.publish("orders", json.dumps({"id": number, "text": "x" * 100_000}))
        driver = connect(sandbox, "a")
        assert found(driver, bs=5) == list(range(50))
        assert sandbox.clients()


@pytest.mark.parametrize("verb", ["sow", "sow_and_subscribe", "sow_delete"])
def test_a_query_that_takes_too_long_is_given_up(orders, connect, monkeypatch, verb):
    driver = connect(orders, "a")
    fill(driver)
    driver.everything_before()
    monkeypatch.setattr(queries, "QUERY_SECONDS_MAX", -1.0)
    ack = driver.ask({"c": verb, "cid": "1", "t": "orders", "filter": "/id > 1"})
    assert (ack["status"], ack["reason"]) == ("failure", "timed out")
    assert orders.subscriptions() == [] and len(orders.sow("orders")) == 25


@pytest.mark.parametrize(
    ("how", "left", "counts"),
    [
        ({"filter": "/px >= 3"}, [0, 1, 2], (5, 2, 2)),
        ({"filter": "1=1"}, [], (5, 5, 5)),
        ({"sow_keys": "{1},unknown,{4}"}, [0, 2, 3], (2, 2, 2)),
        ({"sow_keys": "unknown"}, [0, 1, 2, 3, 4], (0, 0, 0)),
        ({"body": b'{"px":99,"id":2}'}, [0, 1, 3, 4], (1, 1, 1)),
        ({"t": "ord.*", "filter": "/id = 0"}, [1, 2, 3, 4], (5, 1, 1)),
    ],
)
def test_case_40_records_are_deleted_by_filter_keys_or_body(orders, connect, how, left, counts):
    driver = connect(orders, "a")
    fill(driver, 5)
    driver.everything_before()
    keys = [record.key for record in orders.sow("orders")]
    data = how.get("body", b"")
    header = {name: value.format(*keys) for name, value in how.items() if name != "body"}
    command = {"c": "sow_delete", "cid": "1", "t": "orders", "s": 9, "query_id": "mine", **header}
    driver.send({**command, "a": "received,processed,completed,stats,persisted"}, data)
    acks = driver.everything_before()
    assert [ack["a"] for ack in acks] == [
        "received",
        "processed",
        "completed",
        "stats",
        "persisted",
    ]
    ack = acks[3]
    assert (ack["topic_matches"], ack["matches"], ack["records_deleted"]) == counts
    assert (acks[4]["s"], ack["query_id"]) == (9, "mine")
    assert found(driver) == left


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"filter": "1=1", "sow_keys": "1"}, "invalid sow_delete"),
        ({"filter": "1=1", "body": b"{}"}, "invalid sow_delete"),
        ({"bm": "1|1|"}, "invalid sow_delete"),
        ({}, "invalid sow_delete"),
        ({"filter": "1="}, "bad filter"),
        ({"t": "o(", "filter": "1=1"}, "bad regex topic"),
        ({"t": "o(", "filter": "1=1", "opts": "non_regex_topic"}, "invalid topic"),
        ({"body": b"{"}, "invalid message"),
    ],
)
def test_case_40_a_delete_must_say_one_thing(orders, connect, how, reason):
    driver = connect(orders, "a")
    fill(driver, 1)
    header = {name: value for name, value in how.items() if name != "body"}
    command = {"c": "sow_delete", "cid": "1", "t": "orders", "a": "processed,stats,completed"}
    driver.send({**command, **header}, how.get("body", b""))
    (ack,) = driver.everything_before()
    assert (ack["a"], ack["status"], ack["reason"]) == ("processed", "failure", reason)
    assert found(driver) == [0]


def test_the_sandbox_publishes_to_topics_with_records_too(orders):
    orders.publish("orders", '{"id":1,"a":1}')
    orders.publish("orders", '{"id":1,"b":2}', delta=True)
    assert json.loads(orders.sow("orders")[0].body) == {"id": 1, "a": 1, "b": 2}
    with pytest.raises(ValueError, match="invalid message"):
        orders.publish("orders", "nonsense")
    with pytest.raises(ValueError, match="'elsewhere' keeps no json records"):
        orders.sow("elsewhere")


def test_records_survive_a_stop(orders):
    orders.publish("orders", '{"id":1}')
    orders.stop()
    assert len(orders.sow("orders")) == 1
    with orders:
        assert len(orders.sow("orders")) == 1
