"""Records that enter a subscription's view and leave it again."""

import json

import pytest

from amps_sandbox import Permission, Sandbox, Topic, User

from .driver import records_of

OPEN = {"filter": "/s='open'", "opts": "oof"}


@pytest.fixture
def orders():
    with Sandbox(topics=["orders:/id"]) as sandbox:
        yield sandbox


def body(number, state="open", **more):
    return json.dumps({"id": number, "s": state, **more}, separators=(",", ":")).encode()


def ask(driver, verb="sow_and_subscribe", sub_id="1", **more):
    """Sends a query or subscription; gives what it was answered with at once."""
    command = {"c": verb, "cid": sub_id, "sub_id": sub_id, "t": "orders", **more}
    driver.send({**command, "a": "processed,completed"})
    return driver.everything_before()


def seen(messages):
    """Each message as what it is, why, and the body."""
    return [(m["c"], m.header.get("reason"), m.body) for m in messages]


def sent(messages):
    return [text for message in messages for _, text in records_of(message)]


def test_case_36_a_record_leaves_the_view_and_comes_back_whole(orders, connect):
    driver = connect(orders, "a")
    driver.publish("orders", body(1), x="corr")
    ask(driver, **OPEN)
    driver.publish("orders", body(1, "closed"), x="later")
    driver.publish("orders", body(1, "closed"))
    driver.publish("orders", body(1))
    left, back = driver.everything_before()
    assert (left["reason"], left["sids"], left["x"]) == ("match", "1", "later")
    assert left["k"] == orders.sow("orders")[0].key and left["l"] == len(left.body)
    assert seen([left, back]) == [
        ("oof", "match", body(1, "closed")),
        ("p", None, body(1)),
    ]


def test_case_36_nothing_leaves_without_the_option_or_the_records(orders, connect):
    driver = connect(orders, "a")
    ask(driver, filter="/s='open'")
    ask(driver, "subscribe", "2", t="elsewhere", **OPEN)
    for topic in ("orders", "elsewhere"):
        for state in ("open", "closed"):
            driver.publish(topic, body(1, state))
    assert [m["c"] for m in driver.everything_before()] == ["p", "p"]


@pytest.mark.parametrize("option", [{"opts": "oof"}, {"send_oof": "true"}])
def test_case_37_a_deleted_record_is_told_with_what_it_was(orders, connect, option):
    driver, other = connect(orders, "a"), connect(orders, "b")
    driver.publish("orders", body(1))
    driver.publish("orders", body(2, "closed"))
    ask(driver, filter="/s='open'", **option)
    for record in orders.sow("orders"):
        other.ask({"c": "sow_delete", "cid": "1", "t": "orders", "sow_keys": record.key})
    assert seen(driver.everything_before()) == [("oof", "deleted", body(1))]


def test_a_delete_tells_its_own_client_between_processed_and_completed(orders, connect):
    driver = connect(orders, "a")
    driver.publish("orders", body(1))
    ask(driver, **OPEN)
    command = {"c": "sow_delete", "cid": "9", "t": "orders", "filter": "1=1"}
    driver.send({**command, "a": "processed,completed,stats"})
    kinds = [m.header.get("a", m["c"]) for m in driver.everything_before()]
    assert kinds == ["processed", "oof", "completed", "stats"]


