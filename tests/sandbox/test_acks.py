"""Which acks a command is answered with, in which order."""

import pytest

from amps_sandbox import Sandbox

ALL = "stats,completed,persisted,processed,parsed,received"
LOGGED_ON = {"t": "t", "cid": "id 1"}


def kinds(messages):
    return [message["a"] if message["c"] == "ack" else message["c"] for message in messages]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"c": "p"}, "received processed completed persisted"),
        ({"c": "delta_publish"}, "received processed completed persisted"),
        ({"c": "subscribe"}, "received processed"),
        ({"c": "delta_subscribe"}, "received processed stats"),
        ({"c": "unsubscribe", "sub_id": "x"}, "received processed"),
        ({"c": "flush"}, "received processed completed persisted"),
        ({"c": "heartbeat", "opts": "beat"}, "received processed"),
        ({"c": "start_timer"}, "received processed completed"),
        ({"c": "stop_timer"}, "received processed completed stats"),
        ({"c": "sow", "t": "^x"}, "received processed group_begin group_end completed stats"),
        ({"c": "sow_and_subscribe"}, "received processed group_begin group_end completed stats"),
        (
            {"c": "sow_and_delta_subscribe"},
            "received processed group_begin group_end completed stats",
        ),
        (
            {"c": "sow_delete", "t": "^x", "sow_keys": "1"},
            "received processed completed stats persisted",
        ),
    ],
)
def test_each_requested_type_is_one_ack_in_order_with_the_command_id(
    amps_sandbox, connect, command, expected
):
    driver = connect(amps_sandbox, "a")
    driver.send({**LOGGED_ON, "a": ALL, **command})
    messages = driver.everything_before()
    assert kinds(messages) == expected.split()
    acks = [message for message in messages if message["c"] == "ack"]
    assert {ack["cid"] for ack in acks} == {"id 1"}
    assert {ack["status"] for ack in acks} == {"success"}
    assert not any("sub_id" in ack for ack in acks)


@pytest.mark.parametrize("acks", [None, "", "none", "nonsense, ,"])
def test_nothing_is_answered_that_was_not_asked(amps_sandbox, connect, acks):
    driver = connect(amps_sandbox, "a")
    more = {} if acks is None else {"a": acks}
    driver.send({"c": "subscribe", "cid": "1", "t": "t", "sub_id": "1", **more})
    driver.send({"c": "subscribe", "cid": "2", "t": "t", "sub_id": "1", **more})
    driver.publish("other", b"", **more)
    assert driver.everything_before() == []


@pytest.mark.parametrize("cid", ['"\\', "caf\u00e9 \t\u0001", "a,b}{", "007", " 1 "])
def test_the_command_id_comes_back_byte_for_byte(amps_sandbox, connect, cid):
    driver = connect(amps_sandbox, "a")
    ack = driver.ask({"c": "flush", "cid": cid})
    assert ack["cid"].encode("latin-1").decode() == cid


def test_raw_bytes_in_a_command_id_come_back_unchanged(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.send(b'{"c":"flush","cid":"\xff\xfe\x7f","a":"processed"}')
    assert b'"cid":"\xff\xfe\x7f"' in driver.read().header_bytes


def test_case_44_persisted_is_acked_one_by_one_with_the_sequence(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.publish("t", b"", s=2**64 - 1, a="persisted")
    driver.publish("t", b"", cid="8", a="persisted")
    first, second = driver.everything_before()
    assert (first["s"], "cid" in first) == (2**64 - 1, False)
    assert (second["cid"], "s" in second) == ("8", False)


def test_acks_of_a_publish_surround_its_delivery(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    driver.publish("t", b"", cid="1", a="received,processed")
    assert kinds(driver.everything_before()) == ["received", "p", "processed"]


def test_case_41_reserved_topics_cannot_be_published_to(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("AMPS", "1", opts="")
    driver.subscribe("^/AMPS", "2")
    assert driver.ask({"c": "p", "cid": "1", "t": "/AMPS/x"})["reason"] == "invalid topic"
    assert driver.ask({"c": "p", "cid": "2", "t": "/AMPS/devnull"})["status"] == "success"
    assert driver.everything_before() == []


@pytest.mark.parametrize("topic", [{}, {"t": ""}])
def test_a_publish_without_topic_fails_in_processed_and_persisted(amps_sandbox, connect, topic):
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "p", "cid": "1", "s": 4, "a": ALL, **topic}, b"x")
    answers = driver.everything_before()
    assert kinds(answers) == ["received", "processed", "persisted"]
    assert [ack["status"] for ack in answers] == ["success", "failure", "failure"]
    assert answers[1]["reason"] == answers[2]["reason"] == "no topic"
    assert answers[2]["s"] == 4


def test_a_failure_is_told_by_the_first_requested_type_when_it_is_no_other(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "sow", "cid": "1", "t": "t", "a": "stats,completed"})
    (ack,) = driver.everything_before()
    assert (ack["a"], ack["status"], ack["reason"]) == ("completed", "failure", "invalid topic")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"c": "sow"}, "invalid topic"),
        ({"c": "sow", "t": "a.b", "opts": "non_regex_topic"}, "invalid topic"),
        ({"c": "sow", "t": ""}, "no topic"),
        ({"c": "sow", "t": "^x", "filter": "1="}, "bad filter"),
        ({"c": "sow_and_subscribe", "filter": "1="}, "bad filter"),
        ({"c": "sow_and_subscribe", "t": "("}, "bad regex topic"),
        ({"c": "sow_delete", "filter": "1=1"}, "invalid topic"),
        ({"c": "sow_delete", "bm": "1|1|"}, "invalid sow_delete"),
        ({"c": "ack", "bm": "1|1|"}, "invalid sow_delete"),
        ({"c": "sow_delete"}, "invalid sow_delete"),
        ({"c": "sow_delete", "filter": "1=1", "sow_keys": "1"}, "invalid sow_delete"),
        ({"c": "sow_delete", "t": "", "sow_keys": "1"}, "no topic"),
    ],
)
def test_what_needs_records_fails_on_a_topic_without_them(amps_sandbox, connect, command, reason):
    driver = connect(amps_sandbox, "a")
    driver.send({**LOGGED_ON, "a": "processed,completed,stats", **command})
    (ack,) = driver.everything_before()
    assert (ack["a"], ack["status"], ack["reason"]) == ("processed", "failure", reason)


