"""Acks that come late, never, twice or in another order."""

import pytest

from amps_sandbox import Fault, Sandbox
from amps_sandbox.wire import encode

ALL = "received,processed,completed,stats,persisted"


def acks_of(messages):
    return [message["a"] for message in messages if message["c"] == "ack"]


def sequences(messages):
    return [message["s"] for message in messages]


@pytest.fixture(params=["system", "manual"])
def sandbox(request):
    with Sandbox(topics=["orders:/id"], clock=request.param) as running:
        yield running


def test_acks_of_one_type_come_late(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="publish", action="delay_ack", seconds=2, types=("persisted",)))
        driver = connect(sandbox, "a")
        driver.publish("t", b"", cid="1", s=1, a="processed,persisted")
        driver.publish("t", b"", cid="2", s=2, a="persisted")
        first, second = driver.everything_before()
        assert (first["a"], second["s"]) == ("processed", 2)
        sandbox.clock.advance(1.9)
        assert driver.everything_before() == []
        sandbox.clock.advance(0.1)
        assert driver.read_ack(a="persisted")["s"] == 1


def test_a_late_ack_of_the_systems_clock_comes_by_itself(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="ack:processed", action="delay_ack", seconds=0.05))
    driver = connect(amps_sandbox, "a")
    assert driver.everything_before() == []


def test_a_late_ack_for_who_has_left_harms_nobody(connect):
    with Sandbox(clock="manual") as sandbox:
        sandbox.faults.add(Fault(on="flush", action="delay_ack", seconds=1))
        driver = connect(sandbox, "a")
        driver.send({"c": "flush", "a": "processed"})
        driver.close()
        sandbox.wait_until(lambda: not sandbox.clients())
        sandbox.clock.advance(2)
        assert connect(sandbox, "b").everything_before() == []


@pytest.mark.parametrize(
    ("on", "types", "left"),
    [
        ("publish", None, []),
        ("publish", ("persisted",), ["received", "processed", "completed", "stats"]),
        ("publish", ("received", "stats"), ["processed", "completed", "persisted"]),
        ("ack:completed", None, ["received", "processed", "stats", "persisted"]),
        ("subscribe", None, ["received", "processed", "completed", "stats", "persisted"]),
    ],
)
def test_acks_are_dropped_by_command_or_by_type(sandbox, connect, on, types, left):
    fault = Fault(on=on, action="drop_ack", types=types, count=0, client="a")
    sandbox.faults.add(fault)
    driver, other = connect(sandbox), connect(sandbox, "b")
    driver.log_on("a")
    for each, seen in ((driver, left), (other, ALL.split(","))):
        each.publish("orders", b'{"id":1}', cid="1", a=ALL)
        assert acks_of(each.everything_before()) == seen


def test_an_ack_comes_twice_byte_for_byte(sandbox, connect):
    sandbox.faults.add(Fault(on="ack:persisted", action="dup_ack", sequences=(2, 2)))
    driver = connect(sandbox, "a")
    for sequence in (1, 2, 3):
        driver.publish("t", b"", s=sequence, a="persisted")
    acks = driver.everything_before()
    assert sequences(acks) == [1, 2, 2, 3]
    assert acks[1].header_bytes == acks[2].header_bytes


def test_case_58_persisted_acks_are_shuffled_and_repeated(sandbox, connect):
    fault = sandbox.faults.add(Fault(on="publish", action="reorder_acks", n=4, count=2, seed=3))
    repeated = sandbox.faults.add(Fault(on="ack:persisted", action="dup_ack", after=8, count=1))
    driver = connect(sandbox, "a")
    for sequence in range(1, 11):
        driver.publish("t", b"", s=sequence, a="processed,persisted", cid=str(sequence))
    messages = driver.everything_before()
    got = sequences([message for message in messages if message["a"] == "persisted"])
    assert (sorted(got[:4]), sorted(got[4:8])) == ([1, 2, 3, 4], [5, 6, 7, 8])
    assert got[:4] != [1, 2, 3, 4] and got[4:8] != [5, 6, 7, 8]
    assert got[8:] == [9, 9, 10]
    assert acks_of(messages).count("processed") == 10
    assert (fault.hits, repeated.hits) == (2, 1)


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_acks_are_never_in_order(amps_sandbox, connect, seed):
    amps_sandbox.faults.add(Fault(on="publish", action="reorder_acks", n=2, seed=seed))
    driver = connect(amps_sandbox, "a")
    for sequence in (1, 2):
        driver.publish("t", b"", s=sequence, a="persisted")
    assert sequences(driver.everything_before()) == [2, 1]


def test_acks_that_wait_for_more_are_sent_when_the_fault_is_removed(sandbox, connect):
    fault = sandbox.faults.add(Fault(on="publish", action="reorder_acks", n=5))
    a, b = connect(sandbox, "a"), connect(sandbox, "b")
    for sequence in (1, 2):
        a.publish("t", b"", s=sequence, a="persisted")
    assert a.everything_before() == []
    b.publish("t", b"", s=9, a="persisted")
    assert sequences(b.everything_before()) == [9]
    sandbox.faults.remove(fault)
    assert sequences(a.everything_before()) == [1, 2]


def test_withheld_acks_meet_no_fault(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    amps_sandbox.withhold("persisted")
    fault = amps_sandbox.faults.add(Fault(on="ack:persisted", action="drop_ack"))
    driver.publish("t", b"", s=1, a="persisted")
    assert driver.everything_before() == []
    amps_sandbox.release()
    assert sequences(driver.everything_before()) == [1]
    assert fault.hits == 0


def test_an_ack_of_many_publishes_is_known_by_its_sequence(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    server = amps_sandbox._server
    fault = amps_sandbox.faults.add(Fault(on="publish", action="drop_ack", sequences=(5, 9)))
    for sequence in (4, 5):
        conflated = encode({"c": b"ack", "s": sequence, "a": b"persisted", "status": b"success"})
        server.run(lambda frame=conflated: server.peers[1].send_ack("persisted", frame))
    assert sequences(driver.everything_before()) == [4]
    assert fault.hits == 1
