"""Projections: groups of records made into one each, for one subscription or as a view."""

import json

import pytest

from amps_sandbox import BadConfig, Conflated, Sandbox, Topic, View
from amps_sandbox.expressions.projections import Projection

from .driver import records_of

MAXIMA = "projection=[MAX(/px) AS /max,/sym AS /s],grouping=[/sym]"
TOTALS = View("totals", "orders", ["/sym", "SUM(/qty * /px) AS /sum", "COUNT(/id) AS /n"], "/sym")


@pytest.fixture
def orders():
    with Sandbox(topics=["orders:/id"], views=[TOTALS], clock="manual") as sandbox:
        yield sandbox


def publish(driver, *rows):
    for number, sym, px, *more in rows:
        members = {"id": number, "sym": sym, "px": px, "qty": more[0] if more else 1}
        driver.publish("orders", json.dumps(members).encode())
    return driver.everything_before()


def ask(driver, verb="sow", options=MAXIMA, topic="orders", **more):
    command = {"c": verb, "cid": "1", "sub_id": "1", "t": topic, "opts": options, "bs": 10}
    driver.send({**command, "a": "processed,stats", **more})
    return driver.everything_before()


def rows(messages):
    return [json.loads(text) for one in messages for _, text in records_of(one)]


def live(messages):
    return [
        (message.header.get("reason", "p"), json.loads(message.body))
        for message in messages
        if message["c"] in ("p", "oof")
    ]


def test_case_82_a_query_gives_one_record_for_each_group(orders, connect):
    driver = connect(orders, "a")
    publish(driver, (1, "A", 1), (2, "B", 5), (3, "A", 3), (4, "A", 2))
    messages = ask(driver)
    assert rows(messages) == [{"max": 3, "s": "A"}, {"max": 5, "s": "B"}]
    assert messages[-1]["matches"] == messages[-1]["records_returned"] == 2
    assert messages[-1]["topic_matches"] == 4
    assert rows(ask(driver, filter="/px < 3")) == [{"max": 2, "s": "A"}]
    assert rows(ask(driver, orderby="/max DESC", top_n=1)) == [{"max": 5, "s": "B"}]


def test_case_82_each_change_sends_its_group_again(orders, connect):
    driver = connect(orders, "a")
    publish(driver, (1, "A", 1))
    assert rows(ask(driver, "sow_and_subscribe", MAXIMA + ",oof")) == [{"max": 1, "s": "A"}]
    assert live(publish(driver, (2, "A", 3), (3, "A", 2), (4, "B", 7))) == [
        ("p", {"max": 3, "s": "A"}),
        ("p", {"max": 3, "s": "A"}),
        ("p", {"max": 7, "s": "B"}),
    ]
    assert live(publish(driver, (4, "A", 4))) == [
        ("deleted", {"max": 7, "s": "B"}),
        ("p", {"max": 4, "s": "A"}),
    ]
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders", "filter": "/px > 1"})
    changes = live(driver.everything_before())
    assert changes[-1] == ("p", {"max": 1, "s": "A"}) and len(changes) == 3


def test_case_82_departures_of_groups_are_told_only_where_they_are_wanted(orders, connect):
    driver = connect(orders, "a")
    ask(driver, "sow_and_subscribe", filter="/px < 10")
    assert live(publish(driver, (1, "A", 1), (1, "A", 11), (1, "A", 2))) == [
        ("p", {"max": 1, "s": "A"}),
        ("p", {"max": 2, "s": "A"}),
    ]


def test_case_82_deltas_of_groups_have_their_keys(orders, connect):
    driver = connect(orders, "a")
    publish(driver, (1, "A", 1))
    ask(driver, "sow_and_delta_subscribe", MAXIMA + ",timestamp")
    messages = publish(driver, (1, "A", 1), (2, "A", 5))
    assert live(messages) == [("p", {"s": "A"}), ("p", {"max": 5, "s": "A"})]
    assert messages[0]["k"] == messages[1]["k"] and "ts" in messages[0]


