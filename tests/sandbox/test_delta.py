"""Deltas: what is merged into a record, and what of a change is sent."""

import json

import pytest

from amps_sandbox import Sandbox, Topic


@pytest.fixture
def orders():
    with Sandbox(topics=["orders:/id", Topic("fixed", "/1", message_type="fix")]) as sandbox:
        yield sandbox


def stored(sandbox, topic="orders", message_type="json"):
    (record,) = sandbox.sow(topic, message_type)
    return record.body


def delta(driver, data, **more):
    driver.send({"c": "delta_publish", "t": "orders", **more}, data)


def live(driver):
    return [json.loads(message.body) for message in driver.everything_before()]


def test_case_62_a_delta_is_merged_and_subscribers_see_all_of_it(orders, connect):
    driver = connect(orders, "a")
    driver.subscribe("orders", "1")
    driver.publish("orders", b'{"id":1,"a":{"x":1},"b":[1]}', x="first")
    delta(driver, b'{"id":1,"a":{"y":2}}')
    merged = {"id": 1, "a": {"x": 1, "y": 2}, "b": [1]}
    messages = driver.everything_before()
    assert json.loads(messages[1].body) == json.loads(stored(orders)) == merged
    assert messages[1]["x"] == "first"
    delta(driver, b'{"id":1}', x="second")
    assert driver.read()["x"] == "second"


def test_case_63_arrays_are_replaced_and_null_changes_nothing(orders, connect):
    driver = connect(orders, "a")
    driver.publish("orders", b'{"id":1,"b":[1,2],"c":1.50}')
    delta(driver, b'{"id":1,"b":[9]}')
    driver.everything_before()
    assert json.loads(stored(orders)) == {"id": 1, "b": [9], "c": 1.5}
    delta(driver, b'{"id":1,"b":null,"c":""}')
    driver.everything_before()
    assert json.loads(stored(orders)) == {"id": 1, "b": [9], "c": 1.5}
    assert b"1.50" in stored(orders)


def test_case_64_fix_tags_are_replaced_in_place(orders, connect):
    driver = connect(orders, "a", mt="fix")
    driver.publish("fixed", b"1=k\x0154=1\x0155=Y\x01")
    delta(driver, b"1=k\x0155=X\x01", t="fixed")
    driver.everything_before()
    assert stored(orders, "fixed", "fix") == b"1=k\x0154=1\x0155=X\x01"


def test_a_delta_without_a_record_is_a_publish(orders, connect):
    driver = connect(orders, "a")
    driver.subscribe("orders", "1")
    delta(driver, b'{ "id": 1 }')
    assert driver.read().body == b'{ "id": 1 }' == stored(orders)


