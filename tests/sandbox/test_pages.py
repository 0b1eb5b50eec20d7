"""What of a message is selected, and which records are on the page that a client sees."""

import json

import pytest

from amps_sandbox import Sandbox

from .driver import records_of

PAGE = "top_n=2,skip_n=1,oof"


@pytest.fixture
def orders():
    with Sandbox(topics=["orders:/id"]) as sandbox:
        yield sandbox


def body(number, **more):
    return json.dumps({"id": number, **more}, separators=(",", ":")).encode()


def ask(driver, options=PAGE, verb="sow_and_subscribe", topic="orders", **more):
    command = {"c": verb, "cid": "1", "sub_id": "1", "t": topic, "opts": options, "bs": 10}
    driver.send({**command, "a": "processed,stats", **more})
    return driver.everything_before()


def publish(driver, *bodies):
    for data in bodies:
        driver.publish("orders", data)
    return driver.everything_before()


def sent(messages):
    return [text for one in messages for _, text in records_of(one)]


def live(messages):
    return [(m.header.get("reason", "p"), m.body) for m in messages if m["c"] in ("p", "oof")]


def test_case_83_only_what_is_selected_is_sent(orders, connect):
    driver, plain = connect(orders, "a"), connect(orders, "b")
    driver.subscribe("t", "1", opts="select=[-/,+/a/b]")
    driver.subscribe("t", "2")
    plain.subscribe("t", "1")
    driver.publish("t", b'{"a":{"b":1,"c":2},"d":3}')
    bodies = {message["sids"]: message.body for message in driver.everything_before()}
    assert bodies == {"1": b'{"a":{"b":1}}', "2": b'{"a":{"b":1,"c":2},"d":3}'}
    assert plain.read().body == bodies["2"]


def test_case_83_filters_see_what_is_not_selected_and_departures_are_selected_too(orders, connect):
    driver = connect(orders, "a")
    publish(driver, body(1, px=1, qty=5))
    messages = ask(driver, "oof,select=[-/qty]", filter="/qty = 5")
    assert sent(messages) == [b'{"id":1,"px":1}']
    assert live(publish(driver, body(1, px=2, qty=5), body(1, px=3, qty=6))) == [
        ("p", b'{"id":1,"px":2}'),
        ("match", b'{"id":1,"px":3}'),
    ]
    messages = ask(driver, "select=[-/,+/qty]", "sow")
    assert sent(messages) == [b'{"qty":6}']


def test_case_83_what_cannot_be_read_is_sent_as_it_is(orders, connect):
    driver = connect(orders, "a")
    driver.subscribe("t", "1", opts="select=[-/]")
    driver.publish("t", b"nonsense")
    assert driver.read().body == b"nonsense"


def test_case_84_who_is_pushed_off_the_page_is_told_before_who_comes(orders, connect):
    driver = connect(orders, "a")
    publish(driver, *(body(number) for number in (1, 2, 5, 7)))
    messages = ask(driver, orderby="/id")
    assert sent(messages) == [body(2), body(5)]
    assert (messages[-1]["matches"], messages[-1]["records_returned"]) == (4, 2)
    assert live(publish(driver, body(4))) == [("match", body(5)), ("p", body(4))]


def test_case_84_what_happens_off_the_page_is_silent(orders, connect):
    driver = connect(orders, "a")
    publish(driver, *(body(number) for number in (1, 2, 5, 7)))
    ask(driver, orderby="/id")
    assert live(publish(driver, body(1, v=1), body(7, v=1), body(9))) == []
    assert live(publish(driver, body(2, v=1))) == [("p", body(2, v=1))]
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders"}, body(9))
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders"}, body(1))
    assert live(driver.everything_before()) == [("match", body(2, v=1)), ("p", body(7, v=1))]
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders"}, body(7))
    assert live(driver.everything_before()) == [("deleted", body(7, v=1))]


def test_case_84_a_record_may_move_onto_the_page_and_off(orders, connect):
    driver = connect(orders, "a")
    publish(driver, *(body(number, px=number) for number in range(4)))
    assert sent(ask(driver, "top_n=2,skip_n=0,oof", orderby="/px", filter="/px < 10")) == [
        body(0, px=0),
        body(1, px=1),
    ]
    assert live(publish(driver, body(0, px=2.5))) == [
        ("match", body(0, px=2.5)),
        ("p", body(2, px=2)),
    ]
    assert live(publish(driver, body(1, px=10))) == [
        ("match", body(1, px=10)),
        ("p", body(0, px=2.5)),
    ]


def test_case_84_without_an_order_keys_decide_and_without_the_option_nothing_leaves(
    orders, connect
):
    driver = connect(orders, "a")
    publish(driver, *(body(number) for number in range(5)))
    records = sorted(orders.sow("orders"))
    assert sent(ask(driver, "top_n=2,skip_n=1")) == [record.body for record in records[1:3]]
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders", "sow_keys": records[0].key})
    assert live(driver.everything_before()) == [("p", records[3].body)]


def test_case_84_deltas_of_a_page(orders, connect):
    driver = connect(orders, "a")
    publish(driver, body(1, a=1, b=1), body(2, a=1, b=1))
    ask(driver, "top_n=1,skip_n=0", "sow_and_delta_subscribe", orderby="/id")
    assert live(publish(driver, body(1, a=2, b=1))) == [("p", body(1, a=2))]
    driver.send({"c": "sow_delete", "cid": "9", "t": "orders"}, body(1))
    assert live(driver.everything_before()) == [("p", body(2, a=1, b=1))]


def test_case_84_top_n_alone_cuts_the_query_only(orders, connect):
    driver = connect(orders, "a")
    publish(driver, body(1), body(2))
    assert sent(ask(driver, "top_n=1")) == [body(1)]
    assert live(publish(driver, body(2), body(3))) == [("p", body(2)), ("p", body(3))]


def test_case_84_another_page_replaces_one(orders, connect):
    driver = connect(orders, "a")
    publish(driver, *(body(number) for number in range(6)))
    ask(driver, "top_n=3,skip_n=0,oof", orderby="/id")
    messages = ask(driver, "top_n=3,skip_n=1,oof,replace", orderby="/id")
    assert (sent(messages), live(messages)) == ([body(3)], [("match", body(0))])
    assert live(publish(driver, body(0), body(3))) == [("p", body(3))]
    for options, topic in (("top_n=3,replace", "orders"), ("replace," + PAGE, "other")):
        (ack, *_) = ask(driver, options, topic=topic)
        assert (ack["status"], ack["reason"]) == ("failure", "invalid options")


def test_case_84_a_page_is_of_one_topic_and_its_filter_holds_still(orders, connect):
    driver = connect(orders, "a")
    assert ask(driver, topic="^orders")[0]["reason"] == "invalid options"
    assert ask(driver, filter="UNIX_TIMESTAMP() > 1")[0]["reason"] == "bad filter"


def test_case_84_a_page_beyond_the_end_fills_as_records_come(orders, connect):
    driver = connect(orders, "a")
    assert sent(ask(driver, "top_n=4294967295,skip_n=2,oof", orderby="/id")) == []
    assert live(publish(driver, body(1), body(2), body(3))) == [("p", body(3))]


def test_case_84_records_of_the_same_rank_keep_their_places(orders, connect):
    driver = connect(orders, "a")
    publish(driver, *(body(number, px=1) for number in range(4)))
    ask(driver, orderby="/px")
    assert live(publish(driver, body(0, px=1), body(3, px=1))) == []
    assert live(publish(driver, body(2, px=1))) == [("p", body(2, px=1))]
