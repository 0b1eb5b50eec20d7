"""What the transaction log keeps, and what publishers are told of it."""

import pytest

from amps_sandbox import BadConfig, Permission, Sandbox, User
from amps_sandbox.log import Log
from amps_sandbox.logon import name_hash

A = name_hash(b"a")


@pytest.fixture
def logging():
    """A sandbox that logs `orders`, which keeps records, and whatever begins with Work."""
    with Sandbox(topics=["orders:/id"], txlog=("orders", "^Work"), ack_conflation="0") as sandbox:
        yield sandbox


def journal(sandbox, topic=None):
    return [(entry.topic, entry.sequence, entry.data) for entry in sandbox.journal(topic)]


def persisted(driver, count=1):
    """The next acks, as (s, status, reason)."""
    acks = [driver.read_ack(a="persisted") for _ in range(count)]
    return [(ack["s"], ack["status"], ack.header.get("reason")) for ack in acks]


def test_logged_topics_are_kept_in_the_order_of_their_messages(logging, connect):
    driver = connect(logging, "a")
    driver.publish("orders", b'{"id":1}', s=1, x="mine")
    driver.publish("WorkToDo", b"any body", s=2, k="key")
    driver.publish("other", b"", s=3)
    driver.publish("orders", b'{"id":2}', s=7)
    driver.everything_before()
    assert journal(logging, "orders") == [("orders", 1, b'{"id":1}'), ("orders", 7, b'{"id":2}')]
    first, second, _ = logging.journal()
    assert (first.bookmark, first.client, first.kind) == (f"{A}|1|", "a", "publish")
    assert (first.position, first.message_type, first.correlation_id) == (0, "json", "mine")
    assert first.key == logging.sow("orders")[0].key and second.key == "key"
    assert first.timestamp <= second.timestamp


def test_the_log_has_merged_bodies_and_deletes(logging, connect):
    driver = connect(logging, "a")
    driver.publish("orders", b'{"id":1,"a":1}', s=1)
    driver.send({"c": "delta_publish", "t": "orders", "s": 2}, b'{"id":1,"b":2}')
    driver.send({"c": "sow_delete", "t": "orders", "s": 3, "filter": "/id = 1"})
    driver.everything_before()
    assert [(one.kind, one.data) for one in logging.journal()] == [
        ("publish", b'{"id":1,"a":1}'),
        ("publish", b'{"id":1,"a":1,"b":2}'),
        ("sow_delete", b""),
    ]
    assert len({one.key for one in logging.journal()}) == 1


def test_what_has_no_sequence_gets_one_of_the_servers_own(logging, connect):
    driver = connect(logging, "a")
    driver.publish("orders", b'{"id":1}', a="persisted", cid="1")
    driver.publish("orders", b'{"id":1}', a="persisted", cid="2")
    acks = [driver.read_ack(a="persisted", cid=cid) for cid in "12"]
    logging.publish("orders", '{"id":2}')
    mine, again, servers = logging.journal()
    assert [ack["bm"] for ack in acks] == [mine.bookmark, again.bookmark]
    assert again.sequence == mine.sequence + 1
    assert mine.bookmark.split("|")[0] != str(A)
    assert (mine.client, servers.client) == ("a", "sandbox")
    assert connect(logging, None).log_on("b")["s"] == 0


def test_case_5_the_same_user_takes_the_name_over(logging, connect):
    old = connect(logging, "a")
    new = connect(logging, "a")
    assert old.is_ended()
    assert new.everything_before() == []


def test_case_6_another_user_does_not_get_the_name(connect):
    with Sandbox(users={"jill": "1", "phil": "2"}, txlog=["t"]) as sandbox:
        jill = connect(sandbox, "a", user_id="jill", pw="1")
        phil = connect(sandbox)
        ack = phil.log_on("a", user_id="phil", pw="2")
        assert (ack["status"], ack["reason"]) == ("failure", "name in use")
        assert phil.is_ended()
        assert jill.everything_before() == []


def test_case_7_without_a_log_a_name_may_be_there_twice(amps_sandbox, connect):
    drivers = [connect(amps_sandbox, "a"), connect(amps_sandbox, "a")]
    assert [driver.everything_before() for driver in drivers] == [[], []]


