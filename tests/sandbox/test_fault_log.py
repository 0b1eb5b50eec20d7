"""Faults that strike a sandbox with a transaction log: what was not acked may be lost, no more."""

import pytest

from amps_sandbox import Fault, Sandbox, View

TOTALS = View("totals", "orders", ["/g", "SUM(/n) AS /n"], ["/g"])


def bodies(entries):
    return [entry.body for entry in entries]


def order(number, n=1):
    return b'{"id":%d,"g":1,"n":%d}' % (number, n)


def publish(driver, *sequences, n=1):
    for sequence in sequences:
        driver.publish("orders", order(sequence % 3, n), s=sequence, a="persisted")


@pytest.fixture(params=["memory", "file"])
def sandbox(request, tmp_path):
    more = {"db": str(tmp_path / "sandbox.db")} if request.param == "file" else {}
    with Sandbox(
        topics=["orders:/id"], views=[TOTALS], txlog=["orders"], ack_conflation=0, **more
    ) as running:
        yield running


def lose(sandbox, driver, n):
    sandbox.faults.add(Fault(on="flush", action="lose_tail", n=n))
    driver.send({"c": "flush"})
    assert driver.is_ended()
    sandbox.restart()


@pytest.mark.parametrize(("n", "left"), [(1, 4), (3, 2), (100, 2)])
def test_only_what_nobody_was_told_of_is_lost(sandbox, connect, n, left):
    driver = connect(sandbox, "a")
    publish(driver, 1, 2)
    assert [ack["s"] for ack in driver.everything_before()] == [1, 2]
    sandbox.faults.add(Fault(on="ack:persisted", action="drop_ack", count=0))
    publish(driver, 3, 4, 5, n=10)
    assert driver.everything_before() == []
    lose(sandbox, driver, n)
    assert len(sandbox.journal("orders")) == left
    records = {0: (3, 10), 1: (1, 1), 2: (2, 1)}
    if left > 3:
        records[1] = (4, 10)
    if left == 2:
        del records[0]
    expected = [order(number, records[number][1]) for number in records]
    assert sorted(bodies(sandbox.sow("orders"))) == sorted(expected)
    (total,) = bodies(sandbox.sow("totals"))
    assert total == b'{"g":1,"n":%d}' % sum(n for _, n in records.values())
    assert connect(sandbox).log_on("a")["s"] == left


def test_case_60_what_was_lost_is_published_again_and_is_there_once(sandbox, connect):
    driver = connect(sandbox, "a")
    sandbox.faults.add(Fault(on="ack:persisted", action="drop_ack", sequences=(3, 9), count=0))
    publish(driver, 1, 2, 3, 4)
    assert [ack["s"] for ack in driver.everything_before()] == [1, 2]
    lose(sandbox, driver, 1)
    sandbox.faults.clear()
    again = connect(sandbox)
    mark = again.log_on("a")["s"]
    assert mark == 3
    publish(again, *range(1, 6))
    assert again.everything_before()[-1]["s"] == 5
    sequences = [entry.bookmark.split("|")[1] for entry in sandbox.journal("orders")]
    assert sequences == ["1", "2", "3", "4", "5"]


def test_a_deleted_record_comes_back_if_the_deletion_is_lost(sandbox, connect):
    driver = connect(sandbox, "a")
    publish(driver, 1)
    driver.everything_before()
    delete = {"c": "sow_delete", "cid": "1", "t": "orders", "filter": "1=1", "a": "processed"}
    driver.ask(delete)
    assert sandbox.sow("orders") == sandbox.sow("totals") == []
    lose(sandbox, driver, 9)
    assert bodies(sandbox.sow("orders")) == [order(1)]
    assert bodies(sandbox.sow("totals")) == [b'{"g":1,"n":1}']


def test_what_the_sandbox_itself_published_stays(sandbox, connect):
    driver = connect(sandbox, "a")
    sandbox.publish("orders", order(1))
    lose(sandbox, driver, 9)
    assert len(sandbox.journal("orders")) == 1


def test_an_ack_that_came_late_but_came_protects_its_message(sandbox, connect):
    driver = connect(sandbox, "a")
    sandbox.withhold("persisted")
    publish(driver, 1, 2)
    driver.everything_before()
    sandbox.release()
    assert [driver.read_ack(a="persisted")["s"] for _ in range(2)] == [1, 2]
    lose(sandbox, driver, 9)
    assert len(sandbox.journal("orders")) == 2


def test_what_waits_for_a_conflated_ack_may_be_lost(connect):
    with Sandbox(txlog=["orders"], ack_conflation="1s", clock="manual") as sandbox:
        driver = connect(sandbox, "a")
        publish(driver, 1, 2)
        assert driver.everything_before() == []
        sandbox.clock.advance(1)
        assert driver.read_ack(a="persisted")["s"] == 2
        publish(driver, 3, 4)
        assert driver.everything_before() == []
        lose(sandbox, driver, 9)
        assert len(sandbox.journal("orders")) == 2
        sandbox.faults.clear()
        again = connect(sandbox)
        assert again.log_on("a")["s"] == 2
        publish(again, 3)
        again.everything_before()
        assert len(sandbox.journal("orders")) == 3


def test_without_a_log_there_is_no_tail(amps_sandbox):
    with pytest.raises(ValueError, match="lose_tail needs a transaction log"):
        amps_sandbox.faults.add(Fault(on="flush", action="lose_tail", n=1))
    assert not amps_sandbox.faults.triggers


def test_deliveries_are_known_by_the_sequence_of_their_bookmark(sandbox, connect):
    a, b = connect(sandbox, "a"), connect(sandbox, "b")
    b.subscribe("orders", "1", bm="0")
    sandbox.faults.add(Fault(on="deliver", action="half_open", sequences=(3, 3), client="b"))
    publish(a, 1, 2, 3, 4)
    assert [b.read()["bm"].split("|")[1] for _ in range(2)] == ["1", "2"]
    a.everything_before()
    b.socket.settimeout(0.1)
    with pytest.raises(OSError, match="timed out"):
        b.socket.recv(1)


def test_an_engine_that_dies_in_a_replay_loses_nothing(sandbox, connect):
    a = connect(sandbox, "a")
    publish(a, *range(1, 21))
    a.everything_before()
    sandbox.faults.add(Fault(on="bytes_out", action="kill_engine", after=700, client="b"))
    b = connect(sandbox)
    b.send({"c": "logon", "mt": "json", "client_name": "b"})
    b.send({"c": "subscribe", "t": "orders", "sub_id": "1", "bm": "0"})
    assert len(b.file.read(700)) == 700 and b.is_ended()
    sandbox.restart()
    again = connect(sandbox, "b")
    again.subscribe("orders", "1", bm="0")
    assert [again.read()["bm"].split("|")[1] for _ in range(20)] == [str(n) for n in range(1, 21)]


def test_one_of_a_pair_gets_back_what_it_lost(connect):
    same = {"topics": ["orders:/id"], "txlog": ["orders"], "ack_conflation": 0}
    with Sandbox(**same) as first, Sandbox(**same, replica_of=first, lag="0") as second:
        driver = connect(first, "a")
        first.withhold("persisted")
        publish(driver, 1, 2, 3)
        second.wait_until(lambda: len(second.journal()) == 3)
        lose(first, driver, 2)
        first.wait_until(lambda: len(first.journal()) == 3)
        again = connect(first)
        assert again.log_on("a")["s"] == 3
        publish(again, 4)
        second.wait_until(lambda: len(second.journal()) == 4)
        assert [entry.sequence for entry in second.journal()] == [1, 2, 3, 4]
