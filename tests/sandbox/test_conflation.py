"""Conflation: of each key at most one message in an interval."""

import json

import pytest

from amps_sandbox import Conflated, Sandbox, Topic

from .driver import records_of


@pytest.fixture
def orders():
    topics = ["orders:/id", "pairs:/id,/region"]
    with Sandbox(topics=topics, clock="manual") as sandbox:
        yield sandbox


def body(number, value, **more):
    return json.dumps({"id": number, "v": value, **more}, separators=(",", ":")).encode()


def start(driver, verb="subscribe", topic="orders", options="", sub_id="1", **more):
    command = {"c": verb, "cid": sub_id, "sub_id": sub_id, "t": topic, "opts": options, **more}
    driver.send({**command, "a": "processed"})
    messages = driver.everything_before()
    assert messages[0].header.get("status") == "success", messages[0]
    return messages[1:]


def publish(driver, *bodies, topic="orders"):
    for data in bodies:
        driver.publish(topic, data)
    driver.everything_before()


def after(sandbox, driver, seconds):
    """What came until so much time has passed, besides answers."""
    sandbox.clock.advance(seconds)
    return driver.everything_before()


def seen(messages):
    return [(message.header.get("reason", "p"), message.body) for message in messages]


def test_case_80_the_last_of_several_updates_comes_at_the_end_of_the_interval(orders, connect):
    driver, plain = connect(orders, "a"), connect(orders, "b")
    start(driver, options="conflation=1s,timestamp")
    start(plain, options="timestamp")
    stamps = []
    for value in range(4):
        plain.publish("orders", body(1, value))
        stamps += [message["ts"] for message in plain.everything_before()]
        orders.clock.advance(0.125)
    assert after(orders, driver, 0.499) == []
    (message,) = after(orders, driver, 0.001)
    assert (message.body, message["ts"], message["sids"]) == (body(1, 3), stamps[0], "1")
    assert message["k"] == orders.sow("orders")[0].key
    assert after(orders, driver, 10) == []


def test_case_80_each_key_has_its_own_interval(orders, connect):
    driver = connect(orders, "a")
    start(driver, options="conflation=auto")
    publish(driver, body(1, "a"))
    orders.clock.advance(0.2)
    publish(driver, body(2, "b"), body(1, "c"))
    assert seen(after(orders, driver, 0.05)) == [("p", body(1, "c"))]
    assert seen(after(orders, driver, 0.2)) == [("p", body(2, "b"))]


@pytest.mark.parametrize("options", ["conflation=none", "conflation="])
def test_case_80_no_conflation_is_none(orders, connect, options):
    driver = connect(orders, "a")
    start(driver, options=options)
    driver.publish("orders", body(1, 1))
    assert seen(driver.everything_before()) == [("p", body(1, 1))]


@pytest.mark.parametrize(
    ("topic", "options"),
    [
        ("elsewhere", "conflation=1s"),
        ("orders", "conflation=soon"),
        ("orders", "conflation=0s"),
        ("orders", "conflation_key=[/id]"),
        ("orders", "conflation=1s,conflation_key=[id]"),
        ("orders", "conflation=1s,conflation_key=[/v],oof"),
        ("^ord", "conflation=1s,conflation_key=[/v],oof"),
    ],
)
@pytest.mark.parametrize("verb", ["subscribe", "sow_and_delta_subscribe"])
def test_case_81_a_conflation_that_makes_no_sense_is_refused(orders, connect, verb, topic, options):
    driver = connect(orders, "a")
    ack = driver.ask({"c": verb, "cid": "1", "t": topic, "opts": options})
    assert (ack["status"], ack["reason"]) == ("failure", "invalid options")
    assert orders.subscriptions() == []