def test_case_33_sow_and_subscribe_gives_an_empty_group_and_then_live_messages(
    amps_sandbox, connect
):
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "sow_and_subscribe", "cid": "1", "t": "t", "sub_id": "s", "query_id": "q"})
    driver.publish("t", b"live")
    begin, end, live = driver.everything_before()
    assert (begin["c"], begin["query_id"], end["query_id"]) == ("group_begin", "q", "q")
    assert (live["sids"], live.body) == ("s", b"live")
    driver.ask({"c": "unsubscribe", "cid": "2", "query_id": "q"})
    assert amps_sandbox.subscriptions() == []


def test_case_56_a_flush_is_answered_after_all_that_came_before(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    driver.subscribe("t", "1")
    for _ in range(1000):
        driver.publish("t", b"x", a="persisted", s=1)
    driver.send({"c": "flush", "cid": "f", "a": "completed,persisted"})
    names = kinds([driver.read() for _ in range(2002)])
    assert names[-2:] == ["completed", "persisted"]
    assert (names.count("p"), names.count("persisted")) == (1000, 1001)


def test_case_86_timers_are_answered_and_measured_in_the_log(connect):
    lines = []
    with Sandbox(log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        assert driver.ask({"c": "start_timer", "cid": "1", "t": "mine"})["status"] == "success"
        assert driver.ask({"c": "stop_timer", "cid": "2", "t": "mine"})["status"] == "success"
        assert driver.ask({"c": "stop_timer", "cid": "3", "t": "none"})["status"] == "success"
    assert sum("timer 'mine'" in line for line in lines) == 1


def test_withheld_acks_come_when_they_are_released(amps_sandbox, connect):
    silent, other = connect(amps_sandbox, "silent"), connect(amps_sandbox, "other")
    amps_sandbox.withhold("processed", "persisted", client="silent")
    silent.send({"c": "p", "cid": "1", "t": "t", "a": ALL})
    amps_sandbox.wait_for("publish")
    assert other.ask({"c": "flush", "cid": "1"})["status"] == "success"
    assert [silent.read()["a"] for _ in range(2)] == ["received", "completed"]
    amps_sandbox.release()
    assert [silent.read()["a"] for _ in range(2)] == ["processed", "persisted"]
    assert silent.ask({"c": "flush", "cid": "2"})["status"] == "success"


def test_withholding_for_all_includes_logons_to_come(amps_sandbox, connect):
    amps_sandbox.withhold("processed")
    driver = connect(amps_sandbox)
    driver.send({"c": "logon", "cid": "0", "client_name": "a", "mt": "json", "a": "processed"})
    amps_sandbox.wait_until(lambda: amps_sandbox.clients())
    assert amps_sandbox.frames(direction="out") == []
    amps_sandbox.release()
    driver.read_ack(cid="0", status="success")


def test_only_real_ack_types_can_be_withheld(amps_sandbox):
    with pytest.raises(ValueError, match="unknown ack type 'procesed'"):
        amps_sandbox.withhold("procesed")