def test_what_is_not_aggregated_is_of_the_last_message_and_no_delete_takes_it_back(orders, connect):
    driver = connect(orders, "a")
    options = "projection=[/sym,/px,COUNT(/id) AS /n],grouping=[/sym]"
    ask(driver, "sow_and_subscribe", options)
    publish(driver, (1, "A", 1), (2, "A", 2), (1, "A", 3))
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders", "filter": "/id = 1"})
    assert live(driver.everything_before()) == [("p", {"sym": "A", "px": 3, "n": 1})]


def test_groups_may_be_shown_by_the_page_and_conflated(orders, connect):
    driver = connect(orders, "a")
    publish(driver, (1, "A", 1), (2, "B", 2), (3, "C", 3))
    options = MAXIMA + ",top_n=1,skip_n=1,oof,conflation=1s"
    assert rows(ask(driver, "sow_and_subscribe", options, orderby="/max")) == [{"max": 2, "s": "B"}]
    assert publish(driver, (1, "A", 9)) == []
    orders.clock.advance(1)
    assert live(driver.everything_before()) == [
        ("match", {"max": 2, "s": "B"}),
        ("p", {"max": 3, "s": "C"}),
    ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"options": "projection=[/sym]"}, "invalid options"),
        ({"options": "grouping=[/sym]"}, "invalid options"),
        ({"options": "projection=[SUM(],grouping=[/sym]"}, "invalid options"),
        ({"options": MAXIMA + ",select=[-/]"}, "invalid options"),
        ({"options": MAXIMA.replace("[/sym]", "[/sym" + ",/x" * 30_000 + "]")}, "invalid options"),
        ({"options": "projection=[UNIX_TIMESTAMP() AS /t],grouping=[/sym]"}, "invalid options"),
        ({"topic": "elsewhere", "verb": "sow"}, "invalid topic"),
        ({"topic": "elsewhere"}, "invalid options"),
        ({"topic": "^orders"}, "invalid options"),
        ({"verb": "subscribe"}, "invalid options"),
        ({"bm": "0"}, "invalid options"),
        ({"filter": "UNIX_TIMESTAMP() > 1"}, "bad filter"),
    ],
)
def test_a_projection_that_cannot_be_had_is_refused(orders, connect, more, reason):
    driver = connect(orders, "a")
    (ack,) = ask(driver, **{"verb": "sow_and_subscribe", **more})
    assert (ack["status"], ack["reason"]) == ("failure", reason)
    assert orders.subscriptions() == []


def test_only_the_page_of_a_projection_can_be_replaced(orders, connect):
    driver = connect(orders, "a")
    publish(driver, (1, "A", 1), (2, "B", 2), (3, "C", 3))
    page = MAXIMA + ",top_n=2,skip_n={},oof,replace"
    ask(driver, "sow_and_subscribe", page.format(0), orderby="/max")
    messages = ask(driver, "sow_and_subscribe", page.format(1), orderby="/max")
    assert rows(messages) == [{"max": 3, "s": "C"}]
    assert live(messages) == [("match", {"max": 1, "s": "A"})]
    for options in (page.replace("MAX", "MIN"), page.replace("skip_n={},", ""), "replace"):
        (ack, *_) = ask(driver, "sow_and_subscribe", options.format(0))
        assert (ack["status"], ack["reason"]) == ("failure", "invalid options"), options


def test_a_view_is_kept_up_to_date_and_can_be_queried_and_followed(orders, connect):
    driver = connect(orders, "a")
    driver.send({"c": "sow_and_subscribe", "cid": "1", "t": "totals", "opts": "oof"})
    messages = publish(driver, (1, "A", 2, 3), (2, "A", 1, 1), (3, "B", 1.5, 2))
    assert live(messages) == [
        ("p", {"sym": "A", "sum": 6, "n": 1}),
        ("p", {"sym": "A", "sum": 7, "n": 2}),
        ("p", {"sym": "B", "sum": 3.0, "n": 1}),
    ]
    view = [json.loads(record.body) for record in orders.sow("totals")]
    assert view == [{"sym": "A", "sum": 7, "n": 2}, {"sym": "B", "sum": 3.0, "n": 1}]
    assert rows(ask(driver, options="", topic="totals", filter="/n > 1")) == view[:1]
    assert live(publish(driver, (3, "A", 1, 1))) == [
        ("deleted", {"sym": "B", "sum": 3.0, "n": 1}),
        ("p", {"sym": "A", "sum": 8, "n": 3}),
    ]
    assert "." not in orders.sow("totals")[0].body.decode()


