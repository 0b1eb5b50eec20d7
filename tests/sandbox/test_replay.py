"""Bookmark subscriptions: where they begin, how they go on, and where they end."""

from datetime import datetime, timedelta

import pytest

from amps_sandbox import Permission, Sandbox, User
from amps_sandbox.logon import name_hash

A = name_hash(b"a")
B = name_hash(b"b")
TEN = list(range(1, 11))


@pytest.fixture
def logged(connect):
    """A sandbox whose topic `t` has ten messages, one a second, s=1 to 10."""
    with Sandbox(
        topics=["orders:/id"], txlog=("t", "orders", "^log"), clock="manual", ack_conflation="1s"
    ) as sandbox:
        sandbox.publisher = connect(sandbox, "a")
        for number in TEN:
            sandbox.clock.advance(1)
            feed(sandbox, number)
        yield sandbox


def feed(sandbox, *numbers, topic="t", **more):
    for number in numbers:
        sandbox.publisher.publish(topic, b'{"id":%d}' % number, s=number, **more)
    sandbox.publisher.everything_before()


def mark(number):
    return f"{A}|{number}|"


def time_of(sandbox, number):
    return sandbox.journal("t")[number - 1].timestamp


def replay(driver, bm, sub_id="1", topic="t", acks="processed,completed", **more):
    driver.send({"c": "subscribe", "cid": sub_id, "t": topic, "bm": bm, "a": acks, **more})
    ack = driver.read_ack(a="processed", cid=sub_id)
    assert ack["status"] == "success", ack


def seen(driver):
    """What came: the number of each message, or the type of an ack."""
    return [
        message["a"] if message["c"] == "ack" else int(message["bm"].split("|")[1])
        for message in driver.everything_before()
    ]


def test_case_45_from_the_epoch_everything_comes_then_completed_then_what_is_new(logged, connect):
    driver = connect(logged, "r")
    replay(driver, "0")
    messages = driver.everything_before()
    assert [one.body for one in messages[:-1]] == [b'{"id":%d}' % n for n in TEN]
    assert [one["bm"] for one in messages[:-1]] == [mark(n) for n in TEN]
    assert {(one["c"], one["t"], one["sids"]) for one in messages[:-1]} == {("p", "t", "1")}
    assert "ts" not in messages[0] and "k" not in messages[0]
    ack = messages[-1]
    assert (ack["a"], ack["bm"], ack["sub_id"], ack["cid"]) == ("completed", mark(10), "1", "1")
    feed(logged, 11, 12)
    assert seen(driver) == [11, 12]


@pytest.mark.parametrize(
    ("bm", "expected"),
    [
        (mark(4), TEN[4:]),
        (f"{A}|4", TEN[4:]),
        (f"000{A}|04|", TEN[4:]),
        (mark(10), []),
        (f"{mark(4)},{mark(7)}", TEN[4:]),
        (f"{mark(7)}, {mark(4)},{mark(99)}", TEN[4:]),
        (f"0,{mark(4)}", TEN),
        (f"0|1|,{mark(9)}", [10]),
    ],
)
def test_case_46_it_begins_after_the_earliest_bookmark(logged, connect, bm, expected):
    driver = connect(logged, "r")
    replay(driver, bm)
    assert seen(driver) == [*expected, "completed"]


@pytest.mark.parametrize("bm", ["0|1|", "0|1"])
def test_case_47_from_now_nothing_is_replayed(logged, connect, bm):
    driver = connect(logged, "r")
    replay(driver, bm)
    assert seen(driver) == ["completed"]
    feed(logged, 11)
    assert seen(driver) == [11]


@pytest.mark.parametrize(("number", "expected"), [(6, TEN[5:]), (1, TEN), (10, [10])])
@pytest.mark.parametrize("is_zoned", [True, False])
def test_case_48_a_time_begins_with_what_came_then(logged, connect, number, expected, is_zoned):
    driver = connect(logged, "r")
    stamp = time_of(logged, number)
    replay(driver, stamp if is_zoned else stamp[:-1])
    assert seen(driver) == [*expected, "completed"]


