"""Filters on the wire: which messages reach whom."""

import json

import pytest

from amps_sandbox import Sandbox

from .driver import records_of


def delivered(sandbox, connect, condition, bodies, **logon):
    """The bodies that a subscription with this filter is sent."""
    driver = connect(sandbox, "a", **logon)
    driver.subscribe("t", "1", filter=condition)
    for body in bodies:
        driver.publish("t", body)
    return [message.body for message in driver.everything_before()]


@pytest.mark.parametrize(
    "condition", ["/x = ", "/x = 1 extra", "NOSUCH(/x) = 1", "SUM(/x) > 1", "/s LIKE '('"]
)
@pytest.mark.parametrize("verb", ["subscribe", "sow", "sow_and_subscribe", "delta_subscribe"])
def test_case_18_a_filter_that_is_none_is_refused_and_the_log_says_why(connect, verb, condition):
    lines = []
    with Sandbox(topics=["orders:/id"], log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        ack = driver.ask({"c": verb, "cid": "1", "t": "orders", "filter": condition})
        assert (ack["status"], ack["reason"]) == ("failure", "bad filter")
        assert sandbox.subscriptions() == []
    assert any(f"{verb} failed: bad filter: " in line for line in lines)


@pytest.mark.parametrize(
    ("condition", "bodies", "expected"),
    [
        ("/n LIKE '^A.*z$'", [b'{"n":"Abcz"}', b'{"n":"bAz"}'], [0]),
        ("/s LIKE r'C++'", [b'{"s":"I like C++"}', b'{"s":"I like CCC"}'], [0]),
        ("/data != 'zebra'", [b'{"data":[1,"zebra"]}', b'{"data":["zebra"]}'], [0]),
        ("/a = NULL", [b'{"a":null}', b'{"a":1}', b"{}"], []),
        ("/a IS NULL", [b'{"a":null}', b'{"a":""}', b"{}", b'{"a":0}'], [0, 1, 2]),
        ("/a/b >= 2 AND /c", [b'{"a":{"b":2},"c":true}', b'{"a":{"b":2},"c":false}'], [0]),
    ],
    ids=["case_19", "case_20", "case_21", "case_22", "case_22 missing", "nested"],
)
def test_case_19_to_22_a_filter_lets_through_what_matches(
    amps_sandbox, connect, condition, bodies, expected
):
    got = delivered(amps_sandbox, connect, condition, bodies)
    assert got == [bodies[at] for at in expected]


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ("10 < '2'", False),
        ("2 = 2.0", True),
        ("'2.000' <> '2.0'", True),
        ("10 < 'x'", True),
        ("-5 % 3 = -2", True),
    ],
)
def test_case_23_values_are_compared_as_documented(amps_sandbox, connect, condition, passes):
    assert delivered(amps_sandbox, connect, condition, [b"{}"]) == [b"{}"] * passes


def test_case_24_fix_tags_are_fields(amps_sandbox, connect):
    bodies = [b"35=D\x0138=200\x01", b"35=D\x0138=100\x01", b"35=8\x0138=200\x01"]
    got = delivered(amps_sandbox, connect, "/35 = 'D' AND /38 > 100", bodies, mt="fix")
    assert got == bodies[:1]


def test_case_25_topics_of_different_message_types_are_different_topics(amps_sandbox, connect):
    publisher, subscriber = connect(amps_sandbox, "p"), connect(amps_sandbox, "s", mt="nvfix")
    subscriber.subscribe("t", "1", filter="1 = 1")
    publisher.publish("t", b'{"id":1}')
    publisher.everything_before()
    assert subscriber.everything_before() == []