def test_the_order_of_effects_is_subscribers_views_and_conflated_topics(connect):
    copy = Conflated("copy", "orders", "1ns")
    views = [TOTALS, View("of totals", "totals", ["/n", "COUNT(/sym) AS /m"], ["/n"])]
    with Sandbox(topics=["orders:/id"], views=views, conflated=[copy]) as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe(".*", "1")
        driver.publish("orders", b'{"id":1,"sym":"A","px":1,"qty":1}', x="corr")
        messages = [driver.read() for _ in range(4)]
        assert [m["t"] for m in messages] == ["orders", "totals", "of totals", "copy"]
        assert [m.header.get("x") for m in messages] == ["corr", None, None, "corr"]


def test_a_view_that_nobody_follows_is_made_when_it_is_read(orders, connect, monkeypatch):
    made = []
    result = Projection.result
    monkeypatch.setattr(Projection, "result", lambda *args: made.append(1) or result(*args))
    driver = connect(orders, "a")
    publish(driver, *((number, "A", 1) for number in range(50)), (50, "B", 1), (50, "A", 1))
    assert made == []
    (record,) = orders.sow("totals")
    assert json.loads(record.body) == {"sym": "A", "sum": 51, "n": 51} and made == [1]
    publish(driver, (51, "B", 1))
    driver.subscribe("totals", "1")
    assert live(publish(driver, (52, "A", 1))) == [("p", {"sym": "A", "sum": 52, "n": 52})]
    driver.ask({"c": "unsubscribe", "cid": "9", "sub_id": "1"})
    publish(driver, (53, "A", 1))
    assert len(made) == 3


@pytest.mark.parametrize("verb", ["p", "delta_publish", "sow_delete"])
def test_case_41_a_view_is_not_published_to(orders, connect, verb):
    driver = connect(orders, "a")
    driver.send({"c": verb, "cid": "1", "t": "totals", "a": "processed"}, b'{"sym":"A"}')
    driver.read_ack(cid="1", status="failure", reason="invalid topic")
    assert orders.sow("totals") == []


def test_a_view_may_be_filtered_and_be_of_fix_messages(connect):
    view = View("v", "f", "/55,SUM(/38) AS /38", "/55", message_type="fix", filter="/38 < 100")
    with Sandbox(topics=[Topic("f", "/1", message_type="fix")], views=[view]) as sandbox:
        for number, quantity in ((1, 10), (2, 500), (3, 7)):
            sandbox.publish("f", f"1={number}\x0155=X\x0138={quantity}\x01", message_type="fix")
        assert [r.body for r in sandbox.sow("v", "fix")] == [b"55=X\x0138=17\x01"]
        sandbox.publish("f", "1=1\x0155=X\x0138=100\x01", message_type="fix")
        assert [r.body for r in sandbox.sow("v", "fix")] == [b"55=X\x0138=7\x01"]


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (View("v", "nothing", "/a", "/a"), "'v': no topic 'nothing' declared before it"),
        (View("v", "orders", "SUM(/a", "/a"), "'v': "),
        (View("v", "orders", "UNIX_TIMESTAMP() AS /t", "/a"), "'v': the projection is not det"),
        (View("v", "orders", "/a", "/a", filter="/a ="), "'v': "),
        (View("v", "orders", "/a", "/a", filter="UNIX_TIMESTAMP() > 1"), "'v': filter: it is not"),
        (View("orders", "orders", "/a", "/a"), "'orders': declared twice"),
        (View("v", "blobs", "/a", "/a", "binary"), "'v': a binary message has no fields"),
        (View("v", "f", "/a AS /a", "/a", "fix"), "'v': projection: "),
    ],
)
def test_a_view_that_cannot_be_had_is_refused_at_once(view, said):
    topics = ["orders:/id", Topic("blobs", message_type="binary"), Topic("f", "/1", "fix")]
    with pytest.raises(BadConfig) as raised:
        Sandbox(topics=topics, views=[view])
    assert said in str(raised.value)