def test_case_48_a_time_between_before_and_after(logged, connect):
    driver = connect(logged, "r")
    form = "%Y%m%dT%H%M%S.%fZ"
    fifth = datetime.strptime(time_of(logged, 5), form)
    between = (fifth + timedelta(microseconds=1)).strftime(form)
    for bm, expected in (
        (between, TEN[5:]),
        ("19990101T000000", TEN),
        ("19990101T000000.5Z", TEN),
        ("29990101T000000Z", []),
    ):
        replay(driver, bm, sub_id=bm)
        assert seen(driver) == [*expected, "completed"]
        driver.ask({"c": "unsubscribe", "cid": "u", "sub_id": bm})
    replay(driver, "29990101T000000Z")
    feed(logged, 11)
    assert seen(driver) == ["completed", 11]


@pytest.mark.parametrize(
    ("bounds", "expected"), [("[)", [3, 4, 5]), ("[]", TEN[2:6]), ("(]", [4, 5, 6]), ("()", [4, 5])]
)
@pytest.mark.parametrize("kind", ["times", "bookmarks", "mixed", "lists"])
def test_case_49_a_range_ends_with_completed_and_silence(logged, connect, bounds, expected, kind):
    driver = connect(logged, "r")
    times, marks = [time_of(logged, n) for n in (3, 6)], [mark(n) for n in (3, 6)]
    begin, end = {
        "times": times,
        "bookmarks": marks,
        "mixed": [times[0], f" {marks[1]} "],
        "lists": [f"{marks[1]},{marks[0]}", f"{marks[1]},{times[0]},{mark(77)}"],
    }[kind]
    replay(driver, f"{bounds[0]}{begin}:{end}{bounds[1]}")
    assert seen(driver) == [*expected, "completed"]
    feed(logged, 11)
    assert seen(driver) == []
    assert [one.sub_id for one in logged.subscriptions()] == []


@pytest.mark.parametrize(
    ("bm", "expected"),
    [
        (f"[0|1|:{mark(99)}]", [10]),
        (f"(0|1|:{mark(99)}]", []),
        (f"[0:{mark(3)}]", [1, 2, 3, "completed"]),
        (f"(0:{mark(3)})", [1, 2, "completed"]),
        ("[0:0|1|]", [*TEN, "completed"]),
        ("[0:0|1|)", [*TEN[:-1], "completed"]),
        ("[0:0]", ["completed"]),
        (f"[{mark(7)}:{mark(3)}]", ["completed"]),
        (f"({mark(3)}:{mark(3)}]", ["completed"]),
        (f"[{mark(3)}:{mark(3)}]", [3, "completed"]),
    ],
)
def test_a_range_from_or_to_an_end_of_the_log(logged, connect, bm, expected):
    driver = connect(logged, "r")
    replay(driver, bm)
    assert seen(driver) == expected


def test_a_range_may_lie_in_the_future(logged, connect):
    driver = connect(logged, "r")
    begin, end = after(logged, 10), after(logged, 20)
    replay(driver, f"[{begin}:{end})")
    feed(logged, 11, 12)
    assert seen(driver) == []
    logged.clock.advance(15)
    feed(logged, 13)
    assert seen(driver) == [13]
    logged.clock.advance(6)
    assert seen(driver) == ["completed"]
    feed(logged, 14)
    assert seen(driver) == []


