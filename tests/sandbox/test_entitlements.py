"""What users may see and do: fields, topics met later, pages and views; and changes of that."""

import json

import pytest

from amps_sandbox import Conflated, Permission, Sandbox, User, View
from amps_sandbox.expressions import compile_pattern

from .driver import records_of

US = "/r='US'"
FEW = "-/,+/id,+/px"


def body(number, region="US", **more):
    return json.dumps({"id": number, "r": region, **more}, separators=(",", ":")).encode()


@pytest.fixture
def jill(connect):
    """Connects jill, who has these permissions, and root, who may do everything."""
    opened = []

    def connected(*permissions, **more):
        users = [User("jill", topics=permissions), User("root")]
        more = {"topics": ["orders:/id"], "clock": "manual", **more}
        sandbox = Sandbox(users=users, **more).start()
        opened.append(sandbox)
        return [sandbox, *(connect(sandbox, name, user_id=name) for name in ("jill", "root"))]

    yield connected
    for sandbox in opened:
        sandbox.stop()


def ask(driver, verb, options="", topic="orders", **more):
    command = {"c": verb, "cid": "1", "sub_id": "1", "t": topic, "opts": options, "bs": 10}
    driver.send({**command, "a": "processed", **more})
    return driver.everything_before()


def publish(driver, *bodies, topic="orders", verb="p"):
    for data in bodies:
        driver.send({"c": verb, "t": topic}, data)
    driver.everything_before()


def sent(messages):
    return [text for one in messages for _, text in records_of(one)]


def arrived(driver):
    return [one for one in driver.everything_before() if one["c"] in ("p", "oof")]


def live(driver):
    return [(one.header.get("reason", "p"), one.body) for one in arrived(driver)]


# Which fields


@pytest.mark.parametrize("verb", ["subscribe", "sow_and_subscribe"])
def test_only_the_fields_that_may_be_seen_are_sent(jill, verb):
    _, driver, root = jill(Permission("^orders", read=US, select=FEW))
    ask(driver, verb, "oof,select=[-/px]")
    ask(driver, verb, "oof", cid="2", sub_id="2")
    publish(root, body(1, px=5, secret=7), body(1, "UK", px=6, secret=8))
    assert live(driver) == [
        ("p", b'{"id":1}'),
        ("p", b'{"id":1,"px":5}'),
        ("entitlement", b'{"id":1}'),
        ("entitlement", b'{"id":1,"px":5}'),
    ]


def test_a_query_sends_the_fields_that_may_be_seen_and_its_own_list_adds_none(jill):
    _, driver, root = jill(Permission("orders", read=True, select=FEW))
    publish(root, body(1, px=5, secret=7))
    assert sent(ask(driver, "sow", "select=[+/secret,-/id]")) == [b'{"px":5}']
    assert sent(ask(driver, "sow", filter="/secret = 7")) == [b'{"id":1,"px":5}']
    assert sent(ask(root, "sow")) == [body(1, px=5, secret=7)]


def test_a_topic_without_records_and_a_replay_hide_the_same_fields(jill):
    _, driver, root = jill(Permission("t", read=True, select=FEW), txlog=["t"])
    publish(root, body(1, secret=7), topic="t")
    ask(driver, "subscribe", topic="t", bm="0", cid="r", sub_id="r")
    ask(driver, "subscribe", topic="t")
    publish(root, body(2, secret=8), topic="t")
    assert [text for _, text in live(driver)] == [b'{"id":2}'] * 2
    ask(driver, "unsubscribe", sub_id="all")
    driver.send({"c": "subscribe", "cid": "3", "t": "t", "bm": "0"})
    assert [text for _, text in live(driver)] == [b'{"id":1}', b'{"id":2}']


def test_a_delta_says_nothing_of_fields_that_may_not_be_seen(jill):
    _, driver, root = jill(Permission("orders", read=True, select=FEW))
    publish(root, body(1, px=5, secret=7))
    ask(driver, "sow_and_delta_subscribe", "no_empties")
    publish(root, b'{"id":1,"secret":8}', b'{"id":1,"px":6}', verb="delta_publish")
    assert live(driver) == [("p", b'{"px":6}')]


