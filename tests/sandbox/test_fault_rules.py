"""When faults strike: triggers, matches, counting, and what is refused."""

import re

import pytest

from amps_sandbox import Fault, Sandbox
from amps_sandbox.faults import ACTIONS, COMMANDS, TRIGGERS, parse_fault

from .driver import frame


def rejects(**more):
    return Fault(on="publish", action="reject", reason="no", **more)


def outcomes(driver, commands):
    """Which of some publishes failed."""
    return [
        driver.ask({"c": "p", "t": "t", "cid": "1", **command})["status"] == "failure"
        for command in commands
    ]


@pytest.mark.parametrize(
    ("counting", "expected"),
    [
        ({}, "x....."),
        ({"count": 2}, "xx...."),
        ({"count": 0}, "xxxxxx"),
        ({"after": 2}, "..x..."),
        ({"after": 1, "count": 3}, ".xxx.."),
        ({"after": 5, "count": 0}, ".....x"),
        ({"after": 6}, "......"),
        ({"probability": 0.0, "count": 0}, "......"),
        ({"probability": 1.0, "count": 0}, "xxxxxx"),
    ],
)
def test_it_skips_some_hits_and_strikes_so_many_times(amps_sandbox, connect, counting, expected):
    fault = amps_sandbox.faults.add(rejects(**counting))
    driver = connect(amps_sandbox, "a")
    failed = outcomes(driver, [{}] * 6)
    assert "".join("x" if one else "." for one in failed) == expected
    assert fault.hits == expected.count("x")


def test_chance_is_the_same_for_the_same_seed(connect):
    seen = []
    for seed in (7, 7, 8):
        with Sandbox() as sandbox:
            sandbox.faults.add(rejects(probability=0.5, count=0, seed=seed))
            seen.append(outcomes(connect(sandbox, "a"), [{}] * 40))
    assert seen[0] == seen[1] != seen[2]
    assert 10 < sum(seen[0]) < 30


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"client": "c1"}, [True, True, True]),
        ({"client": "c"}, [False] * 3),
        ({"client": "c[0-9]|x"}, [True] * 3),
        ({"topic": "t"}, [True, False, False]),
        ({"topic": "t.*"}, [True, True, False]),
        ({"sequences": (2, 5)}, [False, True, False]),
        ({"sequences": (6, 6), "topic": "other"}, [False, False, True]),
        ({"listener": 0}, [False] * 3),
        ({"listener": 1}, [True] * 3),
    ],
)
def test_only_what_matches_is_struck(connect, match, expected):
    with Sandbox(["127.0.0.1:0"] * 2) as sandbox:
        sandbox.faults.add(rejects(count=0, **match))
        driver = connect(sandbox, "c1", listener=1)
        commands = [{"t": "t", "s": 1}, {"t": "t2", "s": 2}, {"t": "other", "s": 6}]
        assert outcomes(driver, commands) == expected


def test_what_does_not_match_does_not_count(amps_sandbox, connect):
    amps_sandbox.faults.add(rejects(topic="b", after=1))
    driver = connect(amps_sandbox, "a")
    assert outcomes(driver, [{"t": "a"}, {"t": "b"}, {"t": "a"}, {"t": "b"}]) == [0, 0, 0, 1]


def test_a_removed_fault_strikes_no_more(amps_sandbox, connect):
    faults = amps_sandbox.faults
    first, second = faults.add(rejects(count=0)), faults.add(rejects(count=0, topic="u"))
    driver = connect(amps_sandbox, "a")
    assert outcomes(driver, [{}]) == [True]
    faults.remove(first)
    faults.remove(first)
    assert outcomes(driver, [{}, {"t": "u"}]) == [False, True]
    faults.clear()
    assert outcomes(driver, [{}, {"t": "u"}]) == [False, False]
    assert (first.hits, second.hits) == (1, 1)
    assert repr(first) == "<reject on publish, 1 hits>"


def test_several_faults_strike_together(amps_sandbox, connect):
    amps_sandbox.faults.add(Fault(on="flush", action="dup_ack"))
    amps_sandbox.faults.add(Fault(on="ack:processed", action="dup_ack", after=1))
    driver = connect(amps_sandbox, "a")
    driver.send({"c": "flush", "cid": "1", "a": "processed"})
    assert len(driver.everything_before()) == 3


def command(verb):
    header = {"c": verb, "cid": "1", "t": "orders", "sub_id": "1", "a": "processed"}
    more = {"heartbeat": {"opts": "beat"}, "sow_delete": {"filter": "1=1"}, "ack": {"bm": "1|1|"}}
    return {**header, **more.get(verb, {})}


@pytest.mark.parametrize("verb", sorted(COMMANDS - {"logon"}))
def test_each_command_is_a_trigger(connect, verb):
    with Sandbox(topics=["orders:/id"]) as sandbox:
        fault = sandbox.faults.add(Fault(on=verb, action="reject", reason="no"))
        driver = connect(sandbox, "a")
        assert driver.ask(command(verb))["reason"] == "no"
        assert fault.hits == 1