def after(sandbox, seconds):
    """The time so many seconds after the newest message."""
    newest = datetime.strptime(sandbox.journal("t")[-1].timestamp, "%Y%m%dT%H%M%S.%fZ")
    return (newest + timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%S.%fZ")


@pytest.mark.parametrize(("closing", "expected"), [("]", [10, 11, 12]), (")", [10, 11])])
def test_a_range_may_wait_for_a_bookmark(logged, connect, closing, expected):
    driver = connect(logged, "r")
    replay(driver, f"({mark(9)}:{mark(12)}{closing}")
    assert seen(driver) == [10]
    feed(logged, 11)
    assert seen(driver) == [11]
    feed(logged, 12, 13)
    assert [10, 11, *seen(driver)] == [*expected, "completed"]


@pytest.mark.parametrize("bm", [mark(77), f"{B}|1|", f"{mark(77)},{B}|5|"])
def test_case_50_an_unknown_bookmark_means_what_the_option_says(logged, connect, bm):
    driver = connect(logged, "r")
    for option, expected in (("now", []), ("epoch", TEN), (None, [])):
        opts = {} if option is None else {"opts": f"bookmark_not_found={option}"}
        replay(driver, bm, sub_id=f"s{option}", **opts)
        assert seen(driver) == [*expected, "completed"]
    command = {"c": "subscribe", "cid": "9", "t": "t", "bm": bm, "opts": "bookmark_not_found=fail"}
    ack = driver.ask(command)
    assert (ack["status"], ack["reason"]) == ("failure", "bookmark not found")


def test_case_51_only_what_is_logged_can_be_replayed(logged, connect):
    driver = connect(logged, "r")
    feed(logged, 11, topic="elsewhere")
    for command, reason in (
        ({"t": "elsewhere"}, "invalid topic"),
        ({"t": "t", "c": "delta_subscribe"}, "invalid options"),
    ):
        ack = driver.ask({"c": "subscribe", "cid": "1", "bm": "0", **command})
        assert (ack["status"], ack["reason"]) == ("failure", reason)
    replay(driver, mark(8), topic="^t$|elsewhere")
    feed(logged, 12)
    feed(logged, 13, topic="elsewhere")
    assert seen(driver) == [9, 10, "completed", 12]


@pytest.mark.parametrize(
    "bm",
    [
        *("recent", "x", "1", "|", "1|", "|1|", "1|2|3|", "1|2|3", "-1|2|", "1|+2|", "1 |2|"),
        *(f"{2**64}|1|", f"1|{2**64}|", "9" * 99 + "|1|", "9" * 5000, "0,", ",", "0,,0"),
        *("20261301T000000", "20260230T000000Z", "20260101T250000Z", "20260101", "2026-01-01"),
        *("20260101T000000.Z", "20260101T000000.1234567890Z", "00000101T000000"),
        *("[", "[0", "[0:", "[0:0", "0:0", "(:)", "[0:]", "[:0]", "[0:0:0]", "[0:0]x", "{0:0}"),
        *("[0:recent)", "[x:0)", "\u0661|1|", "0|1|,\u00e9"),
        ",".join(["1|1|"] * 10_001),
    ],
)
def test_what_is_no_bookmark_is_refused(logged, connect, bm):
    driver = connect(logged, "r")
    ack = driver.ask({"c": "subscribe", "cid": "1", "t": "t", "bm": bm})
    assert (ack["status"], ack["reason"]) == ("failure", "invalid bookmark")
    assert logged.subscriptions() == [] and driver.everything_before() == []


def test_a_long_list_is_no_problem(logged, connect):
    driver = connect(logged, "r")
    replay(driver, ",".join([mark(n) for n in range(8, 10_008)]))
    assert seen(driver) == [9, 10, "completed"]


@pytest.mark.parametrize(
    "command",
    [
        {"opts": "conflation=1s,conflation_key=[/id]"},
        {"opts": "pause,resume"},
        {"opts": "live,pause"},
        {"opts": "live,rate=5"},
        {"opts": "bookmark_not_found=maybe"},
        {"opts": "top_n=5", "bm": "0|1|"},
        *({"opts": f"rate={rate}"} for rate in ("0", "-1", "soon", "", "1Y", "1e9", "9" * 400)),
        {"opts": "rate=1,rate_max_gap=soon"},
        {"opts": "rate_max_gap=1s"},
        {"opts": "rate=5", "bm": ""},
        {"c": "sow_and_subscribe", "t": "orders", "opts": "rate=5"},
        {"c": "sow_and_subscribe", "t": "orders", "opts": "live,rate=5", "bm": ""},
    ],
)
def test_options_that_cannot_be_are_refused(logged, connect, command):
    driver = connect(logged, "r")
    ack = driver.ask({"c": "subscribe", "cid": "1", "t": "t", "bm": "0", **command})
    assert (ack["status"], ack["reason"]) == ("failure", "invalid options")
    assert logged.subscriptions() == []


def test_deletes_are_not_delivered_and_records_have_their_keys(logged, connect):
    driver = connect(logged, "r")
    feed(logged, 11, topic="orders", x="corr")
    logged.publisher.send({"c": "sow_delete", "t": "orders", "s": 12, "filter": "/id=11"})
    feed(logged, 13, topic="orders")
    replay(driver, "0", topic="orders", opts="timestamp")
    first, second, _ = driver.everything_before()
    journal = [one for one in logged.journal("orders") if one.kind == "publish"]
    assert [first["k"], second["k"]] == [one.key for one in journal]
    assert [first["ts"], second["ts"]] == [one.timestamp for one in journal]
    assert first["x"] == "corr" and "x" not in second


def test_filters_select_and_no_sowkey_hold_in_the_past_and_live(logged, connect):
    driver = connect(logged, "r")
    feed(logged, 11, topic="orders")
    more = {"filter": "/id >= 9", "opts": "select=[-/],no_sowkey"}
    replay(driver, mark(5), topic="^t$|orders", **more)
    feed(logged, 12, topic="orders")
    sent = [one for one in driver.everything_before() if one["c"] == "p"]
    assert [int(one["bm"].split("|")[1]) for one in sent] == [9, 10, 11, 12]
    assert {one.body for one in sent} == {b"{}"} and not any("k" in one for one in sent)


def test_only_what_the_user_may_read_is_replayed(connect):
    jill = User("jill", topics=[Permission("^t", read="/id < 3"), Permission("out", read=True)])
    with Sandbox(users=[jill, User("pub")], txlog=["."], expose_user=True) as sandbox:
        publisher = connect(sandbox, "a", user_id="pub")
        for number, topic in enumerate(["t", "secret", "t", "out", "t"], 1):
            publisher.publish(topic, b'{"id":%d}' % number, s=number)
        publisher.everything_before()
        driver = connect(sandbox, "r", user_id="jill")
        ack = driver.ask({"c": "subscribe", "cid": "1", "t": "secret", "bm": "0"})
        assert ack["reason"] == "not entitled"
        replay(driver, "0", topic=".", acks="processed")
        sent = driver.everything_before()
        assert [(one["t"], one["user_id"]) for one in sent] == [("t", "pub"), ("out", "pub")]


def test_other_message_types_are_not_replayed(logged, connect):
    nvfix = connect(logged, "n", mt="nvfix")
    nvfix.publish("t", b"a=1\x01", s=1)
    assert seen(nvfix) == []
    replay(nvfix, "0")
    assert seen(nvfix) == [1, "completed"]
    assert len(logged.journal("t")) == 11


def test_top_n_ends_the_replay(logged, connect):
    driver = connect(logged, "r")
    for bm, top_n, expected in (("0", 3, [1, 2, 3]), (mark(9), 5, [10, 11]), ("0", 0, [])):
        feed(logged, len(logged.journal()) + 1, topic="t" if top_n == 3 else "elsewhere")
        replay(driver, bm, opts=f"top_n={top_n}")
        assert seen(driver) == [*expected, "completed"]
        feed(logged, len(logged.journal()) + 20, topic="log")
        assert seen(driver) == [] and logged.subscriptions() == []


@pytest.mark.parametrize("option", ["live", "fully_durable", "live,fully_durable"])
def test_live_and_fully_durable_are_as_usual(logged, connect, option):
    driver = connect(logged, "r")
    replay(driver, mark(9), opts=option)
    feed(logged, 11)
    assert seen(driver) == [10, "completed", 11]


def test_an_id_is_taken_until_it_is_unsubscribed(logged, connect):
    driver = connect(logged, "r")
    replay(driver, mark(10), acks="processed")
    again = {"c": "subscribe", "cid": "2", "sub_id": "1", "t": "t", "bm": "0"}
    assert driver.ask(again)["reason"] == "subid in use"
    driver.ask({"c": "unsubscribe", "cid": "u", "sub_id": "1"})
    feed(logged, 11)
    assert driver.everything_before() == []
    replay(driver, mark(10))
    assert seen(driver) == [11, "completed"]