def test_a_projection_and_a_page_know_only_what_may_be_seen(jill):
    _, driver, root = jill(Permission("orders", read=US, select=FEW))
    publish(root, body(1, px=5, secret=7), body(2, px=6, secret=8), body(3, "UK", px=9))
    options = "projection=[/r AS /r,SUM(/px) AS /px,SUM(/secret) AS /s],grouping=[/r]"
    (made,) = sent(ask(driver, "sow", options))
    assert json.loads(made) == {"r": None, "px": 11, "s": None}
    assert sent(ask(driver, "sow_and_subscribe", options)) == [made]
    publish(root, body(1, px=4, secret=1))
    assert json.loads(live(driver)[0][1]) == {"r": None, "px": 10, "s": None}
    page = "top_n=1,skip_n=1,oof"
    ask(driver, "unsubscribe")
    assert sent(ask(driver, "sow_and_subscribe", page, orderby="/id")) == [b'{"id":2,"px":6}']
    publish(root, body(2, "UK", px=6), body(4, px=1, secret=2))
    assert live(driver) == [("entitlement", b'{"id":2,"px":6}'), ("p", b'{"id":4,"px":1}')]


def test_what_is_conflated_is_hidden_too(jill):
    sandbox, driver, root = jill(Permission("orders", read=US, select=FEW))
    ask(driver, "subscribe", "conflation=1s,oof")
    publish(root, body(1, px=1, secret=1), body(1, px=2, secret=2), body(2, "UK", px=3))
    sandbox.clock.advance(1)
    assert live(driver) == [("p", b'{"id":1,"px":2}')]
    publish(root, body(1, px=3, secret=3), body(1, "UK", px=4))
    sandbox.clock.advance(1)
    assert live(driver) == [("entitlement", b'{"id":1,"px":2}')]


@pytest.mark.parametrize(("message_type", "data"), [("binary", b"\0secret"), ("json", b"{secret")])
def test_of_what_cannot_be_read_nothing_is_seen(connect, message_type, data):
    jill = User("jill", topics=[Permission("t", read=True, select="-/secret")])
    with Sandbox(users=[jill]) as sandbox:
        driver = connect(sandbox, "a", user_id="jill", mt=message_type)
        driver.subscribe("t", "1")
        driver.publish("t", data)
        (message,) = driver.everything_before()
        assert (message.body, message["l"]) == (b"", 0)


# Which topics


def test_views_and_copies_have_permissions_of_their_own(jill):
    view = View("totals", "orders", ["/r", "SUM(/px) AS /px"], ["/r"])
    copy = Conflated("copy", "orders", "1s")
    rules = [Permission("totals", read=US), Permission("copy", read=True, select="-/px")]
    sandbox, driver, root = jill(*rules, views=[view], conflated=[copy])
    ask(driver, "sow_and_subscribe", "oof", topic="^totals|^copy|^orders")
    publish(root, body(1, px=2), body(2, "UK", px=3))
    assert live(driver) == [("p", b'{"r":"US","px":2}')]
    sandbox.clock.advance(1)
    assert live(driver) == [("p", body(1)), ("p", body(2, "UK"))]
    assert driver.ask({"c": "sow", "cid": "1", "t": "orders"})["reason"] == "not entitled"


VERBS = [
    *("subscribe", "delta_subscribe", "sow", "sow_and_subscribe", "sow_and_delta_subscribe"),
    *("publish", "p", "delta_publish", "sow_delete"),
]


@pytest.mark.parametrize("verb", VERBS)
def test_case_78_every_command_is_refused_and_the_connection_stays(jill, verb):
    _, driver, _ = jill(Permission("orders", read=False, write=False))
    more = {"filter": "1=1"} if verb == "sow_delete" else {}
    data = body(1) if verb in ("publish", "p", "delta_publish") else b""
    ack = driver.ask({"c": verb, "cid": "1", "t": "orders", **more}, data)
    assert (ack["status"], ack["reason"], ack["cid"]) == ("failure", "not entitled", "1")
    assert driver.everything_before() == []