@pytest.mark.parametrize("size", [1, 4, 20, 68, 69])
def test_so_many_bytes_come_in_and_then_it_strikes(amps_sandbox, connect, size):
    driver = connect(amps_sandbox, "a")
    amps_sandbox.faults.add(Fault(on="bytes_in", action="drop", after=size))
    driver.socket.sendall(b"\0\0\0\0" * 17)
    if size > 68:
        assert amps_sandbox.clients()
        driver.socket.sendall(b"\0")
    assert driver.is_ended()


def test_frames_before_the_byte_are_obeyed_and_later_ones_not(amps_sandbox, connect):
    driver = connect(amps_sandbox, "a")
    one = b'{"c":"flush","cid":"1","a":"processed"}'
    size = 4 + len(one)
    amps_sandbox.faults.add(Fault(on="bytes_in", action="half_open", after=2 * size + 1))
    driver.socket.sendall((size - 4).to_bytes(4, "big").join([b"", one, one, one]))
    for _ in range(2):
        driver.read_ack(cid="1")
    assert len(amps_sandbox.received("flush")) == 2


@pytest.mark.parametrize("size", [1, 5, 61, 62, 100])
@pytest.mark.parametrize("action", ["drop", "reset", "half_open", "kill_engine"])
def test_so_many_bytes_go_out_and_then_it_strikes(amps_sandbox, connect, size, action):
    driver, other = connect(amps_sandbox, "a"), connect(amps_sandbox, "b")
    fault = Fault(on="bytes_out", action=action, after=size, client="a")
    active = amps_sandbox.faults.add(fault)
    driver.socket.sendall(frame({"c": "flush", "cid": "1", "a": "processed"}) * 3)
    assert len(driver.file.read(size)) == size
    amps_sandbox.wait_until(lambda: active.hits)
    if action == "half_open":
        driver.socket.settimeout(0.1)
        with pytest.raises(OSError, match="timed out"):
            driver.socket.recv(1)
    else:
        assert driver.is_ended()
    if action == "kill_engine":
        assert other.is_ended()
    else:
        assert other.everything_before() == []


def test_bytes_are_counted_for_each_connection(amps_sandbox, connect):
    fault = amps_sandbox.faults.add(Fault(on="bytes_in", action="drop", after=200, count=2))
    drivers = [connect(amps_sandbox, name) for name in "abc"]
    for driver in drivers[:2]:
        driver.socket.sendall(b"\0" * 200)
        assert driver.is_ended()
    drivers[2].socket.sendall(b"\0" * 200)
    assert drivers[2].everything_before() == []
    assert fault.hits == 2


