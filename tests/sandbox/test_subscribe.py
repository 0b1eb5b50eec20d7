"""Publish and subscribe: who receives what, with which ids."""

import re

import pytest

from amps_sandbox import Sandbox


def test_case_9_a_publish_reaches_the_subscriber_unchanged(amps_sandbox, connect):
    subscriber, publisher = connect(amps_sandbox, "s"), connect(amps_sandbox, "p")
    subscriber.subscribe("orders", "7")
    body = bytes(range(256)) + b'}{"c":"p"}'
    publisher.publish("orders", body)
    message = subscriber.read()
    assert message.header == {"c": "p", "t": "orders", "sids": "7", "l": len(body)}
    assert message.body == body


def test_a_publisher_receives_its_own_messages_in_order(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    for number in range(100):
        driver.publish("t", b"%d" % number)
    assert [int(message.body) for message in driver.everything_before()] == list(range(100))


@pytest.mark.parametrize("verb", ["p", "publish", "delta_publish"])
def test_every_publishing_verb_delivers(amps_sandbox, connect, verb):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    driver.send({"c": verb, "t": "t"}, b"body")
    assert driver.read().body == b"body"


def test_an_empty_body_is_delivered(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    driver.publish("t", b"")
    message = driver.read()
    assert (message["l"], message.body) == (0, b"")


def test_case_10_two_subscriptions_that_match_share_one_frame(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("orders", "one")
    driver.subscribe("^ord", "two")
    driver.subscribe("other", "three")
    driver.publish("orders", b"x")
    assert [message["sids"] for message in driver.everything_before()] == ["one,two"]


def test_a_new_subscription_hears_of_a_topic_that_was_published_to_before(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.publish("t", b"to nobody")
    driver.subscribe("t", "1")
    driver.publish("t", b"to one")
    driver.send({"c": "subscribe", "cid": "2", "t": "other", "sub_id": "1", "opts": "replace"})
    driver.publish("t", b"to nobody again")
    assert [message.body for message in driver.everything_before()] == [b"to one"]


def test_case_11_a_regex_topic_is_searched(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("^a.*$", "1")
    driver.subscribe("trade.info", "2")
    for topic in ("ab", "ba", "every/trade/info"):
        driver.publish(topic, b"")
    assert [(m["t"], m["sids"]) for m in driver.everything_before()] == [
        ("ab", "1"),
        ("every/trade/info", "2"),
    ]


def test_a_regex_topic_may_ignore_case(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("(?i)^ORD", "1")
    driver.subscribe("(?A)order$", "2")
    driver.publish("order", b"")
    assert driver.read()["sids"] == "1,2"


def test_case_12_non_regex_topic_takes_the_topic_literally(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("a.b", "1", opts="non_regex_topic")
    driver.subscribe("a(", "2", options="replace , non_regex_topic")
    for topic in ("axb", "a.b", "a("):
        driver.publish(topic, b"")
    assert [(m["t"], m["sids"]) for m in driver.everything_before()] == [("a.b", "1"), ("a(", "2")]


@pytest.mark.parametrize(
    "topic", ["a(", "[", "*a", "(" * 3000 + ")" * 3000, "a{99999999999}", "x" * 5000 + "."]
)
def test_case_12_a_malformed_regex_topic_is_refused(amps_sandbox, connect, topic):
    driver = connect(amps_sandbox, "a")
    ack = driver.ask({"c": "subscribe", "cid": "1", "t": topic, "sub_id": "1"})
    assert (ack["status"], ack["reason"]) == ("failure", "bad regex topic")
    assert driver.everything_before() == []


def test_case_13_a_sub_id_in_use_is_refused_unless_it_is_replaced(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("old", "1")
    ack = driver.ask({"c": "subscribe", "cid": "2", "t": "new", "sub_id": "1"})
    assert (ack["status"], ack["reason"]) == ("failure", "subid in use")
    driver.subscribe("new", "1", opts="replace")
    driver.publish("old", b"")
    driver.publish("new", b"")
    assert [message["t"] for message in driver.everything_before()] == ["new"]


def test_without_a_sub_id_the_command_id_is_taken(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    command = {"c": "subscribe", "cid": "5", "t": "t"}
    assert driver.ask(command)["status"] == "success"
    assert driver.ask(command)["reason"] == "subscription already exists"
    driver.publish("t", b"")
    assert driver.read()["sids"] == "5"


def test_replace_of_an_unknown_id_creates_it(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1", opts="replace")
    driver.publish("t", b"")
    assert driver.read()["sids"] == "1"


def test_two_clients_may_use_the_same_sub_id(amps_sandbox, connect):
    first, second = connect(amps_sandbox, "a"), connect(amps_sandbox, "b")
    first.subscribe("t", "1")
    second.subscribe("t", "1")
    first.ask({"c": "unsubscribe", "cid": "2", "sub_id": "1"})
    second.publish("t", b"")
    assert second.read()["sids"] == "1"
    assert first.everything_before() == []


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({"sub_id": "a"}, "b,c"),
        ({"sub_id": "a, b"}, "c"),
        ({"sids": "b"}, "a,c"),
        ({"query_id": "c,unknown"}, "a,b"),
        ({"sub_id": "unknown"}, "a,b,c"),
        ({"sub_id": "a", "query_id": "c"}, "b"),
        ({"sub_id": "all"}, None),
    ],
)
def test_case_14_unsubscribe_ends_those_named_and_no_others(amps_sandbox, connect, how, left):
    driver = connect(amps_sandbox, "a")
    for sub_id in "abc":
        driver.subscribe("t", sub_id)
    driver.publish("t", b"")
    assert [message["sids"] for message in driver.everything_before()] == ["a,b,c"]
    assert driver.ask({"c": "unsubscribe", "cid": "1", **how})["status"] == "success"
    driver.publish("t", b"")
    assert [message["sids"] for message in driver.everything_before()] == ([left] if left else [])


def test_unsubscribe_of_nothing_is_refused(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    assert driver.ask({"c": "unsubscribe", "cid": "1"})["reason"] == "invalid sub id"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"t": ""}, "no topic"),
        ({"sub_id": "a,b"}, "invalid sub id"),
        ({"filter": "/x > "}, "bad filter"),
        ({"f": "/x > "}, "bad filter"),
        ({"bm": "0"}, "invalid topic"),
        ({"c": "delta_subscribe", "bm": "0"}, "invalid options"),
        ({"opts": "pause"}, "invalid options"),
    ],
)
def test_a_subscribe_that_cannot_be_done_fails_and_the_connection_stays(
    amps_sandbox, connect, more, reason
):
    driver = connect(amps_sandbox, "a")
    ack = driver.ask({"c": "subscribe", "cid": "1", "t": "t", "sub_id": "1", **more})
    assert (ack["status"], ack["reason"]) == ("failure", reason)
    assert amps_sandbox.subscriptions() == []
    assert driver.everything_before() == []


def test_an_empty_filter_is_no_filter(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1", filter="")
    driver.publish("t", b"")
    assert driver.read()["sids"] == "1"


def test_correlation_id_and_key_are_passed_on_verbatim(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    driver.publish("t", b"b", e=10, s=3, x='"\\/\t=', k="00123")
    message = driver.read()
    assert (message["x"], message["k"]) == ('"\\/\t=', "00123")
    assert "e" not in message and "s" not in message


def test_a_timestamp_comes_with_the_option_only(amps_sandbox, connect):
    plain, stamped = connect(amps_sandbox, "a"), connect(amps_sandbox, "b")
    plain.subscribe("t", "1")
    stamped.subscribe("t", "1", opts="timestamp")
    plain.publish("t", b"body")
    assert "ts" not in plain.read()
    message = stamped.read()
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z", message["ts"]) and message.body == b"body"


@pytest.mark.parametrize("expose_user", [True, False])
def test_the_publishing_user_is_told_only_where_that_is_wanted(connect, expose_user):
    with Sandbox(users={"jill": "1"}, expose_user=expose_user) as sandbox:
        driver = connect(sandbox, "a", user_id="jill", pw="1")
        driver.subscribe("t", "1")
        driver.publish("t", b"")
        assert driver.read().header.get("user_id") == ("jill" if expose_user else None)


def test_topics_of_different_message_types_are_different_topics(amps_sandbox, connect):
    json_driver, fix_driver = connect(amps_sandbox, "a"), connect(amps_sandbox, "b", mt="fix")
    json_driver.subscribe("t", "1")
    fix_driver.subscribe("t", "1")
    json_driver.publish("t", b"json")
    assert fix_driver.everything_before() == []
    assert json_driver.read().body == b"json"


def test_the_sandbox_publishes_too(amps_sandbox, connect):
    driver, fix_driver = connect(amps_sandbox, "a"), connect(amps_sandbox, "b", mt="fix")
    for each in (driver, fix_driver):
        each.subscribe("t", "1")
    amps_sandbox.publish("t", "text")
    amps_sandbox.publish("t", b"1=2\x01", message_type="fix")
    assert driver.read().body == b"text"
    assert fix_driver.read().body == b"1=2\x01"
    with pytest.raises(ValueError, match="/AMPS/x"):
        amps_sandbox.publish("/AMPS/x", b"")
    with pytest.raises(ValueError, match="invalid message type 'nonsense'"):
        amps_sandbox.publish("t", b"", message_type="nonsense")


def test_options_that_are_not_understood_are_ignored_and_noted(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe("t", "1", opts="timestamp,speed=1,colour=[red,blue]")
        driver.publish("t", b"")
        assert "ts" in driver.read()
    assert any("ignored options: 'colour, speed'" in line for line in lines)
