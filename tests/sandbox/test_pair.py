"""Two sandboxes that share a log: what comes across, when, and what is left after crashes."""

import random

import pytest

from amps_sandbox import Sandbox
from amps_sandbox.logon import name_hash

from .driver import Driver
from .test_replay import replay, seen

A = name_hash(b"a")
SAME = {"topics": ["orders:/id"], "txlog": ["orders", "^t"], "ack_conflation": "0"}
SEED = 20261124


@pytest.fixture
def pair(request):
    """Starts two sandboxes as a pair, and stops them after the test."""
    started = []

    def made(lag="0", sync=False, **more):
        arguments = {**SAME, **more}
        first = Sandbox(**arguments).start()
        started.append(first)
        second = Sandbox(**arguments, replica_of=first, lag=lag, sync=sync).start()
        started.append(second)
        return first, second

    yield made
    for sandbox in reversed(started):
        sandbox.stop()


def publish(driver, *numbers, topic="t", **more):
    for number in numbers:
        driver.publish(topic, b'{"id":%d}' % number, s=number, **more)
    driver.everything_before()


def sequences(sandbox, client="a"):
    return [entry.sequence for entry in sandbox.journal() if entry.client == client]


def wait_for(sandbox, count):
    sandbox.wait_until(lambda: len(sandbox.journal()) >= count)


def content(sandbox):
    return [
        (one.bookmark, one.client, one.topic, one.kind, one.key, one.data, one.user, one.expiration)
        for one in sandbox.journal()
    ]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_what_is_published_at_one_comes_to_the_other(pair, connect, is_reversed):
    here, there = pair()[:: -1 if is_reversed else 1]
    reader = connect(there, "r")
    replay(reader, "0", topic="t|orders", acks="processed")
    driver = connect(here, "a", user_id="jill")
    driver.send({"c": "p", "t": "orders", "s": 1, "x": "corr", "e": 9}, b'{"id":1,"a":1}')
    driver.send({"c": "delta_publish", "t": "orders", "s": 2}, b'{"id":1,"b":2}')
    driver.send({"c": "p", "t": "orders", "s": 3}, b'{"id":2}')
    driver.send({"c": "p", "t": "orders"}, b'{"id":3}')
    driver.send({"c": "sow_delete", "t": "orders", "s": 4, "filter": "/id > 1"})
    publish(driver, 5, k="key")
    wait_for(there, 7)
    assert content(there) == content(here)
    assert [record.body for record in there.sow("orders")] == [b'{"id":1,"a":1,"b":2}']
    assert [record.key for record in there.sow("orders")] == [here.sow("orders")[0].key]
    assert [one["bm"] for one in reader.everything_before()] == [
        one.bookmark for one in here.journal() if one.kind == "publish"
    ]
    assert connect(there).log_on("a")["s"] == 5


def test_both_may_be_published_to_and_nothing_goes_round(pair, connect):
    first, second = pair()
    for start in range(1, 200, 20):
        for sandbox, name in ((first, "a"), (second, "b")):
            publish(connect(sandbox, name), *range(start, start + 20))
    for sandbox in (first, second):
        wait_for(sandbox, 400)
        assert sequences(sandbox, "a") == sequences(sandbox, "b") == list(range(1, 201))
    first.publish("t", "one"), second.publish("t", "two")
    for sandbox in (first, second):
        wait_for(sandbox, 402)
        assert len({entry.bookmark for entry in sandbox.journal()}) == 402


def test_it_comes_after_the_lag_and_not_before(pair, connect):
    first, second = pair(lag="5s", clock="manual")
    driver = connect(first, "a")
    publish(driver, 1)
    first.clock.advance(3)
    publish(driver, 2)
    first.clock.advance(1.9)
    assert second.journal() == []
    first.clock.advance(0.2)
    wait_for(second, 1)
    assert sequences(second) == [1]
    first.clock.advance(3)
    wait_for(second, 2)


def test_only_what_is_logged_comes_across(pair, connect):
    first, second = pair()
    reader = connect(second, "r")
    reader.subscribe("^", "1")
    publish(connect(first, "a"), 1, topic="other")
    publish(connect(first, "b"), 2)
    wait_for(second, 1)
    assert [message["t"] for message in reader.everything_before()] == ["t"]


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_lagging_peer_is_told_again_and_the_lost_one_catches_up(pair, connect, is_kept):
    first, second = pair(lag="5s", clock="manual")
    driver = connect(first, "a")
    publish(driver, 1, 2)
    first.clock.advance(5)
    wait_for(second, 2)
    second.clock.advance(5)
    publish(driver, 3, 4)
    first.kill()
    driver = connect(second)
    assert driver.log_on("a")["s"] == 2
    publish(driver, 3, 4, 5)
    first.restart(keep_data=is_kept)
    assert sequences(first) == sequences(second) == [1, 2, 3, 4, 5]
    assert connect(first).log_on("a")["s"] == 5


def test_an_asynchronous_pair_acks_at_once(pair, connect):
    first, second = pair(lag="5s", clock="manual")
    driver = connect(first, "a")
    driver.publish("t", b"", s=1, a="persisted")
    driver.read_ack(a="persisted", s=1)
    assert second.journal() == []