def test_time_strikes_again_and_again(connect):
    with Sandbox(clock="manual") as sandbox:
        connect(sandbox, "stays")
        fault = Fault(on="time", action="drop", after=1.5, count=2, client="goes")
        active = sandbox.faults.add(fault)
        for round_ in (1, 2, 3):
            driver = connect(sandbox, "goes")
            sandbox.clock.advance(1.5)
            assert active.hits == min(round_, 2)
            assert round_ == 3 or driver.is_ended()
        assert len(sandbox.clients()) == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"on": "publsh"}, "unknown trigger 'publsh': want one of ack, ack:completed"),
        ({"on": "ack:procesed"}, "unknown trigger"),
        ({"on": None}, "unknown trigger None"),
        ({"action": "explode"}, "unknown action 'explode': want one of bad_batch"),
        ({"action": "refuse_logon"}, "refuse_logon cannot happen on publish: want one of logon"),
        ({"on": "connect", "action": "reject"}, "reject cannot happen on connect"),
        ({"on": "bytes_out", "action": "garbage"}, "garbage cannot happen on bytes_out"),
        ({"action": "stall"}, "stall needs seconds"),
        ({"action": "reject"}, "reject needs reason"),
        ({"action": "reject", "reason": ""}, "reason '': want a text"),
        ({"action": "garbage", "kind": "rude"}, "unknown kind 'rude'"),
        ({"on": "sow", "action": "bad_batch", "kind": "random"}, "unknown kind 'random'"),
        ({"seconds": 3}, "drop has no seconds"),
        ({"n": 3}, "drop has no n"),
        ({"after_bytes": -1}, "after_bytes -1: want a whole number from 0"),
        ({"after_bytes": True}, "after_bytes True"),
        ({"after": -1}, "after -1"),
        ({"after": 1.5}, "after 1.5: want a whole number"),
        ({"count": -1}, "count -1"),
        ({"count": 1.0}, "count 1.0"),
        ({"probability": 1.5}, "probability 1.5: want a number from 0 to 1"),
        ({"probability": float("nan")}, "probability nan"),
        ({"probability": "1"}, "probability '1'"),
        ({"seed": "x"}, "seed 'x'"),
        ({"client": "("}, "client '(' is no regex"),
        ({"client": b"a"}, "client b'a' is no regex"),
        ({"topic": "["}, "topic '[' is no regex"),
        ({"listener": -1}, "listener -1"),
        ({"sequences": (5, 2)}, "sequences: last 2"),
        ({"sequences": 5}, "sequences 5: want the first and the last"),
        ({"sequences": (1, 2, 3)}, "want the first and the last"),
        ({"on": "connect", "client": "a"}, "connect has no client to match"),
        ({"on": "bytes_in", "topic": "a"}, "bytes_in has no topic to match"),
        ({"on": "time"}, "time needs after"),
        ({"on": "time", "after": float("inf")}, "after inf"),
        ({"on": "time", "after": 1e-9}, "after 1e-09: want a number from 0.001"),
        ({"on": "time", "after": 1, "sequences": (1, 2)}, "time has no sequences"),
        ({"on": "time", "after": 1, "action": "kill_engine", "client": "a"}, "no single client"),
        ({"on": "time", "after": 1, "action": "kill_engine", "listener": 0}, "no single listener"),
        ({"action": "stall", "seconds": 0}, "seconds 0: want more"),
        ({"action": "stall", "seconds": -1}, "seconds -1: want a number from 0"),
        ({"action": "dribble", "bytes": 0, "seconds": 1}, "bytes 0"),
        ({"action": "slow_read", "bytes_per_s": 0}, "bytes_per_s 0"),
        ({"action": "drop_ack", "types": ("never",)}, "unknown ack type 'never'"),
        ({"action": "drop_ack", "types": ()}, "want a tuple of ack types"),
        ({"action": "drop_ack", "types": "stats"}, "want a tuple of ack types"),
        ({"on": "ack:stats", "action": "drop_ack", "types": ("stats",)}, "want no types"),
        ({"action": "reorder_acks", "n": 1}, "n 1: want a whole number from 2"),
        ({"on": "connect", "action": "refuse_connect", "seconds": 1}, "over at once"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(amps_sandbox, fields, said):
    fault = Fault(**{"on": "publish", "action": "drop", **fields})
    with pytest.raises(ValueError, match=re.escape(said)):
        amps_sandbox.faults.add(fault)
    assert not amps_sandbox.faults.triggers


def test_only_faults_can_be_added(amps_sandbox):
    with pytest.raises(ValueError, match="want a Fault"):
        amps_sandbox.faults.add("on=publish,action=drop")


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (
            "on=publish,action=drop,after_bytes=7,count=2",
            Fault("publish", "drop", after_bytes=7, count=2),
        ),
        (
            " on = p , action = reject , reason=[a, b],sequences=3",
            Fault("p", "reject", reason="a, b", sequences=(3, 3)),
        ),
        (
            "on=ack:persisted,action=delay_ack,seconds=500ms,client=c[12],probability=0.5,seed=-3",
            Fault(
                *("ack:persisted", "delay_ack"),
                seconds=0.5,
                client="c[12]",
                probability=0.5,
                seed=-3,
            ),
        ),
        (
            "on=publish,action=drop_ack,types=persisted|stats,topic=a.*,listener=1,sequences=1-9",
            Fault(
                *("publish", "drop_ack"),
                types=("persisted", "stats"),
                topic="a.*",
                listener=1,
                sequences=(1, 9),
            ),
        ),
        (
            "on=time,after=1m,action=clock_jump,seconds=-1h,count=0",
            Fault("time", "clock_jump", after=60.0, seconds=-3600.0, count=0),
        ),
    ],
)
def test_faults_of_the_command_line(spec, fault):
    assert parse_fault(spec) == fault


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "invalid fault ''"),
        ("publish", "invalid fault 'publish': want name=value"),
        ("on=publish,", "invalid fault ''"),
        ("on=,action=drop", "invalid fault 'on='"),
        ("on=publish", "says no action"),
        ("action=drop", "says no on"),
        ("on=publish,action=drop,on=sow", "on is there twice"),
        ("on=publish,action=drop,size=3", "unknown name 'size' in a fault"),
        ("on=publish,action=drop,count=many", "count 'many': want a whole number"),
        ("on=publish,action=drop,count=" + "9" * 5000, "want a whole number"),
        ("on=publish,action=stall,seconds=soon", "seconds 'soon': want a time"),
        ("on=publish,action=drop,probability=often", "probability 'often': want a number"),
        ("on=publish,action=drop,probability=nan", "probability nan"),
        ("on=publish,action=drop,sequences=1-", "sequences '': want a whole number"),
        ("on=connect,action=drop,client=a", "connect has no client"),
    ],
)
def test_bad_faults_of_the_command_line(spec, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_fault(spec)


def test_every_trigger_has_an_action_and_every_action_a_trigger():
    assert set.union(*(action.triggers for action in ACTIONS.values())) == TRIGGERS
    assert all(action.triggers for action in ACTIONS.values())