def test_a_delta_keeps_the_life_it_was_given(connect):
    topics = [Topic("orders", "/id", expiration="10s")]
    with Sandbox(topics=topics, clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.publish("orders", b'{"id":1}', e=5)
        driver.everything_before()
        sandbox.clock.advance(4)
        delta(driver, b'{"id":1,"a":1}')
        driver.everything_before()
        sandbox.clock.advance(4)
        assert len(sandbox.sow("orders")) == 1
        sandbox.clock.advance(1)
        assert sandbox.sow("orders") == []


@pytest.mark.parametrize("verb", ["delta_subscribe", "sow_and_delta_subscribe"])
def test_case_65_a_delta_subscriber_gets_what_changed_and_the_key(orders, connect, verb):
    driver = connect(orders, "a")
    driver.send({"c": verb, "cid": "1", "t": "orders"})
    driver.everything_before()
    driver.publish("orders", b'{"id":1,"px":1,"o":{"a":1,"b":2}}')
    driver.publish("orders", b'{"id":1,"px":2,"o":{"a":1,"b":3}}')
    driver.publish("orders", b'{"id":1,"px":2.0,"o":{"a":1,"b":3}}')
    delta(driver, b'{"id":1,"new":[1]}')
    assert live(driver) == [
        {"id": 1, "px": 1, "o": {"a": 1, "b": 2}},
        {"id": 1, "px": 2, "o": {"b": 3}},
        {"id": 1},
        {"id": 1, "new": [1]},
    ]


def test_case_65_stats_of_a_delta_subscription_count_nothing(orders, connect):
    driver = connect(orders, "a")
    driver.send({"c": "delta_subscribe", "cid": "1", "t": "orders", "a": "stats"})
    ack = driver.read_ack(a="stats", status="success")
    assert (ack["topic_matches"], ack["matches"], ack["records_returned"]) == (0, 0, 0)


@pytest.mark.parametrize("option", [{"opts": "no_empties"}, {"send_empty": "false"}])
def test_case_66_an_update_without_a_change_is_kept_back(orders, connect, option):
    driver = connect(orders, "a")
    driver.send({"c": "delta_subscribe", "cid": "1", "t": "orders", **option})
    for px in (1, 1, 2):
        driver.publish("orders", b'{"id":1,"px":%d}' % px)
    assert live(driver) == [{"id": 1, "px": 1}, {"px": 2}]


def test_case_66_keys_come_along_when_they_are_asked_for(orders, connect):
    driver = connect(orders, "a")
    options = {"opts": "no_empties", "send_keys": "true"}
    driver.send({"c": "delta_subscribe", "cid": "1", "t": "orders", **options})
    for px in (1, 1, 2):
        driver.publish("orders", b'{"id":1,"px":%d}' % px)
    assert live(driver) == [{"id": 1, "px": 1}, {"id": 1, "px": 2}]


def test_case_66_a_change_that_is_not_selected_is_none(orders, connect):
    driver = connect(orders, "a")
    options = "no_empties,select=[-/,+/id,+/px]"
    driver.send({"c": "delta_subscribe", "cid": "1", "t": "orders", "opts": options})
    for px, qty in ((1, 1), (1, 2), (2, 3)):
        driver.publish("orders", b'{"id":1,"px":%d,"qty":%d}' % (px, qty))
    assert live(driver) == [{"id": 1, "px": 1}, {"px": 2}]


def test_case_67_a_full_subscription_makes_its_connections_deltas_full(orders, connect):
    driver, other = connect(orders, "a"), connect(orders, "b")
    for each in (driver, other):
        each.send({"c": "delta_subscribe", "cid": "1", "t": "orders"})
    driver.send({"c": "subscribe", "cid": "2", "t": "orders"})
    driver.everything_before()
    other.everything_before()
    driver.publish("orders", b'{"id":1,"px":1,"qty":1}')
    driver.publish("orders", b'{"id":1,"px":2,"qty":1}')
    messages = driver.everything_before()
    assert [message["sids"] for message in messages] == ["1,2", "1,2"]
    assert json.loads(messages[1].body) == {"id": 1, "px": 2, "qty": 1}
    assert live(other)[1] == {"id": 1, "px": 2}


def test_a_record_that_comes_into_view_is_whole_only_where_it_could_leave(orders, connect):
    whole, part = connect(orders, "a"), connect(orders, "b")
    command = {"c": "delta_subscribe", "cid": "1", "t": "orders", "filter": "/px > 1"}
    whole.send({**command, "opts": "oof"})
    part.send(command)
    for each in (whole, part):
        each.everything_before()
    for px in (1, 2, 3, 0):
        whole.publish("orders", b'{"id":1,"px":%d,"qty":1}' % px)
    messages = whole.everything_before()
    assert [json.loads(message.body) for message in messages] == [
        {"id": 1, "px": 2, "qty": 1},
        {"id": 1, "px": 3},
        {"id": 1, "px": 0, "qty": 1},
    ]
    assert messages[2]["reason"] == "match"
    assert live(part) == [{"id": 1, "px": 2}, {"id": 1, "px": 3}]


@pytest.mark.parametrize("topic", ["ad hoc", "blobs"])
def test_where_there_are_no_deltas_messages_come_whole(connect, topic):
    with Sandbox(topics=[Topic("blobs", message_type="binary")]) as sandbox:
        driver = connect(sandbox, "a", mt="binary")
        driver.send({"c": "delta_subscribe", "cid": "1", "t": topic, "opts": "no_empties"})
        for _ in range(2):
            driver.send({"c": "delta_publish", "t": topic, "k": "1"}, b"same")
        assert [message.body for message in driver.everything_before()] == [b"same", b"same"]


def test_a_delta_of_what_cannot_be_read_is_the_message_itself(connect):
    with Sandbox(topics=[Topic("named")]) as sandbox:
        driver = connect(sandbox, "a")
        driver.send({"c": "delta_subscribe", "cid": "1", "t": "named"})
        for data in (b'{"a":1}', b"nonsense", b'{"a":1}'):
            driver.publish("named", data, k="1")
        bodies = [message.body for message in driver.everything_before()]
        assert bodies == [b'{"a":1}', b"nonsense", b'{"a":1}']
        delta(driver, b"more nonsense", t="named", k="1", a="processed", cid="7")
        driver.read_ack(cid="7", status="failure", reason="invalid message")


def test_the_key_is_left_out_where_it_is_not_wanted(orders, connect):
    driver = connect(orders, "a")
    driver.subscribe("orders", "1", opts="no_sowkey")
    driver.publish("orders", b'{"id":1}')
    assert "k" not in driver.read()
    driver.subscribe("orders", "2")
    driver.publish("orders", b'{"id":1}')
    message = driver.read()
    assert message["sids"] == "1,2" and "k" in message