def test_a_log_needs_names(logging, connect):
    driver = connect(logging)
    assert driver.log_on("")["reason"] == "no client name"
    assert driver.is_ended()


def test_case_42_a_failure_comes_between_the_successes(connect):
    with Sandbox(topics=["orders:/id"], txlog=["orders"], clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        for s in range(1, 6):
            topic = "/AMPS/forbidden" if s == 3 else "orders"
            driver.publish(topic, b'{"id":1}', s=s, cid=f"c{s}", a="persisted")
        success = driver.read_ack(a="persisted", s=2, status="success", bm=f"{A}|2|")
        failure = driver.read_ack(a="persisted", s=3, status="failure", cid="c3")
        assert failure["reason"] == "invalid topic" and "cid" not in success
        assert driver.everything_before() == []
        sandbox.clock.advance(1)
        driver.read_ack(a="persisted", s=5, status="success", bm=f"{A}|5|")
        sandbox.clock.advance(10)
        assert driver.everything_before() == []


@pytest.mark.parametrize("is_allowed", [False, "/id != 3"])
def test_case_42_what_may_not_be_written_fails_alone(connect, is_allowed):
    jill = User("jill", topics=[Permission("secret", write=is_allowed), Permission("orders")])
    with Sandbox(users=[jill], txlog=["."], clock="manual") as sandbox:
        driver = connect(sandbox, "a", user_id="jill")
        for s in range(1, 6):
            topic = "secret" if s == 3 else "orders"
            driver.publish(topic, b'{"id":%d}' % s, s=s, cid=f"c{s}", a="persisted")
        sandbox.wait_for("publish", 5)
        sandbox.clock.advance(1)
        assert persisted(driver, 3) == [
            (2, "success", None),
            (3, "failure", "not entitled"),
            (5, "success", None),
        ]
        assert [entry.sequence for entry in sandbox.journal()] == [1, 2, 4, 5]


def test_case_79_a_write_filter_decides_about_publishes_and_deletes(connect):
    jill = User("jill", topics=[Permission("^orders", read=True, write="/region = 'US'")])
    with Sandbox(topics=["orders:/id"], users=[jill, User("root")], txlog=["."]) as sandbox:
        root = connect(sandbox, "root", user_id="root")
        for number, region in enumerate(["US", "EU", "US"], 1):
            root.publish("orders", b'{"id":%d,"region":"%b"}' % (number, region.encode()))
        root.everything_before()
        driver = connect(sandbox, "a", user_id="jill")
        for region, status in (("EU", "failure"), ("US", "success")):
            command = {"c": "p", "cid": "1", "t": "orders"}
            ack = driver.ask(command, b'{"id":9,"region":"%b"}' % region.encode())
            assert ack["status"] == status
        for topic in ("orders", "^o"):
            command = {"c": "sow_delete", "cid": "1", "t": topic, "filter": "/id < 3"}
            driver.ask(command)
        assert [record.body[6:7] for record in sandbox.sow("orders")] == [b"2", b"3", b"9"]
        other = {"c": "sow_delete", "cid": "1", "t": "orders", "sow_keys": "1"}
        assert driver.ask(other)["status"] == "success"
        assert driver.ask({"c": "p", "cid": "2", "t": "elsewhere"})["reason"] == "not entitled"


def test_who_may_not_write_may_not_delete(connect):
    jill = User("jill", topics=[Permission("orders", read=True, write=False)])
    with Sandbox(topics=["orders:/id"], users=[jill], clock="manual") as sandbox:
        sandbox.publish("orders", '{"id":1}')
        driver = connect(sandbox, "a", user_id="jill")
        for topic, status in (("orders", "failure"), (".", "success")):
            command = {"c": "sow_delete", "cid": "1", "t": topic, "filter": "1 = 1"}
            assert driver.ask(command)["status"] == status
        assert len(sandbox.sow("orders")) == 1


def test_a_failed_delete_is_told_by_its_sequence(logging, connect):
    driver = connect(logging, "a")
    driver.send({"c": "sow_delete", "t": "orders", "s": 4, "a": "persisted"})
    assert persisted(driver) == [(4, "failure", "invalid sow_delete")]


@pytest.mark.parametrize("topic", ["orders", "not logged"])
@pytest.mark.parametrize(
    ("duplicate", "expected"),
    [("failure", (4, "failure", "duplicate")), ("success", (5, "success", None))],
)
def test_case_43_what_was_there_is_discarded(connect, duplicate, expected, topic):
    with Sandbox(
        topics=["orders:/id"], txlog=["orders"], ack_conflation="0", duplicate_acks=duplicate
    ) as sandbox:
        driver = connect(sandbox, "a")
        reader = connect(sandbox, "reader")
        reader.subscribe(topic, "1")
        for s in (3, 4, 5, 4):
            driver.publish(topic, b'{"id":%d}' % s, s=s, a="persisted")
        assert persisted(driver, 4)[3] == expected
        assert [one.body for one in reader.everything_before()] == [
            b'{"id":3}',
            b'{"id":4}',
            b'{"id":5}',
        ]
        driver.close()
        again = connect(sandbox).log_on("a")
        assert (again["s"], again["bm"]) == (5, f"{A}|5|")
        assert connect(sandbox).log_on("new")["s"] == 0


def test_a_duplicate_delete_or_delta_changes_nothing(logging, connect):
    driver = connect(logging, "a")
    driver.publish("orders", b'{"id":1}', s=5)
    for s in (5, 1, 0):
        command = {"t": "orders", "s": s, "a": "persisted,processed"}
        driver.send({"c": "sow_delete", "filter": "/id = 1", **command})
        driver.send({"c": "delta_publish", **command}, b'{"id":1,"b":2}')
        for ack in ("processed", "persisted") * 2:
            driver.read_ack(a=ack, status="failure", reason="duplicate")
    assert [record.body for record in logging.sow("orders")] == [b'{"id":1}']
    assert len(logging.journal()) == 1


def test_a_failed_publish_counts_as_seen(logging, connect):
    driver = connect(logging, "a")
    driver.publish("/AMPS/x", b"", s=9, a="persisted")
    driver.publish("orders", b'{"id":1}', s=9, a="persisted")
    assert persisted(driver, 2) == [(9, "failure", "invalid topic"), (9, "failure", "duplicate")]


def test_sequences_are_counted_by_client_name(logging, connect):
    for name in ("a", "b"):
        driver = connect(logging, name)
        driver.publish("Work", b"", s=2**64 - 1, a="persisted")
        assert persisted(driver) == [(2**64 - 1, "success", None)]
    assert [entry.client for entry in logging.journal()] == ["a", "b"]


def test_case_56_a_flush_forces_the_persisted_acks_out(connect):
    with Sandbox(txlog=["t"], clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        reader = connect(sandbox, "reader")
        reader.subscribe("t", "1")
        for s in range(1, 1001):
            driver.publish("t", b"", s=s, a="persisted")
        driver.send({"c": "flush", "cid": "f", "a": "completed,persisted"})
        driver.read_ack(a="completed", cid="f")
        driver.read_ack(a="persisted", s=1000)
        driver.read_ack(a="persisted", cid="f")
        assert len(reader.everything_before()) == 1000


def test_successes_are_conflated_as_the_logon_says(connect):
    with Sandbox(txlog=["t"], clock="manual") as sandbox:
        slow = connect(sandbox, "slow", opts="ack_conflation=5s,pretty")
        fast = connect(sandbox, "fast", opts="ack_conflation=10ms")
        usual = connect(sandbox, "usual")
        for driver in (slow, fast, usual):
            for s in (1, 2, 3):
                driver.publish("elsewhere", b"", s=s, a="persisted", cid="x")
            assert driver.everything_before() == []
        for seconds, driver in ((0.01, fast), (0.99, usual), (4, slow)):
            sandbox.clock.advance(seconds)
            ack = driver.read_ack(a="persisted", s=3, status="success")
            assert "cid" not in ack
        sandbox.clock.advance(60)
        assert [driver.everything_before() for driver in (slow, fast, usual)] == [[], [], []]


@pytest.mark.parametrize("value", ["soon", "", "-1", "1parsec"])
def test_a_nonsense_conflation_fails_the_logon(logging, connect, value):
    driver = connect(logging)
    ack = driver.log_on("a", opts=f"ack_conflation={value}")
    assert (ack["status"], ack["reason"]) == ("failure", "invalid options")
    assert driver.is_ended()


def test_acks_that_are_due_to_somebody_who_left_are_dropped(connect):
    with Sandbox(txlog=["t"], clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        driver.publish("t", b"", s=1, a="persisted")
        driver.everything_before()
        again = connect(sandbox, "a")
        sandbox.clock.advance(5)
        assert again.everything_before() == []


def test_the_option_bookmark_shows_where_a_live_message_is_in_the_log(logging, connect):
    reader = connect(logging, "reader")
    reader.subscribe("^", "with", opts="bookmark")
    other = connect(logging, "other")
    other.subscribe("^", "without")
    driver = connect(logging, "a")
    for s, topic in enumerate(["orders", "not logged"], 1):
        driver.publish(topic, b'{"id":1}', s=s)
    driver.everything_before()
    told = reader.everything_before()
    assert [message.header.get("bm") for message in told] == [f"{A}|1|", None]
    assert not any("bm" in message for message in other.everything_before())


def test_a_filter_may_ask_for_the_bookmark(logging, connect):
    reader = connect(logging, "reader")
    reader.subscribe("Work", "1", filter=f"BOOKMARK() = '{A}|2|'")
    driver = connect(logging, "a")
    for s in (1, 2, 3):
        driver.publish("Work", b"%d" % s, s=s)
    driver.everything_before()
    assert [message.body for message in reader.everything_before()] == [b"2"]


def test_without_a_log_there_is_no_journal(amps_sandbox):
    with pytest.raises(ValueError, match="no transaction log"):
        amps_sandbox.journal()


def test_the_log_is_declared_in_a_configuration_too(connect):
    config = {
        "txlog": {"topics": ["orders"]},
        "acks": {"conflation": "0", "duplicate": "success"},
    }
    with Sandbox(config=config, txlog="^Work") as sandbox:
        driver = connect(sandbox, "a")
        for s, topic in enumerate(["orders", "Work", "orders2"], 1):
            driver.publish(topic, b"", s=s, a="persisted")
        assert persisted(driver, 3) == [(s, "success", None) for s in (1, 2, 3)]
        assert [entry.topic for entry in sandbox.journal()] == ["orders", "Work"]


@pytest.mark.parametrize(
    ("config", "arguments", "said"),
    [
        ({"txlog": {"topics": "orders"}}, {}, "topics: want a list"),
        ({"txlog": {"topic": ["orders"]}}, {}, "unknown key 'topic'"),
        ({"txlog": ["orders"]}, {}, "txlog: want a table"),
        ({}, {"txlog": ["a("]}, r"txlog: 'a\('"),
        ({}, {"txlog": [""]}, "txlog: ''"),
        ({}, {"txlog": [7]}, "txlog: 7"),
        ({"acks": {"conflation": "soon"}}, {}, "conflation 'soon'"),
        ({"acks": 5}, {}, "acks: want a table"),
        ({"acks": {"duplicate": "maybe"}}, {}, "duplicate 'maybe'"),
        ({}, {"duplicate_acks": "maybe"}, "duplicate 'maybe'"),
        ({}, {"ack_conflation": "-1s"}, "conflation '-1s'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(config, arguments, said):
    with pytest.raises(BadConfig, match=said):
        Sandbox(config=config, **arguments)


def test_the_log_knows_who_published(connect):
    with Sandbox(users=[User("jill", "1")], txlog=["t"]) as sandbox:
        driver = connect(sandbox, "a", user_id="jill", pw="1")
        driver.publish("t", b"", e=7)
        driver.everything_before()
        (entry,) = sandbox.journal()
        assert (entry.user, entry.expiration) == ("jill", 7)


class Follower:
    """Follows all entries; at the first one it may cause another."""

    def __init__(self, log, causes=()):
        self.log, self.causes, self.told = log, list(causes), []
        log.follow(self)

    def follows(self, _label):
        return True

    def tell(self, position):
        self.told.append(position)
        if self.causes:
            self.log.append(self.causes.pop(), (1, len(self.told) + 1), 0, b"")


def test_all_are_told_of_entries_in_their_order_even_if_telling_makes_more():
    log = Log([b"t"])
    label = log.label("json", b"t")
    followers = [Follower(log), Follower(log, [label, label]), Follower(log)]
    log.append(label, (1, 1), 0, b"")
    assert [one.told for one in followers] == [[0, 1, 2]] * 3