@pytest.mark.parametrize("options", ["", "top_n=1,skip_n=0", "conflation=1s", "oof"])
def test_a_replacement_by_a_forbidden_topic_succeeds_and_shows_nothing(jill, options):
    sandbox, driver, root = jill(Permission("mine", read=True), topics=["orders:/id", "mine:/id"])
    publish(root, body(1))
    first = "" if "top_n" in options else options
    ask(driver, "sow_and_subscribe", first, topic="mine")
    answer = ask(driver, "sow_and_subscribe", f"replace,{options}")
    assert answer[0]["status"] == "success" and sent(answer) == []
    publish(root, body(2))
    publish(root, body(3), topic="mine")
    sandbox.clock.advance(5)
    assert live(driver) == []


def test_a_topic_is_judged_when_it_is_first_met(jill):
    _, driver, root = jill(Permission("^news/open", read=True), Permission("^x", read=True))
    ask(driver, "subscribe", topic="^news")
    for topic in ("news/secret", "news/open/1", "news/secret", "xnews", "news/open/2"):
        publish(root, b"{}", topic=topic)
    told = [message["t"] for message in arrived(driver)]
    assert told == ["news/open/1", "news/open/2"]


def test_a_write_filter_looks_at_the_delta_and_not_at_what_it_makes(jill):
    sandbox, driver, root = jill(Permission("orders", write=US))
    publish(root, body(1), body(2, "UK"))
    said = []
    for data in (b'{"id":1,"px":1}', b'{"id":1,"r":"US","px":2}', b'{"id":2,"r":"US"}', b"{"):
        said.append(driver.ask({"c": "delta_publish", "cid": "1", "t": "orders"}, data)["status"])
    assert said == ["failure", "success", "success", "failure"]
    assert [one.body for one in sandbox.sow("orders")] == [body(1, px=2), body(2)]


@pytest.mark.parametrize("way", ["filter", "keys", "data"])
def test_a_delete_takes_only_what_may_be_written(jill, way):
    sandbox, driver, root = jill(Permission("orders", write=US))
    publish(root, body(1), body(2, "UK"))
    keys = [one.key for one in sandbox.sow("orders")]
    more = {"filter": {"filter": "1=1"}, "keys": {"sow_keys": ",".join(keys)}, "data": {}}[way]
    command = {"c": "sow_delete", "cid": "1", "t": "orders", "a": "processed,stats", **more}
    deleted = 0
    for data in (b'{"id":1}', b'{"id":2}') if way == "data" else (b"",):
        driver.send(command, data)
        deleted += driver.everything_before()[-1]["records_deleted"]
    assert deleted == 1
    assert [one.body for one in sandbox.sow("orders")] == [body(2, "UK")]


def test_a_rule_may_ask_who_it_is_about(jill):
    rule = Permission("^", read="/owner = CLIENT_NAME()", write="/owner = CLIENT_NAME()")
    _, driver, root = jill(rule)
    ask(driver, "subscribe", topic="t")
    publish(root, b'{"owner":"jill"}', b'{"owner":"root"}', topic="t")
    assert live(driver) == [("p", b'{"owner":"jill"}')]
    refused = driver.ask({"c": "p", "cid": "1", "t": "t"}, b'{"owner":"root"}')
    assert refused["reason"] == "not entitled"


@pytest.fixture
def impatient(monkeypatch):
    """Searches as they are without the `regex` library: given up for a text that is too long."""
    for place in ("amps_sandbox.patterns", "amps_sandbox.expressions.compiling"):
        monkeypatch.setattr(
            f"{place}.compile_pattern", lambda text: compile_pattern(text, library=None)
        )


SLOW = "s.*e.*c.*r.*t"  # is given up for a text of 1,000 bytes


def test_where_it_cannot_be_found_out_nothing_is_allowed(impatient, jill):
    lines = []
    forbidden = Permission(SLOW, read=False, write=False)
    filtered = Permission("^t", read=f"/x NOT LIKE '{SLOW}'", write=f"/x NOT LIKE '{SLOW}'")
    rules = forbidden, filtered, Permission(".", read=True)
    _, driver, root = jill(*rules, log=lines.append)
    long = "s" * 1000
    for verb in ("subscribe", "p"):
        assert driver.ask({"c": verb, "cid": "1", "t": long})["reason"] == "not entitled"
    ask(driver, "subscribe", topic="t")
    publish(root, b'{"x":"%b"}' % long.encode(), b'{"x":"s"}', topic="t")
    assert live(driver) == [("p", b'{"x":"s"}')]
    refused = driver.ask({"c": "p", "cid": "1", "t": "t"}, b'{"x":"%b"}' % long.encode())
    assert refused["reason"] == "not entitled"
    assert any("counts as no match" in line for line in lines)