def test_case_81_messages_without_records_are_conflated_by_a_key_of_their_own(orders, connect):
    driver = connect(orders, "a")
    start(driver, topic="elsewhere", options="conflation=1s,conflation_key=[/id,/r]")
    publish(driver, body(1, 1), body(1, 2), body(1, 3, r=1), body(2, 4), topic="elsewhere")
    bodies = [message.body for message in after(orders, driver, 1)]
    assert bodies == [body(1, 2), body(1, 3, r=1), body(2, 4)]


def test_case_81_departures_are_never_told_of_what_has_no_records(orders, connect):
    driver = connect(orders, "a")
    start(driver, topic="elsewhere", options="conflation=1s,conflation_key=[/t],oof")
    same = [b'{"t":["a",1]}', b'{"t":["a",1],"v":2}', b'{"t":1}', b'{"t":1.0}', b'{"v":1}']
    publish(driver, *same, topic="elsewhere")
    bodies = [message.body for message in after(orders, driver, 1)]
    assert bodies == [same[1], same[3], same[4]]


def test_the_records_of_a_query_are_not_held_back(orders, connect):
    driver = connect(orders, "a")
    publish(driver, body(1, 1))
    messages = start(driver, "sow_and_subscribe", options="conflation=1s")
    assert [text for one in messages for _, text in records_of(one)] == [body(1, 1)]


def test_an_update_and_a_departure_make_one_departure_with_what_the_client_has(orders, connect):
    driver = connect(orders, "a")
    publish(driver, body(1, 1), body(2, 1))
    start(driver, "sow_and_subscribe", options="conflation=1s,oof", filter="/v < 10")
    publish(driver, body(1, 2), body(1, 11), body(2, 2))
    driver.ask({"c": "sow_delete", "cid": "9", "t": "orders"}, body(2, 0))
    assert seen(after(orders, driver, 1)) == [("match", body(1, 1)), ("deleted", body(2, 1))]


def test_a_departure_and_a_return_make_an_update(orders, connect):
    driver = connect(orders, "a")
    publish(driver, body(1, 1))
    start(driver, "sow_and_delta_subscribe", options="conflation=1s,oof", filter="/v < 10")
    publish(driver, body(1, 11), body(1, 2), body(1, 3, new=1))
    (message,) = after(orders, driver, 1)
    assert json.loads(message.body) == {"id": 1, "v": 3, "new": 1}


def test_the_departure_of_what_was_never_sent_is_not_told(orders, connect):
    driver = connect(orders, "a")
    start(driver, options="conflation=1s,oof", filter="/v < 10")
    publish(driver, body(1, 1), body(1, 11))
    assert after(orders, driver, 5) == []
    publish(driver, body(1, 2))
    assert seen(after(orders, driver, 1)) == [("p", body(1, 2))]
    publish(driver, body(1, 12))
    assert seen(after(orders, driver, 1)) == [("match", body(1, 2))]


def test_without_departures_the_last_message_before_one_is_sent(orders, connect):
    driver = connect(orders, "a")
    start(driver, options="conflation=1s", filter="/v < 10")
    publish(driver, body(1, 1), body(1, 2), body(1, 11))
    assert seen(after(orders, driver, 1)) == [("p", body(1, 2))]


def test_deltas_of_an_interval_are_merged(orders, connect):
    driver = connect(orders, "a")
    publish(driver, b'{"id":1,"a":1,"b":1,"c":1}')
    start(driver, "sow_and_delta_subscribe", options="conflation=1s")
    publish(driver, b'{"id":1,"a":2,"b":1,"c":1}', b'{"id":1,"a":2,"b":2,"c":1}')
    (message,) = after(orders, driver, 1)
    assert json.loads(message.body) == {"id": 1, "a": 2, "b": 2}


def test_a_regex_conflates_what_has_a_key(orders, connect):
    driver = connect(orders, "a")
    start(driver, topic="^o", options="conflation=1s")
    driver.publish("orders", body(1, 1))
    driver.publish("other", body(1, 1))
    assert [message["t"] for message in driver.everything_before()] == ["other"]
    assert [message["t"] for message in after(orders, driver, 1)] == ["orders"]