def test_case_26_bytes_have_no_fields(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a", mt="binary")
    driver.subscribe("t", "filtered", filter="/a = 1")
    driver.subscribe("t", "open")
    driver.subscribe("t", "by header", filter="TOPIC_NAME() = 't' AND MESSAGE_SIZE() = 4")
    driver.publish("t", b"a=1\x01")
    (message,) = driver.everything_before()
    assert (message["sids"], message.body) == ("open,by header", b"a=1\x01")


def test_case_89_a_part_of_a_composite_message_can_be_asked_for(connect):
    config = {"composite": {"images": {"module": "composite-local", "parts": ["json", "binary"]}}}
    part = b'{"id":1}'
    body = len(part).to_bytes(4, "big") + part + (3).to_bytes(4, "big") + b"\0\xff{"
    other = body.replace(b'"id":1', b'"id":2')
    with Sandbox(config=config) as sandbox:
        got = delivered(sandbox, connect, "/0/id = 1", [body, other], mt="images")
    assert got == [body]


def test_a_body_that_cannot_be_read_has_no_fields_and_still_reaches_others(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe("t", "filtered", filter="/a = 1")
        driver.subscribe("t", "null", filter="/a IS NULL")
        driver.subscribe("t", "open")
        driver.publish("t", b'{"a":1')
        (message,) = driver.everything_before()
        assert message["sids"] == "null,open"
    assert sum("no fields in a json message" in line for line in lines) == 1


def test_case_12_a_regex_topic_may_have_a_filter(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("^a", "1", filter="/id > 1")
    for topic in ("ab", "ba"):
        for number in (1, 2):
            driver.publish(topic, b'{"id":%d}' % number)
    assert [(m["t"], m.body) for m in driver.everything_before()] == [("ab", b'{"id":2}')]


def test_case_13_a_replaced_filter_counts_at_once(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1", filter="/id = 1")
    driver.subscribe("t", "1", filter="/id = 2", opts="replace")
    ack = driver.ask({"c": "subscribe", "cid": "2", "t": "t", "sub_id": "1", "filter": "/id = 3"})
    assert ack["reason"] == "subid in use"
    bad = {"c": "subscribe", "cid": "3", "t": "t", "sub_id": "1", "filter": "/", "opts": "replace"}
    assert driver.ask(bad)["reason"] == "bad filter"
    for number in (1, 2, 3):
        driver.publish("t", b'{"id":%d}' % number)
    assert [message.body for message in driver.everything_before()] == [b'{"id":2}']


def test_who_asks_is_known_to_the_filter(connect):
    with Sandbox(users={"jill": "1"}, auth="password") as sandbox:
        driver = connect(sandbox, "me", user_id="jill", pw="1")
        driver.subscribe("t", "1", filter="/to = CLIENT_NAME() AND USER() = 'jill'")
        for name in ("me", "you"):
            driver.publish("t", json.dumps({"to": name}).encode())
        assert [m.body for m in driver.everything_before()] == [b'{"to": "me"}']


def test_what_is_known_of_a_record_can_be_asked_for(connect):
    with Sandbox(topics=["orders:/id"]) as sandbox:
        driver = connect(sandbox, "a")
        driver.publish("orders", b'{"id":1}', x="abc")
        driver.publish("orders", b'{"id":2}')
        driver.everything_before()
        key = sandbox.sow("orders")[1].key
        for condition, expected in (
            ("CORRELATION_ID() = 'abc'", b'{"id":1}'),
            (f"SOW_KEY() = '{key}'", b'{"id":2}'),
            ("LAST_UPDATED() IS NOT NULL AND /id = 1", b'{"id":1}'),
        ):
            driver.send({"c": "sow", "cid": "1", "t": "orders", "filter": condition})
            sent = [one for message in driver.everything_before() for one in records_of(message)]
            assert [text for _, text in sent] == [expected], condition


@pytest.mark.parametrize("verb", ["subscribe", "sow_and_subscribe"])
def test_a_filter_that_changes_its_mind_cannot_tell_what_left(connect, verb):
    with Sandbox(topics=["orders:/id"]) as sandbox:
        driver = connect(sandbox, "a")
        command = {"c": verb, "cid": "1", "t": "orders", "filter": "UNIX_TIMESTAMP() > 5"}
        assert driver.ask({**command, "opts": "oof"})["reason"] == "bad filter"
        assert driver.ask(command)["status"] == "success"