# What changes


def test_new_permissions_end_the_connections_of_that_user_alone(connect):
    lines = []
    users = [User("jill", topics=[Permission("t", read=True)]), User("root"), User("phil")]
    with Sandbox(users=users, log=lines.append) as sandbox:
        first, second = (connect(sandbox, name, user_id="jill") for name in "ab")
        others = [connect(sandbox, name, user_id=name) for name in ("root", "phil")]
        assert sandbox.set_permissions("jill", [{"topic": "u", "read": True}]) == 2
        assert first.is_ended() and second.is_ended()
        assert [other.everything_before() for other in others] == [[], []]
        again = connect(sandbox, "a", user_id="jill")
        assert again.ask({"c": "subscribe", "cid": "1", "t": "t"})["reason"] == "not entitled"
        again.subscribe("u", "2")
        assert sandbox.set_permissions("jill", None) == 1
        connect(sandbox, "a", user_id="jill").subscribe("t", "1")
    assert sum("closed: entitlement reset" in line for line in lines) == 3


def test_the_first_permissions_of_all_take_everything_from_strangers(connect):
    with Sandbox(users=[User("jill")], auth="none") as sandbox:
        stranger = connect(sandbox, "a", user_id="whoever")
        stranger.subscribe("t", "1")
        waiting = connect(sandbox)
        assert sandbox.set_permissions("bob", [Permission("t")]) == 1
        assert stranger.is_ended()
        assert waiting.log_on("b")["status"] == "success"
        assert waiting.ask({"c": "subscribe", "cid": "1", "t": "t"})["reason"] == "not entitled"
        assert sandbox.set_permissions("bob", None) == 1


def test_permissions_outlive_a_restart(connect):
    with Sandbox(users=[User("jill"), User("root")]) as sandbox:
        assert sandbox.set_permissions("jill", []) == 0
        sandbox.restart(keep_data=False)
        driver = connect(sandbox, "a", user_id="jill")
        assert driver.ask({"c": "p", "cid": "1", "t": "t"})["reason"] == "not entitled"


def test_who_may_not_log_on_is_told_and_closed(connect):
    lines = []
    users = [User("jill", "pw", logon=False), User("root", "pw")]
    with Sandbox(users=users, log=lines.append) as sandbox:
        assert connect(sandbox).log_on("a", user_id="jill", pw="x")["reason"] == "auth failure"
        driver = connect(sandbox)
        ack = driver.log_on("a", user_id="jill", pw="pw")
        assert (ack["status"], ack["reason"]) == ("failure", "not entitled")
        assert driver.is_ended() and sandbox.clients() == []
        sandbox.set_permissions("jill", None)
        allowed = connect(sandbox, "a", user_id="jill", pw="pw")
        assert sandbox.set_permissions("jill", None, logon=False) == 1
        assert allowed.is_ended()
        assert connect(sandbox).log_on("a", user_id="jill", pw="pw")["reason"] == "not entitled"
    assert sum("closed: entitlement: not entitled" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        ([{"topic": "t", "read": "/x ="}], "user 'jill': permission 't'"),
        ([{"topic": "t("}], "user 'jill': permission 't\\('"),
        ([{"topic": "t", "select": "id"}], "permission 't': select directive 'id'"),
        ([{"topic": "t", "select": 5}], "select: 5 is no text"),
        ([{"topic": "t", "colour": 1}], "unknown key 'colour'"),
        (["t"], "'t': want a table"),
    ],
)
def test_bad_permissions_are_refused_and_change_nothing(connect, topics, said):
    with Sandbox(users=[User("jill")]) as sandbox:
        driver = connect(sandbox, "a", user_id="jill")
        with pytest.raises(ValueError, match=said):
            sandbox.set_permissions("jill", topics)
        driver.subscribe("t", "1")