def test_case_38_a_record_expires_and_a_publish_lengthens_its_life(connect):
    topics = [Topic("orders", "/id", expiration="1s")]
    with Sandbox(topics=topics, clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        ask(driver, opts="oof,timestamp")
        for number in (1, 2):
            driver.publish("orders", body(number))
        driver.everything_before()
        sandbox.clock.advance(0.9)
        driver.publish("orders", body(2, "again"))
        assert len(driver.everything_before()) == 1
        sandbox.clock.advance(0.2)
        (gone,) = driver.everything_before()
        assert seen([gone]) == [("oof", "expired", body(1))] and "ts" in gone
        assert [record.body for record in sandbox.sow("orders")] == [body(2, "again")]
        sandbox.clock.advance(0.8)
        assert seen(driver.everything_before()) == [("oof", "expired", body(2, "again"))]
        assert sandbox.sow("orders") == []


@pytest.mark.parametrize(
    ("expiration", "more", "lives_s"),
    [
        ("disabled", {"e": 5}, None),
        ("enabled", {}, None),
        ("enabled", {"e": 5}, 5),
        ("10s", {}, 10),
        ("10s", {"e": 5}, 5),
        ("10s", {"e": 0}, None),
    ],
)
def test_case_38_how_long_a_record_lives(connect, expiration, more, lives_s):
    topics = [Topic("orders", "/id", expiration=expiration)]
    with Sandbox(topics=topics, clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.publish("orders", body(1), **more)
        driver.everything_before()
        sandbox.clock.advance((lives_s or 1_000_000) - 0.001)
        assert len(sandbox.sow("orders")) == 1
        sandbox.clock.advance(0.001)
        assert len(sandbox.sow("orders")) == (lives_s is None)


def test_what_expired_while_the_sandbox_was_stopped_goes_at_its_start(connect):
    with Sandbox(topics=[Topic("orders", "/id", expiration="1h")], clock="manual") as sandbox:
        sandbox.publish("orders", body(1))
        sandbox.stop()
        sandbox.clock.advance(3600)
        assert len(sandbox.sow("orders")) == 1
        with sandbox:
            sandbox.clock.advance(0)
            assert sandbox.sow("orders") == []


def test_a_record_expires_by_the_systems_clock_too(connect):
    with Sandbox(topics=[Topic("orders", "/id", expiration="50ms")]) as sandbox:
        driver = connect(sandbox, "a")
        ask(driver, opts="oof")
        driver.publish("orders", body(1))
        assert seen([driver.read(), driver.read()])[1] == ("oof", "expired", body(1))


def user(*topics):
    return User("jill", "pw", topics=topics)


@pytest.fixture
def jill(connect):
    """Connects somebody with these permissions, and somebody who may do everything."""
    opened = []

    def connected(*permissions, topics=("orders:/id",)):
        users = [user(*permissions), User("root", "pw")]
        sandbox = Sandbox(topics=topics, users=users).start()
        opened.append(sandbox)
        return [connect(sandbox, name, user_id=name, pw="pw") for name in ("jill", "root")]

    yield connected
    for sandbox in opened:
        sandbox.stop()


def test_case_39_a_record_that_may_no_more_be_read_is_told_as_it_was(jill):
    driver, root = jill(Permission("^orders", read="/r='US'"))
    ask(driver, opts="oof")
    for region in ("US", "UK", "UK", "US"):
        root.publish("orders", body(1, r=region))
    root.everything_before()
    assert seen(driver.everything_before()) == [
        ("p", None, body(1, r="US")),
        ("oof", "entitlement", body(1, r="US")),
        ("p", None, body(1, r="US")),
    ]


def test_case_39_a_query_shows_only_what_may_be_read(jill):
    driver, root = jill({"topic": "orders", "read": "/r='US'"})
    for number, region in enumerate(("US", "UK", "US")):
        root.publish("orders", body(number, r=region))
    root.everything_before()
    driver.send({"c": "sow", "cid": "1", "t": "orders", "filter": "/id>0", "a": "stats"})
    messages = driver.everything_before()
    assert sent(messages) == [body(2, r="US")]
    assert (messages[-1]["topic_matches"], messages[-1]["matches"]) == (2, 1)


@pytest.mark.parametrize("verb", ["subscribe", "delta_subscribe", "sow", "sow_and_subscribe"])
@pytest.mark.parametrize("permissions", [[], [Permission("orders", read=False)]])
def test_case_78_a_topic_that_may_not_be_read_is_refused(jill, verb, permissions):
    driver, _ = jill(*permissions, {"topic": "other", "read": True})
    ack = driver.ask({"c": verb, "cid": "1", "t": "orders"})
    assert (ack["status"], ack["reason"]) == ("failure", "not entitled")


def test_case_78_a_regex_leaves_out_what_may_not_be_read(jill):
    topics = ("orders:/id", "open:/id")
    driver, root = jill({"topic": "open", "read": True}, topics=topics)
    for topic in ("orders", "open", "oad-hoc"):
        root.publish(topic, body(topic))
    root.everything_before()
    messages = ask(driver, t="^o")
    assert sent(messages) == [body("open")]
    for topic in ("orders", "open", "oad-hoc"):
        root.publish(topic, body(topic))
    root.everything_before()
    assert [m["t"] for m in driver.everything_before()] == ["open"]


def test_a_replacement_by_a_topic_that_may_not_be_read_delivers_nothing(jill):
    driver, root = jill({"topic": "open", "read": True})
    driver.subscribe("open", "1")
    driver.subscribe("orders", "1", opts="replace")
    for topic in ("orders", "open"):
        root.publish(topic, body(1))
    root.everything_before()
    assert driver.everything_before() == []


def test_the_first_permission_that_fits_decides(jill):
    driver, _ = jill({"topic": "orders", "read": False}, {"topic": ".*", "read": True})
    assert driver.ask({"c": "sow", "cid": "1", "t": "orders"})["reason"] == "not entitled"
    assert driver.ask({"c": "subscribe", "cid": "2", "t": "x"})["status"] == "success"


def test_a_replaced_query_sends_only_what_is_new_and_tells_what_left(orders, connect):
    driver = connect(orders, "a")
    for number in range(5):
        driver.publish("orders", body(number))
    assert sent(ask(driver, filter="/id < 3", opts="oof")) == [body(0), body(1), body(2)]
    messages = ask(driver, filter="/id > 1", opts="oof,replace")
    assert [m["c"] for m in messages] == (
        ["ack", "group_begin", "sow", "sow", "group_end", "ack", "oof", "oof"]
    )
    assert sent(messages) == [body(3), body(4)]
    assert seen(messages[-2:]) == [("oof", "match", body(0)), ("oof", "match", body(1))]
    for number in (1, 2, 3):
        driver.publish("orders", body(number, "new"))
    assert [m.body for m in driver.everything_before()] == [body(2, "new"), body(3, "new")]


def test_case_33_a_topic_without_records_has_an_empty_group_and_then_live_messages(orders, connect):
    driver = connect(orders, "a")
    kinds = [m["c"] for m in ask(driver, t="elsewhere", filter="/id = 1", opts="oof")]
    assert kinds == ["ack", "group_begin", "group_end", "ack"]
    driver.publish("elsewhere", body(1))
    driver.publish("elsewhere", body(2))
    assert [m.body for m in driver.everything_before()] == [body(1)]


def test_a_query_and_its_subscription_may_be_about_chosen_keys(orders, connect):
    driver = connect(orders, "a")
    for number in range(3):
        driver.publish("orders", body(number))
    driver.everything_before()
    keys = [record.key for record in orders.sow("orders")]
    assert sent(ask(driver, sow_keys=keys[1])) == [body(1)]
    for number in range(3):
        driver.publish("orders", body(number, "new"))
    assert [m.body for m in driver.everything_before()] == [body(1, "new")]


def test_a_query_with_a_bookmark_gives_what_is_there_now_where_nothing_is_logged(connect):
    lines = []
    with Sandbox(topics=["orders:/id"], log=lines.append) as sandbox:
        driver = connect(sandbox, "a")
        driver.publish("orders", body(1))
        assert sent(ask(driver, bm="0")) == [body(1)]
        assert sent(ask(driver, "sow", bm="20260101T000000Z")) == [body(1)]
    assert sum("ignored bookmark" in line for line in lines) == 2


def test_departures_are_shared_by_the_subscriptions_of_one_connection(orders, connect):
    driver = connect(orders, "a")
    ask(driver, sub_id="1", **OPEN)
    ask(driver, sub_id="2", filter="/id > 0", opts="oof,timestamp")
    ask(driver, sub_id="3", filter="/s='open' AND /id=1", opts="oof,no_sowkey")
    driver.publish("orders", body(1))
    driver.publish("orders", body(1, "closed"))
    enter, left, stays = driver.everything_before()
    assert (enter["sids"], left["sids"], stays["sids"]) == ("1,2,3", "1,3", "2")
    assert "k" in enter and "k" in left and "ts" in stays and "ts" not in left


def test_case_35_a_query_and_its_subscription_leave_no_gap_and_repeat_nothing(orders, connect):
    publisher = connect(orders, "p")
    for start in range(0, 2000, 100):
        subscriber = connect(orders, f"s{start}")
        for number in range(start, start + 50):
            publisher.publish("orders", body(number))
        command = {"c": "sow_and_subscribe", "cid": "1", "sub_id": "1", "t": "orders", "bs": 100}
        subscriber.send(command)
        for number in range(start + 50, start + 100):
            publisher.publish("orders", body(number))
        publisher.everything_before()
        messages = subscriber.everything_before()
        kinds = [message["c"] for message in messages]
        assert "p" not in kinds[: kinds.index("group_end")]
        live = [message.body for message in messages if message["c"] == "p"]
        assert sent(messages) + live == [body(number) for number in range(start + 100)]