def test_a_synchronous_pair_acks_what_both_have(pair, connect):
    first, second = pair(lag="5s", sync=True, clock="manual")
    driver, reader, durable = (connect(first, name) for name in ("a", "r", "d"))
    replay(reader, "0", acks="processed,persisted")
    replay(durable, "0", acks="processed", opts="fully_durable")
    driver.publish("t", b"", s=1, a="persisted")
    driver.publish("/AMPS/x", b"", s=2, a="persisted")
    driver.publish("t", b"", cid="own", a="persisted")
    driver.send({"c": "flush", "cid": "f", "a": "processed,persisted"})
    driver.read_ack(a="processed", cid="f")
    assert len(seen(reader)) == 2 and seen(durable) == []
    first.clock.advance(5)
    driver.read_ack(a="persisted", s=1, status="success")
    driver.read_ack(a="persisted", s=2, status="failure")
    driver.read_ack(a="persisted", cid="own")
    driver.read_ack(a="persisted", cid="f")
    assert len(second.journal()) == 2
    first.wait_until(lambda: first.frames("r", "ack", "out")[-1].header["a"] == "persisted")
    assert reader.read_ack(a="persisted")["bm"] == first.journal()[1].bookmark
    assert len(seen(durable)) == 2


def test_nobody_waits_for_a_peer_that_is_down(pair, connect):
    first, second = pair(lag="5s", sync=True, clock="manual")
    driver = connect(first, "a")
    driver.publish("t", b"", s=1, a="persisted")
    driver.everything_before()
    second.kill()
    driver.read_ack(a="persisted", s=1)
    driver.publish("t", b"", s=2, a="persisted")
    driver.read_ack(a="persisted", s=2)
    second.restart()
    assert sequences(second) == [1, 2]
    driver.publish("t", b"", s=3, a="persisted")
    assert driver.everything_before() == []
    first.clock.advance(5)
    driver.read_ack(a="persisted", s=3)
    second.stop()
    driver.publish("t", b"", s=4, a="persisted")
    driver.read_ack(a="persisted", s=4)
    second.start()
    assert sequences(second) == [1, 2, 3, 4]


def test_a_first_that_is_down_when_its_replica_starts_catches_up_later(connect):
    first = Sandbox(**SAME)
    with Sandbox(**SAME, replica_of=first) as second:
        publish(connect(second, "a"), 1, 2)
        with first:
            assert sequences(first) == [1, 2]
            publish(connect(first, "a"), 3)
            wait_for(second, 3)


def test_a_replica_with_a_file_has_all_after_its_restart(connect, tmp_path):
    with Sandbox(**SAME) as first:
        second = Sandbox(**SAME, replica_of=first, lag=0, db=tmp_path / "db")
        publish(connect(first, "a"), 1, 2)
        with second:
            wait_for(second, 2)
            publish(connect(second, "b"), 1)
        publish(connect(first, "a"), 3)
        with second:
            assert sequences(second) == [1, 2, 3] and len(second.journal()) == 4
            assert len(first.journal()) == 4


def test_what_is_no_pair_is_refused(pair):
    first, second = pair()
    for other in (first, second):
        with pytest.raises(ValueError, match="a pair already"):
            Sandbox(**SAME, replica_of=other)
    with pytest.raises(ValueError, match="both need a transaction log"):
        Sandbox(txlog=["t"], replica_of=Sandbox())
    with pytest.raises(ValueError, match="both need a transaction log"):
        Sandbox(replica_of=Sandbox(txlog=["t"]))
    for lag in ("soon", -1, True):
        with pytest.raises(ValueError, match="want a time"):
            Sandbox(txlog=["t"], replica_of=Sandbox(txlog=["t"]), lag=lag)


class Publisher:
    """One that publishes to whichever sandbox is up, and keeps what was not acked."""

    def __init__(self, sandboxes):
        self.sandboxes = sandboxes
        self.driver = None
        self.at = 0
        self.acked = self.sent = 0

    def connect(self):
        if self.driver is not None:
            self.driver.close()
        for _ in range(2 * len(self.sandboxes)):
            self.at = (self.at + 1) % len(self.sandboxes)
            try:
                self.driver = Driver(self.sandboxes[self.at].host, self.sandboxes[self.at].port)
            except OSError:
                continue
            mark = self.driver.log_on("a", opts="ack_conflation=0")["s"]
            assert mark >= self.acked, "what was acked is lost"
            self.acked = mark
            for number in range(mark + 1, self.sent + 1):
                self.send(number)
            return
        raise AssertionError("nobody is up")

    def send(self, number):
        self.driver.publish("t", b"%d" % number, s=number, a="persisted")

    def publish(self, count):
        for _ in range(count):
            self.sent += 1
            try:
                self.send(self.sent)
            except OSError:
                self.connect()

    def wait_for_ack(self, number):
        while self.acked < number:
            try:
                message = self.driver.read()
            except OSError:
                message = None
            if message is None:
                self.connect()
            elif message["a"] == "persisted":
                self.acked = max(self.acked, message["s"])


def test_a_synchronous_pair_loses_nothing_while_either_crashes(pair):
    first, second = pair(lag="1ms", sync=True)
    rng = random.Random(SEED)
    publisher = Publisher([first, second])
    publisher.connect()
    for _ in range(30):
        publisher.publish(rng.randrange(1, 300))
        publisher.wait_for_ack(publisher.sent - rng.randrange(300))
        down = rng.choice([first, second])
        down.kill()
        publisher.publish(rng.randrange(300))
        down.restart(keep_data=rng.random() < 0.5)
    publisher.wait_for_ack(publisher.sent)
    publisher.driver.close()
    for sandbox in (first, second):
        sandbox.wait_until(lambda each=sandbox: len(each.journal()) >= publisher.sent)
        assert sequences(sandbox) == list(range(1, publisher.sent + 1)), f"seed {SEED}"