def test_an_ended_subscription_sends_nothing_more_and_a_replaced_one_all_it_has(orders, connect):
    driver = connect(orders, "a")
    start(driver, options="conflation=1s")
    start(driver, options="conflation=1s", sub_id="2")
    publish(driver, body(1, 1))
    driver.ask({"c": "unsubscribe", "cid": "9", "sub_id": "2"})
    driver.send({"c": "subscribe", "cid": "1", "t": "elsewhere", "opts": "replace"})
    assert [m["sids"] for m in driver.everything_before()] == ["1"]
    assert after(orders, driver, 5) == []
    start(driver, options="conflation=1s", sub_id="3")
    publish(driver, body(1, 2))
    driver.close()
    orders.wait_until(lambda: not orders.clients())
    orders.clock.advance(5)


@pytest.fixture
def copied():
    topics = [Topic("orders", "/id", expiration="enabled")]
    copy = Conflated("orders-C", "orders", "5s")
    small = Conflated("small", "orders-C", "1s", filter="/v < 10")
    with Sandbox(topics=topics, conflated=[copy, small], clock="manual") as sandbox:
        yield sandbox


def test_a_conflated_topic_follows_at_intervals(copied, connect):
    driver = connect(copied, "a")
    start(driver, topic="orders-C", options="oof")
    publish(driver, body(1, 1), body(1, 2), body(2, 3))
    assert copied.sow("orders-C") == []
    assert seen(after(copied, driver, 5)) == [("p", body(1, 2)), ("p", body(2, 3))]
    assert copied.sow("orders-C") == copied.sow("orders")
    driver.ask({"c": "sow_delete", "cid": "9", "t": "orders", "filter": "/id = 1"})
    assert len(copied.sow("orders-C")) == 2
    assert seen(after(copied, driver, 5)) == [("deleted", body(1, 2))]
    assert [record.body for record in copied.sow("orders-C")] == [body(2, 3)]


def test_a_conflated_topic_may_be_filtered_and_made_of_another(copied, connect):
    driver = connect(copied, "a")
    publish(driver, body(1, 1), body(2, 10))
    copied.clock.advance(6)
    assert [record.body for record in copied.sow("small")] == [body(1, 1)]
    publish(driver, body(1, 10))
    copied.clock.advance(6)
    assert copied.sow("small") == []


def test_what_expires_leaves_the_conflated_topic_at_its_next_interval(copied, connect):
    driver = connect(copied, "a")
    start(driver, topic="orders-C", options="oof")
    driver.publish("orders", body(1, 1), e=7)
    driver.everything_before()
    copied.clock.advance(5)
    driver.everything_before()
    assert after(copied, driver, 2) == [] == copied.sow("orders")
    assert seen(after(copied, driver, 5)) == [("expired", body(1, 1))]


def test_a_conflated_topic_catches_up_after_a_stop(copied, connect):
    copied.publish("orders", body(1, 1))
    copied.stop()
    with copied:
        copied.clock.advance(5)
        assert len(copied.sow("orders-C")) == 1


def test_records_that_change_by_themselves_can_be_waited_for():
    copy = Conflated("copy", "orders", "20ms")
    with Sandbox(topics=["orders:/id"], conflated=[copy]) as sandbox:
        sandbox.publish("orders", body(1, 1))
        sandbox.wait_until(lambda: sandbox.sow("copy"))


@pytest.mark.parametrize("verb", ["p", "delta_publish", "sow_delete"])
@pytest.mark.parametrize("topic", ["orders-C", "small"])
def test_case_41_a_conflated_topic_is_not_published_to(copied, connect, verb, topic):
    driver = connect(copied, "a")
    driver.send({"c": verb, "cid": "1", "t": topic, "a": "processed"}, body(1, 1))
    driver.read_ack(cid="1", status="failure", reason="invalid topic")
    with pytest.raises(ValueError, match="invalid topic"):
        copied.publish(topic, body(1, 1))
