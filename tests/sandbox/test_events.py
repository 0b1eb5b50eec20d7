"""What clients do, as the server tells it on its own topic."""

import json

import pytest

from amps_sandbox import Permission, Sandbox, User

from .driver import frame

STATUS = "/AMPS/ClientStatus"


def events(driver):
    """The events that came, without what each has."""
    found = []
    for message in driver.everything_before():
        assert message["t"] == STATUS, message
        (event,) = json.loads(message.body).values()
        assert event.pop("timestamp") and event.pop("connection_name").startswith("connection-")
        found.append(event)
    return found


@pytest.fixture
def watched(connect):
    """A sandbox and somebody who is told of all that happens there."""
    with Sandbox(topics=["orders:/id"], txlog=["."], clock="manual") as sandbox:
        watcher = connect(sandbox, "watcher")
        watcher.subscribe(STATUS, "w")
        assert events(watcher) == []
        yield sandbox, watcher


def test_a_client_is_followed_from_its_first_byte_to_its_last(watched, connect):
    sandbox, watcher = watched
    driver = connect(sandbox, "a")
    driver.subscribe("^o", "1", filter="/id > 1", opts="oof,timestamp")
    driver.subscribe("t", "2")
    driver.ask({"c": "unsubscribe", "cid": "1", "sub_id": "1"})
    driver.send({"c": "sow", "cid": "q", "t": "orders", "opts": "top_n=3"})
    driver.everything_before()
    driver.ask({"c": "sow_delete", "cid": "2", "t": "orders", "filter": "1=1"})
    sandbox.disconnect("a")
    a = {"client_name": "a"}
    first = {"topic": "^o", "filter": "/id > 1", "options": "oof,timestamp", "sub_id": "1"}
    assert events(watcher) == [
        {"event": "connect"},
        {"event": "logon", **a},
        {"event": "subscribe", **a, **first},
        {"event": "subscribe", **a, "topic": "t", "sub_id": "2"},
        {"event": "unsubscribe", **a, **first},
        {"event": "sow", **a, "topic": "orders", "options": "top_n=3", "query_id": "q"},
        {"event": "sow_delete", **a, "topic": "orders", "filter": "1=1"},
        {"event": "unsubscribe", **a, "topic": "t", "sub_id": "2", "reason": "entitlement reset"},
        {"event": "disconnect", **a, "reason": "entitlement reset"},
    ]
    assert sandbox.journal() == []


def test_a_failed_logon_is_told_with_its_reason_and_no_password(connect):
    with Sandbox(users={"jill": "secret"}) as sandbox:
        watcher = connect(sandbox, "watcher", user_id="jill", pw="secret")
        watcher.subscribe(STATUS, "w")
        connect(sandbox).log_on("a", user_id="jill", pw="guess")
        *_, failed, gone = messages = watcher.everything_before()
        assert not any(b"guess" in message.body for message in messages)
        assert json.loads(failed.body)["ClientStatus"]["event"] == "failed logon"
        assert b'"reason":"auth failure"' in failed.body
        assert json.loads(gone.body)["ClientStatus"]["reason"] == "auth"


def test_a_filter_chooses_among_events(connect):
    with Sandbox() as sandbox:
        watcher = connect(sandbox, "watcher")
        watcher.subscribe("^/AMPS/C", "w", filter="/ClientStatus/event = 'logon'")
        connect(sandbox, "a")
        assert [event["client_name"] for event in events(watcher)] == ["a"]


@pytest.mark.parametrize("topic", [".", "^.*$", "AMPS", "ClientStatus$"])
def test_who_means_all_topics_does_not_mean_the_servers_own(connect, topic):
    with Sandbox() as sandbox:
        driver = connect(sandbox, "a")
        driver.subscribe(topic, "1")
        connect(sandbox, "b")
        assert driver.everything_before() == []


def test_a_replay_that_ends_by_itself_is_told(watched, connect):
    sandbox, watcher = watched
    sandbox.publish("t", "1")
    connect(sandbox, "a").send({"c": "subscribe", "cid": "1", "t": "t", "bm": "0", "top_n": 1})
    sandbox.wait_for("subscribe", 2)
    assert events(watcher)[-1] == (
        {"event": "unsubscribe", "client_name": "a", "topic": "t", "sub_id": "1"}
    )


def test_only_types_that_can_say_it_are_told(connect):
    with Sandbox() as sandbox:
        told = {name: connect(sandbox, name, mt=name) for name in ("nvfix", "fix", "binary")}
        for driver in told.values():
            driver.subscribe(STATUS, "1", filter="/ClientStatus/event = 'logon'")
        connect(sandbox, "a")
        (message,) = told["nvfix"].everything_before()
        assert b"ClientStatus/client_name=a\x01" in message.body
        assert told["fix"].everything_before() == told["binary"].everything_before() == []


def test_who_may_not_read_it_is_told_nothing(connect):
    users = [User("jill", topics=[Permission("^o", read=True)]), User("root")]
    with Sandbox(users=users) as sandbox:
        driver = connect(sandbox, "a", user_id="jill")
        ack = driver.ask({"c": "subscribe", "cid": "1", "t": STATUS})
        assert ack["reason"] == "not entitled"
        driver.subscribe("^/AMPS", "2")
        connect(sandbox, "b", user_id="root")
        assert driver.everything_before() == []


def test_odd_names_are_told_as_they_are(watched, connect):
    sandbox, watcher = watched
    connect(sandbox, 'é"\\\n').subscribe("t\u20ac", "\u00fc")
    *_, event = events(watcher)
    assert (event["client_name"], event["topic"], event["sub_id"]) == (
        'é"\\\n',
        "t\u20ac",
        "\u00fc",
    )


def test_slow_listeners_that_end_while_they_are_told_leave_the_server_well(connect):
    """The end of one is an event for the others, which may be their end too."""
    lines = []
    with Sandbox(client_buffer_bytes=100_000, log=lines.append) as sandbox:
        for number in range(5):
            connect(sandbox, f"w{number}").subscribe(STATUS, "w")
        driver = connect(sandbox, "a")
        many = [{"c": "subscribe", "cid": f"{n}", "t": "x" * 30_000} for n in range(400)]
        driver.socket.sendall(b"".join(map(frame, many)))
        driver.everything_before()
        assert len(sandbox.subscriptions()) == 400
        assert [client.name for client in sandbox.clients()] == ["a"]
    assert sum("closed: slow client" in line for line in lines) == 5
